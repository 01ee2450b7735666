/* SPDX-License-Identifier: MIT */
/* HO_MORE: what is held back, and what publishes it. */
#include "rig.h"

#define LANE 8u

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, SERVICE_OPTS(.lane_slots = LANE));
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

static int32_t commit(ho_buf *bufs, uint32_t count)
{
    return ho_commit(r.producer, bufs, count, 0, NULL);
}

static void check_nothing_to_take(void)
{
    ho_buf buf;
    uint32_t taken = 77;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_EMPTY);
    CHECK(taken == 0);
}

static void more_defers_until_flush(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 3; key++) {
        ho_buf loan = rig_loan(r.shard, key, 10);
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_MORE, NULL), HO_OK);
        CHECK_EMPTY(&loan);
        check_nothing_to_take();
    }
    CHECK_STATUS(ho_flush(r.producer), HO_OK);
    CHECK(rig_drain(&r) == 3);
    CHECK_STATUS(ho_flush(r.producer), HO_OK); /* nothing held back: nothing happens */
    check_nothing_to_take();
}

static void more_is_published_by_the_next_call_without_it(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 10);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_MORE, NULL), HO_OK);
    rig_send(r.shard, r.producer, 2, 10);
    CHECK(rig_drain(&r) == 2);
}

static void more_is_published_by_a_call_that_sends_nothing(void **state)
{
    (void)state;
    uint8_t byte = 1;
    for (int way = 0; way < 6; way++) {
        ho_buf loan = rig_loan(r.shard, 1, 10), bad = rig_foreign(UINT32_MAX, &byte, 1, 1);
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_MORE, NULL), HO_OK);
        check_nothing_to_take();
        switch (way) {
        case 0: CHECK_STATUS(ho_commit(r.producer, NULL, 0, 0, NULL), HO_OK); break;
        case 1: CHECK_STATUS(ho_forward(r.producer, NULL, 0, 0, NULL), HO_OK); break;
        case 2: CHECK_STATUS(ho_give(r.producer, NULL, 0, 0, NULL), HO_OK); break;
        case 3: CHECK_STATUS(ho_give_copy(r.producer, NULL, 0, 0, NULL), HO_OK); break;
        case 4: CHECK_STATUS(ho_give(r.producer, &bad, 1, 0, NULL), HO_E_OWNER); break;
        default:
            bad.flags = HO_BUF_PARTITION;
            bad.partition = 9;
            CHECK_STATUS(ho_give_copy(r.producer, &bad, 1, 0, NULL), HO_E_ROUTE);
        }
        CHECK(rig_drain(&r) == 1);
    }
}

static void a_full_lane_shows_what_more_held_back(void **state)
{
    (void)state;
    ho_buf loan;
    for (uint64_t key = 0; key < LANE; key++) {
        loan = rig_loan(r.shard, key, 10);
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_MORE, NULL), HO_OK);
    }
    loan = rig_loan(r.shard, LANE, 10);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_MORE, NULL), HO_FULL);
    CHECK(rig_drain(&r) == LANE); /* else nobody could ever make room */
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    CHECK(rig_drain(&r) == 1);
}

static void closing_a_producer_publishes_what_more_held_back(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 10);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_MORE, NULL), HO_OK);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK(rig_drain(&r) == 1);
    CHECK_STATUS(ho_producer_close(r.producer), HO_E_HANDLE);
    CHECK_STATUS(ho_flush(r.producer), HO_E_HANDLE);
    r.producer = NULL;
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(more_defers_until_flush),
    WITH_RIG(more_is_published_by_the_next_call_without_it),
    WITH_RIG(more_is_published_by_a_call_that_sends_nothing),
    WITH_RIG(a_full_lane_shows_what_more_held_back),
    WITH_RIG(closing_a_producer_publishes_what_more_held_back),
};

HO_TEST_MAIN(tests)
