/* SPDX-License-Identifier: MIT */
/* Closing a service: who gets which messages, in which order the ends may close, and races. */
#include <stdatomic.h>

#include "rig.h"

static rig r;
static rig_owner owner;
static uint8_t memory[64];

/* As the service is while its last buffers come back. */
static ho_service_stats last_seen;

static void count_and_look(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    rig_count_release(ctx, recs, count);
    if (recs->reason == HO_REASON_CANCELLED)
        last_seen = rig_stats(r.service);
}

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    owner = (rig_owner){0};
    CHECK_STATUS(ho_owner_register(r.domain, OWNER_OPTS(.release = count_and_look, .ctx = &owner),
                                   &owner.owner),
                 HO_OK);
    return 0;
}

static int destroy_rig(void **state)
{
    (void)state;
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    rig_destroy(r.domain);
    return 0;
}

static void close_ends(void)
{
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
}

static void send_foreign(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        ho_buf buf = rig_foreign(owner.owner, memory, sizeof memory, i);
        CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
    }
}

static void a_closing_service_refuses_everything_new(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 100), bufs[2];
    send_foreign(1);
    rig_send(r.shard, r.producer, 2, 64); /* so that the next loan begins where this one ends */
    uint32_t taken;
    CHECK_STATUS(ho_take(r.consumer, bufs, 1, &taken), HO_OK);
    ho_buf foreign = rig_foreign(owner.owner, memory, 1, 0);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    CHECK_REFUSED(&r, &loan, 1, ho_commit(r.producer, &loan, 1, 0, NULL), HO_E_CLOSED);
    CHECK_REFUSED(&r, &foreign, 1, ho_give(r.producer, &foreign, 1, 0, NULL), HO_E_CLOSED);
    CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, "a", 1, 1, 0), HO_E_CLOSED);
    CHECK_REFUSED(&r, bufs, 1, ho_forward(r.producer, bufs, 1, 0, NULL), HO_E_CLOSED);
    CHECK_STATUS(ho_producer_open(r.service, r.shard, &(ho_producer *){NULL}), HO_E_CLOSED);
    CHECK_STATUS(ho_consumer_open(r.service, NULL, &(ho_consumer *){NULL}), HO_E_CLOSED);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    CHECK_STATUS(ho_return(r.domain, bufs, 1, NULL), HO_OK);
    CHECK(rig_drain(&r) == 1);
    close_ends();
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_OK);
}

static void the_memory_of_a_closing_service_is_not_its_own(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 2, 100);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    ho_buf loan = rig_loan(r.shard, 1, 100);
    CHECK_STATUS(ho_compact(r.shard, &buf), HO_OK);
    rig_check_pattern(&buf);
    close_ends();
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_OK);
    ho_service *next = rig_service(r.domain, NULL);
    ho_producer *producer = rig_producer(next, r.shard);
    ho_consumer *consumer = rig_consumer(next);
    CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_forward(producer, &buf, 1, 0, NULL), HO_OK);
    CHECK(rig_drain_consumer(r.domain, consumer) == 2);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    CHECK_STATUS(ho_service_close(next, 0, NULL), HO_OK);
}

static void consumers_take_what_is_left_and_then_hear_that_it_is_closed(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 10; key++)
        rig_send(r.shard, r.producer, key, 100);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    for (uint64_t key = 0; key < 10; key++) {
        CHECK_STATUS(ho_wait(r.consumer, 0), HO_OK);
        ho_buf buf = rig_take(r.consumer);
        CHECK(buf.key == key);
        rig_return(r.domain, &buf);
    }
    ho_buf none;
    uint32_t taken = 77;
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(ho_take(r.consumer, &none, 1, &taken), HO_CLOSED);
        CHECK(taken == 0);
        CHECK_STATUS(ho_wait(r.consumer, -1), HO_OK); /* no sleep: nothing will come */
    }
    close_ends();
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_OK);
}

static void what_more_held_back_is_not_lost_by_closing(void **state)
{
    (void)state;
    ho_buf buf = rig_foreign(owner.owner, memory, sizeof memory, 1);
    CHECK_STATUS(ho_give(r.producer, &buf, 1, HO_MORE, NULL), HO_OK);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    close_ends();
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_OK);
    CHECK(owner.releases == 1);
}

/* Undelivered when both ends close, in the order that `producer_first` says. */
static void close_undelivered(int producer_first)
{
    for (uint64_t key = 0; key < 20; key++)
        rig_send(r.shard, r.producer, key, 100);
    send_foreign(20);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    CHECK(owner.releases == 0);
    if (producer_first)
        CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK(owner.releases == 0); /* the consumer may still take them */
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    if (!producer_first)
        CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK(owner.releases == 0 && rig_stats(r.service).undelivered == 40);
    CHECK(rig_stats(r.service).messages_dropped == 0);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_OK);
    CHECK(owner.releases == 20 && owner.cancelled == 20);
    CHECK(last_seen.messages_dropped == 40 && last_seen.messages_in == 40);
    CHECK(last_seen.bytes_dropped == 20 * (100 + sizeof memory) && last_seen.messages_out == 0);
    CHECK(rig_arena_stats(r.arena).buffers_out == 0);
}

