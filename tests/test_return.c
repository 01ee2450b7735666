/* SPDX-License-Identifier: MIT */
/* Returning: in any order, on any thread, in any mixture; and memory that comes back completely. */
#include "rig.h"

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT), SERVICE_OPTS(.lane_slots = 4096));
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

static void take_many(ho_buf *bufs, uint64_t count, uint64_t len)
{
    for (uint64_t i = 0; i < count; i++)
        rig_send(r.shard, r.producer, i, len);
    for (uint64_t i = 0; i < count; i++)
        bufs[i] = rig_take(r.consumer);
}

static void shuffle(ho_buf *bufs, size_t count, uint64_t seed)
{
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = rig_random(&seed) % (i + 1);
        ho_buf swap = bufs[i];
        bufs[i] = bufs[j];
        bufs[j] = swap;
    }
}

static void returned_descriptors_are_emptied_and_counted(void **state)
{
    (void)state;
    ho_buf bufs[5];
    take_many(bufs, 5, 100);
    uint32_t returned = 77;
    ho_arena_stats s = rig_arena_stats(r.arena);
    CHECK(s.buffers_out == 5 && s.bytes_live == 500);
    CHECK_STATUS(ho_return(r.domain, bufs, 5, &returned), HO_OK);
    CHECK(returned == 5);
    for (size_t i = 0; i < 5; i++)
        CHECK_EMPTY(&bufs[i]);
    s = rig_arena_stats(r.arena);
    CHECK(s.buffers_out == 0 && s.bytes_live == 0);
}

static void empty_descriptors_are_skipped(void **state)
{
    (void)state;
    ho_buf bufs[5] = {{0}}, empty = {0};
    uint32_t returned = 77;
    CHECK_STATUS(ho_return(r.domain, &empty, 1, &returned), HO_OK);
    CHECK(returned == 1);
    rig_send(r.shard, r.producer, 1, 10);
    rig_send(r.shard, r.producer, 2, 10);
    bufs[1] = rig_take(r.consumer);
    bufs[3] = rig_take(r.consumer);
    CHECK(rig_arena_stats(r.arena).buffers_out == 2);
    CHECK_STATUS(ho_return(r.domain, bufs, 5, &returned), HO_OK);
    CHECK(returned == 5);
    CHECK(rig_arena_stats(r.arena).buffers_out == 0);
    CHECK_STATUS(ho_return(r.domain, bufs, 5, NULL), HO_OK); /* all empty by now */
}

static void return_refuses_null_and_takes_an_empty_batch(void **state)
{
    (void)state;
    uint32_t returned = 77;
    CHECK_STATUS(ho_return(r.domain, NULL, 0, &returned), HO_OK);
    CHECK(returned == 0);
    returned = 77;
    CHECK_STATUS(ho_return(r.domain, NULL, 1, &returned), HO_E_INVAL);
    CHECK(returned == 0);
    ho_buf bufs[1];
    take_many(bufs, 1, 10);
    returned = 77;
    CHECK_REFUSED(&r, bufs, 1, ho_return(NULL, bufs, 1, &returned), HO_E_HANDLE);
    CHECK(returned == 0);
    rig_return(r.domain, bufs);
}

static void the_second_copy_is_stale_and_the_rest_untouched(void **state)
{
    (void)state;
    ho_buf bufs[4], copy[4];
    take_many(bufs, 4, 100);
    ho_buf stale = bufs[1];
    rig_return(r.domain, &bufs[1]);
    bufs[1] = bufs[2];
    bufs[2] = stale; /* good good stale good */
    memcpy(copy, bufs, sizeof bufs);
    uint32_t returned = 77;
    CHECK_STATUS(ho_return(r.domain, bufs, 4, &returned), HO_E_STALE);
    CHECK(returned == 2);
    CHECK_EMPTY(&bufs[0]);
    CHECK_EMPTY(&bufs[1]);
    assert_memory_equal(&copy[2], &bufs[2], 2 * sizeof *bufs);
    CHECK_STATUS(ho_return(r.domain, &bufs[3], 1, NULL), HO_OK);
    CHECK_REFUSED(&r, &stale, 1, ho_return(r.domain, &stale, 1, NULL), HO_E_STALE);
}

