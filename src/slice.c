/* SPDX-License-Identifier: MIT */
/*
 * Slices get numbers from segments that the domain owns and any thread fills. Each number's bit is
 * set when it is taken, so a segment of slices is never sealed: the cursor holds it while it is
 * current.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  SLICES | install | take_number | that the segment is open | a slice that is stale at birth
 */
#include "arena_private.h"

#include "handoff/consumer.h"

/*
 * cursor: {segment + 1, next number}. It needs no tag against ABA. A successful exchange is valid
 * however old the value that it compared: it takes this number of the current segment, or replaces
 * a segment that is used up. The generation is right, too: each number that the cursor has not
 * issued holds the segment by a count, and the thread that takes one keeps that count until the
 * number's bit is set. So the generation is read from the segment after the exchange; it can't
 * change before.
 */
#define CURSOR(index, number) ((uint64_t)((index) + 1) << 32 | (number))
#define CURSOR_SEG(c) ((uint32_t)((c) >> 32) - 1)
#define CURSOR_NUMBER(c) ((uint32_t)(c))

/* Installs a new segment of slices in place of the used-up one (`old`). */
static int32_t install(struct hoi_domain *d, uint64_t old)
{
    struct hoi_seg *seg;
    int32_t status = hoi_segs_acquire(&d->segs, &seg);
    if (status)
        return HO_E_NOMEM;
    hoi_seg_open(&d->segs, seg, HOI_SEG_SLICES);
    hoi_count_hold(&seg->count, d->slice_numbers);
    (void)hoi_count_drop(&seg->count, HOI_COUNT_BIAS);
    uint64_t next = CURSOR(seg->index, 0);
    if (A_CAS(d->slices.cursor, old, next, memory_order_acq_rel, /* edge SLICES: release */
              memory_order_relaxed))
        return HO_OK;
    if (hoi_count_drop(&seg->count, d->slice_numbers)) /* another thread was first */
        hoi_seg_recycle(d, seg);
    return HO_OK;
}

/* Takes the next free number: a segment and a number. */
static int32_t take_number(struct hoi_domain *d, struct hoi_seg **seg, uint32_t *number)
{
    uint64_t cursor = A_LOAD(d->slices.cursor, memory_order_acquire); /* edge SLICES: acquire */
    for (;;) {
        if (!cursor || CURSOR_NUMBER(cursor) >= d->slice_numbers) {
            int32_t status = install(d, cursor);
            if (status)
                return status;
            cursor = A_LOAD(d->slices.cursor, memory_order_acquire); /* edge SLICES: acquire */
        } else if (A_CAS(d->slices.cursor, cursor, cursor + 1, memory_order_acq_rel,
                         memory_order_acquire)) { /* edge SLICES: acquire */
            *seg = hoi_seg_at(&d->segs, CURSOR_SEG(cursor));
            *number = CURSOR_NUMBER(cursor);
            hoi_seg_issue_late((*seg)->words, &(*seg)->count, hoi_get((*seg)->gen), *number);
            (void)hoi_count_drop(&(*seg)->count, 1); /* taken: the bit counts from here on */
            return HO_OK;
        }
    }
}

static void drop(struct hoi_domain *d, struct hoi_seg *seg, uint64_t n)
{
    if (hoi_count_drop(&seg->count, n))
        hoi_seg_recycle(d, seg);
}

/* Adds a part to a foreign buffer, unless its last part has been returned. */
static int foreign_hold(struct hoi_foreign *f)
{
    uint32_t refs = A_LOAD(f->refs, memory_order_relaxed);
    do
        if (refs == 0)
            return 0;
    while (!A_CAS(f->refs, refs, refs + 1, memory_order_relaxed, memory_order_relaxed));
    return 1;
}

/* Finds the parent's segment and, for a foreign parent, the record. */
int hoi_parent_hold(struct hoi_domain *d, uint64_t parent)
{
    struct hoi_seg *seg = hoi_seg_at(&d->segs, hoi_buf_seg(parent));
    if (!hoi_count_try_hold(&seg->count, HOI_COUNT_HOLD))
        return 0;
    uint32_t use = hoi_get(seg->use), number = hoi_buf_number(parent);
    uint64_t word = hoi_get(seg->words[number / HOI_WORD_BITS]); /* its own generation: kept.c */
    if (word >> 32 == hoi_buf_gen(parent) &&
        (use == HOI_SEG_BYTES ||
         (use == HOI_SEG_FOREIGN && foreign_hold(hoi_foreign_at(seg, number)))))
        return 1;
    drop(d, seg, HOI_COUNT_HOLD);
    return 0;
}

/* Gives back a number that was not used. */
static void give_number_back(struct hoi_domain *d, struct hoi_seg *seg, uint32_t number)
{
    uint32_t bit = (uint32_t)1 << number % HOI_WORD_BITS;
    if (hoi_word_return(&seg->words[number / HOI_WORD_BITS], hoi_word_pack(hoi_get(seg->gen), 0),
                        bit) == HOI_RETURNED_LAST)
        drop(d, seg, 1);
}

int32_t ho_slice(ho_domain *handle, const ho_buf *src, uint64_t offset, uint64_t len, ho_buf *slice)
{
    struct hoi_domain *d = hoi_domain_get(handle);
    struct hoi_seg *seg;
    uint32_t number;
    if (slice && slice != src)
        *slice = (ho_buf){0};
    if (!d)
        return hoi_handle_status();
    if (!src || !slice || slice == src)
        return HO_E_INVAL;
    int32_t status = hoi_buffer_check(d, src);
    if (status)
        return status;
    if (offset > src->len || len > src->len - offset)
        return HO_E_RANGE;
    status = take_number(d, &seg, &number);
    if (status)
        return status;
    uint64_t parent = hoi_parent_of(&d->segs, src->handle);
    if (!hoi_parent_hold(d, parent)) {
        give_number_back(d, seg, number);
        return HO_E_STALE;
    }
    hoi_set(hoi_slice_at(seg, number)->parent, parent);
    const struct hoi_seg *from = hoi_seg_at(&d->segs, hoi_buf_seg(src->handle));
    uint64_t note = hoi_get(from->notes[hoi_buf_number(src->handle)]);
    hoi_set(seg->notes[number], hoi_note_to(hoi_note_service(note)));
    *slice = *src;
    slice->ptr = src->ptr + offset;
    slice->len = len;
    slice->cap = len;
    slice->handle = hoi_get(seg->handle_base) + number;
    slice->hops = 0;
    slice->kind = HO_KIND_SLICE;
    slice->owner = hoi_seal_of(&d->segs.key, HO_KIND_SLICE, slice);
    return HO_OK;
}
