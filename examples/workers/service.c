/* SPDX-License-Identifier: MIT */
/* The C side. */
#define _POSIX_C_SOURCE 200809L
#include "service.h"

#include <handoff/net_key.h>

#include <time.h>

void work_on(ho_buf *messages, uint32_t count, uint32_t work_us)
{
    const struct timespec work = {work_us / 1000000, work_us % 1000000 * 1000};
    (void)messages; /* your work reads and writes them */
    for (uint32_t i = 0; work_us && i < count; i++)
        nanosleep(&work, NULL);
}

void answer(ho_producer *to, ho_buf *messages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ho_net_answer(&messages[i], messages[i].value);
        while (ho_forward(to, &messages[i], 1, HO_MORE, NULL) == HO_FULL)
            continue; /* HO_POLICY_WAIT: it has already slept for wait_ns */
    }
    ho_flush(to);
}
