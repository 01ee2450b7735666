/* SPDX-License-Identifier: MIT */
/* The two calls that copy: into a shard, and a small copy instead of a slice that pins a segment. */
#include "rig.h"

#define LANE 8u

static rig r;
static rig_owner owner;
static uint8_t memory[2 * RIG_SEGMENT];

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 2 * RIG_SEGMENT), SERVICE_OPTS(.lane_slots = LANE));
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_drain(&r);
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static ho_buf foreign_buffer(uint64_t len)
{
    ho_buf buf = rig_foreign(owner.owner, memory, len, 9);
    uint32_t taken;
    buf.key = 6;
    buf.flags = 0x66;
    CHECK_STATUS(ho_give(r.producer, &buf, 1, HO_BY_KEY, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    return buf;
}

static void a_compacted_slice_no_longer_pins(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 8, 4000);
    ho_buf buf = rig_take(r.consumer), slice;
    CHECK_STATUS(ho_ref(r.domain, &buf, 0, 40, &slice), HO_OK);
    slice.token = 44;
    slice.flags = 0x31;
    rig_return(r.domain, &buf);
    CHECK(rig_arena_stats(r.arena).bytes_pinned == RIG_SEGMENT);
    uint8_t *old = slice.ptr;
    ho_buf before = slice;
    CHECK_STATUS(ho_compact(r.shard, &slice), HO_OK);
    CHECK(slice.ptr != old && slice.len == 40 && slice.cap == 40);
    CHECK(slice.kind == HO_KIND_ARENA && slice.handle != before.handle);
    CHECK(slice.key == 8 && slice.flags == 0x31);
    rig_check_pattern(&slice);
    ho_arena_stats s = rig_arena_stats(r.arena);
    CHECK(s.bytes_pinned == 0 && s.copies == 1 && s.buffers_out == 1);
    CHECK_STATUS(ho_return(r.domain, &before, 1, NULL), HO_E_STALE);
    rig_return(r.domain, &slice);
}

static void a_compacted_foreign_buffer_is_released(void **state)
{
    (void)state;
    memset(memory, 0x3c, 500);
    ho_buf buf = foreign_buffer(500);
    CHECK_STATUS(ho_compact(r.shard, &buf), HO_OK);
    CHECK(owner.releases == 1 && owner.cancelled == 0 && owner.last.token == 9);
    CHECK(buf.kind == HO_KIND_ARENA && buf.owner != owner.owner && buf.token == 0);
    CHECK(buf.key == 6 && buf.flags == 0x66 && buf.len == 500 && buf.cap == 500);
    memset(memory, 0, 500);
    for (size_t i = 0; i < 500; i++)
        CHECK(buf.ptr[i] == 0x3c);
    rig_return(r.domain, &buf);
    CHECK(owner.releases == 1);
}

static void an_arena_buffer_and_an_empty_message_can_be_compacted(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 8, 100);
    ho_buf buf = rig_take(r.consumer);
    buf.token = 1234;
    CHECK_STATUS(ho_compact(r.shard, &buf), HO_OK);
    CHECK(buf.len == 100 && buf.token == 1234);
    rig_check_pattern(&buf);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_give_copy(r.producer, NULL, 0, 3, HO_BY_KEY, 0), HO_OK);
    buf = rig_take(r.consumer);
    CHECK_STATUS(ho_compact(r.shard, &buf), HO_OK);
    CHECK(buf.len == 0 && buf.ptr != NULL && buf.key == 3);
    rig_return(r.domain, &buf);
}

static void only_the_part_that_is_in_view_is_copied(void **state)
{
    (void)state;
    memset(memory, 1, 100);
    memset(memory + 40, 2, 20);
    ho_buf buf = foreign_buffer(100);
    buf.ptr += 40;
    buf.cap -= 40;
    buf.len = 20;
    CHECK_STATUS(ho_compact(r.shard, &buf), HO_OK);
    CHECK(buf.len == 20 && buf.cap == 20);
    for (size_t i = 0; i < 20; i++)
        CHECK(buf.ptr[i] == 2);
    CHECK(owner.last.base == memory && owner.last.size == 100);
    rig_return(r.domain, &buf);
}

static void compact_refuses_null_loans_empty_and_stale_ones(void **state)
{
    (void)state;
    ho_buf empty = {0}, loan = rig_loan(r.shard, 1, 10);
    CHECK_STATUS(ho_compact(r.shard, NULL), HO_E_INVAL);
    CHECK_REFUSED(&r, &empty, 1, ho_compact(r.shard, &empty), HO_E_KIND);
    CHECK_REFUSED(&r, &loan, 1, ho_compact(r.shard, &loan), HO_E_KIND);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    rig_send(r.shard, r.producer, 8, 100);
    ho_buf buf = rig_take(r.consumer), copy = buf;
    CHECK_REFUSED(&r, &buf, 1, ho_compact(NULL, &buf), HO_E_HANDLE);
    rig_return(r.domain, &buf);
    CHECK_REFUSED(&r, &copy, 1, ho_compact(r.shard, &copy), HO_E_STALE);
}

