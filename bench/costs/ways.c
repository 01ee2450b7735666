/* SPDX-License-Identifier: MIT */
/*
 * One way of using a service beside another, in windows that take turns in one run:
 *   helping    messages of 20 us of work each: the sender works on its own, beside two workers, or does not; a second
 *   producers  1,000 producers of the service are open and one sends, or that one alone is; messages a second
 *   sleeping   one message to one sleeping consumer, a shared one of 64 partitions or a bound one; ns until it is taken
 * Prints one JSON object: the medians, and the median of the ratios of the pairs, the first way over the other.
 * usage: bench-ways helping|producers|sleeping
 */
#include "ok.h"

#include <handoff/handoff.h>

#include <common/json.h>
#include <common/tool.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAIRS 31u
#define BATCH 16u
#define BYTES 167u
#define PARTITIONS 64u
#define WORKERS_MOST 2u
#define WORK_NS 20000u
#define WORKED 4000u
#define STREAMED 1000000u
#define PRODUCERS 1000u
#define WOKEN 1000u
#define GAP_NS 200000

static ho_domain *domain;
static ho_service *service;
static ho_arena *arena;
static ho_shard *shard;
static ho_producer *producers[PRODUCERS];
static uint64_t work_steps;
static int sleeps;
static double late[WOKEN];
static atomic_uint_fast64_t handled, asleep;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Work as a number of steps, not as a time: a thread that loses its core has done nothing meanwhile. */
static void work(uint64_t steps)
{
    for (uint64_t i = 0; i < steps; i++)
        __asm__ volatile("" ::: "memory");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return values[count / 2];
}

static uint64_t steps_in(uint64_t ns)
{
    double took[9];

    for (uint32_t i = 0; i < 9; i++) {
        uint64_t began = now_ns();
        work(1000000);
        took[i] = (double)(now_ns() - began);
    }
    return (uint64_t)((double)ns * 1e6 / median(took, 9));
}

/* Takes once and works on it. Returns ho_take's status. */
static int32_t handle(ho_consumer *consumer)
{
    ho_buf bufs[BATCH];
    uint32_t count;
    int32_t status = ho_take(consumer, bufs, BATCH, &count);

    if (status != HO_OK)
        return status;
    if (sleeps) {
        uint64_t now = now_ns(), sent;
        memcpy(&sent, bufs[0].ptr, sizeof sent);
        late[handled] = (double)(now - sent);
    }
    for (uint32_t i = 0; i < count; i++)
        work(work_steps);
    ok(ho_return(domain, bufs, count, NULL));
    atomic_fetch_add(&handled, count);
    return HO_OK;
}

static void *worker(void *arg)
{
    ho_consumer *consumer = arg;
    int32_t status;

    while ((status = handle(consumer)) != HO_CLOSED) {
        if (status == HO_OK)
            continue;
        atomic_fetch_add(&asleep, 1);
        (void)ho_wait(consumer, -1);
    }
    return NULL;
}

static void send_some(uint32_t count, uint64_t key)
{
    ho_buf loans[BATCH];
    uint32_t done = 0, part;

    while (done < count) {
        if (ho_reserve_many(shard, BYTES, NULL, loans + done, count - done, &part) == HO_FULL)
            sched_yield();
        done += part;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t now = sleeps ? now_ns() : 0;
        memset(loans[i].ptr, 1, BYTES);
        memcpy(loans[i].ptr, &now, sizeof now);
        loans[i].len = BYTES;
        loans[i].key = key + i;
    }
    for (done = 0; done < count; done += part)
        if (ho_commit(producers[0], loans + done, count - done, 0, &part) == HO_FULL)
            sched_yield();
}

struct shape {
    uint32_t consumers; /* HO_CONSUMERS_* */
    uint32_t workers, producers, messages, batch, helps;
};

static void drain(ho_consumer *helper)
{
    while (helper != NULL && handle(helper) == HO_OK)
        ;
}

