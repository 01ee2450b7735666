/* SPDX-License-Identifier: MIT */
/* What a size or a way of calling costs on your machine: one producer and one consumer on two busy
 * threads, every byte written and read. docs/tuning.md says what to compare. */
#define _GNU_SOURCE
#include <handoff/handoff.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 7
#define BATCH_MAX 1024u

static struct {
    uint64_t messages, bytes, batch, more, segment, slots, gap;
} with = {2000000, 200, 16, 0, 0, 0, 128};

static struct {
    ho_domain *domain;
    ho_shard *shard;
    ho_producer *producer;
    ho_consumer *consumer;
    ho_buf *sent, *taken;
    uint64_t sum;
} run;

static void must(int32_t status, const char *what)
{
    const char *name, *text;
    if (status >= 0)
        return;
    ho_strerror(status, &name, &text);
    fprintf(stderr, "tuning: %s: %s: %s\n", what, name, text);
    exit(1);
}

/* Reserves and fills up to `count` loans. */
static uint32_t fill(uint32_t count)
{
    uint32_t n = 0;
    while (n < count && ho_reserve(run.shard, 1500, NULL, &run.sent[n]) == HO_OK) {
        memset(run.sent[n].ptr, 1, with.bytes);
        run.sent[n++].len = with.bytes;
    }
    return n;
}

static void *send_all(void *none)
{
    uint32_t at = 0, filled = 0, calls = 0;
    for (uint64_t left = with.messages; left;) {
        uint32_t accepted;
        if (at == filled) {
            filled = fill(with.more ? 1 : (uint32_t)(left < with.batch ? left : with.batch));
            at = 0;
        }
        calls += (uint32_t)with.more;
        uint32_t flags = with.more && calls % with.batch ? HO_MORE : 0;
        must(ho_commit(run.producer, run.sent + at, filled - at, flags, &accepted), "ho_commit");
        at += accepted;
        left -= accepted;
    }
    must(ho_flush(run.producer), "ho_flush");
    return none;
}

static void take_all(void)
{
    for (uint64_t left = with.messages; left;) {
        uint32_t count;
        must(ho_take(run.consumer, run.taken, (uint32_t)with.batch, &count), "ho_take");
        for (uint32_t i = 0; i < count; i++)
            for (uint64_t k = 0; k < run.taken[i].len; k++)
                run.sum += run.taken[i].ptr[k];
        must(ho_return(run.domain, run.taken, count, NULL), "ho_return");
        left -= count;
    }
}

/* One round. Returns millions of messages per second. */
static double round_once(void)
{
    struct timespec before, after;
    ho_arena *arena;
    ho_service *service;
    ho_domain_opts domain = {.size = sizeof domain, .segment_bytes = (uint32_t)with.segment};
    ho_service_opts opts = {.size = sizeof opts, .lane_slots = (uint32_t)with.slots};
    pthread_t sender;
    run.sum = 0;
    must(ho_domain_create(&domain, &run.domain), "ho_domain_create");
    must(ho_service_open(run.domain, &opts, &service), "ho_service_open");
    must(ho_arena_open(run.domain, NULL, &arena), "ho_arena_open");
    must(ho_shard_open(arena, &run.shard), "ho_shard_open");
    must(ho_producer_open(service, run.shard, &run.producer), "ho_producer_open");
    must(ho_consumer_open(service, NULL, &run.consumer), "ho_consumer_open");
    clock_gettime(CLOCK_MONOTONIC, &before);
    if (pthread_create(&sender, NULL, send_all, NULL))
        exit(1);
    take_all();
    clock_gettime(CLOCK_MONOTONIC, &after);
    pthread_join(sender, NULL);
    must(ho_producer_close(run.producer), "ho_producer_close");
    must(ho_shard_close(run.shard), "ho_shard_close");
    must(ho_consumer_close(run.consumer), "ho_consumer_close");
    if (run.sum != with.messages * with.bytes || ho_domain_close(run.domain, 0, NULL) != HO_OK ||
        ho_domain_destroy(run.domain, NULL) != HO_OK) {
        fprintf(stderr, "tuning: a message was lost, doubled or torn\n");
        exit(1);
    }
    return (double)with.messages * 1e3 /
           ((double)(after.tv_sec - before.tv_sec) * 1e9 +
            (double)(after.tv_nsec - before.tv_nsec));
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int usage(void)
{
    fprintf(stderr,
            "usage: tuning [messages N] [bytes N] [batch N] [more 0|1] [segment N] [slots N] "
            "[gap N]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"messages", "bytes", "batch", "more",
                                        "segment",  "slots", "gap"};
    uint64_t *const values[] = {&with.messages, &with.bytes, &with.batch, &with.more,
                                &with.segment,  &with.slots, &with.gap};
    for (int i = 1; i < argc; i += 2) {
        size_t n = 0;
        while (n < 7 && strcmp(argv[i], names[n]) != 0)
            n++;
        if (n == 7 || i + 1 == argc)
            return usage();
        *values[n] = strtoull(argv[i + 1], NULL, 10);
    }
    if (!with.batch || with.batch > BATCH_MAX || with.bytes > 1500 || with.gap > 4096 ||
        with.gap % 8)
        return usage();
    /* The sender's descriptors, a gap, the receiver's. */
    size_t array = with.batch * sizeof(ho_buf);
    uint8_t *memory = aligned_alloc(4096, (2 * array + with.gap + 4095) / 4096 * 4096);
    if (!memory)
        return 1;
    run.sent = (ho_buf *)(void *)memory;
    run.taken = (ho_buf *)(void *)(memory + array + with.gap);
    double rates[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        rates[i] = round_once();
    free(memory);
    qsort(rates, ROUNDS, sizeof *rates, by_size);
    printf("%.2f million messages a second, median of %d (%.2f to %.2f)\n", rates[ROUNDS / 2],
           ROUNDS, rates[0], rates[ROUNDS - 1]);
    return 0;
}
