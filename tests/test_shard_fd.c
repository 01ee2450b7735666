/* SPDX-License-Identifier: MIT */
/* The descriptor of a shard: what arms it, what fires it. Threads that sleep on it are in test_shard_poll.c. */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "rig.h"

#define WHOLE RIG_SEGMENT /* a loan that needs a segment of its own */
#define LANE 4u

static rig r;
static rig_owner owner;
static uint8_t foreign_bytes[8];
static int32_t fd;
static ho_buf held[4];

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

/* A shard with a descriptor, four segments and a short lane. */
static void open_armed(const ho_arena_opts *arena, uint32_t policy)
{
    r.domain = rig_domain();
    r.arena = rig_arena(r.domain, arena);
    r.shard = rig_shard(r.arena);
    CHECK_STATUS(ho_shard_fd(r.shard, &fd), HO_OK);
    r.service = rig_service(
        r.domain, SERVICE_OPTS(.lane_slots = LANE, .policy = policy, .wait_ns = 120000000000u));
    r.producer = rig_producer(r.service, r.shard);
    r.consumer = rig_consumer(r.service);
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
}

static int open_fd(void **state)
{
    (void)state;
    open_armed(ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT), HO_POLICY_FAIL);
    return 0;
}

static int close_fd(void **state)
{
    CHECK(close(fd) == 0);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
    return close_rig(state);
}

static int readable(int of, int timeout_ms)
{
    struct pollfd p = {.fd = of, .events = POLLIN};
    int n = poll(&p, 1, timeout_ms);
    CHECK(n >= 0);
    return n == 1;
}

/* It has fired, and says so once. */
static void check_fires(void)
{
    uint64_t count;
    CHECK(readable(fd, 0));
    CHECK(read(fd, &count, 8) == 8);
    CHECK(count >= 1);
    CHECK(!readable(fd, 0));
}

static void fill_budget(void)
{
    for (uint64_t i = 0; i < 4; i++) {
        rig_send(r.shard, r.producer, i, WHOLE);
        held[i] = rig_take(r.consumer);
    }
}

static void the_descriptor_is_asked_for_before_the_first_producer(void **state)
{
    (void)state;
    int32_t mine = 77, again = 77;
    CHECK_STATUS(ho_shard_fd(r.shard, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_shard_fd(r.shard, &mine), HO_E_BUSY);
    CHECK(mine == -1);
    ho_shard *shard = rig_shard(r.arena);
    CHECK_STATUS(ho_shard_fd(shard, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_shard_fd(shard, &mine), HO_OK);
    CHECK_STATUS(ho_shard_fd(shard, &again), HO_OK);
    CHECK(mine >= 0 && again >= 0 && mine != again); /* each is the caller's */
    CHECK(fcntl(mine, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(mine, F_GETFL) & O_NONBLOCK);
    CHECK(close(again) == 0);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK(!readable(mine, 0));
    CHECK(close(mine) == 0); /* still the caller's */
}

static void descriptors_of_closed_shards_do_not_pile_up(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        int32_t mine;
        ho_shard *shard = rig_shard(r.arena);
        CHECK_STATUS(ho_shard_fd(shard, &mine), HO_OK);
        CHECK(mine < 100);
        CHECK(close(mine) == 0);
        CHECK_STATUS(ho_shard_close(shard), HO_OK);
    }
}

static void the_next_shard_has_a_descriptor_of_its_own(void **state)
{
    (void)state;
    int32_t before, after;
    uint64_t count;
    fill_budget();
    ho_buf loan;
    ho_shard *shard = rig_shard(r.arena);
    CHECK_STATUS(ho_shard_fd(shard, &before), HO_OK);
    CHECK_STATUS(ho_reserve(shard, WHOLE, NULL, &loan), HO_FULL);
    rig_return(r.domain, &held[0]);
    CHECK(readable(before, 0));
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    shard = rig_shard(r.arena);
    CHECK_STATUS(ho_shard_fd(shard, &after), HO_OK);
    CHECK(!readable(after, 0)); /* what was for the former one */
    CHECK_STATUS(ho_reserve(shard, WHOLE, NULL, &held[0]), HO_OK);
    CHECK_STATUS(ho_reserve(shard, WHOLE, NULL, &loan), HO_FULL);
    CHECK(read(before, &count, 8) == 8);
    rig_return(r.domain, &held[1]);
    CHECK(!readable(before, 0));
    CHECK(readable(after, 0));
    CHECK_STATUS(ho_abort(shard, &held[0], 1, NULL), HO_OK);
    CHECK_STATUS(ho_return(r.domain, &held[2], 2, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK(close(before) == 0 && close(after) == 0);
}

static void nothing_fires_that_was_not_armed(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        fill_budget();
        CHECK_STATUS(ho_return(r.domain, held, 4, NULL), HO_OK);
        rig_send(r.shard, r.producer, 1, 10);
        CHECK(rig_drain(&r) == 1);
    }
    CHECK(!readable(fd, 0));
}

static void a_reserve_without_memory_arms_it(void **state)
{
    (void)state;
    ho_buf loan;
    for (int round = 0; round < 10; round++) {
        fill_budget();
        uint64_t full = rig_arena_stats(r.arena).full;
        for (int i = 0; i < 3; i++) {
            memset(&loan, 0xa5, sizeof loan);
            CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_FULL);
            CHECK_EMPTY(&loan);
        }
        CHECK(rig_arena_stats(r.arena).full == full + 3);
        CHECK(!readable(fd, 0));
        rig_return(r.domain, &held[round % 4]); /* also the one that the shard filled last */
        check_fires();
        for (int i = 1; i < 4; i++)
            rig_return(r.domain, &held[(round + i) % 4]);
        CHECK(!readable(fd, 0)); /* once */
        CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_OK);
        CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    }
}

static void a_full_lane_arms_it(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        for (uint64_t i = 0; i < LANE; i++)
            rig_send(r.shard, r.producer, i, 10);
        ho_buf loan = rig_loan(r.shard, LANE, 10);
        for (int i = 0; i < 3; i++)
            CHECK_REFUSED(&r, &loan, 1, ho_commit(r.producer, &loan, 1, 0, NULL), HO_FULL);
        CHECK(!readable(fd, 0));
        ho_buf buf = rig_take(r.consumer);
        check_fires();
        rig_return(r.domain, &buf);
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
        CHECK(rig_drain(&r) == LANE);
        CHECK(!readable(fd, 0));
    }
}

