/* SPDX-License-Identifier: MIT */
/*
 * The test's own model of every buffer: where it is, whose memory it uses, what it contains. The
 * library is compared with it after each call.
 */
#ifndef CONFORM_LEDGER_H
#define CONFORM_LEDGER_H

#include "scene.h"

#define ITEMS 256u
#define COPIES 2048u /* foreign buffers that ho_compact makes */
#define BATCH_MAX 6u
#define SERVICES 4u  /* the last two have several partitions: shared consumers, bound ones */
#define CONSUMERS 7u /* 0 and 1 for the first two services, 2 to 4 shared, 5 and 6 bound */
#define SEVERAL 4u   /* partitions of the service with shared consumers */
#define KEYS 64u
#define ARENAS 2u
#define SHARDS 3u /* the first two in arena 0, the last in arena 1 */
#define PRODUCERS 6u
#define NO_TOKEN UINT32_MAX
#define NO_HOME UINT32_MAX
#define NO_PARTITION UINT32_MAX /* not known yet: from a key that was never seen */
#define NOBODY UINT32_MAX

enum place { NOWHERE, ON_LOAN, HELD, SENT };

struct item {
    enum place place;
    const char *kind; /* HO_KIND_* */
    uint32_t shard;   /* of a loan: the shard that reserved it */
    uint32_t home;    /* the arena that has its memory or record; NO_HOME for slices */
    uint32_t to;      /* the service it was sent to; its partition, lane and order, and whether */
    uint32_t partition, lane; /* it must have been published */
    uint64_t sequence;
    bool published;
    uint32_t token;   /* of foreign memory and its slices, or NO_TOKEN */
    uint32_t content; /* the bytes of `content` from `offset` on */
    uint64_t offset;
    uint64_t bytes; /* when it was committed */
};

struct batch {
    uint32_t count;
    uint32_t items[BATCH_MAX];
    char *bufs;   /* passed to the library */
    char *before; /* the same before the call */
    uint32_t *done;
};

struct ledger {
    struct scene *scene;
    void *arenas[ARENAS], *shards[SHARDS];
    void *services[SERVICES], *consumers[CONSUMERS], *producers[PRODUCERS];
    uint32_t lanes[PRODUCERS], lane_count; /* a reopened producer has new lanes */
    uint32_t keys[SERVICES][KEYS];         /* their partitions, once known */
    uint32_t claims[SEVERAL];              /* the consumers that have claimed them */
    uint32_t helps[CONSUMERS];             /* the producer that it is paired with */
    bool waited[CONSUMERS];                /* its wait claimed an unknown partition */
    uint64_t sequence, values;
    uint32_t numbers[SERVICES]; /* as in ho_buf.service */
    struct item items[ITEMS];
    char *bufs;      /* a descriptor of each item */
    uint32_t copies; /* foreign buffers that ho_compact made: tokens from SCENE_TOKENS on */
    uint32_t parts[SCENE_TOKENS + COPIES]; /* descriptors of a token that are outstanding */
    uint32_t token_home[SCENE_TOKENS + COPIES];
    uint32_t tokens; /* used up */
    uint32_t contents;
    uint32_t partly; /* batches that were only partly done */
    uint64_t random;
};

extern struct ledger ledger;

void ledger_open(uint64_t seed);
void producer_make(uint32_t producer);
void consumer_make(uint32_t consumer);
/* From 0 to below. */
uint32_t ledger_random(uint32_t below);
uint32_t producer_service(uint32_t producer);
uint32_t producer_shard(uint32_t producer);
uint32_t consumer_service(uint32_t consumer);
uint32_t service_partitions(uint32_t service);
uint32_t shard_arena(uint32_t shard);

/* item_any: an item in that place, or a slot for a new one; ITEMS if there is none. */
uint32_t item_any(enum place place);
void *item_buf(uint32_t item);
/* item_gone: the descriptor is gone; for foreign memory, its part, too. */
void item_gone(uint32_t item);
void item_fill(uint32_t item);
void item_check(uint32_t item);

/* Up to BATCH_MAX distinct items of a place, and the expected outcome of the call. */
struct batch *batch_of(enum place place);
struct batch *batch_empty(void);
void batch_add(struct batch *batch, const void *buf);
void batch_begin(struct batch *batch);
/* The first *done must be empty now, the others unchanged. */
void batch_settle(const struct batch *batch);
/* Fills in what a sender may set: key, value, flags; routed by key or to a partition. */
void label(void *buf, uint32_t service);
void batch_label(struct batch *batch, uint32_t service);
/* ho_commit, ho_give or ho_forward of a batch; it must return one of `statuses`. */
int32_t batch_send(const char *statuses, const char *name, uint32_t producer, struct batch *batch,
                   uint64_t flags);
/* item_sent: an item is on its way, as its descriptor says. published: what the producer has sent
 * so far is visible. */
void item_sent(uint32_t item, uint32_t producer);
void published(uint32_t producer);
/* Records that what was accepted is on its way. */
void batch_sent(const struct batch *batch, int32_t status, uint32_t producer);
void batch_committed(const struct batch *batch, int32_t status, uint32_t producer);

/* Keeps copies of used descriptors: none may be valid again. */
void batch_keep_stale(const struct batch *batch, bool loans);
const void *stale_any(bool loans); /* NULL if there is none */

/* ---- traffic.c: taking, and which consumer may take what */

bool do_take(void);
bool do_wait(void);
bool do_yield(void);
bool do_help(void);
bool do_replace_consumer(void);
bool do_replace_producer(void);

/* A step of a sequence; false if there was nothing to apply it to. */
struct op {
    const char *name;
    bool (*run)(void);
};
#define MISUSES 13u
extern const struct op misuses[MISUSES];
void forged_handles(uint32_t which);

/* Compares releases, ho_service_stats and ho_arena_stats with the ledger. */
void ledger_check_releases(void);
void ledger_check_stats(void);
/* Returns everything, compares, and closes. */
void ledger_close(void);

#endif
