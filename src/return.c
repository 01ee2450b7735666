/* SPDX-License-Identifier: MIT */
/*
 * Returning. Adjacent buffers of a batch that share a segment's word take one compare-exchange. A
 * foreign buffer's release runs, or is queued, only after the exchange has proved that this is the
 * one legal return.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  REFS | foreign_return, parent_drop | the same | reads through the other parts | released too early
 */
#include "owner_private.h"
#include "arena_private.h"

#include "handoff/consumer.h"

#define RELEASES_MAX 32u

/* Collects the releases of an inline owner for one call. */
struct batch {
    struct hoi_domain *d;
    struct hoi_owner *owner; /* the current owner */
    uint32_t id;             /* its id, 0 at first */
    uint32_t reason;
    uint32_t count;
    ho_release_rec recs[RELEASES_MAX];
};

static void batch_run(struct batch *t)
{
    if (t->count)
        hoi_owner_release(t->owner, t->recs, t->count);
    t->count = 0;
}

/* Makes room for a release of this owner. The owner has a buffer outstanding, so it exists. */
static HOI_COLD void batch_turn(struct batch *t, uint32_t id)
{
    batch_run(t);
    t->id = id;
    t->owner =
        A_LOAD(t->d->owners[hoi_owner_index(id)], memory_order_acquire); /* edge OWNER: acquire */
}

/* Numbers of one word that are returned together. */
struct group {
    struct hoi_seg *seg;
    uint32_t word;
    uint32_t mask;
    uint64_t id; /* a handle of the group */
};

static void drop(struct hoi_domain *d, struct hoi_seg *seg, uint64_t n)
{
    if (n && hoi_count_drop(&seg->count, n))
        hoi_seg_recycle(d, seg);
}

/* The last part of a foreign buffer has come back. The caller holds the record's segment. */
static inline void foreign_done(struct batch *t, struct hoi_seg *seg, uint32_t number)
{
    struct hoi_foreign *f = hoi_foreign_at(seg, number);
    uint32_t id = hoi_get(f->owner);
    if (hoi_unlikely(id == HOI_OWNER_BLOCKS)) {
        hoi_set(f->refs, 0);
        hoi_block_free(hoi_get(seg->arena), (void *)(uintptr_t)hoi_get(f->base), hoi_get(f->size));
        return;
    }
    if (hoi_unlikely(id != t->id) || hoi_unlikely(t->count == RELEASES_MAX))
        batch_turn(t, id);
    if (hoi_likely(t->owner->mode == HO_RELEASE_INLINE)) {
        t->recs[t->count++] = (ho_release_rec){.token = hoi_get(f->token),
                                               .base = (void *)(uintptr_t)hoi_get(f->base),
                                               .size = hoi_get(f->size),
                                               .owner = id,
                                               .reason = t->reason};
        hoi_set(f->refs, 0); /* for ho_stats_get: released */
        return;
    }
    hoi_set(f->refs, 1); /* for ho_stats_get: not released until drained */
    hoi_set(f->reason, t->reason);
    hoi_count_hold(&seg->count, HOI_COUNT_HOLD); /* until it is drained */
    hoi_owner_queue(t->owner, seg, number);
}

/* Foreign buffers: the record must stay readable after the exchange, so the group itself holds
 * the segment. The hold and the word's count are dropped in one subtraction. */
static enum hoi_returned foreign_return(struct batch *t, const struct group *g)
{
    if (!hoi_count_try_hold(&g->seg->count, HOI_COUNT_HOLD))
        return HOI_RETURN_STALE; /* recycled since that look: another return came first */
    enum hoi_returned done = hoi_word_return(&g->seg->words[g->word], g->id, g->mask);
    HO_HOOK("return:before_record");
    for (uint32_t rest = done ? g->mask : 0; rest; rest &= rest - 1) {
        uint32_t number = g->word * HOI_WORD_BITS + (uint32_t)__builtin_ctz(rest);
        struct hoi_foreign *f = hoi_foreign_at(g->seg, number);
        /* 1: no slice is outstanding, and only a holder could make one. */
        if (A_LOAD(f->refs, memory_order_acquire) == 1 || /* edge REFS: acquire */
            A_FSUB(f->refs, 1, memory_order_acq_rel) ==
                1) /* edge REFS: release, edge REFS: acquire */
            foreign_done(t, g->seg, number);
    }
    drop(t->d, g->seg, HOI_COUNT_HOLD + (done == HOI_RETURNED_LAST));
    return done;
}

/* Drops a slice's hold on its parent, or one from hoi_parent_hold. */
static void parent_drop(struct batch *t, uint64_t parent)
{
    struct hoi_seg *seg = hoi_seg_at(&t->d->segs, hoi_buf_seg(parent));
    if (hoi_get(seg->use) == HOI_SEG_FOREIGN &&
        A_FSUB(hoi_foreign_at(seg, hoi_buf_number(parent))->refs, 1, memory_order_acq_rel) ==
            1) /* edge REFS: release, edge REFS: acquire */
        foreign_done(t, seg, hoi_buf_number(parent));
    drop(t->d, seg, HOI_COUNT_HOLD);
}

