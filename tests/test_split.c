/* SPDX-License-Identifier: MIT */
/* Splitting: many frames out of one loan, without a copy. */
#include "rig.h"

#define NUMBERS 4096u /* buffers that one segment can name */

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT), SERVICE_OPTS(.lane_slots = 8192));
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

static ho_buf loan_of(uint64_t bytes)
{
    ho_buf loan;
    CHECK_STATUS(ho_reserve(r.shard, bytes, NULL, &loan), HO_OK);
    for (uint64_t i = 0; i < bytes; i++)
        loan.ptr[i] = (uint8_t)(i ^ i >> 8);
    loan.len = bytes;
    return loan;
}

static ho_buf split(ho_buf *loan, uint64_t bytes)
{
    ho_buf front;
    CHECK_STATUS(ho_split(r.shard, loan, bytes, &front), HO_OK);
    return front;
}

static void commit(ho_buf *loan)
{
    CHECK_STATUS(ho_commit(r.producer, loan, 1, 0, NULL), HO_OK);
}

static void abort_loan(ho_buf *loan)
{
    CHECK_STATUS(ho_abort(r.shard, loan, 1, NULL), HO_OK);
}

static void the_front_gets_the_first_bytes_and_the_loan_keeps_the_rest(void **state)
{
    (void)state;
    ho_buf loan = loan_of(1000), before = loan, front = split(&loan, 101);
    CHECK(front.ptr == before.ptr && front.len == 101 && front.cap == 101);
    CHECK(front.kind == HO_KIND_LOAN && front.handle != 0 && front.handle != loan.handle);
    CHECK(loan.ptr == before.ptr + 101 && loan.len == 899 && loan.cap == 899);
    CHECK(loan.kind == HO_KIND_LOAN);
    CHECK(rig_arena_stats(r.arena).loans_out == 2);
    commit(&front);
    commit(&loan);
    ho_buf bufs[2];
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, bufs, 2, &taken), HO_OK);
    CHECK(taken == 2);
    CHECK(bufs[0].ptr == before.ptr && bufs[0].len == 101);
    CHECK(bufs[1].ptr == before.ptr + 101 && bufs[1].len == 899);
    for (uint64_t i = 0; i < 1000; i++)
        CHECK(before.ptr[i] == (uint8_t)(i ^ i >> 8));
    CHECK_STATUS(ho_return(r.domain, bufs, 2, NULL), HO_OK);
}

static void a_split_past_the_data_leaves_no_data(void **state)
{
    (void)state;
    ho_buf loan = loan_of(100);
    loan.len = 10;
    ho_buf front = split(&loan, 30);
    CHECK(front.len == 30 && front.cap == 30);
    CHECK(loan.len == 0 && loan.cap == 70);
    abort_loan(&loan);
    abort_loan(&front);
}

static void a_loan_may_be_split_to_its_last_byte(void **state)
{
    (void)state;
    ho_buf loan = loan_of(64), front = split(&loan, 64);
    CHECK(front.cap == 64 && loan.cap == 0 && loan.len == 0);
    CHECK(loan.kind == HO_KIND_LOAN);
    ho_buf none;
    CHECK_STATUS(ho_split(r.shard, &loan, 1, &none), HO_E_RANGE);
    abort_loan(&loan);
    commit(&front);
}

static void many_frames_come_out_of_one_read(void **state)
{
    (void)state;
    ho_buf loan = loan_of(32000);
    uint8_t *at = loan.ptr;
    uint64_t seed = 3, left = 32000, frames = 0;
    while (left > 300) {
        uint64_t bytes = 1 + rig_random(&seed) % 200;
        ho_buf front = split(&loan, bytes);
        CHECK(front.ptr == at);
        at += bytes;
        left -= bytes;
        front.key = frames++;
        commit(&front);
    }
    CHECK(loan.cap == left && loan.ptr == at);
    loan.len = 0; /* a partial frame: it stays */
    ho_buf buf;
    uint32_t taken;
    at = NULL;
    for (uint64_t i = 0; i < frames; i++) {
        CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
        CHECK(at == NULL || buf.ptr == at);
        CHECK(buf.key == i);
        at = buf.ptr + buf.len;
        rig_return(r.domain, &buf);
    }
    CHECK(loan.ptr == at);
    memset(loan.ptr, 1, loan.cap); /* still the shard's */
    abort_loan(&loan);
}

