/* SPDX-License-Identifier: MIT */
/* The core's interface to the operating system: memory, futex, eventfd, clock, mutex. */
#ifndef HOI_OS_H
#define HOI_OS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "atomic.h"

/* A bug in the library, or overwritten memory: stop before worse happens. */
#define HOI_TRAP_IF(cond)                                                                          \
    do {                                                                                           \
        if (hoi_unlikely(cond))                                                                    \
            __builtin_trap();                                                                      \
    } while (0)

/* Reserves inaccessible address space that a forked child does not inherit. NULL when refused. */
void *hoi_os_reserve(size_t bytes);
/* Makes a page-aligned part of it readable and writable (initially zero). 0, or -1 when refused. */
int hoi_os_commit(void *ptr, size_t bytes);
/* Gives the memory behind committed pages back; the pages read as zero from then on. */
void hoi_os_discard(void *ptr, size_t bytes);
void hoi_os_release(void *ptr, size_t bytes);
/* Forbids huge pages: one would hold 2 MiB for a single object. */
void hoi_os_small_pages(void *ptr, size_t bytes);
/* Makes pages present without changing their contents. 0, or -1 when refused. */
int hoi_os_populate(void *ptr, size_t bytes);

/* One more than the highest processor number possible; 0: the kernel does not say. */
uint32_t hoi_os_cpus(void);
uint32_t hoi_os_cpu(void); /* where this thread runs, or just ran */
/* Registers this process for hoi_os_restart_sequences. 0, or -1 when the kernel can't. */
int hoi_os_restart_register(void);
/* Once it returns, no thread is in a restartable sequence that began before the call. */
void hoi_os_restart_sequences(void);

/* Zeroed memory on separate lines, for the library's objects. NULL when refused. */
void *hoi_os_alloc(size_t bytes);
void hoi_os_free(void *ptr, size_t bytes);

/* Makes these whole pages zero in a forked child. 0, or -1 when the kernel can't. */
int hoi_os_wipe_on_fork(void *ptr, size_t bytes);

/* Fills in random bytes from the kernel. 0, or -1 when refused. */
int hoi_os_random(void *ptr, size_t bytes);

int64_t hoi_os_now_ns(void); /* monotonic */
/* The same as of the kernel's last tick, 1 to 10 ms ago: never a system call, only a page read. */
int64_t hoi_os_tick_ns(void);

/* A timeout as a point in time; negative means forever. */
static inline int64_t hoi_os_deadline(int64_t timeout_ns)
{
    if (timeout_ns < 0)
        return INT64_MAX;
    int64_t now = hoi_os_now_ns();
    return timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

/* Sleeps while *word is `expected`, until woken or the deadline. Returns -1 when the deadline
 * has passed. */
int hoi_os_futex_wait(A_TYPE(uint32_t) * word, uint32_t expected, int64_t deadline_ns);
void hoi_os_futex_wake(A_TYPE(uint32_t) * word);
void hoi_os_sleep_ns(int64_t ns);

int hoi_os_eventfd(void);             /* non-blocking; -1 when refused */
void hoi_os_eventfd_write(int fd);    /* adds one */
uint64_t hoi_os_eventfd_read(int fd); /* takes all; 0 if there was nothing */
int hoi_os_eventfd_renew(int fd); /* puts another file behind this number; 0, or -1 when refused */
int hoi_os_dup(int fd);           /* close-on-exec; -1 when refused */
void hoi_os_close(int fd);

#endif
