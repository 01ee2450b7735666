/* SPDX-License-Identifier: MIT */
/* Arenas: opening, closing, counters. The budget is in test_budget.c, waiting for memory in
 * test_arena_wait.c, memory that goes back to the system in test_arena_back.c. */
#include "rig.h"

#define WHOLE RIG_SEGMENT /* a loan that needs a segment of its own */

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT, .keep_bytes = 1), NULL);
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

static int32_t open_and_close(void *ctx, const void *opts)
{
    (void)ctx;
    ho_arena *arena = (ho_arena *)(uintptr_t)1;
    int32_t status = ho_arena_open(r.domain, opts, &arena);
    if (status == HO_OK)
        CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    else
        assert_null(arena);
    return status;
}

static void open_checks_its_options(void **state)
{
    (void)state;
    CHECK_STATUS(open_and_close(NULL, NULL), HO_OK);
    rig_check_opts(&(rig_opts_case){.valid = ARENA_OPTS(.budget_bytes = 1u << 20),
                                    .size = sizeof(ho_arena_opts),
                                    .min = HO_ARENA_OPTS_MIN,
                                    .call = open_and_close,
                                    .flags_at = offsetof(ho_arena_opts, flags)});
    CHECK_STATUS(open_and_close(NULL, ARENA_OPTS(.budget_bytes = RIG_SEGMENT)), HO_OK);
    CHECK_STATUS(open_and_close(NULL, ARENA_OPTS(.budget_bytes = RIG_SEGMENT - 1)), HO_E_RANGE);
    CHECK_STATUS(open_and_close(NULL, ARENA_OPTS(.budget_bytes = 1)), HO_E_RANGE);
    CHECK_STATUS(open_and_close(NULL, ARENA_OPTS(.budget_bytes = UINT64_MAX)), HO_OK);
    CHECK_STATUS(open_and_close(NULL, ARENA_OPTS(.keep_bytes = UINT64_MAX)), HO_OK);
    CHECK_STATUS(open_and_close(NULL, ARENA_OPTS(.wait_ns = INT64_MAX / 2)), HO_OK);
    CHECK_STATUS(open_and_close(NULL, ARENA_OPTS(.wait_ns = INT64_MAX)), HO_E_RANGE);
    CHECK_STATUS(open_and_close(NULL, ARENA_OPTS(.wait_ns = UINT64_MAX)), HO_E_RANGE);
}

static void open_refuses_null(void **state)
{
    (void)state;
    ho_arena *arena = (ho_arena *)(uintptr_t)1;
    CHECK_STATUS(ho_arena_open(r.domain, NULL, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_arena_open(NULL, NULL, &arena), HO_E_HANDLE);
    assert_null(arena);
}

static void there_may_be_256_arenas(void **state)
{
    (void)state;
    ho_arena *arenas[255], *more = (ho_arena *)(uintptr_t)1; /* and the rig's */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 255; i++)
            arenas[i] = rig_arena(r.domain, NULL);
        CHECK_STATUS(ho_arena_open(r.domain, NULL, &more), HO_E_LIMIT);
        assert_null(more);
        for (size_t i = 0; i < 255; i++)
            CHECK_STATUS(ho_arena_close(arenas[i], 0, NULL), HO_OK);
    }
}

static void a_closed_arena_has_no_handle(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, NULL);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    ho_arena_stats stats = {.size = sizeof stats};
    ho_shard *shard = (ho_shard *)(uintptr_t)1;
    uint64_t freed = 77;
    ho_arena *bad[] = {arena, NULL, (ho_arena *)r.service, (ho_arena *)r.shard};
    for (size_t i = 0; i < 4; i++) {
        freed = 77;
        shard = (ho_shard *)(uintptr_t)1;
        CHECK_STATUS(ho_arena_close(bad[i], 0, NULL), HO_E_HANDLE);
        CHECK_STATUS(ho_arena_stats_get(bad[i], &stats), HO_E_HANDLE);
        CHECK_STATUS(ho_arena_trim(bad[i], 0, &freed), HO_E_HANDLE);
        CHECK(freed == 0);
        CHECK_STATUS(ho_shard_open(bad[i], &shard), HO_E_HANDLE);
        assert_null(shard);
    }
    ho_arena *next = rig_arena(r.domain, NULL);
    CHECK(next != arena);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_E_HANDLE);
    CHECK_STATUS(ho_arena_close(next, 0, NULL), HO_OK);
}

