/* SPDX-License-Identifier: MIT */
/* Memory of any size: classes, alignments, and sizes above half a segment. Misuse is in
 * test_alloc_bad.c, the budget in test_alloc_memory.c. */
#include "rig.h"

#define HALF (RIG_SEGMENT / 2)

static ho_domain *domain;
static ho_arena *arena;

static int open_arena(void **state)
{
    (void)state;
    domain = rig_domain();
    arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = 16u << 20));
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    CHECK(rig_arena_stats(arena).allocs_out == 0);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    rig_destroy(domain);
    return 0;
}

static uint8_t *allocate(uint64_t bytes, uint64_t align)
{
    void *ptr;
    CHECK_STATUS(ho_alloc(arena, bytes, align, &ptr), HO_OK);
    return ptr;
}

/* "at most 12.5 % more, up to half a segment; above that whole pages" */
static void a_size_is_rounded_up_by_an_eighth_at_most(void **state)
{
    (void)state;
    uint64_t before = 0;
    for (uint64_t bytes = 1; bytes <= 3 * RIG_SEGMENT; bytes += 1 + bytes / 29) {
        void *ptr = allocate(bytes, 1);
        ho_arena_stats stats = rig_arena_stats(arena);
        uint64_t rounded = stats.alloc_bytes_live;
        CHECK(stats.allocs_out == 1);
        CHECK(rounded >= bytes && rounded >= before);
        if (bytes <= 128)
            CHECK(rounded == (bytes + 7) / 8 * 8);
        else if (bytes <= HALF)
            CHECK((rounded - bytes) * 8 <= bytes);
        else
            CHECK(rounded == (bytes + 4095) / 4096 * 4096);
        before = rounded;
        CHECK_STATUS(ho_free_sized(arena, ptr, bytes, 1), HO_OK);
    }
}

/* At the sizes of classes, and one byte below and above: each is as large as it was asked for. */
static void memory_is_aligned_writable_and_apart(void **state)
{
    (void)state;
    enum { N = 3, SIZES = 120, ALIGNS = 14 };
    static uint8_t *ptrs[SIZES][N];
    for (uint32_t a = 0; a < ALIGNS; a++) {
        uint64_t align = a ? (uint64_t)1 << (a - 1) : 0, sizes[SIZES];
        uint32_t n = 0;
        for (uint64_t power = 8; power <= 2 * HALF; power *= 2)
            for (uint64_t eighth = 9; eighth <= 16 && n + 3 <= SIZES; eighth += 3)
                for (uint64_t bytes = power * eighth / 8 - 1; bytes <= power * eighth / 8 + 1;
                     bytes++)
                    sizes[n++] = bytes;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < N; k++) {
                ptrs[i][k] = allocate(sizes[i], align);
                CHECK((uintptr_t)ptrs[i][k] % (align ? align : 16) == 0);
                memset(ptrs[i][k], (int)(i * N + k) & 0xff, sizes[i]);
            }
        CHECK(rig_arena_stats(arena).allocs_out == n * N);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < N; k++) {
                uint8_t mark = (uint8_t)(i * N + k);
                for (uint64_t at = 0; at < sizes[i]; at++)
                    CHECK(ptrs[i][k][at] == mark);
                CHECK_STATUS(k ? ho_free(arena, ptrs[i][k])
                               : ho_free_sized(arena, ptrs[i][k], sizes[i], align),
                             HO_OK);
            }
    }
}

/* "The library writes nothing into the memory, before or after." */
static void nothing_is_written_into_it(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {8, 24, 200, 3000, HALF};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        enum { N = 300 };
        uint8_t *ptrs[N];
        uint32_t n = sizes[i] == HALF ? 10 : N;
        for (uint32_t k = 0; k < n; k++) {
            ptrs[k] = allocate(sizes[i], 8);
            for (uint32_t at = 0; at < sizes[i]; at++)
                CHECK(ptrs[k][at] == 0);
            memset(ptrs[k], 0xa5, sizes[i]);
        }
        for (uint32_t k = 0; k < n; k++)
            CHECK_STATUS(ho_free(arena, ptrs[k]), HO_OK);
        for (uint32_t k = 0; k < n; k++) { /* freed, and present: nothing was trimmed yet */
            CHECK(ptrs[k][0] == 0xa5);
            CHECK(!memcmp(ptrs[k], ptrs[k] + 1, sizes[i] - 1));
        }
    }
}

