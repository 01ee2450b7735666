/* SPDX-License-Identifier: MIT */
/*
 * Records: what the library knows of a foreign buffer and of a slice. They lie in segments of their
 * own, never in the memory that they describe, and are counted and recycled as buffers are. Fields are
 * relaxed atomics: a stale handle may read a record that is being reused; the exchange on its word
 * then fails and what was read is not used.
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
    HOI_COUNTER(uint32_t) reason; /* while it is queued */
    HOI_COUNTER(uint32_t) next;   /* while it is queued: {segment, number} of the next + 1 */
};

/* A slice keeps its parent: the handle of the arena or foreign buffer that the bytes belong to. */
struct hoi_slice_record {
    HOI_COUNTER(uint64_t) parent;
};

/* Where a domain's slices get their numbers: any thread, by compare-exchange. */
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

/* The buffer that the bytes belong to: of a slice, its parent. */
static inline uint64_t hoi_parent_of(const struct hoi_segs *segs, uint64_t handle)
{
    const struct hoi_seg *seg = hoi_seg_at(segs, hoi_handle_seg(handle));
    if (hoi_get(seg->use) != HOI_SEG_SLICES)
        return handle;
    return hoi_get(hoi_slice_at(seg, hoi_handle_number(handle))->parent);
}

#endif
