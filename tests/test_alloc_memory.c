/* SPDX-License-Identifier: MIT */
/* Memory of any size: the budget, memory that goes back, one arena after another. */
#define _GNU_SOURCE
#include "rig.h"

#include <sys/mman.h>

#define BUDGET (4u << 20)
#define MANY 40000u

static ho_domain *domain;
static ho_arena *arena;
static void *ptrs[MANY];

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
    CHECK_STATUS(ho_arena_trim(arena, 0, NULL), HO_OK);
    CHECK(rig_arena_stats(arena).segments_held == 0);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    rig_destroy(domain);
    return 0;
}

/* As many as there is room for. */
static uint32_t fill(uint64_t bytes)
{
    uint32_t n = 0;
    int32_t status = HO_OK;
    while (n < MANY && !(status = ho_alloc(arena, bytes, 8, &ptrs[n]))) {
        memset(ptrs[n], 1, bytes);
        n++;
    }
    CHECK(n == MANY || status == HO_FULL);
    return n;
}

static void empty(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        CHECK_STATUS(ho_free(arena, ptrs[i]), HO_OK);
}

static void an_arena_that_never_allocates_pays_nothing(void **state)
{
    (void)state;
    ho_arena_stats stats = rig_arena_stats(arena);
    CHECK(!stats.segments_held && !stats.allocs_out && !stats.alloc_bytes_held);
    void *ptr;
    CHECK_STATUS(ho_alloc(arena, 64, 0, &ptr), HO_OK);
    stats = rig_arena_stats(arena);
    CHECK(stats.segments_held == 1 && stats.allocs_out == 1 && stats.alloc_bytes_live == 64);
    CHECK(stats.alloc_bytes_held == 2 * 4096); /* a page, and one of states */
    CHECK_STATUS(ho_free(arena, ptr), HO_OK);
}

/* Nearly all of it is to be had in one size, and no more. */
static void the_budget_is_kept(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {104,         1000,           5000, RIG_SEGMENT / 2,
                                     RIG_SEGMENT, 3 * RIG_SEGMENT};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t n = fill(sizes[i]);
        CHECK(n >= (BUDGET - 65536) / (sizes[i] * 9 / 8 + 4) - 1 && n <= BUDGET / sizes[i]);
        ho_arena_stats full = rig_arena_stats(arena), again;
        CHECK(full.segments_held <= BUDGET / RIG_SEGMENT && full.full == 1);
        CHECK(full.allocs_out == n && full.alloc_bytes_live >= n * sizes[i]);
        CHECK(full.alloc_bytes_held <= BUDGET);
        for (int k = 0; k < 3; k++) { /* refused, it changes nothing */
            void *ptr = &ptr;
            CHECK_STATUS(ho_alloc(arena, k == 2 ? BUDGET : sizes[i], 0, &ptr), HO_FULL);
            CHECK(!ptr);
        }
        again = rig_arena_stats(arena);
        CHECK(again.full == full.full + 3);
        again.full = full.full;
        CHECK(!memcmp(&again, &full, sizeof full));
        CHECK_STATUS(ho_free(arena, ptrs[0]), HO_OK);
        CHECK_STATUS(ho_alloc(arena, sizes[i], 8, &ptrs[0]), HO_OK);
        empty(n);
        CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
        arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = BUDGET));
    }
}

static void freed_memory_of_other_sizes_makes_way(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {16, 3000, 100, RIG_SEGMENT, 500, RIG_SEGMENT / 2, 64};
    ho_shard *shard = rig_shard(arena);
    ho_buf loan;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t n = fill(sizes[i]);
        CHECK(n == MANY || n * (sizes[i] + 4) * 9 / 8 >= BUDGET - 131072);
        empty(n);
    }
    CHECK(fill(RIG_SEGMENT / 2) > 100);
    CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT, NULL, &loan), HO_FULL); /* they share it */
    CHECK_STATUS(ho_free(arena, ptrs[0]), HO_OK);
    CHECK_STATUS(ho_free(arena, ptrs[1]), HO_OK);
    CHECK_STATUS(ho_free(arena, ptrs[2]), HO_OK);
    CHECK_STATUS(ho_arena_trim(arena, 0, NULL), HO_OK);
    CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT, NULL, &loan), HO_OK);
    CHECK_STATUS(ho_abort(shard, &loan, 1, NULL), HO_OK);
    for (uint32_t i = 3; rig_arena_stats(arena).allocs_out; i++)
        CHECK_STATUS(ho_free(arena, ptrs[i]), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
}

static uint64_t resident(const void *ptr, uint64_t bytes)
{
    uintptr_t first = (uintptr_t)ptr & ~(uintptr_t)4095;
    static unsigned char pages[BUDGET / 4096 + 2];
    uint64_t n = 0;
    CHECK(mincore((void *)first, bytes, pages) == 0);
    for (uint64_t i = 0; i < (bytes + 4095) / 4096; i++)
        n += pages[i] & 1;
    return n * 4096;
}

