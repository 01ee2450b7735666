/* SPDX-License-Identifier: MIT */
/*
 * The dangerous windows, one by one. The core is built with its hooks; a thread is stopped in a
 * window, the other side runs to its end meanwhile, and the outcome is the same every time.
 */
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "gate.h"
#include "rig.h"

#define LONG_NS (2 * HARNESS_NEVER_NS) /* nothing below comes near it unless a wake-up is lost */

static rig r;

static int open_rig(void **state)
{
    (void)state;
    gate_set(NULL);
    rig_open(&r, NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static void wait_long(void *status)
{
    *(int32_t *)status = ho_wait(r.consumer, LONG_NS);
}

static void send_one(void *arg)
{
    (void)arg;
    rig_send(r.shard, r.producer, 1, 100);
}

static void take_one(void)
{
    ho_buf buf = rig_take(r.consumer);
    rig_return(r.domain, &buf);
}

static void send_at(const char *window)
{
    int32_t status;
    harness_thread sleeper;
    gate_set(window);
    harness_start(&sleeper, wait_long, &status);
    gate_await();
    send_one(NULL);
    gate_open();
    harness_join(&sleeper);
    CHECK_STATUS(status, HO_OK);
    take_one();
    CHECK(rig_stats(r.service).late_wakes == 0);
}

static void
a_message_that_comes_before_the_consumer_sleeps_is_found_by_its_second_look(void **state)
{
    (void)state;
    send_at(
        "consumer:before_wait"); /* has found nothing, has not said that it sleeps: no wake-up */
}

static void a_message_that_comes_while_the_consumer_sleeps_ends_the_wait(void **state)
{
    (void)state;
    send_at("consumer:waiting"); /* has said that it sleeps, does not sleep yet */
}

static void a_consumer_that_falls_asleep_behind_a_publisher_finds_the_message(void **state)
{
    (void)state;
    harness_thread publisher;
    gate_set("lane:after_publish"); /* the message is there, nobody has looked at the bell */
    harness_start(&publisher, send_one, NULL);
    gate_await();
    CHECK_STATUS(ho_wait(r.consumer, LONG_NS), HO_OK);
    take_one();
    gate_open();
    harness_join(&publisher);
    CHECK_STATUS(ho_wait(r.consumer, 0), HO_TIMEOUT);
}

static atomic_int sent;

static void send_and_tell(void *arg)
{
    send_one(arg);
    atomic_store(&sent, 1);
}

static void a_wake_up_that_comes_late_wakes_nobody_twice(void **state)
{
    (void)state;
    int32_t status;
    uint32_t taken;
    ho_buf buf;
    harness_thread sleeper, publisher;
    harness_start(&sleeper, wait_long, &status);
    gate_set("doorbell:before_wake"); /* the word says awake, the kernel has not been called */
    do {                              /* until the publisher meets a sleeper */
        atomic_store(&sent, 0);
        harness_start(&publisher, send_and_tell, NULL);
        while (!gate_reached() && !atomic_load(&sent))
            sched_yield();
        if (gate_reached())
            break;
        harness_join(&publisher);
        harness_join(&sleeper);
        take_one();
        harness_start(&sleeper, wait_long, &status);
    } while (1);
    gate_open();
    harness_join(&publisher);
    harness_join(&sleeper);
    CHECK_STATUS(status, HO_OK);
    take_one();
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_EMPTY);
    CHECK_STATUS(ho_wait(r.consumer, 1000000), HO_TIMEOUT);
    CHECK(rig_stats(r.service).late_wakes == 0);
}

static void try_take(void *status)
{
    ho_buf buf;
    uint32_t taken;
    *(int32_t *)status = ho_take(r.consumer, &buf, 1, &taken);
    if (taken)
        rig_return(r.domain, &buf);
}

static void a_message_that_comes_while_the_descriptor_is_armed_is_taken_at_once(void **state)
{
    (void)state;
    int32_t fd, status;
    harness_thread taker;
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    gate_set("consumer:armed"); /* armed, and has not looked again */
    harness_start(&taker, try_take, &status);
    gate_await();
    send_one(NULL);
    gate_open();
    harness_join(&taker);
    CHECK_STATUS(status, HO_OK);
    CHECK(close(fd) == 0);
}

static void reserve_all_but_one_segment(ho_buf *held, uint32_t *count)
{
    *count = 0;
    while (ho_reserve(r.shard, RIG_SEGMENT, NULL, &held[*count]) == HO_OK)
        ++*count;
    --*count;
    CHECK_STATUS(ho_abort(r.shard, &held[*count], 1, NULL), HO_OK);
}

static void leave_segment(void *arg)
{
    ho_buf big;
    (void)arg;
    CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT, NULL, &big), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, &big, 1, NULL), HO_OK);
}

