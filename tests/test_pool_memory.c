/* SPDX-License-Identifier: MIT */
/* Pools: the budget, memory that goes back, memory that is present before a burst. */
#define _GNU_SOURCE
#include "rig.h"

#include <sched.h>
#include <sys/mman.h>
#include <stdio.h>
#include <sys/resource.h>

#define BUDGET (4u << 20)
#define SLOT 100u /* 104 with its alignment */
#define MANY 20000u

static ho_domain *domain;
static ho_arena *arena;
static ho_obj objs[3 * MANY];

static int open_arena(void **state)
{
    (void)state;
    domain = rig_domain();
    arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = BUDGET));
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

static uint32_t acquire(ho_pool *pool, uint32_t count)
{
    uint32_t n;
    (void)ho_pool_acquire_many(pool, objs, count, &n);
    for (uint32_t i = 0; i < n; i++)
        memset(objs[i].ptr, 1, SLOT);
    return n;
}

static void release(ho_pool *pool, uint32_t n)
{
    CHECK_STATUS(ho_pool_release_many(pool, objs, n, NULL), HO_OK);
}

static void pools_and_segments_share_the_budget(void **state)
{
    (void)state;
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = SLOT)),
            *other = rig_pool(arena, POOL_OPTS(.slot_bytes = 16));
    ho_shard *shard = rig_shard(arena);
    ho_buf loans[BUDGET / RIG_SEGMENT + 1];
    uint32_t n = acquire(pool, 3 * MANY), taken = 0, more;
    CHECK(n < BUDGET / 104 && n > BUDGET / 110); /* little is lost: states, and less than a page */
    CHECK(rig_pool_stats(pool).bytes_held <= BUDGET);
    CHECK(rig_arena_stats(arena).segments_held == BUDGET / RIG_SEGMENT);
    CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT, NULL, &loans[0]), HO_FULL);
    ho_obj obj;
    CHECK_STATUS(ho_pool_acquire(other, &obj), HO_FULL);
    CHECK(rig_pool_stats(other).full == 1);
    release(pool, n);
    CHECK_STATUS(ho_pool_acquire(other, &obj),
                 HO_FULL); /* it keeps what it has, until it is trimmed */
    CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    CHECK_STATUS(ho_pool_acquire(other, &obj), HO_OK);
    while (ho_reserve(shard, RIG_SEGMENT, NULL, &loans[taken]) == HO_OK)
        taken++;
    CHECK(taken >= BUDGET / RIG_SEGMENT - 2);
    more = acquire(pool, MANY);
    CHECK(more <= RIG_SEGMENT / 104 && more > 0); /* of the segment that is begun */
    release(pool, more);
    for (uint32_t i = 0; i < taken; i++)
        CHECK_STATUS(ho_abort(shard, &loans[i], 1, NULL), HO_OK);
    CHECK(acquire(pool, MANY) == MANY); /* unused segments make way */
    release(pool, MANY);
    CHECK_STATUS(ho_pool_release(other, &obj), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_trim(arena, 0, NULL), HO_OK);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    CHECK_STATUS(ho_pool_close(other, NULL), HO_OK);
}

/* The bytes of the pages between two objects that are in memory. */
static uint64_t resident(const void *from, const void *end)
{
    uintptr_t first = (uintptr_t)from & ~(uintptr_t)4095;
    static unsigned char pages[BUDGET / 4096 + 2];
    size_t bytes = (uintptr_t)end - first, n = 0;
    CHECK(mincore((void *)first, bytes, pages) == 0);
    for (size_t i = 0; i < (bytes + 4095) / 4096; i++)
        n += pages[i] & 1;
    return n * 4096;
}

static void a_trim_gives_whole_pages_back(void **state)
{
    (void)state;
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = SLOT));
    CHECK(acquire(pool, MANY) == MANY);
    uint8_t *first = objs[0].ptr, *behind = first;
    for (uint32_t i = 0; i < MANY; i++) {
        first = (uint8_t *)objs[i].ptr < first ? objs[i].ptr : first;
        behind = (uint8_t *)objs[i].ptr > behind ? objs[i].ptr : behind;
    }
    uint64_t before = rig_pool_stats(pool).bytes_held, freed = 77;
    CHECK(HARNESS_SANITIZED || resident(first, behind) + 8192 >= (uint64_t)MANY * 104);
    CHECK_STATUS(ho_pool_trim(pool, 0, &freed), HO_OK);
    CHECK(freed <= 4096 * 2); /* all is in use */
    ho_obj kept = objs[MANY / 2];
    objs[MANY / 2] = (ho_obj){0};
    memset(kept.ptr, 0x5a, SLOT);
    release(pool, MANY);
    CHECK_STATUS(ho_pool_trim(pool, 1u << 20, &freed), HO_OK);
    CHECK(freed > before - (1u << 20) - 65536 && freed <= before - (1u << 20) + 4096);
    CHECK_STATUS(ho_pool_trim(pool, 0, &freed), HO_OK);
    ho_pool_stats stats = rig_pool_stats(pool);
    CHECK(stats.bytes_held <= 4 * 4096); /* the survivor's page or two, and one of states */
    CHECK(HARNESS_SANITIZED || resident(first, behind) <= 2 * 4096);
    CHECK(stats.bytes_trimmed == before - stats.bytes_held);
    for (uint32_t i = 0; i < SLOT; i++)
        CHECK(((uint8_t *)kept.ptr)[i] == 0x5a);
    CHECK(acquire(pool, MANY) == MANY);
    release(pool, MANY);
    CHECK_STATUS(ho_pool_release(pool, &kept), HO_OK);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

