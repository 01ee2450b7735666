/* SPDX-License-Identifier: MIT */
/* Arena and shard: what others of the core must see of them. */
#ifndef HOI_ARENA_PRIVATE_H
#define HOI_ARENA_PRIVATE_H

#include "domain_private.h"

#include "handoff/shard.h"

#define HOI_SHARDS_MAX 1024u

struct hoi_heap;
struct hoi_pool;
struct hoi_producer;

/* How many segments so many bytes are counted as. */
#define HOI_PAGE 4096u

static inline uint64_t hoi_whole_segments(const struct hoi_domain *d, uint64_t bytes)
{
    return bytes ? (bytes - 1) / d->segs.seg_bytes + 1 : 0;
}

/* A shard is never freed before its domain, so that whoever is late to wake it finds it. */
struct hoi_shard {
    /* The thread's own. */
    struct hoi_seg *seg;           /* bytes; never NULL: an empty one stands in */
    struct hoi_seg *recs;          /* records of foreign buffers; the same */
    HOI_COUNTER(uint32_t) closing; /* the arena closes */
    uint32_t armable;              /* ho_shard_fd was called */
    struct hoi_arena *arena;
    struct hoi_domain *domain;
    struct hoi_producer *producers; /* over it */
    struct hoi_seg *
        kept; /* kept.c: records of what it has compacted, the current segment of a ring; NULL: none */
    struct hoi_seg *kept_looked;    /* behind it the next look for one that is idle */
    uint32_t kept_number, kept_end; /* the next one to issue there, and where its word ends */
    uint64_t handle;
    uint32_t open;              /* under the mutex */
    HOI_COUNTER(uint64_t) full; /* counters: one writer, any reader */
    HOI_COUNTER(uint64_t) copies;
    /* Rung when memory, or room in a lane, is back: its own, or that of the shard that a straggler's stands in
     * for. */
    A_TYPE(struct hoi_bell *) bell;
    struct hoi_bell own_bell;
};

struct hoi_arena {
    /* The same for as long as the object lives: a caller with a stale handle reads them unlocked. */
    struct hoi_domain *domain;
    uint32_t straggler; /* it is a service's own, for what is copied; it has no handle */
    A_TYPE(struct hoi_heap *) heap; /* memory of any size; NULL before the first */
    struct hoi_heap *heaps;         /* it, and those before it; under the domain's mutex */
    /* Shards are kept when closed, for reuse; numbers are given lowest first. */
    A_TYPE(struct hoi_shard *) shards[HOI_SHARDS_MAX];
    /* Read by everybody, written when it opens or closes. */
    A_TYPE(uint32_t) closing;
    uint64_t handle;
    uint64_t wait_ns;
    uint64_t budget_segs;
    uint64_t keep_segs;
    /* Written when a segment is taken or recycled. */
    HOI_APART A_TYPE(uint64_t) unused; /* stack of segments: hoi_seg_push_tagged */
    A_TYPE(uint64_t)
    held; /* segments that are its own, used and unused, and pages of its pools: budget.inl */
    A_TYPE(uint64_t) in_use;
    A_TYPE(int64_t) looked_ns; /* in a large domain: when the last look began */
    A_TYPE(uint32_t) looks;    /* under pressure: segments taken since */
    A_TYPE(uint64_t) users[4]; /* services that were ever sent something out of it, by number - 1 */
    A_TYPE(uint32_t) shared;   /* there are two */
    HOI_COUNTER(uint64_t) pinners[4]; /* services that pin too much of it, by number - 1 */
    HOI_COUNTER(uint64_t) peak;       /* of in_use, ever */
    HOI_COUNTER(uint64_t) recent;     /* of in_use, in this epoch */
    HOI_COUNTER(uint64_t) before;     /* of in_use, in the epoch before */
    A_TYPE(int64_t) epoch_ns;         /* when this epoch began */
    /* Somebody waits for memory: set by whoever is about to sleep, cleared by whoever wakes all. */
    HOI_APART A_TYPE(uint32_t) waiting;
    /* Under the domain's mutex. */
    HOI_APART uint32_t open;
    uint32_t shards_open;
    struct hoi_pool *pools; /* open */
};
#define HOI_ARENA_KEPT offsetof(struct hoi_arena, closing) /* what is before it stays */

