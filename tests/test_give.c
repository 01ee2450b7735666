/* SPDX-License-Identifier: MIT */
/* Giving foreign memory: no allocation, no copy, exactly one release. */
#include "rig.h"

#define LANE 8u

static rig r;
static rig_owner owner;
static uint8_t memory[4096];

static int open_rig(void **state)
{
    (void)state;
    /* The records of foreign buffers are on the budget: it must hold those of the last test. */
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 8 * RIG_BUDGET), SERVICE_OPTS(.lane_slots = LANE));
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    for (size_t i = 0; i < sizeof memory; i++)
        memory[i] = (uint8_t)i;
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

static ho_buf foreign(uint64_t token)
{
    ho_buf buf = rig_foreign(owner.owner, memory, 100, token);
    buf.value = ~token;
    return buf;
}

static int32_t give(ho_buf *bufs, uint32_t count)
{
    return ho_give(r.producer, bufs, count, 0, NULL);
}

static ho_buf take(void)
{
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
    return buf;
}

static void given_memory_arrives_in_place(void **state)
{
    (void)state;
    ho_buf buf = foreign(77);
    buf.key = 0xabcdef;
    buf.flags = 0x1234;
    uint32_t accepted = 0;
    CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, &accepted), HO_OK);
    CHECK(accepted == 1);
    CHECK_EMPTY(&buf);
    CHECK(owner.releases == 0);
    CHECK(rig_arena_stats(r.arena).foreign_out == 1 && rig_arena_stats(r.arena).buffers_out == 0);
    buf = take();
    CHECK(buf.ptr == memory && buf.len == 100 && buf.cap == 100);
    CHECK(buf.kind == HO_KIND_FOREIGN && buf.value == ~(uint64_t)77);
    CHECK(buf.key == 0xabcdef && buf.flags == 0x1234);
    CHECK(buf.service == rig_stats(r.service).service);
    CHECK(owner.releases == 0);
    rig_return(r.domain, &buf);
    CHECK(owner.releases == 1 && owner.cancelled == 0);
    CHECK(owner.last.token == 77 && owner.last.base == memory && owner.last.size == 100);
    CHECK(owner.last.owner == owner.owner && owner.last.reason == HO_REASON_CONSUMED);
}

static void more_than_the_data_may_be_given(void **state)
{
    (void)state;
    ho_buf buf = foreign(1);
    buf.cap = 4096;
    CHECK_STATUS(give(&buf, 1), HO_OK);
    buf = take();
    CHECK(buf.len == 100 && buf.cap == 4096);
    rig_return(r.domain, &buf);
    CHECK(owner.last.size == 4096);
}

static void the_release_names_what_was_given_not_what_was_trimmed(void **state)
{
    (void)state;
    ho_buf buf = foreign(1);
    CHECK_STATUS(give(&buf, 1), HO_OK);
    buf = take();
    buf.ptr += 10;
    buf.cap -= 10;
    buf.len = 20;
    CHECK_STATUS(ho_return(r.domain, &buf, 1, NULL), HO_OK);
    CHECK(owner.releases == 1);
    CHECK(owner.last.base == memory && owner.last.size == 100);
}

static void every_token_and_value_goes_through(void **state)
{
    (void)state;
    const uint64_t words[] = {0, 1, UINT64_MAX, (uint64_t)1 << 63, (uintptr_t)memory};
    for (uint32_t i = 0; i < sizeof words / sizeof *words; i++)
        for (uint32_t k = 0; k < sizeof words / sizeof *words; k++) {
            ho_buf buf = rig_foreign(owner.owner, memory, 10, words[i]);
            buf.value = words[k];
            CHECK_STATUS(give(&buf, 1), HO_OK);
            buf = take();
            CHECK(buf.value == words[k]);
            buf.value = 12345; /* the holder's */
            rig_return(r.domain, &buf);
            CHECK(owner.last.token == words[i]);
        }
}

