/* SPDX-License-Identifier: MIT */
/* Each counter in its own small scenario. */
#include "rig.h"

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT), SERVICE_OPTS(.lane_slots = 8));
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

static void a_fresh_rig_has_counted_nothing(void **state)
{
    (void)state;
    ho_service_stats s = rig_stats(r.service), zero = {.size = sizeof zero, .service = s.service};
    CHECK(s.service != 0);
    assert_memory_equal(&s, &zero, sizeof s);
    ho_arena_stats a = rig_arena_stats(r.arena), none = {.size = sizeof none, .shards = 1};
    assert_memory_equal(&a, &none, sizeof a);
}

static void messages_are_counted_in_out_and_back(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5; i++)
        rig_send(r.shard, r.producer, i, 100 + i);
    ho_service_stats s = rig_stats(r.service);
    CHECK(s.messages_in == 5 && s.bytes_in == 510);
    CHECK(s.messages_out == 0 && s.bytes_out == 0 && s.undelivered == 5);
    ho_arena_stats a = rig_arena_stats(r.arena);
    CHECK(a.bytes_live == 510 && a.buffers_out == 5 && a.loans_out == 0);
    ho_buf bufs[3];
    for (size_t i = 0; i < 3; i++)
        bufs[i] = rig_take(r.consumer);
    s = rig_stats(r.service);
    CHECK(s.messages_out == 3 && s.bytes_out == 303 && s.undelivered == 2);
    a = rig_arena_stats(r.arena);
    CHECK(a.bytes_live == 510 && a.buffers_out == 5);
    CHECK_STATUS(ho_return(r.domain, bufs, 2, NULL), HO_OK);
    a = rig_arena_stats(r.arena);
    CHECK(a.bytes_live == 309 && a.buffers_out == 3);
    rig_return(r.domain, &bufs[2]);
    CHECK(rig_drain(&r) == 2);
    s = rig_stats(r.service);
    CHECK(s.messages_in == 5 && s.messages_out == 5 && s.undelivered == 0);
    CHECK(s.bytes_in == 510 && s.bytes_out == 510);
    CHECK(s.messages_dropped == 0 && s.full == 0);
    a = rig_arena_stats(r.arena);
    CHECK(a.buffers_out == 0 && a.bytes_live == 0 && a.copies == 0 && a.full == 0);
}

static void loans_are_out_but_not_live(void **state)
{
    (void)state;
    ho_buf loans[2] = {rig_loan(r.shard, 1, 1000), rig_loan(r.shard, 2, 1000)};
    ho_arena_stats a = rig_arena_stats(r.arena);
    CHECK(a.loans_out == 2 && a.buffers_out == 0 && a.bytes_live == 0);
    CHECK(rig_stats(r.service).messages_in == 0);
    CHECK_STATUS(ho_abort(r.shard, loans, 2, NULL), HO_OK);
    a = rig_arena_stats(r.arena);
    CHECK(a.loans_out == 0 && a.buffers_out == 0 && a.bytes_live == 0);
}

static void every_full_is_counted_once(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 8; i++)
        rig_send(r.shard, r.producer, i, 10);
    ho_buf loans[2] = {rig_loan(r.shard, 1, 10), rig_loan(r.shard, 1, 10)};
    CHECK_STATUS(ho_commit(r.producer, loans, 2, 0, NULL), HO_FULL);
    CHECK(rig_stats(r.service).full == 1);
    CHECK_STATUS(rig_copy(r.producer, "abc", 3, 1, 0), HO_FULL);
    CHECK(rig_stats(r.service).full == 2);
    CHECK(rig_arena_stats(r.arena).full == 0 && rig_arena_stats(r.arena).copies == 0);
    CHECK_STATUS(ho_abort(r.shard, loans, 2, NULL), HO_OK);
}

static void a_full_arena_is_counted_there_and_where_it_was_told(void **state)
{
    (void)state;
    ho_buf loans[4], more;
    for (size_t i = 0; i < 4; i++)
        CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT, NULL, &loans[i]), HO_OK);
    CHECK_STATUS(ho_reserve(r.shard, 1, NULL, &more), HO_FULL);
    CHECK(rig_arena_stats(r.arena).full == 1 && rig_stats(r.service).full == 0);
    CHECK_STATUS(rig_copy(r.producer, "abc", 3, 1, 0), HO_FULL);
    CHECK(rig_arena_stats(r.arena).full == 2 && rig_stats(r.service).full == 1);
    CHECK_STATUS(ho_abort(r.shard, loans, 4, NULL), HO_OK);
}

