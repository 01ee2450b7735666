/* SPDX-License-Identifier: MIT */
/* Pools: each refused call returns its status and changes nothing. */
#include "rig.h"

#include <sched.h>

static ho_domain *domain;
static ho_arena *arena;
static ho_pool *pool;
static ho_obj obj; /* acquired */

static int open_pool(void **state)
{
    (void)state;
    domain = rig_domain();
    arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = 1u << 20));
    pool = rig_pool(arena, POOL_OPTS(.slot_bytes = 40));
    CHECK_STATUS(ho_pool_acquire(pool, &obj), HO_OK);
    return 0;
}

/* The object is as live as before, and the only one. */
static int close_pool(void **state)
{
    (void)state;
    void *ptr;
    CHECK(rig_pool_stats(pool).live == 1);
    CHECK_STATUS(ho_pool_resolve(pool, obj.handle, &ptr), HO_OK);
    CHECK(ptr == obj.ptr);
    CHECK_STATUS(ho_pool_release(pool, &obj), HO_OK);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    rig_destroy(domain);
    return 0;
}

static int32_t try_open(void *ctx, const void *opts)
{
    ho_pool *made = (ho_pool *)(uintptr_t)1;
    (void)ctx;
    int32_t status = ho_pool_open(arena, opts, &made);
    if (status)
        CHECK(!made);
    else
        CHECK_STATUS(ho_pool_close(made, NULL), HO_OK);
    return status;
}

