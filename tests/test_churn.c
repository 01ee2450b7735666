/* SPDX-License-Identifier: MIT */
/* Shards, producers and consumers come and go under traffic: nothing is lost or doubled, and each key of each
 * producer stays in order. */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "rig.h"

#define PRODUCER_THREADS 2u
#define CONSUMER_THREADS 3u
#define LIVES 12u /* producers that each thread opens, one after the other */
#define KEYS 16u
#define PER_KEY 150u /* messages of one life and key */

/* One message: when the take that delivered it began and ended. */
typedef struct trace {
    uint64_t began_ns, ended_ns;
    atomic_uint seen;
} trace;

static struct {
    ho_domain *domain;
    ho_arena *arena;
    ho_service *service;
    atomic_uint producing;
    trace traces[PRODUCER_THREADS * LIVES][KEYS][PER_KEY];
} w;

static void send_one(ho_shard *shard, ho_producer *producer, uint64_t life, uint64_t key,
                     uint64_t seq)
{
    ho_buf loan;
    while (ho_reserve(shard, 64, NULL, &loan) != HO_OK)
        sched_yield();
    loan.len = 8;
    memcpy(loan.ptr, &seq, 8);
    loan.key = key;
    loan.token = life;
    while (ho_commit(producer, &loan, 1, HO_BY_KEY, seq % 4 ? HO_MORE : 0, NULL) != HO_OK)
        sched_yield();
}

static void produce(void *arg)
{
    uint64_t first_life = *(const uint64_t *)arg * LIVES;
    for (uint64_t life = first_life; life < first_life + LIVES; life++) {
        ho_shard *shard = rig_shard(w.arena);
        ho_producer *producer = rig_producer(w.service, shard);
        for (uint64_t seq = 0; seq < PER_KEY; seq++)
            for (uint64_t key = 0; key < KEYS; key++)
                send_one(shard, producer, life, key, seq);
        CHECK_STATUS(ho_producer_close(producer), HO_OK);
        CHECK_STATUS(ho_shard_close(shard), HO_OK);
    }
    atomic_fetch_sub(&w.producing, 1);
}

/* One consumer's view: what it got of a key comes in order. */
typedef struct view {
    uint64_t next[PRODUCER_THREADS * LIVES][KEYS];
} view;

static int32_t take_some(ho_consumer *consumer, view *v)
{
    ho_buf bufs[16];
    uint32_t taken;
    uint64_t began_ns = harness_now_ns();
    int32_t status = ho_take(consumer, bufs, 16, &taken);
    uint64_t ended_ns = harness_now_ns();
    for (uint32_t i = 0; i < taken; i++) {
        uint64_t seq;
        memcpy(&seq, bufs[i].ptr, 8);
        CHECK(bufs[i].token < PRODUCER_THREADS * LIVES && bufs[i].key < KEYS && seq < PER_KEY);
        CHECK(seq >= v->next[bufs[i].token][bufs[i].key]);
        v->next[bufs[i].token][bufs[i].key] = seq + 1;
        trace *t = &w.traces[bufs[i].token][bufs[i].key][seq];
        CHECK(atomic_fetch_add(&t->seen, 1) == 0);
        t->began_ns = began_ns;
        t->ended_ns = ended_ns;
    }
    CHECK_STATUS(ho_return(w.domain, bufs, taken, NULL), HO_OK);
    return status;
}

static void consume_in_short_lives(void *arg)
{
    uint64_t seed = *(const uint64_t *)arg;
    view *v = malloc(sizeof *v);
    CHECK(v != NULL);
    while (atomic_load(&w.producing) != 0) {
        ho_consumer *consumer = rig_consumer(w.service);
        uint64_t takes = rig_random(&seed) % 60;
        memset(v, 0, sizeof *v);
        for (uint64_t i = 0; i < takes; i++)
            if (take_some(consumer, v) == HO_EMPTY)
                (void)ho_wait(consumer, 500000);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
        if (seed % 4 == 0)
            sched_yield(); /* now and then nobody is there */
    }
    free(v);
}

static void take_the_rest(void)
{
    view *v = calloc(1, sizeof *v);
    CHECK(v != NULL);
    ho_consumer *last = rig_consumer(w.service);
    while (take_some(last, v) == HO_OK)
        ;
    CHECK_STATUS(ho_consumer_close(last), HO_OK);
    free(v);
}

/* A take that ended before the take of an earlier message of its key began was out of order. */
static void check_traces(void)
{
    for (size_t life = 0; life < PRODUCER_THREADS * LIVES; life++)
        for (size_t key = 0; key < KEYS; key++)
            for (size_t seq = 0; seq < PER_KEY; seq++) {
                const trace *t = &w.traces[life][key][seq];
                CHECK(atomic_load(&t->seen) == 1);
                CHECK(seq == 0 || t->ended_ns >= t[-1].began_ns);
            }
}

static void churn_once(uint64_t seed)
{
    memset(w.traces, 0, sizeof w.traces);
    w.domain = rig_domain();
    w.arena = rig_arena(w.domain, NULL);
    w.service = rig_service(w.domain, SERVICE_OPTS(.lane_slots = 32));
    w.producing = PRODUCER_THREADS;
    harness_thread threads[PRODUCER_THREADS + CONSUMER_THREADS];
    uint64_t args[PRODUCER_THREADS + CONSUMER_THREADS];
    for (uint64_t i = 0; i < PRODUCER_THREADS + CONSUMER_THREADS; i++) {
        args[i] = i < PRODUCER_THREADS ? i : seed + i;
        harness_start(&threads[i], i < PRODUCER_THREADS ? produce : consume_in_short_lives,
                      &args[i]);
    }
    for (size_t i = 0; i < PRODUCER_THREADS + CONSUMER_THREADS; i++)
        harness_join(&threads[i]);
    take_the_rest();
    check_traces();
    ho_service_stats s = rig_stats(w.service);
    uint64_t all = PRODUCER_THREADS * LIVES * KEYS * PER_KEY;
    CHECK(s.messages_in == all && s.messages_out == all);
    CHECK(s.messages_dropped == 0);
    rig_check_quiet(&(rig){.arena = w.arena, .service = w.service});
    CHECK(rig_arena_stats(w.arena).segments_in_use == 0); /* every message was returned */
    rig_destroy(w.domain);
}

static void keys_stay_in_order_while_both_ends_come_and_go(void **state)
{
    (void)state;
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(1) * 1e9), seed = 1;
    do
        churn_once(seed += 100);
    while (harness_now_ns() < end);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(keys_stay_in_order_while_both_ends_come_and_go),
};

HO_TEST_MAIN(tests)
