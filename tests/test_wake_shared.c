/* SPDX-License-Identifier: MIT */
/* Sleeping and waking with shared consumers: who is woken for what, and that somebody always is. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/epoll.h>
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
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static int readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, timeout_ms);
    CHECK(n >= 0);
    return n == 1 && (p.revents & POLLIN);
}

static void whoever_waits_is_woken_for_what_another_gives_up(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        ho_service *service = rig_service(r.domain, SERVICE_OPTS(.partitions = 2));
        ho_producer *producer = rig_producer(service, r.shard);
        ho_consumer *busy = rig_consumer(service), *idle = rig_consumer(service);
        int32_t fd;
        ho_buf none;
        uint32_t taken;
        CHECK_STATUS(ho_consumer_fd(idle, &fd), HO_OK);
        rig_send(r.shard, producer, 7, 10);
        ho_buf buf = rig_take(busy); /* its partition is claimed */
        rig_return(r.domain, &buf);
        rig_send(r.shard, producer, 7, 10);
        CHECK_STATUS(ho_take(idle, &none, 1, &taken), HO_EMPTY);
        CHECK(!readable(fd, 0));
        if (way == 0)
            CHECK_STATUS(ho_consumer_yield(busy), HO_OK);
        else if (way == 1)
            CHECK_STATUS(ho_consumer_close(busy), HO_OK);
        else { /* takes what is there, and more comes before it yields */
            buf = rig_take(busy);
            rig_return(r.domain, &buf);
            rig_send(r.shard, producer, 7, 10);
            CHECK(!readable(fd, 0));
            CHECK_STATUS(ho_consumer_yield(busy), HO_OK);
        }
        CHECK(readable(fd, 0));
        CHECK(rig_drain_consumer(r.domain, idle) == 1);
        CHECK(!readable(fd, 0));
        CHECK(close(fd) == 0);
        if (way != 1)
            CHECK_STATUS(ho_consumer_close(busy), HO_OK);
        CHECK_STATUS(ho_consumer_close(idle), HO_OK);
        CHECK_STATUS(ho_producer_close(producer), HO_OK);
        CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
    }
}

static void one_message_wakes_one_of_many(void **state)
{
    (void)state;
    ho_service *service = rig_service(r.domain, SERVICE_OPTS(.partitions = 8));
    ho_producer *producer = rig_producer(service, r.shard);
    ho_consumer *many[8];
    int32_t fds[8];
    ho_buf none;
    uint32_t taken, told = 0;
    for (size_t i = 0; i < 8; i++) {
        many[i] = rig_consumer(service);
        CHECK_STATUS(ho_consumer_fd(many[i], &fds[i]), HO_OK);
        CHECK_STATUS(ho_take(many[i], &none, 1, &taken), HO_EMPTY);
    }
    rig_send(r.shard, producer, 1, 10);
    rig_send(r.shard, producer, 1, 10); /* the same partition: somebody comes already */
    for (size_t i = 0; i < 8; i++)
        told += (uint32_t)readable(fds[i], 0);
    CHECK(told == 1);
    for (size_t i = 0; i < 8; i++)
        if (readable(fds[i], 0))
            CHECK(rig_drain_consumer(r.domain, many[i]) == 2);
    for (size_t i = 0; i < 8; i++) {
        CHECK(close(fds[i]) == 0);
        CHECK_STATUS(ho_consumer_close(many[i]), HO_OK);
    }
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void a_helper_takes_what_is_left_when_its_service_closes(void **state)
{
    (void)state;
    ho_service *service = rig_service(r.domain, SERVICE_OPTS(.partitions = 4));
    ho_producer *producer = rig_producer(service, r.shard), *other = rig_producer(service, r.shard);
    ho_consumer *consumer = rig_consumer(service);
    ho_buf buf;
    uint32_t taken, got = 0;
    int32_t status;
    CHECK_STATUS(ho_consumer_help(consumer, producer, 8), HO_OK);
    for (uint64_t key = 0; key < 40; key++) {
        rig_send(r.shard, producer, key, 10);
        rig_send(r.shard, other, key, 10);
    }
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_TIMEOUT);
    while ((status = ho_take(consumer, &buf, 1, &taken)) != HO_CLOSED)
        if (status == HO_OK) {
            rig_return(r.domain, &buf);
            got++;
        }
    CHECK(got == 80);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_producer_close(other), HO_OK);
    CHECK(rig_stats(service).messages_dropped == 0);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