/* Returns ns from the first message to the end of the last one. */
static double window(const struct shape *of)
{
    int shared = of->consumers == HO_CONSUMERS_SHARED;
    ho_service_opts opts = {
        .size = sizeof opts, .consumers = of->consumers, .partitions = shared ? PARTITIONS : 1};
    ho_consumer *consumers[WORKERS_MOST], *helper = NULL;
    pthread_t threads[WORKERS_MOST];

    ok(ho_domain_create(NULL, &domain));
    ok(ho_arena_open(domain, NULL, &arena));
    ok(ho_shard_open(arena, &shard));
    ok(ho_service_open(domain, &opts, &service));
    for (uint32_t i = 0; i < of->producers; i++)
        ok(ho_producer_open(service, shard, &producers[i]));
    if (of->helps) {
        ok(ho_consumer_open(service, NULL, &helper));
        ok(ho_consumer_help(helper, producers[0], 0));
    }
    handled = asleep = 0;
    for (uint32_t i = 0; i < of->workers; i++) {
        ok(ho_consumer_open(service, NULL, &consumers[i]));
        if (pthread_create(&threads[i], NULL, worker, consumers[i]) != 0) {
            tool_error("no thread: end other processes");
            _Exit(1);
        }
    }
    while (asleep < of->workers)
        sched_yield();
    uint64_t began = now_ns();
    for (uint32_t sent = 0; sent < of->messages; sent += of->batch) {
        if (sleeps) {
            while (handled < sent || asleep <= sent)
                sched_yield();
            uint64_t due = now_ns() + GAP_NS;
            while (now_ns() < due)
                sched_yield();
        }
        send_some(of->batch, sent);
        drain(helper);
    }
    while (handled < of->messages) {
        drain(helper);
        sched_yield();
    }
    double took = (double)(now_ns() - began);
    for (uint32_t i = 0; i < of->producers; i++)
        ok(ho_producer_close(producers[i]));
    (void)ho_service_close(service, 0, NULL);
    for (uint32_t i = 0; i < of->workers; i++) {
        pthread_join(threads[i], NULL);
        ok(ho_consumer_close(consumers[i]));
    }
    if (helper != NULL)
        ok(ho_consumer_close(helper));
    ok(ho_shard_close(shard));
    ok(ho_domain_close(domain, -1, NULL));
    ok(ho_domain_destroy(domain, NULL));
    return took;
}

static double figure(const struct shape *of)
{
    double took = window(of);

    return sleeps ? median(late, WOKEN) : of->messages * 1e9 / took;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name, *ways[2];
        struct shape shapes[2];
        int sleeps, works;
    } kinds[] = {
        {"helping",
         {"helped_per_s", "not_helped_per_s"},
         {{HO_CONSUMERS_SHARED, 2, 1, WORKED, BATCH, 1},
          {HO_CONSUMERS_SHARED, 2, 1, WORKED, BATCH, 0}},
         0,
         1},
        {"producers",
         {"open_1000_per_s", "open_1_per_s"},
         {{HO_CONSUMERS_BOUND, 1, PRODUCERS, STREAMED, BATCH, 0},
          {HO_CONSUMERS_BOUND, 1, 1, STREAMED, BATCH, 0}},
         0,
         0},
        {"sleeping",
         {"shared_p50_ns", "bound_p50_ns"},
         {{HO_CONSUMERS_SHARED, 1, 1, WOKEN, 1, 0}, {HO_CONSUMERS_BOUND, 1, 1, WOKEN, 1, 0}},
         1,
         0},
    };
    static double figures[2][PAIRS], ratios[PAIRS];

    tool_name("bench-ways");
    for (size_t k = 0; argc == 2 && k < sizeof kinds / sizeof *kinds; k++) {
        if (strcmp(argv[1], kinds[k].name) != 0)
            continue;
        work_steps = kinds[k].works ? steps_in(WORK_NS) : 0;
        sleeps = kinds[k].sleeps;
        for (uint32_t i = 0; i < PAIRS;
             i++) { /* each way is the first of its pair in every other pair */
            figures[i % 2][i] = figure(&kinds[k].shapes[i % 2]);
            figures[1 - i % 2][i] = figure(&kinds[k].shapes[1 - i % 2]);
            ratios[i] = figures[0][i] / figures[1][i];
        }
        struct json *json = json_new();
        for (uint32_t way = 0; way < 2; way++)
            json_real(json, kinds[k].ways[way], median(figures[way], PAIRS));
        json_real(json, "ratio", median(ratios, PAIRS));
        return json_write(json, "-") == 0 ? 0 : 1;
    }
    tool_error("what to measure?: usage: bench-ways helping|producers|sleeping");
    return 2;
}
