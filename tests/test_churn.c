/* SPDX-License-Identifier: MIT */
/* Shards, producers and consumers come and go under traffic: nothing is lost or duplicated, and
 * each key of each producer stays in order. */
#include <sched.h>
#include <stdatomic.h>

#include "rig.h"

#define PRODUCER_THREADS 2u
#define CONSUMER_THREADS 3u
#define LIVES 12u /* producers that each thread opens, one after the other */
#define KEYS 16u
#define PARTITIONS 8u
#define PER_KEY 150u /* messages of one life and key */

static struct {
    ho_domain *domain;
    ho_arena *arena;
    ho_service *service;
    uint32_t consumers; /* HO_CONSUMERS_* */
    atomic_uint producing;
    uint64_t next[PRODUCER_THREADS * LIVES]
                 [KEYS]; /* plain: claims are exclusive, one after the other */
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
    loan.value = life;
    while (ho_commit(producer, &loan, 1, seq % 4 ? HO_MORE : 0, NULL) != HO_OK)
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

/* Each key's next message is dealt with by whoever has claimed its partition. */
static int32_t take_some(ho_consumer *consumer)
{
    ho_buf bufs[16];
    uint32_t taken;
    int32_t status = ho_take(consumer, bufs, 16, &taken);
    for (uint32_t i = 0; i < taken; i++) {
        uint64_t seq;
        memcpy(&seq, bufs[i].ptr, 8);
        CHECK(bufs[i].value < PRODUCER_THREADS * LIVES && bufs[i].key < KEYS);
        CHECK(seq == w.next[bufs[i].value][bufs[i].key]++);
    }
    CHECK_STATUS(ho_return(w.domain, bufs, taken, NULL), HO_OK);
    return status;
}

static void consume_in_short_lives(void *arg)
{
    uint64_t seed = *(const uint64_t *)arg;
    while (atomic_load(&w.producing) != 0) {
        uint64_t takes = rig_random(&seed) % 60;
        uint32_t partition = w.consumers == HO_CONSUMERS_BOUND ? seed >> 32 & 7 : 0;
        ho_consumer *consumer;
        int32_t status =
            ho_consumer_open(w.service, CONSUMER_OPTS(.partition = partition), &consumer);
        if (status != HO_OK) { /* another has it */
            CHECK(status == HO_E_BUSY && w.consumers == HO_CONSUMERS_BOUND);
            sched_yield();
            continue;
        }
        for (uint64_t i = 0; i < takes; i++)
            if (take_some(consumer) == HO_EMPTY)
                (void)ho_wait(consumer, 500000);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
        if (seed % 4 == 0)
            sched_yield(); /* now and then nobody is there */
    }
}

static void take_the_rest(void)
{
    for (uint32_t i = 0; i < (w.consumers == HO_CONSUMERS_BOUND ? PARTITIONS : 1); i++) {
        ho_consumer *last = rig_consumer_of(w.service, i);
        while (take_some(last) == HO_OK)
            ;
        CHECK_STATUS(ho_consumer_close(last), HO_OK);
    }
    for (size_t life = 0; life < PRODUCER_THREADS * LIVES; life++)
        for (size_t key = 0; key < KEYS; key++)
            CHECK(w.next[life][key] == PER_KEY);
}

static void churn_once(uint64_t seed, uint32_t consumers)
{
    w.consumers = consumers;
    memset(w.next, 0, sizeof w.next);
    w.domain = rig_domain();
    w.arena = rig_arena(w.domain, NULL);
    w.service = rig_service(
        w.domain, SERVICE_OPTS(.lane_slots = 32, .partitions = PARTITIONS, .consumers = consumers));
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
    ho_service_stats s = rig_stats(w.service);
    uint64_t all = PRODUCER_THREADS * LIVES * KEYS * PER_KEY;
    CHECK(s.messages_in == all && s.messages_out == all);
    CHECK(s.messages_dropped == 0);
    rig_check_quiet(&(rig){.arena = w.arena, .service = w.service});
    CHECK(rig_arena_stats(w.arena).segments_in_use == 0); /* every message was returned */
    rig_destroy(w.domain);
}

static void churn(uint32_t consumers)
{
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(1) * 1e9), seed = 1;
    do
        churn_once(seed += 100, consumers);
    while (harness_now_ns() < end);
}

static void keys_stay_in_order_while_shared_consumers_come_and_go(void **state)
{
    (void)state;
    churn(HO_CONSUMERS_SHARED);
}

static void keys_stay_in_order_while_bound_consumers_come_and_go(void **state)
{
    (void)state;
    churn(HO_CONSUMERS_BOUND);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(keys_stay_in_order_while_shared_consumers_come_and_go),
    cmocka_unit_test(keys_stay_in_order_while_bound_consumers_come_and_go),
};

HO_TEST_MAIN(tests)
