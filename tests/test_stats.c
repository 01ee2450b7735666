/* SPDX-License-Identifier: MIT */
/* The counters, each in its own small scene. */
#include "rig.h"

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, SERVICE_OPTS(.lane_slots = 8, .budget_bytes = 4 * RIG_SEGMENT));
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_drain(&r);
    rig_check_quiet(r.service);
    rig_close(&r);
    return 0;
}

static void a_fresh_service_has_counted_nothing(void **state)
{
    (void)state;
    ho_stats s = rig_stats(r.service), zero = {.size = sizeof zero, .service = s.service};
    CHECK(s.service != 0);
    assert_memory_equal(&s, &zero, sizeof s);
}

static void messages_are_counted_in_out_and_back(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5; i++)
        rig_send(r.producer, i, 100 + i);
    ho_stats s = rig_stats(r.service);
    CHECK(s.messages_in == 5 && s.bytes_in == 510);
    CHECK(s.messages_out == 0 && s.bytes_out == 0 && s.undelivered == 5);
    CHECK(s.messages_returned == 0 && s.bytes_live == 510 && s.buffers_out == 5);
    ho_buf bufs[3];
    for (size_t i = 0; i < 3; i++)
        bufs[i] = rig_take(r.consumer);
    s = rig_stats(r.service);
    CHECK(s.messages_out == 3 && s.bytes_out == 303 && s.undelivered == 2);
    CHECK(s.messages_returned == 0 && s.bytes_live == 510);
    CHECK_STATUS(ho_return(r.domain, bufs, 2, NULL), HO_OK);
    s = rig_stats(r.service);
    CHECK(s.messages_returned == 2 && s.bytes_returned == 201);
    CHECK(s.bytes_live == 309 && s.buffers_out == 3);
    rig_return(r.domain, &bufs[2]);
    CHECK(rig_drain(&r) == 2);
    s = rig_stats(r.service);
    CHECK(s.messages_in == 5 && s.messages_out == 5 && s.messages_returned == 5);
    CHECK(s.bytes_in == 510 && s.bytes_out == 510 && s.bytes_returned == 510);
    CHECK(s.messages_dropped == 0 && s.full == 0 && s.copies == 0);
}

static void loans_are_out_but_not_live(void **state)
{
    (void)state;
    ho_buf loans[2] = {rig_loan(r.producer, 1, 1000), rig_loan(r.producer, 2, 1000)};
    ho_stats s = rig_stats(r.service);
    CHECK(s.buffers_out == 2 && s.bytes_live == 0 && s.messages_in == 0);
    CHECK_STATUS(ho_abort(r.producer, loans, 2, NULL), HO_OK);
    s = rig_stats(r.service);
    CHECK(s.buffers_out == 0 && s.messages_returned == 0 && s.bytes_returned == 0);
}

static void every_full_is_counted_once(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 8; i++)
        rig_send(r.producer, i, 10);
    ho_buf loans[2] = {rig_loan(r.producer, 1, 10), rig_loan(r.producer, 1, 10)};
    CHECK_STATUS(ho_commit(r.producer, loans, 2, HO_BY_KEY, 0, NULL), HO_FULL);
    CHECK(rig_stats(r.service).full == 1);
    CHECK_STATUS(ho_give_copy(r.producer, "abc", 3, 1, HO_BY_KEY, 0), HO_FULL);
    CHECK(rig_stats(r.service).full == 2);
    CHECK_STATUS(ho_abort(r.producer, loans, 2, NULL), HO_OK);
}