static void a_segment_whose_buffers_are_back_before_it_is_sealed_is_recycled_once(void **state)
{
    (void)state;
    harness_thread leaver;
    send_one(NULL);
    ho_buf buf = rig_take(r.consumer);
    gate_set("segment:before_seal");
    harness_start(&leaver, leave_segment, NULL);
    gate_await();
    rig_return(r.domain, &buf); /* the last one, and the owner has not subtracted yet */
    gate_open();
    harness_join(&leaver);
    ho_buf held[RIG_BUDGET / RIG_SEGMENT + 1]; /* all of the budget is to be had, and no more */
    uint32_t count;
    reserve_all_but_one_segment(held, &count);
    CHECK(count == RIG_BUDGET / RIG_SEGMENT - 1);
    CHECK_STATUS(ho_abort(r.shard, held, count, NULL), HO_OK);
}

static void give_back(void *buf)
{
    rig_return(r.domain, buf);
}

static void an_arena_does_not_end_under_whoever_recycles_its_last_segment(void **state)
{
    (void)state;
    harness_thread returner;
    send_one(NULL);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK); /* seals */
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    r.producer = NULL;
    r.shard = NULL;
    r.consumer = NULL;
    gate_set("arena:before_recycle"); /* nothing is out, the segment is not home yet */
    harness_start(&returner, give_back, &buf);
    gate_await();
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_OK); /* has no memory */
    CHECK_STATUS(ho_arena_close(r.arena, 0, NULL), HO_TIMEOUT);
    gate_open();
    CHECK_STATUS(ho_arena_close(r.arena, LONG_NS, NULL), HO_OK);
    harness_join(&returner);
    rig_close(&r);
}

static void room_that_comes_before_the_producer_sleeps_ends_its_wait(void **state)
{
    (void)state;
    rig_open(&r,
             SERVICE_OPTS(.lane_slots = 2, .policy = HO_POLICY_WAIT, .wait_ns = (uint64_t)LONG_NS));
    gate_set(NULL);
    send_one(NULL);
    send_one(NULL);
    harness_thread publisher;
    gate_set("producer:before_wait");
    harness_start(&publisher, send_one, NULL); /* no room for a third */
    gate_await();
    take_one();
    uint64_t before = harness_now_ns();
    gate_open();
    harness_join(&publisher);
    CHECK(harness_now_ns() - before < (uint64_t)LONG_NS / 2);
    CHECK(rig_drain(&r) == 2);
    close_rig(NULL);
}

static void reserve_segment(void *status)
{
    ho_buf big;
    *(int32_t *)status = ho_reserve(r.shard, RIG_SEGMENT, NULL, &big);
    if (*(int32_t *)status == HO_OK)
        CHECK_STATUS(ho_abort(r.shard, &big, 1, NULL), HO_OK);
}

/* A shard that finds no memory stops in a window, and there the last buffer of a segment comes back: it gets it. */
static void memory_comes_at(const char *window)
{
    harness_thread reserver;
    ho_buf held[RIG_BUDGET / RIG_SEGMENT + 1];
    uint32_t count;
    int32_t status;
    gate_set(NULL);
    send_one(NULL);
    ho_buf buf = rig_take(r.consumer);
    for (count = 0; count < RIG_BUDGET / RIG_SEGMENT - 1; count++)
        CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT, NULL, &held[count]), HO_OK);
    gate_set(window);
    harness_start(&reserver, reserve_segment, &status);
    gate_await();
    rig_return(r.domain, &buf);
    uint64_t before = harness_now_ns();
    gate_open();
    harness_join(&reserver);
    CHECK(harness_now_ns() - before < (uint64_t)LONG_NS / 2);
    CHECK_STATUS(status, HO_OK);
    CHECK_STATUS(ho_abort(r.shard, held, count, NULL), HO_OK);
}

