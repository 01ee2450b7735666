/* SPDX-License-Identifier: MIT */
/*
 * The windows of shared consumers: a thread is stopped in one, the others run as far as they can
 * meanwhile, and no message is left without a consumer coming for it.
 */
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "gate.h"
#include "rig.h"

#include "src/service_private.h"

#define LONG_NS HARNESS_NEVER_NS /* nothing below comes near it unless a wake-up is lost */
#define SOON_NS 20000000u        /* for a thread to fall asleep */

static rig r; /* r.consumer and one more */
static ho_consumer *other;
static ho_shard *shard; /* of a second producer */
static ho_producer *producer;

static int open_rig(void **state)
{
    (void)state;
    gate_set(NULL);
    rig_open(&r, SERVICE_OPTS(.partitions = 4));
    other = rig_consumer(r.service);
    shard = rig_shard(r.arena);
    producer = rig_producer(r.service, shard);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    if (other != NULL)
        CHECK_STATUS(ho_consumer_close(other), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static void send_to(ho_shard *from, ho_producer *by, uint16_t partition)
{
    ho_buf loan = rig_loan(from, partition, 100);
    loan.flags = HO_BUF_PARTITION;
    loan.partition = partition;
    CHECK_STATUS(ho_commit(by, &loan, 1, 0, NULL), HO_OK);
}

static void send_first(void *arg)
{
    (void)arg;
    send_to(r.shard, r.producer, 1);
}

static void send_second(uint16_t partition)
{
    send_to(shard, producer, partition);
}

static void take_one(ho_consumer *consumer, uint16_t partition)
{
    ho_buf buf = rig_take(consumer);
    CHECK(buf.partition == partition);
    rig_return(r.domain, &buf);
}

static void check_empty(ho_consumer *consumer)
{
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(consumer, &buf, 1, &taken), HO_EMPTY);
}

/* Lanes are there, nothing is in them, nobody has claimed anything. */
static void warm_up(void)
{
    for (uint16_t partition = 0; partition < 4; partition++) {
        send_to(r.shard, r.producer, partition);
        send_second(partition);
    }
    CHECK(rig_drain_consumer(r.domain, other) == 8);
}

static int readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

typedef struct waiter {
    ho_consumer *consumer;
    int32_t status;
    uint32_t taken;
    harness_thread thread;
} waiter;

/* Waits, takes what it was woken for, and gives the claim up. */
static void wait_and_take(void *arg)
{
    waiter *w = arg;
    ho_buf buf;
    w->status = ho_wait(w->consumer, LONG_NS);
    if (ho_take(w->consumer, &buf, 1, &w->taken) == HO_OK)
        rig_return(r.domain, &buf);
    CHECK_STATUS(ho_consumer_yield(w->consumer), HO_OK);
}

static void start(waiter *w, ho_consumer *consumer)
{
    *w = (waiter){.consumer = consumer};
    harness_start(&w->thread, wait_and_take, w);
}

static void expect_one(waiter *w)
{
    harness_join(&w->thread);
    CHECK_STATUS(w->status, HO_OK);
    CHECK(w->taken == 1);
}

/* ---- going to sleep */

static void send_at(const char *window, int lanes_are_there)
{
    waiter w;
    if (lanes_are_there)
        warm_up();
    gate_set(window);
    start(&w, r.consumer);
    gate_await();
    send_first(NULL);
    gate_open();
    expect_one(&w);
}

static void a_message_that_comes_before_it_sleeps_is_found(void **state)
{
    (void)state;
    send_at("consumer:before_wait", 1); /* has found nothing, has not said that it waits */
}

static void a_message_that_comes_while_it_falls_asleep_ends_the_wait(void **state)
{
    (void)state;
    send_at("consumer:waiting", 1); /* its bell can be rung, it has not said that it waits */
}

static void so_does_a_message_through_a_new_lane(void **state)
{
    (void)state;
    send_at("consumer:before_wait", 0);
}

static void and_so_while_it_falls_asleep(void **state)
{
    (void)state;
    send_at("consumer:waiting", 0);
}

static void one_that_falls_asleep_behind_a_publisher_is_woken(void **state)
{
    (void)state;
    harness_thread publisher;
    waiter w;
    warm_up();
    gate_set("lane:after_publish"); /* it is in the lane, and nobody was told */
    harness_start(&publisher, send_first, NULL);
    gate_await();
    start(&w, r.consumer);
    harness_sleep_ns(SOON_NS);
    gate_open();
    expect_one(&w);
    harness_join(&publisher);
}

static void take_or_arm(void *arg)
{
    waiter *w = arg;
    ho_buf buf;
    w->status = ho_take(w->consumer, &buf, 1, &w->taken);
    if (w->taken)
        rig_return(r.domain, &buf);
}

static void a_message_that_comes_while_it_arms_is_taken_at_once(void **state)
{
    (void)state;
    int32_t fd;
    waiter w = {.consumer = r.consumer};
    warm_up();
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    gate_set("consumer:armed"); /* its descriptor can be rung, it has not said that it waits */
    harness_start(&w.thread, take_or_arm, &w);
    gate_await();
    send_first(NULL);
    gate_open();
    expect_one(&w);
    CHECK(close(fd) == 0);
}

/* ---- giving a claim up */

static void yield(void *consumer)
{
    CHECK_STATUS(ho_consumer_yield(consumer), HO_OK);
}

static void close_it(void *consumer)
{
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
}

/* r.consumer has dealt with what it claimed and stops on its way out; there a message comes into the
 * same partition. The other sleeps already, or is about to. */
static void leave_at(void (*leave)(void *), int asleep_before, int by_the_other)
{
    harness_thread leaver;
    waiter w;
    warm_up();
    send_first(NULL);
    take_one(r.consumer, 1);
    if (asleep_before) {
        start(&w, other);
        harness_sleep_ns(SOON_NS);
    }
    gate_set("shared:before_release");
    harness_start(&leaver, leave, r.consumer);
    gate_await();
    if (by_the_other)
        send_second(1);
    else
        send_first(NULL);
    if (!asleep_before) {
        check_empty(other); /* it is still claimed */
        start(&w, other);
        harness_sleep_ns(SOON_NS);
    }
    gate_open();
    harness_join(&leaver);
    expect_one(&w);
}

static void a_message_that_comes_while_a_claim_is_given_up_is_anothers(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        if (way > 0) {
            close_rig(NULL);
            open_rig(NULL);
        }
        leave_at(yield, way & 1, way & 2);
    }
}