static void nothing_at_all_can_be_given(void **state)
{
    (void)state;
    ho_buf buf = rig_foreign(owner.owner, NULL, 0, 5);
    buf.value = 6;
    CHECK_STATUS(give(&buf, 1), HO_OK);
    buf = take();
    CHECK(buf.len == 0 && buf.ptr != NULL && buf.value == 6);
    rig_return(r.domain, &buf);
    CHECK(owner.releases == 1 && owner.last.token == 5);
    CHECK(owner.last.base == NULL && owner.last.size == 0);
}

static void impossible_memory_is_refused(void **state)
{
    (void)state;
    const struct {
        void *ptr;
        uint64_t len, cap;
        int32_t status;
    } bad[] = {
        {NULL, 1, 0, HO_E_INVAL},
        {NULL, 0, 1, HO_E_INVAL},
        {memory, UINT64_MAX, 0, HO_E_INVAL},
        {memory, 1, UINT64_MAX, HO_E_INVAL},
        {(void *)(UINTPTR_MAX - 9), 11, 0, HO_E_INVAL},
        {(void *)(UINTPTR_MAX - 9), 1, 11, HO_E_INVAL},
        {memory, 11, 10, HO_E_RANGE},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ho_buf buf = {
            .ptr = bad[i].ptr, .len = bad[i].len, .cap = bad[i].cap, .owner = owner.owner};
        CHECK_REFUSED(&r, &buf, 1, give(&buf, 1), bad[i].status);
    }
    CHECK(owner.releases == 0);
}

static void fields_of_the_library_must_be_zero(void **state)
{
    (void)state;
    ho_buf buf = foreign(1);
    buf.service = 1;
    CHECK_REFUSED(&r, &buf, 1, give(&buf, 1), HO_E_RESERVED);
    for (uint32_t kind = 1; kind < 256; kind++) {
        buf = foreign(1);
        buf.kind = (uint8_t)kind;
        CHECK_REFUSED(&r, &buf, 1, give(&buf, 1), HO_E_RESERVED);
    }
    for (uint32_t bit = 17; /* 16 is HO_BUF_PARTITION */ bit < 32; bit++) {
        buf = foreign(1);
        buf.flags = 1u << bit;
        CHECK_REFUSED(&r, &buf, 1, give(&buf, 1), HO_E_FLAGS);
    }
}

static void a_buffer_that_was_taken_can_not_be_given_again(void **state)
{
    (void)state;
    ho_buf buf = foreign(1);
    CHECK_STATUS(give(&buf, 1), HO_OK);
    buf = take();
    CHECK_REFUSED(&r, &buf, 1, give(&buf, 1), HO_E_RESERVED);
    rig_return(r.domain, &buf);
    ho_buf loan = rig_loan(r.shard, 1, 10);
    ho_buf copy = loan;
    loan.owner = owner.owner;
    CHECK_REFUSED(&r, &loan, 1, give(&loan, 1), HO_E_RESERVED);
    loan = copy;
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
}

static void only_a_registered_owner_can_be_named(void **state)
{
    (void)state;
    rig_owner retired;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &retired);
    CHECK_STATUS(ho_owner_retire(r.domain, retired.owner, 0), HO_OK);
    uint32_t bad[] = {0, owner.owner + 1000, UINT32_MAX, retired.owner};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ho_buf buf = foreign(1);
        buf.owner = bad[i];
        CHECK_REFUSED(&r, &buf, 1, give(&buf, 1), HO_E_OWNER);
    }
    ho_buf empty = {0};
    CHECK_REFUSED(&r, &empty, 1, give(&empty, 1), HO_E_OWNER);
}

