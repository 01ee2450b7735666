/* SPDX-License-Identifier: MIT */
/*
 * A client of one release: compiled against its headers, run against today's library. Exits 0 when
 * all is as it was promised, 3 when the library says that the versions do not fit.
 */
#include "handoff/handoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_MY_VERSION 3

static unsigned released;
static char given_bytes[] = "given";

static void check(int good, const char *what, int line)
{
    if (!good) {
        fprintf(stderr, "client: line %d: not so: %s\n", line, what);
        exit(1);
    }
}
#define CHECK(condition) check(condition, #condition, __LINE__)
#define OK(call) CHECK((call) == HO_OK)

static void on_release(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    CHECK(ctx == &released && count == 1);
    CHECK(recs->base == given_bytes && recs->size == sizeof given_bytes && recs->token == 9);
    CHECK(recs->reason == HO_REASON_CONSUMED);
    released++;
}

static void negotiate(void)
{
    ho_abi_info mine, theirs;
    OK(ho_init(HO_TYPE_ABI_INFO, &mine, sizeof mine));
    OK(ho_init(HO_TYPE_ABI_INFO, &theirs, sizeof theirs));
    mine.major = HO_ABI_MAJOR;
    mine.minor = HO_ABI_MINOR;
    mine.patch = HO_ABI_PATCH;
    const int32_t status = ho_abi_negotiate(&mine, &theirs);
    if (status == HO_E_VERSION) {
        exit(NOT_MY_VERSION);
    }
    OK(status);
}

static uint32_t register_owner(ho_domain *domain)
{
    ho_owner_opts opts;
    uint32_t owner;
    OK(ho_init(HO_TYPE_OWNER_OPTS, &opts, sizeof opts));
    opts.release = on_release;
    opts.ctx = &released;
    OK(ho_owner_register(domain, &opts, &owner));
    return owner;
}

static void send(ho_shard *shard, ho_producer *producer, uint32_t owner)
{
    static char copied_bytes[] = "copy";
    ho_buf loan, given = {0}, copied = {0};
    uint32_t accepted;
    OK(ho_reserve(shard, 1400, NULL, &loan));
    CHECK(loan.kind == HO_KIND_LOAN && loan.cap == 1400);
    loan.len = (uint64_t)snprintf((char *)loan.ptr, 1400, "loan");
    loan.flags = HO_BUF_PARTITION;
    loan.partition = 1;
    OK(ho_commit(producer, &loan, 1, HO_MORE, NULL));
    CHECK(loan.kind == HO_KIND_EMPTY);
    OK(ho_flush(producer));
    given.ptr = (uint8_t *)given_bytes;
    given.len = sizeof given_bytes;
    given.handle = 9; /* the token */
    given.value = 5;
    given.owner = owner;
    copied.ptr = (uint8_t *)copied_bytes;
    copied.len = 4;
    copied.flags = given.flags = HO_BUF_PARTITION;
    copied.partition = given.partition = 1;
    OK(ho_give(producer, &given, 1, 0, NULL));
    OK(ho_give_copy(producer, &copied, 1, 0, &accepted));
    CHECK(accepted == 1 && copied.len == 4);
}

static void receive(ho_domain *domain, ho_consumer *consumer)
{
    ho_buf bufs[4], slice;
    uint32_t taken, returned;
    OK(ho_wait(consumer, 1000000000));
    OK(ho_take(consumer, bufs, 4, &taken));
    CHECK(taken == 3 && bufs[0].len == 4 && memcmp(bufs[0].ptr, "loan", 4) == 0);
    CHECK(bufs[1].kind == HO_KIND_FOREIGN && bufs[1].ptr == (uint8_t *)given_bytes);
    CHECK(bufs[1].value == 5 && bufs[1].flags == 0);
    for (uint32_t i = 0; i < taken; i++) {
        CHECK(bufs[i].partition == 1);
    }
    CHECK(bufs[2].len == 4 && memcmp(bufs[2].ptr, "copy", 4) == 0);
    OK(ho_slice(domain, &bufs[0], 1, 2, &slice));
    OK(ho_return(domain, bufs, taken, &returned));
    CHECK(returned == 3 && memcmp(slice.ptr, "oa", 2) == 0);
    OK(ho_return(domain, &slice, 1, NULL));
    OK(ho_consumer_yield(consumer));
    CHECK(ho_take(consumer, bufs, 4, &taken) == HO_EMPTY && taken == 0);
}

int main(void)
{
    ho_domain *domain;
    ho_arena *arena;
    ho_shard *shard;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
    ho_arena_opts memory;
    ho_service_opts opts;
    ho_arena_stats memory_stats;
    ho_service_stats stats;
    negotiate();
    OK(ho_init(HO_TYPE_SERVICE_OPTS, &opts, sizeof opts));
    OK(ho_init(HO_TYPE_SERVICE_STATS, &stats, sizeof stats));
    OK(ho_init(HO_TYPE_ARENA_OPTS, &memory, sizeof memory));
    OK(ho_init(HO_TYPE_ARENA_STATS, &memory_stats, sizeof memory_stats));
    memory.budget_bytes = 8u << 20;
    opts.lane_slots = 16;
    opts.policy = HO_POLICY_FAIL;
    opts.partitions = 2;
    opts.consumers = HO_CONSUMERS_SHARED;
    OK(ho_domain_create(NULL, &domain));
    OK(ho_arena_open(domain, &memory, &arena));
    OK(ho_shard_open(arena, &shard));
    OK(ho_service_open(domain, &opts, &service));
    OK(ho_consumer_open(service, NULL, &consumer));
    OK(ho_producer_open(service, shard, &producer));
    const uint32_t owner = register_owner(domain);
    send(shard, producer, owner);
    receive(domain, consumer);
    CHECK(released == 1);
    OK(ho_service_stats_get(service, &stats));
    CHECK(stats.messages_in == 3 && stats.messages_out == 3 && stats.bytes_in == 8 + 6);
    OK(ho_arena_stats_get(arena, &memory_stats));
    CHECK(memory_stats.shards == 1 && memory_stats.copies == 1 && memory_stats.buffers_out == 0);
    OK(ho_arena_trim(arena, 0, NULL));
    OK(ho_owner_retire(domain, owner, 0));
    OK(ho_producer_close(producer));
    OK(ho_shard_close(shard));
    OK(ho_consumer_close(consumer));
    OK(ho_service_close(service, 0, NULL));
    OK(ho_arena_close(arena, 0, NULL));
    OK(ho_domain_close(domain, 0, NULL));
    OK(ho_domain_destroy(domain, NULL));
    return 0;
}
