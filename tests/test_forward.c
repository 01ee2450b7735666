/* SPDX-License-Identifier: MIT */
/* Forwarding: through several services, in place. */
#include "rig.h"

#define LANE 8u

static rig r; /* the first service; the others are in the same domain */
static ho_service *service[3];
static ho_producer *producer[3];
static ho_consumer *consumer[3];
static rig hop[3]; /* each service with the arena that all of them share */
static rig_owner owner;
static uint8_t memory[100];

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    service[0] = r.service;
    producer[0] = r.producer;
    consumer[0] = r.consumer;
    for (size_t i = 1; i < 3; i++) {
        service[i] = rig_service(r.domain, SERVICE_OPTS(.lane_slots = LANE));
        producer[i] = rig_producer(service[i], r.shard);
        consumer[i] = rig_consumer(service[i]);
    }
    for (size_t i = 0; i < 3; i++)
        hop[i] = (rig){.arena = r.arena, .service = service[i]};
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        rig_check_quiet(&hop[i]);
    for (size_t i = 1; i < 3; i++) {
        CHECK_STATUS(ho_producer_close(producer[i]), HO_OK);
        CHECK_STATUS(ho_consumer_close(consumer[i]), HO_OK);
    }
    rig_close(&r);
    return 0;
}

static ho_buf take(size_t i)
{
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(consumer[i], &buf, 1, &taken), HO_OK);
    return buf;
}

static int32_t forward(size_t to, ho_buf *bufs, uint32_t count)
{
    return ho_forward(producer[to], bufs, count, 0, NULL);
}

static ho_buf of_kind(uint8_t kind)
{
    ho_buf buf = rig_foreign(owner.owner, memory, sizeof memory, 5);
    if (kind == HO_KIND_FOREIGN)
        CHECK_STATUS(ho_give(producer[0], &buf, 1, 0, NULL), HO_OK);
    else
        rig_send(r.shard, producer[0], 1, 100);
    buf = take(0);
    if (kind == HO_KIND_SLICE) {
        ho_buf slice;
        CHECK_STATUS(ho_slice(r.domain, &buf, 10, 50, &slice), HO_OK);
        rig_return(r.domain, &buf);
        buf = slice;
    }
    CHECK(buf.kind == kind);
    return buf;
}

static void every_kind_goes_through_three_services_in_place(void **state)
{
    (void)state;
    for (uint8_t kind = HO_KIND_ARENA; kind <= HO_KIND_SLICE; kind++) {
        ho_buf buf = of_kind(kind), first = buf;
        CHECK(buf.service == rig_stats(service[0]).service);
        for (size_t i = 1; i < 3; i++) {
            buf.key = 100 + i;
            buf.value = 200 + i;
            uint32_t accepted = 0;
            CHECK_STATUS(ho_forward(producer[i], &buf, 1, 0, &accepted), HO_OK);
            CHECK(accepted == 1);
            CHECK_EMPTY(&buf);
            buf = take(i);
            CHECK(buf.ptr == first.ptr && buf.len == first.len && buf.kind == kind);
            CHECK(buf.handle == first.handle && buf.owner == first.owner);
            CHECK(buf.key == 100 + i && buf.value == 200 + i);
            CHECK(buf.service == rig_stats(service[i]).service);
        }
        rig_return(r.domain, &buf);
    }
    CHECK(owner.releases == 1 && owner.cancelled == 0);
    ho_service_stats s[3];
    for (size_t i = 0; i < 3; i++)
        s[i] = rig_stats(service[i]);
    for (size_t i = 0; i < 3; i++)
        CHECK(s[i].messages_in == 3 && s[i].messages_out == 3 && s[i].messages_dropped == 0);
    CHECK(rig_arena_stats(r.arena).copies == 0);
}

static void a_holder_may_trim_and_mark_before_it_forwards(void **state)
{
    (void)state;
    ho_buf buf = of_kind(HO_KIND_ARENA);
    uint8_t *ptr = buf.ptr;
    buf.ptr += 10;
    buf.cap -= 10;
    buf.len = 20;
    buf.value = 0xdead;
    buf.flags = 0x8001;
    CHECK_STATUS(forward(1, &buf, 1), HO_OK);
    buf = take(1);
    CHECK(buf.ptr == ptr + 10 && buf.len == 20 && buf.value == 0xdead && buf.flags == 0x8001);
    rig_return(r.domain, &buf);
}

static void a_buffer_may_go_round_its_own_service(void **state)
{
    (void)state;
    ho_buf buf = of_kind(HO_KIND_ARENA);
    for (int i = 0; i < 100; i++) {
        CHECK_STATUS(forward(0, &buf, 1), HO_OK);
        buf = rig_take(consumer[0]);
        CHECK(rig_arena_stats(r.arena).buffers_out == 1);
    }
    rig_return(r.domain, &buf);
    CHECK(rig_stats(service[0]).messages_in == 101 && rig_stats(service[0]).messages_out == 101);
}

static void forward_refuses_loans_and_empty_descriptors(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 10), empty = {0};
    CHECK_REFUSED(&hop[1], &loan, 1, forward(1, &loan, 1), HO_E_KIND);
    CHECK_REFUSED(&hop[1], &empty, 1, forward(1, &empty, 1), HO_E_KIND);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
}