static void every_call_that_is_full_arms_it(void **state)
{
    (void)state;
    fill_budget();
    for (int call = 0; call < 3; call++) {
        ho_buf foreign = rig_foreign(owner.owner, foreign_bytes, 8, 1);
        if (call == 0) /* no segment for its record */
            CHECK_STATUS(ho_give(r.producer, &foreign, 1, 0, NULL), HO_FULL);
        else if (call == 1)
            CHECK_STATUS(rig_copy(r.producer, held[1].ptr, WHOLE, 1, 0), HO_FULL);
        else
            CHECK_STATUS(ho_compact(r.shard, &held[1]), HO_FULL);
        CHECK(!readable(fd, 0));
        rig_return(r.domain, &held[0]);
        check_fires();
        rig_send(r.shard, r.producer, 0, WHOLE);
        held[0] = rig_take(r.consumer);
    }
    CHECK_STATUS(ho_return(r.domain, held, 4, NULL), HO_OK);
    for (uint64_t i = 0; i < LANE; i++)
        rig_send(r.shard, r.producer, i, 10);
    CHECK_STATUS(rig_copy(r.producer, "a", 1, 1, 0), HO_FULL);
    ho_buf buf = rig_take(r.consumer);
    check_fires();
    CHECK_STATUS(ho_forward(r.producer, &buf, 1, 0, NULL), HO_OK);
    buf = rig_loan(r.shard, 1, 10);
    CHECK_STATUS(ho_commit(r.producer, &buf, 1, 0, NULL), HO_FULL);
    CHECK(!readable(fd, 0));
    CHECK_STATUS(ho_abort(r.shard, &buf, 1, NULL), HO_OK);
    CHECK(rig_drain(&r) == LANE);
    check_fires();
}

static void a_segment_of_another_arena_may_be_what_comes_back(void **state)
{
    (void)state;
    ho_domain *domain;
    int32_t mine;
    ho_buf theirs, loan;
    CHECK_STATUS(ho_domain_create(
                     DOMAIN_OPTS(.max_bytes = RIG_SEGMENT, .segment_bytes = RIG_SEGMENT), &domain),
                 HO_OK);
    ho_arena *arenas[2] = {rig_arena(domain, NULL), rig_arena(domain, NULL)};
    ho_shard *other = rig_shard(arenas[0]), *shard = rig_shard(arenas[1]);
    CHECK_STATUS(ho_shard_fd(shard, &mine), HO_OK);
    theirs = rig_loan(other, 1, WHOLE);
    CHECK_STATUS(ho_reserve(shard, WHOLE, NULL, &loan), HO_FULL);
    CHECK_STATUS(ho_abort(other, &theirs, 1, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(other), HO_OK);
    CHECK_STATUS(ho_arena_trim(arenas[0], 0, NULL), HO_OK);
    CHECK(readable(mine, 0));
    CHECK_STATUS(ho_reserve(shard, WHOLE, NULL, &loan), HO_OK);
    CHECK_STATUS(ho_abort(shard, &loan, 1, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK(close(mine) == 0);
    rig_destroy(domain);
}

static void closing_fires_it_too(void **state)
{
    (void)state;
    ho_buf loan;
    fill_budget();
    CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_FULL);
    CHECK_STATUS(ho_arena_close(r.arena, 0, NULL), HO_TIMEOUT);
    check_fires();
    CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_E_CLOSED);
    CHECK_STATUS(ho_return(r.domain, held, 4, NULL), HO_OK);
}

static void the_end_of_a_service_fires_it_too(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < LANE; i++)
        rig_send(r.shard, r.producer, i, 10);
    ho_buf loan = rig_loan(r.shard, LANE, 10);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_FULL);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    check_fires();
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_E_CLOSED);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
}