static void releases_give_back_what_is_above_the_mark_for_long(void **state)
{
    (void)state;
    for (int held = 0; held < 2; held++) {
        uint64_t hold_ns = held ? (uint64_t)3600 * 1000000000 : 1;
        ho_pool *pool = rig_pool(
            arena, POOL_OPTS(.slot_bytes = SLOT, .keep_bytes = 256u << 10, .hold_ns = hold_ns));
        CHECK(acquire(pool, MANY) == MANY);
        uint64_t before = rig_pool_stats(pool).bytes_held;
        release(pool, MANY);
        uint64_t deadline = harness_now_ns() + (uint64_t)HARNESS_NEVER_NS;
        do { /* the clock's tick is 1 to 10 ms */
            uint32_t n = acquire(pool, 200);
            release(pool, n);
        } while (!held && rig_pool_stats(pool).bytes_held > (400u << 10) &&
                 harness_now_ns() < deadline);
        uint64_t now = rig_pool_stats(pool).bytes_held;
        CHECK(held ? now == before : now <= (400u << 10) && now >= (256u << 10) - 65536);
        CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    }
}

static long faults(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
    return usage.ru_minflt + usage.ru_majflt;
}

/* To acquire so many, to write and to release them. */
static void has_no_faults(ho_pool *pool, size_t bytes, uint32_t count)
{
    uint32_t refused = 0;
    memset(objs, 0, sizeof objs);
    (void)faults();
    long before = faults();
    for (uint32_t i = 0; i < count; i++) {
        refused += ho_pool_acquire(pool, &objs[i]) != HO_OK;
        memset(objs[i].ptr, 1, bytes);
    }
    for (uint32_t i = 0; i < count; i++)
        refused += ho_pool_release(pool, &objs[i]) != HO_OK;
    long after = faults();
    CHECK(refused == 0);
    CHECK(HARNESS_SANITIZED || after == before);
}

static void a_prepared_burst_has_no_faults(void **state)
{
    (void)state;
    enum { BURST = 11000 };
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = SLOT));
    uint32_t n = 0;
    release(pool, acquire(pool, 1000)); /* the code is in memory */
    CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    for (int round = 0; round < 3; round++) {
        CHECK_STATUS(ho_pool_prepare(pool, BURST, &n), HO_OK);
        CHECK(n == BURST);
        has_no_faults(pool, SLOT, BURST);
        CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    }
    /* One of so many that a small part of its bookkeeping is in memory; none of it was ever used. */
    ho_pool *fresh = rig_pool(arena, POOL_OPTS(.slot_bytes = 8));
    CHECK_STATUS(ho_pool_prepare(fresh, BURST, &n), HO_OK);
    CHECK(n == BURST && rig_pool_stats(fresh).bytes_held >= (uint64_t)BURST * 8);
    has_no_faults(fresh, 8, BURST);
    CHECK_STATUS(ho_pool_close(fresh, NULL), HO_OK);
    CHECK_STATUS(ho_pool_prepare(pool, 3 * MANY, &n), HO_FULL); /* above the budget */
    CHECK(n > BUDGET / 110 && n < BUDGET / 104);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

static long anonymous_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        (void)sscanf(line, "Anonymous: %ld", &kib);
    CHECK(fclose(file) == 0 && kib >= 0);
    return kib;
}

/* What many released objects passed through goes back with them. */
static void a_trim_leaves_nothing_of_a_burst(void **state)
{
    (void)state;
    enum { BURST = 30000 };
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = 8));
    memset(objs, 0, sizeof objs);
    (void)anonymous_kib();
    long before = 0;
    for (uint32_t n = 1000; n <= BURST; n += BURST - 1000) {
        before = anonymous_kib();
        CHECK_STATUS(ho_pool_acquire_many(pool, objs, n, &n), HO_OK);
        release(pool, n);
        CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    }
    CHECK(HARNESS_SANITIZED || anonymous_kib() <= before + 32);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

/* Its bookkeeping is not a page for each part. */
static void a_small_pool_is_few_pages(void **state)
{
    (void)state;
    long fewest = 100;
    for (int round = 0; round < 3; round++) { /* the code is in memory from the second on */
        long before = faults();
        ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = SLOT, .objects_max = 2000));
        release(pool, acquire(pool, 30));
        long took = faults() - before;
        fewest = took < fewest ? took : fewest;
        CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    }
    CHECK(HARNESS_SANITIZED || fewest <= 5);
}

/* Objects that another processor's cache holds are found before HO_FULL is said. */
static void what_other_processors_cache_is_found(void **state)
{
    (void)state;
    enum { FEW = 30 };
    cpu_set_t all, one;
    uint32_t n;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = 8, .objects_max = FEW));
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all)) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
            CHECK_STATUS(ho_pool_acquire_many(pool, objs, FEW, &n), HO_OK);
            CHECK_STATUS(ho_pool_acquire(pool, &objs[FEW]), HO_FULL);
            for (uint32_t i = 0; i < FEW; i++)
                CHECK_STATUS(ho_pool_release(pool, &objs[i]), HO_OK);
        }
    CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

static const struct CMUnitTest tests[] = {
    WITH_ARENA(pools_and_segments_share_the_budget),
    WITH_ARENA(a_trim_gives_whole_pages_back),
    WITH_ARENA(releases_give_back_what_is_above_the_mark_for_long),
    WITH_ARENA(a_prepared_burst_has_no_faults),
    WITH_ARENA(a_trim_leaves_nothing_of_a_burst),
    WITH_ARENA(a_small_pool_is_few_pages),
    WITH_ARENA(what_other_processors_cache_is_found),
};

HO_TEST_MAIN(tests)
