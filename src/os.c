/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define POSSIBLE_CPUS "/sys/devices/system/cpu/possible"

/* read, write, close and nanosleep are cancellation points in libc: a thread cancelled in one
 * would unwind out of the library with the domain's mutex locked, or lose a release. Bare system
 * calls are no cancellation points. A descriptor that a bare call closes was also opened by one:
 * otherwise the thread sanitizer reports a race with the number's next owner. */
#define RAW(name, ...) syscall(SYS_##name, __VA_ARGS__)

static void *map(size_t bytes, int prot, int flags)
{
    void *ptr = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return ptr == MAP_FAILED ? NULL : ptr;
}

void *hoi_os_reserve(size_t bytes)
{
    void *ptr = map(bytes, PROT_NONE, MAP_NORESERVE);
    if (ptr && madvise(ptr, bytes, MADV_DONTFORK)) {
        munmap(ptr, bytes);
        return NULL;
    }
    return ptr;
}

int hoi_os_commit(void *ptr, size_t bytes)
{
    return mprotect(ptr, bytes, PROT_READ | PROT_WRITE);
}

void hoi_os_discard(void *ptr, size_t bytes)
{
    (void)madvise(ptr, bytes, MADV_DONTNEED); /* if refused, it stays committed: harmless */
}

void hoi_os_release(void *ptr, size_t bytes)
{
    if (ptr)
        munmap(ptr, bytes);
}

void hoi_os_small_pages(void *ptr, size_t bytes)
{
    (void)madvise(ptr, bytes, MADV_NOHUGEPAGE); /* refused by kernels without huge pages */
}

int hoi_os_populate(void *ptr, size_t bytes)
{
    return madvise(ptr, bytes, MADV_POPULATE_WRITE);
}

void *hoi_os_alloc(size_t bytes)
{
    return map(bytes, PROT_READ | PROT_WRITE, 0);
}

void hoi_os_free(void *ptr, size_t bytes)
{
    if (ptr)
        munmap(ptr, bytes);
}

int hoi_os_wipe_on_fork(void *ptr, size_t bytes)
{
    return madvise(ptr, bytes, MADV_WIPEONFORK);
}

int hoi_os_random(void *ptr, size_t bytes)
{
    long n; /* up to 256 bytes come in one piece */
    while ((n = syscall(SYS_getrandom, ptr, bytes, 0)) == -1 && errno == EINTR)
        ;
    return n == (long)bytes ? 0 : -1;
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t hoi_os_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t hoi_os_tick_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC_COARSE);
}

static struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

int hoi_os_futex_wait(A_TYPE(uint32_t) * word, uint32_t expected, int64_t deadline_ns)
{
    struct timespec ts = timespec_of(deadline_ns);
    /* The BITSET form takes an absolute time, so a spurious wake-up does not extend the timeout. */
    long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                     deadline_ns == INT64_MAX ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);
    return r == -1 && errno == ETIMEDOUT ? -1 : 0;
}

void hoi_os_futex_wake(A_TYPE(uint32_t) * word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

void hoi_os_sleep_ns(int64_t ns)
{
    struct timespec ts = timespec_of(ns);
    (void)RAW(nanosleep, &ts, NULL);
}

int hoi_os_eventfd(void)
{
    return (int)RAW(eventfd2, 0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void hoi_os_eventfd_write(int fd)
{
    uint64_t one = 1;
    while (RAW(write, fd, &one, sizeof one) == -1 && errno == EINTR)
        ;
}

uint64_t hoi_os_eventfd_read(int fd)
{
    uint64_t sum;
    long n;
    while ((n = RAW(read, fd, &sum, sizeof sum)) == -1 && errno == EINTR)
        ;
    return n == (long)sizeof sum ? sum : 0;
}

int hoi_os_eventfd_renew(int fd)
{
    int new_fd = hoi_os_eventfd();
    int moved = new_fd < 0 ? -1 : (int)RAW(dup3, new_fd, fd, O_CLOEXEC);
    hoi_os_close(new_fd);
    return moved < 0 ? -1 : 0;
}

int hoi_os_dup(int fd)
{
    return (int)RAW(fcntl, fd, F_DUPFD_CLOEXEC, 0);
}

void hoi_os_close(int fd)
{
    if (fd >= 0)
        (void)RAW(close, fd);
}

/* The kernel's list looks like "0-3,8-11": the last number is the highest. */
uint32_t hoi_os_cpus(void)
{
    char text[256];
    uint32_t last = 0, digits = 0;
    long fd = RAW(openat, AT_FDCWD, POSSIBLE_CPUS, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? 0 : RAW(read, fd, text, sizeof text);
    if (fd >= 0)
        hoi_os_close((int)fd);
    for (long i = 0; i < n; i++)
        if (text[i] >= '0' && text[i] <= '9')
            last = (digits++ ? last * 10 : 0) + (uint32_t)(text[i] - '0');
        else
            digits = 0;
    return n > 0 ? last + 1 : 0;
}

uint32_t hoi_os_cpu(void)
{
    int cpu = sched_getcpu();
    return cpu < 0 ? 0 : (uint32_t)cpu;
}

int hoi_os_restart_register(void)
{
    return (int)RAW(membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
}

void hoi_os_restart_sequences(void)
{
    /* Registration succeeded, so the kernel supports it. If it failed, two threads could use one
     * object. */
    HOI_TRAP_IF(RAW(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
}
