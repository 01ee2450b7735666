/* SPDX-License-Identifier: MIT */
/* Shards: opening, closing, several producers on one. The descriptor is in test_shard_fd.c. */
#include "rig.h"

#define WHOLE RIG_SEGMENT /* a loan that needs a segment of its own */

static rig r;

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
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static void open_refuses_null(void **state)
{
    (void)state;
    ho_shard *shard = (ho_shard *)(uintptr_t)1;
    CHECK_STATUS(ho_shard_open(r.arena, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_shard_open(NULL, &shard), HO_E_HANDLE);
    assert_null(shard);
    CHECK(rig_arena_stats(r.arena).shards == 1);
}

static void there_may_be_1024_shards(void **state)
{
    (void)state;
    static ho_shard *shards[1023]; /* and the rig's */
    ho_shard *more = (ho_shard *)(uintptr_t)1;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 1023; i++)
            shards[i] = rig_shard(r.arena);
        CHECK(rig_arena_stats(r.arena).shards == 1024);
        CHECK_STATUS(ho_shard_open(r.arena, &more), HO_E_LIMIT);
        assert_null(more);
        for (size_t i = 0; i < 1023; i++)
            CHECK_STATUS(ho_shard_close(shards[i]), HO_OK);
    }
}

static void a_closed_shard_has_no_handle(void **state)
{
    (void)state;
    ho_shard *shard = rig_shard(r.arena);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    rig_send(r.shard, r.producer, 1, 100);
    ho_buf loan = rig_loan(r.shard, 1, 10), buf = rig_take(r.consumer), made;
    ho_shard *bad[] = {shard, NULL, (ho_shard *)r.arena, (ho_shard *)r.producer};
    for (size_t i = 0; i < 4; i++) {
        uint32_t aborted = 77;
        int32_t fd = 77;
        ho_producer *producer = (ho_producer *)(uintptr_t)1;
        memset(&made, 0xa5, sizeof made);
        CHECK_STATUS(ho_shard_close(bad[i]), HO_E_HANDLE);
        CHECK_STATUS(ho_shard_fd(bad[i], &fd), HO_E_HANDLE);
        CHECK(fd == -1);
        CHECK_REFUSED(&r, NULL, 0, ho_reserve(bad[i], 1, NULL, &made), HO_E_HANDLE);
        CHECK_EMPTY(&made);
        CHECK_REFUSED(&r, &loan, 1, ho_abort(bad[i], &loan, 1, &aborted), HO_E_HANDLE);
        CHECK(aborted == 0);
        CHECK_REFUSED(&r, &loan, 1, ho_split(bad[i], &loan, 1, &made), HO_E_HANDLE);
        CHECK_REFUSED(&r, &buf, 1, ho_compact(bad[i], &buf), HO_E_HANDLE);
        CHECK_STATUS(ho_producer_open(r.service, bad[i], &producer), HO_E_HANDLE);
        assert_null(producer);
    }
    ho_shard *next = rig_shard(r.arena);
    CHECK(next != shard);
    CHECK_STATUS(ho_reserve(shard, 1, NULL, &made), HO_E_HANDLE);
    CHECK_STATUS(ho_shard_close(next), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    rig_return(r.domain, &buf);
}

static void a_shard_stays_while_a_producer_is_over_it(void **state)
{
    (void)state;
    ho_service *other = rig_service(r.domain, NULL);
    ho_shard *shard = rig_shard(r.arena);
    ho_producer *first = rig_producer(r.service, shard), *second = rig_producer(other, shard);
    CHECK_STATUS(ho_shard_close(shard), HO_E_BUSY);
    CHECK_STATUS(ho_producer_close(first), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_E_BUSY);
    rig_send(shard, r.producer, 1, 10); /* it is as open as before */
    CHECK_STATUS(ho_producer_close(second), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_service_close(other, 0, NULL), HO_OK);
}

static void a_producer_needs_a_shard_of_its_domain(void **state)
{
    (void)state;
    rig elsewhere;
    rig_open(&elsewhere, NULL);
    ho_producer *producer = (ho_producer *)(uintptr_t)1;
    CHECK_STATUS(ho_producer_open(r.service, elsewhere.shard, &producer), HO_E_DOMAIN);
    assert_null(producer);
    ho_buf loan = rig_loan(elsewhere.shard, 1, 10);
    CHECK(ho_abort(r.shard, &loan, 1, NULL) < 0);
    CHECK_STATUS(ho_abort(elsewhere.shard, &loan, 1, NULL), HO_OK);
    rig_close(&elsewhere);
}

static void a_shard_holds_no_memory_before_its_first_reservation(void **state)
{
    (void)state;
    ho_shard *shards[8];
    for (size_t i = 0; i < 8; i++)
        shards[i] = rig_shard(r.arena);
    CHECK(rig_arena_stats(r.arena).segments_in_use == 0);
    for (size_t i = 0; i < 8; i++) {
        ho_buf loan = rig_loan(shards[i], 1, 10);
        CHECK(rig_arena_stats(r.arena).segments_in_use == i + 1);
        CHECK_STATUS(ho_abort(shards[i], &loan, 1, NULL), HO_OK);
    }
    for (size_t i = 0; i < 8; i++)
        CHECK_STATUS(ho_shard_close(shards[i]), HO_OK);
    CHECK(rig_arena_stats(r.arena).segments_in_use == 0);
}

static void one_segment_is_current_whatever_the_service(void **state)
{
    (void)state;
    enum { SERVICES = 5 };
    ho_service *services[SERVICES];
    ho_producer *producers[SERVICES];
    ho_consumer *consumers[SERVICES];
    rig_owner owner;
    uint8_t memory[8];
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    for (size_t i = 0; i < SERVICES; i++) {
        services[i] = rig_service(r.domain, NULL);
        producers[i] = rig_producer(services[i], r.shard);
        consumers[i] = rig_consumer(services[i]);
    }
    uint8_t *at = NULL;
    for (uint64_t n = 0; n < 20; n++)
        for (size_t i = 0; i < SERVICES; i++) {
            ho_buf loan = rig_loan(r.shard, n, 64);
            CHECK(!at || loan.ptr == at + 64); /* one behind the other */
            at = loan.ptr;
            CHECK_STATUS(ho_commit(producers[i], &loan, 1, 0, NULL), HO_OK);
        }
    CHECK(rig_arena_stats(r.arena).segments_in_use == 1);
    for (size_t i = 0; i < SERVICES; i++) { /* and one more for all records */
        ho_buf foreign = rig_foreign(owner.owner, memory, 8, i);
        CHECK_STATUS(ho_give(producers[i], &foreign, 1, 0, NULL), HO_OK);
    }
    CHECK(rig_arena_stats(r.arena).segments_in_use == 2);
    CHECK(rig_arena_stats(r.arena).buffers_out == 100 && rig_arena_stats(r.arena).foreign_out == 5);
    for (size_t i = 0; i < SERVICES; i++) {
        CHECK(rig_stats(services[i]).messages_in == 21);
        for (uint64_t n = 0; n < 20; n++) {
            ho_buf buf = rig_take(consumers[i]);
            CHECK(buf.key == n);
            rig_return(r.domain, &buf);
        }
        CHECK(rig_drain_consumer(r.domain, consumers[i]) == 1);
        CHECK_STATUS(ho_producer_close(producers[i]), HO_OK);
        CHECK_STATUS(ho_consumer_close(consumers[i]), HO_OK);
    }
    CHECK(owner.releases == SERVICES);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void several_producers_of_one_service_may_share_a_shard(void **state)
{
    (void)state;
    ho_producer *more[3];
    for (size_t i = 0; i < 3; i++)
        more[i] = rig_producer(r.service, r.shard);
    for (uint64_t n = 0; n < 50; n++)
        for (uint64_t i = 0; i < 3; i++)
            rig_send(r.shard, more[i], i << 8 | n, 16);
    CHECK(rig_arena_stats(r.arena).segments_in_use == 1);
    uint64_t next[3] = {0};
    for (int n = 0; n < 150; n++) {
        ho_buf buf = rig_take(r.consumer);
        CHECK((buf.key & 0xff) == next[buf.key >> 8]++);
        rig_return(r.domain, &buf);
    }
    for (size_t i = 0; i < 3; i++)
        CHECK_STATUS(ho_producer_close(more[i]), HO_OK);
}

static void what_a_closed_shard_filled_goes_back_when_it_is_returned(void **state)
{
    (void)state;
    ho_shard *shard = rig_shard(r.arena);
    for (uint64_t n = 0; n < 3; n++)
        rig_send(shard, r.producer, n, WHOLE);
    ho_buf loan = rig_loan(shard, 9, WHOLE);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK(rig_arena_stats(r.arena).segments_in_use == 4);
    CHECK(rig_drain(&r) == 3);
    CHECK(rig_arena_stats(r.arena).segments_in_use == 1);
    rig_check_pattern(&loan);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    CHECK(rig_drain(&r) == 1);
    CHECK(rig_arena_stats(r.arena).segments_in_use == 0);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(open_refuses_null),
    WITH_RIG(there_may_be_1024_shards),
    WITH_RIG(a_closed_shard_has_no_handle),
    WITH_RIG(a_shard_stays_while_a_producer_is_over_it),
    WITH_RIG(a_producer_needs_a_shard_of_its_domain),
    WITH_RIG(a_shard_holds_no_memory_before_its_first_reservation),
    WITH_RIG(one_segment_is_current_whatever_the_service),
    WITH_RIG(several_producers_of_one_service_may_share_a_shard),
    WITH_RIG(what_a_closed_shard_filled_goes_back_when_it_is_returned),
};

HO_TEST_MAIN(tests)
