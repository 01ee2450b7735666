/* SPDX-License-Identifier: MIT */
/* Reserving and aborting: where loans lie, what they may ask for, and the budget. */
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

static ho_buf reserve(uint64_t bytes, const ho_reserve_opts *opts)
{
    ho_buf loan;
    CHECK_STATUS(ho_reserve(r.shard, bytes, opts, &loan), HO_OK);
    return loan;
}

static void abort_loan(ho_buf *loan)
{
    CHECK_STATUS(ho_abort(r.shard, loan, 1, NULL), HO_OK);
    CHECK_EMPTY(loan);
}

static int32_t reserve_refused(uint64_t bytes, const ho_reserve_opts *opts)
{
    ho_buf loan;
    memset(&loan, 0xa5, sizeof loan);
    int32_t status = ho_reserve(r.shard, bytes, opts, &loan);
    CHECK_EMPTY(&loan);
    return status;
}

static void a_loan_is_writable_and_aligned_to_a_line(void **state)
{
    (void)state;
    for (uint64_t bytes = 1; bytes <= 4096; bytes = bytes * 3 + 1) {
        ho_buf loan = reserve(bytes, NULL);
        assert_non_null(loan.ptr);
        CHECK((uintptr_t)loan.ptr % 64 == 0);
        CHECK(loan.len == 0 && loan.cap == bytes);
        CHECK(loan.kind == HO_KIND_LOAN && loan.handle != 0);
        CHECK(loan.align_log2 == 6);
        CHECK(loan.value == 0 && loan.key == 0 && loan.service == 0);
        CHECK(loan.flags == 0 && loan.partition == 0 && loan.hops == 0);
        memset(loan.ptr, 0x5a, bytes);
        abort_loan(&loan);
    }
}

static void loans_do_not_overlap(void **state)
{
    (void)state;
    ho_buf loans[100];
    uint64_t seed = 1;
    for (size_t i = 0; i < 100; i++) {
        loans[i] = reserve(1 + rig_random(&seed) % 2000, NULL);
        memset(loans[i].ptr, (int)i, loans[i].cap);
    }
    for (size_t i = 0; i < 100; i++)
        for (uint64_t at = 0; at < loans[i].cap; at++)
            CHECK(loans[i].ptr[at] == i);
    CHECK(rig_arena_stats(r.arena).loans_out == 100);
    CHECK_STATUS(ho_abort(r.shard, loans, 100, NULL), HO_OK);
}

static void headroom_lies_before_the_loan(void **state)
{
    (void)state;
    ho_buf first = reserve(100, NULL);
    memset(first.ptr, 1, first.cap);
    ho_buf loan = reserve(100, RESERVE_OPTS(.headroom = 33));
    CHECK((uintptr_t)loan.ptr % 64 == 0);
    CHECK(loan.cap == 100);
    CHECK(loan.ptr - 33 >= first.ptr + first.cap);
    memset(loan.ptr - 33, 2, 133);
    for (size_t i = 0; i < 100; i++)
        CHECK(first.ptr[i] == 1);
    abort_loan(&loan);
    abort_loan(&first);
}

static void tailroom_stays_behind_the_data_after_commit(void **state)
{
    (void)state;
    ho_buf loan = reserve(1000, RESERVE_OPTS(.tailroom = 70));
    uint8_t *ptr = loan.ptr;
    memset(ptr, 1, 1070);
    loan.len = 200;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    ho_buf next = reserve(64, NULL);
    CHECK(next.ptr >= ptr + 270);
    CHECK(next.ptr < ptr + 270 + 64);
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    CHECK(buf.ptr == ptr && buf.len == 200);
    memset(next.ptr, 7, next.cap);
    memset(buf.ptr + buf.len, 9, 70); /* the consumer's to write */
    for (size_t i = 0; i < 64; i++)
        CHECK(next.ptr[i] == 7);
    rig_return(r.domain, &buf);
    abort_loan(&next);
}

static void alignment_can_be_asked_for(void **state)
{
    (void)state;
    for (uint32_t log2 = 1; log2 <= 12; log2++) {
        ho_buf loan = reserve(10, RESERVE_OPTS(.align_log2 = log2));
        ho_buf pushed = reserve(10, RESERVE_OPTS(.align_log2 = log2, .headroom = 5));
        CHECK((uintptr_t)loan.ptr % (1u << log2) == 0);
        CHECK((uintptr_t)pushed.ptr % (1u << log2) == 0);
        CHECK(loan.align_log2 == log2);
        CHECK(pushed.ptr - 5 >= loan.ptr + loan.cap);
        abort_loan(&pushed);
        abort_loan(&loan);
    }
    CHECK_STATUS(reserve_refused(10, RESERVE_OPTS(.align_log2 = 13)), HO_E_RANGE);
    CHECK_STATUS(reserve_refused(10, RESERVE_OPTS(.align_log2 = 64)), HO_E_RANGE);
    CHECK_STATUS(reserve_refused(10, RESERVE_OPTS(.align_log2 = UINT32_MAX)), HO_E_RANGE);
}