static void segments_are_counted_in_use_held_and_at_their_peak(void **state)
{
    (void)state;
    ho_buf loans[3];
    for (size_t i = 0; i < 3; i++) {
        CHECK_STATUS(ho_reserve(r.producer, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
        ho_stats s = rig_stats(r.service);
        CHECK(s.segments_in_use == i + 1 && s.segments_peak == i + 1 && s.segments_held == i + 1);
    }
    CHECK_STATUS(ho_abort(r.producer, loans, 3, NULL), HO_OK);
    ho_stats s = rig_stats(r.service);
    CHECK(s.segments_in_use == 1); /* the open one */
    CHECK(s.segments_peak == 3 && s.segments_held == 3);
}

static void dead_bytes_wait_for_their_segment(void **state)
{
    (void)state;
    ho_buf bufs[4];
    for (uint64_t i = 0; i < 4; i++)
        rig_send(r.producer, i, 640);
    for (size_t i = 0; i < 4; i++)
        bufs[i] = rig_take(r.consumer);
    uint64_t before = rig_stats(r.service).bytes_dead;
    CHECK_STATUS(ho_return(r.domain, bufs, 3, NULL), HO_OK);
    ho_stats s = rig_stats(r.service);
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
    CHECK_STATUS(ho_give(r.producer, &buf, 1, HO_BY_KEY, 0, NULL), HO_OK);
    ho_stats s = rig_stats(r.service);
    CHECK(s.messages_in == 1 && s.bytes_in == 1 && s.foreign_out == 1);
    CHECK(s.buffers_out == 0 && s.bytes_live == 0);
    CHECK(rig_drain(&r) == 1);
    CHECK(rig_stats(r.service).foreign_out == 1); /* back, but not released */
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 1, NULL), HO_OK);
    s = rig_stats(r.service);
    CHECK(s.foreign_out == 0 && s.messages_returned == 1 && s.bytes_returned == 1);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void counters_outlive_the_ends_that_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        ho_producer *producer = rig_producer(r.service);
        rig_send(producer, 1, 100);
        CHECK_STATUS(ho_producer_close(producer), HO_OK);
        CHECK(rig_drain(&r) == 1);
        CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
        r.consumer = rig_consumer(r.service);
    }
    ho_stats s = rig_stats(r.service);
    CHECK(s.messages_in == 10 && s.messages_out == 10 && s.messages_returned == 10);
    CHECK(s.bytes_in == 1000 && s.bytes_out == 1000 && s.bytes_returned == 1000);
}

static void stats_of_another_size_are_written_as_far_as_both_know(void **state)
{
    (void)state;
    rig_send(r.producer, 1, 10);
    struct {
        ho_stats known;
        uint8_t tail[64];
    } s;
    memset(&s, 0xa5, sizeof s);
    s.known.size = HO_STATS_MIN;
    CHECK_STATUS(ho_stats_get(r.service, &s.known), HO_OK);
    CHECK(s.known.size == HO_STATS_MIN && s.known.messages_in == 1);
    for (size_t at = HO_STATS_MIN; at < sizeof s; at++)
        CHECK(((const uint8_t *)&s)[at] == 0xa5);
    s.known.size = sizeof s;
    CHECK_STATUS(ho_stats_get(r.service, &s.known), HO_OK);
    CHECK(s.known.size == sizeof s && s.known.messages_in == 1 && s.known.undelivered == 1);
}

static void stats_refuse_null_and_short_structs(void **state)
{
    (void)state;
    ho_stats s = {.size = HO_STATS_MIN - 1}, before = s;
    CHECK_STATUS(ho_stats_get(r.service, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_stats_get(r.service, &s), HO_E_SIZE);
    assert_memory_equal(&s, &before, sizeof s);
    s.size = 0;
    CHECK_STATUS(ho_stats_get(r.service, &s), HO_E_SIZE);
    s.size = sizeof s;
    CHECK_STATUS(ho_stats_get(NULL, &s), HO_E_HANDLE);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_fresh_service_has_counted_nothing),
    WITH_RIG(messages_are_counted_in_out_and_back),
    WITH_RIG(loans_are_out_but_not_live),
    WITH_RIG(every_full_is_counted_once),
    WITH_RIG(segments_are_counted_in_use_held_and_at_their_peak),
    WITH_RIG(dead_bytes_wait_for_their_segment),
    WITH_RIG(foreign_buffers_are_counted_apart_from_the_arena),
    WITH_RIG(counters_outlive_the_ends_that_counted),
    WITH_RIG(stats_of_another_size_are_written_as_far_as_both_know),
    WITH_RIG(stats_refuse_null_and_short_structs),
};

HO_TEST_MAIN(tests)