static void copies_are_counted_where_they_lie(void **state)
{
    (void)state;
    CHECK_STATUS(rig_copy(r.producer, "abc", 3, 1, 0), HO_OK);
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    CHECK(rig_arena_stats(r.arena).copies == 1);
    ho_arena *other = rig_arena(r.domain, NULL);
    ho_shard *shard = rig_shard(other);
    CHECK_STATUS(ho_compact(shard, &buf), HO_OK);
    ho_arena_stats a = rig_arena_stats(other);
    CHECK(a.copies == 1 && a.foreign_out == 1 && a.allocs_out == 1 && a.alloc_bytes_live == 16);
    a = rig_arena_stats(r.arena);
    CHECK(a.copies == 1 && a.buffers_out == 0 && a.bytes_live == 0);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(other, 0, NULL), HO_OK);
}

static void segments_are_counted_in_use_held_and_at_their_peak(void **state)
{
    (void)state;
    ho_buf loans[3];
    for (size_t i = 0; i < 3; i++) {
        CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
        ho_arena_stats s = rig_arena_stats(r.arena);
        CHECK(s.segments_in_use == i + 1 && s.segments_peak == i + 1 && s.segments_held == i + 1);
    }
    CHECK_STATUS(ho_abort(r.shard, loans, 3, NULL), HO_OK);
    ho_arena_stats s = rig_arena_stats(r.arena);
    CHECK(s.segments_in_use == 1); /* the open one */
    CHECK(s.segments_peak == 3 && s.segments_held == 3);
}

static void dead_bytes_wait_for_their_segment(void **state)
{
    (void)state;
    ho_buf bufs[4];
    for (uint64_t i = 0; i < 4; i++)
        rig_send(r.shard, r.producer, i, 640);
    for (size_t i = 0; i < 4; i++)
        bufs[i] = rig_take(r.consumer);
    uint64_t before = rig_arena_stats(r.arena).bytes_dead;
    CHECK_STATUS(ho_return(r.domain, bufs, 3, NULL), HO_OK);
    ho_arena_stats s = rig_arena_stats(r.arena);
    CHECK(s.bytes_dead == before + 3 * 640 && s.bytes_live == 640);
    rig_return(r.domain, &bufs[3]);
}

static void foreign_buffers_are_counted_apart_from_the_arena(void **state)
{
    (void)state;
    rig_owner owner;
    uint8_t byte = 1;
    rig_owner_register(r.domain, HO_RELEASE_DRAIN, &owner);
    ho_buf buf = rig_foreign(owner.owner, &byte, 1, 1);
    CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
    ho_service_stats s = rig_stats(r.service);
    CHECK(s.messages_in == 1 && s.bytes_in == 1);
    ho_arena_stats a = rig_arena_stats(r.arena);
    CHECK(a.foreign_out == 1 && a.buffers_out == 0 && a.bytes_live == 0);
    CHECK(a.segments_in_use == 1); /* of records */
    CHECK(rig_drain(&r) == 1);
    CHECK(rig_arena_stats(r.arena).foreign_out == 1); /* back, but not released */
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 1, NULL), HO_OK);
    CHECK(rig_arena_stats(r.arena).foreign_out == 0);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void counters_outlive_the_ends_that_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        ho_shard *shard = rig_shard(r.arena);
        ho_producer *producer = rig_producer(r.service, shard);
        CHECK(rig_arena_stats(r.arena).shards == 2);
        rig_send(shard, producer, 1, 100);
        CHECK_STATUS(rig_copy(producer, "abc", 3, 1, 0), HO_OK);
        CHECK_STATUS(ho_producer_close(producer), HO_OK);
        CHECK_STATUS(ho_shard_close(shard), HO_OK);
        CHECK(rig_drain(&r) == 2);
        CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
        r.consumer = rig_consumer(r.service);
    }
    ho_service_stats s = rig_stats(r.service);
    CHECK(s.messages_in == 20 && s.messages_out == 20);
    CHECK(s.bytes_in == 1030 && s.bytes_out == 1030);
    CHECK(rig_arena_stats(r.arena).copies == 10 && rig_arena_stats(r.arena).shards == 1);
}

