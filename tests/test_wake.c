/* SPDX-License-Identifier: MIT */
/* Sleeping and waking: ho_wait with every timeout, and the descriptor with poll and epoll. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rig.h"

#define MS 1000000
#define LONG_NS HARNESS_NEVER_NS

static rig r;

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
    rig_check_quiet(&r); /* no late wakes among others */
    rig_close(&r);
    return 0;
}

static void a_wait_of_zero_only_looks(void **state)
{
    (void)state;
    CHECK_STATUS(ho_wait(r.consumer, 0), HO_TIMEOUT);
    rig_send(r.shard, r.producer, 1, 10);
    CHECK_STATUS(ho_wait(r.consumer, 0), HO_OK);
    CHECK_STATUS(ho_wait(r.consumer, 0), HO_OK);
    CHECK(rig_drain(&r) == 1);
    CHECK_STATUS(ho_wait(r.consumer, 0), HO_TIMEOUT);
    CHECK(rig_stats(r.service).wakes == 0);
}

static void a_wait_lasts_as_long_as_it_was_told(void **state)
{
    (void)state;
    static const int64_t times[] = {1, 1000, 1 * MS, 30 * MS};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        uint64_t before = harness_now_ns();
        CHECK_STATUS(ho_wait(r.consumer, times[i]), HO_TIMEOUT);
        uint64_t waited = harness_now_ns() - before;
        CHECK(waited >= (uint64_t)times[i]);
        CHECK(waited < (uint64_t)times[i] + LONG_NS);
    }
    rig_send(r.shard, r.producer, 1, 10);
    CHECK_STATUS(ho_wait(r.consumer, INT64_MAX), HO_OK);
    CHECK_STATUS(ho_wait(r.consumer, INT64_MIN), HO_OK);
}

static void send_later(void *arg)
{
    (void)arg;
    harness_sleep_ns(20 * MS);
    rig_send(r.shard, r.producer, 1, 10);
}

static void a_message_ends_a_wait(void **state)
{
    (void)state;
    static const int64_t times[] = {LONG_NS, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        harness_thread thread;
        harness_start(&thread, send_later, NULL);
        CHECK_STATUS(ho_wait(r.consumer, times[i]), HO_OK);
        CHECK(rig_drain(&r) == 1);
        harness_join(&thread);
        CHECK(rig_stats(r.service).wakes <= i + 1);
    }
}

typedef struct late_end {
    ho_shard *shard;
    ho_producer *producer;
} late_end;

static void open_late(late_end *late)
{
    late->shard = rig_shard(r.arena);
    late->producer = rig_producer(r.service, late->shard);
}

static void close_late(late_end *late)
{
    CHECK_STATUS(ho_producer_close(late->producer), HO_OK);
    CHECK_STATUS(ho_shard_close(late->shard), HO_OK);
}

static void open_and_send_later(void *arg)
{
    late_end *late = arg;
    harness_sleep_ns(20 * MS);
    open_late(late);
    harness_sleep_ns(20 * MS);
    rig_send(late->shard, late->producer, 1, 10);
}

static void a_producer_that_comes_later_wakes_too(void **state)
{
    (void)state;
    late_end late;
    harness_thread thread;
    harness_start(&thread, open_and_send_later, &late);
    while (rig_drain(&r) == 0)
        CHECK_STATUS(ho_wait(r.consumer, LONG_NS), HO_OK);
    harness_join(&thread);
    close_late(&late);
}

static void open_a_producer_later(void *arg)
{
    harness_sleep_ns(20 * MS);
    open_late(arg);
}

static void a_producer_that_says_nothing_does_not_end_a_wait(void **state)
{
    (void)state;
    late_end late;
    harness_thread thread;
    harness_start(&thread, open_a_producer_later, &late);
    CHECK_STATUS(ho_wait(r.consumer, 100 * MS), HO_TIMEOUT);
    harness_join(&thread);
    close_late(&late);
}

static void flush_later(void *arg)
{
    (void)arg;
    harness_sleep_ns(20 * MS);
    CHECK_STATUS(ho_flush(r.producer), HO_OK);
}

static void hold_a_burst_back(void)
{
    for (uint64_t key = 0; key < 50; key++) {
        ho_buf loan = rig_loan(r.shard, key, 10);
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_MORE, NULL), HO_OK);
    }
}

