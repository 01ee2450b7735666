/* SPDX-License-Identifier: MIT */
/* A helper that also waits: by ho_wait, by a descriptor, for others' messages, for the end. */
#include <poll.h>
#include <unistd.h>

#include "rig.h"

#define PARTITIONS 8u
#define BUDGET 5u

static rig r; /* its consumer is the helper */
static ho_shard *shard;
static ho_producer *other; /* as another thread's: nobody helps it */
static int32_t fd;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, SERVICE_OPTS(.partitions = PARTITIONS));
    shard = rig_shard(r.arena);
    other = rig_producer(r.service, shard);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    CHECK_STATUS(ho_consumer_help(r.consumer, r.producer, BUDGET), HO_OK);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    CHECK_STATUS(ho_producer_close(other), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    rig_check_quiet(&r);
    rig_close(&r);
    CHECK(close(fd) == 0);
    return 0;
}

static int readable(int32_t of)
{
    struct pollfd look = {.fd = of, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

static void send_mine(uint64_t count, uint64_t key)
{
    while (count--)
        rig_send(r.shard, r.producer, key, 10);
}

static uint64_t drain(void)
{
    return rig_drain_consumer(r.domain, r.consumer);
}

/* The first message to a partition makes a lane, which is announced. */
static void make_lane(uint64_t key)
{
    send_mine(1, key);
    CHECK(drain() == 1);
}

static void check_nothing(void)
{
    CHECK(drain() == 0);
    CHECK(!readable(fd));
    CHECK_STATUS(ho_wait(r.consumer, 0), HO_TIMEOUT);
}

static void a_wait_after_the_last_message_was_taken_finds_nothing(void **state)
{
    (void)state;
    send_mine(1, 1);
    CHECK_STATUS(ho_wait(r.consumer, -1), HO_OK);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_wait(r.consumer, 0), HO_TIMEOUT);
    rig_return(r.domain, &buf);
}

static void a_wait_and_a_take_bring_what_others_sent(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 3 * BUDGET; key++)
        rig_send(shard, other, key, 10);
    uint64_t sum = 0;
    while (sum < 3 * BUDGET) { /* or the test's watchdog tells */
        CHECK_STATUS(ho_wait(r.consumer, -1), HO_OK);
        uint64_t got = drain();
        CHECK(got != 0);
        sum += got;
    }
    check_nothing();
}

static void its_descriptor_tells_of_what_others_sent(void **state)
{
    (void)state;
    check_nothing();
    CHECK(drain() == 0);
    rig_send(shard, other, 1, 10);
    CHECK(readable(fd));
    CHECK(drain() == 1);
    check_nothing();
}

static void its_own_messages_do_not_make_its_descriptor_readable(void **state)
{
    (void)state;
    make_lane(1);
    CHECK(drain() == 0);
    send_mine(BUDGET - 1, 1);
    CHECK(!readable(fd));
    CHECK(drain() == BUDGET - 1);
    check_nothing();
}

/* It is the only consumer: nobody else could be woken. */
static void what_a_lone_turn_leaves_makes_its_descriptor_readable(void **state)
{
    (void)state;
    uint64_t sum = 0;
    send_mine(10 * BUDGET, 1);
    while (sum < 10 * BUDGET) {
        uint64_t got = drain();
        CHECK(got != 0);
        sum += got;
        CHECK(sum == 10 * BUDGET || readable(fd));
    }
    check_nothing();
}

static void what_a_turn_leaves_is_told_to_another_descriptor(void **state)
{
    (void)state;
    make_lane(1);
    ho_consumer *worker = rig_consumer(r.service);
    int32_t worker_fd;
    CHECK_STATUS(ho_consumer_fd(worker, &worker_fd), HO_OK);
    CHECK(rig_drain_consumer(r.domain, worker) == 0);
    send_mine(2 * BUDGET, 1);
    CHECK(!readable(worker_fd));
    CHECK(drain() == BUDGET);
    CHECK(readable(worker_fd));
    CHECK(rig_drain_consumer(r.domain, worker) == BUDGET);
    CHECK_STATUS(ho_consumer_close(worker), HO_OK);
    CHECK(close(worker_fd) == 0);
    drain();
}

/* It was armed as an ordinary one, is chosen, and helps by then. */
static void what_it_was_woken_for_before_it_helped_is_not_lost(void **state)
{
    (void)state;
    ho_consumer *worker = rig_consumer(r.service);
    int32_t worker_fd;
    CHECK_STATUS(ho_consumer_help(r.consumer, NULL, 0), HO_OK);
    CHECK_STATUS(ho_consumer_fd(worker, &worker_fd), HO_OK);
    CHECK(drain() == 0);
    CHECK(rig_drain_consumer(r.domain, worker) == 0);
    rig_send(shard, other, 1, 10);
    CHECK_STATUS(ho_consumer_help(r.consumer, r.producer, 0), HO_OK);
    CHECK(readable(fd) != readable(worker_fd));
    CHECK(rig_drain_consumer(r.domain, readable(fd) ? r.consumer : worker) == 1);
    CHECK_STATUS(ho_consumer_close(worker), HO_OK);
    CHECK(close(worker_fd) == 0);
    drain();
}

