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
    buf.value = 99;
    buf.flags = 0x66;
    CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    return buf;
}

static void a_compacted_slice_no_longer_pins(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 8, 4000);
    ho_buf buf = rig_take(r.consumer), slice;
    CHECK_STATUS(ho_slice(r.domain, &buf, 0, 40, &slice), HO_OK);
    slice.value = 44;
    slice.flags = 0x31;
    rig_return(r.domain, &buf);
    CHECK(rig_arena_stats(r.arena).bytes_pinned == RIG_SEGMENT);
    uint8_t *old = slice.ptr;
    ho_buf before = slice;
    CHECK_STATUS(ho_compact(r.shard, &slice), HO_OK);
    CHECK(slice.ptr != old && slice.len == 40 && slice.cap == 40);
    CHECK(slice.kind == HO_KIND_ARENA && slice.handle != before.handle);
    CHECK(slice.key == 8 && slice.value == 44 && slice.flags == 0x31);
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
    CHECK(buf.kind == HO_KIND_ARENA && buf.owner != owner.owner && buf.value == 99);
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
    buf.value = 1234;
    CHECK_STATUS(ho_compact(r.shard, &buf), HO_OK);
    CHECK(buf.len == 100 && buf.value == 1234);
    rig_check_pattern(&buf);
    rig_return(r.domain, &buf);
    CHECK_STATUS(rig_copy(r.producer, NULL, 0, 3, 0), HO_OK);
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
    CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
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
    CHECK_STATUS(rig_copy(r.producer, bytes, sizeof bytes, 5, 0), HO_OK);
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
    CHECK_STATUS(rig_copy(r.producer, NULL, 0, 5, 0), HO_OK);
    ho_buf buf = rig_take(r.consumer);
    CHECK(buf.len == 0 && buf.ptr != NULL && buf.key == 5);
    rig_return(r.domain, &buf);
    CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, NULL, 1, 5, 0), HO_E_INVAL);
}

static void a_copied_batch_goes_as_far_as_there_is_room(void **state)
{
    (void)state;
    uint8_t bytes[LANE + 3];
    ho_buf from[LANE + 3], same[LANE + 3];
    uint32_t accepted = 77;
    for (uint32_t i = 0; i < LANE + 3; i++) {
        bytes[i] = (uint8_t)(i + 1);
        from[i] = (ho_buf){.ptr = &bytes[i], .len = 1, .key = i, .value = 1000 + i};
    }
    from[2].flags = HO_BUF_PARTITION;
    memcpy(same, from, sizeof from);
    CHECK_STATUS(ho_give_copy(r.producer, from, LANE + 3, HO_MORE, &accepted), HO_FULL);
    CHECK(accepted == LANE);
    assert_memory_equal(same, from, sizeof from); /* borrowed */
    for (uint64_t i = 0; i < LANE; i++) {
        ho_buf buf;
        uint32_t taken;
        CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
        CHECK(buf.key == i && buf.value == 1000 + i && buf.len == 1 && buf.ptr[0] == i + 1);
        CHECK(buf.kind == HO_KIND_ARENA && buf.flags == 0 && buf.partition == 0);
        rig_return(r.domain, &buf);
    }
    accepted = 77;
    CHECK_STATUS(ho_give_copy(r.producer, &from[LANE], 3, 0, &accepted), HO_OK);
    CHECK(accepted == 3);
    CHECK(rig_drain(&r) == 3);
    from[1].ptr = NULL; /* the first is gone, this one stops the rest */
    CHECK_STATUS(ho_give_copy(r.producer, from, 3, 0, &accepted), HO_E_INVAL);
    CHECK(accepted == 1);
    CHECK(rig_drain(&r) == 1);
}

static void give_copy_refuses_what_can_not_go_and_keeps_no_memory(void **state)
{
    (void)state;
    static uint8_t bytes[2 * RIG_SEGMENT + 1];
    /* What concerns the call is looked at before any memory is. */
    CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, bytes, 10, 5, 0x80000000u), HO_E_FLAGS);
    CHECK_REFUSED(&r, NULL, 0, ho_give_copy(r.producer, NULL, 0, 0x80000000u, NULL), HO_E_FLAGS);
    ho_buf first = rig_loan(r.shard, 1, 64); /* the arena has its first segment */
    CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, bytes, sizeof bytes, 5, 0), HO_E_RANGE);
    CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, bytes, UINT64_MAX, 5, 0), HO_E_RANGE);
    CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, bytes, 10, 5, 0x80000000u), HO_E_FLAGS);
    ho_buf from = {.ptr = bytes, .len = 10, .flags = HO_BUF_PARTITION, .partition = 1};
    CHECK_REFUSED(&r, &from, 1, ho_give_copy(r.producer, &from, 1, 0, NULL), HO_E_ROUTE);
    from.flags = 0x00020000u;
    CHECK_REFUSED(&r, &from, 1, ho_give_copy(r.producer, &from, 1, 0, NULL), HO_E_FLAGS);
    CHECK_REFUSED(&r, NULL, 0, ho_give_copy(r.producer, NULL, 1, 0, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_give_copy(r.producer, NULL, 0, 0, NULL), HO_OK);
    CHECK_STATUS(rig_copy(NULL, bytes, 10, 5, 0), HO_E_HANDLE);
    for (uint64_t i = 0; i < LANE; i++)
        CHECK_STATUS(rig_copy(r.producer, bytes, 10, 5, 0), HO_OK);
    uint64_t copies = rig_arena_stats(r.arena).copies;
    for (int i = 0; i < 100000; i++) /* more than the budget if one byte of it were kept */
        CHECK_STATUS(rig_copy(r.producer, bytes, 1000, 5, 0), HO_FULL);
    CHECK(rig_arena_stats(r.arena).copies == copies);
    CHECK(rig_arena_stats(r.arena).buffers_out == LANE && rig_arena_stats(r.arena).loans_out == 1);
    CHECK_STATUS(ho_abort(r.shard, &first, 1, NULL), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(give_copy_copies_and_delivers),
    WITH_RIG(give_copy_of_nothing_is_an_empty_message),
    WITH_RIG(a_copied_batch_goes_as_far_as_there_is_room),
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
