/* SPDX-License-Identifier: MIT */
/* Lane: lane.inl over real descriptors, and whose it is. */
#ifndef HOI_LANE_H
#define HOI_LANE_H

#include "doorbell.h"

#include "handoff/buf.h"

/* A descriptor in flight: ho_buf with the sequence number where `service` lies, which is the same
 * for a whole lane and filled in by the consumer. */
struct hoi_slot {
    uint64_t word[5]; /* ptr, len, handle, token, cap */
    uint32_t owner;
    A_TYPE(uint32_t) seq;
    uint64_t tail[2]; /* flags, frames_left, align_log2, kind; key */
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
    uint32_t service;
    uint64_t bytes;
};

/* flags, frames_left, align_log2 and kind, as one word: the form in which they travel. */
static inline uint64_t hoi_buf_tail(const ho_buf *b)
{
    uint64_t tail;
    __builtin_memcpy(&tail, (const uint8_t *)b + offsetof(ho_buf, flags), sizeof tail);
    return tail;
}
#define HOI_TAIL_KIND(kind) ((uint64_t)(kind) << 56)

/* Word by word: the caller has just written the descriptor in pieces, and a wide load of what is still in
 * the store buffer waits until it has left it. */
static inline void hoi_slot_write(struct hoi_slot *slot, const ho_buf *b)
{
    slot->word[0] = (uint64_t)(uintptr_t)b->ptr;
    slot->word[1] = b->len;
    slot->word[2] = b->handle;
    slot->word[3] = b->token;
    slot->word[4] = b->cap;
    slot->owner = b->owner;
    slot->tail[0] = hoi_buf_tail(b);
    slot->tail[1] = b->key;
}

/* As a whole: the producer is far from this slot by now. The bytes are on their way while the other slots are
 * copied: whoever takes reads them next, and most messages are no longer than two lines. */
static inline void hoi_slot_read(const struct hoi_slot *slot, ho_buf *b, struct hoi_taking *taking)
{
    __builtin_memcpy(b, slot, sizeof *b);
    b->service = taking->service;
    taking->bytes += slot->word[1];
    __builtin_prefetch((const uint8_t *)(uintptr_t)slot->word[0]);
    __builtin_prefetch((const uint8_t *)(uintptr_t)slot->word[0] + 64);
}

#include "lane.inl"

struct hoi_producer;
struct hoi_consumer;

/* The rest of a lane changes under the domain's mutex only, but for `bell` and the fence. */
struct hoi_lane {
    struct hoi_lane_core core;
    A_TYPE(struct hoi_bell *) bell; /* of whoever consumes it now; moves when it is adopted */
    struct hoi_bell *producer_bell; /* of the producer, if it may sleep for room; else NULL */
    struct hoi_producer *producer;  /* NULL: the producer has gone, nothing new will come */
    struct hoi_consumer *consumer;  /* NULL: nobody takes from it */
    struct hoi_lane *next;          /* in the service's list */
    uint32_t number;                /* of the consumer that it was opened to */
    uint32_t adopted;               /* another consumer took over: nothing new is routed here */
    /* The producer's: routing moved away at position `fence` (route.c). */
    uint64_t fence;
    struct hoi_lane *fence_next;
    uint32_t fenced;
};

/* Producer: publishes what was pushed, and wakes whoever consumes. Returns whether it had to. */
static inline int hoi_lane_announce(struct hoi_lane *lane)
{
    (void)hoi_lane_publish(&lane->core);
    HO_HOOK("lane:after_publish");
    return hoi_bell_wake(A_LOAD(lane->bell, memory_order_seq_cst)); /* edge BELL: acquire */
}

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
