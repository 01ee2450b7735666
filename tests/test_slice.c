/* SPDX-License-Identifier: MIT */
/* Slices: counted parts of a buffer, in every order of lifetimes. */
#include "rig.h"

static rig r;
static rig_owner owner;
static uint8_t memory[1000];

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 2 * RIG_SEGMENT), NULL);
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    for (size_t i = 0; i < sizeof memory; i++)
        memory[i] = (uint8_t)(i * 7);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static ho_buf arena_buffer(void)
{
    ho_buf loan, buf;
    uint32_t taken;
    CHECK_STATUS(ho_reserve(r.shard, sizeof memory, NULL, &loan), HO_OK);
    memcpy(loan.ptr, memory, sizeof memory);
    loan.len = sizeof memory;
    loan.key = 55;
    loan.flags = 0x77;
    loan.value = 0xfeed;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    return buf;
}

static ho_buf foreign_buffer(void)
{
    ho_buf buf = rig_foreign(owner.owner, memory, sizeof memory, 9);
    uint32_t taken;
    buf.key = 55;
    buf.flags = 0x77;
    buf.value = 0xfeed;
    CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    return buf;
}

static ho_buf slice_of(const ho_buf *src, uint64_t offset, uint64_t len)
{
    ho_buf slice;
    CHECK_STATUS(ho_slice(r.domain, src, offset, len, &slice), HO_OK);
    return slice;
}

static void check_slice(const ho_buf *src, uint64_t offset, uint64_t len)
{
    ho_buf before = *src, slice = slice_of(src, offset, len);
    assert_memory_equal(&before, src, sizeof before);
    CHECK(slice.kind == HO_KIND_SLICE && slice.handle != 0 && slice.handle != src->handle);
    CHECK(slice.ptr == src->ptr + offset && slice.len == len && slice.cap >= len);
    CHECK(slice.ptr + slice.cap <= src->ptr + src->cap);
    CHECK(slice.key == 55 && slice.flags == 0x77 && slice.value == 0xfeed);
    rig_return(r.domain, &slice);
}

static void a_slice_names_a_part_of_its_source(void **state)
{
    (void)state;
    ho_buf arena = arena_buffer(), foreign = foreign_buffer(), slice = slice_of(&arena, 100, 800);
    const ho_buf *sources[] = {&arena, &foreign, &slice};
    for (size_t i = 0; i < 3; i++) {
        check_slice(sources[i], 0, sources[i]->len);
        check_slice(sources[i], 0, 1);
        check_slice(sources[i], 33, 100);
        check_slice(sources[i], sources[i]->len - 1, 1);
        check_slice(sources[i], sources[i]->len, 0);
    }
    rig_return(r.domain, &slice);
    rig_return(r.domain, &arena);
    rig_return(r.domain, &foreign);
}

static void check_refused(const ho_buf *src, uint64_t offset, uint64_t len, int32_t expected)
{
    ho_buf slice;
    memset(&slice, 0xa5, sizeof slice);
    CHECK_REFUSED(&r, src, src != NULL, ho_slice(r.domain, src, offset, len, &slice), expected);
    CHECK_EMPTY(&slice);
}

static void a_slice_stays_within_the_data(void **state)
{
    (void)state;
    ho_buf bufs[2] = {arena_buffer(), foreign_buffer()};
    for (size_t i = 0; i < 2; i++) {
        check_refused(&bufs[i], 0, sizeof memory + 1, HO_E_RANGE);
        check_refused(&bufs[i], 1, sizeof memory, HO_E_RANGE);
        check_refused(&bufs[i], sizeof memory + 1, 0, HO_E_RANGE);
        check_refused(&bufs[i], UINT64_MAX, 1, HO_E_RANGE);
        check_refused(&bufs[i], 1, UINT64_MAX, HO_E_RANGE);
        check_refused(&bufs[i], UINT64_MAX, UINT64_MAX, HO_E_RANGE);
    }
    CHECK_STATUS(ho_return(r.domain, bufs, 2, NULL), HO_OK);
}

