/* SPDX-License-Identifier: MIT */
/* Committing. Deferring is in test_flush.c, copying in test_copy.c. */
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

static void abort_loan(ho_buf *loan)
{
    CHECK_STATUS(ho_abort(r.shard, loan, 1, NULL), HO_OK);
}

static void check_nothing_to_take(void)
{
    ho_buf buf;
    uint32_t taken = 77;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_EMPTY);
    CHECK(taken == 0);
}

static void a_committed_loan_arrives_as_it_was_written(void **state)
{
    (void)state;
    ho_buf loan;
    CHECK_STATUS(ho_reserve(r.shard, 1500, NULL, &loan), HO_OK);
    uint8_t *ptr = loan.ptr;
    memset(ptr, 0x11, 300);
    loan.len = 300;
    loan.key = 0xfeedfacecafebeefu;
    loan.value = 0x123456789abcdef0u;
    loan.flags = 0x0000a5a5u;
    uint32_t accepted = 77;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, &accepted), HO_OK);
    CHECK(accepted == 1);
    CHECK_EMPTY(&loan);
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    CHECK(buf.ptr == ptr && buf.len == 300 && buf.cap >= 300);
    CHECK(buf.key == 0xfeedfacecafebeefu && buf.value == 0x123456789abcdef0u);
    CHECK(buf.flags == 0x0000a5a5u);
    CHECK(buf.kind == HO_KIND_ARENA && buf.handle != 0 && buf.hops == 0);
    CHECK(buf.service == rig_stats(r.service).service && buf.partition == 0);
    CHECK(buf.align_log2 == 6);
    for (size_t i = 0; i < 300; i++)
        CHECK(buf.ptr[i] == 0x11);
    rig_return(r.domain, &buf);
}

static void a_batch_arrives_in_order(void **state)
{
    (void)state;
    ho_buf loans[LANE];
    for (uint64_t i = 0; i < LANE; i++)
        loans[i] = rig_loan(r.shard, i, 10 + i);
    uint32_t accepted = 0;
    CHECK_STATUS(ho_commit(r.producer, loans, LANE, 0, &accepted), HO_OK);
    CHECK(accepted == LANE);
    for (uint64_t i = 0; i < LANE; i++) {
        ho_buf buf = rig_take(r.consumer);
        CHECK(buf.key == i && buf.len == 10 + i);
        rig_return(r.domain, &buf);
    }
}

static void an_empty_message_is_a_message(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 3, 1);
    ho_buf loan = rig_loan(r.shard, 4, 100);
    loan.len = 0;
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    ho_buf buf = rig_take(r.consumer);
    rig_return(r.domain, &buf);
    buf = rig_take(r.consumer);
    CHECK(buf.key == 4 && buf.len == 0 && buf.ptr != NULL);
    rig_return(r.domain, &buf);
}

static void commit_trims_so_that_the_next_loan_follows_directly(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 1400);
    uint8_t *ptr = loan.ptr;
    loan.len = 100;
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    ho_buf next = rig_loan(r.shard, 2, 10);
    CHECK(next.ptr == ptr + 128); /* 100, up to the next line */
    ho_buf third = rig_loan(r.shard, 3, 1400), behind = rig_loan(r.shard, 4, 1);
    third.len = 1;
    CHECK_STATUS(commit(&third, 1), HO_OK); /* something lies behind: nothing to trim */
    ho_buf fifth = rig_loan(r.shard, 5, 1);
    CHECK(fifth.ptr > behind.ptr);
    ho_buf rest[3] = {next, behind, fifth};
    CHECK_STATUS(commit(rest, 3), HO_OK);
    for (int i = 0; i < 5; i++) {
        ho_buf buf = rig_take(r.consumer);
        rig_return(r.domain, &buf);
    }
}

static void commit_keeps_the_buffer_when_the_lane_is_full(void **state)
{
    (void)state;
    ho_buf loans[LANE + 3];
    for (uint64_t i = 0; i < LANE + 3; i++)
        loans[i] = rig_loan(r.shard, i, 20);
    ho_buf rest[3];
    memcpy(rest, &loans[LANE], sizeof rest);
    uint32_t accepted = 77;
    CHECK_STATUS(ho_commit(r.producer, loans, LANE + 3, 0, &accepted), HO_FULL);
    CHECK(accepted == LANE);
    for (size_t i = 0; i < LANE; i++)
        CHECK_EMPTY(&loans[i]);
    assert_memory_equal(rest, &loans[LANE], sizeof rest);
    CHECK_REFUSED(&r, &loans[LANE], 3, commit(&loans[LANE], 3), HO_FULL);
    ho_buf buf = rig_take(r.consumer);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_commit(r.producer, &loans[LANE], 3, 0, &accepted), HO_FULL);
    CHECK(accepted == 1);
    CHECK(rig_drain(&r) == LANE);
    CHECK_STATUS(commit(&loans[LANE + 1], 2), HO_OK);
    for (uint64_t i = LANE + 1; i < LANE + 3; i++) {
        buf = rig_take(r.consumer);
        CHECK(buf.key == i);
        rig_return(r.domain, &buf);
    }
}

