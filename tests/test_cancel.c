/* SPDX-License-Identifier: MIT */
/* A thread that is cancelled inside a call ends after the call, and leaves everything usable. */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "rig.h"

#define HANG_S 120u
#define MS 1000000

static rig r;
static rig_owner owner;
static uint8_t memory[64];
static ho_buf buf;
static int32_t status;
static int came_back;

static int open_rig(void **state)
{
    (void)state;
    alarm(HANG_S); /* a mutex left locked hangs whoever comes next */
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT, .wait_ns = 200 * MS), NULL);
    rig_owner_register(r.domain, HO_RELEASE_EVENT, &owner);
    return 0;
}

/* Another thread than the cancelled one opens, closes and destroys. */
static void end(void *arg)
{
    (void)arg;
    ho_service *service = NULL;
    if (ho_service_open(r.domain, NULL, &service) == HO_OK) /* not once the domain is closing */
        CHECK_STATUS(ho_consumer_close(rig_consumer(service)), HO_OK);
    if (r.producer)
        CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    if (r.consumer)
        CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    rig_destroy(r.domain);
}

static int end_elsewhere(void **state)
{
    (void)state;
    harness_thread thread;
    harness_start(&thread, end, NULL);
    harness_join(&thread);
    alarm(0);
    return 0;
}

static void *call_and_end(void *call)
{
    status = (*(int32_t(**)(void))call)();
    came_back = 1;
    while (pause()) /* a cancellation that comes when the call is over ends this */
        ;
    return NULL;
}

/* The cancellation is pending when the call begins: what else happens by chance. */
static void *call_cancelled(void *call)
{
    pthread_cancel(pthread_self());
    return call_and_end(call);
}

static void check_ended(pthread_t thread, int32_t expected)
{
    void *result;
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(came_back);
    CHECK(result == PTHREAD_CANCELED);
    CHECK_STATUS(status, expected);
}

static void cancelled_before(int32_t (*call)(void), int32_t expected)
{
    pthread_t thread;
    came_back = 0;
    CHECK(pthread_create(&thread, NULL, call_cancelled, &call) == 0);
    check_ended(thread, expected);
}

static void cancelled_within(int32_t (*call)(void), int32_t expected)
{
    pthread_t thread;
    came_back = 0;
    CHECK(pthread_create(&thread, NULL, call_and_end, &call) == 0);
    harness_sleep_ns(20 * MS);
    CHECK(pthread_cancel(thread) == 0);
    check_ended(thread, expected);
}

static void arm(void)
{
    int32_t fd;
    uint32_t taken;
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_EMPTY);
    CHECK(close(fd) == 0);
}

static int32_t take(void)
{
    uint32_t taken;
    return ho_take(r.consumer, &buf, 1, &taken);
}

static int32_t commit(void)
{
    return ho_commit(r.producer, &buf, 1, 0, NULL);
}

static int32_t wait_a_while(void)
{
    return ho_wait(r.consumer, 200 * MS);
}

static int32_t close_service(void)
{
    return ho_service_close(r.service, 200 * MS, NULL);
}

static int32_t close_arena(void)
{
    return ho_arena_close(r.arena, 200 * MS, NULL);
}

static int32_t reserve_a_while(void)
{
    return ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &buf);
}

static int32_t close_domain(void)
{
    ho_outstanding out = {.size = sizeof out};
    return ho_domain_close(r.domain, 200 * MS, &out);
}

static int32_t close_consumer(void)
{
    return ho_consumer_close(r.consumer);
}

static int32_t give_back(void)
{
    return ho_return(r.domain, &buf, 1, NULL);
}

static int32_t drain(void)
{
    uint32_t released;
    return ho_owner_drain(r.domain, owner.owner, 8, &released);
}

static void a_wait_comes_back_first(void **state)
{
    (void)state;
    cancelled_before(wait_a_while, HO_TIMEOUT);
    cancelled_within(wait_a_while, HO_TIMEOUT);
}

static void the_close_of_a_service_comes_back_first(void **state)
{
    (void)state;
    arm();
    cancelled_before(close_service, HO_TIMEOUT);
    cancelled_within(close_service, HO_TIMEOUT);
}

static void the_close_of_an_arena_comes_back_first(void **state)
{
    (void)state;
    cancelled_before(close_arena, HO_TIMEOUT);
    cancelled_within(close_arena, HO_TIMEOUT);
}

static void a_wait_for_memory_comes_back_first(void **state)
{
    (void)state;
    ho_buf loans[4];
    for (size_t i = 0; i < 4; i++)
        CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT - 64, NULL, &loans[i]), HO_OK);
    cancelled_before(reserve_a_while, HO_FULL);
    cancelled_within(reserve_a_while, HO_FULL);
    CHECK_STATUS(ho_abort(r.shard, loans, 4, NULL), HO_OK);
}

static void the_close_of_a_domain_comes_back_first(void **state)
{
    (void)state;
    arm();
    cancelled_before(close_domain, HO_TIMEOUT);
    cancelled_within(close_domain, HO_TIMEOUT);
}

static void the_close_of_a_consumer_with_a_descriptor_comes_back_first(void **state)
{
    (void)state;
    arm();
    cancelled_before(close_consumer, HO_OK);
    r.consumer = NULL;
}

static void a_publish_and_the_take_it_rings_for_come_back_first(void **state)
{
    (void)state;
    arm();
    buf = rig_loan(r.shard, 1, 100);
    cancelled_before(commit, HO_OK);
    cancelled_before(take, HO_OK);
    rig_check_pattern(&buf);
    rig_return(r.domain, &buf);
}

static void a_return_and_the_drain_it_rings_for_come_back_first(void **state)
{
    (void)state;
    ho_buf foreign = rig_foreign(owner.owner, memory, sizeof memory, 7);
    CHECK_STATUS(ho_give(r.producer, &foreign, 1, 0, NULL), HO_OK);
    CHECK_STATUS(take(), HO_OK);
    cancelled_before(give_back, HO_OK);
    CHECK_EMPTY(&buf);
    cancelled_before(drain, HO_OK);
    CHECK(owner.releases == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, end_elsewhere)

static const struct CMUnitTest tests[] = {
    TEST(a_wait_comes_back_first),
    TEST(the_close_of_a_service_comes_back_first),
    TEST(the_close_of_an_arena_comes_back_first),
    TEST(a_wait_for_memory_comes_back_first),
    TEST(the_close_of_a_domain_comes_back_first),
    TEST(the_close_of_a_consumer_with_a_descriptor_comes_back_first),
    TEST(a_publish_and_the_take_it_rings_for_come_back_first),
    TEST(a_return_and_the_drain_it_rings_for_come_back_first),
};

HO_TEST_MAIN(tests)