static void slice_refuses_null_loans_and_empty_and_stale_ones(void **state)
{
    (void)state;
    ho_buf buf = arena_buffer(), slice, loan = rig_loan(r.shard, 1, 10), empty = {0};
    check_refused(NULL, 0, 1, HO_E_INVAL);
    check_refused(&loan, 0, 1, HO_E_KIND);
    check_refused(&empty, 0, 0, HO_E_KIND);
    CHECK_STATUS(ho_slice(r.domain, &buf, 0, 1, NULL), HO_E_INVAL);
    memset(&slice, 0xa5, sizeof slice);
    CHECK_STATUS(ho_slice(NULL, &buf, 0, 1, &slice), HO_E_HANDLE);
    CHECK_EMPTY(&slice);
    ho_buf stale = buf, stale_slice = slice_of(&buf, 0, 10), copy = stale_slice;
    rig_return(r.domain, &copy);
    check_refused(&stale_slice, 0, 1, HO_E_STALE);
    rig_return(r.domain, &buf);
    check_refused(&stale, 0, 1, HO_E_STALE);
    buf = foreign_buffer();
    stale = buf;
    rig_return(r.domain, &buf);
    check_refused(&stale, 0, 1, HO_E_STALE);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
}

static void a_slice_is_returned_once(void **state)
{
    (void)state;
    ho_buf bufs[2] = {arena_buffer(), foreign_buffer()};
    for (size_t i = 0; i < 2; i++) {
        ho_buf slice = slice_of(&bufs[i], 5, 10), copy = slice;
        rig_return(r.domain, &slice);
        for (int again = 0; again < 10; again++) {
            CHECK_STATUS(ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
            slice = slice_of(&bufs[i], 5, 10);
            CHECK_STATUS(ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
            rig_return(r.domain, &slice);
        }
    }
    CHECK(owner.releases == 0);
    CHECK_STATUS(ho_return(r.domain, bufs, 2, NULL), HO_OK);
    CHECK(owner.releases == 1);
}

/* Kind and seal belong together: a stray byte does not make arena memory of a slice, which would leave its
 * source held for ever, nor a slice of arena memory. */
static void a_kind_that_was_hit_is_stale(void **state)
{
    ho_buf bufs[2] = {arena_buffer()};
    (void)state;
    CHECK_STATUS(ho_slice(r.domain, &bufs[0], 0, 10, &bufs[1]), HO_OK);
    for (int i = 0; i < 2; i++) {
        uint8_t kind = bufs[i].kind;
        bufs[i].kind = kind == HO_KIND_SLICE ? HO_KIND_ARENA : HO_KIND_SLICE;
        CHECK_STATUS(ho_return(r.domain, &bufs[i], 1, NULL), HO_E_STALE);
        bufs[i].kind = kind;
    }
    CHECK_STATUS(ho_return(r.domain, bufs, 2, NULL), HO_OK);
}

/* Uses all the memory of the arena, and writes over it. */
static void scribble(void)
{
    ho_buf loans[64];
    uint32_t count = 0;
    while (count < 64 && ho_reserve(r.shard, RIG_SEGMENT / 16, NULL, &loans[count]) == HO_OK) {
        memset(loans[count].ptr, 0xee, RIG_SEGMENT / 16);
        count++;
    }
    CHECK(count < 64);
    CHECK_STATUS(ho_abort(r.shard, loans, count, NULL), HO_OK);
}

/* Source, slice, another slice, slice of the slice: returned in the order that `order` says. */
static void live_and_die(ho_buf source, uint32_t order, int foreign)
{
    uint32_t releases = owner.releases;
    ho_buf bufs[4] = {source, slice_of(&source, 100, 500), slice_of(&source, 0, 1000), {0}};
    bufs[3] = slice_of(&bufs[1], 200, 100);
    uint64_t offsets[4] = {0, 100, 0, 300};
    for (uint32_t left = 4; left > 0; left--) {
        for (uint32_t i = 0; i < left; i++)
            assert_memory_equal(bufs[i].ptr, memory + offsets[i], bufs[i].len);
        uint32_t which = order % left;
        order /= left;
        CHECK(owner.releases == releases);
        rig_return(r.domain, &bufs[which]);
        bufs[which] = bufs[left - 1];
        offsets[which] = offsets[left - 1];
        scribble();
    }
    CHECK(owner.releases == releases + (foreign ? 1u : 0u));
    rig_check_quiet(&r);
}

static void arena_memory_lives_until_the_last_of_them_whatever_the_order(void **state)
{
    (void)state;
    for (uint32_t order = 0; order < 24; order++)
        live_and_die(arena_buffer(), order, 0);
}

static void foreign_memory_lives_until_the_last_of_them_whatever_the_order(void **state)
{
    (void)state;
    for (uint32_t order = 0; order < 24; order++) {
        live_and_die(foreign_buffer(), order, 1);
        CHECK(owner.last.base == memory && owner.last.size == sizeof memory);
        CHECK(owner.last.token == 9 && owner.last.reason == HO_REASON_CONSUMED);
    }
}

static void slices_pin_their_segments(void **state)
{
    (void)state;
    ho_buf buf = arena_buffer();
    CHECK(rig_arena_stats(r.arena).bytes_pinned == 0);
    ho_buf slices[3] = {slice_of(&buf, 0, 1), slice_of(&buf, 1, 1), slice_of(&buf, 2, 1)};
    CHECK(rig_arena_stats(r.arena).bytes_pinned == RIG_SEGMENT);
    rig_return(r.domain, &buf);
    CHECK(rig_arena_stats(r.arena).bytes_pinned == RIG_SEGMENT);
    CHECK_STATUS(ho_return(r.domain, slices, 2, NULL), HO_OK);
    CHECK(rig_arena_stats(r.arena).bytes_pinned == RIG_SEGMENT);
    rig_return(r.domain, &slices[2]);
    CHECK(rig_arena_stats(r.arena).bytes_pinned == 0);
}

static void thousands_of_slices_of_one_buffer(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static ho_buf slices[COUNT];
    ho_buf bufs[2] = {arena_buffer(), foreign_buffer()};
    for (uint64_t i = 0; i < COUNT; i++)
        slices[i] = slice_of(&bufs[i & 1], i % 900, 1 + i % 100);
    CHECK_STATUS(ho_return(r.domain, bufs, 2, NULL), HO_OK);
    for (uint64_t i = 0; i < COUNT; i++)
        assert_memory_equal(slices[i].ptr, memory + i % 900, 1 + i % 100);
    CHECK(owner.releases == 0);
    CHECK_STATUS(ho_return(r.domain, slices, COUNT, NULL), HO_OK);
    CHECK(owner.releases == 1);
}

static void slice_and_return(void *arg)
{
    const ho_buf *shared = arg;
    for (uint64_t i = 0; i < 3000; i++) {
        ho_buf slice = slice_of(shared, i % 500, 400), inner = slice_of(&slice, 100, 50);
        assert_memory_equal(inner.ptr, memory + i % 500 + 100, 50);
        rig_return(r.domain, i % 2 ? &slice : &inner);
        rig_return(r.domain, i % 2 ? &inner : &slice);
    }
}

static void threads_slice_one_buffer_at_once(void **state)
{
    (void)state;
    ho_buf bufs[2] = {arena_buffer(), foreign_buffer()};
    harness_thread threads[4];
    for (size_t i = 0; i < 4; i++)
        harness_start(&threads[i], slice_and_return, &bufs[i % 2]);
    for (size_t i = 0; i < 4; i++)
        harness_join(&threads[i]);
    CHECK(owner.releases == 0);
    CHECK_STATUS(ho_return(r.domain, bufs, 2, NULL), HO_OK);
    CHECK(owner.releases == 1);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_slice_names_a_part_of_its_source),
    WITH_RIG(a_slice_stays_within_the_data),
    WITH_RIG(slice_refuses_null_loans_and_empty_and_stale_ones),
    WITH_RIG(a_slice_is_returned_once),
    WITH_RIG(a_kind_that_was_hit_is_stale),
    WITH_RIG(arena_memory_lives_until_the_last_of_them_whatever_the_order),
    WITH_RIG(foreign_memory_lives_until_the_last_of_them_whatever_the_order),
    WITH_RIG(slices_pin_their_segments),
    WITH_RIG(thousands_of_slices_of_one_buffer),
    WITH_RIG(threads_slice_one_buffer_at_once),
};

HO_TEST_MAIN(tests)
