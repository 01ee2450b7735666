/* SPDX-License-Identifier: MIT */
/* The harness of every test: a main that fails on leaks, named statuses, threads, a barrier. */
#ifndef HANDOFF_TESTS_HARNESS_H
#define HANDOFF_TESTS_HARNESS_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handoff/status.h"

/* 1 in a build with the address or thread sanitizer: shadow memory hides mappings, and everything
 * is slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HARNESS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HARNESS_SANITIZED 1
#endif
#endif
#ifndef HARNESS_SANITIZED
#define HARNESS_SANITIZED 0
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* main for an array of CMUnitTest: fails if a test fails, or if the group leaves descriptors or
 * mappings behind. The leak sanitizer checks the heap. */
#define HO_TEST_MAIN(tests)                                                                        \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        (void)argc;                                                                                \
        harness_begin(argv);                                                                       \
        return harness_end(cmocka_run_group_tests(tests, NULL, NULL));                             \
    }

/* What works comes sooner on any machine; what waits so long is never told. */
#define HARNESS_NEVER_S 120
#define HARNESS_NEVER_NS (HARNESS_NEVER_S * INT64_C(1000000000))

/* Fails the test, with both names, unless the call returns the status. Works in any thread. Where
 * other threads run, it ends the process: they would go on beside the next test, or wait for ever. */
#define CHECK_STATUS(call, expected)                                                               \
    harness_check_status((call), (expected), #call, __FILE__, __LINE__)

/* Fails the test unless the condition holds: the same. */
#define CHECK(condition) harness_check(!!(condition), #condition, __FILE__, __LINE__)

typedef struct harness_thread {
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
} harness_thread;

/* Starts run(arg) on a thread; `thread` must not move until harness_join. */
void harness_start(harness_thread *thread, void (*run)(void *arg), void *arg);
void harness_join(harness_thread *thread);

/* A reusable barrier for `count` threads. */
typedef struct harness_barrier {
    pthread_barrier_t barrier;
} harness_barrier;

void harness_barrier_init(harness_barrier *barrier, unsigned count);
void harness_barrier_wait(harness_barrier *barrier);
void harness_barrier_destroy(harness_barrier *barrier);

/* Nanoseconds of a monotonic clock. */
uint64_t harness_now_ns(void);
void harness_sleep_ns(uint64_t ns);

/* Used by the macros above. */
void harness_begin(char **argv);
int harness_end(int failed_count);
void harness_check(int holds, const char *condition, const char *file, int line);
void harness_check_status(int32_t got, int32_t expected, const char *call, const char *file,
                          int line);

#ifdef __cplusplus
}
#endif

#endif
