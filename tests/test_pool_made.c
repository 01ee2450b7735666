/* SPDX-License-Identifier: MIT */
/* Pools with construct and destruct: when they run, and what they may call. */
#include "rig.h"

#define MANY 3000u
#define MAGIC UINT64_C(0x600d0b7ec7)

static ho_domain *domain;
static ho_arena *arena;
static ho_obj objs[MANY];

/* What the callbacks of a pool saw. */
struct seen {
    _Atomic(uint64_t) constructed, destructed;
};

/* Memory that is constructed says so, and what stands in it besides is its last user's. */
struct thing {
    uint64_t magic, uses;
};

static void construct(void *ptr, void *arg)
{
    struct thing *thing = ptr;
    struct seen *seen = arg;
    CHECK(thing->magic != MAGIC);
    *thing = (struct thing){.magic = MAGIC};
    seen->constructed++;
}

static void destruct(void *ptr, void *arg)
{
    struct thing *thing = ptr;
    struct seen *seen = arg;
    CHECK(thing->magic == MAGIC);
    thing->magic = 0;
    seen->destructed++;
}

/* Without construct: what was never acquired is zero. */
static void destruct_used(void *ptr, void *arg)
{
    const struct thing *thing = ptr;
    CHECK(thing->magic == 0 || thing->magic == MAGIC);
    if (thing->magic)
        destruct(ptr, arg);
}

static int open_arena(void **state)
{
    (void)state;
    domain = rig_domain();
    arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = 32u << 20));
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    CHECK(rig_arena_stats(arena).segments_held == 0);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    rig_destroy(domain);
    return 0;
}

static ho_pool *open_pool(uint32_t slot_bytes, struct seen *seen)
{
    return rig_pool(arena, POOL_OPTS(.slot_bytes = slot_bytes, .construct = construct,
                                     .destruct = destruct, .arg = seen));
}

static void acquire(ho_pool *pool, uint32_t count)
{
    uint32_t n;
    CHECK_STATUS(ho_pool_acquire_many(pool, objs, count, &n), HO_OK);
    for (uint32_t i = 0; i < count; i++) {
        struct thing *thing = objs[i].ptr;
        CHECK(thing->magic == MAGIC);
        thing->uses++;
    }
}

static void release(ho_pool *pool, uint32_t count)
{
    CHECK_STATUS(ho_pool_release_many(pool, objs, count, NULL), HO_OK);
}

/* Of objects that share pages, that lie across them, that have some of their own. */
static const uint32_t sizes[] = {16, 104, 3000, 5000, 9000};

static void an_object_stays_constructed_while_its_memory_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct seen seen = {0};
        ho_pool *pool = open_pool(sizes[i], &seen);
        uint64_t uses = 0;
        CHECK(seen.constructed == 0);
        for (int round = 0; round < 3; round++) {
            acquire(pool, MANY / 2);
            uses = ((struct thing *)objs[0].ptr)->uses > uses ? ((struct thing *)objs[0].ptr)->uses
                                                              : uses;
            release(pool, MANY / 2);
        }
        CHECK(uses > 1); /* what the last user left is there */
        CHECK(seen.constructed >= MANY / 2 && seen.constructed < MANY / 2 + 300);
        CHECK(seen.destructed == 0);
        CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
        CHECK(seen.destructed == seen.constructed);
    }
}

/* On a page that stays for an object that is out, or that was never used to its end. */
static uint64_t most_left(uint32_t slot_bytes)
{
    return 4096 / slot_bytes + 2;
}

static void destruct_runs_before_memory_goes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct seen seen = {0};
        ho_pool *pool = open_pool(sizes[i], &seen);
        uint64_t freed;
        for (int round = 0; round < 3; round++) {
            acquire(pool, MANY);
            ho_obj kept = objs[MANY / 2];
            objs[MANY / 2] = (ho_obj){0};
            CHECK_STATUS(ho_pool_trim(pool, 0, &freed), HO_OK);
            CHECK(seen.constructed - seen.destructed >= MANY);
            release(pool, MANY);
            CHECK_STATUS(ho_pool_trim(pool, 0, &freed), HO_OK);
            CHECK(freed > 0);
            uint64_t left = seen.constructed - seen.destructed;
            CHECK(left >= 1 && left <= 1 + 2 * most_left(sizes[i]));
            CHECK(((struct thing *)kept.ptr)->magic == MAGIC);
            CHECK_STATUS(ho_pool_release(pool, &kept), HO_OK);
            CHECK_STATUS(ho_pool_trim(pool, 0, &freed), HO_OK);
            CHECK(seen.constructed - seen.destructed <= most_left(sizes[i]));
        }
        CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
        CHECK(seen.constructed == seen.destructed);
    }
}