static void a_closing_arena_gives_no_memory(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 100), more;
    rig_send(r.shard, r.producer, 2, 100);
    ho_buf buf = rig_take(r.consumer);
    ho_shard *shard = (ho_shard *)(uintptr_t)1;
    CHECK_STATUS(ho_arena_close(r.arena, 0, NULL), HO_TIMEOUT);
    for (int i = 0; i < 3; i++) {
        memset(&more, 0xa5, sizeof more);
        CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, 1, NULL, &more), HO_E_CLOSED);
        CHECK_EMPTY(&more);
    }
    CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, 1, RESERVE_OPTS(.headroom = 8), &more),
                  HO_E_CLOSED);
    CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, "a", 1, 1, 0), HO_E_CLOSED);
    CHECK_REFUSED(&r, &buf, 1, ho_compact(r.shard, &buf), HO_E_CLOSED);
    CHECK_STATUS(ho_shard_open(r.arena, &shard), HO_E_CLOSED);
    assert_null(shard);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK); /* what is out goes on */
    rig_return(r.domain, &buf);
}

static void close_reports_and_waits_for_what_is_out(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, NULL);
    ho_shard *shard = rig_shard(arena);
    ho_producer *producer = rig_producer(r.service, shard);
    rig_owner owner;
    uint8_t memory[64];
    rig_owner_register(r.domain, HO_RELEASE_DRAIN, &owner);
    ho_buf foreign = rig_foreign(owner.owner, memory, sizeof memory, 9), slice;
    ho_buf loan = rig_loan(shard, 1, 100);
    rig_send(shard, producer, 2, 100);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_slice(r.domain, &buf, 0, 10, &slice), HO_OK);
    CHECK_STATUS(ho_give(producer, &foreign, 1, 0, NULL), HO_OK);
    ho_outstanding out = {.size = sizeof out};
    CHECK_STATUS(ho_arena_close(arena, 0, &out), HO_TIMEOUT);
    CHECK(out.size == sizeof out && out.handles == 1 && out.undelivered == 0);
    CHECK(out.buffers == 2 && out.loans == 1 && out.foreign == 1);
    CHECK(out.oldest[0] != 0 && out.oldest[1] != 0 && out.oldest[2] != 0);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_arena_close(arena, 0, &out), HO_TIMEOUT);
    CHECK(out.handles == 0 && out.loans == 0 && out.buffers == 1 && out.foreign == 1);
    CHECK(rig_drain(&r) == 1);
    CHECK_STATUS(ho_arena_close(arena, 0, &out), HO_TIMEOUT); /* its release is queued */
    CHECK(out.buffers == 1 && out.foreign == 1);
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 5, NULL), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, &out), HO_TIMEOUT); /* the slice pins it */
    CHECK(out.buffers == 0 && out.foreign == 0 && out.oldest[0] == 0);
    CHECK(slice.ptr[0] == 63); /* the pattern of key 2 */
    rig_return(r.domain, &slice);
    CHECK_STATUS(ho_arena_close(arena, 0, &out), HO_OK);
    CHECK(out.size == sizeof out && out.buffers == 0);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void memory_that_went_to_a_service_keeps_its_arena_open(void **state)
{
    (void)state;
    ho_arena *network = rig_arena(r.domain, NULL);
    ho_shard *shard = rig_shard(network);
    ho_buf loan = rig_loan(shard, 1, 100);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    ho_outstanding out = {.size = sizeof out};
    CHECK_STATUS(ho_arena_close(network, 0, &out), HO_TIMEOUT);
    CHECK(out.buffers == 1 && out.handles == 0);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_arena_close(network, 0, NULL), HO_TIMEOUT);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_arena_close(network, 0, NULL), HO_OK);
}

static void a_short_report_is_refused_before_anything_closes(void **state)
{
    (void)state;
    ho_outstanding out = {.size = HO_OUTSTANDING_MIN - 1};
    CHECK_STATUS(ho_arena_close(r.arena, 0, &out), HO_E_SIZE);
    rig_send(r.shard, r.producer, 1, 10);
    CHECK(rig_drain(&r) == 1);
}

static void close_shard_later(void *arg)
{
    harness_sleep_ns(20000000);
    CHECK_STATUS(ho_shard_close(arg), HO_OK);
}

static void close_waits_as_long_as_it_was_told(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, NULL);
    ho_shard *shard = rig_shard(arena);
    uint64_t before = harness_now_ns();
    CHECK_STATUS(ho_arena_close(arena, 30000000, NULL), HO_TIMEOUT);
    uint64_t waited = harness_now_ns() - before;
    CHECK(waited >= 30000000u && waited < (uint64_t)HARNESS_NEVER_NS);
    harness_thread thread;
    harness_start(&thread, close_shard_later, shard);
    CHECK_STATUS(ho_arena_close(arena, -1, NULL), HO_OK);
    harness_join(&thread);
}

/* ---- counters */

