/* SPDX-License-Identifier: MIT */
/* A reserve that waits for memory: how long, and what ends it. Closing under traffic. */
#include <stdatomic.h>

#include "rig.h"

#define WHOLE RIG_SEGMENT /* a loan that needs a segment of its own */

static rig r;

static int close_rig(void **state)
{
    (void)state;
    rig_drain(&r);
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

#define WAIT_NS 20000000u

static ho_buf held[4];

static void fill_budget(void)
{
    for (size_t i = 0; i < 4; i++) {
        rig_send(r.shard, r.producer, i, WHOLE);
        held[i] = rig_take(r.consumer);
    }
}

static int open_waiting(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT, .wait_ns = WAIT_NS), NULL);
    fill_budget();
    return 0;
}

static int open_patient(void **state)
{
    (void)state;
    rig_open_in(&r,
                ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT, .wait_ns = (uint64_t)HARNESS_NEVER_NS),
                NULL);
    fill_budget();
    return 0;
}

static void a_reserve_waits_as_long_as_the_arena_says(void **state)
{
    (void)state;
    ho_buf loan;
    uint64_t before = harness_now_ns();
    CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, WHOLE, NULL, &loan), HO_FULL);
    CHECK(harness_now_ns() - before >= WAIT_NS);
    CHECK_EMPTY(&loan);
    before = harness_now_ns();
    CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, held[0].ptr, WHOLE, 1, 0), HO_FULL);
    CHECK_REFUSED(&r, &held[0], 1, ho_compact(r.shard, &held[0]), HO_FULL);
    CHECK(harness_now_ns() - before >= 2 * WAIT_NS);
    CHECK(rig_arena_stats(r.arena).full == 3);
    CHECK_STATUS(ho_return(r.domain, held, 4, NULL), HO_OK);
}

static void return_later(void *arg)
{
    harness_sleep_ns(20000000);
    rig_return(r.domain, arg);
}

static void a_reserve_that_waits_gets_what_another_thread_returns(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        ho_buf loan;
        harness_thread thread;
        uint64_t before = harness_now_ns();
        harness_start(&thread, return_later, &held[i % 4]);
        CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_OK);
        CHECK(harness_now_ns() - before < (uint64_t)HARNESS_NEVER_NS); /* woken, not timed out */
        harness_join(&thread);
        loan.len = 0;
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
        CHECK(rig_drain(&r) == 1);
        CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_OK);
        loan.len = WHOLE;
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
        uint32_t taken;
        CHECK_STATUS(ho_take(r.consumer, &held[i % 4], 1, &taken), HO_OK);
    }
    CHECK(rig_arena_stats(r.arena).full == 0);
    CHECK_STATUS(ho_return(r.domain, held, 4, NULL), HO_OK);
}

typedef struct worker {
    ho_consumer *consumer;
    ho_buf loan;
} worker;

/* Takes one message, waits for memory to answer it, and is done with its partition. */
static void work_and_wait(void *arg)
{
    worker *w = arg;
    ho_buf buf = rig_take(w->consumer);
    CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &w->loan), HO_OK);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_consumer_yield(w->consumer), HO_OK);
}