static void what_is_larger_than_the_budget_can_not_be_compacted(void **state)
{
    (void)state;
    static uint8_t large[2 * RIG_SEGMENT + 1];
    ho_buf buf = rig_foreign(owner.owner, large, sizeof large, 9);
    uint32_t taken;
    CHECK_STATUS(ho_give(r.producer, &buf, 1, HO_BY_KEY, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    CHECK_REFUSED(&r, &buf, 1, ho_compact(r.shard, &buf), HO_E_RANGE);
    CHECK(owner.releases == 0);
    rig_return(r.domain, &buf);
}

static void compact_keeps_the_original_when_the_budget_is_full(void **state)
{
    (void)state;
    ho_buf buf = foreign_buffer(100), loans[64];
    uint32_t count = 0;
    for (uint64_t bytes = RIG_SEGMENT / 4; bytes >= 1024; bytes /= 4)
        while (count < 64 && ho_reserve(r.shard, bytes, NULL, &loans[count]) == HO_OK)
            count++;
    while (count < 64 && ho_reserve(r.shard, 64, NULL, &loans[count]) == HO_OK)
        count++;
    CHECK(count < 64);
    CHECK_REFUSED(&r, &buf, 1, ho_compact(r.shard, &buf), HO_FULL);
    CHECK(owner.releases == 0);
    CHECK_STATUS(ho_abort(r.shard, loans, count, NULL), HO_OK);
    CHECK_STATUS(ho_compact(r.shard, &buf), HO_OK);
    CHECK(owner.releases == 1);
    rig_return(r.domain, &buf);
}

static void give_copy_copies_and_delivers(void **state)
{
    (void)state;
    uint8_t bytes[777];
    memset(bytes, 0x42, sizeof bytes);
    CHECK_STATUS(ho_give_copy(r.producer, bytes, sizeof bytes, 5, HO_BY_KEY, 0), HO_OK);
    memset(bytes, 0, sizeof bytes);
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    CHECK(buf.kind == HO_KIND_ARENA && buf.key == 5 && buf.len == sizeof bytes);
    for (size_t i = 0; i < buf.len; i++)
        CHECK(buf.ptr[i] == 0x42);
    CHECK(rig_arena_stats(r.arena).copies == 1);
    rig_return(r.domain, &buf);
}

static void give_copy_of_nothing_is_an_empty_message(void **state)
{
    (void)state;
    CHECK_STATUS(ho_give_copy(r.producer, NULL, 0, 5, HO_BY_KEY, 0), HO_OK);
    ho_buf buf = rig_take(r.consumer);
    CHECK(buf.len == 0 && buf.ptr != NULL && buf.key == 5);
    rig_return(r.domain, &buf);
    CHECK_REFUSED(&r, NULL, 0, ho_give_copy(r.producer, NULL, 1, 5, HO_BY_KEY, 0), HO_E_INVAL);
}

static void give_copy_refuses_what_can_not_go_and_keeps_no_memory(void **state)
{
    (void)state;
    static uint8_t bytes[2 * RIG_SEGMENT + 1];
    ho_buf first = rig_loan(r.shard, 1, 64); /* the arena has its first segment */
    CHECK_REFUSED(&r, NULL, 0, ho_give_copy(r.producer, bytes, sizeof bytes, 5, HO_BY_KEY, 0),
                  HO_E_RANGE);
    CHECK_REFUSED(&r, NULL, 0, ho_give_copy(r.producer, bytes, UINT64_MAX, 5, HO_BY_KEY, 0),
                  HO_E_RANGE);
    CHECK_REFUSED(&r, NULL, 0, ho_give_copy(r.producer, bytes, 10, 5, HO_BY_KEY, 0x80000000u),
                  HO_E_FLAGS);
    CHECK_REFUSED(&r, NULL, 0, ho_give_copy(r.producer, bytes, 10, 5, 0, 0), HO_E_ROUTE);
    CHECK_STATUS(ho_give_copy(NULL, bytes, 10, 5, HO_BY_KEY, 0), HO_E_HANDLE);
    for (uint64_t i = 0; i < LANE; i++)
        CHECK_STATUS(ho_give_copy(r.producer, bytes, 10, 5, HO_BY_KEY, 0), HO_OK);
    uint64_t copies = rig_arena_stats(r.arena).copies;
    for (int i = 0; i < 100000; i++) /* more than the budget if one byte of it were kept */
        CHECK_STATUS(ho_give_copy(r.producer, bytes, 1000, 5, HO_BY_KEY, 0), HO_FULL);
    CHECK(rig_arena_stats(r.arena).copies == copies);
    CHECK(rig_arena_stats(r.arena).buffers_out == LANE && rig_arena_stats(r.arena).loans_out == 1);
    CHECK_STATUS(ho_abort(r.shard, &first, 1, NULL), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(give_copy_copies_and_delivers),
    WITH_RIG(give_copy_of_nothing_is_an_empty_message),
    WITH_RIG(give_copy_refuses_what_can_not_go_and_keeps_no_memory),
    WITH_RIG(a_compacted_slice_no_longer_pins),
    WITH_RIG(a_compacted_foreign_buffer_is_released),
    WITH_RIG(an_arena_buffer_and_an_empty_message_can_be_compacted),
    WITH_RIG(only_the_part_that_is_in_view_is_copied),
    WITH_RIG(compact_refuses_null_loans_empty_and_stale_ones),
    WITH_RIG(what_is_larger_than_the_budget_can_not_be_compacted),
    WITH_RIG(compact_keeps_the_original_when_the_budget_is_full),
};

HO_TEST_MAIN(tests)
