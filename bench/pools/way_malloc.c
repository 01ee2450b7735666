/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "pools/pools.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stddef.h>

void way_open(uint64_t keep_bytes, uint64_t budget_bytes)
{
    (void)keep_bytes, (void)budget_bytes;
}

void way_close(void) {}

void way_prepare(const uint32_t counts[TYPES])
{
    (void)counts;
}

/* What each allocator has for it, with its thread's cache first; glibc's own if none of the others is here. */
void way_trim(void)
{
    void *found;

    if ((found = dlsym(RTLD_DEFAULT, "mallctl")) != NULL) {
        int (*control)(const char *, void *, size_t *, void *, size_t);
        *(void **)&control = found;
        must(control("thread.tcache.flush", NULL, NULL, NULL, 0) == 0, "no flush of jemalloc's");
        must(control("arena.4096.purge", NULL, NULL, NULL, 0) == 0, "no purge of jemalloc's");
    } else if ((found = dlsym(RTLD_DEFAULT, "mi_collect")) != NULL) {
        void (*collect)(_Bool);
        *(void **)&collect = found;
        collect(1);
    } else if ((found = dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory")) != NULL) {
        void (*release)(void);
        void *idle = dlsym(RTLD_DEFAULT, "MallocExtension_MarkThreadIdle");
        *(void **)&release = found;
        if (idle) {
            void (*mark_idle)(void);
            *(void **)&mark_idle = idle;
            mark_idle();
        }
        release();
    } else {
        malloc_trim(0);
    }
}