static void stats_of_another_size_are_written_as_far_as_both_know(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 1, 10);
    struct {
        ho_service_stats known;
        uint8_t tail[64];
    } s;
    memset(&s, 0xa5, sizeof s);
    s.known.size = HO_SERVICE_STATS_MIN;
    CHECK_STATUS(ho_service_stats_get(r.service, &s.known), HO_OK);
    CHECK(s.known.size == HO_SERVICE_STATS_MIN && s.known.messages_in == 1);
    for (size_t at = HO_SERVICE_STATS_MIN; at < sizeof s; at++)
        CHECK(((const uint8_t *)&s)[at] == 0xa5);
    s.known.size = sizeof s;
    CHECK_STATUS(ho_service_stats_get(r.service, &s.known), HO_OK);
    CHECK(s.known.size == sizeof s && s.known.messages_in == 1 && s.known.undelivered == 1);
    struct {
        ho_arena_stats known;
        uint8_t tail[64];
    } a;
    memset(&a, 0xa5, sizeof a);
    a.known.size = HO_ARENA_STATS_MIN;
    CHECK_STATUS(ho_arena_stats_get(r.arena, &a.known), HO_OK);
    CHECK(a.known.size == HO_ARENA_STATS_MIN && a.known.buffers_out == 1);
    for (size_t at = HO_ARENA_STATS_MIN; at < sizeof a; at++)
        CHECK(((const uint8_t *)&a)[at] == 0xa5);
    a.known.size = sizeof a;
    CHECK_STATUS(ho_arena_stats_get(r.arena, &a.known), HO_OK);
    CHECK(a.known.size == sizeof a && a.known.buffers_out == 1 && a.known.bytes_live == 10);
}

static void stats_refuse_null_and_short_structs(void **state)
{
    (void)state;
    ho_service_stats s = {.size = HO_SERVICE_STATS_MIN - 1}, before = s;
    CHECK_STATUS(ho_service_stats_get(r.service, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_service_stats_get(r.service, &s), HO_E_SIZE);
    assert_memory_equal(&s, &before, sizeof s);
    s.size = 0;
    CHECK_STATUS(ho_service_stats_get(r.service, &s), HO_E_SIZE);
    s.size = sizeof s;
    CHECK_STATUS(ho_service_stats_get(NULL, &s), HO_E_HANDLE);
    ho_arena_stats a = {.size = HO_ARENA_STATS_MIN - 1}, same = a;
    CHECK_STATUS(ho_arena_stats_get(r.arena, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_arena_stats_get(r.arena, &a), HO_E_SIZE);
    assert_memory_equal(&a, &same, sizeof a);
    a.size = sizeof a;
    CHECK_STATUS(ho_arena_stats_get(NULL, &a), HO_E_HANDLE);
}

static _Atomic uint32_t reading;

static void read_on(void *arg)
{
    (void)arg;
    while (reading)
        (void)rig_arena_stats(r.arena);
}

/* What was a record is a user's byte in the next life of its segment: whoever counts must not look there then. For the
 * thread sanitizer. */
static void counters_are_read_while_records_become_bytes(void **state)
{
    (void)state;
    static uint8_t memory[8];
    harness_thread reader;
    rig_owner owner;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    reading = 1;
    harness_start(&reader, read_on, NULL);
    for (uint32_t i = 0; i < 40000; i++) {
        ho_buf buf = rig_foreign(owner.owner, memory, sizeof memory, i), loan;
        int32_t status = ho_give(r.producer, &buf, 1, 0, NULL);
        CHECK(status == HO_OK || status == HO_FULL);
        if (!status)
            CHECK(rig_drain(&r) == 1);
        if (i % 8 || ho_reserve(r.shard, 4000, NULL, &loan))
            continue;
        memset(loan.ptr, 0xee, loan.cap);
        loan.len = 4000;
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
        CHECK(rig_drain(&r) == 1);
    }
    reading = 0;
    harness_join(&reader);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_fresh_rig_has_counted_nothing),
    WITH_RIG(messages_are_counted_in_out_and_back),
    WITH_RIG(loans_are_out_but_not_live),
    WITH_RIG(every_full_is_counted_once),
    WITH_RIG(a_full_arena_is_counted_there_and_where_it_was_told),
    WITH_RIG(copies_are_counted_where_they_lie),
    WITH_RIG(segments_are_counted_in_use_held_and_at_their_peak),
    WITH_RIG(dead_bytes_wait_for_their_segment),
    WITH_RIG(foreign_buffers_are_counted_apart_from_the_arena),
    WITH_RIG(counters_outlive_the_ends_that_counted),
    WITH_RIG(counters_are_read_while_records_become_bytes),
    WITH_RIG(stats_of_another_size_are_written_as_far_as_both_know),
    WITH_RIG(stats_refuse_null_and_short_structs),
};

HO_TEST_MAIN(tests)