static void commit_refuses_null_and_takes_an_empty_batch(void **state)
{
    (void)state;
    uint32_t accepted = 77;
    CHECK_STATUS(ho_commit(r.producer, NULL, 0, 0, &accepted), HO_OK);
    CHECK(accepted == 0);
    accepted = 77;
    CHECK_REFUSED(&r, NULL, 0, ho_commit(r.producer, NULL, 1, 0, &accepted), HO_E_INVAL);
    CHECK(accepted == 0);
    ho_buf loan = rig_loan(r.shard, 1, 10);
    accepted = 77;
    CHECK_REFUSED(&r, &loan, 1, ho_commit(NULL, &loan, 1, 0, &accepted), HO_E_HANDLE);
    CHECK(accepted == 0);
    abort_loan(&loan);
}

static void commit_refuses_unknown_flags_in_the_high_half_only(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 10);
    for (uint32_t bit = 17; bit < 32; bit++) {
        uint32_t accepted = 77;
        CHECK_REFUSED(&r, &loan, 1, ho_commit(r.producer, &loan, 1, 1u << bit, &accepted),
                      HO_E_FLAGS);
        CHECK(accepted == 0);
    }
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0xffffu, NULL), HO_OK);
    CHECK(rig_drain(&r) == 1);
}

static void commit_refuses_flags_of_the_buffer_that_must_be_understood(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 10);
    for (uint32_t bit = 17; bit < 32; bit++) {
        loan.flags = 1u << bit;
        CHECK_REFUSED(&r, &loan, 1, commit(&loan, 1), HO_E_FLAGS);
    }
    loan.flags = 0;
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    CHECK(rig_drain(&r) == 1);
}

static void the_partition_is_the_senders_to_say(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 10), buf;
    loan.partition = 7; /* means nothing without the flag */
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    buf = rig_take(r.consumer);
    CHECK(buf.partition == 0 && buf.flags == 0);
    rig_return(r.domain, &buf);
    loan = rig_loan(r.shard, 1, 10);
    loan.flags = HO_BUF_PARTITION | 5u;
    const uint16_t bad[] = {1, 2, 1023, 1024, UINT16_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        loan.partition = bad[i];
        CHECK_REFUSED(&r, &loan, 1, commit(&loan, 1), HO_E_ROUTE);
    }
    loan.partition = 0;
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    buf = rig_take(r.consumer);
    CHECK(buf.partition == 0 && buf.flags == 5);
    rig_return(r.domain, &buf);
}

static void commit_refuses_what_is_no_loan(void **state)
{
    (void)state;
    ho_buf empty = {0};
    CHECK_REFUSED(&r, &empty, 1, commit(&empty, 1), HO_E_KIND);
    rig_send(r.shard, r.producer, 1, 20);
    ho_buf buf = rig_take(r.consumer), slice;
    CHECK_REFUSED(&r, &buf, 1, commit(&buf, 1), HO_E_KIND);
    CHECK_STATUS(ho_slice(r.domain, &buf, 0, 5, &slice), HO_OK);
    CHECK_REFUSED(&r, &slice, 1, commit(&slice, 1), HO_E_KIND);
    rig_return(r.domain, &buf);
    rig_return(r.domain, &slice);
}

static void a_second_copy_can_not_be_committed(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 20), copy = loan, pair[2] = {loan, loan};
    uint32_t accepted = 0;
    CHECK_STATUS(ho_commit(r.producer, pair, 2, 0, &accepted), HO_E_STALE);
    CHECK(accepted == 1);
    CHECK_EMPTY(&pair[0]);
    assert_memory_equal(&pair[1], &copy, sizeof copy);
    CHECK_REFUSED(&r, &copy, 1, commit(&copy, 1), HO_E_STALE);
    ho_buf buf = rig_take(r.consumer);
    CHECK_REFUSED(&r, &copy, 1, commit(&copy, 1), HO_E_STALE);
    rig_return(r.domain, &buf);
    CHECK_REFUSED(&r, &copy, 1, commit(&copy, 1), HO_E_STALE);
    check_nothing_to_take();
}

static void commit_refuses_lengths_and_pointers_outside_the_loan(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 100), bad = loan;
    static const uint64_t lens[] = {101, (uint64_t)1 << 31, (uint64_t)1 << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        bad.len = lens[i];
        CHECK_REFUSED(&r, &bad, 1, commit(&bad, 1), HO_E_RANGE);
        bad.cap = lens[i]; /* a forged capacity does not help */
        CHECK_REFUSED(&r, &bad, 1, commit(&bad, 1), HO_E_RANGE);
        bad = loan;
    }
    uint8_t *outside[] = {NULL, loan.ptr - 1, loan.ptr + RIG_SEGMENT, (uint8_t *)&bad,
                          (uint8_t *)UINTPTR_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        bad.ptr = outside[i]; /* not even in the segment: as if it were another domain's */
        CHECK_REFUSED(&r, &bad, 1, commit(&bad, 1), HO_E_STALE);
        bad = loan;
    }
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    CHECK(rig_drain(&r) == 1);
}

