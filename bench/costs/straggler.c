/* SPDX-License-Identifier: MIT */
/*
 * What a service that hangs costs another one of the same arena, everything at its default but that it drops: it gets
 * one message of 11 bytes for each segment of the other's traffic. The same thread sends both; the other service's
 * messages are read, summed up and returned. Windows with and without messages for the one that hangs take turns.
 * Prints one JSON object.
 * usage: bench-straggler MESSAGES     so many for the service that hangs
 */
#include "ok.h"

#include <handoff/handoff.h>

#include <common/json.h>
#include <common/tool.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEGMENT (256u << 10)
#define BYTES 1400u
#define PER_SEGMENT (SEGMENT / 1408u)
#define SMALL 11u
#define BATCH 16u
#define WINDOWS 200u

static ho_domain *domain;
static ho_consumer *consumer;
static atomic_uint_fast64_t read_sum, taken;

static void *in_time(void *arg)
{
    ho_buf bufs[BATCH];
    uint32_t count;
    int32_t status;

    (void)arg;
    while ((status = ho_take(consumer, bufs, BATCH, &count)) != HO_CLOSED) {
        uint64_t sum = 0;
        if (status == HO_EMPTY) {
            (void)ho_wait(consumer, -1);
            continue;
        }
        for (uint32_t i = 0; i < count; i++)
            for (uint64_t at = 0, word; at + sizeof word <= bufs[i].len; at += sizeof word) {
                memcpy(&word, bufs[i].ptr + at, sizeof word);
                sum += word;
            }
        ok(ho_return(domain, bufs, count, NULL));
        atomic_fetch_add_explicit(&read_sum, sum, memory_order_relaxed);
        atomic_fetch_add_explicit(&taken, count, memory_order_relaxed);
    }
    return NULL;
}

struct sender {
    ho_shard *shard;
    ho_producer *in_time, *hangs;
    uint64_t sent, sum, refused, no_memory;
};

static int reserve(struct sender *s, uint32_t bytes, ho_buf *loan)
{
    int32_t status = ho_reserve(s->shard, bytes, NULL, loan);

    if (status == HO_FULL)
        s->no_memory++;
    return status == HO_OK;
}

/* A segment's worth for the service that is in time. Its lane may be full: then it waits, nothing is lost. */
static void segment_of_messages(struct sender *s)
{
    for (uint32_t n = 0; n < PER_SEGMENT; n += BATCH) {
        ho_buf loans[BATCH];
        uint32_t count = 0, done = 0;
        for (; count < BATCH && n + count < PER_SEGMENT; count++) {
            while (!reserve(s, BYTES, &loans[count]))
                ;
            memset(loans[count].ptr, (int)s->sent, BYTES);
            loans[count].len = BYTES;
            s->sum += (s->sent & 0xff) * UINT64_C(0x0101010101010101) * (BYTES / 8);
            s->sent++;
        }
        while (done < count) {
            uint32_t accepted;
            if (ho_commit(s->in_time, loans + done, count - done, 0, &accepted) == HO_FULL)
                s->refused++;
            done += accepted;
        }
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Returns messages a second of the service that is in time. */
static double window(struct sender *s, uint64_t segments, int with)
{
    uint64_t before = s->sent, began = now_ns();

    for (uint64_t i = 0; i < segments; i++) {
        ho_buf loan;
        segment_of_messages(s);
        if (!with)
            continue;
        while (!reserve(s, SMALL, &loan))
            ;
        loan.len = SMALL;
        (void)ho_commit(s->hangs, &loan, 1, 0, NULL);
    }
    return (double)(s->sent - before) * 1e9 / (double)(now_ns() - began);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    static double with[WINDOWS], without[WINDOWS], ratio[WINDOWS];
    ho_service_opts drops = {.size = sizeof drops, .policy = HO_POLICY_DROP_NEWEST};
    ho_service_stats in_time_stats = {.size = sizeof in_time_stats};
    ho_service_stats hangs_stats = {.size = sizeof hangs_stats};
    ho_arena_stats memory = {.size = sizeof memory};
    struct sender s = {0};
    ho_service *service, *hung;
    ho_consumer *hangs;
    ho_arena *arena;
    pthread_t thread;
    uint64_t messages = 0;

    tool_name("bench-straggler");
    if (argc != 2) {
        tool_error("how many messages?: usage: bench-straggler MESSAGES");
        return 2;
    }
    if (tool_number("MESSAGES", argv[1], WINDOWS, UINT64_C(1000000000), &messages) != 0)
        return 2;
    ok(ho_domain_create(NULL, &domain));
    ok(ho_arena_open(domain, NULL, &arena));
    ok(ho_shard_open(arena, &s.shard));
    ok(ho_service_open(domain, NULL, &service));
    ok(ho_service_open(domain, &drops, &hung));
    ok(ho_producer_open(service, s.shard, &s.in_time));
    ok(ho_producer_open(hung, s.shard, &s.hangs));
    ok(ho_consumer_open(service, NULL, &consumer));
    ok(ho_consumer_open(hung, NULL, &hangs));
    if (pthread_create(&thread, NULL, in_time, NULL) != 0) {
        tool_error("no thread: end other processes");
        return 1;
    }
    for (uint32_t i = 0; i < WINDOWS; i++) {
        uint64_t segments = messages / WINDOWS;
        if (i % 2) { /* each way is the first of its pair in every other pair */
            with[i] = window(&s, segments, 1);
            without[i] = window(&s, segments, 0);
        } else {
            without[i] = window(&s, segments, 0);
            with[i] = window(&s, segments, 1);
        }
        ratio[i] = with[i] / without[i];
    }
    ok(ho_service_stats_get(service, &in_time_stats));
    ok(ho_service_stats_get(hung, &hangs_stats));
    ok(ho_arena_stats_get(arena, &memory));
    ok(ho_producer_close(s.in_time));
    ok(ho_producer_close(s.hangs));
    (void)ho_service_close(service, 0, NULL);
    pthread_join(thread, NULL);
    ok(ho_consumer_close(consumer));
    ok(ho_consumer_close(hangs));
    ok(ho_shard_close(s.shard));
    ok(ho_domain_close(domain, -1, NULL));
    ok(ho_domain_destroy(domain, NULL));
    if (atomic_load(&taken) != s.sent || atomic_load(&read_sum) != s.sum) {
        tool_error("%lu of %lu messages arrived whole: report it", (unsigned long)taken,
                   (unsigned long)s.sent);
        return 1;
    }
    qsort(ratio, WINDOWS, sizeof *ratio, by_size);
    qsort(with, WINDOWS, sizeof *with, by_size);
    qsort(without, WINDOWS, sizeof *without, by_size);
    struct json *json = json_new();
    json_count(json, "messages", s.sent);
    json_count(json, "lost", s.sent - taken);
    json_count(json, "no_memory", s.no_memory);
    json_count(json, "straggler_messages", hangs_stats.messages_in);
    json_count(json, "straggler_dropped", hangs_stats.messages_dropped);
    json_count(json, "straggler_copies", hangs_stats.straggler_copies);
    json_count(json, "straggler_bytes", hangs_stats.straggler_bytes);
    json_count(json, "copies_in_time", in_time_stats.straggler_copies);
    json_count(json, "segments_peak", memory.segments_peak);
    json_real(json, "with_per_s", with[WINDOWS / 2]);
    json_real(json, "without_per_s", without[WINDOWS / 2]);
    json_real(json, "ratio", ratio[WINDOWS / 2]);
    return json_write(json, "-") == 0 ? 0 : 1;
}