static void a_burst_that_was_held_back_ends_a_wait(void **state)
{
    (void)state;
    hold_a_burst_back();
    CHECK_STATUS(ho_wait(r.consumer, 1 * MS), HO_TIMEOUT);
    harness_thread thread;
    harness_start(&thread, flush_later, NULL);
    CHECK_STATUS(ho_wait(r.consumer, LONG_NS), HO_OK);
    CHECK(rig_drain(&r) == 50);
    harness_join(&thread);
    CHECK(rig_stats(r.service).wakes <= 1); /* none if the flush came before the wait */
}

static void a_busy_consumer_costs_no_wake_ups(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 2000; key++) {
        rig_send(r.shard, r.producer, key, 10);
        ho_buf buf = rig_take(r.consumer);
        rig_return(r.domain, &buf);
    }
    CHECK(rig_stats(r.service).wakes == 0);
}

static void an_idle_wait_uses_no_processor_time(void **state)
{
    (void)state;
    struct rusage before, after;
    CHECK(getrusage(RUSAGE_THREAD, &before) == 0);
    CHECK_STATUS(ho_wait(r.consumer, 300 * MS), HO_TIMEOUT);
    CHECK(getrusage(RUSAGE_THREAD, &after) == 0);
    CHECK(after.ru_nvcsw - before.ru_nvcsw <= 5); /* asleep once, not polling */
    long used_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
                   after.ru_utime.tv_usec - before.ru_utime.tv_usec;
    CHECK(used_us < 100000);
    CHECK(rig_stats(r.service).wakes == 0);
}

static int readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, timeout_ms);
    CHECK(n >= 0);
    return n == 1 && (p.revents & POLLIN);
}

static void check_empty(void)
{
    ho_buf none;
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, &none, 1, &taken), HO_EMPTY);
}

static void the_descriptor_is_readable_when_something_came_after_empty(void **state)
{
    (void)state;
    int32_t fd;
    rig_send(r.shard, r.producer, 1, 10); /* a lane that is new wakes by itself */
    CHECK(rig_drain(&r) == 1);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    for (int round = 0; round < 100; round++) {
        check_empty();
        CHECK(!readable(fd, 0));
        rig_send(r.shard, r.producer, 1, 10);
        rig_send(r.shard, r.producer, 2, 10);
        CHECK(readable(fd, 0));
        CHECK(rig_drain(&r) == 2); /* until HO_EMPTY: armed again */
        CHECK(!readable(fd, 0));
    }
    CHECK(close(fd) == 0);
    CHECK(rig_stats(r.service).wakes == 100); /* one for the first message of each round */
}

static void a_burst_that_was_held_back_wakes_once(void **state)
{
    (void)state;
    int32_t fd;
    rig_send(r.shard, r.producer, 1, 10); /* a lane that is new wakes by itself */
    CHECK(rig_drain(&r) == 1);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    check_empty();
    hold_a_burst_back();
    CHECK(!readable(fd, 0));
    CHECK_STATUS(ho_flush(r.producer), HO_OK);
    CHECK(readable(fd, 0));
    CHECK(rig_stats(r.service).wakes == 1);
    CHECK(rig_drain(&r) == 50);
    CHECK(close(fd) == 0);
}

static void a_message_that_was_there_before_is_seen_by_the_next_take(void **state)
{
    (void)state;
    int32_t fd;
    rig_send(r.shard, r.producer, 1, 10);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    CHECK(rig_drain(&r) == 1);
    rig_send(r.shard, r.producer, 1, 10);
    CHECK(readable(fd, 0));
    CHECK(close(fd) == 0);
}

static void waiting_and_the_descriptor_go_together(void **state)
{
    (void)state;
    int32_t fd;
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    for (int round = 0; round < 5; round++) {
        check_empty();
        CHECK_STATUS(ho_wait(r.consumer, 1 * MS), HO_TIMEOUT);
        harness_thread thread;
        harness_start(&thread, send_later, NULL);
        CHECK_STATUS(ho_wait(r.consumer, LONG_NS), HO_OK);
        harness_join(&thread);
        CHECK(rig_drain(&r) == 1);
        CHECK(!readable(fd, 0));
        rig_send(r.shard, r.producer, 1, 10);
        CHECK(readable(fd, 0));
        CHECK(rig_drain(&r) == 1);
    }
    CHECK(close(fd) == 0);
}

