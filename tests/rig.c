/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

ho_domain *rig_domain(void)
{
    ho_domain *domain;
    CHECK_STATUS(ho_domain_create(
                     DOMAIN_OPTS(.max_bytes = 256u << 20, .segment_bytes = RIG_SEGMENT), &domain),
                 HO_OK);
    return domain;
}

ho_arena *rig_arena(ho_domain *domain, const ho_arena_opts *opts)
{
    ho_arena_opts mine = {.size = sizeof mine};
    if (opts != NULL)
        mine = *opts;
    if (mine.budget_bytes == 0)
        mine.budget_bytes = RIG_BUDGET;
    ho_arena *arena;
    CHECK_STATUS(ho_arena_open(domain, &mine, &arena), HO_OK);
    return arena;
}

ho_shard *rig_shard(ho_arena *arena)
{
    ho_shard *shard;
    CHECK_STATUS(ho_shard_open(arena, &shard), HO_OK);
    return shard;
}

ho_service *rig_service(ho_domain *domain, const ho_service_opts *opts)
{
    ho_service *service;
    CHECK_STATUS(ho_service_open(domain, opts, &service), HO_OK);
    return service;
}

ho_producer *rig_producer(ho_service *service, ho_shard *shard)
{
    ho_producer *producer;
    CHECK_STATUS(ho_producer_open(service, shard, &producer), HO_OK);
    return producer;
}

ho_consumer *rig_consumer(ho_service *service)
{
    ho_consumer *consumer;
    CHECK_STATUS(ho_consumer_open(service, NULL, &consumer), HO_OK);
    return consumer;
}

ho_consumer *rig_consumer_of(ho_service *service, uint32_t partition)
{
    ho_consumer *consumer;
    CHECK_STATUS(ho_consumer_open(service, CONSUMER_OPTS(.partition = partition), &consumer),
                 HO_OK);
    return consumer;
}

void rig_open(rig *r, const ho_service_opts *opts)
{
    rig_open_in(r, NULL, opts);
}

void rig_open_in(rig *r, const ho_arena_opts *arena, const ho_service_opts *opts)
{
    r->domain = rig_domain();
    r->arena = rig_arena(r->domain, arena);
    r->shard = rig_shard(r->arena);
    r->service = rig_service(r->domain, opts);
    r->producer = rig_producer(r->service, r->shard);
    r->consumer = rig_consumer(r->service);
}

ho_pool *rig_pool(ho_arena *arena, const ho_pool_opts *opts)
{
    ho_pool *pool;
    CHECK_STATUS(ho_pool_open(arena, opts, &pool), HO_OK);
    return pool;
}

ho_pool_stats rig_pool_stats(ho_pool *pool)
{
    ho_pool_stats stats = {.size = sizeof stats};
    CHECK_STATUS(ho_pool_stats_get(pool, &stats), HO_OK);
    return stats;
}

void rig_destroy(ho_domain *domain)
{
    ho_outstanding out = {.size = sizeof out};
    int32_t status = ho_domain_close(domain, 0, &out);
    if (status != HO_OK)
        print_error("still out: %u handles, %llu buffers, %llu loans, %llu foreign\n", out.handles,
                    (unsigned long long)out.buffers, (unsigned long long)out.loans,
                    (unsigned long long)out.foreign);
    CHECK_STATUS(status, HO_OK);
    CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_OK);
}

void rig_close(rig *r)
{
    if (r->producer != NULL)
        CHECK_STATUS(ho_producer_close(r->producer), HO_OK);
    if (r->shard != NULL)
        CHECK_STATUS(ho_shard_close(r->shard), HO_OK);
    if (r->consumer != NULL)
        CHECK_STATUS(ho_consumer_close(r->consumer), HO_OK);
    rig_destroy(r->domain);
}

static uint8_t pattern_byte(uint64_t key, uint64_t at)
{
    return (uint8_t)(key * 31 + at * 7 + 1);
}

ho_buf rig_loan(ho_shard *shard, uint64_t key, uint64_t len)
{
    ho_buf loan;
    CHECK_STATUS(ho_reserve(shard, len, NULL, &loan), HO_OK);
    for (uint64_t i = 0; i < len; i++)
        loan.ptr[i] = pattern_byte(key, i);
    loan.len = len;
    loan.key = key;
    return loan;
}

