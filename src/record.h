/* SPDX-License-Identifier: MIT */
/*
 * Records: what the library knows about a foreign buffer or a slice. They lie in segments of their
 * own, never in the memory that they describe, and are counted and recycled as buffers are. Fields
 * are relaxed atomics: a stale handle may read a record that is being reused. The exchange on its
 * word then fails, and what was read is discarded.
 */
#ifndef HOI_RECORD_H
#define HOI_RECORD_H

#include "segment.h"

struct hoi_foreign {
    HOI_COUNTER(uint64_t) token;
    HOI_COUNTER(uint64_t) base;
    HOI_COUNTER(uint64_t) size;
    HOI_COUNTER(uint32_t) owner;
    A_TYPE(uint32_t) refs;        /* the buffer itself and its slices */
    HOI_COUNTER(uint32_t) reason; /* while queued */
    HOI_COUNTER(uint32_t) next;   /* while queued: {segment, number} of the next + 1 */
};

/* A slice's record holds its parent: the handle of the arena buffer or foreign buffer that has
 * the bytes. */
struct hoi_slice_record {
    HOI_COUNTER(uint64_t) parent;
};

/* Issues a domain's slice numbers: any thread, by compare-exchange. */
struct hoi_slices {
    /* {segment + 1:32, number:32}; 0 = no segment yet. */
    HOI_APART A_TYPE(uint64_t) cursor;
};

static inline struct hoi_foreign *hoi_foreign_at(const struct hoi_seg *seg, uint32_t number)
{
    return (struct hoi_foreign *)(uintptr_t)seg->base + number;
}

static inline struct hoi_slice_record *hoi_slice_at(const struct hoi_seg *seg, uint32_t number)
{
    return (struct hoi_slice_record *)(uintptr_t)seg->base + number;
}

/* Writes the record of a given buffer. */
static inline void hoi_foreign_fill(struct hoi_seg *seg, uint32_t number, const ho_buf *b,
                                    uint64_t note)
{
    struct hoi_foreign *rec = hoi_foreign_at(seg, number);
    hoi_set(rec->token, b->handle);
    hoi_set(rec->base, (uint64_t)(uintptr_t)b->ptr);
    hoi_set(rec->size, b->cap);
    hoi_set(rec->owner, b->owner);
    A_STORE(rec->refs, 1, memory_order_relaxed);
    hoi_set(seg->notes[number], note);
}

/* From here on the library owns the buffer, which travels under this handle. */
static inline void hoi_foreign_name(const struct hoi_seg *seg, uint32_t number, ho_buf *b)
{
    b->handle = hoi_get(seg->handle_base) + number;
    b->kind = HO_KIND_FOREIGN;
    b->hops = 0;
    b->owner = hoi_seal_of(&seg->key, HO_KIND_FOREIGN, b);
}

/*
 * The buffer that has the bytes: for a slice, its parent. A caller that does not hold the slice may
 * read a record that is being reused: the result is then arbitrary, but always a handle of a
 * segment that the domain has.
 */
static inline uint64_t hoi_parent_of(const struct hoi_segs *segs, uint64_t handle)
{
    const struct hoi_seg *seg = hoi_seg_at(segs, hoi_buf_seg(handle));
    if (hoi_get(seg->use) != HOI_SEG_SLICES)
        return handle;
    HO_HOOK("slice:before_parent");
    uint64_t parent = hoi_get(hoi_slice_at(seg, hoi_buf_number(handle))->parent);
    int known =
        hoi_buf_seg(parent) < A_LOAD(segs->fresh, memory_order_acquire); /* edge FRESH: acquire */
    return hoi_likely(known) ? parent : handle;
}

#endif
