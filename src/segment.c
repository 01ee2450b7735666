/* SPDX-License-Identifier: MIT */
/*
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  FRESH | acquire_fresh | hoi_seg_find, usual_seg, hoi_parent_of, hoi_census_take, find_pinners | that the bookkeeping is committed | a fault on a forged handle
 *  OPEN | hoi_seg_open | census_segment, hoi_seg_hold, find_pinners | the bookkeeping of this generation | wrong statistics
 *  FREE | hoi_seg_push_tagged | hoi_seg_pop_tagged | the last reads by returners | bytes reused under a reader
 */
#include "segment.h"

int32_t hoi_segs_init(struct hoi_segs *segs, uint64_t max_bytes, uint32_t seg_bytes)
{
    uint64_t max = max_bytes / seg_bytes;
    if (max == 0 || max >= HOI_SEGS_MAX)
        return HO_E_RANGE;
    if (hoi_os_random(&segs->key, sizeof segs->key))
        return HO_E_SYSTEM;
    segs->seg_bytes = seg_bytes;
    segs->max = (uint32_t)max;
    segs->table = hoi_os_reserve(max * sizeof(struct hoi_seg));
    segs->data = hoi_os_reserve(max * seg_bytes);
    if (segs->table && segs->data)
        return HO_OK;
    hoi_segs_free(segs);
    return HO_E_NOMEM;
}

void hoi_segs_free(struct hoi_segs *segs)
{
    hoi_os_release(segs->table, segs->max * sizeof(struct hoi_seg));
    hoi_os_release(segs->data, (uint64_t)segs->max * segs->seg_bytes);
    segs->table = NULL;
    segs->data = NULL;
}

static int32_t acquire_fresh(struct hoi_segs *segs, struct hoi_seg **seg)
{
    uint32_t index = A_LOAD(segs->fresh, memory_order_relaxed);
    for (;;) {
        if (index >= segs->max)
            return HO_FULL;
        struct hoi_seg *s = hoi_seg_at(segs, index);
        uint8_t *base = segs->data + (uint64_t)index * segs->seg_bytes;
        /* Committing twice is harmless, so the loser of the race below just continues. */
        if (hoi_os_commit(s, sizeof *s) || hoi_os_commit(base, segs->seg_bytes))
            return HO_E_NOMEM;
        if (A_CAS(segs->fresh, index, index + 1, memory_order_acq_rel, /* edge FRESH: release */
                  memory_order_relaxed)) {
            s->index = index;
            s->base = (uint64_t)(uintptr_t)base;
            s->end = s->base + segs->seg_bytes;
            s->note_base = HOI_NOTE_BASE(s->base);
            *seg = s;
            return HO_OK;
        }
    }
}

int32_t hoi_segs_acquire(struct hoi_segs *segs, struct hoi_seg **seg)
{
    *seg = hoi_seg_pop_tagged(segs, &segs->free_stack);
    return *seg ? HO_OK : acquire_fresh(segs, seg);
}

void hoi_segs_release(struct hoi_segs *segs, struct hoi_seg *seg)
{
    if (hoi_likely(hoi_get(seg->gen) != HOI_GEN_LAST))
        hoi_seg_push_tagged(&segs->free_stack, seg);
    else /* retired: its words stay, and refuse stale copies */
        hoi_seg_discard(segs, seg);
}

int hoi_segs_any(struct hoi_segs *segs)
{
    return (uint32_t)A_LOAD(segs->free_stack, memory_order_seq_cst) || /* edge UNUSED: acquire */
           hoi_get(segs->fresh) < segs->max;
}

void hoi_seg_open(const struct hoi_segs *segs, struct hoi_seg *seg, enum hoi_seg_use use)
{
    uint32_t gen = hoi_get(seg->gen) + 1; /* 1 is the first, so no handle is 0 */
    hoi_set(seg->gen, gen);
    hoi_set(seg->issued, 0);
    seg->opened = 0;
    hoi_set(seg->cursor, seg->base);
    hoi_set(seg->handle_base, (uint64_t)gen << 32 | (uint64_t)seg->index << 12);
    hoi_set(seg->sealed, 0);
    A_STORE(seg->count, HOI_COUNT_BIAS, memory_order_relaxed); /* published with the first buffer */
    seg->key = segs->key;
    seg->mark = hoi_seal(&segs->key, HO_KIND_LOAN, hoi_get(seg->handle_base), seg->base);
    A_STORE(seg->use, use, memory_order_release); /* edge OPEN: release */
}

int hoi_seg_more_numbers(struct hoi_seg *seg, uint32_t limit)
{
    if (seg->opened >= limit)
        return 0;
    hoi_word_open(&seg->words[seg->opened / HOI_WORD_BITS], hoi_get(seg->gen));
    seg->opened += HOI_WORD_BITS;
    return 1;
}

int hoi_seg_idle(struct hoi_seg *seg)
{
    uint32_t issued = hoi_get(seg->issued);
    for (uint32_t i = 0; i < issued; i += HOI_WORD_BITS) {
        uint32_t live = (uint32_t)hoi_get(seg->words[i / HOI_WORD_BITS]);
        if (issued - i < HOI_WORD_BITS)
            live &= ~(0xffffffffu << (issued - i));
        if (live)
            return 0;
    }
    /* If a slice holds it, sealing now would gain nothing. */
    return issued != 0 && A_LOAD(seg->count, memory_order_relaxed) < HOI_COUNT_HOLD;
}

int hoi_seg_seal(struct hoi_seg *seg)
{
    uint32_t issued = hoi_get(seg->issued);
    hoi_set(seg->sealed, 1);
    seg->opened = issued; /* from here on only hoi_seg_issue_late issues numbers */
    HO_HOOK("segment:before_seal");
    return hoi_seg_seal_count(seg->words, &seg->count, hoi_get(seg->gen), issued);
}

void hoi_seg_discard(const struct hoi_segs *segs, struct hoi_seg *seg)
{
    uint8_t *pages = (uint8_t *)seg + HOI_SEG_KEPT_PAGES * 4096;
    hoi_os_discard((void *)(uintptr_t)seg->base, segs->seg_bytes);
    hoi_os_discard(pages, (HOI_SEG_PAGES - HOI_SEG_KEPT_PAGES) * 4096);
}

void hoi_seg_push_tagged(A_TYPE(uint64_t) * stack, struct hoi_seg *seg)
{
    uint64_t head = A_LOAD(*stack, memory_order_relaxed), next;
    do {
        hoi_set(seg->next, (uint32_t)head);
        next = ((head >> 32) + 1) << 32 | (seg->index + 1);
    } while (!A_CAS(*stack, head, next,
                    memory_order_seq_cst, /* edge FREE: release, edge UNUSED: release */
                    memory_order_relaxed));
}

struct hoi_seg *hoi_seg_pop_tagged(const struct hoi_segs *segs, A_TYPE(uint64_t) * stack)
{
    uint64_t head = A_LOAD(*stack, memory_order_acquire), next; /* edge FREE: acquire */
    struct hoi_seg *seg;
    do {
        if (!(uint32_t)head)
            return NULL;
        seg = hoi_seg_at(segs, (uint32_t)head - 1);
        /* `next` may be stale by now; then the tag has changed and the exchange fails. */
        next = ((head >> 32) + 1) << 32 | hoi_get(seg->next);
    } while (!A_CAS(*stack, head, next, memory_order_acquire, /* edge FREE: acquire */
                    memory_order_acquire));
    return seg;
}