static void give_refuses_null_flags_and_routes(void **state)
{
    (void)state;
    uint32_t accepted = 77;
    CHECK_STATUS(ho_give(r.producer, NULL, 0, 0, &accepted), HO_OK);
    CHECK(accepted == 0);
    accepted = 77;
    CHECK_STATUS(ho_give(r.producer, NULL, 1, 0, &accepted), HO_E_INVAL);
    CHECK(accepted == 0);
    ho_buf buf = foreign(1);
    accepted = 77;
    CHECK_REFUSED(&r, &buf, 1, ho_give(NULL, &buf, 1, 0, &accepted), HO_E_HANDLE);
    CHECK(accepted == 0);
    CHECK_REFUSED(&r, &buf, 1, ho_give(r.producer, &buf, 1, 0x20000, NULL), HO_E_FLAGS);
    CHECK_STATUS(give(&buf, 1), HO_OK); /* the arena has its segment of records */
    CHECK(rig_drain(&r) == 1 && owner.releases == 1);
    buf = foreign(1);
    buf.flags = HO_BUF_PARTITION;
    buf.partition = 1;
    CHECK_REFUSED(&r, &buf, 1, give(&buf, 1), HO_E_ROUTE);
    CHECK(owner.releases == 1);
}

static void give_keeps_what_the_full_lane_refuses(void **state)
{
    (void)state;
    ho_buf bufs[LANE + 2], rest[2];
    for (uint64_t i = 0; i < LANE + 2; i++)
        bufs[i] = foreign(i);
    memcpy(rest, &bufs[LANE], sizeof rest);
    uint32_t accepted = 77;
    CHECK_STATUS(ho_give(r.producer, bufs, LANE + 2, 0, &accepted), HO_FULL);
    CHECK(accepted == LANE);
    assert_memory_equal(rest, &bufs[LANE], sizeof rest);
    CHECK_REFUSED(&r, &bufs[LANE], 2, give(&bufs[LANE], 2), HO_FULL);
    CHECK(rig_arena_stats(r.arena).foreign_out == LANE);
    CHECK(rig_drain(&r) == LANE);
    CHECK(owner.releases == LANE);
    CHECK_STATUS(give(&bufs[LANE], 2), HO_OK);
    CHECK(rig_drain(&r) == 2);
    CHECK(owner.releases == LANE + 2 && owner.cancelled == 0);
}

static void a_given_batch_stops_at_the_first_bad_one(void **state)
{
    (void)state;
    ho_buf bufs[4] = {foreign(0), foreign(1), foreign(2), foreign(3)}, rest[2];
    bufs[2].service = 1;
    memcpy(rest, &bufs[2], sizeof rest);
    uint32_t accepted = 77;
    CHECK_STATUS(ho_give(r.producer, bufs, 4, 0, &accepted), HO_E_RESERVED);
    CHECK(accepted == 2);
    CHECK_EMPTY(&bufs[0]);
    CHECK_EMPTY(&bufs[1]);
    assert_memory_equal(rest, &bufs[2], sizeof rest);
    CHECK(rig_drain(&r) == 2);
    CHECK(owner.releases == 2);
}

static void a_batch_may_name_several_owners(void **state)
{
    (void)state;
    rig_owner second;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &second);
    ho_buf bufs[6];
    for (uint64_t i = 0; i < 6; i++) {
        bufs[i] = rig_foreign(i % 3 ? owner.owner : second.owner, memory, 1, i);
        bufs[i].value = i;
    }
    bufs[4].owner = 0;
    uint32_t accepted = 77;
    CHECK_STATUS(ho_give(r.producer, bufs, 6, 0, &accepted), HO_E_OWNER);
    CHECK(accepted == 4);
    for (uint64_t i = 0; i < 4; i++) {
        ho_buf buf = take(); /* the accepted part is published, in order */
        CHECK(buf.value == i);
        rig_return(r.domain, &buf);
    }
    CHECK(owner.releases == 2 && second.releases == 2);
    CHECK_STATUS(ho_owner_retire(r.domain, second.owner, 0), HO_OK);
}

static void what_was_refused_does_not_keep_an_owner(void **state)
{
    (void)state;
    rig_owner second;
    ho_buf bufs[LANE + 4];
    uint32_t accepted;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &second);
    for (uint64_t i = 0; i < LANE + 4; i++)
        bufs[i] = rig_foreign(second.owner, memory, 1, i);
    CHECK_STATUS(ho_give(r.producer, bufs, LANE + 4, 0, &accepted), HO_FULL);
    CHECK_STATUS(ho_owner_retire(r.domain, second.owner, 0), HO_TIMEOUT);
    CHECK(rig_drain(&r) == LANE);
    CHECK(second.releases == LANE);
    CHECK_STATUS(ho_owner_retire(r.domain, second.owner, 0), HO_OK);
}

