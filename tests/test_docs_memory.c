/* SPDX-License-Identifier: MIT */
/* Claims of docs/ about memory that no other test covers: what counts as outstanding and for whom,
 * what takes segments, what gives them back. */
#include <unistd.h>

#include "rig.h"

static rig r;
static uint8_t memory[64];

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_drain(&r);
    rig_close(&r);
    return 0;
}

static void only_the_domain_counts_slices(void **state)
{
    (void)state;
    ho_buf slice;
    ho_outstanding out = {.size = sizeof out};
    rig_send(r.shard, r.producer, 1, 100);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_slice(r.domain, &buf, 0, 10, &slice), HO_OK);
    rig_return(r.domain, &buf);
    CHECK(rig_arena_stats(r.arena).bytes_pinned == RIG_SEGMENT);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    CHECK_STATUS(ho_service_close(r.service, 0, &out), HO_OK); /* it has no memory */
    CHECK_STATUS(ho_arena_close(r.arena, 0, &out), HO_TIMEOUT);
    CHECK(out.buffers == 0 && out.loans == 0 && out.handles == 0);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_TIMEOUT);
    CHECK(out.buffers == 1 && out.oldest[0] == slice.handle);
    rig_return(r.domain, &slice);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_OK);
    CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_OK);
    open_rig(state);
}

/* What a service has handed out is the arena's business, and what lies in its lanes is its own. */
static void a_service_and_an_arena_tell_what_is_theirs(void **state)
{
    (void)state;
    ho_outstanding out = {.size = sizeof out};
    rig_send(r.shard, r.producer, 1, 100);
    rig_send(r.shard, r.producer, 2, 100);
    ho_buf taken = rig_take(r.consumer), loan = rig_loan(r.shard, 3, 10);
    CHECK_STATUS(ho_service_close(r.service, 0, &out), HO_TIMEOUT);
    CHECK(out.handles == 2 && out.undelivered == 1 && out.buffers == 0 && out.loans == 0);
    CHECK_STATUS(ho_arena_close(r.arena, 0, &out), HO_TIMEOUT);
    CHECK(out.handles == 1 && out.undelivered == 0 && out.buffers == 2 && out.loans == 1);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    (void)rig_drain(&r);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK_STATUS(ho_service_close(r.service, 0, &out), HO_OK);
    CHECK_STATUS(ho_arena_close(r.arena, 0, &out), HO_TIMEOUT);
    rig_return(r.domain, &taken);
    CHECK_STATUS(ho_arena_close(r.arena, 0, &out), HO_OK);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_OK);
    CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_OK);
    open_rig(state);
}

/* ---- what takes segments: docs/tuning.md */

