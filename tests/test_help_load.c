/* SPDX-License-Identifier: MIT */
/* Helpers and workers of one service under load: a partition has one holder at a time, each key's messages are processed in
 * order, and none is lost. */
#include "rig.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define PARTITIONS 64u
#define KEYS 64u

static rig r;

static atomic_uint inside[PARTITIONS];
static atomic_uint_fast64_t next_of[2][KEYS], processed;

static void process(ho_buf *bufs, uint32_t count)
{
    uint8_t mine[PARTITIONS] = {0};
    for (uint32_t i = 0; i < count; i++)
        if (!mine[bufs[i].partition]) {
            mine[bufs[i].partition] = 1;
            CHECK(atomic_exchange(&inside[bufs[i].partition], 1) == 0);
        }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t from = bufs[i].value >> 32, number = bufs[i].value & UINT32_MAX;
        CHECK(atomic_fetch_add(&next_of[from][bufs[i].key], 1) == number);
    }
    for (uint32_t p = 0; p < PARTITIONS; p++)
        if (mine[p])
            inside[p] = 0;
    processed += count;
    CHECK_STATUS(ho_return(r.domain, bufs, count, NULL), HO_OK);
}

static void *other_worker(void *arg)
{
    ho_consumer *consumer = rig_consumer(r.service);
    ho_buf bufs[16];
    uint32_t taken;
    int32_t status;
    (void)arg;
    while ((status = ho_take(consumer, bufs, 16, &taken)) != HO_CLOSED)
        if (status == HO_OK)
            process(bufs, taken);
        else
            CHECK_STATUS(ho_wait(consumer, -1), HO_OK);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    return NULL;
}

static void *network_thread(void *arg)
{
    uint64_t me = (uint64_t)(uintptr_t)arg, seed = me + 1, numbers[KEYS] = {0}, sent = 0;
    ho_shard *shard = rig_shard(r.arena);
    ho_producer *producer = rig_producer(r.service, shard);
    ho_consumer *helper = rig_consumer(r.service);
    CHECK_STATUS(ho_consumer_help(helper, producer, 8), HO_OK);
    ho_buf bufs[16];
    uint32_t taken;
    while (sent < 20000) {
        for (uint64_t burst = 1 + rig_random(&seed) % 24; burst; burst--, sent++) {
            uint64_t key = rig_random(&seed) % KEYS;
            ho_buf loan;
            int32_t status;
            while ((status = ho_reserve(shard, 16, NULL, &loan)) == HO_FULL)
                sched_yield();
            CHECK_STATUS(status, HO_OK);
            loan.len = 16;
            loan.key = key;
            loan.value = me << 32 | numbers[key]++;
            while ((status = ho_commit(producer, &loan, 1, HO_MORE, NULL)) == HO_FULL)
                sched_yield();
            CHECK_STATUS(status, HO_OK);
        }
        CHECK_STATUS(ho_flush(producer), HO_OK);
        while (ho_take(helper, bufs, 16, &taken) == HO_OK)
            process(bufs, taken);
    }
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(helper), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    return (void *)(uintptr_t)sent;
}

static void helpers_and_workers_are_exclusive_and_in_order(void **state)
{
    (void)state;
    pthread_t networks[2], workers[3];
    uint64_t sent = 0;
    rig_open(&r, SERVICE_OPTS(.partitions = PARTITIONS));
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    r.consumer = NULL;
    for (uint64_t i = 0; i < 3; i++)
        CHECK(pthread_create(&workers[i], NULL, other_worker, NULL) == 0);
    for (uint64_t i = 0; i < 2; i++)
        CHECK(pthread_create(&networks[i], NULL, network_thread, (void *)(uintptr_t)i) == 0);
    for (uint64_t i = 0; i < 2; i++) {
        void *result;
        CHECK(pthread_join(networks[i], &result) == 0);
        sent += (uint64_t)(uintptr_t)result;
    }
    while (processed < sent)
        sched_yield();
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_TIMEOUT);
    for (uint64_t i = 0; i < 3; i++)
        CHECK(pthread_join(workers[i], NULL) == 0);
    CHECK(processed == sent && rig_stats(r.service).undelivered == 0);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    rig_destroy(r.domain);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(helpers_and_workers_are_exclusive_and_in_order),
};

HO_TEST_MAIN(tests)
