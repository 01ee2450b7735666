/* SPDX-License-Identifier: MIT */
/* Shared consumers under load: they join, leave and hang, and only one at a time works on a key, in
 * order. Also what many of them cost. */
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define PRODUCERS 2u
#define CONSUMERS 4u
#define PARTITIONS 16u
#define LIVES 2000u /* of producers, one after the other, both threads together */
#define KEYS 64u
#define EVENTS 10000u /* joins, leaves and hangs, at least */
#define LONG_NS                                                                                    \
    HARNESS_NEVER_NS /* who sleeps so long while there is something to do was forgotten */

static struct {
    ho_domain *domain;
    ho_arena *arena;
    ho_service *service;
    atomic_int stop; /* the producers */
    atomic_uint lives, events;
    atomic_uint_fast64_t sent, done;
    atomic_int inside[PARTITIONS];
    /* Plain: an own claim is all that orders these. */
    uint64_t next[LIVES][KEYS];
} w;

static void send_burst(ho_shard *shard, ho_producer *producer, uint64_t life, uint64_t *seqs,
                       uint64_t *seed)
{
    ho_buf burst[16];
    uint32_t count = 1 + rig_random(seed) % 16, done = 0;
    for (uint32_t i = 0; i < count; i++) {
        while (ho_reserve(shard, 8, NULL, &burst[i]) != HO_OK)
            sched_yield();
        burst[i].len = 8;
        burst[i].key = rig_random(seed) % KEYS;
        burst[i].value = life;
        memcpy(burst[i].ptr, &seqs[burst[i].key], 8);
        seqs[burst[i].key]++;
    }
    while (done < count) {
        uint32_t accepted;
        int32_t status = ho_commit(producer, &burst[done], count - done, 0, &accepted);
        CHECK(status == HO_OK || status == HO_FULL);
        done += accepted;
        if (status == HO_FULL)
            sched_yield();
    }
    atomic_fetch_add(&w.sent, count);
}

static void produce(void *arg)
{
    uint64_t seed = *(const uint64_t *)arg;
    ho_shard *shard = rig_shard(w.arena);
    while (!atomic_load(&w.stop)) {
        uint64_t life = atomic_fetch_add(&w.lives, 1), seqs[KEYS] = {0};
        if (life >= LIVES)
            break;
        ho_producer *producer = rig_producer(w.service, shard);
        do {
            send_burst(shard, producer, life, seqs, &seed);
            if (seed % 16 == 0)
                harness_sleep_ns(seed >> 16 & 0x1ffff); /* now and then everybody sleeps */
        } while (!atomic_load(&w.stop) && (seed % 128 || w.lives > LIVES - PRODUCERS));
        CHECK_STATUS(ho_producer_close(producer), HO_OK);
    }
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
}

static void hang(uint64_t *seed)
{
    harness_sleep_ns(rig_random(seed) % 200000);
    atomic_fetch_add(&w.events, 1);
}

/* A batch is dealt with: from the take to the end nobody else is in any of its partitions. */
static void process(ho_buf *bufs, uint32_t taken, uint64_t *seed)
{
    uint32_t mine = 0;
    for (uint32_t i = 0; i < taken; i++) {
        CHECK(bufs[i].partition < PARTITIONS);
        if (!(mine >> bufs[i].partition & 1))
            CHECK(atomic_exchange(&w.inside[bufs[i].partition], 1) == 0);
        mine |= 1u << bufs[i].partition;
    }
    if (rig_random(seed) % 8 == 0)
        hang(seed);
    for (uint32_t i = 0; i < taken; i++) {
        uint64_t seq;
        memcpy(&seq, bufs[i].ptr, 8);
        CHECK(bufs[i].value < LIVES && bufs[i].key < KEYS);
        CHECK(seq == w.next[bufs[i].value][bufs[i].key]++);
    }
    for (uint32_t i = 0; i < PARTITIONS; i++)
        if (mine >> i & 1)
            atomic_store(&w.inside[i], 0);
    CHECK_STATUS(ho_return(w.domain, bufs, taken, NULL), HO_OK);
    atomic_fetch_add(&w.done, taken);
}

typedef struct worker {
    ho_consumer *consumer;
    uint64_t seed;
    int by_fd;
    int32_t fd;
} worker;

/* The library closes its descriptors by bare system calls, unseen by the thread sanitizer, which then takes
 * the next user of such a number for a racer: it is shown an order. */
static pthread_mutex_t descriptors = PTHREAD_MUTEX_INITIALIZER;

static void show_order(const worker *me, int (*how)(pthread_mutex_t *))
{
    if (HARNESS_SANITIZED && me->by_fd)
        CHECK(how(&descriptors) == 0);
}

