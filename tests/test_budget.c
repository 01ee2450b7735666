/* SPDX-License-Identifier: MIT */
/* An arena's budget: shared by all its shards, and by nobody else. */
#include "rig.h"

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT), NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static void fill_budget(ho_buf loans[4])
{
    for (size_t i = 0; i < 4; i++)
        CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
}

static void the_budget_is_full_for_all_shards_together(void **state)
{
    (void)state;
    ho_shard *other = rig_shard(r.arena);
    ho_buf loans[4], more;
    for (size_t i = 0; i < 4; i++)
        CHECK_STATUS(ho_reserve(i % 2 ? other : r.shard, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
    memset(&more, 0xa5, sizeof more);
    CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &more), HO_FULL);
    CHECK_EMPTY(&more);
    CHECK_REFUSED(&r, NULL, 0, ho_reserve(other, RIG_SEGMENT - 64, NULL, &more), HO_FULL);
    CHECK_STATUS(ho_abort(r.shard, loans, 1, NULL), HO_OK);
    CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &loans[0]), HO_OK);
    ho_arena_stats s = rig_arena_stats(r.arena);
    CHECK(s.full == 2 && s.segments_in_use == 4 && s.segments_peak == 4 && s.segments_held == 4);
    CHECK_STATUS(ho_abort(r.shard, loans, 4, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(other), HO_OK);
}

static void a_full_arena_takes_nothing_from_its_neighbour(void **state)
{
    (void)state;
    ho_arena *neighbour = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = 2 * RIG_SEGMENT));
    ho_shard *shard = rig_shard(neighbour);
    ho_buf mine[4], theirs[2], more;
    fill_budget(mine);
    CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &more), HO_FULL);
    for (size_t i = 0; i < 2; i++)
        CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT - 64, NULL, &theirs[i]), HO_OK);
    CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT - 64, NULL, &more), HO_FULL);
    CHECK(rig_arena_stats(r.arena).full == 1 && rig_arena_stats(neighbour).full == 1);
    CHECK_STATUS(ho_abort(shard, theirs, 2, NULL), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, mine, 4, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(neighbour, 0, NULL), HO_OK);
}

static void a_budget_is_rounded_up_to_whole_segments(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = RIG_SEGMENT + 1));
    ho_shard *shard = rig_shard(arena);
    ho_buf loans[2], more;
    for (size_t i = 0; i < 2; i++)
        CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
    CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT - 64, NULL, &more), HO_FULL);
    CHECK_STATUS(ho_abort(shard, loans, 2, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

static void one_budget_serves_every_service_that_it_is_sent_to(void **state)
{
    (void)state;
    ho_service *other = rig_service(r.domain, NULL);
    ho_producer *producer = rig_producer(other, r.shard);
    ho_consumer *consumer = rig_consumer(other);
    ho_buf more;
    for (uint64_t i = 0; i < 4; i++)
        rig_send(r.shard, i % 2 ? producer : r.producer, i, RIG_SEGMENT - 64);
    CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &more), HO_FULL);
    CHECK(rig_drain(&r) == 2); /* what one gives back serves the other */
    for (uint64_t i = 0; i < 2; i++)
        rig_send(r.shard, producer, i, RIG_SEGMENT - 64);
    CHECK(rig_drain_consumer(r.domain, consumer) == 4);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    CHECK_STATUS(ho_service_close(other, 0, NULL), HO_OK);
}

static void the_domains_address_space_is_a_limit_too(void **state)
{
    (void)state;
    rig small = {0};
    ho_buf loans[8], buf, slice;
    uint32_t count = 0;
    CHECK_STATUS(
        ho_domain_create(DOMAIN_OPTS(.max_bytes = 4 * RIG_SEGMENT, .segment_bytes = RIG_SEGMENT),
                         &small.domain),
        HO_OK);
    small.arena = rig_arena(small.domain, NULL); /* its budget is larger */
    small.shard = rig_shard(small.arena);
    small.service = rig_service(small.domain, NULL);
    small.producer = rig_producer(small.service, small.shard);
    small.consumer = rig_consumer(small.service);
    rig_send(small.shard, small.producer, 1, 100);
    buf = rig_take(small.consumer);
    while (count < 8 && ho_reserve(small.shard, RIG_SEGMENT - 64, NULL, &loans[count]) == HO_OK)
        count++;
    CHECK(count == 3);
    memset(&slice, 0xa5, sizeof slice);
    CHECK_REFUSED(&small, &buf, 1, ho_slice(small.domain, &buf, 0, 5, &slice), HO_E_NOMEM);
    CHECK_EMPTY(&slice);
    CHECK_STATUS(ho_abort(small.shard, loans, count, NULL), HO_OK);
    rig_return(small.domain, &buf);
    rig_close(&small);
}

static void the_memory_of_a_closed_shard_serves_the_others(void **state)
{
    (void)state;
    ho_shard *other = rig_shard(r.arena);
    ho_buf loans[4];
    for (size_t i = 0; i < 4; i++)
        CHECK_STATUS(ho_reserve(other, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
    CHECK_STATUS(ho_abort(other, loans, 2, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(other), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, &loans[2], 2, NULL), HO_OK);
    fill_budget(loans);
    CHECK_STATUS(ho_abort(r.shard, loans, 4, NULL), HO_OK);
}

static void the_memory_of_an_idle_shard_does_not_starve_the_others(void **state)
{
    (void)state;
    ho_shard *other = rig_shard(r.arena);
    ho_buf loans[4];
    for (size_t i = 0; i < 4; i++)
        CHECK_STATUS(ho_reserve(other, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
    CHECK_STATUS(ho_abort(other, loans, 4, NULL), HO_OK);
    for (size_t i = 0; i < 3; i++) /* one may stay open with the idle one */
        CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, loans, 3, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(other), HO_OK);
}

static void what_an_idle_shard_took_back_serves_the_others_too(void **state)
{
    (void)state;
    ho_shard *other = rig_shard(r.arena);
    ho_buf loans[4];
    for (size_t i = 0; i < 4; i++)
        CHECK_STATUS(ho_reserve(other, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
    CHECK_STATUS(ho_abort(other, loans, 4, NULL), HO_OK);
    for (size_t i = 0; i < 2; i++) /* it goes on a little, over memory that came back */
        CHECK_STATUS(ho_reserve(other, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
    CHECK_STATUS(ho_abort(other, loans, 2, NULL), HO_OK);
    for (size_t i = 0; i < 3; i++)
        CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, loans, 3, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(other), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(the_budget_is_full_for_all_shards_together),
    WITH_RIG(a_full_arena_takes_nothing_from_its_neighbour),
    WITH_RIG(a_budget_is_rounded_up_to_whole_segments),
    WITH_RIG(one_budget_serves_every_service_that_it_is_sent_to),
    WITH_RIG(the_domains_address_space_is_a_limit_too),
    WITH_RIG(the_memory_of_a_closed_shard_serves_the_others),
    WITH_RIG(the_memory_of_an_idle_shard_does_not_starve_the_others),
    WITH_RIG(what_an_idle_shard_took_back_serves_the_others_too),
};

HO_TEST_MAIN(tests)