static void records_of_foreign_buffers_take_a_segment_and_never_wait(void **state)
{
    (void)state;
    rig_owner owner;
    ho_buf loan;
    const uint64_t an_hour = 3600000000000;
    ho_service *service =
        rig_service(r.domain, SERVICE_OPTS(.policy = HO_POLICY_WAIT, .wait_ns = an_hour));
    ho_shard *shard =
        rig_shard(rig_arena(r.domain, ARENA_OPTS(.budget_bytes = RIG_SEGMENT, .wait_ns = an_hour)));
    ho_producer *producer = rig_producer(service, shard);
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    CHECK_STATUS(ho_reserve(shard, 1, NULL, &loan), HO_OK); /* the only segment */
    ho_buf buf = rig_foreign(owner.owner, memory, sizeof memory, 1);
    CHECK_STATUS(ho_give(producer, &buf, 1, 0, NULL), HO_FULL);
    CHECK_STATUS(ho_abort(shard, &loan, 1, NULL), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

/* How many messages of 200 bytes in loans of 1,500 one segment takes, `ahead` reserved before they are
 * committed. */
static uint32_t messages_per_segment(uint32_t ahead)
{
    ho_buf loans[16];
    uint32_t sent = 0;
    while (rig_arena_stats(r.arena).segments_in_use < 2) {
        for (uint32_t i = 0; i < ahead; i++)
            CHECK_STATUS(ho_reserve(r.shard, 1500, NULL, &loans[i]), HO_OK);
        for (uint32_t i = 0; i < ahead; i++)
            loans[i].len = 200;
        CHECK_STATUS(ho_commit(r.producer, loans, ahead, 0, NULL), HO_OK);
        sent += ahead;
    }
    return sent;
}

static void loans_that_are_reserved_ahead_keep_their_unused_room(void **state)
{
    uint32_t one_by_one = messages_per_segment(1);
    close_rig(state);
    open_rig(state);
    uint32_t ahead = messages_per_segment(16);
    CHECK(one_by_one >= RIG_SEGMENT / 256 - 8);
    CHECK(ahead <= RIG_SEGMENT / 1536 + 16);
}

static void one_kept_buffer_keeps_its_whole_segment(void **state)
{
    (void)state;
    enum { SEGMENTS = 8, EACH = RIG_SEGMENT / 1024 };
    ho_buf kept[SEGMENTS];
    for (uint64_t i = 0; i < SEGMENTS * EACH; i++) {
        rig_send(r.shard, r.producer, i, 1000);
        ho_buf buf = rig_take(r.consumer);
        if (i % EACH == 0)
            kept[i / EACH] = buf;
        else
            rig_return(r.domain, &buf);
    }
    ho_arena_stats stats = rig_arena_stats(r.arena);
    CHECK(stats.segments_in_use == SEGMENTS && stats.bytes_live == SEGMENTS * 1000);
    CHECK(stats.bytes_dead >= SEGMENTS * (RIG_SEGMENT - 1500));
    for (uint32_t i = 0; i < SEGMENTS; i++)
        CHECK_STATUS(ho_compact(r.shard, &kept[i]), HO_OK);
    stats = rig_arena_stats(
        r.arena); /* "so much memory as it needs, and 40 bytes of a segment of records" */
    CHECK(stats.segments_in_use == 2 && stats.alloc_bytes_live == SEGMENTS * 1024);
    CHECK_STATUS(ho_return(r.domain, kept, SEGMENTS, NULL), HO_OK);
}

/* docs/tuning.md: one arena, many shards. */
static void what_one_shard_gave_back_another_takes(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = 2 * RIG_SEGMENT));
    ho_shard *one = rig_shard(arena), *other = rig_shard(arena);
    ho_buf loans[3];
    CHECK_STATUS(ho_reserve(one, RIG_SEGMENT, NULL, &loans[0]), HO_OK);
    CHECK_STATUS(ho_reserve(one, RIG_SEGMENT, NULL, &loans[1]), HO_OK);
    CHECK_STATUS(ho_reserve(other, 1, NULL, &loans[2]), HO_FULL);
    CHECK_STATUS(ho_abort(one, &loans[0], 1, NULL), HO_OK);
    CHECK_STATUS(ho_reserve(other, 1, NULL, &loans[2]), HO_OK);
    CHECK_STATUS(ho_abort(one, &loans[1], 2, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(one), HO_OK);
    CHECK_STATUS(ho_shard_close(other), HO_OK);
}

/* docs/tuning.md, "After a burst". */
static void memory_beyond_what_was_needed_goes_back_by_itself_or_by_trim(void **state)
{
    (void)state;
    enum { BURST = 16 };
    ho_arena *arena = rig_arena(
        r.domain, ARENA_OPTS(.budget_bytes = BURST * RIG_SEGMENT, .keep_bytes = RIG_SEGMENT));
    ho_shard *shard = rig_shard(arena);
    ho_buf loans[BURST];
    uint64_t freed = 0;
    for (int i = 0; i < BURST; i++)
        CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT, NULL, &loans[i]), HO_OK);
    CHECK_STATUS(ho_abort(shard, loans, BURST, NULL), HO_OK);
    CHECK(rig_arena_stats(arena).segments_held == BURST);
    CHECK_STATUS(ho_arena_trim(arena, 8 * RIG_SEGMENT, &freed), HO_OK);
    ho_arena_stats stats = rig_arena_stats(arena);
    CHECK(stats.segments_held == stats.segments_in_use + 8 && stats.segments_peak == BURST);
    CHECK(freed == (BURST - stats.segments_held) * RIG_SEGMENT);
    usleep(2100000); /* this second and the last are over */
    for (int i = 0; i < BURST; i++) {
        CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT, NULL, &loans[0]), HO_OK);
        CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT, NULL, &loans[1]), HO_OK);
        CHECK_STATUS(ho_abort(shard, loans, 2, NULL), HO_OK);
    }
    CHECK(rig_arena_stats(arena).segments_held <=
          3); /* two at once, while one is changed; one kept */
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(only_the_domain_counts_slices),
    WITH_RIG(a_service_and_an_arena_tell_what_is_theirs),
    WITH_RIG(records_of_foreign_buffers_take_a_segment_and_never_wait),
    WITH_RIG(loans_that_are_reserved_ahead_keep_their_unused_room),
    WITH_RIG(one_kept_buffer_keeps_its_whole_segment),
    WITH_RIG(what_one_shard_gave_back_another_takes),
    WITH_RIG(memory_beyond_what_was_needed_goes_back_by_itself_or_by_trim),
};

HO_TEST_MAIN(tests)