static void a_worker_that_waits_holds_what_it_has_claimed_and_no_more(void **state)
{
    (void)state;
    enum { PARTITIONS = 4 };
    ho_service *service = rig_service(r.domain, SERVICE_OPTS(.partitions = PARTITIONS));
    ho_arena *arena = rig_arena(r.domain, NULL);
    ho_shard *shard = rig_shard(arena);
    ho_producer *producer = rig_producer(service, shard);
    worker waits = {.consumer = rig_consumer(service)};
    ho_consumer *other = rig_consumer(service);
    harness_thread thread;
    for (uint16_t i = 0; i < 2 * PARTITIONS; i++) {
        ho_buf loan = rig_loan(shard, i, 100);
        loan.flags |= HO_BUF_PARTITION;
        loan.partition = i % PARTITIONS;
        CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), HO_OK);
    }
    harness_start(&thread, work_and_wait, &waits);
    while (rig_stats(service).messages_out == 0)
        harness_sleep_ns(1000000);
    CHECK(rig_drain_consumer(r.domain, other) == 2 * (PARTITIONS - 1));
    rig_return(r.domain, &held[0]);
    CHECK_STATUS(ho_wait(other, HARNESS_NEVER_NS), HO_OK);
    harness_join(&thread);
    CHECK(rig_drain_consumer(r.domain, other) == 1);
    CHECK_STATUS(ho_abort(r.shard, &waits.loan, 1, NULL), HO_OK);
    CHECK_STATUS(ho_return(r.domain, held, 4, NULL), HO_OK);
    CHECK_STATUS(ho_consumer_close(waits.consumer), HO_OK);
    CHECK_STATUS(ho_consumer_close(other), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

static void abort_later(void *arg)
{
    ho_shard *shard = rig_shard(r.arena);
    harness_sleep_ns(20000000);
    CHECK_STATUS(ho_abort(shard, arg, 1, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
}

static void a_loan_that_is_aborted_wakes_it_too(void **state)
{
    (void)state;
    rig_return(r.domain, &held[0]);
    ho_shard *gone = rig_shard(r.arena);
    ho_buf theirs, loan;
    CHECK_STATUS(ho_reserve(gone, WHOLE, NULL, &theirs), HO_OK);
    CHECK_STATUS(ho_shard_close(gone), HO_OK);
    harness_thread thread;
    harness_start(&thread, abort_later, &theirs);
    CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_OK);
    harness_join(&thread);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    CHECK_STATUS(ho_return(r.domain, &held[1], 3, NULL), HO_OK);
}

static void what_more_holds_back_is_published_before_the_wait(void **state)
{
    (void)state;
    ho_buf loan;
    rig_return(r.domain, &held[0]);
    CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_OK);
    loan.len = WHOLE;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_MORE, NULL), HO_OK);
    CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_FULL);
    CHECK(rig_drain(&r) == 1); /* else nobody could ever give it back */
    CHECK_STATUS(ho_return(r.domain, &held[1], 3, NULL), HO_OK);
}

static void close_the_arena_later(void *arg)
{
    (void)arg;
    harness_sleep_ns(20000000);
    CHECK_STATUS(ho_arena_close(r.arena, 0, NULL), HO_TIMEOUT);
}

static void closing_wakes_a_reserve_that_waits(void **state)
{
    (void)state;
    ho_buf loan;
    harness_thread thread;
    harness_start(&thread, close_the_arena_later, NULL);
    CHECK_STATUS(ho_reserve(r.shard, WHOLE, NULL, &loan), HO_E_CLOSED);
    harness_join(&thread);
    CHECK_STATUS(ho_return(r.domain, held, 4, NULL), HO_OK);
}

/* More threads than segments, each of which waits for those of the others: none is forgotten. */
#define TAKERS 6u

static atomic_uint takes;

static void reserve_and_return(void *arg)
{
    uint64_t end = *(const uint64_t *)arg;
    ho_shard *shard = rig_shard(r.arena);
    do {
        ho_buf loan;
        CHECK_STATUS(ho_reserve(shard, WHOLE, NULL, &loan), HO_OK);
        CHECK_STATUS(ho_abort(shard, &loan, 1, NULL), HO_OK);
        CHECK_STATUS(ho_shard_close(shard), HO_OK); /* so that the segment goes to the others */
        shard = rig_shard(r.arena);
        atomic_fetch_add(&takes, 1);
    } while (harness_now_ns() < end);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
}

static void nobody_who_waits_is_forgotten(void **state)
{
    (void)state;
    CHECK_STATUS(ho_return(r.domain, held, 2, NULL), HO_OK); /* two segments for all of them */
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(0.5) * 1e9);
    harness_thread threads[TAKERS];
    takes = 0;
    for (size_t i = 0; i < TAKERS; i++)
        harness_start(&threads[i], reserve_and_return, &end);
    for (size_t i = 0; i < TAKERS; i++)
        harness_join(&threads[i]);
    CHECK(takes >= TAKERS);
    CHECK(rig_arena_stats(r.arena).full == 0);
    CHECK_STATUS(ho_return(r.domain, &held[2], 2, NULL), HO_OK);
}

/* ---- close races with traffic, and with another close */

static struct {
    ho_domain *domain;
    ho_arena *arena;
    ho_service *service;
    ho_consumer *consumer;
    harness_barrier start;
    atomic_uint fillers, gone;
} race;

