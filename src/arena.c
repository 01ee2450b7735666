/* SPDX-License-Identifier: MIT */
/*
 * Arena: memory with a budget. Shards fill it, one segment at a time; opening is in arena_open.c.
 *
 * When a shard's segment is full, the next one comes from the arena's unused segments, then from
 * the domain, within the budget. The segment that came back last is reused first: it is still in
 * cache, and segments that only a peak needed stay untouched until they go back to the system.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  USED | hoi_seg_recycle | hoi_arena_outstanding_add | that the recycler has done | an arena freed under it
 *  UNUSED | hoi_seg_push_tagged, hoi_arena_shrink, unclaim, retire, hoi_arena_give_budget
 *      | hoi_arena_worth_trying, hoi_arena_room, hoi_segs_any | that memory is back | a shard sleeps on
 *  STARVED | hoi_shard_worth_trying | hoi_arena_wake, free_slot, give_rest | that a shard is about to sleep | the same
 * At least one of a recycler and a shard about to sleep sees the other: the push of the segment,
 * the load of `waiting`, the store of `waiting` and the recheck are all seq_cst (doorbell.inl).
 */
#include "arena_private.h"

/* Unused memory beyond the peak use of this epoch and the last one goes back to the system. The
 * epoch is long enough that a game's ticks don't release memory and take it again, and short
 * enough that a burst is soon forgotten. */
#define EPOCH_NS 1000000000
/* Limits the work of one call, so that none pays for a whole burst. */
#define SHRINK_STEP 2u

struct hoi_seg hoi_seg_none;

/* A shard that looked meanwhile may have gone to sleep because of this claim: it must look
 * again. */
static void unclaim(struct hoi_arena *a)
{
    (void)A_FSUB(a->held, 1, memory_order_seq_cst); /* edge UNUSED: release */
    if (hoi_arena_worth_trying(a))
        hoi_arena_wake(a);
}

static int32_t from_domain(struct hoi_arena *a, struct hoi_seg **seg)
{
    *seg = NULL;
    if (!hoi_arena_claim(a, 1))
        return HO_FULL;
    int32_t status = hoi_segs_acquire(&a->domain->segs, seg);
    if (status)
        unclaim(a);
    else
        hoi_set((*seg)->arena, a);
    return status;
}

static void raise(HOI_COUNTER(uint64_t) * peak, uint64_t now)
{
    uint64_t was = A_LOAD(*peak, memory_order_relaxed);
    while (now > was && !A_CAS(*peak, was, now, memory_order_relaxed, memory_order_relaxed))
        ;
}

static void note_use(struct hoi_arena *a)
{
    uint64_t now = A_FADD(a->in_use, 1, memory_order_relaxed) + 1;
    raise(&a->recent, now);
    raise(&a->peak, now);
}

static int32_t acquire(struct hoi_shard *sh, struct hoi_seg **seg)
{
    struct hoi_arena *a = sh->arena;
    *seg = hoi_seg_pop_tagged(&a->domain->segs, &a->unused);
    int32_t status = *seg ? HO_OK : from_domain(a, seg);
    if (status)
        return status;
    hoi_set((*seg)->shard, sh);
    note_use(a);
    return HO_OK;
}

static void leave(struct hoi_shard *sh, struct hoi_seg **current)
{
    struct hoi_seg *seg = *current;
    *current = &hoi_seg_none;
    if (seg != &hoi_seg_none && hoi_seg_seal(seg))
        hoi_seg_recycle(sh->domain, seg);
}

static int leave_idle(struct hoi_shard *sh, struct hoi_seg **current)
{
    if (!hoi_seg_idle(*current))
        return 0;
    leave(sh, current);
    return 1;
}

int hoi_shard_leave_idle(struct hoi_shard *sh)
{
    return leave_idle(sh, &sh->seg) | leave_idle(sh, &sh->recs) | hoi_kept_leave_idle(sh);
}

/* Keeps what was needed lately, and what the options keep in addition. */
static void shrink_to_need(struct hoi_arena *a, int64_t now)
{
    int64_t began = A_LOAD(a->epoch_ns, memory_order_relaxed);
    if (now - began >= EPOCH_NS &&
        A_CAS(a->epoch_ns, began, now, memory_order_relaxed, memory_order_relaxed)) {
        int skipped = now - began >= 2 * EPOCH_NS; /* nothing was in use for a whole epoch */
        hoi_set(a->before, skipped ? 0 : hoi_get(a->recent));
        hoi_set(a->recent, A_LOAD(a->in_use, memory_order_relaxed));
    }
    uint64_t recent = hoi_get(a->recent), before = hoi_get(a->before);
    uint64_t needed = recent > before ? recent : before;
    (void)hoi_arena_shrink(a, needed + a->keep_segs + hoi_arena_pool_segments(a), SHRINK_STEP);
}

