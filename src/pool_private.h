/* SPDX-License-Identifier: MIT */
/*
 * Pool: what its files share.
 *
 *   bookkeeping   words, summary, resident bits, floors, processors' words and caches
 *   state         a u32 for each slot, by pages: odd while the object is live. Not below its floor
 *   slots         slot i at base + i * slot_bytes, nothing between or behind
 *
 * A handle is {generation:32, tag:8, index:24}; the tag is the pool's place in the table of handles. Where a slot is:
 *   live      state is odd: the handle's generation
 *   free      state is even, and the slot stands in one place: a cache, the depot, the bits; or it is fresh
 *   retired   its generations are used up: nowhere
 * State is written by whoever has the slot: the acquirer, and by a release's exchange (slotstate.inl).
 *
 * Of a pool with construct or destruct a slot is constructed only while all its pages are resident.
 *
 * A page that holds states or slots is resident (charged) or not; whoever takes a slot from the bits makes its pages
 * resident, whoever has taken all slots that touch a page may give it back.
 */
#ifndef HOI_POOL_PRIVATE_H
#define HOI_POOL_PRIVATE_H

#include "arena_private.h"
#include "percpu.h"

#include "slotstate.inl"

#include "handoff/pool.h"

#define HOI_POOL_INDEX_BITS 24
#define HOI_POOL_SLOTS_MAX ((1u << HOI_POOL_INDEX_BITS) - 1)
#define HOI_POOL_WINDOW 1024u /* slots whose states fill a page; their own pages are no others' */
#define HOI_DEPOT_BLOCKS 128u /* most; one for each window in a pool of fewer */
#define HOI_DEPOT_SMALL 8u    /* windows: a pool of so many has one block, where it costs no page */
#define HOI_DEPOT_STEP 16u    /* blocks that a call puts into the bits that is not a trim's */
#define HOI_DEPOT_HANDLES 62u /* in a block: half a KiB */
#define HOI_POOL_BATCH 64u    /* most slots that go together: a word of free ones */
#define HOI_POOL_KEEP ((uint64_t)64 << 10)      /* ho_pool_opts.keep_bytes, the default */
#define HOI_POOL_HOLD_NS ((uint64_t)1000000000) /* ho_pool_opts.hold_ns, the default */

#define hoi_obj_index(h) ((uint32_t)(h)&HOI_POOL_SLOTS_MAX)
#define hoi_obj_gen(h) ((uint32_t)((h) >> 32))
#define HOI_NEXT_GENERATION ((uint64_t)2 << 32) /* what a slot's next handle has more */
/* {odd:1, tag:8, index:24, 0:31}: one comparison tells an object that a pool may have had from all else. */
#define hoi_obj_place(h) ((uint64_t)(h) << 31)

struct hoi_depot_block {
    A_TYPE(uint32_t) next; /* in a stack: block + 1, 0 ends it */
    uint32_t count;
    uint64_t handles[HOI_DEPOT_HANDLES];
};

/* It lies where the first of the two caches would be that are before all others and refuse (percpu.h); how the rest lies
 * is in pool_map.c. */