/* Armed by its descriptor, chosen for a message, it begins to help: it still has to come for that one. */
static void one_that_was_chosen_and_helps_takes_it_first(void **state)
{
    (void)state;
    ho_service *service = rig_service(r.domain, SERVICE_OPTS(.partitions = 4));
    ho_producer *producer = rig_producer(service, r.shard),
                *helped = rig_producer(service, r.shard);
    ho_consumer *both[] = {rig_consumer(service), rig_consumer(service)};
    ho_buf none, buf;
    uint32_t taken;
    int32_t fds[2];
    for (size_t i = 0; i < 2; i++) {
        CHECK_STATUS(ho_consumer_fd(both[i], &fds[i]), HO_OK);
        CHECK_STATUS(ho_take(both[i], &none, 1, &taken), HO_EMPTY);
    }
    rig_send(r.shard, producer, 1, 10);
    size_t chosen = readable(fds[1], 0) ? 1 : 0;
    CHECK(readable(fds[chosen], 0) && !readable(fds[!chosen], 0));
    CHECK_STATUS(ho_consumer_help(both[chosen], helped, 8), HO_OK);
    buf = rig_take(both[chosen]); /* though it is not its producer's */
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_take(both[chosen], &none, 1, &taken), HO_EMPTY);
    CHECK(!readable(fds[!chosen], 0));
    for (size_t i = 0; i < 2; i++) {
        CHECK(close(fds[i]) == 0);
        CHECK_STATUS(ho_consumer_close(both[i]), HO_OK);
    }
    CHECK_STATUS(ho_producer_close(helped), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

/* ---- many that share: one lost wake-up, and a message is not answered */

#define SHARING 3u

enum { FUTEX, EPOLL, EPOLL_EDGE };

typedef struct sharer {
    int how;
    ho_consumer *in;
    _Atomic(uint64_t) *done;
} sharer;

static int epoll_of(const sharer *s, int *its_fd)
{
    int32_t fd;
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN | (s->how == EPOLL_EDGE ? (uint32_t)EPOLLET : 0)};
    CHECK_STATUS(ho_consumer_fd(s->in, &fd), HO_OK);
    CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
    *its_fd = fd;
    return ep;
}

static void sleep_for_more(const sharer *s, int ep)
{
    struct epoll_event e;
    if (s->how == FUTEX)
        CHECK_STATUS(ho_wait(s->in, LONG_NS), HO_OK);
    else
        CHECK(epoll_wait(ep, &e, 1, (int)(LONG_NS / MS)) == 1);
}

static void share(void *arg)
{
    sharer *s = arg;
    int fd = -1, ep = s->how == FUTEX ? -1 : epoll_of(s, &fd);
    ho_buf bufs[2];
    uint32_t taken;
    int32_t status;
    while ((status = ho_take(s->in, bufs, 2, &taken)) != HO_CLOSED) {
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
        *s->done += taken;
        if (status == HO_EMPTY)
            sleep_for_more(s, ep);
        else if (taken == 1)
            CHECK_STATUS(ho_consumer_yield(s->in), HO_OK);
    }
    if (ep >= 0)
        CHECK(close(ep) == 0 && close(fd) == 0);
    CHECK_STATUS(ho_consumer_close(s->in), HO_OK);
}

/* Bursts of one to four; each begins when the last one has been taken, when most of them sleep. */
static void share_the_work(int how)
{
    ho_service *service = rig_service(r.domain, SERVICE_OPTS(.partitions = 4));
    ho_producer *producer = rig_producer(service, r.shard);
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(0.3) * 1e9), sent = 0, seed = 1;
    _Atomic(uint64_t) done = 0;
    sharer sharers[SHARING];
    harness_thread threads[SHARING];
    for (size_t i = 0; i < SHARING; i++) {
        sharers[i] = (sharer){how, rig_consumer(service), &done};
        harness_start(&threads[i], share, &sharers[i]);
    }
    while (harness_now_ns() < end) {
        uint64_t begun = harness_now_ns();
        for (uint64_t n = 1 + rig_random(&seed) % 4; n > 0; n--, sent++)
            rig_send(r.shard, producer, rig_random(&seed), 16);
        while (done < sent) {
            CHECK(harness_now_ns() - begun < (uint64_t)LONG_NS);
            harness_sleep_ns(1000);
        }
    }
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_TIMEOUT);
    for (size_t i = 0; i < SHARING; i++)
        harness_join(&threads[i]);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    rig_check_quiet(&(rig){.service = service, .arena = r.arena});
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void no_wake_up_is_lost_among_those_that_wait(void **state)
{
    (void)state;
    share_the_work(FUTEX);
}

static void no_wake_up_is_lost_among_those_that_poll(void **state)
{
    (void)state;
    share_the_work(EPOLL);
}

static void no_wake_up_is_lost_among_those_that_poll_for_edges(void **state)
{
    (void)state;
    share_the_work(EPOLL_EDGE);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(whoever_waits_is_woken_for_what_another_gives_up),
    WITH_RIG(one_message_wakes_one_of_many),
    WITH_RIG(a_helper_takes_what_is_left_when_its_service_closes),
    WITH_RIG(one_that_was_chosen_and_helps_takes_it_first),
    WITH_RIG(no_wake_up_is_lost_among_those_that_wait),
    WITH_RIG(no_wake_up_is_lost_among_those_that_poll),
    WITH_RIG(no_wake_up_is_lost_among_those_that_poll_for_edges),
};

HO_TEST_MAIN(tests)