static void the_rest_is_trimmed_but_a_front_is_not(void **state)
{
    (void)state;
    ho_buf loan = loan_of(8000), front = split(&loan, 50);
    uint8_t *rest = loan.ptr;
    front.len = 10;
    commit(&front); /* the rest lies behind it */
    loan.len = 30;
    commit(&loan);
    ho_buf next = loan_of(10);
    CHECK(next.ptr >= rest + 30);
    CHECK(next.ptr < rest + 30 + 64);
    abort_loan(&next);
}

static void split_refuses_bytes_out_of_range(void **state)
{
    (void)state;
    ho_buf loan = loan_of(100), front;
    static const uint64_t bad[] = {0, 101, (uint64_t)1 << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memset(&front, 0xa5, sizeof front);
        CHECK_REFUSED(&r, &loan, 1, ho_split(r.shard, &loan, bad[i], &front), HO_E_RANGE);
        CHECK_EMPTY(&front);
    }
    ho_buf forged = loan;
    forged.cap = 2 * RIG_SEGMENT;
    CHECK_STATUS(ho_split(r.shard, &forged, RIG_SEGMENT + 1, &front), HO_E_RANGE);
    CHECK_EMPTY(&front);
    abort_loan(&loan);
}

static void split_refuses_null_and_itself(void **state)
{
    (void)state;
    ho_buf loan = loan_of(100), front;
    CHECK_REFUSED(&r, &loan, 1, ho_split(r.shard, &loan, 10, NULL), HO_E_INVAL);
    CHECK_REFUSED(&r, &loan, 1, ho_split(r.shard, &loan, 10, &loan), HO_E_INVAL);
    memset(&front, 0xa5, sizeof front);
    CHECK_STATUS(ho_split(r.shard, NULL, 10, &front), HO_E_INVAL);
    CHECK_EMPTY(&front);
    memset(&front, 0xa5, sizeof front);
    CHECK_REFUSED(&r, &loan, 1, ho_split(NULL, &loan, 10, &front), HO_E_HANDLE);
    CHECK_EMPTY(&front);
    abort_loan(&loan);
}

static void split_refuses_what_is_no_loan_of_this_shard(void **state)
{
    (void)state;
    ho_shard *other = rig_shard(r.arena);
    ho_buf loan = loan_of(100), stale = loan, front, empty = {0};
    CHECK_REFUSED(&r, &loan, 1, ho_split(other, &loan, 10, &front), HO_E_DOMAIN);
    CHECK_EMPTY(&front);
    CHECK_REFUSED(&r, &empty, 1, ho_split(r.shard, &empty, 10, &front), HO_E_KIND);
    commit(&loan);
    CHECK_REFUSED(&r, &stale, 1, ho_split(r.shard, &stale, 10, &front), HO_E_STALE);
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    CHECK_REFUSED(&r, &buf, 1, ho_split(r.shard, &buf, 10, &front), HO_E_KIND);
    rig_return(r.domain, &buf);
    loan = stale = loan_of(100);
    abort_loan(&loan);
    CHECK_REFUSED(&r, &stale, 1, ho_split(r.shard, &stale, 10, &front), HO_E_STALE);
    CHECK_EMPTY(&front);
    CHECK_STATUS(ho_shard_close(other), HO_OK);
}

static void a_segment_gives_4096_numbers_and_then_says_full(void **state)
{
    (void)state;
    ho_buf loan = loan_of(RIG_SEGMENT - 64), front;
    uint32_t fronts = 0;
    int32_t status;
    while ((status = ho_split(r.shard, &loan, 1, &front)) == HO_OK) {
        front.key = fronts++;
        commit(&front);
    }
    CHECK_STATUS(status, HO_FULL);
    CHECK_EMPTY(&front);
    CHECK(fronts == NUMBERS - 1); /* the loan has one, too */
    CHECK_REFUSED(&r, &loan, 1, ho_split(r.shard, &loan, 1, &front), HO_FULL);
    CHECK(loan.cap == RIG_SEGMENT - 64 - fronts);
    ho_buf moved = loan_of(1000); /* on to another segment */
    memcpy(moved.ptr, loan.ptr, 1000);
    abort_loan(&loan);
    front = split(&moved, 1);
    commit(&front);
    commit(&moved);
    CHECK(rig_drain(&r) == NUMBERS - 1 + 2);
}