static void so_it_is_when_the_claimant_closes(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        if (way > 0) {
            close_rig(NULL);
            open_rig(NULL);
        }
        leave_at(close_it, way & 1, way & 2);
        r.consumer = NULL;
    }
}

/* The claimant takes what came in the window itself, if it is on its way to take. */
static void a_message_that_comes_while_a_claim_is_given_up_to_take_is_taken(void **state)
{
    (void)state;
    waiter w = {.consumer = r.consumer};
    warm_up();
    send_first(NULL);
    take_one(r.consumer, 1);
    gate_set("shared:before_release");
    harness_start(&w.thread, take_or_arm, &w);
    gate_await();
    send_second(1);
    gate_open();
    expect_one(&w);
}

/* ---- being woken */

/* A bit for each consumer that has said that it waits. */
static uint64_t waiting(void)
{
    struct hoi_service *s = hoi_service_lock(r.service);
    uint64_t which = hoi_claim_waiting(&s->claims, 0);
    hoi_service_unlock(s);
    return which;
}

static void whoever_is_woken_wakes_the_next(void **state)
{
    (void)state;
    harness_thread publisher;
    waiter w[2];
    warm_up();
    start(&w[0], r.consumer);
    start(&w[1], other);
    while (waiting() != 3)
        sched_yield();
    gate_set("doorbell:before_wake"); /* one was chosen, and sleeps on */
    harness_start(&publisher, send_first, NULL);
    gate_await();
    send_second(2); /* wakes nobody: one is on its way */
    gate_open();
    harness_join(&publisher);
    expect_one(&w[0]);
    expect_one(&w[1]);
    check_empty(r.consumer);
}

static void one_that_was_chosen_and_closes_passes_it_on(void **state)
{
    (void)state;
    harness_thread publisher;
    int32_t fds[2];
    warm_up();
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fds[0]), HO_OK);
    CHECK_STATUS(ho_consumer_fd(other, &fds[1]), HO_OK);
    check_empty(r.consumer);
    check_empty(other);
    gate_set("doorbell:before_wake"); /* r.consumer was chosen, the lower number */
    harness_start(&publisher, send_first, NULL);
    gate_await();
    CHECK(!readable(fds[0]) && !readable(fds[1]));
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    r.consumer = NULL;
    CHECK(readable(fds[1]));
    gate_open();
    harness_join(&publisher);
    take_one(other, 1);
    CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
}

static void one_that_was_chosen_and_takes_by_itself_takes_it(void **state)
{
    (void)state;
    harness_thread publisher;
    int32_t fd;
    warm_up();
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    check_empty(r.consumer);
    gate_set("doorbell:before_wake");
    harness_start(&publisher, send_first, NULL);
    gate_await();
    take_one(r.consumer, 1); /* not told yet */
    send_second(2);
    take_one(r.consumer, 2);
    gate_open();
    harness_join(&publisher);
    check_empty(r.consumer);
    send_second(3);
    CHECK(readable(fd));
    take_one(r.consumer, 3);
    CHECK(close(fd) == 0);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_message_that_comes_before_it_sleeps_is_found),
    WITH_RIG(a_message_that_comes_while_it_falls_asleep_ends_the_wait),
    WITH_RIG(so_does_a_message_through_a_new_lane),
    WITH_RIG(and_so_while_it_falls_asleep),
    WITH_RIG(one_that_falls_asleep_behind_a_publisher_is_woken),
    WITH_RIG(a_message_that_comes_while_it_arms_is_taken_at_once),
    WITH_RIG(a_message_that_comes_while_a_claim_is_given_up_is_anothers),
    WITH_RIG(so_it_is_when_the_claimant_closes),
    WITH_RIG(a_message_that_comes_while_a_claim_is_given_up_to_take_is_taken),
    WITH_RIG(whoever_is_woken_wakes_the_next),
    WITH_RIG(one_that_was_chosen_and_closes_passes_it_on),
    WITH_RIG(one_that_was_chosen_and_takes_by_itself_takes_it),
};

HO_TEST_MAIN(tests)
