/* SPDX-License-Identifier: MIT */
/* Arena and shard: the parts that the rest of the core needs to see. */
#ifndef HOI_ARENA_PRIVATE_H
#define HOI_ARENA_PRIVATE_H

#include "domain_private.h"

#include "handoff/shard.h"

#define HOI_SHARDS_MAX 1024u

struct hoi_heap;
struct hoi_pool;
struct hoi_producer;

#define HOI_PAGE 4096u

static inline uint64_t hoi_whole_segments(const struct hoi_domain *d, uint64_t bytes)
{
    return bytes ? (bytes - 1) / d->segs.seg_bytes + 1 : 0;
}

/* A shard is freed only with its domain, so that a late waker still finds it. */
struct hoi_shard {
    /* Owned by the shard's thread. */
    struct hoi_seg *seg;           /* of bytes; never NULL: starts as an empty one */
    struct hoi_seg *recs;          /* of records of foreign buffers; likewise */
    HOI_COUNTER(uint32_t) closing; /* the arena is closing */
    uint32_t armable;              /* ho_shard_fd was called */
    struct hoi_arena *arena;
    struct hoi_domain *domain;
    struct hoi_producer *producers; /* that use this shard */
    struct hoi_seg *kept;           /* kept.c: current segment of the ring of records; NULL: none */
    struct hoi_seg *kept_looked;    /* the next search for an idle segment starts after it */
    uint32_t kept_number, kept_end; /* next number to issue there, and the end of its word */
    uint64_t handle;
    uint32_t open;              /* under the mutex */
    HOI_COUNTER(uint64_t) full; /* counters: one writer, any reader */
    HOI_COUNTER(uint64_t) copies;
    /* Rung when memory or room in a lane is back. Points to own_bell; in a straggler shard, to
     * the bell of the shard that it stands in for. */
    A_TYPE(struct hoi_bell *) bell;
    struct hoi_bell own_bell;
};

struct hoi_arena {
    /* Fixed for the object's lifetime: a caller with a stale handle reads them without the lock. */
    struct hoi_domain *domain;
    uint32_t straggler;             /* a service's own shard for copies; it has no handle */
    A_TYPE(struct hoi_heap *) heap; /* allocator for any size; NULL until first used */
    struct hoi_heap *heaps;         /* this heap and earlier ones; under the domain's mutex */
    /* Closed shards are kept for reuse; the lowest number is given first. */
    A_TYPE(struct hoi_shard *) shards[HOI_SHARDS_MAX];
    /* Read by all threads, written when the arena opens or closes. */
    A_TYPE(uint32_t) closing;
    uint64_t handle;
    uint64_t wait_ns;
    uint64_t budget_segs;
    uint64_t keep_segs;
    /* Written when a segment is taken or recycled. */
    HOI_APART A_TYPE(uint64_t) unused; /* stack of segments: hoi_seg_push_tagged */
    A_TYPE(uint64_t)
    held; /* its own segments, used and unused, and its pools' pages: budget.inl */
    A_TYPE(uint64_t) in_use;
    A_TYPE(int64_t) looked_ns; /* in a large domain: when the last scan began */
    A_TYPE(uint32_t) looks;    /* under pressure: segments taken since the last scan */
    A_TYPE(uint64_t) users[4]; /* services that were ever sent memory from it, by number - 1 */
    A_TYPE(uint32_t) shared;   /* at least two services were */
    HOI_COUNTER(uint64_t) pinners[4]; /* services that pin too much of it, by number - 1 */
    HOI_COUNTER(uint64_t) peak;       /* highest in_use ever */
    HOI_COUNTER(uint64_t) recent;     /* highest in_use in this epoch */
    HOI_COUNTER(uint64_t) before;     /* highest in_use in the previous epoch */
    A_TYPE(int64_t) epoch_ns;         /* when this epoch began */
    /* A thread waits for memory: set before it sleeps, cleared by the thread that wakes all. */
    HOI_APART A_TYPE(uint32_t) waiting;
    /* Under the domain's mutex. */
    HOI_APART uint32_t open;
    uint32_t shards_open;
    struct hoi_pool *pools; /* open pools */
};
#define HOI_ARENA_KEPT offsetof(struct hoi_arena, closing) /* fields before it are kept */

static inline struct hoi_shard *hoi_shard_get(const ho_shard *handle)
{
    return hoi_handle_get(HOI_SHARD, handle);
}

/* Under the mutex: an object with the lowest free number, zeroed except for the kept fields;
 * reused from an earlier arena if there is one. HO_OK, HO_E_NOMEM or HO_E_LIMIT. */
int32_t hoi_arena_new(struct hoi_domain *d, struct hoi_arena **arena);

/* Looks an arena up and locks its domain's mutex. NULL, without the lock, if it is closed. */
struct hoi_arena *hoi_arena_lock(const ho_arena *handle);