static void a_second_copy_of_a_foreign_buffer_is_stale(void **state)
{
    (void)state;
    ho_buf buf = foreign(1);
    CHECK_STATUS(give(&buf, 1), HO_OK);
    buf = take();
    ho_buf copy = buf;
    rig_return(r.domain, &buf);
    CHECK_REFUSED(&r, &copy, 1, ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
    CHECK(owner.releases == 1);
    for (int i = 0; i < 100; i++) { /* its record is in use again and again */
        buf = foreign(1);
        CHECK_STATUS(give(&buf, 1), HO_OK);
        CHECK_REFUSED(&r, &copy, 1, ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
        buf = take();
        rig_return(r.domain, &buf);
    }
    CHECK(owner.releases == 101);
}

static void given_memory_may_wait_for_more_too(void **state)
{
    (void)state;
    ho_buf buf = foreign(1), none;
    uint32_t taken;
    CHECK_STATUS(ho_give(r.producer, &buf, 1, HO_MORE, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &none, 1, &taken), HO_EMPTY);
    CHECK_STATUS(ho_flush(r.producer), HO_OK);
    buf = take();
    rig_return(r.domain, &buf);
}

static uint8_t seen[10000];

static void mark_seen(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    (void)ctx;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(recs[i].token < sizeof seen);
        seen[recs[i].token]++;
    }
}

static void each_of_many_is_released_once_whatever_the_order(void **state)
{
    (void)state;
    static ho_buf held[sizeof seen];
    uint32_t mine;
    CHECK_STATUS(ho_owner_register(r.domain, OWNER_OPTS(.release = mark_seen), &mine), HO_OK);
    memset(seen, 0, sizeof seen);
    for (uint64_t i = 0; i < sizeof seen; i++) {
        ho_buf buf = rig_foreign(mine, memory, 10, i);
        CHECK_STATUS(give(&buf, 1), HO_OK);
        held[i] = take();
    }
    CHECK(rig_arena_stats(r.arena).foreign_out == sizeof seen);
    uint64_t seed = 5;
    for (size_t i = sizeof seen - 1; i > 0; i--) {
        size_t j = rig_random(&seed) % (i + 1);
        ho_buf swap = held[i];
        held[i] = held[j];
        held[j] = swap;
    }
    for (size_t i = 0; i < sizeof seen; i += 100)
        CHECK_STATUS(ho_return(r.domain, &held[i], 100, NULL), HO_OK);
    for (size_t i = 0; i < sizeof seen; i++)
        CHECK(seen[i] == 1);
    CHECK_STATUS(ho_owner_retire(r.domain, mine, 0), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(given_memory_arrives_in_place),
    WITH_RIG(more_than_the_data_may_be_given),
    WITH_RIG(the_release_names_what_was_given_not_what_was_trimmed),
    WITH_RIG(every_token_and_value_goes_through),
    WITH_RIG(nothing_at_all_can_be_given),
    WITH_RIG(impossible_memory_is_refused),
    WITH_RIG(fields_of_the_library_must_be_zero),
    WITH_RIG(a_buffer_that_was_taken_can_not_be_given_again),
    WITH_RIG(only_a_registered_owner_can_be_named),
    WITH_RIG(give_refuses_null_flags_and_routes),
    WITH_RIG(give_keeps_what_the_full_lane_refuses),
    WITH_RIG(a_given_batch_stops_at_the_first_bad_one),
    WITH_RIG(a_batch_may_name_several_owners),
    WITH_RIG(what_was_refused_does_not_keep_an_owner),
    WITH_RIG(a_second_copy_of_a_foreign_buffer_is_stale),
    WITH_RIG(given_memory_may_wait_for_more_too),
    WITH_RIG(each_of_many_is_released_once_whatever_the_order),
};

HO_TEST_MAIN(tests)
