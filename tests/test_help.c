/* SPDX-License-Identifier: MIT */
/* Helping: a sending thread works on its own messages, within a budget. */
#include "rig.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#define PARTITIONS 64u

static rig r; /* its consumer is the helper */

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, SERVICE_OPTS(.partitions = PARTITIONS));
    CHECK_STATUS(ho_consumer_help(r.consumer, r.producer, 0), HO_OK);
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

/* ---- a worker that sleeps, and takes what it is woken for */

typedef struct worker {
    pthread_t thread;
    atomic_uint taken;
    atomic_uint began;
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    ho_consumer *consumer = rig_consumer(r.service);
    ho_buf bufs[16];
    uint32_t taken;
    int32_t status;
    w->began = 1;
    while ((status = ho_take(consumer, bufs, 16, &taken)) != HO_CLOSED) {
        if (status == HO_EMPTY) {
            CHECK_STATUS(ho_wait(consumer, -1), HO_OK);
            continue;
        }
        CHECK_STATUS(status, HO_OK);
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
        w->taken += taken;
    }
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    return NULL;
}

static void worker_open(worker *w)
{
    w->taken = w->began = 0;
    CHECK(pthread_create(&w->thread, NULL, work, w) == 0);
    while (!w->began)
        sched_yield();
}

static void worker_expect(worker *w, uint32_t taken)
{
    while (w->taken < taken) /* or the test's watchdog tells */
        sched_yield();
    CHECK(w->taken == taken);
}

static void worker_close(worker *w)
{
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    CHECK(pthread_join(w->thread, NULL) == 0);
}

static void send_some(ho_producer *producer, uint32_t count)
{
    for (uint64_t i = 0; i < count; i++)
        rig_send(r.shard, producer, i, 10);
}

/* ---- one thread */

static void what_is_sent_is_taken_here_and_nobody_is_woken(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++)
        rig_send(r.shard, r.producer, i, 100);
    for (uint64_t i = 0; i < 50; i++) {
        ho_buf buf = rig_take(r.consumer);
        rig_return(r.domain, &buf);
    }
    ho_buf none;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &none, 1, &taken), HO_EMPTY);
    CHECK(rig_stats(r.service).wakes == 0);
}

static void one_take_is_of_one_partition(void **state)
{
    (void)state;
    ho_buf bufs[64];
    uint32_t taken, sum = 0;
    for (uint64_t i = 0; i < 60; i++)
        rig_send(r.shard, r.producer, i, 10);
    while (ho_take(r.consumer, bufs, 64, &taken) == HO_OK) {
        for (uint32_t i = 1; i < taken; i++)
            CHECK(bufs[i].partition == bufs[0].partition);
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
        sum += taken;
    }
    CHECK(sum == 60);
}

static void a_budget_ends_the_turn_and_the_next_one_goes_on(void **state)
{
    (void)state;
    ho_buf bufs[16];
    uint32_t taken, sum = 0;
    CHECK_STATUS(ho_consumer_help(r.consumer, r.producer, 5), HO_OK);
    for (uint64_t i = 0; i < 20; i++)
        rig_send(r.shard, r.producer, 1, 10);
    while (ho_take(r.consumer, bufs, 16, &taken) == HO_OK) {
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
        sum += taken;
    }
    CHECK(sum == 5); /* the rest was announced: the others' */
    CHECK_STATUS(ho_consumer_help(r.consumer, NULL, 0), HO_OK);
    CHECK(rig_drain(&r) == 15);
}

/* Two helpers and nobody else, neither of which ever waits. */
static void where_nobody_waits_the_next_turn_has_the_rest(void **state)
{
    (void)state;
    ho_consumer *second = rig_consumer(r.service);
    ho_producer *producer = rig_producer(r.service, r.shard);
    CHECK_STATUS(ho_consumer_help(r.consumer, r.producer, 5), HO_OK);
    CHECK_STATUS(ho_consumer_help(second, producer, 5), HO_OK);
    for (uint64_t i = 0; i < 20; i++)
        rig_send(r.shard, r.producer, i % 3, 10);
    for (uint64_t sum = 0, turns = 0; sum < 20; turns++) {
        CHECK(turns < 10);
        sum += rig_drain(&r);
    }
    CHECK(rig_stats(r.service).undelivered == 0);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(second), HO_OK);
}

