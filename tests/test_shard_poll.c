/* SPDX-License-Identifier: MIT */
/* The descriptor of a shard where calls wait too, and where threads poll on it while another takes and returns. */
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "rig.h"

#define WHOLE RIG_SEGMENT /* a loan that needs a segment of its own */
#define LANE 4u

static rig r;
static rig_owner owner;
static uint8_t foreign_bytes[8];
static int32_t fd;
static ho_buf held[4];

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
    r.service = rig_service(r.domain, SERVICE_OPTS(.lane_slots = LANE, .policy = policy,
                                                   .wait_ns = (uint64_t)HARNESS_NEVER_NS));
    r.producer = rig_producer(r.service, r.shard);
    r.consumer = rig_consumer(r.service);
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
}

static int open_fd_waiting(void **state)
{
    (void)state;
    open_armed(ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT, .wait_ns = 5000000), HO_POLICY_WAIT);
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

static void a_wait_that_ran_out_arms_it(void **state)
{
    (void)state;
    ho_buf loan;
    fill_budget();
    for (int i = 0; i < 5; i++) {
        CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_FULL);
        CHECK(!readable(fd, 0)); /* the waits of the next ones do not fire it either */
    }
    rig_return(r.domain, &held[3]);
    check_fires();
    CHECK_STATUS(ho_return(r.domain, held, 3, NULL), HO_OK);
}

/* ---- one descriptor for two things: a wait for one of them does not lose the other */

static ho_buf taken_later;

static void take_later(void *arg)
{
    (void)arg;
    harness_sleep_ns(20000000);
    taken_later = rig_take(r.consumer);
}

static void a_wait_for_room_keeps_it_armed_for_memory(void **state)
{
    (void)state;
    ho_buf loan, none;
    for (uint64_t i = 0; i < LANE; i++)
        rig_send(r.shard, r.producer, i, 10);
    loan = rig_loan(r.shard, 7, 10);
    for (size_t i = 0; i < 3; i++)
        CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &held[i]), HO_OK);
    CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &none), HO_FULL);
    harness_thread thread;
    harness_start(&thread, take_later, NULL);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK); /* waits */
    harness_join(&thread);
    CHECK_STATUS(ho_abort(r.shard, held, 3, NULL), HO_OK);
    CHECK(readable(fd, 0));
    rig_return(r.domain, &taken_later);
}

static void return_later(void *arg)
{
    harness_sleep_ns(20000000);
    rig_return(r.domain, arg);
}

static int open_fd_patient(void **state)
{
    (void)state;
    open_armed(ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT, .wait_ns = (uint64_t)HARNESS_NEVER_NS),
               HO_POLICY_FAIL);
    return 0;
}

static void a_wait_for_memory_keeps_it_armed_for_room(void **state)
{
    (void)state;
    fill_budget();
    rig_return(r.domain, &held[0]);
    for (uint64_t i = 0; i < LANE; i++)
        rig_send(r.shard, r.producer, i, 10);
    ho_buf loan = rig_loan(r.shard, 7, 10), big;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_FULL);
    harness_thread thread;
    harness_start(&thread, return_later, &held[1]);
    CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &big), HO_OK); /* waits */
    harness_join(&thread);
    CHECK(rig_drain(&r) == LANE);
    CHECK(readable(fd, 0));
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, &big, 1, NULL), HO_OK);
    CHECK_STATUS(ho_return(r.domain, &held[2], 2, NULL), HO_OK);
}

/* ---- never lost: threads that poll, while another takes and returns */

#define SENDERS 2u

static struct {
    ho_domain *domain;
    ho_arena *arena;
    ho_service *service;
    ho_consumer *consumer;
    rig_owner owner;
    uint64_t end_ns;
    uint32_t bytes;
    int foreign;
    atomic_uint senders, polls;
} w;

static void poll_for_more(int of)
{
    uint64_t count;
    if (!readable(of, HARNESS_NEVER_S * 1000))
        fail_msg("%s", "nothing fired: a wake-up was lost");
    CHECK(read(of, &count, 8) == 8);
    atomic_fetch_add(&w.polls, 1);
}

static void send_until_the_end(void *arg)
{
    (void)arg;
    ho_shard *shard = rig_shard(w.arena);
    int32_t mine, status;
    CHECK_STATUS(ho_shard_fd(shard, &mine), HO_OK);
    ho_producer *producer = rig_producer(w.service, shard);
    ho_buf buf;
    while (harness_now_ns() < w.end_ns || w.polls == 0) {
        if (w.foreign) {
            buf = rig_foreign(w.owner.owner, foreign_bytes, 8, 1);
            while ((status = ho_give(producer, &buf, 1, 0, NULL)) == HO_FULL)
                poll_for_more(mine);
            CHECK_STATUS(status, HO_OK);
            continue;
        }
        while ((status = ho_reserve(shard, w.bytes, NULL, &buf)) == HO_FULL)
            poll_for_more(mine);
        CHECK_STATUS(status, HO_OK);
        buf.len = w.bytes;
        while ((status = ho_commit(producer, &buf, 1, 0, NULL)) == HO_FULL)
            poll_for_more(mine);
        CHECK_STATUS(status, HO_OK);
    }
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK(close(mine) == 0);
    atomic_fetch_sub(&w.senders, 1);
}

