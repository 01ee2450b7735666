/* SPDX-License-Identifier: MIT */
/* Pools: what a burst left goes back before consumers sleep, without a release. */
#include "rig.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#define SLOT 104u
#define MANY 3000u
#define KEEP (64u << 10)
#define STEP (64u << 10)
#define HOLD_NS ((uint64_t)50 * 1000000)
#define HOUR_NS ((uint64_t)3600 * 1000000000)

static rig r;

/* How often the library looked whether it may take the domain's mutex. */
static uint32_t tried;

__attribute__((visibility("default"))) int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    int (*real)(pthread_mutex_t *);
    void *found = dlsym(RTLD_NEXT, "pthread_mutex_trylock");
    memcpy(&real, &found, sizeof real);
    tried++;
    return real(mutex);
}

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static uint64_t held(ho_pool *pool)
{
    return rig_pool_stats(pool).bytes_held;
}

/* A pool after a burst: much more than it is to keep is unused. */
static ho_pool *after_a_burst(const ho_pool_opts *opts)
{
    static ho_obj objs[MANY];
    uint32_t n;
    ho_pool *pool = rig_pool(r.arena, opts);
    for (int bursts = 0; held(pool) < MANY * SLOT / 2; bursts++) {
        CHECK(bursts < 1000); /* all so slow that the releases gave it back */
        CHECK_STATUS(ho_pool_acquire_many(pool, objs, MANY, &n), HO_OK);
        for (uint32_t i = 0; i < MANY; i++)
            CHECK_STATUS(ho_pool_release(pool, &objs[i]), HO_OK);
    }
    return pool;
}

/* Sleeps again and again, until the pool has `least` or a step goes beyond its bound. */
static void sleep_until(ho_consumer *consumer, ho_pool *pool, uint64_t least)
{
    uint64_t deadline = harness_now_ns() + (uint64_t)HARNESS_NEVER_NS;
    while (held(pool) > least && harness_now_ns() < deadline) {
        uint64_t before = held(pool);
        CHECK_STATUS(ho_wait(consumer, 1000000), HO_TIMEOUT);
        CHECK(before - held(pool) <= STEP);
    }
    CHECK(held(pool) <= least);
}

static void a_consumer_gives_back_a_step_before_it_sleeps(void **state)
{
    (void)state;
    ho_pool *pool =
        after_a_burst(POOL_OPTS(.slot_bytes = SLOT, .keep_bytes = KEEP, .hold_ns = HOLD_NS));
    sleep_until(r.consumer, pool, 2 * KEEP + 16384);
    for (int i = 0; i < 40; i++) /* longer than HOLD_NS */
        CHECK_STATUS(ho_wait(r.consumer, 5000000), HO_TIMEOUT);
    CHECK(held(pool) >= KEEP - 4096);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

static void memory_of_any_size_goes_back_as_well(void **state)
{
    (void)state;
    static void *ptrs[2 * MANY];
    for (uint32_t i = 0; i < 2 * MANY; i++)
        CHECK_STATUS(ho_alloc(r.arena, SLOT, 0, &ptrs[i]), HO_OK);
    for (uint32_t i = 0; i < 2 * MANY; i++)
        CHECK_STATUS(ho_free(r.arena, ptrs[i]), HO_OK);
    uint64_t deadline = harness_now_ns() + (uint64_t)HARNESS_NEVER_NS;
    while (rig_arena_stats(r.arena).alloc_bytes_held > 2 * KEEP && harness_now_ns() < deadline)
        CHECK_STATUS(ho_wait(r.consumer, 10000000), HO_TIMEOUT);
    CHECK(rig_arena_stats(r.arena).alloc_bytes_held <= 2 * KEEP);
}

static void shared_and_bound_consumers_do(void **state)
{
    (void)state;
    for (uint32_t consumers = 0; consumers < 2; consumers++) {
        ho_service *service;
        ho_consumer *consumer;
        CHECK_STATUS(ho_service_open(r.domain,
                                     &(ho_service_opts){.size = sizeof(ho_service_opts),
                                                        .partitions = 2,
                                                        .consumers = consumers},
                                     &service),
                     HO_OK);
        CHECK_STATUS(ho_consumer_open(service, NULL, &consumer), HO_OK);
        ho_pool *pool =
            after_a_burst(POOL_OPTS(.slot_bytes = SLOT, .keep_bytes = KEEP, .hold_ns = HOLD_NS));
        sleep_until(consumer, pool, 2 * KEEP + 16384);
        CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
        CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
    }
}

/* One pool whose time has not come does not hide another. */
static void each_pool_has_its_own_time(void **state)
{
    (void)state;
    ho_pool *late =
        after_a_burst(POOL_OPTS(.slot_bytes = SLOT, .keep_bytes = KEEP, .hold_ns = HOUR_NS));
    ho_pool *soon =
        after_a_burst(POOL_OPTS(.slot_bytes = SLOT, .keep_bytes = KEEP, .hold_ns = HOLD_NS));
    uint64_t before = held(late);
    sleep_until(r.consumer, soon, 2 * KEEP + 16384);
    CHECK(held(late) == before);
    CHECK_STATUS(ho_pool_close(late, NULL), HO_OK);
    CHECK_STATUS(ho_pool_close(soon, NULL), HO_OK);
}

static void a_sleep_before_the_time_has_come_takes_no_lock(void **state)
{
    (void)state;
    ho_pool *pool =
        after_a_burst(POOL_OPTS(.slot_bytes = SLOT, .keep_bytes = KEEP, .hold_ns = HOUR_NS));
    CHECK_STATUS(ho_wait(r.consumer, 1000), HO_TIMEOUT);
    uint32_t before = tried;
    for (int i = 0; i < 100; i++)
        CHECK_STATUS(ho_wait(r.consumer, 1000), HO_TIMEOUT);
    CHECK(tried == before);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

static void count(void *ptr, void *arg)
{
    (void)ptr;
    (*(uint32_t *)arg)++;
}

static void a_destructor_does_not_run_in_a_wait(void **state)
{
    (void)state;
    uint32_t calls = 0;
    ho_pool *pool = after_a_burst(POOL_OPTS(.slot_bytes = SLOT, .keep_bytes = KEEP,
                                            .hold_ns = HOLD_NS, .destruct = count, .arg = &calls));
    uint64_t before = held(pool);
    calls = 0;
    for (int i = 0; i < 40; i++) /* longer than HOLD_NS */
        CHECK_STATUS(ho_wait(r.consumer, 5000000), HO_TIMEOUT);
    CHECK(calls == 0 && held(pool) == before);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    CHECK(calls > 0);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_consumer_gives_back_a_step_before_it_sleeps),
    WITH_RIG(shared_and_bound_consumers_do),
    WITH_RIG(memory_of_any_size_goes_back_as_well),
    WITH_RIG(each_pool_has_its_own_time),
    WITH_RIG(a_sleep_before_the_time_has_come_takes_no_lock),
    WITH_RIG(a_destructor_does_not_run_in_a_wait),
};

HO_TEST_MAIN(tests)
