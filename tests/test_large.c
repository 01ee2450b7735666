/* SPDX-License-Identifier: MIT */
/* Messages longer than a segment: a mapping of their own, charged to the arena. */
#include "rig.h"

#include <unistd.h>

#define LARGE (5u * RIG_SEGMENT + 7u)
#define SEGMENTS 6u /* that such a message is charged as */

static rig r;
static uint8_t bytes[LARGE];

static int open_rig(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < LARGE; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 16 * RIG_SEGMENT), SERVICE_OPTS(.lane_slots = 8));
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

static int32_t send_large(void)
{
    return rig_copy(r.producer, bytes, LARGE, 5, 0);
}

static ho_buf take_large(void)
{
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    CHECK(buf.len == LARGE && buf.key == 5 && buf.kind == HO_KIND_FOREIGN);
    CHECK(memcmp(buf.ptr, bytes, LARGE) == 0);
    return buf;
}

static void it_arrives_and_its_memory_goes_back(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) { /* 30 times the budget */
        CHECK_STATUS(send_large(), HO_OK);
        CHECK(rig_arena_stats(r.arena).segments_held >= SEGMENTS);
        CHECK(rig_arena_stats(r.arena).foreign_out == 1);
        ho_buf buf = take_large();
        rig_return(r.domain, &buf);
        CHECK(rig_arena_stats(r.arena).foreign_out == 0);
        CHECK(rig_arena_stats(r.arena).segments_held < SEGMENTS);
    }
    CHECK(rig_arena_stats(r.arena).copies == 100);
}

static void a_slice_keeps_it(void **state)
{
    (void)state;
    ho_buf slice;
    CHECK_STATUS(send_large(), HO_OK);
    ho_buf buf = take_large();
    CHECK_STATUS(ho_slice(r.domain, &buf, LARGE - 10, 10, &slice), HO_OK);
    rig_return(r.domain, &buf);
    CHECK(memcmp(slice.ptr, bytes + LARGE - 10, 10) == 0);
    rig_return(r.domain, &slice);
}

static void the_budget_holds(void **state)
{
    (void)state;
    CHECK_STATUS(send_large(), HO_OK);
    CHECK_STATUS(send_large(), HO_OK);
    CHECK_REFUSED(&r, NULL, 0, send_large(), HO_FULL);
    CHECK(rig_arena_stats(r.arena).segments_held <= 16);
    ho_buf buf = take_large();
    rig_return(r.domain, &buf);
    CHECK_STATUS(send_large(), HO_OK);
}

/* Some memory is left, but too little: that is no reason to try again. */
static void a_refusal_arms_the_descriptor_although_some_is_left(void **state)
{
    (void)state;
    int32_t fd;
    uint64_t count;
    ho_shard *shard = rig_shard(r.arena);
    CHECK_STATUS(ho_shard_fd(shard, &fd), HO_OK);
    ho_producer *producer = rig_producer(r.service, shard);
    CHECK_STATUS(send_large(), HO_OK);
    CHECK_STATUS(send_large(), HO_OK);
    ho_buf first = take_large();
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(rig_copy(producer, bytes, LARGE, 5, 0), HO_FULL);
        CHECK(read(fd, &count, 8) == -1);
    }
    CHECK(rig_arena_stats(r.arena).segments_held < 16);
    rig_return(r.domain, &first);
    CHECK(read(fd, &count, 8) == 8);
    CHECK_STATUS(rig_copy(producer, bytes, LARGE, 5, 0), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK(close(fd) == 0);
}

static void unused_segments_make_way(void **state)
{
    (void)state;
    ho_buf kept[15];
    for (uint32_t i = 0; i < 15; i++)
        kept[i] = rig_loan(r.shard, i, RIG_SEGMENT);
    CHECK_STATUS(ho_abort(r.shard, kept, 15, NULL), HO_OK);
    CHECK_STATUS(send_large(), HO_OK);
    CHECK_STATUS(send_large(), HO_OK);
}

static void one_above_the_budget_is_out_of_range(void **state)
{
    (void)state;
    static uint8_t more[16 * RIG_SEGMENT + 1];
    CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, more, sizeof more, 5, 0), HO_E_RANGE);
}

static void no_budget_is_more_than_an_address_space(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = UINT64_MAX));
    ho_shard *shard = rig_shard(arena);
    ho_producer *producer = rig_producer(r.service, shard);
    CHECK_STATUS(rig_copy(producer, bytes, UINT64_MAX / 2, 5, 0), HO_E_RANGE);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

static void a_full_lane_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        rig_send(r.shard, r.producer, 1, 10);
    uint64_t held = rig_arena_stats(r.arena).segments_held;
    CHECK_STATUS(send_large(), HO_FULL);
    CHECK(rig_arena_stats(r.arena).segments_held <= held + 1); /* one of records */
    CHECK(rig_arena_stats(r.arena).foreign_out == 0);
}

static void dropping_drops_it(void **state)
{
    (void)state;
    ho_service *service =
        rig_service(r.domain, SERVICE_OPTS(.lane_slots = 2, .policy = HO_POLICY_DROP_NEWEST));
    ho_producer *producer = rig_producer(service, r.shard);
    ho_consumer *consumer = rig_consumer(service);
    for (int i = 0; i < 2; i++)
        rig_send(r.shard, producer, 1, 10);
    CHECK_STATUS(rig_copy(producer, bytes, LARGE, 5, 0), HO_DROPPED);
    CHECK(rig_arena_stats(r.arena).foreign_out == 0);
    CHECK(rig_drain_consumer(r.domain, consumer) == 2);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void compacting_copies_to_a_mapping_too(void **state)
{
    (void)state;
    rig_owner owner;
    uint32_t taken;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    ho_buf buf = rig_foreign(owner.owner, bytes, LARGE, 1);
    CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    CHECK_STATUS(ho_compact(r.shard, &buf), HO_OK);
    CHECK(owner.releases == 1);
    CHECK(buf.ptr != bytes && buf.len == LARGE && memcmp(buf.ptr, bytes, LARGE) == 0);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(it_arrives_and_its_memory_goes_back),
    WITH_RIG(a_slice_keeps_it),
    WITH_RIG(the_budget_holds),
    WITH_RIG(a_refusal_arms_the_descriptor_although_some_is_left),
    WITH_RIG(unused_segments_make_way),
    WITH_RIG(one_above_the_budget_is_out_of_range),
    WITH_RIG(no_budget_is_more_than_an_address_space),
    WITH_RIG(a_full_lane_leaves_nothing_behind),
    WITH_RIG(dropping_drops_it),
    WITH_RIG(compacting_copies_to_a_mapping_too),
};

HO_TEST_MAIN(tests)