static void forward_refuses_null_flags_routes_and_stale_ones(void **state)
{
    (void)state;
    uint32_t accepted = 77;
    CHECK_STATUS(ho_forward(producer[1], NULL, 0, 0, &accepted), HO_OK);
    CHECK(accepted == 0);
    accepted = 77;
    CHECK_STATUS(ho_forward(producer[1], NULL, 1, 0, &accepted), HO_E_INVAL);
    CHECK(accepted == 0);
    for (uint8_t kind = HO_KIND_ARENA; kind <= HO_KIND_SLICE; kind++) {
        ho_buf buf = of_kind(kind);
        CHECK_REFUSED(&hop[1], &buf, 1, ho_forward(NULL, &buf, 1, 0, NULL), HO_E_HANDLE);
        CHECK_REFUSED(&hop[1], &buf, 1, ho_forward(producer[1], &buf, 1, 0x40000000u, NULL),
                      HO_E_FLAGS);
        buf.flags = HO_BUF_PARTITION;
        buf.partition = 3;
        CHECK_REFUSED(&hop[1], &buf, 1, forward(1, &buf, 1), HO_E_ROUTE);
        buf.flags = 0x00100000u;
        CHECK_REFUSED(&hop[1], &buf, 1, forward(1, &buf, 1), HO_E_FLAGS);
        buf.flags = 0;
        ho_buf stale = buf;
        rig_return(r.domain, &buf);
        CHECK_REFUSED(&hop[1], &stale, 1, forward(1, &stale, 1), HO_E_STALE);
    }
}

static void forward_refuses_lengths_over_the_capacity(void **state)
{
    (void)state;
    for (uint8_t kind = HO_KIND_ARENA; kind <= HO_KIND_SLICE; kind++) {
        ho_buf buf = of_kind(kind), bad = buf;
        bad.len = buf.cap + 1;
        CHECK_REFUSED(&hop[1], &bad, 1, forward(1, &bad, 1), HO_E_RANGE);
        bad.len = UINT64_MAX;
        CHECK_REFUSED(&hop[1], &bad, 1, forward(1, &bad, 1), HO_E_RANGE);
        rig_return(r.domain, &buf);
    }
}

static void forward_keeps_what_the_full_lane_refuses(void **state)
{
    (void)state;
    ho_buf bufs[LANE + 3], rest[3];
    for (size_t i = 0; i < LANE + 3; i++)
        bufs[i] = of_kind((uint8_t)(HO_KIND_ARENA + i % 3));
    memcpy(rest, &bufs[LANE], sizeof rest);
    uint32_t accepted = 77;
    CHECK_STATUS(ho_forward(producer[1], bufs, LANE + 3, 0, &accepted), HO_FULL);
    CHECK(accepted == LANE);
    assert_memory_equal(rest, &bufs[LANE], sizeof rest);
    CHECK_REFUSED(&hop[1], &bufs[LANE], 3, forward(1, &bufs[LANE], 3), HO_FULL);
    CHECK(rig_drain_consumer(r.domain, consumer[1]) == LANE);
    CHECK_STATUS(forward(1, &bufs[LANE], 3), HO_OK);
    CHECK(rig_drain_consumer(r.domain, consumer[1]) == 3);
}

static void a_forwarded_batch_stops_at_the_first_bad_one(void **state)
{
    (void)state;
    ho_buf bufs[3] = {of_kind(HO_KIND_ARENA), {0}, of_kind(HO_KIND_FOREIGN)}, last = bufs[2];
    uint32_t accepted = 77;
    CHECK_STATUS(ho_forward(producer[1], bufs, 3, 0, &accepted), HO_E_KIND);
    CHECK(accepted == 1);
    CHECK_EMPTY(&bufs[0]);
    assert_memory_equal(&last, &bufs[2], sizeof last);
    CHECK(rig_drain_consumer(r.domain, consumer[1]) == 1);
    rig_return(r.domain, &bufs[2]);
}

static void of_two_copies_one_is_forwarded(void **state)
{
    (void)state;
    for (uint8_t kind = HO_KIND_ARENA; kind <= HO_KIND_SLICE; kind++) {
        ho_buf buf = of_kind(kind), copy = buf, slice;
        CHECK_STATUS(forward(1, &buf, 1), HO_OK);
        for (int taken = 0; taken < 2; taken++) {
            CHECK_REFUSED(&hop[2], &copy, 1, forward(2, &copy, 1), HO_E_STALE);
            CHECK_STATUS(ho_slice(r.domain, &copy, 0, 1, &slice), HO_E_STALE);
            CHECK_STATUS(ho_compact(r.shard, &copy), HO_E_STALE);
            if (!taken)
                buf = take(1);
        }
        CHECK_STATUS(forward(2, &buf, 1), HO_OK); /* whoever took it may */
        buf = take(2);
        CHECK(buf.hops == 2);
        rig_return(r.domain, &buf);
    }
    CHECK(owner.releases == 1);
}

static void two_copies_in_one_batch_are_one_message(void **state)
{
    (void)state;
    ho_buf buf = of_kind(HO_KIND_ARENA), both[2] = {buf, buf};
    uint32_t accepted = 77;
    CHECK_STATUS(ho_forward(producer[1], both, 2, 0, &accepted), HO_E_STALE);
    CHECK(accepted == 1);
    CHECK(rig_drain_consumer(r.domain, consumer[1]) == 1);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(every_kind_goes_through_three_services_in_place),
    WITH_RIG(a_holder_may_trim_and_mark_before_it_forwards),
    WITH_RIG(a_buffer_may_go_round_its_own_service),
    WITH_RIG(forward_refuses_loans_and_empty_descriptors),
    WITH_RIG(forward_refuses_null_flags_routes_and_stale_ones),
    WITH_RIG(forward_refuses_lengths_over_the_capacity),
    WITH_RIG(forward_keeps_what_the_full_lane_refuses),
    WITH_RIG(a_forwarded_batch_stops_at_the_first_bad_one),
    WITH_RIG(of_two_copies_one_is_forwarded),
    WITH_RIG(two_copies_in_one_batch_are_one_message),
};

HO_TEST_MAIN(tests)