static void closing_makes_the_descriptor_readable(void **state)
{
    (void)state;
    int32_t fd;
    ho_buf none;
    uint32_t taken;
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    check_empty();
    CHECK(!readable(fd, 0));
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    CHECK(readable(fd, 0));
    CHECK(close(fd) == 0);
    CHECK_STATUS(ho_take(r.consumer, &none, 1, &taken), HO_CLOSED);
}

/* ---- two threads that answer each other: one lost wake-up, and they hang */

enum { FUTEX, EPOLL, EPOLL_EDGE };

typedef struct player {
    int how;
    uint64_t rounds;
    ho_consumer *in;
    ho_shard *shard;
    ho_producer *out;
    int serves;
} player;

static int epoll_of(const player *p, int *its_fd)
{
    int32_t fd;
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN | (p->how == EPOLL_EDGE ? (uint32_t)EPOLLET : 0)};
    CHECK_STATUS(ho_consumer_fd(p->in, &fd), HO_OK);
    CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
    *its_fd = fd;
    return ep;
}

static void play(void *arg)
{
    player *p = arg;
    int fd = -1;
    int ep = p->how == FUTEX ? -1 : epoll_of(p, &fd);
    struct epoll_event e;
    ho_buf buf;
    uint32_t taken;
    if (p->serves)
        rig_send(p->shard, p->out, 0, 16);
    for (uint64_t round = 0; round < p->rounds; round++) {
        while (ho_take(p->in, &buf, 1, &taken) == HO_EMPTY)
            if (p->how == FUTEX)
                CHECK_STATUS(ho_wait(p->in, LONG_NS), HO_OK);
            else
                CHECK(epoll_wait(ep, &e, 1, (int)(LONG_NS / MS)) == 1);
        rig_return(r.domain, &buf);
        if (!p->serves || round + 1 < p->rounds)
            rig_send(p->shard, p->out, round, 16);
    }
    if (ep >= 0)
        CHECK(close(ep) == 0 && close(fd) == 0);
}

static void play_against_each_other(int how)
{
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(0.3) * 1e9);
    ho_service *back = rig_service(r.domain, NULL);
    ho_shard *shard = rig_shard(r.arena);
    player a = {how, 500, rig_consumer(back), r.shard, r.producer, 1};
    player b = {how, 500, r.consumer, shard, rig_producer(back, shard), 0};
    do {
        harness_thread thread;
        harness_start(&thread, play, &b);
        play(&a);
        harness_join(&thread);
    } while (harness_now_ns() < end);
    rig_check_quiet(&(rig){.service = back, .arena = r.arena});
    CHECK_STATUS(ho_consumer_close(a.in), HO_OK);
    CHECK_STATUS(ho_producer_close(b.out), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_service_close(back, 0, NULL), HO_OK);
}

static void no_wake_up_is_lost_between_two_that_wait(void **state)
{
    (void)state;
    play_against_each_other(FUTEX);
}

static void no_wake_up_is_lost_between_two_that_poll(void **state)
{
    (void)state;
    play_against_each_other(EPOLL);
}

static void no_wake_up_is_lost_between_two_that_poll_for_edges(void **state)
{
    (void)state;
    play_against_each_other(EPOLL_EDGE);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_wait_of_zero_only_looks),
    WITH_RIG(a_wait_lasts_as_long_as_it_was_told),
    WITH_RIG(a_message_ends_a_wait),
    WITH_RIG(a_producer_that_comes_later_wakes_too),
    WITH_RIG(a_producer_that_says_nothing_does_not_end_a_wait),
    WITH_RIG(a_burst_that_was_held_back_ends_a_wait),
    WITH_RIG(a_busy_consumer_costs_no_wake_ups),
    WITH_RIG(an_idle_wait_uses_no_processor_time),
    WITH_RIG(the_descriptor_is_readable_when_something_came_after_empty),
    WITH_RIG(a_burst_that_was_held_back_wakes_once),
    WITH_RIG(a_message_that_was_there_before_is_seen_by_the_next_take),
    WITH_RIG(waiting_and_the_descriptor_go_together),
    WITH_RIG(closing_makes_the_descriptor_readable),
    WITH_RIG(no_wake_up_is_lost_between_two_that_wait),
    WITH_RIG(no_wake_up_is_lost_between_two_that_poll),
    WITH_RIG(no_wake_up_is_lost_between_two_that_poll_for_edges),
};

HO_TEST_MAIN(tests)
