/* SPDX-License-Identifier: MIT */
/* What the fuzzer knows: every object that it opened, and every buffer with who has it now. */
#ifndef FUZZ_LEDGER_H
#define FUZZ_LEDGER_H

#include "handoff/handoff.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENT 16384u
#define ITEMS 96u
#define TOKENS 800u
#define STALE 16u
#define BATCH 6u
#define ARENAS 2u
#define SHARDS 3u
#define SERVICES 2u
#define PRODUCERS 4u
#define CONSUMERS 4u
#define OWNERS 2u
#define POOLS 2u
#define OBJECTS 64u
#define ALLOCS 48u
#define STRANGE 256u /* loans of the stranger */
#define NONE 0xffffffffu
#define BLOCK OWNERS /* token.owner: memory of the library's own */

enum place { NOWHERE, LOAN, HELD, SENT };

struct item {
    enum place place;
    ho_buf buf;       /* SENT: as it is to arrive */
    uint32_t home;    /* arena that counts it, NONE for foreign ones and slices */
    uint32_t shard;   /* LOAN: who reserved it */
    uint32_t token;   /* foreign memory, or NONE */
    uint32_t content; /* which bytes it has */
    uint64_t offset;  /* where in them it begins */
    uint64_t bytes;   /* what the arena counts for it */
    uint32_t service; /* SENT: where to */
    uint32_t partition;
    uint32_t sender; /* SENT: a number for each producer that was ever opened */
};

struct token {
    uint8_t *base;
    uint64_t size;
    uint32_t owner;
    uint32_t home;
    uint32_t parts;    /* buffers and slices that are out */
    uint32_t reason;   /* how the last of them ended */
    uint32_t released; /* times */
};

struct producer {
    ho_producer *handle;
    uint32_t service, shard, sender;
    bool more; /* something is held back */
};

struct consumer {
    ho_consumer *handle;
    uint32_t service, partition;
    uint32_t helps; /* producer, or NONE */
    int32_t fd;     /* readable when there is something to take; -1: not asked for */
    bool claims;    /* it may have claimed something */
    bool armed;     /* its last call was a ho_take that found nothing */
};

struct service {
    ho_service *handle;
    uint32_t number, partitions, slots, policy;
    bool bound, closing;
    uint64_t in, in_bytes, out, out_bytes, dropped, dropped_bytes, full, copies;
};

struct pool {
    ho_pool *handle;
    uint32_t slot, align, most; /* most: 0 if the budget alone is a bound */
    uint32_t live;
    bool marks;                       /* its objects' last byte says whether they are constructed */
    uint64_t constructed, destructed; /* calls */
};

struct object {
    ho_obj obj;
    uint32_t pool; /* NONE: there is none */
    uint32_t content;
};

struct alloc {
    uint8_t *ptr; /* NULL: there is none */
    uint64_t bytes, align;
    uint32_t content;
};

struct arena {
    ho_arena *handle;
    uint64_t budget, copies;
};

struct ledger {
    const uint8_t *input;
    size_t left;
    bool stragglers; /* arenas so large that late messages are copied: they go one by one */
    ho_domain *domain, *stranger;
    ho_shard *strange_shard;
    ho_buf strange_loans[STRANGE]; /* out all the time, with the handles of many an item */
    struct arena arenas[ARENAS];
    ho_shard *shards[SHARDS];
    ho_arena *pools_arena; /* of its own: its budget is a bound for objects */
    struct pool pools[POOLS];
    struct object objects[OBJECTS];
    struct object stale_objects[STALE]; /* copies of what was released */
    uint32_t stale_objects_count;
    ho_arena *allocs_arena;
    struct alloc allocs[ALLOCS];
    struct alloc stale_allocs[STALE];
    uint32_t allocs_live, stale_allocs_count;
    struct service services[SERVICES];
    struct producer producers[PRODUCERS];
    struct consumer consumers[CONSUMERS];
    uint32_t owners[OWNERS]; /* 0: INLINE, 1: DRAIN */
    struct item items[ITEMS];
    struct token tokens[TOKENS];
    ho_buf stale[2][STALE]; /* copies of what is gone: [1] of loans */
    uint32_t stale_count[2];
    uint32_t tokens_used, contents, senders;
    uint64_t serial;
    const char *step;
    uint32_t steps;
};

extern struct ledger ledger;

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail(__LINE__, #condition, __VA_ARGS__);                                               \
    } while (0)
#define MUST(call) CHECK((call) == HO_OK, "not HO_OK")

_Noreturn void fail(int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *status_name(int32_t status);

/* The input: numbers below `below`; zeros once it is used up. */
uint32_t pick(uint32_t below);
bool one_in(uint32_t n);

/* Items: any one in a place (NONE: there is none), their bytes, and their end. */
uint32_t item_any(enum place place);
uint32_t item_new(void);
void item_fill(struct item *item, uint8_t *bytes, uint64_t len);
void item_check(const struct item *item);
void item_check_room(const struct item *item);
void item_gone(struct item *item, uint32_t reason);
void keep_stale(const ho_buf *buf, bool loan);
const ho_buf *stale_any(bool loan);
bool is_empty(const ho_buf *buf);
uint32_t shard_arena(uint32_t shard);
uint32_t service_of_key(const struct service *service, const ho_buf *buf);
uint32_t token_new(uint8_t *base, uint64_t size, uint32_t owner, uint32_t home);

/* Comparing with the library. */
void check_releases(void);
void check_stats(void);
void check_descriptors(void);

/* pools.c: opens the pools; releases every object, compares and closes them. */
void pools_open(void);
void pools_check(void);
void pools_close(void);

/* allocs.c: the same with memory of any size. */
void allocs_open(void);
void allocs_check(void);
void allocs_close(void);

/* Life of a world, and one random call in it. */
void world_open(void);
void world_close(void);
void producer_close(struct producer *producer);
void consumer_close(struct consumer *consumer);
void fuzz_send(void);
void fuzz_memory(void);
void fuzz_take(void);
void fuzz_life(void);
void fuzz_misuse(void);
void fuzz_pools(void);
void fuzz_allocs(void);
uint32_t take(struct consumer *consumer, uint32_t max);

int fuzz_one(const uint8_t *input, size_t bytes);

/* Is a copy so long that the budget has no room for it, with the segment of its record, or nearly so? */
static inline bool too_long(uint64_t len, uint64_t budget)
{
    return len > SEGMENT && len + SEGMENT > budget;
}

#endif