struct hoi_pool {
    uint32_t refuses; /* that cache's count */
    /* Read by every call, never written while the pool is open, but for cache.caches. What ho_alloc and ho_free read is one
     * line, from here to the reciprocal. */
    uint32_t slots_max;
    struct hoi_percpu cache;
    uintptr_t tagged_base,
        tagged_state; /* base and state as of index 0, if the tag is part of the index */
    uint64_t slot_bytes;
    uint64_t reciprocal;          /* 2^64 / slot_bytes, rounded up: of an address, which slot */
    uint64_t first_place, places; /* hoi_obj_place of index 0; how far they go */
    uint64_t
        next_generation; /* HOI_NEXT_GENERATION: as an operand in memory it needs no register */
    uint32_t tag;        /* << HOI_POOL_INDEX_BITS */
    uint32_t batch;      /* slots that a refill takes, and a full cache gives up */
    uint32_t fresh_most; /* of them that were never used: whose pages it charges */
    uint8_t *base;
    A_TYPE(uint32_t) * state;
    A_TYPE(uint64_t) * bits;     /* of free slots, and their summary: freebits.inl */
    A_TYPE(uint64_t) * resident; /* a bit for each page from `state` on */
    A_TYPE(uint32_t) * floor; /* for each window: no state of it was ever higher and is lower now */
    struct hoi_depot_block *depot;
    A_TYPE(uint64_t) * cpu_words; /* without sequences: cpuword.inl */
    struct hoi_arena *arena;
    uint32_t cpus;
    uint32_t words_count;
    uint32_t depot_blocks;
    uint32_t
        first; /* a floor under all floors: handles of the pool that had the tag before are none of these */
    uint64_t keep_bytes, hold_ns;
    A_TYPE(uint64_t) *
        made; /* a bit for each slot that is constructed; NULL: there is nothing to run */
    ho_object_fn construct, destruct;
    void *arg;
    /* Written when slots go between caches and what is shared. */
    HOI_APART A_TYPE(uint32_t) fresh; /* slots from here on were never used */
    A_TYPE(uint32_t) low;             /* where looking for free slots begins */
    A_TYPE(uint64_t) depot_full, depot_empty;
    A_TYPE(uint32_t) depot_used; /* blocks that were ever in a stack */
    A_TYPE(int64_t) pages;       /* resident */
    A_TYPE(int64_t) idle;        /* slots in the bits and the depot */
    A_TYPE(int64_t) above_ns;    /* since when too much is unused; 0: it is not */
    A_TYPE(uint32_t) collecting; /* a thread empties the caches */
    HOI_COUNTER(uint64_t) refills, full, trimmed;
    /* Under the mutex. */
    uint64_t handle;
    struct hoi_pool *next; /* of the arena's */
    uint64_t memory_bytes; /* from the pool on */
    char name[HO_POOL_NAME_BYTES];
};
_Static_assert(sizeof(struct hoi_pool) <= sizeof(struct hoi_percpu_cache), "it is in its place");
_Static_assert(offsetof(struct hoi_pool, first_place) <= 64, "what ho_free reads is one line");

static inline struct hoi_pool *hoi_pool_get(const ho_pool *handle)
{
    return hoi_handle_get(HOI_POOL, handle);
}

/* From a pool to the end of its caches. */
static inline uint64_t hoi_pool_bytes(uint32_t cpus)
{
    return (uint64_t)(HOI_PERCPU_BEFORE + cpus) << HOI_PERCPU_SHIFT;
}

static inline int hoi_pool_uses_rseq(const struct hoi_pool *p)
{
    return p->cache.cpus != 0;
}

/* The bits of 64 pages, counted from the states on: the first of these lies highest in memory. */
static inline A_TYPE(uint64_t) * hoi_pool_resident(const struct hoi_pool *p, uint64_t page)
{
    return p->resident - page / 64;
}

/* Is a page charged? Relaxed: whoever has a slot of it keeps it so. */
static inline int hoi_pool_is_resident(const struct hoi_pool *p, uint64_t page)
{
    return hoi_get(*hoi_pool_resident(p, page)) >> page % 64 & 1;
}

/* The handle that a free slot's next holder gets; `least` is what hoi_pool_least says of its window. The caller has the
 * slot. */
static inline uint64_t hoi_pool_next_of(const struct hoi_pool *p, uint32_t index, uint32_t least)
{
    return (uint64_t)hoi_state_next(&p->state[index], least) << 32 | p->tag | index;
}

static inline uint32_t hoi_pool_least(const struct hoi_pool *p, uint32_t index)
{
    return hoi_state_least(&p->floor[index / HOI_POOL_WINDOW], p->first);
}

static inline uint64_t hoi_pool_next_handle(const struct hoi_pool *p, uint32_t index)
{
    return hoi_pool_next_of(p, index, hoi_pool_least(p, index));
}

/* pool_slots.c: between the caches and what is shared. Up to `n` free slots (at most HOI_POOL_BATCH; without sequences of
 * one group), charged, as the handles of their next holders. 0: there are none, or the budget is used up. */
