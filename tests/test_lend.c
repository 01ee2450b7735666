/* SPDX-License-Identifier: MIT */
/* Loans that others commit: another producer, another service, another thread. */
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
    rig_check_quiet(r.service);
    rig_close(&r);
    return 0;
}

static int32_t commit(ho_buf *bufs, uint32_t count)
{
    return ho_commit(r.producer, bufs, count, HO_BY_KEY, 0, NULL);
}

static void abort_loan(ho_buf *loan)
{
    CHECK_STATUS(ho_abort(r.producer, loan, 1, NULL), HO_OK);
}

static void loans_outlive_their_producer(void **state)
{
    (void)state;
    ho_producer *other = rig_producer(r.service);
    ho_buf first = rig_loan(r.producer, 1, 100), second = rig_loan(r.producer, 2, 100);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    r.producer = other;
    rig_check_pattern(&first);
    CHECK_STATUS(commit(&first, 1), HO_OK);
    abort_loan(&second);
    ho_buf buf = rig_take(r.consumer);
    CHECK(buf.key == 1 && buf.len == 100);
    rig_return(r.domain, &buf);
}

static void a_loan_may_be_committed_through_another_service(void **state)
{
    (void)state;
    ho_service *ingress = rig_service(r.domain, NULL);
    ho_producer *network = rig_producer(ingress);
    ho_buf loan = rig_loan(network, 7, 1400);
    uint8_t *ptr = loan.ptr;
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    ho_buf buf = rig_take(r.consumer);
    CHECK(buf.ptr == ptr && buf.service == rig_stats(r.service).service);
    CHECK(rig_stats(r.service).messages_in == 1 && rig_stats(ingress).messages_in == 0);
    CHECK(rig_stats(ingress).buffers_out == 1 && rig_stats(r.service).buffers_out == 0);
    rig_return(r.domain, &buf);
    CHECK(rig_stats(ingress).messages_returned == 1);
    rig_check_quiet(ingress);
    CHECK_STATUS(ho_producer_close(network), HO_OK);
    CHECK_STATUS(ho_service_close(ingress, 0, NULL), HO_OK);
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
        ho_buf loan = rig_loan(r.producer, i, 2000);
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
    WITH_RIG(loans_outlive_their_producer),
    WITH_RIG(a_loan_may_be_committed_through_another_service),
    WITH_RIG(a_loan_may_be_reserved_committed_and_returned_by_three_threads),
};

HO_TEST_MAIN(tests)
