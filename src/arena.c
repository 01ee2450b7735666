/* SPDX-License-Identifier: MIT */
/*
 * Arena: a service's memory, sharded per producer.
 *
 * A producer fills one segment front to back. When it is full, the next one comes, in this order,
 * from: what returners have pushed back to it, its own spare ones, the domain, within the budget, and
 * last, what lies unused in other producers' shards.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  SHARD | producer_slot | from_others, counters_add | the producer object | a read of what is not set up
 *  USED | hoi_seg_recycle | hoi_outstanding_add | that the recycler has done | a service freed under it
 */
#include "producer_private.h"

struct hoi_seg hoi_seg_none;

/* A list becomes the producer's spare ones, in front of those that it has; only it adds to them. */
static void stash(struct hoi_producer *p, struct hoi_seg *list)
{
    const struct hoi_segs *segs = &p->domain->segs;
    struct hoi_seg *last = list, *next;
    struct hoi_seg *spare = hoi_seg_pop_all(segs, &p->spare);
    if (spare) {
        while ((next = hoi_seg_next(segs, last)))
            last = next;
        hoi_set(last->next, spare->index + 1);
    }
    A_STORE(p->spare, list->index + 1, memory_order_release); /* edge FREE: release */
}

/* Takes one segment of a stack, all of which becomes this producer's. */
static struct hoi_seg *take_one(struct hoi_producer *p, A_TYPE(uint32_t) * stack)
{
    struct hoi_seg *seg = hoi_seg_pop_all(&p->domain->segs, stack);
    struct hoi_seg *rest = seg ? hoi_seg_next(&p->domain->segs, seg) : NULL;
    if (rest)
        stash(p, rest);
    return seg;
}

/* What came back last first: it is still in a cache, and what a peak once needed is left alone. */
static struct hoi_seg *from_returned(struct hoi_producer *p)
{
    struct hoi_seg *seg = take_one(p, &p->returned);
    return seg ? seg : take_one(p, &p->spare);
}

static int32_t from_domain(struct hoi_producer *p, struct hoi_seg **seg)
{
    struct hoi_service *s = p->service;
    *seg = NULL;
    if (A_FADD(s->held, 1, memory_order_relaxed) >= s->budget_segs) {
        (void)A_FSUB(s->held, 1, memory_order_relaxed);
        return HO_FULL;
    }
    int32_t status = hoi_segs_acquire(&p->domain->segs, seg);
    if (status)
        (void)A_FSUB(s->held, 1, memory_order_relaxed);
    else
        hoi_set((*seg)->service, s);
    return status;
}

/* What other producers have no use for just now. Bounded by their number; only at the budget. */
static struct hoi_seg *from_others(struct hoi_producer *p)
{
    for (uint32_t i = 0; i < HOI_PRODUCERS_MAX; i++) {
        struct hoi_producer *other =
            A_LOAD(p->service->producers[i], memory_order_acquire); /* edge SHARD: acquire */
        if (!other)
            break; /* numbers are given lowest first and never taken back */
        struct hoi_seg *seg = take_one(p, &other->returned);
        if (!seg)
            seg = take_one(p, &other->spare);
        if (seg)
            return seg;
    }
    return NULL;
}

static void note_use(struct hoi_service *s)
{
    uint64_t now = A_FADD(s->in_use, 1, memory_order_relaxed) + 1;
    uint64_t peak = hoi_get(s->peak);
    while (now > peak && !A_CAS(s->peak, peak, now, memory_order_relaxed, memory_order_relaxed))
        ;
}

static int32_t acquire(struct hoi_producer *p, struct hoi_seg **seg)
{
    int32_t status = HO_OK;
    *seg = from_returned(p);
    if (!*seg)
        status = from_domain(p, seg);
    if (!*seg)
        *seg = from_others(p);
    if (!*seg)
        return status;
    (*seg)->shard = p->number;
    note_use(p->service);
    return HO_OK;
}

static void leave(struct hoi_producer *p, struct hoi_seg **current)
{
    struct hoi_seg *seg = *current;
    *current = &hoi_seg_none;
    if (seg != &hoi_seg_none && hoi_seg_seal(seg))
        hoi_seg_recycle(p->domain, seg);
}

static int leave_idle(struct hoi_producer *p, struct hoi_seg **current)
{
    if (!hoi_seg_idle(*current))
        return 0;
    leave(p, current);
    return 1;
}

int32_t hoi_arena_next(struct hoi_producer *p, enum hoi_seg_use use)
{
    struct hoi_seg **current = use == HOI_SEG_BYTES ? &p->seg : &p->recs;
    struct hoi_seg *seg;
    /* The old one stays until there is a new one: a failed call changes nothing. But an old one
     * that nobody holds anything of is as good as new, and at the budget it is the only one. */
    int32_t status = acquire(p, &seg);
    if (status == HO_FULL && (leave_idle(p, &p->seg) | leave_idle(p, &p->recs)))
        status = acquire(p, &seg);
    if (status)
        return status;
    leave(p, current);
    hoi_seg_open(&p->domain->segs, seg, use);
    *current = seg;
    return HO_OK;
}

void hoi_arena_leave(struct hoi_producer *p)
{
    leave(p, &p->seg);
    leave(p, &p->recs);
}

void hoi_seg_recycle(struct hoi_domain *d, struct hoi_seg *seg)
{
    struct hoi_service *s = hoi_get(seg->service);
    hoi_set(seg->use, HOI_SEG_FREE);
    HO_HOOK("arena:before_recycle");
    if (!s) { /* the domain's own: slices */
        hoi_seg_push_tagged(&d->segs.free_stack, seg);
        return;
    }
    struct hoi_producer *home = A_LOAD(s->producers[seg->shard], memory_order_relaxed);
    hoi_seg_push(&home->returned, seg);
    if (s->policy == HO_POLICY_WAIT)
        (void)hoi_bell_wake(&home->bell);
    (void)A_FSUB(s->in_use, 1, memory_order_release); /* edge USED: release. Now it may go */
}