static void what_can_not_fit_a_segment_is_out_of_range(void **state)
{
    (void)state;
    ho_buf loan = reserve(RIG_SEGMENT - 64, NULL);
    abort_loan(&loan);
    static const uint64_t bad[] = {0,
                                   RIG_SEGMENT + 1,
                                   (uint64_t)1 << 31,
                                   (uint64_t)1 << 32,
                                   (uint64_t)1 << 63,
                                   UINT64_MAX - 64,
                                   UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_REFUSED(&r, NULL, 0, reserve_refused(bad[i], NULL), HO_E_RANGE);
    CHECK_STATUS(reserve_refused(RIG_SEGMENT - 64, RESERVE_OPTS(.headroom = 65)), HO_E_RANGE);
    CHECK_STATUS(reserve_refused(RIG_SEGMENT - 64, RESERVE_OPTS(.tailroom = 65)), HO_E_RANGE);
    CHECK_STATUS(reserve_refused(1, RESERVE_OPTS(.headroom = UINT32_MAX)), HO_E_RANGE);
    CHECK_STATUS(reserve_refused(1, RESERVE_OPTS(.tailroom = UINT32_MAX)), HO_E_RANGE);
    CHECK_STATUS(
        reserve_refused(UINT64_MAX, RESERVE_OPTS(.headroom = UINT32_MAX, .align_log2 = 12)),
        HO_E_RANGE);
}

static void the_largest_of_every_shape_fits(void **state)
{
    (void)state;
    for (uint32_t log2 = 6; log2 <= 12; log2++) {
        uint64_t bytes = RIG_SEGMENT - 100 - 200 - (1u << log2);
        ho_reserve_opts opts = {
            .size = sizeof opts, .headroom = 100, .tailroom = 200, .align_log2 = log2};
        ho_buf loan = reserve(bytes, &opts);
        memset(loan.ptr - 100, 3, 100 + bytes + 200);
        abort_loan(&loan);
    }
}

static int32_t reserve_and_abort(void *ctx, const void *opts)
{
    (void)ctx;
    ho_buf loan;
    memset(&loan, 0xa5, sizeof loan);
    int32_t status = ho_reserve(r.shard, 16, opts, &loan);
    if (status == HO_OK)
        abort_loan(&loan);
    else
        CHECK_EMPTY(&loan);
    return status;
}

static void reserve_checks_its_options(void **state)
{
    (void)state;
    rig_check_opts(&(rig_opts_case){.valid = RESERVE_OPTS(.headroom = 8),
                                    .size = sizeof(ho_reserve_opts),
                                    .min = HO_RESERVE_OPTS_MIN,
                                    .call = reserve_and_abort,
                                    .flags_at = offsetof(ho_reserve_opts, flags),
                                    .reserved_at = offsetof(ho_reserve_opts, reserved0)});
}

static void reserve_refuses_null(void **state)
{
    (void)state;
    ho_buf loan;
    memset(&loan, 0xa5, sizeof loan);
    CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, 16, NULL, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_reserve(NULL, 16, NULL, &loan), HO_E_HANDLE);
    CHECK_EMPTY(&loan);
}

static void abort_rewinds_so_that_the_next_loan_lies_there(void **state)
{
    (void)state;
    ho_buf loan = reserve(1000, NULL);
    uint8_t *ptr = loan.ptr;
    abort_loan(&loan);
    loan = reserve(1000, NULL);
    CHECK(loan.ptr == ptr);
    ho_buf behind = reserve(10, NULL);
    abort_loan(&loan); /* something lies behind: no rewind */
    ho_buf third = reserve(10, NULL);
    CHECK(third.ptr > behind.ptr);
    abort_loan(&third);
    abort_loan(&behind);
}

static void an_aborted_copy_stays_stale_when_its_place_is_reserved_again(void **state)
{
    (void)state;
    ho_buf loan = reserve(1000, NULL), copy = loan;
    abort_loan(&loan);
    CHECK_REFUSED(&r, &copy, 1, ho_abort(r.shard, &copy, 1, NULL), HO_E_STALE);
    ho_buf again = reserve(1000, NULL);
    CHECK(again.handle != copy.handle);
    CHECK_REFUSED(&r, &copy, 1, ho_abort(r.shard, &copy, 1, NULL), HO_E_STALE);
    CHECK_REFUSED(&r, &copy, 1, ho_commit(r.producer, &copy, 1, 0, NULL), HO_E_STALE);
    abort_loan(&again);
}

