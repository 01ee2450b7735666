/* SPDX-License-Identifier: MIT */
/* Lane: lane.inl over real descriptors, and where it leads. */
#ifndef HOI_LANE_H
#define HOI_LANE_H

#include "doorbell.h"

#include "handoff/buf.h"

/* A descriptor in flight: ho_buf with the sequence number where service and partition lie, which are the same
 * for a whole lane and filled in by the consumer. */
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

/* What a take fills in, and adds up. */
struct hoi_taking {
    uint32_t from; /* HOI_FROM */
    uint64_t bytes;
};

/* service and partition, as one word. */
#define HOI_FROM(service, partition) ((uint32_t)(service) | (uint32_t)(partition) << 16)
_Static_assert(offsetof(ho_buf, partition) == offsetof(ho_buf, service) + 2, "little endian");

/* flags, align_log2 and kind, as one word: the form in which they travel, but for where to, which has done its
 * work by then. */
static inline uint64_t hoi_buf_tail(const ho_buf *b)
{
    uint64_t tail;
    __builtin_memcpy(&tail, (const uint8_t *)b + offsetof(ho_buf, flags), sizeof tail);
    return tail;
}
#define HOI_TAIL_SENT(tail) ((tail) & ~(uint64_t)HO_BUF_PARTITION)
#define HOI_TAIL_KIND(kind) ((uint64_t)(kind) << 56)

/* Two words next to each other, of a descriptor that is written afresh, in one store. */
typedef uint64_t hoi_pair __attribute__((vector_size(16), aligned(8), may_alias));
static inline void hoi_pair_write(void *at, uint64_t first, uint64_t second)
{
    *(hoi_pair *)at = (hoi_pair){first, second};
}

/* Word by word: the caller has just written the descriptor in pieces, and a wide load of what is still in
 * the store buffer waits until it has left it. */
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

/* As a whole: the producer is far from this slot by now. The bytes are on their way while the other slots are
 * copied: whoever takes reads them next, and most messages are no longer than two lines. */
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
        *producer_bell; /* of the producer's shard, if that may wait for room; else NULL */
    uint64_t hint;      /* shared consumers: in the partition's word; bound: 0 */
    struct hoi_consumer
        *helper; /* the producer's: of its own thread, takes what it sends; or NULL */
    uint32_t partition;
    A_TYPE(uint32_t) closed; /* the producer has gone: nothing new will come */
    A_TYPE(struct hoi_bell *)
    bell;                  /* bound: of the consumer that is there, or hoi_bell_none;
                                       shared: hoi_bell_many */
    struct hoi_lane *next; /* in a list of lanes that go */
    /* The producer's: is it late? straggler.c. */
    struct hoi_seg *seg;  /* in which the last message lies; NULL: look at the next one */
    uint64_t mark;        /* a message */
    int64_t marked_ns;    /* when it was sent, or last looked at */
    uint64_t copied_from; /* plus 1: copies are sent from this position on, until it is consumed */
};

/* Where the lanes of a domain come from. */
struct hoi_lane_stock {
    A_TYPE(struct hoi_lane *) spare;
    struct hoi_lane_page *pages;
};

/* One thread at a time. NULL: no memory. */
struct hoi_lane *hoi_lane_new(struct hoi_lane_stock *stock, uint32_t slots);
/* Any thread. */
void hoi_lane_delete(struct hoi_lane_stock *stock, struct hoi_lane *lane);
/* Every lane is deleted. */
void hoi_lane_stock_free(struct hoi_lane_stock *stock);

#endif