static void two_copies_in_one_batch_are_told_apart(void **state)
{
    (void)state;
    for (size_t gap = 1; gap < 8; gap++) {
        ho_buf bufs[8], copy;
        take_many(bufs, 8, 50);
        ho_buf last = bufs[gap];
        bufs[gap] = copy = bufs[0];
        uint32_t returned = 77;
        CHECK_STATUS(ho_return(r.domain, bufs, 8, &returned), HO_E_STALE);
        CHECK(returned == gap);
        assert_memory_equal(&bufs[gap], &copy, sizeof copy);
        CHECK_STATUS(ho_return(r.domain, &last, 1, NULL), HO_OK);
        CHECK_STATUS(ho_return(r.domain, &bufs[gap + 1], (uint32_t)(8 - gap - 1), NULL), HO_OK);
        rig_check_quiet(&r);
    }
}

static void a_copy_stays_stale_after_its_segment_was_recycled(void **state)
{
    (void)state;
    ho_buf bufs[1], copy;
    take_many(bufs, 1, 100);
    copy = bufs[0];
    rig_return(r.domain, bufs);
    for (uint64_t i = 0; i < 400; i++) { /* round all segments, again and again */
        rig_send(r.shard, r.producer, i, 4000);
        ho_buf buf = rig_take(r.consumer);
        CHECK_REFUSED(&r, &copy, 1, ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
        rig_return(r.domain, &buf);
        CHECK_STATUS(ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
    }
}

static void a_loan_is_not_returned(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 10), copy = loan;
    CHECK_REFUSED(&r, &loan, 1, ho_return(r.domain, &loan, 1, NULL), HO_E_KIND);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    CHECK_REFUSED(&r, &copy, 1, ho_return(r.domain, &copy, 1, NULL), HO_E_KIND);
}

static void a_trimmed_view_is_returned_whole(void **state)
{
    (void)state;
    ho_buf bufs[1];
    take_many(bufs, 1, 1000);
    bufs[0].ptr += 400;
    bufs[0].cap -= 400;
    bufs[0].len = 5;
    bufs[0].key = 99;
    bufs[0].value = 98;
    bufs[0].partition = 97;
    bufs[0].flags = 0xffff;
    rig_return(r.domain, bufs);
    rig_check_quiet(&r);
}

static void segments_are_recycled_whatever_the_order(void **state)
{
    (void)state;
    enum { COUNT = 180 }; /* 64 to a segment; the first goes where the round before left off */
    static ho_buf bufs[COUNT];
    for (uint64_t round = 0; round < 20; round++) {
        take_many(bufs, COUNT, 1000);
        CHECK(rig_arena_stats(r.arena).segments_in_use >= 3);
        shuffle(bufs, COUNT, round);
        for (size_t i = 0; i < COUNT; i++)
            rig_check_pattern(&bufs[i]);
        uint32_t step = 1 + (uint32_t)round * 7;
        for (uint32_t i = 0; i < COUNT; i += step)
            CHECK_STATUS(ho_return(r.domain, &bufs[i], i + step < COUNT ? step : COUNT - i, NULL),
                         HO_OK);
        rig_check_quiet(&r);
    }
    CHECK(rig_arena_stats(r.arena).segments_peak == 4);
}

static void one_kept_buffer_keeps_one_segment_only(void **state)
{
    (void)state;
    ho_buf kept[1];
    take_many(kept, 1, 100);
    for (uint64_t i = 0; i < 1000; i++) { /* 4 MiB through a budget of 256 KiB */
        rig_send(r.shard, r.producer, i, 4000);
        ho_buf buf = rig_take(r.consumer);
        rig_return(r.domain, &buf);
    }
    rig_check_pattern(kept);
    CHECK(rig_arena_stats(r.arena).segments_in_use <= 2);
    rig_return(r.domain, kept);
}

static void buffers_of_several_services_and_arenas_go_back_in_one_batch(void **state)
{
    (void)state;
    rig other = {.domain = r.domain,
                 .arena = rig_arena(r.domain, NULL),
                 .service = rig_service(r.domain, NULL)};
    other.shard = rig_shard(other.arena);
    other.producer = rig_producer(other.service, other.shard);
    other.consumer = rig_consumer(other.service);
    rig_owner owner;
    uint8_t byte = 0;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    ho_buf bufs[40], foreign;
    uint32_t taken;
    for (uint64_t i = 0; i < 40; i += 4) {
        rig_send(r.shard, r.producer, i, 10);
        bufs[i] = rig_take(r.consumer);
        rig_send(other.shard, other.producer, i, 10);
        bufs[i + 1] = rig_take(other.consumer);
        foreign = rig_foreign(owner.owner, &byte, 1, i);
        CHECK_STATUS(ho_give(other.producer, &foreign, 1, 0, NULL), HO_OK);
        CHECK_STATUS(ho_take(other.consumer, &bufs[i + 2], 1, &taken), HO_OK);
        CHECK_STATUS(ho_slice(r.domain, &bufs[i], 2, 3, &bufs[i + 3]), HO_OK);
    }
    shuffle(bufs, 40, 4);
    CHECK_STATUS(ho_return(r.domain, bufs, 40, NULL), HO_OK);
    CHECK(owner.releases == 10);
    rig_check_quiet(&other);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
    CHECK_STATUS(ho_producer_close(other.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(other.shard), HO_OK);
    CHECK_STATUS(ho_consumer_close(other.consumer), HO_OK);
    CHECK_STATUS(ho_service_close(other.service, 0, NULL), HO_OK);
    CHECK_STATUS(ho_arena_close(other.arena, 0, NULL), HO_OK);
}

typedef struct copies {
    ho_buf bufs[64];
    uint64_t won;
    harness_barrier *start;
} copies;

static void return_each(void *arg)
{
    copies *c = arg;
    harness_barrier_wait(c->start);
    for (size_t i = 0; i < 64; i++) {
        int32_t status = ho_return(r.domain, &c->bufs[i], 1, NULL);
        CHECK(status == HO_OK || status == HO_E_STALE);
        c->won += status == HO_OK;
    }
}

static void racing_returns_of_copies_have_one_winner_each(void **state)
{
    (void)state;
    harness_barrier start;
    harness_barrier_init(&start, 2);
    for (int round = 0; round < 50; round++) {
        copies c[2] = {{.start = &start}, {.start = &start}};
        take_many(c[0].bufs, 64, 100);
        memcpy(c[1].bufs, c[0].bufs, sizeof c[0].bufs);
        harness_thread threads[2];
        for (size_t i = 0; i < 2; i++)
            harness_start(&threads[i], return_each, &c[i]);
        for (size_t i = 0; i < 2; i++)
            harness_join(&threads[i]);
        CHECK(c[0].won + c[1].won == 64);
        rig_check_quiet(&r);
    }
    harness_barrier_destroy(&start);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(returned_descriptors_are_emptied_and_counted),
    WITH_RIG(empty_descriptors_are_skipped),
    WITH_RIG(return_refuses_null_and_takes_an_empty_batch),
    WITH_RIG(the_second_copy_is_stale_and_the_rest_untouched),
    WITH_RIG(two_copies_in_one_batch_are_told_apart),
    WITH_RIG(a_copy_stays_stale_after_its_segment_was_recycled),
    WITH_RIG(a_loan_is_not_returned),
    WITH_RIG(a_trimmed_view_is_returned_whole),
    WITH_RIG(segments_are_recycled_whatever_the_order),
    WITH_RIG(one_kept_buffer_keeps_one_segment_only),
    WITH_RIG(buffers_of_several_services_and_arenas_go_back_in_one_batch),
    WITH_RIG(racing_returns_of_copies_have_one_winner_each),
};

HO_TEST_MAIN(tests)
