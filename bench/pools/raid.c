/* SPDX-License-Identifier: MIT */
/*
 * Raids: 11,000 objects of 12 types come at once.
 *   raid, raid-written  beside 128 busy threads, which acquire and release objects of their own and release the raid's once it
 *                       is over; ns of an acquire, or of one and the writing of the object, over all raids but the first two
 *   prepared            one raid, acquired and written by one thread in a fresh process: ns in all, faults, system calls
 */
#define _GNU_SOURCE
#include "pools/pools.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUSY 128u
#define WARM 2u
#define CHUNK 64u
#define WORK 200

static way_obj objects[RAID];
static atomic_uint to_release, released; /* of the raid's objects: the next one, how many */
static atomic_int stop;

static void release_some(void)
{
    uint32_t from, end;

    if (atomic_load_explicit(&to_release, memory_order_relaxed) >= RAID)
        return;
    from = atomic_fetch_add_explicit(&to_release, CHUNK, memory_order_acquire);
    if (from >= RAID)
        return;
    end = from + CHUNK < RAID ? from + CHUNK : RAID;
    for (uint32_t i = from; i < end; i++)
        way_put(&objects[i], i % TYPES);
    atomic_fetch_add_explicit(&released, end - from, memory_order_release);
}

static void *busy(void *unused)
{
    way_obj mine = {0};

    (void)unused;
    for (uint32_t i = 0; !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
        way_get(&mine, i % TYPES);
        way_put(&mine, i % TYPES);
        release_some();
        for (volatile int work = 0; work < WORK; work++)
            ;
    }
    return NULL;
}

static void one_raid(double *sample, int written)
{
    for (uint32_t i = 0; i < RAID; i++) {
        const uint64_t from = tool_now_ns();
        way_get(&objects[i], i % TYPES);
        if (written)
            memset(objects[i].ptr, 1, sizes[i % TYPES]);
        sample[i] = (double)(tool_now_ns() - from);
    }
    atomic_store_explicit(&released, 0, memory_order_relaxed);
    atomic_store_explicit(&to_release, 0, memory_order_release);
    while (atomic_load_explicit(&released, memory_order_acquire) != RAID)
        usleep(1000);
}

void raid(struct json *json, const char *name, uint32_t times)
{
    static pthread_t crew[BUSY];
    const uint64_t count = (uint64_t)times * RAID;
    double *samples = calloc(count + RAID, sizeof *samples);

    must(samples != NULL, "no memory");
    way_open(KEEP_BYTES, BUDGET_BYTES);
    to_release = RAID;
    for (uint32_t i = 0; i < BUSY; i++)
        must(pthread_create(&crew[i], NULL, busy, NULL) == 0, "no thread");
    for (uint32_t i = 0; i < WARM + times; i++)
        one_raid(samples + (i < WARM ? count : (uint64_t)(i - WARM) * RAID),
                 strcmp(name, "written") == 0);
    stop = 1;
    for (uint32_t i = 0; i < BUSY; i++)
        pthread_join(crew[i], NULL);
    way_close();
    json_real(json, "p50_ns", at_share(samples, count, 0.5));
    json_real(json, "p999_ns", at_share(samples, count, 0.999));
    json_real(json, "p9999_ns", at_share(samples, count, 0.9999));
    free(samples);
}

/* Everything up to the raid; its code has run before. */
static void begin_prepared(void)
{
    uint32_t counts[TYPES] = {0};

    memset(objects, 0, sizeof objects);
    way_open(0, BUDGET_BYTES);
    for (uint32_t i = 0; i < TYPES; i++) {
        way_get(&objects[i], i);
        memset(objects[i].ptr, 1, sizes[i]);
        way_put(&objects[i], i);
    }
    for (uint32_t i = 0; i < RAID; i++)
        counts[i % TYPES]++;
    way_prepare(counts);
}

static void come(void)
{
    for (uint32_t i = 0; i < RAID; i++) {
        way_get(&objects[i], i % TYPES);
        memset(objects[i].ptr, 1, sizes[i % TYPES]);
    }
}

#define MARK SYS_getppid

/* In a child of its own, stopped at each system call: how many there are between two that mark the raid. */
static uint32_t count_calls(void)
{
    struct __ptrace_syscall_info info;
    uint32_t calls = 0, marks = 0;
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        must(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "no trace");
        raise(SIGSTOP);
        begin_prepared();
        syscall(MARK);
        come();
        syscall(MARK);
        _exit(0);
    }
    must(waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
             ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD) == 0 &&
             ptrace(PTRACE_SYSCALL, child, NULL, 0) == 0,
         "no trace");
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        const long size = ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info);
        if (size > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY) {
            calls += marks == 1 && info.entry.nr != MARK;
            marks += info.entry.nr == MARK;
        }
        must(ptrace(PTRACE_SYSCALL, child, NULL, 0) == 0, "no trace");
    }
    must(WIFEXITED(status) && WEXITSTATUS(status) == 0 && marks == 2, "no trace");
    return calls;
}

void prepared(struct json *json, const char *name, uint32_t times)
{
    struct rusage before, after;
    const uint32_t calls = count_calls();

    (void)name, (void)times;
    begin_prepared();
    getrusage(RUSAGE_SELF, &before);
    const uint64_t from = tool_now_ns();
    come();
    const uint64_t end = tool_now_ns();
    getrusage(RUSAGE_SELF, &after);
    for (uint32_t i = 0; i < RAID; i++)
        way_put(&objects[i], i % TYPES);
    way_close();
    json_real(json, "burst_ns", (double)(end - from));
    json_count(json, "faults", (uint64_t)(after.ru_minflt - before.ru_minflt));
    json_count(json, "calls", calls);
}