void rig_send(ho_shard *shard, ho_producer *producer, uint64_t key, uint64_t len)
{
    ho_buf loan = rig_loan(shard, key, len);
    CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), HO_OK);
    CHECK_EMPTY(&loan);
}

int32_t rig_copy(ho_producer *producer, const void *ptr, uint64_t len, uint64_t key, uint32_t flags)
{
    uint32_t accepted = 77;
    const ho_buf from = {.ptr = (uint8_t *)(uintptr_t)ptr, .len = len, .key = key};
    const ho_buf same = from;
    int32_t status = ho_give_copy(producer, &from, 1, flags, &accepted);
    CHECK(accepted == (status == HO_OK || status == HO_DROPPED));
    CHECK(memcmp(&from, &same, sizeof from) == 0);
    return status;
}

void rig_check_pattern(const ho_buf *buf)
{
    for (uint64_t i = 0; i < buf->len; i++)
        CHECK(buf->ptr[i] == pattern_byte(buf->key, i));
}

ho_buf rig_take(ho_consumer *consumer)
{
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(consumer, &buf, 1, &taken), HO_OK);
    CHECK(taken == 1);
    CHECK(buf.ptr != NULL);
    rig_check_pattern(&buf);
    return buf;
}

void rig_return(ho_domain *domain, ho_buf *buf)
{
    CHECK_STATUS(ho_return(domain, buf, 1, NULL), HO_OK);
    CHECK_EMPTY(buf);
}

uint64_t rig_drain_consumer(ho_domain *domain, ho_consumer *consumer)
{
    ho_buf bufs[32];
    uint32_t taken;
    uint64_t sum = 0;
    while (ho_take(consumer, bufs, 32, &taken) == HO_OK) {
        CHECK_STATUS(ho_return(domain, bufs, taken, NULL), HO_OK);
        sum += taken;
    }
    return sum;
}

uint64_t rig_drain(rig *r)
{
    return rig_drain_consumer(r->domain, r->consumer);
}

ho_service_stats rig_stats(ho_service *service)
{
    ho_service_stats stats = {.size = sizeof stats};
    CHECK_STATUS(ho_service_stats_get(service, &stats), HO_OK);
    CHECK(stats.size == sizeof stats);
    return stats;
}

ho_outstanding rig_outstanding(ho_domain *domain)
{
    ho_outstanding out = {.size = sizeof out};
    CHECK_STATUS(ho_domain_close(domain, 0, &out), HO_TIMEOUT);
    return out;
}

ho_arena_stats rig_arena_stats(ho_arena *arena)
{
    ho_arena_stats stats = {.size = sizeof stats};
    CHECK_STATUS(ho_arena_stats_get(arena, &stats), HO_OK);
    CHECK(stats.size == sizeof stats);
    return stats;
}

void rig_check_quiet(const rig *r)
{
    ho_arena_stats memory = rig_arena_stats(r->arena);
    ho_service_stats messages = rig_stats(r->service);
    CHECK(memory.buffers_out == 0);
    CHECK(memory.loans_out == 0);
    CHECK(memory.foreign_out == 0);
    CHECK(memory.bytes_live == 0);
    CHECK(memory.bytes_pinned == 0);
    CHECK(messages.undelivered == 0);
    CHECK(messages.late_wakes == 0);
}

void rig_count_release(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    rig_owner *o = ctx;
    CHECK(count >= 1);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(recs[i].owner == o->owner);
        CHECK(recs[i].reason == HO_REASON_CONSUMED || recs[i].reason == HO_REASON_CANCELLED);
        o->cancelled += recs[i].reason == HO_REASON_CANCELLED;
        o->last = recs[i];
    }
    o->releases += count;
}

void rig_owner_register(ho_domain *domain, uint32_t mode, rig_owner *into)
{
    *into = (rig_owner){0};
    CHECK_STATUS(ho_owner_register(
                     domain, OWNER_OPTS(.mode = mode, .release = rig_count_release, .ctx = into),
                     &into->owner),
                 HO_OK);
    CHECK(into->owner != 0);
}

ho_buf rig_foreign(uint32_t owner, void *ptr, uint64_t len, uint64_t token)
{
    return (ho_buf){.ptr = ptr, .len = len, .handle = token, .owner = owner};
}

int rig_is_empty(const ho_buf *buf)
{
    static const ho_buf empty;
    return memcmp(buf, &empty, sizeof empty) == 0;
}