static inline struct hoi_shard *hoi_shard_get(const ho_shard *handle)
{
    return hoi_handle_get(HOI_SHARD, handle);
}

/* Under the mutex: an object for the lowest free number, all zero but for what is kept; from an earlier arena if any.
 * HO_OK, HO_E_NOMEM or HO_E_LIMIT. */
int32_t hoi_arena_new(struct hoi_domain *d, struct hoi_arena **arena);

/* Looks an arena up and locks its domain's mutex; NULL, and not locked, when it is closed. */
struct hoi_arena *hoi_arena_lock(const ho_arena *handle);

/* Under the mutex: opens a shard without a handle; ends one, whose segments it has left. HO_OK, HO_E_NOMEM or
 * HO_E_LIMIT. */
int32_t hoi_shard_new(struct hoi_arena *a, struct hoi_shard **shard);
void hoi_shard_delete(struct hoi_shard *sh);

/* An empty segment, for a shard that has none yet. */
extern struct hoi_seg hoi_seg_none;

/* A segment for the shard, open; idle ones of it, and unused memory of the heap, make way. HO_OK, HO_FULL, HO_E_NOMEM. */
int32_t hoi_shard_take(struct hoi_shard *sh, enum hoi_seg_use use, struct hoi_seg **seg);
/* Seals the shard's current segment and opens another. HO_OK, HO_FULL, HO_E_NOMEM. */
int32_t hoi_shard_next(struct hoi_shard *sh, enum hoi_seg_use use);
/* Leaves the current segments, when the shard closes. */
void hoi_shard_leave(struct hoi_shard *sh);
/* Leaves those of them that nobody holds anything of. Returns whether it left one. */
int hoi_shard_leave_idle(struct hoi_shard *sh);

/* The caller has found that nothing of a segment is out: back to its arena, or to the domain. */
void hoi_seg_recycle(struct hoi_domain *d, struct hoi_seg *seg);

/* Around a look at records by somebody who has none of them: their place may be a user's bytes next. hoi_seg_hold holds the
 * segment, if it still is one of such records. */
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

/* Gives unused segments back until at most `most` are held; at most `step` of them. Gives how many. */
uint64_t hoi_arena_shrink(struct hoi_arena *a, uint64_t most, uint64_t step);

/* After memory came back: wakes every shard that waits for some. */
void hoi_arena_wake(struct hoi_arena *a);

/* charge.c: segments of the budget for what is no segment of a shard; unused ones make way. Returns whether there is room. */
int hoi_arena_take_budget(struct hoi_arena *a, uint64_t segments);
/* The same for a segment of a shard: none makes way. */
int hoi_arena_claim(struct hoi_arena *a, uint64_t segments);
void hoi_arena_give_budget(struct hoi_arena *a, uint64_t segments);
/* The same for pages of pools, in bytes. */
int hoi_arena_charge(struct hoi_arena *a, uint64_t bytes);
void hoi_arena_uncharge(struct hoi_arena *a, uint64_t bytes);
uint64_t hoi_arena_pool_segments(const struct hoi_arena *a); /* charged for them */
/* Segments of the budget that are held, those included; of a word of a->held. */
uint64_t hoi_arena_held(const struct hoi_arena *a);
static inline uint64_t hoi_held_of(uint64_t word)
{
    return (uint32_t)word;
}

/* alloc_open.c. Gives what is unused of the heap back, all but *keep bytes: what stays is taken off that. Gives how many. */
uint64_t hoi_heap_trim(struct hoi_arena *a, uint64_t *keep);
/* The same as hoi_pool_rest for its classes. */
int64_t hoi_heap_rest(const struct hoi_arena *a, int *stepped);
/* What is allocated, what is charged for that. */
struct hoi_heap_use {
    uint64_t count, bytes, held, full;
};
struct hoi_heap_use hoi_heap_look(const struct hoi_arena *a);
/* Frees memory that is known to be allocated. */
void hoi_heap_free(struct hoi_arena *a, void *ptr);
/* Under the mutex: the arena's budget is known; nothing is allocated: has all gone back? The domain goes. */
void hoi_heap_begin(struct hoi_arena *a);
int hoi_heap_leave(struct hoi_arena *a);
void hoi_heaps_delete(struct hoi_arena *a);