/* Takes a few, keeps them for a while, returns them. When there is nothing to take it keeps nothing. */
static void take_and_return(void *arg)
{
    ho_buf bufs[64];
    uint32_t count = 0, taken;
    uint64_t seed = (uintptr_t)arg;
    for (;;) {
        int last = atomic_load(&w.senders) == 0;
        uint32_t most = 1 + (uint32_t)(rig_random(&seed) % 7);
        int32_t status = ho_take(w.consumer, bufs + count, most, &taken);
        count += taken;
        if (status == HO_EMPTY || count > 48 || rig_random(&seed) % 4 == 0) {
            CHECK_STATUS(ho_return(w.domain, bufs, count, NULL), HO_OK);
            count = 0;
        }
        if (status == HO_EMPTY && last)
            return;
        if (status == HO_EMPTY)
            (void)ho_wait(w.consumer, 1000000);
    }
}

static void never_lost(const ho_arena_opts *arena, const ho_service_opts *service, uint32_t bytes,
                       int foreign)
{
    w.domain = rig_domain();
    w.arena = rig_arena(w.domain, arena);
    w.service = rig_service(w.domain, service);
    w.consumer = rig_consumer(w.service);
    CHECK_STATUS(ho_owner_register(w.domain,
                                   OWNER_OPTS(.release = rig_count_release, .ctx = &w.owner),
                                   &w.owner.owner),
                 HO_OK);
    w.bytes = bytes;
    w.foreign = foreign;
    w.senders = SENDERS;
    w.polls = 0;
    w.end_ns = harness_now_ns() + (uint64_t)(rig_soak_seconds(0.5) * 1e9);
    harness_thread threads[SENDERS + 1];
    for (size_t i = 0; i < SENDERS + 1; i++)
        harness_start(&threads[i], i < SENDERS ? send_until_the_end : take_and_return,
                      (void *)(uintptr_t)(i + 1));
    for (size_t i = 0; i < SENDERS + 1; i++)
        harness_join(&threads[i]);
    CHECK(w.polls > 0);
    CHECK_STATUS(ho_consumer_close(w.consumer), HO_OK);
    rig_destroy(w.domain);
}

static void no_return_of_memory_is_lost(void **state)
{
    (void)state;
    never_lost(ARENA_OPTS(.budget_bytes = 3 * RIG_SEGMENT), SERVICE_OPTS(.lane_slots = 1024), 20000,
               0);
}

static void no_room_in_a_lane_is_lost(void **state)
{
    (void)state;
    never_lost(ARENA_OPTS(.budget_bytes = 64 * RIG_SEGMENT), SERVICE_OPTS(.lane_slots = 4), 100, 0);
}

static void neither_is_lost_where_both_are_short(void **state)
{
    (void)state;
    never_lost(ARENA_OPTS(.budget_bytes = 3 * RIG_SEGMENT), SERVICE_OPTS(.lane_slots = 4), 20000,
               0);
}

static void neither_is_lost_where_the_calls_wait_too(void **state)
{
    (void)state;
    never_lost(ARENA_OPTS(.budget_bytes = 3 * RIG_SEGMENT, .wait_ns = 20000),
               SERVICE_OPTS(.lane_slots = 4, .policy = HO_POLICY_WAIT, .wait_ns = 20000), 20000, 0);
}

static void no_release_of_a_record_is_lost(void **state)
{
    (void)state;
    never_lost(ARENA_OPTS(.budget_bytes = 2 * RIG_SEGMENT), SERVICE_OPTS(.lane_slots = 4096), 0, 1);
}

#define WAITING(test) cmocka_unit_test_setup_teardown(test, open_fd_waiting, close_fd)

static const struct CMUnitTest tests[] = {
    WAITING(a_wait_that_ran_out_arms_it),
    WAITING(a_wait_for_room_keeps_it_armed_for_memory),
    cmocka_unit_test_setup_teardown(a_wait_for_memory_keeps_it_armed_for_room, open_fd_patient,
                                    close_fd),
    cmocka_unit_test(no_return_of_memory_is_lost),
    cmocka_unit_test(no_room_in_a_lane_is_lost),
    cmocka_unit_test(neither_is_lost_where_both_are_short),
    cmocka_unit_test(neither_is_lost_where_the_calls_wait_too),
    cmocka_unit_test(no_release_of_a_record_is_lost),
};

HO_TEST_MAIN(tests)