/* Whether it could: the service may have been closed meanwhile. */
static int join_in(worker *me)
{
    int32_t status = ho_consumer_open(w.service, NULL, &me->consumer);
    CHECK(status == HO_OK || status == HO_E_CLOSED || status == HO_E_HANDLE);
    show_order(me, pthread_mutex_lock);
    if (status == HO_OK && me->by_fd)
        CHECK_STATUS(ho_consumer_fd(me->consumer, &me->fd), HO_OK);
    show_order(me, pthread_mutex_unlock);
    return status == HO_OK;
}

static void leave(worker *me)
{
    show_order(me, pthread_mutex_lock);
    CHECK_STATUS(ho_consumer_close(me->consumer), HO_OK);
    if (me->by_fd)
        CHECK(close(me->fd) == 0);
    show_order(me, pthread_mutex_unlock);
    atomic_fetch_add(&w.events, 1);
}

static void sleep_until_there_is_something(worker *me)
{
    struct pollfd p = {.fd = me->fd, .events = POLLIN};
    if (me->by_fd)
        CHECK(poll(&p, 1, (int)(LONG_NS / 1000000)) == 1);
    else
        CHECK_STATUS(ho_wait(me->consumer, LONG_NS), HO_OK);
    if (rig_random(&me->seed) % 16 == 0)
        hang(&me->seed); /* claims at most one partition while it does */
}

/* Hangs, leaves and comes again by chance, until the service is closed. */
static void consume(void *arg)
{
    worker *me = arg;
    int there = join_in(me);
    while (there) {
        ho_buf bufs[32];
        uint32_t taken, most = 1 + rig_random(&me->seed) % 32;
        int32_t status = ho_take(me->consumer, bufs, most, &taken);
        if (status == HO_OK)
            process(bufs, taken, &me->seed);
        else if (status == HO_EMPTY)
            sleep_until_there_is_something(me);
        uint64_t chance = rig_random(&me->seed) % 64;
        if (chance < 8)
            CHECK_STATUS(ho_consumer_yield(me->consumer), HO_OK);
        if (chance == 20 || chance == 21 || status == HO_CLOSED) {
            leave(me);
            if (chance == 21)
                hang(&me->seed);
            there = status != HO_CLOSED && join_in(me);
        }
    }
}

static void wait_until_all_is_done(void)
{
    uint64_t done = 0, until = 0;
    while (atomic_load(&w.done) != atomic_load(&w.sent)) {
        if (done != atomic_load(&w.done) || until == 0)
            until = harness_now_ns() + (uint64_t)LONG_NS;
        done = atomic_load(&w.done);
        CHECK(harness_now_ns() < until);
        harness_sleep_ns(1000000);
    }
}

static void check_and_close(harness_thread *consumers)
{
    ho_service_stats s = rig_stats(w.service);
    CHECK(s.messages_in == w.sent && s.messages_out == w.sent && s.messages_dropped == 0);
    int32_t status = ho_service_close(w.service, 0, NULL);
    CHECK(status == HO_OK || status == HO_TIMEOUT);
    for (size_t i = 0; i < CONSUMERS; i++)
        harness_join(&consumers[i]);
    if (status == HO_TIMEOUT)
        CHECK_STATUS(ho_service_close(w.service, 0, NULL), HO_OK);
    CHECK(rig_arena_stats(w.arena).buffers_out == 0);
    rig_destroy(w.domain);
}

static void claims_are_exclusive_and_in_order_while_consumers_come_go_and_hang(void **state)
{
    (void)state;
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(1) * 1e9), seed = 1, events = 0;
    do {
        memset(&w, 0, sizeof w);
        w.domain = rig_domain();
        w.arena = rig_arena(w.domain, ARENA_OPTS(.budget_bytes = 16 * RIG_BUDGET));
        w.service = rig_service(w.domain, SERVICE_OPTS(.partitions = PARTITIONS, .lane_slots = 64));
        harness_thread threads[PRODUCERS + CONSUMERS];
        uint64_t seeds[PRODUCERS];
        worker workers[CONSUMERS];
        for (size_t i = 0; i < CONSUMERS; i++) {
            workers[i] = (worker){.seed = seed += 1000, .by_fd = i % 2};
            harness_start(&threads[PRODUCERS + i], consume, &workers[i]);
        }
        for (size_t i = 0; i < PRODUCERS; i++) {
            seeds[i] = seed += 1000;
            harness_start(&threads[i], produce, &seeds[i]);
        }
        harness_sleep_ns(500000000);
        atomic_store(&w.stop, 1);
        for (size_t i = 0; i < PRODUCERS; i++)
            harness_join(&threads[i]);
        wait_until_all_is_done();
        check_and_close(&threads[PRODUCERS]);
        events += w.events;
    } while (events < EVENTS || harness_now_ns() < end);
}

/* ---- what many cost; on one thread */

static rig r; /* but for its consumer */

static void open_rig(uint32_t partitions, uint32_t consumers)
{
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 16 * RIG_BUDGET),
                SERVICE_OPTS(.partitions = partitions, .consumers = consumers, .lane_slots = 64));
}

