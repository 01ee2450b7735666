/* SPDX-License-Identifier: MIT */
/* The release callback of test_unload.c, in a shared object. */
#include "handoff/handoff.h"

#include <sched.h>

__attribute__((visibility("default"))) void plugin_release(void *ctx, const ho_release_rec *recs,
                                                           uint32_t count);

void plugin_release(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    (void)recs;
    for (int i = 0; i < 3; i++)
        (void)sched_yield(); /* returns into this code */
    __atomic_fetch_add((uint64_t *)ctx, count, __ATOMIC_RELAXED);
}
