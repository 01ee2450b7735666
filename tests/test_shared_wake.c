/* SPDX-License-Identifier: MIT */
/* Shared consumers that sleep: who is woken, by a wait or a descriptor, and what closing does. */
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "rig.h"

#define PARTITIONS 8u
#define EACH 10u /* messages in each partition */
#define MS 1000000
#define LONG_NS HARNESS_NEVER_NS

static rig r; /* but for its consumer */
static ho_consumer *a, *b;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, SERVICE_OPTS(.partitions = PARTITIONS, .lane_slots = 64));
    a = r.consumer;
    r.consumer = NULL;
    b = rig_consumer(r.service);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    if (a != NULL)
        CHECK_STATUS(ho_consumer_close(a), HO_OK);
    rig_drain_consumer(r.domain, b);
    CHECK_STATUS(ho_consumer_close(b), HO_OK);
    rig_check_quiet(&r); /* no late wakes among others */
    rig_close(&r);
    return 0;
}

static void send_to(uint16_t partition, uint64_t key)
{
    ho_buf loan = rig_loan(r.shard, key, 16);
    loan.flags = HO_BUF_PARTITION;
    loan.partition = partition;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
}

static void fill(void)
{
    for (uint64_t key = 0; key < EACH; key++)
        for (uint16_t i = 0; i < PARTITIONS; i++)
            send_to(i, key);
}

static void check_nothing(ho_consumer *consumer)
{
    ho_buf none;
    uint32_t taken = 77;
    CHECK_STATUS(ho_take(consumer, &none, 1, &taken), HO_EMPTY);
    CHECK(taken == 0);
}

enum end { BY_YIELD, BY_CLOSE, ENDS };

static atomic_int awake;

static void wait_and_drain(void *arg)
{
    (void)arg;
    CHECK_STATUS(ho_wait(b, LONG_NS), HO_OK);
    atomic_store(&awake, 1);
    CHECK(rig_drain_consumer(r.domain, b) == 1);
}

static void a_sleeper_is_woken_for_what_a_yield_gives_up(void **state)
{
    (void)state;
    for (uint32_t end = 0; end < ENDS; end++) {
        harness_thread thread;
        send_to(2, 0);
        ho_buf mine = rig_take(a);
        send_to(2, 1);
        atomic_store(&awake, 0);
        harness_start(&thread, wait_and_drain, NULL);
        harness_sleep_ns(20 * MS);
        CHECK(!atomic_load(&awake)); /* what is in a claimed partition wakes nobody else */
        if (end == BY_YIELD)
            CHECK_STATUS(ho_consumer_yield(a), HO_OK);
        else
            CHECK_STATUS(ho_consumer_close(a), HO_OK);
        harness_join(&thread);
        rig_return(r.domain, &mine);
    }
    a = NULL;
}

/* ---- descriptors */

static int readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static int32_t fds[2];

static void open_fds(void)
{
    CHECK_STATUS(ho_consumer_fd(a, &fds[0]), HO_OK);
    CHECK_STATUS(ho_consumer_fd(b, &fds[1]), HO_OK);
    check_nothing(a);
    check_nothing(b);
    CHECK(!readable(fds[0], 0) && !readable(fds[1], 0));
}

static void close_fds(void)
{
    CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
}

static void one_descriptor_is_rung_for_one_partition(void **state)
{
    (void)state;
    open_fds();
    for (int round = 0; round < 10; round++) {
        ho_consumer *const both[] = {a, b};
        send_to(1, 1);
        int first = readable(fds[0], 0) ? 0 : 1;
        CHECK(readable(fds[first], 0) && !readable(fds[!first], 0));
        ho_buf mine = rig_take(both[first]);
        send_to(1, 2); /* in a partition that is worked on */
        CHECK(!readable(fds[!first], 0));
        send_to(5, 3);
        CHECK(readable(fds[!first], 0));
        ho_buf other = rig_take(both[!first]);
        CHECK(other.key == 3);
        rig_return(r.domain, &mine);
        rig_return(r.domain, &other);
        CHECK(rig_drain_consumer(r.domain, both[first]) == 1);
        check_nothing(both[!first]);
        CHECK(!readable(fds[0], 0) && !readable(fds[1], 0));
    }
    close_fds();
}