static void memory_that_comes_before_the_shard_waits_ends_its_wait(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.wait_ns = (uint64_t)LONG_NS), NULL);
    memory_comes_at("shard:before_wait");
    close_rig(NULL);
}

/* The descriptor has to be asked for before there is a producer. */
static int32_t open_armable(const ho_service_opts *opts)
{
    int32_t fd;
    gate_set(NULL);
    rig_open(&r, opts);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_fd(r.shard, &fd), HO_OK);
    r.producer = rig_producer(r.service, r.shard);
    return fd;
}

static void memory_that_comes_while_the_shard_is_armed_is_had_at_once(void **state)
{
    (void)state;
    int32_t fd = open_armable(NULL);
    memory_comes_at("shard:armed");
    close(fd);
    close_rig(NULL);
}

static void room_that_comes_while_the_shard_is_armed_is_had_at_once(void **state)
{
    (void)state;
    int32_t fd = open_armable(SERVICE_OPTS(.lane_slots = 2));
    harness_thread publisher;
    send_one(NULL);
    send_one(NULL);
    gate_set("producer:armed");
    harness_start(&publisher, send_one, NULL); /* checks that it is HO_OK */
    gate_await();
    take_one();
    gate_open();
    harness_join(&publisher);
    CHECK(rig_drain(&r) == 2);
    close(fd);
    close_rig(NULL);
}

static ho_buf copies[2];

static void forward_the_first(void *status)
{
    *(int32_t *)status = ho_forward(r.producer, &copies[0], 1, 0, NULL);
}

static void of_two_copies_that_are_forwarded_at_once_one_is_stale(void **state)
{
    (void)state;
    int32_t status;
    harness_thread other;
    ho_shard *shard = rig_shard(r.arena);
    ho_producer *producer = rig_producer(r.service, shard);
    send_one(NULL);
    copies[0] = copies[1] = rig_take(r.consumer);
    gate_set("forward:before_hop"); /* has found it good, has not counted the hop */
    harness_start(&other, forward_the_first, &status);
    gate_await();
    CHECK_STATUS(ho_forward(producer, &copies[1], 1, 0, NULL), HO_OK);
    gate_open();
    harness_join(&other);
    CHECK_STATUS(status, HO_E_STALE);
    take_one();
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(
        a_message_that_comes_before_the_consumer_sleeps_is_found_by_its_second_look, open_rig,
        close_rig),
    cmocka_unit_test_setup_teardown(a_message_that_comes_while_the_consumer_sleeps_ends_the_wait,
                                    open_rig, close_rig),
    cmocka_unit_test_setup_teardown(
        a_consumer_that_falls_asleep_behind_a_publisher_finds_the_message, open_rig, close_rig),
    cmocka_unit_test_setup_teardown(a_wake_up_that_comes_late_wakes_nobody_twice, open_rig,
                                    close_rig),
    cmocka_unit_test_setup_teardown(
        a_message_that_comes_while_the_descriptor_is_armed_is_taken_at_once, open_rig, close_rig),
    cmocka_unit_test_setup_teardown(
        a_segment_whose_buffers_are_back_before_it_is_sealed_is_recycled_once, open_rig, close_rig),
    cmocka_unit_test_setup(an_arena_does_not_end_under_whoever_recycles_its_last_segment, open_rig),
    cmocka_unit_test(room_that_comes_before_the_producer_sleeps_ends_its_wait),
    cmocka_unit_test(memory_that_comes_before_the_shard_waits_ends_its_wait),
    cmocka_unit_test(memory_that_comes_while_the_shard_is_armed_is_had_at_once),
    cmocka_unit_test(room_that_comes_while_the_shard_is_armed_is_had_at_once),
    cmocka_unit_test_setup_teardown(of_two_copies_that_are_forwarded_at_once_one_is_stale, open_rig,
                                    close_rig),
};

HO_TEST_MAIN(tests)