static void a_close_makes_its_descriptor_readable(void **state)
{
    (void)state;
    ho_buf none;
    uint32_t taken;
    CHECK(drain() == 0);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    CHECK(readable(fd));
    CHECK_STATUS(ho_take(r.consumer, &none, 1, &taken), HO_CLOSED);
}

static void a_close_after_its_last_turn_began_is_found(void **state)
{
    (void)state;
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    CHECK_STATUS(ho_wait(r.consumer, -1), HO_OK);
    ho_buf none;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &none, 1, &taken), HO_CLOSED);
}

/* Whatever its budget: what is closed is not to be lost. */
static void a_helper_takes_what_is_left_before_it_hears_closed(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 4 * BUDGET; key++)
        send_mine(1, key);
    for (uint64_t key = 0; key < 4 * BUDGET; key++)
        rig_send(shard, other, key, 10);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    CHECK(drain() == 8 * BUDGET);
    ho_buf none;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &none, 1, &taken), HO_CLOSED);
}

static void a_helper_does_not_wait_for_room(void **state)
{
    (void)state;
    const uint64_t hour = 3600000000000;
    ho_service *service =
        rig_service(r.domain, SERVICE_OPTS(.partitions = 2, .lane_slots = 2,
                                           .policy = HO_POLICY_WAIT, .wait_ns = hour));
    ho_producer *producer = rig_producer(service, r.shard);
    ho_consumer *helper = rig_consumer(service);
    CHECK_STATUS(ho_consumer_help(helper, producer, 0), HO_OK);
    for (uint64_t i = 0; i < 2; i++)
        rig_send(r.shard, producer, 1, 10);
    ho_buf loan = rig_loan(r.shard, 1, 10);
    CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), HO_FULL); /* at once */
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    ho_buf buf = rig_take(helper);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK(rig_drain_consumer(r.domain, helper) == 1);
    CHECK_STATUS(ho_consumer_close(helper), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

/* What its thread waits for may lie in messages that it sent and nobody was woken for. */
static void a_helper_does_not_wait_for_memory(void **state)
{
    (void)state;
    const uint64_t hour = 3600000000000;
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = RIG_SEGMENT, .wait_ns = hour));
    ho_shard *over = rig_shard(arena);
    ho_service *service = rig_service(r.domain, SERVICE_OPTS(.partitions = 2));
    ho_producer *producer = rig_producer(service, over);
    ho_consumer *helper = rig_consumer(service), *worker = rig_consumer(service);
    ho_buf loan;
    int32_t told;
    rig_send(over, producer, 1, 10); /* makes the lane, which is announced */
    CHECK(rig_drain_consumer(r.domain, helper) == 1);
    CHECK_STATUS(ho_consumer_fd(worker, &told), HO_OK);
    CHECK(rig_drain_consumer(r.domain, worker) == 0);
    CHECK_STATUS(ho_consumer_help(helper, producer, 0), HO_OK);
    rig_send(over, producer, 1, RIG_SEGMENT / 2);
    CHECK(!readable(told));
    CHECK_STATUS(ho_reserve(over, RIG_SEGMENT, NULL, &loan), HO_FULL); /* at once */
    CHECK(readable(told));
    CHECK(rig_drain_consumer(r.domain, worker) == 1);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(helper), HO_OK);
    CHECK_STATUS(ho_consumer_close(worker), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(over), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    CHECK(close(told) == 0);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_helper_does_not_wait_for_room),
    WITH_RIG(a_helper_does_not_wait_for_memory),
    WITH_RIG(a_wait_after_the_last_message_was_taken_finds_nothing),
    WITH_RIG(a_wait_and_a_take_bring_what_others_sent),
    WITH_RIG(its_descriptor_tells_of_what_others_sent),
    WITH_RIG(its_own_messages_do_not_make_its_descriptor_readable),
    WITH_RIG(what_a_lone_turn_leaves_makes_its_descriptor_readable),
    WITH_RIG(what_a_turn_leaves_is_told_to_another_descriptor),
    WITH_RIG(what_it_was_woken_for_before_it_helped_is_not_lost),
    WITH_RIG(a_close_makes_its_descriptor_readable),
    WITH_RIG(a_close_after_its_last_turn_began_is_found),
    WITH_RIG(a_helper_takes_what_is_left_before_it_hears_closed),
};

HO_TEST_MAIN(tests)
