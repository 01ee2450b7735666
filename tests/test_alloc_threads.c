/* SPDX-License-Identifier: MIT */
/*
 * Memory of any size under threads that migrate between processors and are interrupted by signals
 * whose handlers allocate, too, while another thread trims. Each piece names its holder: one that
 * two threads hold is noticed at once.
 */
#define _GNU_SOURCE
#include "rig.h"

#include <sched.h>
#include <signal.h>

#define THREADS 4u
#define HELD 64u /* that a thread holds */
#define MAIL 256u
#define MOST 2000u /* bytes */

static ho_domain *domain;
static ho_arena *arena;
static _Atomic(uint32_t) stop;
static _Atomic(uint64_t) operations, interrupted;
static void *mail[MAIL]; /* on its way to another thread; NULL: nothing */
static uint64_t most_operations, least_interrupted;

/* At its beginning each has its size. */
static void mark(void *ptr, uint64_t bytes, uint8_t by)
{
    memset(ptr, by, bytes);
    memcpy(ptr, &bytes, sizeof bytes);
}

static uint64_t check_mark(const void *ptr, uint8_t by)
{
    const uint8_t *at = ptr;
    uint64_t bytes;
    memcpy(&bytes, ptr, sizeof bytes);
    CHECK(bytes >= 16 && bytes <= MOST + 16);
    for (uint64_t i = sizeof bytes; i < bytes; i++)
        CHECK(at[i] == by);
    return bytes;
}

static void *allocate(uint64_t random, uint8_t by)
{
    void *ptr;
    uint64_t bytes = 16 + random % MOST;
    int32_t status = ho_alloc(arena, bytes, 8, &ptr);
    CHECK(status == HO_OK || status == HO_FULL);
    if (!status)
        mark(ptr, bytes, by);
    return ptr;
}

static void give_back(void *ptr, uint8_t by)
{
    uint64_t bytes = check_mark(ptr, by);
    CHECK_STATUS(bytes % 2 ? ho_free(arena, ptr) : ho_free_sized(arena, ptr, bytes, 8), HO_OK);
}

static void on_signal(int number)
{
    void *ptr = allocate((uintptr_t)&number, 77);
    if (ptr)
        give_back(ptr, 77);
    interrupted++;
}

static void churn(void *arg)
{
    uint64_t seed = (uintptr_t)arg, n = 0;
    uint8_t by = (uint8_t)seed;
    void *held[HELD] = {NULL};
    for (; !stop; n++) {
        uint64_t random = rig_random(&seed);
        void **at = &held[random % HELD];
        if (!*at) {
            *at = allocate(random >> 20, by);
        } else if (random >> 32 & 15) {
            give_back(*at, by);
            *at = NULL;
        } else { /* leaves it to another thread, and frees what was left there before */
            uint32_t place = (uint32_t)(random >> 40) % MAIL;
            mark(*at, check_mark(*at, by), 99);
            void *theirs = __atomic_exchange_n(&mail[place], *at, __ATOMIC_ACQ_REL);
            *at = NULL;
            if (theirs)
                give_back(theirs, 99);
        }
        if (n % 1024 == 0 && (operations += 1024) >= most_operations &&
            interrupted >= least_interrupted)
            stop = 1;
    }
    for (uint32_t i = 0; i < HELD; i++)
        if (held[i])
            give_back(held[i], by);
}

/* Moves a thread to another processor, and sends it a signal. */
static void disturb(harness_thread *thread, const cpu_set_t *all, uint64_t *seed)
{
    cpu_set_t one;
    size_t cpu;
    do
        cpu = rig_random(seed) % CPU_SETSIZE;
    while (!CPU_ISSET(cpu, all));
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(pthread_setaffinity_np(thread->id, sizeof one, &one) == 0);
    CHECK(pthread_kill(thread->id, SIGUSR1) == 0);
}

static void run(uint32_t budget, uint64_t most, int trims)
{
    harness_thread threads[THREADS];
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    cpu_set_t all;
    uint64_t seed = 5;
    domain = rig_domain();
    arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = budget));
    CHECK(sigaction(SIGUSR1, &action, &before) == 0);
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    stop = 0;
    operations = interrupted = 0;
    most_operations = most;
    least_interrupted = 100;
    for (uint64_t i = 16; i < MOST + 16;
         i += 8) { /* a class is made under a mutex: not in a handler */
        void *ptr;
        CHECK_STATUS(ho_alloc(arena, i, 8, &ptr), HO_OK);
        CHECK_STATUS(ho_free(arena, ptr), HO_OK);
    }
    for (uintptr_t t = 0; t < THREADS; t++)
        harness_start(&threads[t], churn, (void *)(t + 1));
    for (uint64_t n = 0; !stop; n++) {
        disturb(&threads[n % THREADS], &all, &seed);
        if (trims && n % 16 == 0)
            CHECK_STATUS(ho_arena_trim(arena, 0, NULL), HO_OK);
    }
    for (uint32_t t = 0; t < THREADS; t++)
        harness_join(&threads[t]);
    CHECK(sigaction(SIGUSR1, &before, NULL) == 0);
    for (uint32_t i = 0; i < MAIL; i++)
        if (mail[i]) {
            give_back(mail[i], 99);
            mail[i] = NULL;
        }
    CHECK(rig_arena_stats(arena).allocs_out == 0);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    rig_destroy(domain);
}

#define QUICK (HARNESS_SANITIZED ? 200000 : 1000000)

static void no_memory_has_two_holders(void **state)
{
    (void)state;
    run(8u << 20, QUICK, 0);
}

static void the_same_while_it_is_trimmed(void **state)
{
    (void)state;
    run(8u << 20, QUICK / 4, 1);
}

static void the_same_while_the_budget_is_short(void **state)
{
    (void)state;
    run(1u << 20, QUICK / 4, 0);
}

/* 10^8 operations, when asked for: HANDOFF_SOAK_SECONDS. */
static void for_long(void **state)
{
    (void)state;
    if (rig_soak_seconds(0) > 0)
        run(4u << 20, 100000000, 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_memory_has_two_holders),
    cmocka_unit_test(the_same_while_it_is_trimmed),
    cmocka_unit_test(the_same_while_the_budget_is_short),
    cmocka_unit_test(for_long),
};

HO_TEST_MAIN(tests)