static void abort_takes_a_prefix_and_leaves_the_rest(void **state)
{
    (void)state;
    ho_buf loans[5];
    for (size_t i = 0; i < 5; i++)
        loans[i] = reserve(100, NULL);
    ho_buf good = loans[3];
    loans[3].kind = HO_KIND_ARENA;
    ho_buf rest[2] = {loans[3], loans[4]};
    uint32_t aborted = 77;
    CHECK_STATUS(ho_abort(r.shard, loans, 5, &aborted), HO_E_KIND);
    CHECK(aborted == 3);
    for (size_t i = 0; i < 3; i++)
        CHECK_EMPTY(&loans[i]);
    assert_memory_equal(rest, &loans[3], sizeof rest);
    loans[3] = good;
    CHECK_STATUS(ho_abort(r.shard, &loans[3], 2, &aborted), HO_OK);
    CHECK(aborted == 2);
}

static void abort_refuses_what_is_no_loan(void **state)
{
    (void)state;
    ho_buf empty = {0};
    uint32_t aborted = 77;
    CHECK_STATUS(ho_abort(r.shard, NULL, 0, &aborted), HO_OK);
    CHECK(aborted == 0);
    aborted = 77;
    CHECK_STATUS(ho_abort(r.shard, NULL, 1, &aborted), HO_E_INVAL);
    CHECK(aborted == 0);
    CHECK_REFUSED(&r, &empty, 1, ho_abort(r.shard, &empty, 1, NULL), HO_E_KIND);
    rig_send(r.shard, r.producer, 1, 20);
    ho_buf buf = rig_take(r.consumer);
    CHECK_REFUSED(&r, &buf, 1, ho_abort(r.shard, &buf, 1, NULL), HO_E_KIND);
    rig_return(r.domain, &buf);
    ho_buf loan = reserve(8, NULL), copy = loan;
    CHECK_STATUS(ho_abort(NULL, &loan, 1, NULL), HO_E_HANDLE);
    assert_memory_equal(&loan, &copy, sizeof loan);
    abort_loan(&loan);
}

static void a_committed_copy_can_not_be_aborted(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 50), copy = loan;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    CHECK_REFUSED(&r, &copy, 1, ho_abort(r.shard, &copy, 1, NULL), HO_E_STALE);
    ho_buf buf = rig_take(r.consumer);
    CHECK_REFUSED(&r, &copy, 1, ho_abort(r.shard, &copy, 1, NULL), HO_E_STALE);
    rig_return(r.domain, &buf);
    CHECK_REFUSED(&r, &copy, 1, ho_abort(r.shard, &copy, 1, NULL), HO_E_STALE);
}

static void many_loans_may_be_open_over_many_segments(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static ho_buf loans[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        loans[i] = reserve(1024, NULL);
        memset(loans[i].ptr, (int)i, 1024);
    }
    CHECK(rig_arena_stats(r.arena).segments_in_use == 4);
    for (size_t i = 0; i < COUNT; i++) /* out of order: 73 and 200 share no divisor */
        abort_loan(&loans[i * 73 % COUNT]);
    ho_buf big[4];
    for (size_t i = 0; i < 4; i++) /* all came back whole */
        big[i] = reserve(RIG_SEGMENT - 64, NULL);
    CHECK_STATUS(ho_abort(r.shard, big, 4, NULL), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_loan_is_writable_and_aligned_to_a_line),
    WITH_RIG(loans_do_not_overlap),
    WITH_RIG(headroom_lies_before_the_loan),
    WITH_RIG(tailroom_stays_behind_the_data_after_commit),
    WITH_RIG(alignment_can_be_asked_for),
    WITH_RIG(what_can_not_fit_a_segment_is_out_of_range),
    WITH_RIG(the_largest_of_every_shape_fits),
    WITH_RIG(reserve_checks_its_options),
    WITH_RIG(reserve_refuses_null),
    WITH_RIG(abort_rewinds_so_that_the_next_loan_lies_there),
    WITH_RIG(an_aborted_copy_stays_stale_when_its_place_is_reserved_again),
    WITH_RIG(abort_takes_a_prefix_and_leaves_the_rest),
    WITH_RIG(abort_refuses_what_is_no_loan),
    WITH_RIG(a_committed_copy_can_not_be_aborted),
    WITH_RIG(many_loans_may_be_open_over_many_segments),
};

HO_TEST_MAIN(tests)
