/* SPDX-License-Identifier: MIT */
/* Memory of any size: each refused call returns its status and changes nothing. */
#include "rig.h"

#include <sched.h>
#include <stdlib.h>

#define BUDGET (1u << 20)
#define LARGE (RIG_SEGMENT + 1u)

static ho_domain *domain;
static ho_arena *arena;
static void *small, *large; /* allocated */
static ho_arena_stats before;

static int open_arena(void **state)
{
    (void)state;
    domain = rig_domain();
    arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = BUDGET));
    CHECK_STATUS(ho_alloc(arena, 40, 0, &small), HO_OK);
    CHECK_STATUS(ho_alloc(arena, LARGE, 0, &large), HO_OK);
    memset(small, 0x5a, 40);
    memset(large, 0x5a, LARGE);
    before = rig_arena_stats(arena);
    return 0;
}

/* Both are as live as before, what they hold too, and nothing else is. */
static int close_arena(void **state)
{
    (void)state;
    ho_arena_stats now = rig_arena_stats(arena);
    CHECK(now.allocs_out == 2 && now.alloc_bytes_live == before.alloc_bytes_live);
    CHECK(*(uint8_t *)small == 0x5a && !memcmp(small, (uint8_t *)small + 1, 39));
    CHECK(*(uint8_t *)large == 0x5a && !memcmp(large, (uint8_t *)large + 1, LARGE - 1));
    CHECK_STATUS(ho_free(arena, small), HO_OK);
    CHECK_STATUS(ho_free(arena, large), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    rig_destroy(domain);
    return 0;
}

static void refuse(uint64_t bytes, uint64_t align, int32_t status)
{
    void *ptr = &ptr;
    CHECK_STATUS(ho_alloc(arena, bytes, align, &ptr), status);
    CHECK(ptr == NULL);
    ho_arena_stats now = rig_arena_stats(arena);
    CHECK(!memcmp(&now, &before, sizeof now));
}

static void sizes_and_alignments_out_of_range(void **state)
{
    (void)state;
    static const uint64_t huge[] = {
        0, BUDGET + 1u, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX - 4095, UINT64_MAX};
    static const uint64_t aligns[] = {3, 12, 24, 4095, 8192, 65536, (uint64_t)1 << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        refuse(huge[i], 0, HO_E_RANGE);
        refuse(huge[i], 4096, HO_E_RANGE);
        CHECK_STATUS(ho_free_sized(arena, small, huge[i], 0), HO_E_RANGE);
        CHECK_STATUS(ho_free_sized(arena, large, huge[i], 0), HO_E_RANGE);
    }
    for (size_t i = 0; i < sizeof aligns / sizeof *aligns; i++) {
        refuse(40, aligns[i], HO_E_RANGE);
        refuse(LARGE, aligns[i], HO_E_RANGE);
        CHECK_STATUS(ho_free_sized(arena, small, 40, aligns[i]), HO_E_RANGE);
        CHECK_STATUS(ho_free_sized(arena, large, LARGE, aligns[i]), HO_E_RANGE);
    }
}

static void null_and_no_handle(void **state)
{
    (void)state;
    ho_arena *none[] = {NULL, (ho_arena *)domain, (ho_arena *)(uintptr_t)8};
    CHECK_STATUS(ho_alloc(arena, 8, 0, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_free(arena, NULL), HO_OK);
    CHECK_STATUS(ho_free_sized(arena, NULL, 8, 0), HO_OK);
    for (size_t i = 0; i < 3; i++) {
        void *ptr = &ptr;
        CHECK_STATUS(ho_alloc(none[i], 8, 0, &ptr), HO_E_HANDLE);
        CHECK(!ptr);
        CHECK_STATUS(ho_free(none[i], small), HO_E_HANDLE);
        CHECK_STATUS(ho_free_sized(none[i], small, 40, 0), HO_E_HANDLE);
    }
}

static void refuse_free(ho_arena *from, void *ptr, int32_t status)
{
    CHECK_STATUS(ho_free(from, ptr), status);
    CHECK_STATUS(ho_free_sized(from, ptr, 40, 0), status);
    CHECK_STATUS(ho_free_sized(from, ptr, LARGE, 0), status);
}

static void a_foreign_pointer(void **state)
{
    (void)state;
    uint64_t mine;
    void *of_malloc = malloc(40);
    uint8_t *wrong[] = {
        (uint8_t *)&mine,        of_malloc,
        (uint8_t *)(uintptr_t)1, (uint8_t *)UINTPTR_MAX,
        (uint8_t *)domain,       (uint8_t *)(uintptr_t)refuse_free,
        (uint8_t *)large - 4096, (uint8_t *)((uintptr_t)small & ~(uintptr_t)0xfffff)};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refuse_free(arena, wrong[i], HO_E_INVAL);
    free(of_malloc);
}

static void a_pointer_inside_of_memory(void **state)
{
    (void)state;
    for (uint32_t at = 1; at < 48; at++)
        refuse_free(arena, (uint8_t *)small + at, HO_E_INVAL);
    for (uint32_t at = 1; at < LARGE; at = at * 2 + 1)
        refuse_free(arena, (uint8_t *)large + at, HO_E_INVAL);
    refuse_free(arena, (uint8_t *)large + RIG_SEGMENT, HO_E_INVAL); /* its second unit */
}

static void memory_that_was_never_allocated(void **state)
{
    (void)state;
    CHECK_STATUS(ho_free(arena, (uint8_t *)small + 48), HO_E_STALE); /* the next slot */
    CHECK_STATUS(ho_free(arena, (uint8_t *)small + (48 << 10)), HO_E_STALE);
    CHECK_STATUS(ho_free(arena, (uint8_t *)large + 2 * RIG_SEGMENT), HO_E_STALE);
}

static void a_pointer_of_another_arena(void **state)
{
    (void)state;
    ho_arena *other = rig_arena(domain, ARENA_OPTS(.budget_bytes = BUDGET));
    void *ptr;
    refuse_free(other, small, HO_E_INVAL); /* which has allocated nothing */
    CHECK_STATUS(ho_alloc(other, 40, 0, &ptr), HO_OK);
    refuse_free(other, small, HO_E_INVAL);
    refuse_free(other, large, HO_E_INVAL);
    refuse_free(arena, ptr, HO_E_INVAL);
    CHECK_STATUS(ho_free(other, ptr), HO_OK);
    CHECK_STATUS(ho_arena_close(other, 0, NULL), HO_OK);
    refuse_free(other, small, HO_E_HANDLE);
}

static void a_second_free(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 40, 1000, RIG_SEGMENT / 2, LARGE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *ptr;
        CHECK_STATUS(ho_alloc(arena, sizes[i], 0, &ptr), HO_OK);
        CHECK_STATUS(ho_free(arena, ptr), HO_OK);
        CHECK_STATUS(ho_free(arena, ptr), HO_E_STALE);
        CHECK_STATUS(ho_free_sized(arena, ptr, sizes[i], 0), HO_E_STALE);
        CHECK_STATUS(ho_arena_trim(arena, 0, NULL), HO_OK); /* and after its pages have gone */
        CHECK_STATUS(ho_free(arena, ptr), HO_E_STALE);
    }
}

static void a_size_that_does_not_fit(void **state)
{
    (void)state;
    static const uint64_t wrong[] = {1, 32, 49, 56, 1000, RIG_SEGMENT / 2, LARGE};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_STATUS(ho_free_sized(arena, small, wrong[i], 0), HO_E_RANGE);
    static const uint64_t wrong_large[] = {1, 40, RIG_SEGMENT / 2, RIG_SEGMENT, LARGE + 4096};
    for (size_t i = 0; i < sizeof wrong_large / sizeof *wrong_large; i++)
        CHECK_STATUS(ho_free_sized(arena, large, wrong_large[i], 0), HO_E_RANGE);
    CHECK_STATUS(ho_free_sized(arena, small, 40, 64), HO_E_RANGE); /* 64 with its alignment */
    void *ptr;
    CHECK_STATUS(ho_alloc(arena, 40, 64, &ptr), HO_OK);
    CHECK_STATUS(ho_free_sized(arena, ptr, 40, 0), HO_E_RANGE);
    CHECK_STATUS(ho_free_sized(arena, ptr, 40, 64), HO_OK);
}

static void an_arena_that_closes(void **state)
{
    (void)state;
    ho_arena *other = rig_arena(domain, NULL);
    void *ptrs[3], *ptr = &ptr;
    ho_outstanding out = {.size = sizeof out};
    CHECK_STATUS(ho_alloc(other, 40, 0, &ptrs[0]), HO_OK);
    CHECK_STATUS(ho_alloc(other, 5000, 0, &ptrs[1]), HO_OK);
    CHECK_STATUS(ho_alloc(other, LARGE, 0, &ptrs[2]), HO_OK);
    for (uint64_t left = 3; left; left--) {
        CHECK_STATUS(ho_arena_close(other, 0, &out), HO_TIMEOUT);
        CHECK(out.allocs == left && !out.handles && !out.buffers);
        CHECK(rig_arena_stats(other).allocs_out == left);
        CHECK_STATUS(ho_alloc(other, 40, 0, &ptr), HO_E_CLOSED);
        CHECK(!ptr);
        CHECK_STATUS(ho_alloc(other, LARGE, 0, &ptr), HO_E_CLOSED);
        CHECK_STATUS(ho_free(other, (uint8_t *)ptrs[left - 1] + 1), HO_E_INVAL);
        CHECK_STATUS(left == 1 ? ho_free_sized(other, ptrs[0], 40, 0)
                               : ho_free(other, ptrs[left - 1]),
                     HO_OK);
        CHECK_STATUS(ho_free(other, ptrs[left - 1]), HO_E_STALE);
    }
    CHECK_STATUS(ho_arena_close(other, 0, &out), HO_OK);
    CHECK(!out.allocs);
    refuse_free(other, ptrs[0], HO_E_HANDLE);
}

static void a_domain_that_is_destroyed(void **state)
{
    (void)state;
    ho_domain *other = rig_domain();
    ho_arena *memory = rig_arena(other, NULL);
    ho_outstanding out = {.size = sizeof out};
    void *ptr;
    CHECK_STATUS(ho_alloc(memory, 40, 0, &ptr), HO_OK);
    CHECK_STATUS(ho_domain_close(other, 0, &out), HO_TIMEOUT);
    CHECK(out.allocs == 1);
    CHECK_STATUS(ho_domain_destroy(other, &out), HO_E_BUSY);
    CHECK(out.allocs == 1);
    memset(ptr, 1, 40);
    CHECK_STATUS(ho_free(memory, ptr), HO_OK);
    rig_destroy(other);
}

/* Two threads free the same memory, one beside the other: of each, one of them is told that it did. */
#define RACED 256u
#define RACES 1000u
static struct {
    void *ptrs[RACED];
    _Atomic(uint32_t) round, freed, ended;
} race;

static void free_all_of(uint32_t round)
{
    uint32_t freed = 0;
    for (uint32_t looks = 0; race.round != round; looks++)
        if (looks > 1000) /* one core for both, or a busy machine */
            sched_yield();
    for (uint32_t i = 0; i < RACED; i++) {
        int32_t status = ho_free(arena, race.ptrs[i]);
        CHECK(status == HO_OK || status == HO_E_STALE);
        freed += status == HO_OK;
    }
    race.freed += freed;
    race.ended++;
}

static void free_too(void *arg)
{
    (void)arg;
    for (uint32_t round = 1; round <= RACES; round++)
        free_all_of(round);
}

static void frees_that_race(void **state)
{
    (void)state;
    harness_thread other;
    race.round = 0;
    harness_start(&other, free_too, NULL);
    for (uint32_t round = 1; round <= RACES; round++) {
        for (uint32_t i = 0; i < RACED; i++) /* every 64th is larger than half a segment */
            CHECK_STATUS(
                ho_alloc(arena, i % 64 ? i * 3 + 1 : RIG_SEGMENT / 2 + 1, 8, &race.ptrs[i]), HO_OK);
        race.freed = race.ended = 0;
        race.round = round;
        free_all_of(round);
        while (race.ended < 2)
            sched_yield();
        CHECK(race.freed == RACED);
    }
    harness_join(&other);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

static const struct CMUnitTest tests[] = {
    WITH_ARENA(sizes_and_alignments_out_of_range),
    WITH_ARENA(null_and_no_handle),
    WITH_ARENA(a_foreign_pointer),
    WITH_ARENA(a_pointer_inside_of_memory),
    WITH_ARENA(memory_that_was_never_allocated),
    WITH_ARENA(a_pointer_of_another_arena),
    WITH_ARENA(a_second_free),
    WITH_ARENA(a_size_that_does_not_fit),
    WITH_ARENA(an_arena_that_closes),
    WITH_ARENA(a_domain_that_is_destroyed),
    WITH_ARENA(frees_that_race),
};

HO_TEST_MAIN(tests)
