/* SPDX-License-Identifier: MIT */
/*
 * Pools under threads that migrate between processors and are interrupted by signals whose handlers
 * use the pool, too, while another thread trims. Each object names its holder: one that two threads
 * hold is noticed at once.
 */
#define _GNU_SOURCE
#include "rig.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define THREADS 4u
#define HELD 64u /* that a thread holds */
#define MAIL 256u
#define SLOT 48u
#define MANY 24u

static ho_domain *domain;
static ho_pool *pool;
static _Atomic(uint32_t) stop;
static _Atomic(uint64_t) operations, interrupted;
static _Atomic(uint64_t)
    mail[MAIL]; /* handles of objects on their way to another thread; 0: none */
static uint64_t most_operations, least_interrupted;

static void mark(const ho_obj *obj, uint64_t by)
{
    uint64_t *words = obj->ptr;
    for (uint32_t i = 0; i < SLOT / 8; i++)
        words[i] = by ^ obj->handle;
}

static void check_mark(const ho_obj *obj, uint64_t by)
{
    const uint64_t *words = obj->ptr;
    for (uint32_t i = 0; i < SLOT / 8; i++)
        CHECK(words[i] == (by ^ obj->handle));
}

/* Leaves an object to another thread, and releases what was left there before, twice. */
static void exchange(uint32_t place, ho_obj *obj)
{
    void *ptr;
    mark(obj, place);
    uint64_t theirs = mail[place];
    while (!__atomic_compare_exchange_n((uint64_t *)&mail[place], &theirs, obj->handle, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
    *obj = (ho_obj){0};
    if (!theirs)
        return;
    CHECK_STATUS(ho_pool_resolve(pool, theirs, &ptr), HO_OK);
    ho_obj got = {.ptr = ptr, .handle = theirs}, again = got;
    check_mark(&got, place);
    CHECK_STATUS(ho_pool_release(pool, &got), HO_OK);
    CHECK_STATUS(ho_pool_release(pool, &again), HO_E_STALE);
}

static void use_many(uint64_t by)
{
    ho_obj many[MANY];
    uint32_t n;
    int32_t status = ho_pool_acquire_many(pool, many, MANY, &n);
    CHECK(status == HO_OK || status == HO_FULL);
    for (uint32_t i = 0; i < n; i++)
        mark(&many[i], by);
    for (uint32_t i = 0; i < n; i++)
        check_mark(&many[i], by);
    CHECK_STATUS(ho_pool_release_many(pool, many, MANY, NULL), HO_OK);
}

static void use_one(uint64_t by)
{
    ho_obj obj;
    int32_t status = ho_pool_acquire(pool, &obj);
    CHECK(status == HO_OK || status == HO_FULL);
    if (status)
        return;
    mark(&obj, by);
    check_mark(&obj, by);
    CHECK_STATUS(ho_pool_release(pool, &obj), HO_OK);
}

static void on_signal(int number)
{
    (void)number;
    use_one((uintptr_t)&number);
    interrupted++;
}

static void churn(void *arg)
{
    uint64_t seed = (uintptr_t)arg, by = seed << 32, n = 0;
    ho_obj held[HELD] = {{0}};
    for (; !stop; n++) {
        uint64_t random = rig_random(&seed);
        ho_obj *obj = &held[random % HELD];
        if (random >> 32 & 15) {
            if (!obj->ptr) {
                if (ho_pool_acquire(pool, obj) == HO_OK)
                    mark(obj, by);
            } else {
                check_mark(obj, by);
                CHECK_STATUS(ho_pool_release(pool, obj), HO_OK);
            }
        } else if (obj->ptr) {
            check_mark(obj, by);
            exchange((uint32_t)(random >> 40) % MAIL, obj);
        } else {
            use_many(by);
        }
        if (n % 1024 == 0 && (operations += 1024) >= most_operations &&
            interrupted >= least_interrupted)
            stop = 1;
    }
    for (uint32_t i = 0; i < HELD; i++)
        if (held[i].ptr) {
            check_mark(&held[i], by);
            CHECK_STATUS(ho_pool_release(pool, &held[i]), HO_OK);
        }
}

static void release_mail(void)
{
    for (uint32_t i = 0; i < MAIL; i++) {
        ho_obj obj = {.handle = mail[i]};
        if (!obj.handle)
            continue;
        CHECK_STATUS(ho_pool_resolve(pool, obj.handle, &obj.ptr), HO_OK);
        CHECK_STATUS(ho_pool_release(pool, &obj), HO_OK);
        mail[i] = 0;
    }
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

static void open_all(uint32_t objects_max)
{
    domain = rig_domain();
    ho_arena *arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = 1u << 20));
    pool = rig_pool(arena, POOL_OPTS(.slot_bytes = SLOT, .objects_max = objects_max,
                                     .keep_bytes = 4096, .hold_ns = 1));
}

static void close_all(void)
{
    ho_pool_leaks leaks = {.size = sizeof leaks};
    CHECK_STATUS(ho_pool_close(pool, &leaks), HO_OK);
    rig_destroy(domain);
}

static void run(uint32_t objects_max, uint64_t most, int trims)
{
    harness_thread threads[THREADS];
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    cpu_set_t all;
    uint64_t seed = 5;
    unsigned long moves = 0;
    open_all(objects_max);
    CHECK(sigaction(SIGUSR1, &action, &before) == 0);
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    stop = 0;
    operations = interrupted = 0;
    most_operations = most;
    least_interrupted = 100;
    for (uintptr_t t = 0; t < THREADS; t++)
        harness_start(&threads[t], churn, (void *)(t + 1));
    for (uint64_t n = 0; !stop; n++) {
        moves++;
        disturb(&threads[n % THREADS], &all, &seed);
        if (trims && n % 16 == 0)
            CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    }
    for (uint32_t t = 0; t < THREADS; t++)
        harness_join(&threads[t]);
    CHECK(sigaction(SIGUSR1, &before, NULL) == 0);
    release_mail();
    CHECK(rig_pool_stats(pool).live == 0);
    printf("%lu operations, %lu moves and signals, %lu of them handled\n",
           (unsigned long)operations, moves, (unsigned long)interrupted);
    close_all();
}

#define QUICK (HARNESS_SANITIZED ? 400000 : 2000000)

static void no_object_has_two_holders(void **state)
{
    (void)state;
    run(0, QUICK, 0);
}

static void the_same_while_memory_is_trimmed(void **state)
{
    (void)state;
    run(0, QUICK / 4, 1);
}

static void the_same_while_objects_are_short(void **state)
{
    (void)state;
    run(THREADS * HELD + MAIL + 8, QUICK / 4, 0);
}

/* What was released is all there again: nothing was lost on the way. */
static void every_object_can_be_acquired_afterwards(void **state)
{
    enum { ALL = THREADS * HELD + MAIL + 8 };
    static ho_obj objs[ALL + 1];
    uint32_t n;
    (void)state;
    harness_thread threads[THREADS];
    open_all(ALL);
    stop = 0;
    operations = 0;
    most_operations = QUICK / 4;
    least_interrupted = 0;
    for (uintptr_t t = 0; t < THREADS; t++)
        harness_start(&threads[t], churn, (void *)(t + 1));
    for (uint32_t t = 0; t < THREADS; t++)
        harness_join(&threads[t]);
    release_mail();
    CHECK_STATUS(ho_pool_acquire_many(pool, objs, ALL + 1, &n), HO_FULL);
    CHECK(n == ALL);
    CHECK_STATUS(ho_pool_release_many(pool, objs, ALL, NULL), HO_OK);
    close_all();
}

/* The kernel is not asked how many processors there may be: no file can be opened. */
static void objects_are_found_where_processors_are_not_known(void **state)
{
    (void)state;
    ho_obj objs[MANY];
    struct rlimit files, none = {0, 0};
    cpu_set_t all, last;
    size_t cpu = CPU_SETSIZE - 1, first = 0;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    while (!CPU_ISSET(cpu, &all))
        cpu--;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&last);
    CPU_SET(cpu, &last);
    CHECK(sched_setaffinity(0, sizeof last, &last) ==
          0); /* alone: so many does sysconf count then */
    domain = rig_domain();
    ho_arena *arena = rig_arena(domain, NULL);
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    none.rlim_max = files.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    pool = rig_pool(arena, POOL_OPTS(.slot_bytes = SLOT, .objects_max = MANY));
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < MANY;
             i++) /* on another processor those of this one are found, too */
            CHECK_STATUS(ho_pool_acquire(pool, &objs[i]), HO_OK);
        for (uint32_t i = 0; i < MANY; i++)
            CHECK_STATUS(ho_pool_release(pool, &objs[i]), HO_OK);
        CPU_ZERO(&last);
        CPU_SET(first, &last);
        CHECK(sched_setaffinity(0, sizeof last, &last) == 0);
    }
    CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    rig_destroy(domain);
}

/* 10^8 operations, when asked for: HANDOFF_SOAK_SECONDS. */
static void for_long(void **state)
{
    (void)state;
    if (rig_soak_seconds(0) > 0)
        run(0, 100000000, 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_object_has_two_holders),
    cmocka_unit_test(the_same_while_memory_is_trimmed),
    cmocka_unit_test(the_same_while_objects_are_short),
    cmocka_unit_test(every_object_can_be_acquired_afterwards),
    cmocka_unit_test(objects_are_found_where_processors_are_not_known),
    cmocka_unit_test(for_long),
};

HO_TEST_MAIN(tests)