static void commit_refuses_the_memory_of_another_loan(void **state)
{
    (void)state;
    ho_buf first = rig_loan(r.shard, 1, 100), second = rig_loan(r.shard, 2, 100);
    ho_buf third = rig_loan(r.shard, 3, 100), bad = second;
    bad.ptr = first.ptr;
    CHECK_REFUSED(&r, &bad, 1, commit(&bad, 1), HO_E_RANGE);
    bad.ptr = second.ptr - 1;
    CHECK_REFUSED(&r, &bad, 1, commit(&bad, 1), HO_E_RANGE);
    bad.ptr = third.ptr;
    CHECK_REFUSED(&r, &bad, 1, commit(&bad, 1), HO_E_RANGE);
    ho_buf loans[3] = {first, second, third};
    CHECK_STATUS(ho_abort(r.shard, loans, 3, NULL), HO_OK);
}

static void the_front_of_a_loan_may_be_left_out(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 1000), bad;
    uint8_t *ptr = loan.ptr;
    memset(ptr + 100, 0x2d, 50);
    loan.ptr += 100;
    loan.len = 50;
    bad = loan; /* cap still that of the whole */
    CHECK_REFUSED(&r, &bad, 1, commit(&bad, 1), HO_E_RANGE);
    loan.cap -= 100;
    CHECK_STATUS(commit(&loan, 1), HO_OK);
    ho_buf next = rig_loan(r.shard, 2, 10), buf;
    CHECK(next.ptr == ptr + 192); /* 150, up to the next line: trimmed behind the data */
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    CHECK(buf.ptr == ptr + 100 && buf.len == 50);
    for (size_t i = 0; i < 50; i++)
        CHECK(buf.ptr[i] == 0x2d);
    rig_return(r.domain, &buf);
    abort_loan(&next);
    loan = rig_loan(r.shard, 3, 1000);
    loan.ptr += 100;
    loan.len = 0;
    loan.cap -= 100;
    abort_loan(&loan);
}

static void a_batch_stops_at_the_first_bad_one(void **state)
{
    (void)state;
    ho_buf loans[4], rest[2];
    for (uint64_t i = 0; i < 4; i++)
        loans[i] = rig_loan(r.shard, i, 30);
    loans[2].len = 31;
    memcpy(rest, &loans[2], sizeof rest);
    uint32_t accepted = 77;
    CHECK_STATUS(ho_commit(r.producer, loans, 4, 0, &accepted), HO_E_RANGE);
    CHECK(accepted == 2);
    CHECK_EMPTY(&loans[0]);
    CHECK_EMPTY(&loans[1]);
    assert_memory_equal(rest, &loans[2], sizeof rest);
    CHECK(rig_drain(&r) == 2); /* the accepted part is published */
    loans[2].len = 30;
    CHECK_STATUS(commit(&loans[2], 2), HO_OK);
    CHECK(rig_drain(&r) == 2);
}

static void a_batch_may_fail_in_its_first(void **state)
{
    (void)state;
    ho_buf loans[2] = {rig_loan(r.shard, 1, 30), rig_loan(r.shard, 2, 30)};
    loans[0].len = 31;
    uint32_t accepted = 77;
    CHECK_REFUSED(&r, loans, 2, ho_commit(r.producer, loans, 2, 0, &accepted), HO_E_RANGE);
    CHECK(accepted == 0);
    check_nothing_to_take();
    loans[0].len = 30;
    CHECK_STATUS(ho_abort(r.shard, loans, 2, NULL), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_committed_loan_arrives_as_it_was_written),
    WITH_RIG(a_batch_arrives_in_order),
    WITH_RIG(an_empty_message_is_a_message),
    WITH_RIG(commit_trims_so_that_the_next_loan_follows_directly),
    WITH_RIG(commit_keeps_the_buffer_when_the_lane_is_full),
    WITH_RIG(commit_refuses_null_and_takes_an_empty_batch),
    WITH_RIG(commit_refuses_unknown_flags_in_the_high_half_only),
    WITH_RIG(commit_refuses_flags_of_the_buffer_that_must_be_understood),
    WITH_RIG(the_partition_is_the_senders_to_say),
    WITH_RIG(commit_refuses_what_is_no_loan),
    WITH_RIG(a_second_copy_can_not_be_committed),
    WITH_RIG(commit_refuses_lengths_and_pointers_outside_the_loan),
    WITH_RIG(commit_refuses_the_memory_of_another_loan),
    WITH_RIG(the_front_of_a_loan_may_be_left_out),
    WITH_RIG(a_batch_stops_at_the_first_bad_one),
    WITH_RIG(a_batch_may_fail_in_its_first),
};

HO_TEST_MAIN(tests)