/* Is it worth trying again? Ordered after the announcement that somebody waits. */
int hoi_arena_worth_trying(struct hoi_arena *a);
/* The same for n segments of budget at once; unused ones make way. */
int hoi_arena_room(struct hoi_arena *a, uint64_t n);

/* An arena of fewer segments is not guarded against stragglers: there are no parts of it to speak of. */
#define HOI_GUARDED_SEGMENTS 8u
/* pins.c, at a change of segment: finds who pins too much of the arena, if more than half of it is in use. */
void hoi_arena_watch_pins(struct hoi_arena *a);
/* A service is sent something out of it. Returns whether others are, too. */
int hoi_arena_use(struct hoi_arena *a, uint32_t service);
static inline int hoi_arena_pinned_by(const struct hoi_arena *a, uint32_t service)
{
    return hoi_get(a->pinners[(service - 1) / 64]) >> (service - 1) % 64 & 1;
}

/* A loan of `bytes` bytes (1 or more) with the defaults. Statuses as ho_reserve. */
int32_t hoi_shard_reserve(struct hoi_shard *sh, uint64_t bytes, ho_buf *loan);

/* Blocks: what is copied and longer than a segment. Mapped by itself, charged to the arena in whole segments,
 * delivered as a foreign buffer that belongs to the library. */
#define HOI_OWNER_BLOCKS 0u /* no registered owner has this id */

/* HO_OK, HO_FULL, HO_E_RANGE (over the budget), HO_E_CLOSED, HO_E_NOMEM. */
int32_t hoi_block_new(struct hoi_shard *sh, uint64_t bytes, ho_buf *block);
/* Undoes it; or releases it, when the last part of it is back. */
void hoi_block_free(struct hoi_arena *a, void *ptr, uint64_t bytes);
/* Makes it a buffer that the caller holds, with this note; or sends it, as ho_give. On failure it is as it was. */
int32_t hoi_block_keep(struct hoi_shard *sh, ho_buf *block, uint64_t note);
int32_t hoi_block_send(struct hoi_producer *p, ho_buf *block, uint32_t flags);

/* kept.c: copies a buffer of up to half a segment into memory of its own. Statuses as hoi_shard_take and ho_alloc: then nothing has
 * changed. The segments of the records: leaves those that nobody holds anything of, or all, as the shard's others. */
int32_t hoi_kept_copy(struct hoi_shard *sh, const ho_buf *from, uint64_t note, ho_buf *copy);
int hoi_kept_leave_idle(struct hoi_shard *sh);
void hoi_kept_leave(struct hoi_shard *sh);

/* Copies a buffer of any kind into the shard, with this note besides its length, without sending it anywhere. The
 * original is as it was. Statuses as ho_compact. */
int32_t hoi_shard_copy(struct hoi_shard *sh, const ho_buf *from, uint64_t note, ho_buf *copy);

/* Is this a loan of the domain, as it was reserved? Finds its segment. */
int32_t hoi_loan_check(struct hoi_domain *d, const ho_buf *b, struct hoi_seg **seg);

/* Around a sleep on the shard's bell, or what arms its descriptor: one that an earlier call armed stays so. */
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

/* HO_FULL is about to be told, for want of memory: arms the shard's descriptor, if it has one. Returns
 * whether it is worth trying again at once, for so many segments. */
int hoi_shard_arm(struct hoi_shard *sh, uint64_t segments);

/* After the announcement that it sleeps on the shard's bell, or is armed: is there memory for so many segments? */
int hoi_shard_worth_trying(struct hoi_shard *sh, uint64_t segments);

/* Publishes what the producers over it hold back, and announces what their helpers owe: the memory may lie in there. Returns
 * whether it has a helper: then its thread does not wait, for it may be the only one that could return some. */
int hoi_shard_publish(struct hoi_shard *sh);

/* What memory holds now. */
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