static void who_was_rung_and_goes_passes_it_on(void **state)
{
    (void)state;
    open_fds();
    send_to(1, 1);
    if (readable(fds[1], 0)) { /* let it be a that was rung */
        ho_consumer *swap = a;
        int32_t fd = fds[0];
        a = b;
        b = swap;
        fds[0] = fds[1];
        fds[1] = fd;
    }
    CHECK(readable(fds[0], 0) && !readable(fds[1], 0));
    CHECK_STATUS(ho_consumer_close(a), HO_OK);
    a = NULL;
    CHECK(readable(fds[1], 0) && !readable(fds[0], 0));
    CHECK(rig_drain_consumer(r.domain, b) == 1);
    close_fds();
}

static void a_descriptor_is_rung_for_what_a_yield_gives_up(void **state)
{
    (void)state;
    send_to(1, 1);
    ho_buf mine = rig_take(a);
    send_to(1, 2);
    CHECK_STATUS(ho_consumer_fd(b, &fds[1]), HO_OK);
    check_nothing(b);
    CHECK(!readable(fds[1], 0));
    CHECK_STATUS(ho_consumer_yield(a), HO_OK);
    CHECK(readable(fds[1], 0));
    CHECK(rig_drain_consumer(r.domain, b) == 1);
    rig_return(r.domain, &mine);
    CHECK(close(fds[1]) == 0);
}

/* ---- closing */

static void sleep_until_closed(void *arg)
{
    ho_buf buf;
    uint32_t taken = 77;
    CHECK_STATUS(ho_wait(arg, LONG_NS), HO_OK);
    CHECK_STATUS(ho_take(arg, &buf, 1, &taken), HO_CLOSED);
    CHECK(taken == 0);
}

static void a_closing_service_lets_them_take_what_is_left(void **state)
{
    (void)state;
    harness_thread thread;
    int32_t fd;
    ho_consumer *sleeper = rig_consumer(r.service);
    CHECK_STATUS(ho_consumer_fd(b, &fd), HO_OK);
    check_nothing(b);
    harness_start(&thread, sleep_until_closed, sleeper);
    harness_sleep_ns(20 * MS);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    harness_join(&thread);
    CHECK(readable(fd, 0));
    CHECK(close(fd) == 0);
    CHECK_STATUS(ho_consumer_close(sleeper), HO_OK);
    ho_buf buf;
    uint32_t taken;
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(ho_take(a, &buf, 1, &taken), HO_CLOSED);
        CHECK_STATUS(ho_take(b, &buf, 1, &taken), HO_CLOSED);
        CHECK_STATUS(ho_wait(a, -1), HO_OK); /* no sleep: nothing will come */
    }
}

static void what_is_left_is_taken_before_they_hear_that_it_is_closed(void **state)
{
    (void)state;
    ho_buf buf;
    uint32_t taken;
    fill();
    buf = rig_take(a);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    rig_return(r.domain, &buf);
    for (uint32_t i = 0; i < (PARTITIONS - 1) * EACH; i++) {
        CHECK_STATUS(ho_wait(b, -1), HO_OK);
        buf = rig_take(b);
        rig_return(r.domain, &buf);
    }
    CHECK_STATUS(ho_take(b, &buf, 1, &taken), HO_CLOSED); /* the rest is a's */
    for (uint64_t key = 1; key < EACH; key++) {
        buf = rig_take(a);
        CHECK(buf.key == key);
        rig_return(r.domain, &buf);
    }
    CHECK_STATUS(ho_take(a, &buf, 1, &taken), HO_CLOSED);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_sleeper_is_woken_for_what_a_yield_gives_up),
    WITH_RIG(one_descriptor_is_rung_for_one_partition),
    WITH_RIG(who_was_rung_and_goes_passes_it_on),
    WITH_RIG(a_descriptor_is_rung_for_what_a_yield_gives_up),
    WITH_RIG(a_closing_service_lets_them_take_what_is_left),
    WITH_RIG(what_is_left_is_taken_before_they_hear_that_it_is_closed),
};

HO_TEST_MAIN(tests)