/* Under the mutex: opens a shard without a handle; deletes one that has left its segments.
 * HO_OK, HO_E_NOMEM or HO_E_LIMIT. */
int32_t hoi_shard_new(struct hoi_arena *a, struct hoi_shard **shard);
void hoi_shard_delete(struct hoi_shard *sh);

/* An empty segment for a shard that has none yet. */
extern struct hoi_seg hoi_seg_none;

/* Takes an opened segment for the shard. To make room it releases the shard's idle segments and
 * the heap's unused memory. HO_OK, HO_FULL, HO_E_NOMEM. */
int32_t hoi_shard_take(struct hoi_shard *sh, enum hoi_seg_use use, struct hoi_seg **seg);
/* Seals the shard's current segment and opens another. HO_OK, HO_FULL, HO_E_NOMEM. */
int32_t hoi_shard_next(struct hoi_shard *sh, enum hoi_seg_use use);
/* Leaves the current segments when the shard closes. */
void hoi_shard_leave(struct hoi_shard *sh);
/* Leaves the current segments that have nothing outstanding. Returns whether there was one. */
int hoi_shard_leave_idle(struct hoi_shard *sh);

/* The caller has found that nothing of the segment is outstanding: it goes back to its arena or
 * to the domain. */
void hoi_seg_recycle(struct hoi_domain *d, struct hoi_seg *seg);

/* Bracket a read of records by a thread that holds none of them: without the hold, a user's
 * bytes may replace them. hoi_seg_hold holds the segment if it still is one of such records. */
static inline void hoi_seg_unhold(struct hoi_domain *d, struct hoi_seg *seg)
{
    if (hoi_count_drop(&seg->count, HOI_COUNT_HOLD))
        hoi_seg_recycle(d, seg);
}
static inline int hoi_seg_hold(struct hoi_domain *d, struct hoi_seg *seg, enum hoi_seg_use use)
{
    if (!hoi_count_try_hold(&seg->count, HOI_COUNT_HOLD))
        return 0;
    if (A_LOAD(seg->use, memory_order_acquire) == use) /* edge OPEN: acquire */
        return 1;
    hoi_seg_unhold(d, seg);
    return 0;
}

/* Releases unused segments until at most `most` are held, and no more than `step` of them.
 * Returns how many. */
uint64_t hoi_arena_shrink(struct hoi_arena *a, uint64_t most, uint64_t step);

/* Memory came back: wakes every shard that waits for some. */
void hoi_arena_wake(struct hoi_arena *a);

/* charge.c: takes budget, in segments, for memory that is not a shard's segment, releasing
 * unused segments to make room. Returns whether there was room. */
int hoi_arena_take_budget(struct hoi_arena *a, uint64_t segments);
/* The same for a shard's segment: releases nothing. */
int hoi_arena_claim(struct hoi_arena *a, uint64_t segments);
void hoi_arena_give_budget(struct hoi_arena *a, uint64_t segments);
/* The same for pools' pages, in bytes. */
int hoi_arena_charge(struct hoi_arena *a, uint64_t bytes);
void hoi_arena_uncharge(struct hoi_arena *a, uint64_t bytes);
uint64_t hoi_arena_pool_segments(const struct hoi_arena *a); /* charged for pools */
/* Segments of the budget that are held, pools' included; the second form reads a value of
 * a->held. */
uint64_t hoi_arena_held(const struct hoi_arena *a);
static inline uint64_t hoi_held_of(uint64_t word)
{
    return (uint32_t)word;
}

/* alloc_open.c. Releases the heap's unused memory except *keep bytes, and subtracts from *keep
 * what stays. Returns the bytes released. */

uint64_t hoi_heap_trim(struct hoi_arena *a, uint64_t *keep);
/* hoi_pool_rest for the heap's size classes. */
int64_t hoi_heap_rest(const struct hoi_arena *a, int *stepped);
/* Memory allocated, and memory charged for it. */
struct hoi_heap_use {
    uint64_t count, bytes, held, full;
};
struct hoi_heap_use hoi_heap_look(const struct hoi_arena *a);
/* Frees memory that is known to be allocated. */
void hoi_heap_free(struct hoi_arena *a, void *ptr);
/* Under the mutex. begin: the arena's budget is known and nothing is allocated. leave: has
 * everything come back? The last one: the domain is being destroyed. */
void hoi_heap_begin(struct hoi_arena *a);
int hoi_heap_leave(struct hoi_arena *a);
void hoi_heaps_delete(struct hoi_arena *a);

/* Is it worth trying again? Ordered after the announcement that a thread waits. */
int hoi_arena_worth_trying(struct hoi_arena *a);
/* The same for n segments of budget at once, releasing unused segments to make room. */
int hoi_arena_room(struct hoi_arena *a, uint64_t n);