/* A full lane and a yield announce what is owed: to nobody here. */
static void what_was_announced_to_nobody_is_still_taken(void **state)
{
    (void)state;
    ho_buf loan;
    do
        loan = rig_loan(r.shard, 1, 10);
    while (ho_commit(r.producer, &loan, 1, 0, NULL) == HO_OK);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    CHECK(rig_drain(&r) != 0);
    while (rig_drain(&r))
        ;
    send_some(r.producer, 3);
    CHECK_STATUS(ho_consumer_yield(r.consumer), HO_OK);
    CHECK(rig_drain(&r) == 3);
    rig_send(r.shard, r.producer, 1, 10);
    rig_send(r.shard, r.producer, 1, 10);
    loan = rig_take(r.consumer);
    rig_return(r.domain, &loan);
    CHECK_STATUS(ho_consumer_yield(r.consumer), HO_OK);
    CHECK(rig_drain(&r) == 1);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    ho_service *other = rig_service(r.domain, SERVICE_OPTS(.partitions = 2));
    ho_service *one = rig_service(r.domain, NULL);
    ho_producer *to_other = rig_producer(other, r.shard), *to_one = rig_producer(one, r.shard);
    ho_consumer *bound = rig_consumer(one), *second = rig_consumer(r.service);
    CHECK_STATUS(ho_consumer_help(r.consumer, to_other, 0), HO_E_INVAL);
    CHECK_STATUS(ho_consumer_help(bound, to_one, 0), HO_E_INVAL);
    CHECK_STATUS(ho_consumer_help(second, r.producer, 0), HO_E_BUSY);
    CHECK_STATUS(ho_consumer_help(NULL, r.producer, 0), HO_E_HANDLE);
    CHECK_STATUS(ho_consumer_help(second, (ho_producer *)second, 0), HO_E_HANDLE);
    CHECK_STATUS(ho_consumer_help(second, NULL, 0), HO_OK);
    CHECK_STATUS(ho_consumer_help(r.consumer, NULL, 0), HO_OK);
    CHECK_STATUS(ho_consumer_help(second, r.producer, 0), HO_OK);
    CHECK_STATUS(ho_producer_close(to_one), HO_OK);
    CHECK_STATUS(ho_producer_close(to_other), HO_OK);
    CHECK_STATUS(ho_consumer_close(bound), HO_OK);
    CHECK_STATUS(ho_consumer_close(second), HO_OK);
    CHECK_STATUS(ho_service_close(one, 0, NULL), HO_OK);
    CHECK_STATUS(ho_service_close(other, 0, NULL), HO_OK);
}

/* ---- with a worker that sleeps */

static void the_end_of_a_turn_wakes_a_worker_for_what_is_left(void **state)
{
    (void)state;
    worker w;
    ho_buf buf;
    uint32_t taken;
    worker_open(&w);
    CHECK_STATUS(ho_consumer_help(r.consumer, r.producer, 1), HO_OK);
    send_some(r.producer, 40);
    while (ho_take(r.consumer, &buf, 1, &taken) == HO_OK) {
        CHECK_STATUS(ho_return(r.domain, &buf, 1, NULL), HO_OK);
        w.taken++;
    }
    worker_expect(&w, 40);
    worker_close(&w);
}

static void yielding_wakes_a_worker(void **state)
{
    (void)state;
    worker w;
    worker_open(&w);
    send_some(r.producer, 40);
    CHECK_STATUS(ho_consumer_yield(r.consumer), HO_OK);
    worker_expect(&w, 40);
    worker_close(&w);
}

static void closing_the_helper_wakes_a_worker(void **state)
{
    (void)state;
    worker w;
    worker_open(&w);
    send_some(r.producer, 40);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    worker_expect(&w, 40);
    worker_close(&w);
    r.consumer = NULL;
    CHECK(rig_stats(r.service).undelivered == 0);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    rig_destroy(r.domain);
    open_rig(state);
}