static void send_to(ho_producer *producer, uint32_t partition)
{
    ho_buf loan = rig_loan(r.shard, 1, 16);
    loan.flags = HO_BUF_PARTITION;
    loan.partition = (uint16_t)partition;
    CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), HO_OK);
}

static uint64_t mapped_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    CHECK(fscanf(file, "%lu", &pages) == 1);
    CHECK(fclose(file) == 0);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Time that this thread had of a processor. */
static uint64_t used_ns(void)
{
    struct timespec used;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* Of the steady ends, the best of three. */
static uint64_t time_of_takes(void)
{
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < 3; round++) {
        uint64_t before = used_ns();
        for (int i = 0; i < 5000; i++) {
            send_to(r.producer, 0);
            ho_buf buf = rig_take(r.consumer);
            rig_return(r.domain, &buf);
        }
        uint64_t took = used_ns() - before;
        best = took < best ? took : best;
    }
    CHECK_STATUS(ho_consumer_yield(r.consumer), HO_OK); /* partition 0 is the others' again */
    return best;
}

static void come_and_go(uint32_t consumers, uint32_t cycles)
{
    for (uint32_t i = 0; i < cycles; i++) {
        uint32_t partition = consumers == HO_CONSUMERS_BOUND ? 1 : i % 8;
        ho_consumer *consumer = consumers == HO_CONSUMERS_BOUND ? rig_consumer_of(r.service, 1)
                                                                : rig_consumer(r.service);
        ho_producer *producer = rig_producer(r.service, r.shard);
        send_to(producer, partition);
        if (i % 3 == 0) /* before its message is taken */
            CHECK_STATUS(ho_producer_close(producer), HO_OK);
        ho_buf buf = rig_take(consumer);
        CHECK(buf.partition == partition);
        rig_return(r.domain, &buf);
        if (i % 3 == 1)
            CHECK_STATUS(ho_producer_close(producer), HO_OK);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
        if (i % 3 == 2)
            CHECK_STATUS(ho_producer_close(producer), HO_OK);
    }
}

static void cycles_of_ends_cost_no_memory_and_slow_no_takes(void **state)
{
    (void)state;
    for (uint32_t consumers = HO_CONSUMERS_SHARED; consumers <= HO_CONSUMERS_BOUND; consumers++) {
        open_rig(8, consumers);
        come_and_go(consumers, 1000);
        uint64_t bytes = mapped_bytes(), took = time_of_takes();
        come_and_go(consumers, 16000);
        if (!HARNESS_SANITIZED)
            CHECK(mapped_bytes() <= bytes + (1u << 20));
        CHECK(time_of_takes() <= 5 * took + 10000000);
        rig_check_quiet(&r);
        rig_close(&r);
    }
}

static void a_thousand_ends_are_opened_in_no_time(void **state)
{
    (void)state;
    enum { MANY = 1024, SECONDS = 20 }; /* a tenth of it at most, where little else runs */
    static ho_producer *producers[MANY];
    static ho_consumer *all[MANY];
    for (uint32_t consumers = HO_CONSUMERS_SHARED; consumers <= HO_CONSUMERS_BOUND; consumers++) {
        open_rig(MANY, consumers);
        producers[0] = r.producer;
        all[0] = r.consumer;
        uint64_t before = used_ns();
        for (uint32_t i = 1; i < MANY; i++) {
            producers[i] = rig_producer(r.service, r.shard);
            all[i] = rig_consumer_of(r.service, consumers == HO_CONSUMERS_BOUND ? i : 0);
        }
        CHECK(used_ns() - before < SECONDS * 1000000000ull);
        CHECK_STATUS(ho_producer_open(r.service, r.shard, &(ho_producer *){NULL}), HO_E_LIMIT);
        if (consumers == HO_CONSUMERS_SHARED)
            CHECK_STATUS(ho_consumer_open(r.service, NULL, &(ho_consumer *){NULL}), HO_E_LIMIT);
        for (uint32_t i = 0; i < MANY; i++)
            send_to(producers[i], MANY - 1 - i);
        for (uint32_t i = 0; i < MANY; i++) {
            ho_buf buf = rig_take(all[i]); /* all of them hold a claim at the same time */
            CHECK(consumers == HO_CONSUMERS_SHARED || buf.partition == i);
            rig_return(r.domain, &buf);
        }
        for (uint32_t i = 1; i < MANY; i++) {
            CHECK_STATUS(ho_consumer_close(all[i]), HO_OK);
            CHECK_STATUS(ho_producer_close(producers[i]), HO_OK);
        }
        CHECK(used_ns() - before < SECONDS * 1000000000ull);
        rig_check_quiet(&r);
        rig_close(&r);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(claims_are_exclusive_and_in_order_while_consumers_come_go_and_hang),
    cmocka_unit_test(cycles_of_ends_cost_no_memory_and_slow_no_takes),
    cmocka_unit_test(a_thousand_ends_are_opened_in_no_time),
};

HO_TEST_MAIN(tests)