/* Slices: each drops its hold on its parent. */
static enum hoi_returned slices_return(struct batch *t, const struct group *g)
{
    uint64_t parents[HOI_WORD_BITS];
    for (uint32_t rest = g->mask; rest; rest &= rest - 1) {
        uint32_t bit = (uint32_t)__builtin_ctz(rest);
        parents[bit] = hoi_get(hoi_slice_at(g->seg, g->word * HOI_WORD_BITS + bit)->parent);
    }
    enum hoi_returned done = hoi_word_return(&g->seg->words[g->word], g->id, g->mask);
    for (uint32_t rest = done ? g->mask : 0; rest; rest &= rest - 1)
        parent_drop(t, parents[__builtin_ctz(rest)]);
    drop(t->d, g->seg, done == HOI_RETURNED_LAST);
    return done;
}

static enum hoi_returned group_return(struct batch *t, const struct group *g)
{
    uint32_t use = hoi_get(g->seg->use);
    if (hoi_likely(use == HOI_SEG_BYTES)) {
        enum hoi_returned done = hoi_word_return(&g->seg->words[g->word], g->id, g->mask);
        if (done == HOI_RETURNED_LAST)
            drop(t->d, g->seg, 1);
        return done;
    }
    /* The word is checked first, because only a thread that has a buffer in it may hold the
     * segment. */
    uint64_t word = hoi_get(g->seg->words[g->word]);
    if (use == HOI_SEG_FREE || (word ^ g->id) >> 32 || ((uint32_t)word & g->mask) != g->mask)
        return HOI_RETURN_STALE;
    return use == HOI_SEG_FOREIGN ? foreign_return(t, g) : slices_return(t, g);
}

/* Starts a group with a buffer. */
static inline int32_t group_begin(struct hoi_domain *d, const ho_buf *b, struct group *g)
{
    if (hoi_unlikely(b->kind < HO_KIND_ARENA || b->kind > HO_KIND_SLICE))
        return HO_E_KIND;
    int32_t status = hoi_seg_find(&d->segs, b->handle, &g->seg);
    if (hoi_unlikely(status))
        return status;
    if (hoi_unlikely(!hoi_seal_fits(d, b)))
        return HO_E_STALE;
    uint32_t number = hoi_buf_number(b->handle);
    g->word = number / HOI_WORD_BITS;
    g->id = b->handle;
    g->mask = (uint32_t)1 << number % HOI_WORD_BITS;
    return HO_OK;
}

/* Handles that differ only in the bit share a word: segment, generation and word are equal. */
static inline uint32_t group_extend(const struct hoi_domain *d, const ho_buf *bufs, uint32_t count,
                                    struct group *g)
{
    uint64_t rest = bufs[0].handle / HOI_WORD_BITS;
    uint32_t n = 1, mask = g->mask;
    for (; n < count; n++) {
        uint64_t handle = bufs[n].handle;
        uint32_t bit = (uint32_t)1 << handle % HOI_WORD_BITS;
        if (handle / HOI_WORD_BITS != rest || (mask & bit) || bufs[n].kind != bufs[0].kind ||
            !hoi_seal_fits(d, &bufs[n]))
            break;
        mask |= bit;
    }
    g->mask = mask;
    return n;
}

/* Returns a prefix of the batch; says how many, and why it stopped. */
static int32_t return_all(struct batch *t, ho_buf *bufs, uint32_t count, uint32_t *returned)
{
    uint32_t i = 0;
    int32_t status = HO_OK;
    while (i < count) {
        struct group g;
        if (hoi_unlikely(bufs[i].kind == HO_KIND_EMPTY && !bufs[i].handle)) {
            bufs[i++] = (ho_buf){0};
            continue;
        }
        status = group_begin(t->d, &bufs[i], &g);
        if (hoi_unlikely(status))
            break;
        uint32_t first = g.mask, n = group_extend(t->d, bufs + i, count - i, &g);
        if (hoi_unlikely(!group_return(t, &g))) {
            /* One of them is stale. Return them one by one to find which: those before it are
             * returned. */
            g.mask = first;
            n = 1;
            if (!group_return(t, &g)) {
                status = HO_E_STALE;
                break;
            }
        }
        for (uint32_t k = 0; k < n; k++)
            bufs[i + k] = (ho_buf){0};
        i += n;
    }
    *returned = i;
    batch_run(t);
    return status;
}

/* Is the descriptor one of committed arena memory, as handed out? Then its segment's word
 * decides the rest. */
static inline int usual(const struct hoi_domain *d, const ho_buf *b)
{
    return hoi_likely(b->kind == HO_KIND_ARENA) &&
           hoi_likely(b->owner == hoi_seal_of(&d->segs.key, HO_KIND_ARENA, b));
}

/* A handle whose seal fits names a segment of bytes. Does the domain have a segment of this
 * number, though? */
static inline int usual_seg(const struct hoi_domain *d, uint64_t handle)
{
    return (hoi_buf_seg(handle) <
            A_LOAD(d->segs.fresh, memory_order_acquire)); /* edge FRESH: acquire */
}