static void stats_refuse_null_and_short_structs(void **state)
{
    (void)state;
    ho_arena_stats stats = {.size = HO_ARENA_STATS_MIN - 1, .shards = 77};
    CHECK_STATUS(ho_arena_stats_get(r.arena, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_arena_stats_get(r.arena, &stats), HO_E_SIZE);
    CHECK(stats.shards == 77);
    struct {
        ho_arena_stats known;
        uint64_t tail[4];
    } longer = {.known.size = sizeof longer, .tail = {1, 2, 3, 4}};
    CHECK_STATUS(ho_arena_stats_get(r.arena, &longer.known), HO_OK);
    CHECK(longer.known.size == sizeof longer && longer.known.shards == 1);
    CHECK(longer.tail[0] == 1 && longer.tail[3] == 4);
}

static void stats_tell_where_the_memory_is(void **state)
{
    (void)state;
    rig_owner owner;
    uint8_t memory[64];
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    ho_arena_stats s = rig_arena_stats(r.arena);
    CHECK(s.shards == 1 && s.segments_in_use == 0 && s.segments_peak == 0 && s.segments_held == 0);
    CHECK(s.full == 0 && s.copies == 0);
    ho_shard *second = rig_shard(r.arena);
    CHECK(rig_arena_stats(r.arena).shards == 2);
    ho_buf loan = rig_loan(second, 1, 100), foreign = rig_foreign(owner.owner, memory, 64, 1),
           slice;
    rig_send(r.shard, r.producer, 2, 1000);
    CHECK_STATUS(ho_give(r.producer, &foreign, 1, 0, NULL), HO_OK);
    s = rig_arena_stats(r.arena);
    CHECK(s.segments_in_use == 3 && s.segments_peak == 3 && s.segments_held == 3);
    CHECK(s.loans_out == 1 && s.buffers_out == 1 && s.foreign_out == 1 && s.bytes_live == 1000);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_slice(r.domain, &buf, 0, 10, &slice), HO_OK);
    rig_return(r.domain, &buf);
    s = rig_arena_stats(r.arena);
    CHECK(s.buffers_out == 0 && s.bytes_live == 0 && s.bytes_pinned == RIG_SEGMENT);
    CHECK(s.bytes_dead >= 1000);
    CHECK_STATUS(ho_compact(second, &slice), HO_OK);
    s = rig_arena_stats(r.arena);
    CHECK(s.copies == 1 && s.buffers_out == 1 && s.bytes_live == 10 && s.bytes_pinned == 0);
    rig_return(r.domain, &slice);
    CHECK_STATUS(ho_abort(second, &loan, 1, NULL), HO_OK);
    CHECK(rig_drain(&r) == 1);
    CHECK_STATUS(ho_shard_close(second), HO_OK);
    s = rig_arena_stats(r.arena);
    CHECK(s.shards == 1 && s.segments_in_use == 2 && s.segments_peak == 3 && s.segments_held == 3);
    CHECK(s.copies == 1); /* a closed shard's still count */
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void a_new_arena_counts_from_zero(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = RIG_SEGMENT));
        ho_arena_stats s = rig_arena_stats(arena);
        CHECK(s.full == 0 && s.copies == 0 && s.segments_peak == 0 && s.segments_held == 0);
        ho_shard *shard = rig_shard(arena);
        ho_buf loan = rig_loan(shard, 1, WHOLE), more;
        CHECK_STATUS(ho_reserve(shard, WHOLE, NULL, &more), HO_FULL);
        CHECK_STATUS(ho_abort(shard, &loan, 1, NULL), HO_OK);
        rig_send(r.shard, r.producer, 1, 100);
        ho_buf buf = rig_take(r.consumer);
        CHECK_STATUS(ho_compact(shard, &buf), HO_OK);
        s = rig_arena_stats(arena);
        CHECK(s.full == 1 && s.copies == 1 && s.segments_peak == 1);
        rig_return(r.domain, &buf);
        CHECK_STATUS(ho_shard_close(shard), HO_OK);
        CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    }
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(open_checks_its_options),
    WITH_RIG(open_refuses_null),
    WITH_RIG(there_may_be_256_arenas),
    WITH_RIG(a_closed_arena_has_no_handle),
    WITH_RIG(a_closing_arena_gives_no_memory),
    WITH_RIG(close_reports_and_waits_for_what_is_out),
    WITH_RIG(memory_that_went_to_a_service_keeps_its_arena_open),
    WITH_RIG(a_short_report_is_refused_before_anything_closes),
    WITH_RIG(close_waits_as_long_as_it_was_told),
    WITH_RIG(stats_refuse_null_and_short_structs),
    WITH_RIG(stats_tell_where_the_memory_is),
    WITH_RIG(a_new_arena_counts_from_zero),
};

HO_TEST_MAIN(tests)