static void releases_destruct_what_they_give_back(void **state)
{
    (void)state;
    struct seen seen = {0};
    ho_pool *pool =
        rig_pool(arena, POOL_OPTS(.slot_bytes = 1000, .construct = construct, .destruct = destruct,
                                  .arg = &seen, .keep_bytes = 65536, .hold_ns = 1));
    acquire(pool, MANY);
    release(pool, MANY);
    uint64_t deadline = harness_now_ns() + (uint64_t)HARNESS_NEVER_NS;
    while (rig_pool_stats(pool).bytes_held > (1u << 20) && harness_now_ns() < deadline) {
        acquire(pool, 100); /* the clock's tick is 1 to 10 ms */
        release(pool, 100);
    }
    CHECK(seen.constructed - seen.destructed < 1200);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    CHECK(seen.constructed == seen.destructed);
}

static void a_prepared_burst_constructs_nothing(void **state)
{
    (void)state;
    struct seen seen = {0};
    ho_pool *pool = open_pool(40, &seen);
    CHECK_STATUS(ho_pool_prepare(pool, MANY, NULL), HO_OK);
    uint64_t prepared = seen.constructed;
    CHECK(prepared >= MANY);
    acquire(pool, MANY);
    CHECK(seen.constructed == prepared);
    release(pool, MANY);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    CHECK(seen.destructed == prepared);
}