static inline enum hoi_returned word_return(struct hoi_seg *seg, uint64_t handle, uint32_t mask)
{
    return hoi_word_return(&seg->words[hoi_buf_number(handle) / HOI_WORD_BITS], handle, mask);
}

/*
 * Returns adjacent buffers that share a word, from the front. Returns how many; 0: the first is not
 * usual, or one of them is stale, and nothing has changed. Out of line, to give its loop the
 * registers.
 */
static __attribute__((noinline)) uint32_t return_group(struct hoi_domain *d, ho_buf *bufs,
                                                       uint32_t count)
{
    const ho_buf *b = bufs, *end = bufs + count;
    uint64_t first = bufs->handle;
    uint32_t mask = 0;
    do {
        uint32_t bit = (uint32_t)1 << b->handle % HOI_WORD_BITS;
        if (!usual(d, b) || hoi_unlikely(mask & bit))
            break;
        mask |= bit;
    } while (++b != end && (b->handle ^ first) < HOI_WORD_BITS);
    uint32_t n = (uint32_t)(b - bufs);
    if (hoi_unlikely(!n) || !usual_seg(d, first))
        return 0;
    struct hoi_seg *seg = hoi_seg_at(&d->segs, hoi_buf_seg(first));
    enum hoi_returned done = word_return(seg, first, mask);
    if (hoi_unlikely(!done))
        return 0;
    for (uint32_t i = 0; i < n; i++)
        bufs[i] = (ho_buf){0};
    if (hoi_unlikely(done == HOI_RETURNED_LAST))
        drop(d, seg, 1);
    return n;
}

static __attribute__((noinline)) int32_t
return_rest(struct hoi_domain *d, ho_buf *bufs, uint32_t count, uint32_t reason, uint32_t *done)
{
    struct batch t;
    uint32_t more;
    t.d = d;
    t.id = 0;
    t.reason = reason;
    t.count = 0;
    int32_t status = return_all(&t, bufs + *done, count - *done, &more);
    *done += more;
    return status;
}

/* Any number, any kind. */
static __attribute__((noinline)) int32_t return_many(ho_domain *handle, ho_buf *bufs,
                                                     uint32_t count, uint32_t *returned)
{
    struct hoi_domain *d = hoi_domain_get(handle);
    uint32_t done = 0, n;
    int32_t status = HO_OK;
    if (hoi_unlikely(!d))
        status = hoi_handle_status();
    else if (hoi_unlikely(!bufs))
        status = count ? HO_E_INVAL : HO_OK;
    else
        while (done < count && (n = return_group(d, bufs + done, count - done)))
            done += n;
    if (hoi_unlikely(done < count) && !status)
        status = return_rest(d, bufs, count, HO_REASON_CONSUMED, &done);
    if (returned)
        *returned = done;
    return status;
}

/* The last of its word, or not usual. */
static HOI_COLD int32_t return_last(struct hoi_domain *d, uint64_t own)
{
    drop(d, hoi_seg_at(&d->segs, hoi_buf_seg(own)), 1);
    return HO_OK;
}

static HOI_COLD int32_t return_one(struct hoi_domain *d, ho_buf *buf, uint32_t *returned)
{
    return return_many((ho_domain *)(uintptr_t)d->handle, buf, 1, returned);
}

/* The usual call is one message: no loops and their registers. */
int32_t ho_return(ho_domain *handle, ho_buf *bufs, uint32_t count, uint32_t *returned)
{
    struct hoi_domain *d = hoi_handle_usual(HOI_DOMAIN, handle);
    if (hoi_unlikely(!d) || count != 1 || hoi_unlikely(!bufs))
        return return_many(handle, bufs, count, returned);
    uint64_t own = bufs->handle;
    if (hoi_unlikely(!usual(d, bufs)) || hoi_unlikely(!usual_seg(d, own)))
        return return_one(d, bufs, returned);
    enum hoi_returned done = word_return(hoi_seg_at(&d->segs, hoi_buf_seg(own)), own,
                                         (uint32_t)1 << own % HOI_WORD_BITS);
    if (hoi_unlikely(!done))
        return return_one(d, bufs, returned);
    *bufs = (ho_buf){0};
    if (returned)
        *returned = 1;
    return hoi_likely(done == HOI_RETURNED) ? HO_OK : return_last(d, own);
}

void hoi_release(struct hoi_domain *d, ho_buf *bufs, uint32_t count, uint32_t reason)
{
    uint32_t done = 0;
    /* A buffer already returned through a copy is stale: skip it and release the others. */
    while (done < count && return_rest(d, bufs, count, reason, &done))
        bufs[done++] = (ho_buf){0};
}

void hoi_parent_drop(struct hoi_domain *d, uint64_t parent)
{
    struct batch t;
    t.d = d;
    t.id = 0;
    t.reason = HO_REASON_CONSUMED;
    t.count = 0;
    parent_drop(&t, parent);
    batch_run(&t);
}