static void closing_the_producer_wakes_a_worker(void **state)
{
    (void)state;
    worker w;
    worker_open(&w);
    send_some(r.producer, 40);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    r.producer = NULL;
    worker_expect(&w, 40);
    worker_close(&w);
}

/* Nobody's message depends on another thread's debt. */
static void a_second_producer_wakes_for_a_silent_partition(void **state)
{
    (void)state;
    worker w;
    ho_shard *shard = rig_shard(r.arena);
    ho_producer *second = rig_producer(r.service, shard);
    worker_open(&w);
    rig_send(r.shard, r.producer, 7, 10);
    rig_send(shard, second, 7, 10);
    worker_expect(&w, 2);
    worker_close(&w);
    CHECK_STATUS(ho_producer_close(second), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
}

/* What costs more than a wake-up is the worker's, and the helper's thread has lost the time of one message. */
static void a_slow_message_leaves_the_others_to_a_worker(void **state)
{
    (void)state;
    worker w;
    ho_buf bufs[16];
    uint32_t taken, sent = 0, mine = 1;
    worker_open(&w);
    do { /* a worker that is awake takes them */
        worker_expect(&w, sent);
        for (uint32_t i = 0; i < 40; i++, sent++)
            rig_send(r.shard, r.producer, 1, 10);
    } while (ho_take(r.consumer, bufs, 16, &taken) == HO_EMPTY);
    CHECK(taken == 1);
    usleep(100000);
    uint64_t end = harness_now_ns();
    CHECK_STATUS(ho_return(r.domain, bufs, 1, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, bufs, 16, &taken), HO_EMPTY);
    worker_expect(&w, sent - mine);
    rig_send(r.shard, r.producer, 1, 10);
    int32_t status = ho_take(r.consumer, bufs, 16, &taken);
    if (status == HO_OK) { /* the next attempt is due after 64 times as long */
        CHECK(harness_now_ns() - end > 6000000000u);
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
        mine++;
    }
    worker_expect(&w, sent + 1 - mine);
    worker_close(&w);
}

static void slow_messages_are_not_left_where_every_consumer_helps(void **state)
{
    (void)state;
    ho_consumer *second = rig_consumer(r.service);
    ho_producer *producer = rig_producer(r.service, r.shard);
    ho_buf bufs[4];
    uint32_t taken, sum = 0;
    CHECK_STATUS(ho_consumer_help(second, producer, 0), HO_OK);
    send_some(r.producer, 10);
    while (ho_take(r.consumer, bufs, 4, &taken) == HO_OK) {
        usleep(2000);
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
        sum += taken;
    }
    CHECK(sum == 10);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(second), HO_OK);
}

static void light_messages_are_taken_many_at_a_time(void **state)
{
    (void)state;
    worker w;
    ho_buf bufs[16];
    uint32_t taken, most = 0;
    worker_open(&w);
    while (most < 16) { /* or the test's watchdog tells */
        for (uint32_t i = 0; i < 32; i++)
            rig_send(r.shard, r.producer, 1, 10);
        while (ho_take(r.consumer, bufs, 16, &taken) == HO_OK) {
            CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
            most = most < taken ? taken : most;
        }
    }
    worker_close(&w);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(what_is_sent_is_taken_here_and_nobody_is_woken),
    WITH_RIG(one_take_is_of_one_partition),
    WITH_RIG(a_budget_ends_the_turn_and_the_next_one_goes_on),
    WITH_RIG(where_nobody_waits_the_next_turn_has_the_rest),
    WITH_RIG(what_was_announced_to_nobody_is_still_taken),
    WITH_RIG(what_does_not_fit_is_refused),
    WITH_RIG(the_end_of_a_turn_wakes_a_worker_for_what_is_left),
    WITH_RIG(yielding_wakes_a_worker),
    WITH_RIG(closing_the_helper_wakes_a_worker),
    WITH_RIG(closing_the_producer_wakes_a_worker),
    WITH_RIG(a_second_producer_wakes_for_a_silent_partition),
    WITH_RIG(a_slow_message_leaves_the_others_to_a_worker),
    WITH_RIG(slow_messages_are_not_left_where_every_consumer_helps),
    WITH_RIG(light_messages_are_taken_many_at_a_time),
};

HO_TEST_MAIN(tests)
