/* SPDX-License-Identifier: MIT */
/*
 * A program that does the same every time, on one thread, for a counter of instructions: messages of
 * LENGTH bytes in loans of ROOM bytes are reserved, committed, taken and returned, BATCH at a time.
 * usage: bench-calls ROOM LENGTH BATCH MESSAGES
 */
#include "ok.h"

#include <handoff/handoff.h>

#include <common/tool.h>

#include <stdlib.h>

struct ends {
    ho_domain *domain;
    ho_arena *arena;
    ho_shard *shard;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
};

static void one_batch(const struct ends *e, const uint64_t *sizes, uint32_t batch, ho_buf *loan,
                      ho_buf *taken)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < batch; i++) {
        ok(ho_reserve(e->shard, sizes[0], NULL, loan));
        loan->len = sizes[1];
        ok(ho_commit(e->producer, loan, 1, batch > 1 ? HO_MORE : 0, NULL));
    }
    if (batch > 1)
        ok(ho_flush(e->producer));
    ok(ho_take(e->consumer, taken, batch, &count));
    ok(ho_return(e->domain, taken, count, NULL));
}

#define BATCH_MOST 64

int main(int argc, char **argv)
{
    _Alignas(128) ho_buf loan = {0};
    _Alignas(128) ho_buf taken[BATCH_MOST] = {0};
    struct ends e;
    uint64_t numbers[4] = {0}; /* room, length, batch, messages */

    tool_name("bench-calls");
    for (int i = 1; i < argc && argc == 5; i++)
        numbers[i - 1] = strtoull(argv[i], NULL, 10);
    if (numbers[3] == 0 || numbers[2] == 0 || numbers[2] > BATCH_MOST || numbers[1] > numbers[0]) {
        tool_error("what to do?: usage: bench-calls ROOM LENGTH BATCH MESSAGES");
        return 2;
    }
    ok(ho_domain_create(NULL, &e.domain));
    ok(ho_arena_open(e.domain, NULL, &e.arena));
    ok(ho_shard_open(e.arena, &e.shard));
    ok(ho_service_open(e.domain, NULL, &e.service));
    ok(ho_producer_open(e.service, e.shard, &e.producer));
    ok(ho_consumer_open(e.service, NULL, &e.consumer));
    for (uint64_t i = 0; i < numbers[3]; i += numbers[2])
        one_batch(&e, numbers, (uint32_t)numbers[2], &loan, taken);
    ok(ho_producer_close(e.producer));
    ok(ho_shard_close(e.shard));
    ok(ho_consumer_close(e.consumer));
    ok(ho_domain_close(e.domain, 0, NULL));
    ok(ho_domain_destroy(e.domain, NULL));
    return 0;
}