static void undelivered_buffers_are_cancelled_once_when_the_consumer_goes_last(void **state)
{
    (void)state;
    close_undelivered(1);
}

static void undelivered_buffers_are_cancelled_once_when_the_producer_goes_last(void **state)
{
    (void)state;
    close_undelivered(0);
}

static void what_nobody_ever_took_is_cancelled_when_the_service_closes(void **state)
{
    (void)state;
    send_foreign(10);
    close_ends(); /* the service is open: another consumer might come for them */
    CHECK(owner.releases == 0);
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_OK);
    CHECK(owner.releases == 10 && owner.cancelled == 10);
}

static void close_reports_and_waits_for_ends_and_lanes(void **state)
{
    (void)state;
    send_foreign(2);
    rig_send(r.shard, r.producer, 2, 100);
    ho_outstanding out = {.size = sizeof out};
    CHECK_STATUS(ho_service_close(r.service, 0, &out), HO_TIMEOUT);
    CHECK(out.size == sizeof out && out.handles == 2 && out.undelivered == 3);
    CHECK(out.buffers == 0 && out.loans == 0 && out.foreign == 0 && out.oldest[0] == 0);
    CHECK(rig_drain(&r) == 3);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_service_close(r.service, 0, &out), HO_TIMEOUT);
    CHECK(out.handles == 1 && out.undelivered == 0);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK_STATUS(ho_service_close(r.service, 0, &out), HO_OK);
    CHECK(out.handles == 0 && out.undelivered == 0);
}

static void what_was_taken_does_not_keep_a_service(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 100), slice, foreign;
    uint32_t taken;
    rig_send(r.shard, r.producer, 2, 100);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_slice(r.domain, &buf, 0, 10, &slice), HO_OK);
    rig_return(r.domain, &buf);
    send_foreign(1);
    CHECK_STATUS(ho_take(r.consumer, &foreign, 1, &taken), HO_OK);
    close_ends();
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_OK);
    CHECK(owner.releases == 0);
    CHECK(slice.ptr[0] == 63); /* the pattern of key 2 */
    rig_return(r.domain, &slice);
    rig_return(r.domain, &foreign);
    CHECK(owner.releases == 1 && owner.cancelled == 0);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
}

static void a_short_report_is_refused_before_anything_closes(void **state)
{
    (void)state;
    ho_outstanding out = {.size = HO_OUTSTANDING_MIN - 1};
    CHECK_STATUS(ho_service_close(r.service, 0, &out), HO_E_SIZE);
    rig_send(r.shard, r.producer, 1, 10);
    CHECK(rig_drain(&r) == 1);
    close_ends();
}

static void wait_then_close(void *arg)
{
    (void)arg;
    ho_buf bufs[8];
    uint32_t taken;
    int32_t status;
    do {
        CHECK_STATUS(ho_wait(r.consumer, -1), HO_OK);
        while ((status = ho_take(r.consumer, bufs, 8, &taken)) == HO_OK)
            CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
    } while (status != HO_CLOSED);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
}

static void closing_wakes_a_consumer_that_sleeps_for_ever(void **state)
{
    (void)state;
    harness_thread thread;
    harness_start(&thread, wait_then_close, NULL);
    harness_sleep_ns(20000000);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_service_close(r.service, -1, NULL), HO_OK);
    harness_join(&thread);
}

/* ---- create, load, close, with closers that race each other and the traffic */

static struct {
    ho_domain *domain;
    ho_arena *arena;
    ho_shard *shard;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
    rig_owner owner;
    harness_barrier start;
    atomic_uint given, released, gone;
} race;

static void count_atomically(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    (void)ctx;
    (void)recs;
    atomic_fetch_add(&race.released, count);
}