int32_t hoi_shard_take(struct hoi_shard *sh, enum hoi_seg_use use, struct hoi_seg **seg)
{
    int32_t status = acquire(sh, seg);
    if (status == HO_FULL && hoi_shard_leave_idle(sh))
        status = acquire(sh, seg);
    if (status == HO_FULL && hoi_heap_trim(sh->arena, &(uint64_t){0}))
        status = acquire(sh, seg);
    if (status)
        return status;
    hoi_seg_open(&sh->domain->segs, *seg, use);
    hoi_set((*seg)->opened_ns, hoi_os_tick_ns());
    return HO_OK;
}

int32_t hoi_shard_next(struct hoi_shard *sh, enum hoi_seg_use use)
{
    struct hoi_seg **current = use == HOI_SEG_BYTES ? &sh->seg : &sh->recs;
    struct hoi_seg *seg;
    /* The old segment stays until there is a new one: a failed call changes nothing. But an old
     * segment with nothing outstanding is as good as a new one, and at the budget it is the only
     * one. */
    int32_t status = hoi_shard_take(sh, use, &seg);
    if (status)
        return status;
    leave(sh, current);
    *current = seg;
    if (sh->arena->keep_segs < sh->arena->budget_segs)
        shrink_to_need(sh->arena, hoi_get(seg->opened_ns));
    hoi_arena_watch_pins(sh->arena);
    return HO_OK;
}

void hoi_shard_leave(struct hoi_shard *sh)
{
    leave(sh, &sh->seg);
    leave(sh, &sh->recs);
    hoi_kept_leave(sh);
}

/* The segment's generations are used up: the arena may take another in its place. */
static HOI_COLD void retire(struct hoi_arena *a, struct hoi_seg *seg)
{
    hoi_set(seg->arena, NULL);
    hoi_segs_release(&a->domain->segs, seg);
    (void)A_FSUB(a->held, 1, memory_order_seq_cst); /* edge UNUSED: release */
}

void hoi_seg_recycle(struct hoi_domain *d, struct hoi_seg *seg)
{
    struct hoi_arena *a = hoi_get(seg->arena);
    hoi_set(seg->use, HOI_SEG_FREE);
    HO_HOOK("arena:before_recycle");
    if (!a) { /* the domain's own: slices */
        hoi_segs_release(&d->segs, seg);
        hoi_domain_wake(d);
        return;
    }
    if (hoi_likely(hoi_get(seg->gen) != HOI_GEN_LAST))
        hoi_seg_push_tagged(&a->unused, seg);
    else
        retire(a, seg);
    hoi_arena_wake(a);
    /* Nobody will reuse it, or not soon. */
    if (hoi_unlikely(A_LOAD(a->closing, memory_order_relaxed)) || hoi_unlikely(a->straggler))
        (void)hoi_arena_shrink(a, 0, 1);
    (void)A_FSUB(a->in_use, 1, memory_order_release); /* edge USED: release. Now it may go */
}

uint64_t hoi_arena_shrink(struct hoi_arena *a, uint64_t most, uint64_t step)
{
    struct hoi_segs *segs = &a->domain->segs;
    struct hoi_seg *seg;
    uint64_t n = 0;
    for (; n < step && hoi_arena_held(a) > most; n++) {
        if (!(seg = hoi_seg_pop_tagged(segs, &a->unused)))
            break;
        hoi_set(seg->arena, NULL);
        hoi_seg_discard(segs, seg);
        hoi_seg_push_tagged(&segs->free_stack, seg);
        (void)A_FSUB(a->held, 1, memory_order_seq_cst); /* edge UNUSED: release */
    }
    if (n)
        hoi_domain_wake(a->domain);
    return n;
}

int hoi_arena_worth_trying(struct hoi_arena *a)
{
    return (uint32_t)A_LOAD(a->unused, memory_order_seq_cst) != 0 || /* edge UNUSED: acquire */
           (hoi_held_of(A_LOAD(a->held, memory_order_seq_cst)) <
                a->budget_segs && /* edge UNUSED: acquire */
            hoi_segs_any(&a->domain->segs)) ||
           A_LOAD(a->closing, memory_order_seq_cst); /* edge CLOSING: acquire */
}

int hoi_arena_room(struct hoi_arena *a, uint64_t n)
{
    (void)hoi_arena_shrink(a, a->budget_segs - n, n);
    return hoi_held_of(A_LOAD(a->held, memory_order_seq_cst)) + n <=
               a->budget_segs ||                     /* edge UNUSED: acquire */
           A_LOAD(a->closing, memory_order_seq_cst); /* edge CLOSING: acquire */
}

void hoi_arena_wake(struct hoi_arena *a)
{
    if (hoi_likely(!A_LOAD(a->waiting, memory_order_seq_cst))) /* edge STARVED: acquire */
        return;
    (void)A_XCHG(a->waiting, 0, memory_order_seq_cst); /* edge STARVED: acquire */
    for (uint32_t n = 0; n < HOI_SHARDS_MAX; n++) {
        struct hoi_shard *sh = A_LOAD(a->shards[n], memory_order_acquire); /* edge SHARD: acquire */
        if (!sh)
            break;
        (void)hoi_bell_wake(hoi_get(sh->bell));
    }
}