static void either_may_be_missing(void **state)
{
    (void)state;
    struct seen seen = {0};
    ho_pool *pool =
        rig_pool(arena, POOL_OPTS(.slot_bytes = 16, .construct = construct, .arg = &seen));
    acquire(pool, MANY);
    release(pool, MANY);
    CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    acquire(pool, MANY); /* memory that went back is constructed again */
    CHECK(seen.constructed >= 2 * MANY - 300);
    release(pool, MANY);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    seen.constructed = 0;
    pool = rig_pool(arena, POOL_OPTS(.slot_bytes = 16, .destruct = destruct_used, .arg = &seen));
    for (uint32_t i = 0; i < MANY; i++) {
        ho_obj obj;
        CHECK_STATUS(ho_pool_acquire(pool, &obj), HO_OK);
        ((struct thing *)obj.ptr)->magic = MAGIC;
        objs[i] = obj;
    }
    release(pool, MANY);
    CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    CHECK(seen.destructed >= MANY - most_left(16));
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

/* ---- calls from inside */

static struct {
    ho_pool *own, *other;
    uint32_t calls;
} inside;

static void call_from_inside(void *ptr, void *arg)
{
    ho_obj obj, two[2];
    uint32_t n = 77;
    (void)ptr;
    (void)arg;
    if (inside.calls++)
        return;
    CHECK_STATUS(ho_pool_acquire(inside.own, &obj), HO_E_REENTRANT);
    CHECK(!obj.ptr && !obj.handle);
    CHECK_STATUS(ho_pool_acquire_many(inside.own, two, 2, &n), HO_E_REENTRANT);
    CHECK(n == 0);
    CHECK_STATUS(ho_pool_prepare(inside.own, 1, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_pool_trim(inside.own, 0, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_pool_close(inside.own, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_pool_close(inside.other, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_pool_acquire(inside.other, &obj), HO_OK);
    CHECK_STATUS(ho_pool_release(inside.other, &obj), HO_OK);
}

static void what_would_call_back_again_is_refused(void **state)
{
    (void)state;
    enum { FEW = 32 };
    ho_obj obj, rest[FEW - 1];
    uint32_t n;
    inside.other = rig_pool(arena, POOL_OPTS(.slot_bytes = 16));
    inside.own =
        rig_pool(arena, POOL_OPTS(.slot_bytes = 16, .objects_max = FEW,
                                  .construct = call_from_inside, .destruct = call_from_inside));
    inside.calls = 0;
    CHECK_STATUS(ho_pool_acquire(inside.own, &obj), HO_OK);
    CHECK(inside.calls > 0);
    CHECK_STATUS(ho_pool_acquire_many(inside.own, rest, FEW - 1, &n), HO_OK);
    CHECK_STATUS(ho_pool_release_many(inside.own, rest, FEW - 1, NULL), HO_OK);
    CHECK_STATUS(ho_pool_release(inside.own, &obj), HO_OK);
    inside.calls = 0;
    CHECK_STATUS(ho_pool_trim(inside.own, 0, NULL), HO_OK);
    CHECK(inside.calls > 0);
    CHECK_STATUS(ho_pool_acquire(inside.own, &obj), HO_OK);
    CHECK_STATUS(ho_pool_release(inside.own, &obj), HO_OK);
    CHECK_STATUS(ho_pool_close(inside.own, NULL), HO_OK);
    CHECK_STATUS(ho_pool_close(inside.other, NULL), HO_OK);
}

/* Each object of one pool takes one of the other, and the reverse: the second time round is refused. */
static int32_t second_round;

static void take_of(void *ptr, void *arg)
{
    ho_obj *part = ptr;
    ho_pool *const *from = arg;
    if (second_round != HO_OK)
        return;
    int32_t status = ho_pool_acquire(*from, part);
    if (status)
        second_round = status;
    else
        CHECK_STATUS(ho_pool_release(*from, part), HO_OK);
}

static void pools_that_construct_each_other_come_to_an_end(void **state)
{
    (void)state;
    ho_pool *pools[2];
    ho_obj obj;
    second_round = HO_OK;
    for (int i = 0; i < 2; i++)
        pools[i] = rig_pool(arena, POOL_OPTS(.slot_bytes = sizeof(ho_obj), .construct = take_of,
                                             .arg = &pools[!i]));
    CHECK_STATUS(ho_pool_acquire(pools[0], &obj), HO_OK);
    CHECK_STATUS(second_round, HO_E_REENTRANT);
    CHECK_STATUS(ho_pool_release(pools[0], &obj), HO_OK);
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(ho_pool_close(pools[i], NULL), HO_OK);
}

/* ---- threads */

#define THREADS 3u
#define ROUNDS 3000u

static ho_pool *shared;

static void use(void *arg)
{
    uint64_t seed = (uintptr_t)arg;
    ho_obj held[16] = {{0}};
    for (uint32_t n = 0; n < ROUNDS; n++) {
        ho_obj *obj = &held[rig_random(&seed) % 16];
        if (obj->ptr) {
            CHECK(((struct thing *)obj->ptr)->magic == MAGIC);
            CHECK_STATUS(ho_pool_release(shared, obj), HO_OK);
        } else {
            CHECK_STATUS(ho_pool_acquire(shared, obj), HO_OK);
            CHECK(((struct thing *)obj->ptr)->magic == MAGIC);
        }
        if (n % 32 == 0)
            CHECK_STATUS(ho_pool_trim(shared, 0, NULL), HO_OK);
    }
    CHECK_STATUS(ho_pool_release_many(shared, held, 16, NULL), HO_OK);
}

/* The callbacks check that none runs twice for the same object. */
static void threads_find_every_object_constructed(void **state)
{
    (void)state;
    struct seen seen = {0};
    harness_thread threads[THREADS];
    shared = open_pool(3000, &seen);
    for (uintptr_t t = 0; t < THREADS; t++)
        harness_start(&threads[t], use, (void *)(t + 1));
    for (uint32_t t = 0; t < THREADS; t++)
        harness_join(&threads[t]);
    CHECK_STATUS(ho_pool_close(shared, NULL), HO_OK);
    CHECK(seen.constructed == seen.destructed && seen.constructed > 0);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

static const struct CMUnitTest tests[] = {
    WITH_ARENA(an_object_stays_constructed_while_its_memory_stays),
    WITH_ARENA(destruct_runs_before_memory_goes_back),
    WITH_ARENA(releases_destruct_what_they_give_back),
    WITH_ARENA(a_prepared_burst_constructs_nothing),
    WITH_ARENA(either_may_be_missing),
    WITH_ARENA(what_would_call_back_again_is_refused),
    WITH_ARENA(pools_that_construct_each_other_come_to_an_end),
    WITH_ARENA(threads_find_every_object_constructed),
};

HO_TEST_MAIN(tests)
