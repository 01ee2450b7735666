/* SPDX-License-Identifier: MIT */
/* Lane: lane.inl with the real descriptors, and the service that it leads to. */
#ifndef HOI_LANE_H
#define HOI_LANE_H

#include "doorbell.h"

#include "handoff/buf.h"

/* A descriptor in flight: ho_buf with the sequence number in place of service and partition.
 * Those are the same for the whole lane, and the consumer fills them in. */
struct hoi_slot {
    uint64_t word[5]; /* ptr, len, handle, value, cap */
    uint32_t owner;
    A_TYPE(uint32_t) seq;
    uint64_t tail[2]; /* flags, align_log2, kind; key */
};
_Static_assert(sizeof(struct hoi_slot) == sizeof(ho_buf), "a slot is a descriptor");
_Static_assert(offsetof(struct hoi_slot, seq) == offsetof(ho_buf, service), "seq in its place");
_Static_assert(offsetof(struct hoi_slot, owner) == offsetof(ho_buf, owner), "the rest in place");

#define HOI_ITEM ho_buf
#define HOI_TAKING struct hoi_taking
#define HOI_SLOT_WRITE(slot, item) hoi_slot_write(slot, item)
#define HOI_SLOT_READ(slot, item, taking) hoi_slot_read(slot, item, taking)

/* What a take fills in, and what it sums up. */
struct hoi_taking {
    uint32_t from; /* HOI_FROM */
    uint64_t bytes;
};

/* service and partition, as one word. */
#define HOI_FROM(service, partition) ((uint32_t)(service) | (uint32_t)(partition) << 16)
_Static_assert(offsetof(ho_buf, partition) == offsetof(ho_buf, service) + 2, "little endian");

/* flags, align_log2 and kind as one word, as they travel. HO_BUF_PARTITION is cleared: the
 * partition has been chosen by then. */
static inline uint64_t hoi_buf_tail(const ho_buf *b)
{
    uint64_t tail;
    __builtin_memcpy(&tail, (const uint8_t *)b + offsetof(ho_buf, flags), sizeof tail);
    return tail;
}
#define HOI_TAIL_SENT(tail) ((tail) & ~(uint64_t)HO_BUF_PARTITION)
#define HOI_TAIL_KIND(kind) ((uint64_t)(kind) << 56)

/* Writes two adjacent words of a new descriptor in one store. */
typedef uint64_t hoi_pair __attribute__((vector_size(16), aligned(8), may_alias));
static inline void hoi_pair_write(void *at, uint64_t first, uint64_t second)
{
    *(hoi_pair *)at = (hoi_pair){first, second};
}

/* Word by word: the caller has just written the descriptor in pieces, and a wide load would
 * stall until those stores have left the store buffer. */
static inline void hoi_slot_write(struct hoi_slot *slot, const ho_buf *b)
{
    slot->word[0] = (uint64_t)(uintptr_t)b->ptr;
    slot->word[1] = b->len;
    slot->word[2] = b->handle;
    slot->word[3] = b->value;
    slot->word[4] = b->cap;
    slot->owner = b->owner;
    slot->tail[0] = HOI_TAIL_SENT(hoi_buf_tail(b));
    slot->tail[1] = b->key;
}

/* In one copy: the producer is far from this slot by now. Prefetches the bytes while the other
 * slots are copied: the consumer reads them next, and most messages fit in two lines. */
static inline void hoi_slot_read(const struct hoi_slot *slot, ho_buf *b, struct hoi_taking *taking)
{
    __builtin_memcpy(b, slot, sizeof *b);
    __builtin_memcpy((uint8_t *)b + offsetof(ho_buf, service), &taking->from, sizeof taking->from);
    taking->bytes += slot->word[1];
    __builtin_prefetch((const uint8_t *)(uintptr_t)slot->word[0]);
    __builtin_prefetch((const uint8_t *)(uintptr_t)slot->word[0] + 64);
}

#include "lane.inl"

struct hoi_consumer;
struct hoi_service;

struct hoi_lane {
    struct hoi_lane_core core;
    /* Written once. */
    struct hoi_service *service;
    struct hoi_bell
        *producer_bell;          /* of the producer's shard, if that may wait for room; else NULL */
    uint64_t hint;               /* shared: the hint in the partition's word; bound: 0 */
    struct hoi_consumer *helper; /* the producer's: takes what it sends, in its thread; or NULL */
    uint32_t partition;
    A_TYPE(uint32_t) closed; /* the producer has closed: nothing new will come */
    A_TYPE(struct hoi_bell *)
    bell;                  /* bound: the consumer's, or hoi_bell_none; shared: hoi_bell_many */
    struct hoi_lane *next; /* in a list of lanes to destroy */
    /* The producer's, to find out whether the lane is late: straggler.c. */
    struct hoi_seg *seg;  /* segment of the last message; NULL: check the next one */
    uint64_t mark;        /* position of a message */
    int64_t marked_ns;    /* when it was sent or last checked */
    uint64_t copied_from; /* plus 1: copies are sent from this position until it is consumed */
};

/* Allocates the lanes of a domain. */
struct hoi_lane_stock {
    A_TYPE(struct hoi_lane *) spare;
    struct hoi_lane_page *pages;
};

/* One thread at a time. NULL: out of memory. */
struct hoi_lane *hoi_lane_new(struct hoi_lane_stock *stock, uint32_t slots);
/* Any thread. */
void hoi_lane_delete(struct hoi_lane_stock *stock, struct hoi_lane *lane);
/* All lanes are deleted. */
void hoi_lane_stock_free(struct hoi_lane_stock *stock);

#endif
