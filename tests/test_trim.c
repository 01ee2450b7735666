/* SPDX-License-Identifier: MIT */
/* Loans that others commit: another producer, another service, another thread; and whose tailroom
 * goes back to the segment. */
#include "rig.h"

#define LANE 8u

static rig r;
static ho_service *other; /* another service, over the same shard */
static ho_producer *producer;
static ho_consumer *consumer;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, SERVICE_OPTS(.lane_slots = LANE));
    other = rig_service(r.domain, NULL);
    producer = rig_producer(other, r.shard);
    consumer = rig_consumer(other);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_drain(&r);
    rig_drain_consumer(r.domain, consumer);
    rig_check_quiet(&r);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    rig_close(&r);
    return 0;
}

static int32_t commit(ho_buf *bufs, uint32_t count)
{
    return ho_commit(r.producer, bufs, count, 0, NULL);
}

static void abort_loan(ho_buf *loan)
{
    CHECK_STATUS(ho_abort(r.shard, loan, 1, NULL), HO_OK);
}

/* Commits a loan with `len` of its bytes written; gives where the next loan begins behind it. */
static ptrdiff_t next_after(ho_producer *through, ho_shard *of, uint64_t room, uint64_t len)
{
    ho_buf loan, next;
    CHECK_STATUS(ho_reserve(of, room, NULL, &loan), HO_OK);
    uint8_t *start = loan.ptr;
    loan.len = len;
    CHECK_STATUS(ho_commit(through, &loan, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_reserve(of, 1, NULL, &next), HO_OK);
    ptrdiff_t after = next.ptr - start;
    CHECK_STATUS(ho_abort(of, &next, 1, NULL), HO_OK);
    return after;
}

static void check_cap(ho_consumer *of, uint64_t cap)
{
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(of, &buf, 1, &taken), HO_OK);
    CHECK(buf.cap == cap);
    rig_return(r.domain, &buf);
}

static void the_room_behind_the_data_goes_back_whatever_the_service(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        CHECK(next_after(r.producer, r.shard, 4096, 100) == 128);
        check_cap(r.consumer, 100);
        CHECK(next_after(producer, r.shard, 4096, 100) == 128);
        check_cap(consumer, 100);
    }
    CHECK(rig_arena_stats(r.arena).segments_peak == 1);
}

static void room_that_others_were_reserved_behind_stays(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        ho_buf loan, behind;
        CHECK_STATUS(ho_reserve(r.shard, 4096, NULL, &loan), HO_OK);
        CHECK_STATUS(ho_reserve(r.shard, 64, NULL, &behind), HO_OK);
        loan.len = 100;
        CHECK_STATUS(ho_commit(i ? producer : r.producer, &loan, 1, 0, NULL), HO_OK);
        check_cap(i ? consumer : r.consumer, 4096);
        abort_loan(&behind);
    }
}

static void a_loan_of_another_shard_keeps_its_room(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, NULL);
    ho_shard *shards[2] = {rig_shard(r.arena),
                           rig_shard(arena)}; /* of the same arena, of another */
    for (size_t i = 0; i < 2; i++) {
        CHECK(next_after(r.producer, shards[i], 4096, 100) == 4096);
        check_cap(r.consumer, 4096);
        CHECK(next_after(producer, shards[i], 4096, 100) == 4096);
        check_cap(consumer, 4096);
        CHECK_STATUS(ho_shard_close(shards[i]), HO_OK);
    }
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

static void loans_outlive_their_shard_and_their_producer(void **state)
{
    (void)state;
    ho_shard *shard = rig_shard(r.arena);
    ho_producer *brief = rig_producer(r.service, shard);
    ho_buf first = rig_loan(shard, 1, 100), second = rig_loan(shard, 2, 100);
    CHECK_STATUS(ho_producer_close(brief), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    rig_check_pattern(&first);
    CHECK_STATUS(commit(&first, 1), HO_OK);
    abort_loan(&second);
    ho_buf buf = rig_take(r.consumer);
    CHECK(buf.key == 1 && buf.len == 100);
    rig_return(r.domain, &buf);
}

static void a_loan_may_be_committed_over_another_arena(void **state)
{
    (void)state;
    ho_arena *network = rig_arena(r.domain, NULL);
    ho_shard *shard = rig_shard(network);
    ho_buf loan = rig_loan(shard, 7, 1400);
    uint8_t *ptr = loan.ptr;
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    ho_buf buf = rig_take(r.consumer);
    CHECK(buf.ptr == ptr && buf.service == rig_stats(r.service).service);
    CHECK(rig_stats(r.service).messages_in == 1 && rig_stats(other).messages_in == 0);
    CHECK(rig_arena_stats(network).buffers_out == 1 && rig_arena_stats(r.arena).buffers_out == 0);
    rig_return(r.domain, &buf);
    CHECK(rig_arena_stats(network).buffers_out == 0);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(network, 0, NULL), HO_OK);
}

static void commit_elsewhere(void *arg)
{
    ho_buf *loan = arg;
    CHECK_STATUS(commit(loan, 1), HO_OK);
}

static void return_elsewhere(void *arg)
{
    CHECK_STATUS(ho_return(r.domain, arg, 1, NULL), HO_OK);
}

static void a_loan_may_be_reserved_committed_and_returned_by_three_threads(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++) {
        ho_buf loan = rig_loan(r.shard, i, 2000);
        harness_thread thread;
        harness_start(&thread, commit_elsewhere, &loan);
        harness_join(&thread);
        ho_buf buf = rig_take(r.consumer);
        harness_start(&thread, return_elsewhere, &buf);
        harness_join(&thread);
        CHECK_EMPTY(&buf);
    }
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(the_room_behind_the_data_goes_back_whatever_the_service),
    WITH_RIG(room_that_others_were_reserved_behind_stays),
    WITH_RIG(a_loan_of_another_shard_keeps_its_room),
    WITH_RIG(loans_outlive_their_shard_and_their_producer),
    WITH_RIG(a_loan_may_be_committed_over_another_arena),
    WITH_RIG(a_loan_may_be_reserved_committed_and_returned_by_three_threads),
};

HO_TEST_MAIN(tests)