static void fill_until_closed(void *arg)
{
    (void)arg;
    ho_shard *shard = rig_shard(race.arena);
    ho_producer *producer = rig_producer(race.service, shard);
    ho_buf loan;
    int32_t status;
    harness_barrier_wait(&race.start);
    while ((status = ho_reserve(shard, 3000, NULL, &loan)) != HO_E_CLOSED) {
        CHECK(status == HO_OK || status == HO_FULL);
        if (status == HO_OK && ho_commit(producer, &loan, 1, 0, NULL) != HO_OK)
            CHECK_STATUS(ho_abort(shard, &loan, 1, NULL), HO_OK);
    }
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    atomic_fetch_sub(&race.fillers, 1);
}

static void return_until_done(void *arg)
{
    (void)arg;
    harness_barrier_wait(&race.start);
    while (rig_drain_consumer(race.domain, race.consumer) != 0 || atomic_load(&race.fillers) != 0)
        (void)ho_wait(race.consumer, 1000000);
    (void)rig_drain_consumer(race.domain, race.consumer);
}

static void close_the_arena(void *arg)
{
    (void)arg;
    harness_barrier_wait(&race.start);
    harness_sleep_ns(200000);
    int32_t status = ho_arena_close(race.arena, -1, NULL);
    CHECK(status == HO_OK || status == HO_E_HANDLE);
    atomic_fetch_add(&race.gone, 1);
}

static void look_and_trim(void *arg)
{
    (void)arg;
    harness_barrier_wait(&race.start);
    ho_arena_stats stats = {.size = sizeof stats};
    ho_shard *shard;
    int32_t status;
    while ((status = ho_arena_stats_get(race.arena, &stats)) == HO_OK) {
        CHECK(stats.segments_held <= 8);
        status = ho_shard_open(race.arena, &shard);
        if (status == HO_OK)
            CHECK_STATUS(ho_shard_close(shard), HO_OK);
        CHECK(status == HO_OK || status == HO_E_CLOSED || status == HO_E_HANDLE);
        status = ho_arena_trim(race.arena, 0, NULL);
        CHECK(status == HO_OK || status == HO_E_HANDLE);
    }
    CHECK_STATUS(status, HO_E_HANDLE);
}

static void load_trim_and_close_with_racing_closers(void **state)
{
    (void)state;
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(0.5) * 1e9);
    void (*const runs[])(void *) = {fill_until_closed, fill_until_closed, return_until_done,
                                    close_the_arena,   close_the_arena,   look_and_trim};
    race.domain = rig_domain();
    race.service = rig_service(race.domain, SERVICE_OPTS(.lane_slots = 64));
    race.consumer = rig_consumer(race.service);
    do { /* the domain's segments go from arena to arena */
        race.arena = rig_arena(race.domain, ARENA_OPTS(.budget_bytes = 8 * RIG_SEGMENT));
        race.fillers = 2;
        race.gone = 0;
        harness_barrier_init(&race.start, 6);
        harness_thread threads[6];
        for (size_t i = 0; i < 6; i++)
            harness_start(&threads[i], runs[i], NULL);
        for (size_t i = 0; i < 6; i++)
            harness_join(&threads[i]);
        harness_barrier_destroy(&race.start);
        CHECK(race.gone == 2);
    } while (harness_now_ns() < end);
    CHECK_STATUS(ho_consumer_close(race.consumer), HO_OK);
    rig_destroy(race.domain);
}

#define WAITING(test) cmocka_unit_test_setup_teardown(test, open_waiting, close_rig)
#define PATIENT(test) cmocka_unit_test_setup_teardown(test, open_patient, close_rig)

static const struct CMUnitTest tests[] = {
    WAITING(a_reserve_waits_as_long_as_the_arena_says),
    PATIENT(a_reserve_that_waits_gets_what_another_thread_returns),
    PATIENT(a_worker_that_waits_holds_what_it_has_claimed_and_no_more),
    PATIENT(a_loan_that_is_aborted_wakes_it_too),
    WAITING(what_more_holds_back_is_published_before_the_wait),
    PATIENT(closing_wakes_a_reserve_that_waits),
    PATIENT(nobody_who_waits_is_forgotten),
    cmocka_unit_test(load_trim_and_close_with_racing_closers),
};

HO_TEST_MAIN(tests)