/* A smaller arena is not guarded against stragglers: a share of it would be too coarse. */
#define HOI_GUARDED_SEGMENTS 8u
/* pins.c, when a segment is used up: finds which services pin too much of the arena, if more
 * than half of it is in use. */
void hoi_arena_watch_pins(struct hoi_arena *a);
/* Notes that a service is sent memory of the arena. Returns whether other services are, too. */
int hoi_arena_use(struct hoi_arena *a, uint32_t service);
static inline int hoi_arena_pinned_by(const struct hoi_arena *a, uint32_t service)
{
    return hoi_get(a->pinners[(service - 1) / 64]) >> (service - 1) % 64 & 1;
}

/* A loan of `bytes` bytes (1 or more) with the defaults. Statuses as ho_reserve. */
int32_t hoi_shard_reserve(struct hoi_shard *sh, uint64_t bytes, ho_buf *loan);

/* Blocks: copies longer than a segment. Each is a mapping of its own, charged to the arena in
 * whole segments, and delivered as a foreign buffer that belongs to the library. */
#define HOI_OWNER_BLOCKS 0u /* no registered owner has this id */

/* HO_OK, HO_FULL, HO_E_RANGE (over the budget), HO_E_CLOSED, HO_E_NOMEM. */
int32_t hoi_block_new(struct hoi_shard *sh, uint64_t bytes, ho_buf *block);
/* Undoes hoi_block_new; also releases a block when its last part is back. */
void hoi_block_free(struct hoi_arena *a, void *ptr, uint64_t bytes);
/* Turns the block into a buffer that the caller holds, with this note; or sends it, as ho_give
 * does. A failed call changes nothing. */
int32_t hoi_block_keep(struct hoi_shard *sh, ho_buf *block, uint64_t note);
int32_t hoi_block_send(struct hoi_producer *p, ho_buf *block, uint32_t flags);

/* kept.c: copies a buffer of up to half a segment into memory of its own. Statuses as
 * hoi_shard_take and ho_alloc; a failed call changes nothing. The leave calls leave the segments
 * of its records: the idle ones, or all when the shard closes. */
int32_t hoi_kept_copy(struct hoi_shard *sh, const ho_buf *from, uint64_t note, ho_buf *copy);
int hoi_kept_leave_idle(struct hoi_shard *sh);
void hoi_kept_leave(struct hoi_shard *sh);

/* Copies a buffer of any kind into the shard, with this note and its length, without sending it.
 * The original does not change. Statuses as ho_compact. */
int32_t hoi_shard_copy(struct hoi_shard *sh, const ho_buf *from, uint64_t note, ho_buf *copy);

/* Is this a loan of the domain, as it was reserved? Finds its segment. */
int32_t hoi_loan_check(struct hoi_domain *d, const ho_buf *b, struct hoi_seg **seg);

/* Bracket a sleep on the shard's bell, or the arming of its descriptor. A descriptor that an
 * earlier call armed stays armed. */
static inline int hoi_shard_prepare_wait(struct hoi_shard *sh, uint32_t state)
{
    struct hoi_bell *bell = hoi_get(sh->bell);
    int armed = hoi_get(bell->core.word) == HOI_BELL_ARMED;
    hoi_bell_prepare_wait(&bell->core, state);
    return armed;
}
static inline void hoi_shard_finish_wait(struct hoi_shard *sh, int armed)
{
    if (hoi_unlikely(armed))
        hoi_bell_rearm(hoi_get(sh->bell));
    else
        hoi_bell_disarm(hoi_get(sh->bell));
}

/* The caller is about to return HO_FULL for want of memory: arms the shard's descriptor, if it
 * has one. Returns whether to try again at once, for so many segments. */
int hoi_shard_arm(struct hoi_shard *sh, uint64_t segments);

/* After the announcement (asleep on the shard's bell, or armed): is there memory for so many
 * segments? */
int hoi_shard_worth_trying(struct hoi_shard *sh, uint64_t segments);

/* Publishes what the shard's producers hold back, and announces what their helpers owe: the
 * missing memory may be in those messages. Returns whether there is a helper; then the thread
 * must not wait, for it may be the only one that can return memory. */
int hoi_shard_publish(struct hoi_shard *sh);

/* Outstanding memory, counted now. */
struct hoi_census {
    uint64_t buffers; /* committed and live */
    uint64_t loans;
    uint64_t foreign; /* not yet released */
    uint64_t bytes_live, bytes_dead, bytes_pinned;
    uint64_t oldest[3]; /* handles */
    uint32_t oldest_count;
};
/* Counts one arena's segments, or the domain's slices (arena NULL), under the mutex. */
void hoi_census_take(struct hoi_domain *d, const struct hoi_arena *a, struct hoi_census *c);

#endif
