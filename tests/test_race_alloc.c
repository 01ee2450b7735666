/* SPDX-License-Identifier: MIT */
/* The dangerous windows of memory of any size and of kept copies: a thread is stopped in one. */
#include "gate.h"
#include "rig.h"

static rig r;
static void *ptr;
static ho_buf both[2];

static int open_rig(void **state)
{
    (void)state;
    gate_set(NULL);
    rig_open(&r, NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    CHECK(rig_arena_stats(r.arena).allocs_out == 0);
    rig_close(&r);
    return 0;
}

static void free_it(void *status)
{
    *(int32_t *)status = ho_free(r.arena, ptr);
}

static const uint64_t sizes[] = {40, RIG_SEGMENT + 1};

/* It looked at what is live, and then another free was faster. */
static void of_two_frees_one_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int32_t status;
        harness_thread other;
        CHECK_STATUS(ho_alloc(r.arena, sizes[i], 0, &ptr), HO_OK);
        gate_set("alloc:before_free");
        harness_start(&other, free_it, &status);
        gate_await();
        CHECK_STATUS(ho_free(r.arena, ptr), HO_OK);
        gate_open();
        harness_join(&other);
        CHECK_STATUS(status, HO_E_STALE);
    }
}

/* The same, and the memory is another user's by then: he keeps it. */
static void a_late_free_leaves_the_next_user_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int32_t status;
        harness_thread other;
        enum { MOST = 200 };
        void *got[MOST], *again;
        uint32_t n = 0;
        CHECK_STATUS(ho_alloc(r.arena, sizes[i], 0, &ptr), HO_OK);
        gate_set("alloc:before_free");
        harness_start(&other, free_it, &status);
        gate_await();
        CHECK_STATUS(ho_free(r.arena, ptr), HO_OK);
        CHECK_STATUS(ho_arena_trim(r.arena, 0, NULL), HO_OK); /* out of the processors' caches */
        do {
            CHECK(n < MOST);
            CHECK_STATUS(ho_alloc(r.arena, sizes[i], 0, &again), HO_OK);
            got[n++] = again;
        } while (again != ptr);
        gate_open();
        harness_join(&other);
        if (i == 0) /* a block has no generation: that free is one of the next user's memory */
            CHECK_STATUS(status, HO_E_STALE);
        CHECK_STATUS(ho_free(r.arena, again), i == 0 ? HO_OK : HO_E_STALE);
        while (--n)
            CHECK_STATUS(ho_free(r.arena, got[n - 1]), HO_OK);
    }
}

/* Its memory is free, but not yet where others find it: the arena is not gone before that. */
static void a_close_waits_for_a_free_that_is_not_through(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ho_arena *arena = rig_arena(r.domain, NULL), *kept = r.arena;
        int32_t status;
        harness_thread other;
        CHECK_STATUS(ho_alloc(arena, sizes[i], 0, &ptr), HO_OK);
        r.arena = arena;
        gate_set("alloc:freed");
        harness_start(&other, free_it, &status);
        gate_await();
        r.arena = kept;
        ho_outstanding out = {.size = sizeof out};
        CHECK_STATUS(ho_arena_close(arena, 0, &out), HO_TIMEOUT);
        CHECK(out.allocs == 0); /* nothing is anybody's */
        gate_open();
        harness_join(&other);
        CHECK_STATUS(status, HO_OK);
        CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
        arena = rig_arena(r.domain, NULL); /* in its place, from zero */
        CHECK(rig_arena_stats(arena).segments_held == 0);
        CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    }
}

static void return_it(void *status)
{
    *(int32_t *)status = ho_return(r.domain, &both[0], 1, NULL);
}

/* The last of a word of records was returned, and its record is still to be read: its number waits. */
static void a_record_that_is_being_read_is_not_used_again(void **state)
{
    (void)state;
    enum { WORD = 32, MORE = 4096 };
    ho_buf held[WORD], more;
    int32_t status;
    harness_thread other;
    for (uint32_t i = 0; i < WORD; i++) {
        rig_send(r.shard, r.producer, i, 100);
        held[i] = rig_take(r.consumer);
        CHECK_STATUS(ho_compact(r.shard, &held[i]), HO_OK);
    }
    uint64_t number = held[0].handle & 0xfff; /* of the first */
    both[0] = held[0];
    CHECK_STATUS(ho_return(r.domain, held + 1, WORD - 1, NULL), HO_OK);
    gate_set("return:before_record");
    harness_start(&other, return_it, &status);
    gate_await();
    for (uint32_t i = 0; i < MORE; i++) { /* through all numbers of a segment */
        rig_send(r.shard, r.producer, i, 100);
        more = rig_take(r.consumer);
        CHECK_STATUS(ho_compact(r.shard, &more), HO_OK);
        CHECK((more.handle & 0xffffffff) != (both[0].handle & 0xffffffff));
        rig_return(r.domain, &more);
    }
    gate_open();
    harness_join(&other);
    CHECK_STATUS(status, HO_OK);
    int again = 0;
    for (uint32_t i = 0; i < 2 * MORE; i++) {
        rig_send(r.shard, r.producer, i, 100);
        more = rig_take(r.consumer);
        CHECK_STATUS(ho_compact(r.shard, &more), HO_OK);
        again |= (more.handle & 0xfff) == number;
        rig_return(r.domain, &more);
    }
    CHECK(again);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(of_two_frees_one_is_told),
    WITH_RIG(a_late_free_leaves_the_next_user_alone),
    WITH_RIG(a_close_waits_for_a_free_that_is_not_through),
    WITH_RIG(a_record_that_is_being_read_is_not_used_again),
};

HO_TEST_MAIN(tests)