static void a_trim_gives_it_back(void **state)
{
    (void)state;
    enum { N = 20000, BYTES = 104 };
    uint64_t freed = 77;
    uint32_t sizes[] = {BYTES, 2000, 40000};
    for (uint32_t i = 0; i < N; i++)
        CHECK_STATUS(ho_alloc(arena, BYTES, 8, &ptrs[i]), HO_OK);
    uint8_t *first = ptrs[0], *last = ptrs[0];
    for (uint32_t i = 0; i < N; i++) {
        memset(ptrs[i], 1, BYTES);
        first = (uint8_t *)ptrs[i] < first ? ptrs[i] : first;
        last = (uint8_t *)ptrs[i] > last ? ptrs[i] : last;
    }
    uint64_t before = rig_arena_stats(arena).alloc_bytes_held;
    CHECK(HARNESS_SANITIZED || resident(first, (uint64_t)(last - first)) >= N * BYTES - 4096);
    CHECK_STATUS(ho_arena_trim(arena, 0, &freed), HO_OK);
    CHECK(freed <= 2 * 4096); /* all of it is in use */
    void *kept = ptrs[N / 2];
    ptrs[N / 2] = NULL;
    memset(kept, 0x5a, BYTES);
    empty(N);
    CHECK_STATUS(ho_arena_trim(arena, 1u << 20, &freed), HO_OK);
    CHECK(freed > before - (1u << 20) - 2 * 65536 && freed < before - (1u << 20) + 2 * 65536);
    CHECK_STATUS(ho_arena_trim(arena, 0, &freed), HO_OK);
    CHECK(rig_arena_stats(arena).alloc_bytes_held <= 3 * 4096); /* its page or two, one of states */
    CHECK(HARNESS_SANITIZED || resident(first, (uint64_t)(last - first)) <= 2 * 4096);
    for (uint32_t i = 0; i < BYTES; i++)
        CHECK(((uint8_t *)kept)[i] == 0x5a);
    CHECK_STATUS(ho_free(arena, kept), HO_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) { /* nothing is left of any size */
        uint32_t n = fill(sizes[i]);
        empty(n);
        CHECK_STATUS(ho_arena_trim(arena, 0, NULL), HO_OK);
        CHECK(rig_arena_stats(arena).alloc_bytes_held == 0);
    }
}

static void frees_give_back_what_is_unused_for_long(void **state)
{
    (void)state;
    uint32_t n = fill(104);
    uint64_t held = rig_arena_stats(arena).alloc_bytes_held;
    empty(n);
    uint64_t deadline = harness_now_ns() + (uint64_t)60 * 1000000000;
    do { /* a second, and then 64 KiB at a time */
        for (uint32_t i = 0; i < 500; i++)
            CHECK_STATUS(ho_alloc(arena, 104, 8, &ptrs[i]), HO_OK);
        empty(500);
    } while (rig_arena_stats(arena).alloc_bytes_held > held / 4 && harness_now_ns() < deadline);
    CHECK(rig_arena_stats(arena).alloc_bytes_held <= held / 4);
}

/* In the place of an arena another one is opened: with another budget, and from zero. */
static void arenas_one_after_the_other(void **state)
{
    (void)state;
    static const uint32_t budgets[] = {1u << 20, 64u << 10, 8u << 20, 2u << 20, 32u << 20};
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        ho_arena *next = rig_arena(domain, ARENA_OPTS(.budget_bytes = budgets[i])), *kept = arena;
        arena = next;
        CHECK(rig_arena_stats(arena).full == 0);
        for (int round = 0; round < 2; round++) {
            uint32_t n = fill(1024);
            CHECK(n >= (budgets[i] - 8192) / 1030 - 8 && n <= budgets[i] / 1024);
            CHECK(rig_arena_stats(arena).full == (uint64_t)round + 1);
            empty(n);
        }
        CHECK_STATUS(ho_arena_close(next, 0, NULL), HO_OK);
        arena = kept;
    }
}

static _Atomic(uint32_t) freed_count;

static void free_slowly(void *arg)
{
    uint32_t n = *(uint32_t *)arg;
    for (uint32_t i = 0; i < n; i++) {
        CHECK_STATUS(ho_free(arena, ptrs[i]), HO_OK);
        freed_count++;
    }
}

/* A close that waits ends when the last free has, however late that one is in the call. */
static void a_close_waits_for_frees(void **state)
{
    (void)state;
    for (int round = 0; round < 30; round++) {
        harness_thread other;
        uint32_t n = 500;
        for (uint32_t i = 0; i < n; i++)
            CHECK_STATUS(ho_alloc(arena, i % 50 ? i * 11 + 1 : RIG_SEGMENT - i, 0, &ptrs[i]),
                         HO_OK);
        freed_count = 0;
        harness_start(&other, free_slowly, &n);
        CHECK_STATUS(ho_arena_close(arena, -1, NULL), HO_OK);
        CHECK(freed_count + 1 >= n);
        harness_join(&other);
        arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = BUDGET));
    }
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

static const struct CMUnitTest tests[] = {
    WITH_ARENA(an_arena_that_never_allocates_pays_nothing),
    WITH_ARENA(the_budget_is_kept),
    WITH_ARENA(freed_memory_of_other_sizes_makes_way),
    WITH_ARENA(a_trim_gives_it_back),
    WITH_ARENA(frees_give_back_what_is_unused_for_long),
    WITH_ARENA(arenas_one_after_the_other),
    WITH_ARENA(a_close_waits_for_frees),
};

HO_TEST_MAIN(tests)
