/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "handoff/handoff.h"

/* Mappings may grow by this much: the C library loads some libraries when first needed. */
#define SLACK_BYTES (1024u * 1024u)
#define FDS_MAX 1024

static struct {
    pthread_t main_thread;
    uint64_t mapped_bytes;
    unsigned threads;
    char open[FDS_MAX];
} before;

/* Those of a sanitizer too. */
static unsigned count_threads(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/task");
    if (dir == NULL) {
        perror("harness: /proc/self/task can't be read: mount /proc");
        exit(1);
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void mark_open_fds(char open[FDS_MAX])
{
    memset(open, 0, FDS_MAX);
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        perror("harness: /proc/self/fd can't be read: mount /proc");
        exit(1);
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd < FDS_MAX)
            open[fd] = 1;
    }
    closedir(dir);
}

/* All mappings except the heap, whose size is the allocator's business. */
static uint64_t mapped_bytes(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL) {
        perror("harness: /proc/self/maps can't be read: mount /proc");
        exit(1);
    }
    char line[4096];
    uint64_t sum = 0;
    while (fgets(line, sizeof line, maps) != NULL) {
        uint64_t first, last;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64, &first, &last) == 2 &&
            strstr(line, "[heap]") == NULL)
            sum += last - first;
    }
    fclose(maps);
    return sum;
}

void harness_begin(char **argv)
{
    /* The C library caches the stacks and heaps of finished threads, which would look like leaks.
     * It reads this switch only at process start. */
    if (getenv("GLIBC_TUNABLES") == NULL) {
        setenv("GLIBC_TUNABLES", "glibc.pthread.stack_cache_size=0:glibc.malloc.arena_max=1", 1);
        execv("/proc/self/exe", argv);
        perror("harness: the test can't start itself again");
        exit(1);
    }
    before.main_thread = pthread_self();
    before.threads = count_threads();
    mark_open_fds(before.open);
    before.mapped_bytes = mapped_bytes();
}

int harness_end(int failed_count)
{
    char open[FDS_MAX];
    int leaks = 0;
    mark_open_fds(open);
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (open[fd] && !before.open[fd]) {
            char link[64], target[256] = "?";
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
            if (readlink(link, target, sizeof target - 1) < 0)
                target[0] = '?';
            fprintf(stderr, "harness: descriptor %d was left open: %s\n", fd, target);
            leaks++;
        }
    }
    uint64_t mapped = mapped_bytes();
    if (!HARNESS_SANITIZED && mapped > before.mapped_bytes + SLACK_BYTES) {
        fprintf(stderr, "harness: %" PRIu64 " bytes were left mapped\n",
                mapped - before.mapped_bytes);
        leaks++;
    }
    return failed_count != 0 || leaks != 0;
}

static void fail_here(const char *file, int line)
{
    if (pthread_equal(pthread_self(), before.main_thread) && count_threads() <= before.threads)
        _fail(file, line);
    fflush(stdout); /* which test it is */
    fprintf(stderr, "%s:%d: failed where other threads run\n", file, line);
    abort();
}

void harness_check(int holds, const char *condition, const char *file, int line)
{
    if (holds)
        return;
    print_error("%s does not hold\n", condition);
    fail_here(file, line);
}

void harness_check_status(int32_t got, int32_t expected, const char *call, const char *file,
                          int line)
{
    if (got == expected)
        return;
    const char *got_name, *expected_name;
    ho_strerror(got, &got_name, NULL);
    ho_strerror(expected, &expected_name, NULL);
    print_error("%s: %s (%" PRId32 "), expected %s\n", call, got_name, got, expected_name);
    fail_here(file, line);
}

static void *thread_main(void *arg)
{
    harness_thread *thread = arg;
    thread->run(thread->arg);
    return NULL;
}

void harness_start(harness_thread *thread, void (*run)(void *arg), void *arg)
{
    thread->run = run;
    thread->arg = arg;
    CHECK(pthread_create(&thread->id, NULL, thread_main, thread) == 0);
}

void harness_join(harness_thread *thread)
{
    CHECK(pthread_join(thread->id, NULL) == 0);
}

void harness_barrier_init(harness_barrier *barrier, unsigned count)
{
    CHECK(pthread_barrier_init(&barrier->barrier, NULL, count) == 0);
}

void harness_barrier_wait(harness_barrier *barrier)
{
    int status = pthread_barrier_wait(&barrier->barrier);
    CHECK(status == 0 || status == PTHREAD_BARRIER_SERIAL_THREAD);
}

void harness_barrier_destroy(harness_barrier *barrier)
{
    CHECK(pthread_barrier_destroy(&barrier->barrier) == 0);
}

uint64_t harness_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void harness_sleep_ns(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u),
                            .tv_nsec = (long)(ns % 1000000000u)};
    while (nanosleep(&left, &left) != 0)
        ;
}
