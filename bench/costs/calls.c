/* SPDX-License-Identifier: MIT */
/*
 * A program that does the same every time, on one thread, for a counter of instructions: messages of
 * LENGTH bytes in loans of ROOM bytes are reserved, committed, taken and returned, BATCH at a time.
 * usage: bench-calls ROOM LENGTH BATCH MESSAGES [many|shared]
 * many: a batch is one ho_reserve_many and one ho_commit; shared: to a shared
 * consumer, a batch into as many partitions.
 */
#include "ok.h"

#include <handoff/handoff.h>

#include <common/tool.h>

#include <stdlib.h>
#include <string.h>

#define BATCH_MOST 64

struct ends {
    ho_domain *domain;
    ho_arena *arena;
    ho_shard *shard;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
    int many;
};

static void send_many(const struct ends *e, const uint64_t *sizes, uint32_t batch)
{
    static _Alignas(128) ho_buf loans[BATCH_MOST];
    uint32_t count = 0;

    ok(ho_reserve_many(e->shard, sizes[0], NULL, loans, batch, &count));
    for (uint32_t i = 0; i < batch; i++)
        loans[i].len = sizes[1];
    ok(ho_commit(e->producer, loans, batch, 0, NULL));
}

static void one_batch(const struct ends *e, const uint64_t *sizes, uint32_t batch, ho_buf *loan,
                      ho_buf *taken)
{
    uint32_t count = 0;

    if (e->many)
        send_many(e, sizes, batch);
    for (uint32_t i = 0; !e->many && i < batch; i++) {
        ok(ho_reserve(e->shard, sizes[0], NULL, loan));
        loan->len = sizes[1];
        loan->key = i;
        ok(ho_commit(e->producer, loan, 1, batch > 1 ? HO_MORE : 0, NULL));
    }
    if (batch > 1 && !e->many)
        ok(ho_flush(e->producer));
    ok(ho_take(e->consumer, taken, batch, &count));
    ok(ho_return(e->domain, taken, count, NULL));
}

int main(int argc, char **argv)
{
    _Alignas(128) ho_buf loan = {0};
    _Alignas(128) ho_buf taken[BATCH_MOST] = {0};
    struct ends e = {0};
    ho_service_opts opts = {.size = sizeof opts};
    uint64_t numbers[4] = {0}; /* room, length, batch, messages */

    tool_name("bench-calls");
    for (int i = 1; i <= 4 && argc >= 5; i++)
        numbers[i - 1] = strtoull(argv[i], NULL, 10);
    if (numbers[3] == 0 || numbers[2] == 0 || numbers[2] > BATCH_MOST || numbers[1] > numbers[0]) {
        tool_error("what to do?: usage: bench-calls ROOM LENGTH BATCH MESSAGES [many|shared]");
        return 2;
    }
    e.many = argc == 6 && !strcmp(argv[5], "many");
    if (argc == 6 && !strcmp(argv[5], "shared"))
        opts.partitions = 64;
    ok(ho_domain_create(NULL, &e.domain));
    ok(ho_arena_open(e.domain, NULL, &e.arena));
    ok(ho_shard_open(e.arena, &e.shard));
    ok(ho_service_open(e.domain, &opts, &e.service));
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