static void what_is_larger_than_half_a_segment(void **state)
{
    (void)state;
    enum { N = 12 };
    static const uint64_t sizes[N] = {
        HALF + 1, RIG_SEGMENT - 1, RIG_SEGMENT, RIG_SEGMENT + 1, 3 * RIG_SEGMENT, 40000,
        100000,   1000000,         200000,      70000,           4u << 20,        50000};
    uint8_t *ptrs[N];
    for (int round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < N; i++) {
            ptrs[i] = allocate(sizes[i], 4096);
            CHECK((uintptr_t)ptrs[i] % 4096 == 0);
            CHECK(ptrs[i][0] == 0 && ptrs[i][sizes[i] - 1] == 0);
            memset(ptrs[i], (int)i + 1, sizes[i]);
        }
        CHECK(rig_arena_stats(arena).allocs_out == N);
        for (uint32_t k = 0; k < N; k++) {
            uint32_t i = (k * 5 + (uint32_t)round) % N;
            CHECK(ptrs[i][0] == i + 1 && !memcmp(ptrs[i], ptrs[i] + 1, sizes[i] - 1));
            CHECK_STATUS(ho_free(arena, ptrs[i]), HO_OK);
        }
        CHECK(rig_arena_stats(arena).alloc_bytes_held == 0); /* it goes back at once */
    }
}

#define HANDED 5000u
static void *handed[HANDED];

static void free_handed(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < HANDED; i++)
        CHECK_STATUS(ho_free(arena, handed[i]), HO_OK);
}

static void another_thread_may_free(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        harness_thread other;
        for (uint32_t i = 0; i < HANDED; i++)
            handed[i] = allocate(i % 500 + 1, 0);
        harness_start(&other, free_handed, NULL);
        harness_join(&other);
        CHECK(rig_arena_stats(arena).allocs_out == 0);
    }
}

/* Other sizes of segments have other largest classes. */
static void every_size_of_a_segment_has_its_classes(void **state)
{
    (void)state;
    for (uint32_t seg = 16384; seg <= 16u << 20; seg *= 4) {
        ho_domain *other;
        ho_arena *memory;
        void *ptrs[4];
        const uint64_t sizes[4] = {seg / 2 - 1, seg / 2, seg / 2 + 1, seg / 4 + 1};
        CHECK_STATUS(ho_domain_create(DOMAIN_OPTS(.segment_bytes = seg), &other), HO_OK);
        CHECK_STATUS(ho_arena_open(other, ARENA_OPTS(.budget_bytes = 4u * seg), &memory), HO_OK);
        for (uint32_t i = 0; i < 4; i++) {
            CHECK_STATUS(ho_alloc(memory, sizes[i], 0, &ptrs[i]), HO_OK);
            memset(ptrs[i], 1, sizes[i]);
        }
        for (uint32_t i = 0; i < 4; i++) {
            CHECK_STATUS(ho_free_sized(memory, ptrs[i], sizes[i ^ 3], 0), HO_E_RANGE);
            CHECK_STATUS(ho_free_sized(memory, ptrs[i], sizes[i], 0), HO_OK);
        }
        CHECK_STATUS(ho_arena_close(memory, 0, NULL), HO_OK);
        rig_destroy(other);
    }
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

static const struct CMUnitTest tests[] = {
    WITH_ARENA(a_size_is_rounded_up_by_an_eighth_at_most),
    WITH_ARENA(memory_is_aligned_writable_and_apart),
    WITH_ARENA(nothing_is_written_into_it),
    WITH_ARENA(what_is_larger_than_half_a_segment),
    WITH_ARENA(another_thread_may_free),
    WITH_ARENA(every_size_of_a_segment_has_its_classes),
};

HO_TEST_MAIN(tests)
