/* SPDX-License-Identifier: MIT */
/*
 * What the test itself knows about every buffer: where it is, whose memory it is, what is in it. The
 * library is compared with this after each call.
 */
#ifndef CONFORM_LEDGER_H
#define CONFORM_LEDGER_H

#include "scene.h"

#define ITEMS 256u
#define COPIES 2048u /* foreign ones that ho_compact makes */
#define BATCH_MAX 6u
#define SERVICES 4u  /* the last two of several partitions: of shared consumers, of bound ones */
#define CONSUMERS 7u /* 0 and 1 of the first two services, 2 to 4 shared, 5 and 6 bound */
#define SEVERAL 4u   /* partitions of the service of shared consumers */
#define KEYS 64u
#define ARENAS 2u
#define SHARDS 3u /* the first two of arena 0, the last of arena 1 */
#define PRODUCERS 6u
#define NO_TOKEN UINT32_MAX
#define NO_HOME UINT32_MAX
#define NO_PARTITION UINT32_MAX /* not known yet: by a key that was never seen */
#define NOBODY UINT32_MAX

enum place { NOWHERE, ON_LOAN, HELD, SENT };

struct item {
    enum place place;
    const char *kind; /* HO_KIND_* */
    uint32_t shard;   /* of a loan: what reserved it */
    uint32_t home;    /* the arena whose memory or record it is; NO_HOME for slices */
    uint32_t to; /* the service where it was sent; the partition, the lane, when, and whether */
    uint32_t partition, lane; /* it must have been published */
    uint64_t sequence;
    bool published;
    uint32_t token;   /* of foreign memory and its slices, or NO_TOKEN */
    uint32_t content; /* what is in it: the bytes of `content` from `offset` on */
    uint64_t offset;
    uint64_t bytes; /* when it was committed */
};

struct batch {
    uint32_t count;
    uint32_t items[BATCH_MAX];
    char *bufs;   /* passed to the library */
    char *before; /* the same as they were before the call */
    uint32_t *done;
};

struct ledger {
    struct scene *scene;
    void *arenas[ARENAS], *shards[SHARDS];
    void *services[SERVICES], *consumers[CONSUMERS], *producers[PRODUCERS];
    uint32_t lanes[PRODUCERS], lane_count; /* a producer that is opened anew has other lanes */
    uint32_t keys[SERVICES][KEYS];         /* their partitions, once seen */
    uint32_t claims[SEVERAL];              /* consumers that have claimed them */
    uint32_t helps[CONSUMERS];             /* the producer that it is paired with */
    bool waited[CONSUMERS];                /* whose wait claimed one that is not known */
    uint64_t sequence, values;
    uint32_t numbers[SERVICES]; /* as in ho_buf.service */
    struct item items[ITEMS];
    char *bufs;      /* a descriptor of each item */
    uint32_t copies; /* foreign ones that ho_compact made: tokens from SCENE_TOKENS on */
    uint32_t parts[SCENE_TOKENS + COPIES]; /* descriptors of a token that are out */
    uint32_t token_home[SCENE_TOKENS + COPIES];
    uint32_t tokens; /* used up */
    uint32_t contents;
    uint32_t partly; /* batches of which a part was done */
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

/* A place for another item, or an item in that place; ITEMS when there is none. */
uint32_t item_any(enum place place);
void *item_buf(uint32_t item);
/* The descriptor is gone: of foreign memory its part, too. */
void item_gone(uint32_t item);
void item_fill(uint32_t item);
void item_check(uint32_t item);

/* Up to BATCH_MAX items of a place, each once; and how the call with them must have gone. */
struct batch *batch_of(enum place place);
struct batch *batch_empty(void);
void batch_add(struct batch *batch, const void *buf);
void batch_begin(struct batch *batch);
/* The first *done are empty now, the others are as they were. */
void batch_settle(const struct batch *batch);
/* What a sender may say of a message: key, value, flags, by its key or to a partition. */
void label(void *buf, uint32_t service);
void batch_label(struct batch *batch, uint32_t service);
/* ho_commit, ho_give or ho_forward of a batch; it must return one of `statuses`. */
int32_t batch_send(const char *statuses, const char *name, uint32_t producer, struct batch *batch,
                   uint64_t flags);
/* An item is on its way, as its descriptor says; what the producer sent so far is published. */
void item_sent(uint32_t item, uint32_t producer);
void published(uint32_t producer);
/* What was accepted is on its way now. */
void batch_sent(const struct batch *batch, int32_t status, uint32_t producer);
void batch_committed(const struct batch *batch, int32_t status, uint32_t producer);

/* Copies of descriptors that are done with: none may be good for anything again. */
void batch_keep_stale(const struct batch *batch, bool loans);
const void *stale_any(bool loans); /* NULL when there is none */

/* ---- traffic.c: taking, and who may take what */

bool do_take(void);
bool do_wait(void);
bool do_yield(void);
bool do_help(void);
bool do_replace_consumer(void);
bool do_replace_producer(void);

/* A step of a sequence; false when there was nothing to do it with. */
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