static void one_byte_frames_fill_segments_by_number_too(void **state)
{
    (void)state;
    enum { LOANS = 3 * 1024 };
    static ho_buf loans[LOANS];
    for (size_t i = 0; i < LOANS; i++) /* 64 bytes each: 1024 in a segment */
        loans[i] = loan_of(1);
    for (size_t i = 0; i < LOANS; i++)
        commit(&loans[i]);
    CHECK(rig_drain(&r) == LOANS);
}

static void a_loan_in_a_segment_that_was_left_can_still_be_split(void **state)
{
    (void)state;
    ho_buf loan = loan_of(1000);
    ho_buf other = loan_of(RIG_SEGMENT - 64); /* does not fit behind it */
    CHECK(rig_arena_stats(r.arena).segments_in_use == 2);
    uint8_t *at = loan.ptr;
    for (uint64_t i = 0; i < 100; i++) {
        ho_buf front = split(&loan, 10);
        CHECK(front.ptr == at);
        at += 10;
        commit(&front);
        if (i % 3 == 0) /* words of numbers that fill and empty meanwhile */
            rig_drain(&r);
    }
    abort_loan(&loan);
    rig_drain(&r);
    commit(&other);
    CHECK(rig_drain(&r) == 1);
    ho_buf big[4];
    for (size_t i = 0; i < 4; i++) /* the left segment was recycled */
        big[i] = loan_of(RIG_SEGMENT - 64);
    CHECK_STATUS(ho_abort(r.shard, big, 4, NULL), HO_OK);
}

static void splitting_a_left_segment_ends_at_its_numbers_too(void **state)
{
    (void)state;
    ho_buf loan = loan_of(8000), other = loan_of(RIG_SEGMENT - 64), front;
    uint32_t fronts = 0;
    while (ho_split(r.shard, &loan, 1, &front) == HO_OK) {
        abort_loan(&front);
        fronts++;
    }
    CHECK(fronts == NUMBERS - 1);
    abort_loan(&loan);
    abort_loan(&other);
}

static void fronts_may_be_aborted_in_any_order(void **state)
{
    (void)state;
    ho_buf loan = loan_of(640), fronts[4];
    for (size_t i = 0; i < 4; i++)
        fronts[i] = split(&loan, 64);
    abort_loan(&fronts[2]);
    abort_loan(&fronts[0]);
    abort_loan(&loan);
    ho_buf next = loan_of(64);
    for (size_t i = 1; i < 4; i += 2) /* not over those that are still on loan */
        CHECK(next.ptr + 64 <= fronts[i].ptr || next.ptr >= fronts[i].ptr + 64);
    abort_loan(&next);
    abort_loan(&fronts[3]);
    abort_loan(&fronts[1]);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(the_front_gets_the_first_bytes_and_the_loan_keeps_the_rest),
    WITH_RIG(a_split_past_the_data_leaves_no_data),
    WITH_RIG(a_loan_may_be_split_to_its_last_byte),
    WITH_RIG(many_frames_come_out_of_one_read),
    WITH_RIG(the_rest_is_trimmed_but_a_front_is_not),
    WITH_RIG(split_refuses_bytes_out_of_range),
    WITH_RIG(split_refuses_null_and_itself),
    WITH_RIG(split_refuses_what_is_no_loan_of_this_shard),
    WITH_RIG(a_segment_gives_4096_numbers_and_then_says_full),
    WITH_RIG(one_byte_frames_fill_segments_by_number_too),
    WITH_RIG(a_loan_in_a_segment_that_was_left_can_still_be_split),
    WITH_RIG(splitting_a_left_segment_ends_at_its_numbers_too),
    WITH_RIG(fronts_may_be_aborted_in_any_order),
};

HO_TEST_MAIN(tests)