static void produce_until_closed(void *arg)
{
    (void)arg;
    uint32_t given = 0;
    int32_t status;
    harness_barrier_wait(&race.start);
    do {
        ho_buf foreign = rig_foreign(race.owner.owner, memory, 1, given), loan;
        foreign.key = given;
        status = ho_give(race.producer, &foreign, 1, given % 3 ? HO_MORE : 0, NULL);
        given += status == HO_OK;
        if (ho_reserve(race.shard, 200, NULL, &loan) == HO_OK &&
            ho_commit(race.producer, &loan, 1, 0, NULL) != HO_OK)
            CHECK_STATUS(ho_abort(race.shard, &loan, 1, NULL), HO_OK);
    } while (status != HO_E_CLOSED);
    CHECK_STATUS(ho_producer_close(race.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(race.shard), HO_OK);
    atomic_fetch_add(&race.given, given);
}

static void consume_until_closed(void *arg)
{
    (void)arg;
    ho_buf bufs[16];
    uint32_t taken;
    int32_t status;
    harness_barrier_wait(&race.start);
    do {
        status = ho_take(race.consumer, bufs, 16, &taken);
        CHECK_STATUS(ho_return(race.domain, bufs, taken, NULL), HO_OK);
        if (status == HO_EMPTY)
            (void)ho_wait(race.consumer, -1);
    } while (status != HO_CLOSED);
    CHECK_STATUS(ho_consumer_close(race.consumer), HO_OK);
}

static void close_the_service(void *arg)
{
    (void)arg;
    harness_barrier_wait(&race.start);
    harness_sleep_ns(200000);
    int32_t status = ho_service_close(race.service, -1, NULL);
    CHECK(status == HO_OK || status == HO_E_HANDLE);
    atomic_fetch_add(&race.gone, 1);
}

/* Looks at it, and opens and closes ends of it, for as long as it is there. */
static void come_and_go(void *arg)
{
    (void)arg;
    harness_barrier_wait(&race.start);
    ho_service_stats stats = {.size = sizeof stats};
    ho_shard *shard = rig_shard(race.arena);
    ho_producer *producer;
    ho_consumer *consumer;
    int32_t status;
    while ((status = ho_service_stats_get(race.service, &stats)) == HO_OK) {
        status = ho_producer_open(race.service, shard, &producer);
        if (status == HO_OK)
            CHECK_STATUS(ho_producer_close(producer), HO_OK);
        CHECK(status == HO_OK || status == HO_E_CLOSED || status == HO_E_HANDLE);
        status = ho_consumer_open(race.service, NULL, &consumer);
        if (status == HO_OK)
            CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
        CHECK(status == HO_OK || status == HO_E_CLOSED || status == HO_E_HANDLE ||
              status == HO_E_BUSY);
    }
    CHECK_STATUS(status, HO_E_HANDLE);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
}

static void create_load_and_close_with_racing_closers(void **state)
{
    (void)state;
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(1) * 1e9);
    uint32_t partitions = 1;
    void (*const runs[])(void *) = {produce_until_closed, consume_until_closed, close_the_service,
                                    close_the_service, come_and_go};
    do {
        race.domain = rig_domain();
        race.arena = rig_arena(race.domain, NULL);
        race.shard = rig_shard(race.arena);
        race.service =
            rig_service(race.domain, SERVICE_OPTS(.lane_slots = 64, .partitions = partitions));
        partitions = 5 - partitions; /* one consumer and shared ones by turns */
        race.producer = rig_producer(race.service, race.shard);
        race.consumer = rig_consumer(race.service);
        CHECK_STATUS(ho_owner_register(race.domain,
                                       OWNER_OPTS(.release = count_atomically, .ctx = &race.owner),
                                       &race.owner.owner),
                     HO_OK);
        race.given = race.released = race.gone = 0;
        harness_barrier_init(&race.start, 5);
        harness_thread threads[5];
        for (size_t i = 0; i < 5; i++)
            harness_start(&threads[i], runs[i], NULL);
        for (size_t i = 0; i < 5; i++)
            harness_join(&threads[i]);
        harness_barrier_destroy(&race.start);
        CHECK(race.gone == 2);
        CHECK(race.released == race.given);
        rig_destroy(race.domain);
        CHECK(race.released == race.given);
    } while (harness_now_ns() < end);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, destroy_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_closing_service_refuses_everything_new),
    WITH_RIG(the_memory_of_a_closing_service_is_not_its_own),
    WITH_RIG(consumers_take_what_is_left_and_then_hear_that_it_is_closed),
    WITH_RIG(what_more_held_back_is_not_lost_by_closing),
    WITH_RIG(undelivered_buffers_are_cancelled_once_when_the_consumer_goes_last),
    WITH_RIG(undelivered_buffers_are_cancelled_once_when_the_producer_goes_last),
    WITH_RIG(what_nobody_ever_took_is_cancelled_when_the_service_closes),
    WITH_RIG(close_reports_and_waits_for_ends_and_lanes),
    WITH_RIG(what_was_taken_does_not_keep_a_service),
    WITH_RIG(a_short_report_is_refused_before_anything_closes),
    WITH_RIG(closing_wakes_a_consumer_that_sleeps_for_ever),
    cmocka_unit_test(create_load_and_close_with_racing_closers),
};

HO_TEST_MAIN(tests)