static void options_out_of_range(void **state)
{
    (void)state;
    const ho_pool_opts bad[] = {
        {.slot_bytes = 0},
        {.slot_bytes = (1u << 20) + 1}, /* above the budget */
        {.slot_bytes = UINT32_MAX},
        {.slot_bytes = 8, .align_bytes = 3},
        {.slot_bytes = 8, .align_bytes = 24},
        {.slot_bytes = 8, .align_bytes = 4},
        {.slot_bytes = 8, .align_bytes = 8192},
        {.slot_bytes = 8, .objects_max = 1u << 24},
        {.slot_bytes = 8, .hold_ns = UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ho_pool_opts opts = bad[i];
        opts.size = sizeof opts;
        CHECK_STATUS(try_open(NULL, &opts), HO_E_RANGE);
    }
    ho_pool_opts valid = {.size = sizeof valid, .slot_bytes = 8};
    rig_opts_case c = {.valid = &valid,
                       .size = sizeof valid,
                       .min = HO_POOL_OPTS_MIN,
                       .call = try_open,
                       .flags_at = offsetof(ho_pool_opts, flags),
                       .reserved_at = offsetof(ho_pool_opts, reserved0)};
    rig_check_opts(&c);
    CHECK_STATUS(try_open(NULL, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_pool_open(arena, &valid, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_arena_open(domain, ARENA_OPTS(.budget_bytes = 1), &(ho_arena *){NULL}),
                 HO_E_RANGE); /* no arena has a budget of nothing, so no pool has */
}

static void a_second_release(void **state)
{
    (void)state;
    ho_obj other, copy;
    CHECK_STATUS(ho_pool_acquire(pool, &other), HO_OK);
    copy = other;
    CHECK_STATUS(ho_pool_release(pool, &other), HO_OK);
    CHECK_STATUS(ho_pool_release(pool, &other), HO_OK); /* empty: nothing to do */
    ho_obj before = copy;
    CHECK_STATUS(ho_pool_release(pool, &copy), HO_E_STALE);
    CHECK(!memcmp(&copy, &before, sizeof copy));
    CHECK_STATUS(ho_pool_release_many(pool, &copy, 1, NULL), HO_E_STALE);
    CHECK(!memcmp(&copy, &before, sizeof copy));
}

static void a_stale_handle_of_memory_that_is_in_use_again(void **state)
{
    (void)state;
    ho_obj first, copy, again;
    void *ptr;
    CHECK_STATUS(ho_pool_acquire(pool, &first), HO_OK);
    copy = first;
    CHECK_STATUS(ho_pool_release(pool, &first), HO_OK);
    do
        CHECK_STATUS(ho_pool_acquire(pool, &again), HO_OK);
    while (again.ptr != copy.ptr);
    CHECK_STATUS(ho_pool_release(pool, &copy), HO_E_STALE);
    CHECK_STATUS(ho_pool_resolve(pool, copy.handle, &ptr), HO_E_STALE);
    CHECK_STATUS(ho_pool_resolve(pool, again.handle, &ptr), HO_OK);
    CHECK_STATUS(ho_pool_release(pool, &again), HO_OK);
}

static void a_foreign_pointer(void **state)
{
    (void)state;
    uint64_t mine;
    void *wrong[] = {&mine, NULL, (uint8_t *)obj.ptr + 1, (uint8_t *)obj.ptr + 40};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ho_obj bad = {.ptr = wrong[i], .handle = obj.handle};
        CHECK_STATUS(ho_pool_release(pool, &bad), HO_E_INVAL);
        CHECK(bad.handle == obj.handle);
        uint32_t n = 77;
        CHECK_STATUS(ho_pool_release_many(pool, &bad, 1, &n), HO_E_INVAL);
        CHECK(n == 0);
    }
}

static void a_handle_that_never_was(void **state)
{
    (void)state;
    void *ptr = &ptr;
    for (int bit = 0; bit < 64; bit++) { /* every flipped bit: generation, pool, index */
        ho_obj bad = {.ptr = obj.ptr, .handle = obj.handle ^ (uint64_t)1 << bit};
        CHECK_STATUS(ho_pool_resolve(pool, bad.handle, &ptr), HO_E_STALE);
        CHECK(!ptr);
        CHECK(ho_pool_release(pool, &bad) < 0);
    }
    CHECK_STATUS(ho_pool_resolve(pool, 0, &ptr), HO_E_STALE);
    CHECK_STATUS(ho_pool_resolve(pool, UINT64_MAX, &ptr), HO_E_STALE);
    ho_obj bad = {.ptr = obj.ptr, .handle = 0};
    CHECK_STATUS(ho_pool_release(pool, &bad), HO_E_STALE);
}

static void another_pools_object(void **state)
{
    (void)state;
    ho_pool *other = rig_pool(arena, POOL_OPTS(.slot_bytes = 40));
    ho_obj theirs;
    void *ptr;
    CHECK_STATUS(ho_pool_acquire(other, &theirs), HO_OK);
    CHECK_STATUS(ho_pool_release(pool, &theirs), HO_E_STALE);
    CHECK_STATUS(ho_pool_release(other, &obj), HO_E_STALE);
    CHECK_STATUS(ho_pool_resolve(pool, theirs.handle, &ptr), HO_E_STALE);
    CHECK_STATUS(ho_pool_resolve(other, obj.handle, &ptr), HO_E_STALE);
    CHECK_STATUS(ho_pool_release(other, &theirs), HO_OK);
    CHECK_STATUS(ho_pool_close(other, NULL), HO_OK);
}

static void null_and_no_handle(void **state)
{
    (void)state;
    uint64_t cursor = 0, handle;
    uint32_t n = 77;
    CHECK_STATUS(ho_pool_acquire(pool, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_pool_acquire_many(pool, NULL, 1, &n), HO_E_INVAL);
    CHECK(n == 0);
    CHECK_STATUS(ho_pool_acquire_many(pool, &(ho_obj){0}, 1, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_pool_release(pool, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_pool_release_many(pool, NULL, 1, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_pool_resolve(pool, obj.handle, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_pool_visit(pool, NULL, &handle, 1, &n), HO_E_INVAL);
    CHECK_STATUS(ho_pool_visit(pool, &cursor, NULL, 1, &n), HO_E_INVAL);
    CHECK_STATUS(ho_pool_visit(pool, &cursor, &handle, 1, NULL), HO_E_INVAL);
    cursor = (uint64_t)1 << 40;
    CHECK_STATUS(ho_pool_visit(pool, &cursor, &handle, 1, &n), HO_E_RANGE);
    CHECK_STATUS(ho_pool_stats_get(pool, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_pool_stats_get(pool, &(ho_pool_stats){.size = 8}), HO_E_SIZE);
    CHECK_STATUS(ho_pool_close(pool, &(ho_pool_leaks){.size = 8}), HO_E_SIZE);
    ho_pool *none[] = {NULL, (ho_pool *)arena, (ho_pool *)(uintptr_t)8};
    for (size_t i = 0; i < 3; i++) {
        ho_obj made = {.handle = 7}, kept = obj;
        CHECK_STATUS(ho_pool_acquire(none[i], &made), HO_E_HANDLE);
        CHECK(!made.handle);
        CHECK_STATUS(ho_pool_release(none[i], &kept), HO_E_HANDLE);
        CHECK(kept.handle == obj.handle);
        CHECK_STATUS(ho_pool_prepare(none[i], 1, NULL), HO_E_HANDLE);
        CHECK_STATUS(ho_pool_trim(none[i], 0, NULL), HO_E_HANDLE);
        CHECK_STATUS(ho_pool_close(none[i], NULL), HO_E_HANDLE);
    }
}

static void a_close_with_objects_out(void **state)
{
    (void)state;
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_E_BUSY);
    ho_obj more;
    CHECK_STATUS(ho_pool_acquire(pool, &more), HO_OK); /* it is as open as before */
    CHECK_STATUS(ho_pool_release(pool, &more), HO_OK);
}

static void handles_after_trim_and_reuse(void **state)
{
    (void)state;
    enum { N = 5000 };
    static ho_obj objs[N], copies[N];
    uint64_t freed;
    uint32_t n;
    void *ptr;
    for (int round = 0; round < 3; round++) {
        CHECK_STATUS(ho_pool_acquire_many(pool, objs, N, &n), HO_OK);
        memcpy(copies, objs, sizeof objs);
        CHECK_STATUS(ho_pool_release_many(pool, objs, N, &n), HO_OK);
        CHECK_STATUS(ho_pool_trim(pool, 0, &freed), HO_OK);
        CHECK(freed > (uint64_t)N * 40 / 2);
        for (int used = 0; used < 2; used++) { /* the memory is away, and then in use again */
            for (uint32_t i = 0; i < N; i++) {
                ho_obj stale = copies[i];
                CHECK_STATUS(ho_pool_resolve(pool, stale.handle, &ptr), HO_E_STALE);
                CHECK_STATUS(ho_pool_release(pool, &stale), HO_E_STALE);
            }
            if (!used)
                CHECK_STATUS(ho_pool_acquire_many(pool, objs, N, &n), HO_OK);
        }
        CHECK_STATUS(ho_pool_release_many(pool, objs, N, &n), HO_OK);
    }
}

/* Two threads release the same objects, one beside the other: of each, one of them is told that it did. */
#define RACED 256u
#define RACES 2000u
static struct {
    ho_obj objs[RACED];
    _Atomic(uint32_t) round, released, ended;
} race;

static void release_all_of(uint32_t round)
{
    ho_obj mine[RACED];
    uint32_t released = 0;
    for (uint32_t looks = 0; race.round != round; looks++)
        if (looks > 1000) /* one core for both, or a busy machine */
            sched_yield();
    memcpy(mine, race.objs, sizeof mine);
    for (uint32_t i = 0; i < RACED; i++) {
        int32_t status = ho_pool_release(pool, &mine[i]);
        CHECK(status == HO_OK || status == HO_E_STALE);
        released += status == HO_OK;
    }
    race.released += released;
    race.ended++;
}

static void release_too(void *arg)
{
    (void)arg;
    for (uint32_t round = 1; round <= RACES; round++)
        release_all_of(round);
}

static void releases_that_race(void **state)
{
    (void)state;
    harness_thread other;
    uint32_t n;
    race.round = 0;
    harness_start(&other, release_too, NULL);
    for (uint32_t round = 1; round <= RACES; round++) {
        CHECK_STATUS(ho_pool_acquire_many(pool, race.objs, RACED, &n), HO_OK);
        race.released = race.ended = 0;
        race.round = round;
        release_all_of(round);
        while (race.ended < 2)
            sched_yield();
        CHECK(race.released == RACED);
    }
    harness_join(&other);
}

#define WITH_POOL(test) cmocka_unit_test_setup_teardown(test, open_pool, close_pool)

static const struct CMUnitTest tests[] = {
    WITH_POOL(options_out_of_range),
    WITH_POOL(a_second_release),
    WITH_POOL(a_stale_handle_of_memory_that_is_in_use_again),
    WITH_POOL(a_foreign_pointer),
    WITH_POOL(a_handle_that_never_was),
    WITH_POOL(another_pools_object),
    WITH_POOL(null_and_no_handle),
    WITH_POOL(a_close_with_objects_out),
    WITH_POOL(handles_after_trim_and_reuse),
    WITH_POOL(releases_that_race),
};

HO_TEST_MAIN(tests)