uint32_t hoi_pool_gather(struct hoi_pool *p, uint64_t *handles, uint32_t n);
/* Puts free slots where everybody finds them. */
void hoi_pool_scatter(struct hoi_pool *p, const uint64_t *handles, uint32_t n);
void hoi_pool_put(struct hoi_pool *p, uint32_t word, uint64_t mask);
uint64_t hoi_pool_take(struct hoi_pool *p, uint32_t word, uint64_t wanted, uint32_t n);
/* Up to n slots that were never used, of one word. */
uint64_t hoi_pool_take_fresh(struct hoi_pool *p, uint32_t n, uint32_t *word);
/* Makes the pages of a slot, which the caller has, resident. 0: the budget is used up. */
int hoi_pool_charge(struct hoi_pool *p, uint32_t index);
/* Puts what the depot has into the bits, at most so many blocks. Gives how many slots. */
uint64_t hoi_pool_empty_depot(struct hoi_pool *p, uint32_t blocks);
/* Gives the memory of a large depot back, if nothing is in it. */
void hoi_pool_drop_depot(struct hoi_pool *p);
/* The same as emptying it, with what the caches have too. */
uint64_t hoi_pool_collect(struct hoi_pool *p);
/* What to do about a cache that is empty or full: `handle` is taken, or put. */
int32_t hoi_pool_refill(struct hoi_pool *p, uint64_t *handle);
void hoi_pool_flush(struct hoi_pool *p, uint64_t handle);

/* pool_trim.c: gives unused pages back until at most `keep` bytes are unused, at most `most` bytes. Gives how many. */
uint64_t hoi_pool_shrink(struct hoi_pool *p, uint64_t keep, uint64_t most);
/* Resident and of no use to anybody. */
uint64_t hoi_pool_unused(const struct hoi_pool *p);
/* The same, a step, if too much was unused for hold_ns. Gives how many. */
uint64_t hoi_pool_relax(struct hoi_pool *p);

/* pool_make.c: of a pool with `made`. What is free and resident is constructed when it is taken, or prepared. */
/* Is the thread inside a callback of the pool? */
int hoi_pool_inside(const struct hoi_pool *p);
/* Constructs a slot that the caller has, whose pages are resident, unless it is. */
void hoi_pool_construct(struct hoi_pool *p, uint32_t index);
/* Destructs the slots from `from` on, as far as they are constructed: the caller has them. */
void hoi_pool_destruct(struct hoi_pool *p, uint32_t from, uint32_t end);

/* pool_rest.c, under the mutex: a step before a consumer sleeps, if the pool's time has come and there was none yet
 * (*stepped). Gives when its time comes again, 0 if it has not too much. */
int64_t hoi_pool_rest(struct hoi_pool *p, int *stepped);
/* A shard waits for memory, and this slot of a size class was freed: gives back what pages are free with it. */
void hoi_pool_yield(struct hoi_pool *p, uint32_t index);
/* A consumer of the domain that sleeps then or later is to look; 0: none. */
void hoi_pools_ask(struct hoi_domain *d, int64_t due_ns);
/* The sooner of two times, of which 0 is never. */
static inline int64_t hoi_sooner(int64_t a, int64_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* pool_look.c: how many objects are live; the handles of the first `most` of them. */
uint64_t hoi_pool_live(const struct hoi_pool *p, uint64_t *handles, uint32_t most);

/* Of a size class, which is used in turn with others. */
struct hoi_pool_class {
    uint8_t *area;        /* for its states and slots */
    uint64_t cache_bytes; /* of its slots in a processor's cache at most */
    uint32_t offset; /* of the pool in its page: else all of them need the same lines of a cache */
};

/* pool_map.c, under the mutex: finds out how processors are told apart. */
int32_t hoi_pool_set_processors(struct hoi_pool *p);
/* Memory for a pool whose sizes are known; its states and slots behind it unless it is a class. */
int32_t hoi_pool_map(const struct hoi_pool *draft, const struct hoi_pool_class *of,
                     struct hoi_pool **pool);

/* pool_open.c, under the mutex: a pool without a handle, tag 0, in no list, and all of it in memory of its own unless it is a
 * class; ended again. */
int32_t hoi_pool_new(struct hoi_arena *a, const ho_pool_opts *known,
                     const struct hoi_pool_class *of, struct hoi_pool **pool);
void hoi_pool_delete(struct hoi_pool *p);
/* The arena closes. */
void hoi_pools_closing(struct hoi_arena *a);

#endif