static void a_lane_that_nobody_takes_from_arms_it(void **state)
{
    (void)state;
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    for (uint64_t i = 0; i < LANE; i++)
        rig_send(r.shard, r.producer, i, 10);
    ho_buf loan = rig_loan(r.shard, 7, 10);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_FULL);
    CHECK(!readable(fd, 0));
    r.consumer = rig_consumer(r.service);
    CHECK(!readable(fd, 0)); /* it has taken nothing yet */
    CHECK(rig_drain(&r) == LANE);
    check_fires();
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
}

static void the_lane_of_one_partition_arms_it(void **state)
{
    (void)state;
    ho_service *shared = rig_service(r.domain, SERVICE_OPTS(.lane_slots = LANE, .partitions = 3));
    ho_producer *producer = rig_producer(shared, r.shard);
    ho_consumer *consumers[2] = {rig_consumer(shared), rig_consumer(shared)};
    for (int round = 0; round < 4; round++) {
        ho_buf loan, buf;
        for (uint16_t i = 0; i <= LANE + 1; i++) {
            loan = rig_loan(r.shard, i, 10);
            loan.flags = HO_BUF_PARTITION;
            loan.partition = i == 0 ? 2 : 1;
            CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), i <= LANE ? HO_OK : HO_FULL);
        }
        CHECK(!readable(fd, 0));
        uint32_t taken, partition;
        do { /* what came through the other partition made no room here */
            CHECK(!readable(fd, 0));
            CHECK_STATUS(ho_take(consumers[round % 2], &buf, 1, &taken), HO_OK);
            partition = buf.partition;
            rig_return(r.domain, &buf);
        } while (partition != 1);
        check_fires();
        CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), HO_OK);
        CHECK(rig_drain_consumer(r.domain, consumers[round % 2]) >= LANE);
        CHECK(!readable(fd, 0));
    }
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    for (size_t i = 0; i < 2; i++)
        CHECK_STATUS(ho_consumer_close(consumers[i]), HO_OK);
}

static void records_that_are_released_fire_it(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        ho_buf foreign = rig_foreign(owner.owner, foreign_bytes, 8, 1), loan;
        uint32_t taken;
        CHECK_STATUS(ho_give(r.producer, &foreign, 1, 0, NULL), HO_OK);
        CHECK_STATUS(ho_take(r.consumer, &foreign, 1, &taken), HO_OK);
        for (size_t i = 0; i < 3; i++)
            CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &held[i]), HO_OK);
        CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_FULL);
        CHECK(!readable(fd, 0));
        rig_return(r.domain, &foreign);
        check_fires();
        CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &held[3]), HO_OK);
        CHECK_STATUS(ho_abort(r.shard, held, 4, NULL), HO_OK);
        CHECK(!readable(fd, 0));
    }
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)
#define WITH_FD(test) cmocka_unit_test_setup_teardown(test, open_fd, close_fd)

static const struct CMUnitTest tests[] = {
    WITH_RIG(the_descriptor_is_asked_for_before_the_first_producer),
    WITH_RIG(descriptors_of_closed_shards_do_not_pile_up),
    WITH_FD(the_next_shard_has_a_descriptor_of_its_own),
    WITH_FD(nothing_fires_that_was_not_armed),
    WITH_FD(a_reserve_without_memory_arms_it),
    WITH_FD(a_full_lane_arms_it),
    WITH_FD(every_call_that_is_full_arms_it),
    WITH_FD(a_segment_of_another_arena_may_be_what_comes_back),
    WITH_FD(closing_fires_it_too),
    WITH_FD(the_end_of_a_service_fires_it_too),
    WITH_FD(a_lane_that_nobody_takes_from_arms_it),
    WITH_FD(the_lane_of_one_partition_arms_it),
    WITH_FD(records_that_are_released_fire_it),
};

HO_TEST_MAIN(tests)