void rig_mark_take(rig_mark *mark, const rig *r, const ho_buf *bufs, uint32_t count)
{
    CHECK(count <= RIG_MARK_MAX);
    memset(mark, 0, sizeof *mark);
    mark->rig = r;
    mark->bufs = bufs;
    mark->count = count;
    if (bufs != NULL)
        memcpy(mark->copy, bufs, count * sizeof *bufs);
    mark->memory = rig_arena_stats(r->arena);
    mark->messages = rig_stats(r->service);
}

void rig_mark_check(const rig_mark *mark, int full, const char *file, int line)
{
    if (mark->bufs != NULL)
        harness_check(memcmp(mark->copy, mark->bufs, mark->count * sizeof *mark->bufs) == 0,
                      "a refused call leaves the descriptors", file, line);
    ho_arena_stats memory = rig_arena_stats(mark->rig->arena);
    ho_service_stats messages = rig_stats(mark->rig->service);
    uint64_t more = memory.full - mark->memory.full + messages.full - mark->messages.full;
    harness_check(full ? more > 0 : more == 0, "HO_FULL is counted", file, line);
    memory.full = mark->memory.full;
    messages.full = mark->messages.full;
    harness_check(memcmp(&memory, &mark->memory, sizeof memory) == 0 &&
                      memcmp(&messages, &mark->messages, sizeof messages) == 0,
                  "a refused call leaves the counters", file, line);
}

void rig_edge_open(rig_edge *edge, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t used = (bytes + page - 1) / page * page;
    edge->map_bytes = used + page;
    edge->map =
        mmap(NULL, edge->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(edge->map != MAP_FAILED);
    CHECK(mprotect(edge->map + used, page, PROT_NONE) == 0);
    edge->ptr = edge->map + used - bytes;
}

void rig_edge_close(rig_edge *edge)
{
    CHECK(munmap(edge->map, edge->map_bytes) == 0);
}

/* The valid struct with size `size` and one 32-bit word changed; the call reads it at the end of a
 * page. */
static int32_t call_sized(const rig_opts_case *c, uint32_t size, uint32_t at, uint32_t value)
{
    rig_edge edge;
    uint32_t bytes = size < 8 ? 8 : (size + 7) / 8 * 8;
    rig_edge_open(&edge, bytes);
    memcpy(edge.ptr, c->valid, bytes < c->size ? bytes : c->size);
    memcpy(edge.ptr, &size, sizeof size);
    if (at != 0)
        memcpy(edge.ptr + at, &value, sizeof value);
    int32_t status = c->call(c->ctx, edge.ptr);
    rig_edge_close(&edge);
    return status;
}

void rig_check_opts(const rig_opts_case *c)
{
    CHECK_STATUS(call_sized(c, 0, 0, 0), HO_E_SIZE);
    CHECK_STATUS(call_sized(c, 4, 0, 0), HO_E_SIZE);
    CHECK_STATUS(call_sized(c, c->min - 1, 0, 0), HO_E_SIZE);
    for (uint32_t size = c->min; size <= c->size; size += 8)
        CHECK_STATUS(call_sized(c, size, 0, 0), HO_OK);
    CHECK_STATUS(call_sized(c, c->size + 64, 0, 0), HO_OK);
    for (uint32_t at = c->size; at < c->size + 64; at += 4) {
        CHECK_STATUS(call_sized(c, c->size + 64, at, 1), HO_E_TOO_NEW);
        CHECK_STATUS(call_sized(c, c->size + 64, at, 0x80000000u), HO_E_TOO_NEW);
    }
    if (c->flags_at != 0)
        for (uint32_t bit = 0; bit < 32; bit++)
            CHECK_STATUS(call_sized(c, c->size, c->flags_at, 1u << bit),
                         bit < 16 ? HO_OK : HO_E_FLAGS);
    if (c->reserved_at != 0) {
        CHECK_STATUS(call_sized(c, c->size, c->reserved_at, 1), HO_E_RESERVED);
        CHECK_STATUS(call_sized(c, c->size, c->reserved_at, 0x80000000u), HO_E_RESERVED);
    }
}

double rig_soak_seconds(double quick)
{
    const char *more = getenv("HANDOFF_SOAK_SECONDS");
    return more != NULL && strtod(more, NULL) > quick ? strtod(more, NULL) : quick;
}

uint64_t rig_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
