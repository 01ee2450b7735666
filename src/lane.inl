/* SPDX-License-Identifier: MIT */
/*
 * Lane: a single-producer, single-consumer ring of descriptors with a sequence number in each slot.
 *
 * Free-running 64-bit positions, compared by difference. Slot `pos & mask` holds position `pos`
 * when its seq is the low half of pos + 1. The consumer reads only the slot, so a single message
 * moves one line between the cores, not a slot and a cursor (FastForward's idea: Giacomoni et al.,
 * PPoPP 2008). The producer reads `consumed` only when it has used up the room that its last read
 * showed.
 *
 * In a burst the seq of the first slot is stored last: that store publishes all slots.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  SLOT | lane_publish | lane_observe, lane_recheck | the slots of the burst and the bytes behind them | torn messages
 *  ROOM | lane_free, lane_free_ring | lane_room, lane_reroom | the consumer has copied the slots | slots overwritten
 * lane_publish, lane_recheck, lane_free_ring and lane_reroom are seq_cst for the doorbell
 * (doorbell.inl).
 *
 * The includer supplies struct hoi_slot with an atomic uint32_t seq, HOI_ITEM (a descriptor),
 * HOI_SLOT_WRITE(slot, item) and HOI_SLOT_READ(slot, item, taking) with HOI_TAKING *taking, the
 * sums of a take.
 */

struct hoi_lane_core {
    /* Written once. */
    struct hoi_slot *slots;
    uint64_t mask;
    /* Producer only. */
    HOI_APART P_TYPE(uint64_t) produced; /* next position to write */
    P_TYPE(uint64_t) published;          /* first position that the consumer can't see yet */
    P_TYPE(uint64_t) room_end; /* first position that can't be written until `consumed` moves */
    /* Consumer only. */
    HOI_APART P_TYPE(uint64_t) taken; /* next position to read */
    /* Written by the consumer, read by the producer. */
    HOI_APART A_TYPE(uint64_t) consumed;
};

/* Producer: is there room for one more? Reads the consumer's cursor only when the known room is
 * used up. */
static inline int hoi_lane_room(struct hoi_lane_core *l)
{
    if (hoi_likely(P_READ(l->produced) != P_READ(l->room_end)))
        return 1;
    P_WRITE(l->room_end,
            A_LOAD(l->consumed, AT(lane_room, acquire)) + l->mask + 1); /* edge ROOM: acquire */
    return P_READ(l->produced) != P_READ(l->room_end);
}

/* The same for a producer that is about to sleep; ordered after its prepare_wait (doorbell.inl). */
static inline int hoi_lane_reroom(struct hoi_lane_core *l)
{
    P_WRITE(l->room_end,
            A_LOAD(l->consumed, AT(lane_reroom, seq_cst)) + l->mask + 1); /* edge ROOM: acquire */
    return P_READ(l->produced) != P_READ(l->room_end);
}

/* Producer: the slot to write next. The caller knows that there is room. */
static inline struct hoi_slot *hoi_lane_next(struct hoi_lane_core *l)
{
    return &l->slots[P_READ(l->produced) & l->mask];
}

/* Producer: the slot is written. It stays invisible until hoi_lane_publish. Returns whether it
 * is the first of a burst. */
static inline int hoi_lane_pushed(struct hoi_lane_core *l, struct hoi_slot *slot)
{
    uint64_t pos = P_READ(l->produced);
    int first = pos == P_READ(l->published);
    P_WRITE(l->produced, pos + 1);
    /* Relaxed: the consumer gets here only past the burst's first slot, whose seq is stored
     * later, with release. */
    if (!first)
        A_STORE(slot->seq, (uint32_t)(pos + 1), AT(lane_follow, relaxed));
    return first;
}

/* Producer: writes one descriptor. The caller knows that there is room. Returns as
 * hoi_lane_pushed. */
static inline int hoi_lane_push(struct hoi_lane_core *l, const HOI_ITEM *item)
{
    struct hoi_slot *slot = hoi_lane_next(l);
    HOI_SLOT_WRITE(slot, item);
    return hoi_lane_pushed(l, slot);
}

/* Producer: makes the burst from slot `first` to `end` visible. */
static inline void hoi_lane_show(struct hoi_lane_core *l, struct hoi_slot *slot, uint64_t first,
                                 uint64_t end)
{
    A_STORE(slot->seq, (uint32_t)(first + 1), AT(lane_publish, seq_cst)); /* edge SLOT: release */
    P_WRITE(l->published, end);
}

/* Producer: the slot is written and nothing is held back: makes it visible. */
static inline void hoi_lane_alone(struct hoi_lane_core *l, struct hoi_slot *slot)
{
    uint64_t pos = P_READ(l->produced);
    P_WRITE(l->produced, pos + 1);
    hoi_lane_show(l, slot, pos, pos + 1);
}

/* Producer: makes everything pushed visible. Returns whether there was anything. */
static inline int hoi_lane_publish(struct hoi_lane_core *l)
{
    uint64_t first = P_READ(l->published);
    if (first == P_READ(l->produced))
        return 0;
    hoi_lane_show(l, &l->slots[first & l->mask], first, P_READ(l->produced));
    return 1;
}

/* Consumer: is there a message? */
static inline int hoi_lane_ready(struct hoi_lane_core *l)
{
    uint64_t pos = P_READ(l->taken);
    return A_LOAD(l->slots[pos & l->mask].seq, AT(lane_observe, acquire)) /* edge SLOT: acquire */
           == (uint32_t)(pos + 1);
}

/* The same for a consumer that is about to sleep; ordered after its prepare_wait (doorbell.inl). */
static inline int hoi_lane_recheck(struct hoi_lane_core *l)
{
    uint64_t pos = P_READ(l->taken);
    return A_LOAD(l->slots[pos & l->mask].seq, AT(lane_recheck, seq_cst)) /* edge SLOT: acquire */
           == (uint32_t)(pos + 1);
}

/* Consumer: copies the descriptor at a position, if there is one. */
static inline int hoi_lane_read(struct hoi_lane_core *l, uint64_t pos, HOI_ITEM *item,
                                HOI_TAKING *taking)
{
    struct hoi_slot *slot = &l->slots[pos & l->mask];
    if (hoi_unlikely(A_LOAD(slot->seq, AT(lane_observe, acquire)) !=
                     (uint32_t)(pos + 1))) /* edge SLOT: acquire */
        return 0;
    HOI_SLOT_READ(slot, item, taking);
    return 1;
}

/* Consumer: copies up to max descriptors and passes `taking` to each HOI_SLOT_READ. The producer
 * can't reuse the slots until hoi_lane_free. */
static inline uint32_t hoi_lane_take(struct hoi_lane_core *l, HOI_ITEM *items, uint32_t max,
                                     HOI_TAKING *taking)
{
    uint64_t first = P_READ(l->taken), pos = first, end = first + max;
    while (pos != end && hoi_lane_read(l, pos, items, taking)) {
        items++;
        pos++;
    }
    P_WRITE(l->taken, pos);
    return (uint32_t)(pos - first);
}

/* The same for one descriptor. */
static inline int hoi_lane_take_one(struct hoi_lane_core *l, HOI_ITEM *item, HOI_TAKING *taking)
{
    uint64_t pos = P_READ(l->taken);
    if (!hoi_lane_read(l, pos, item, taking))
        return 0;
    P_WRITE(l->taken, pos + 1);
    return 1;
}

/* Consumer: gives the copied slots back to the producer. */
static inline void hoi_lane_free(struct hoi_lane_core *l)
{
    A_STORE(l->consumed, P_READ(l->taken), AT(lane_free, release)); /* edge ROOM: release */
}

/* The same if the producer may sleep until there is room: the caller rings its bell next. */
static inline void hoi_lane_free_ring(struct hoi_lane_core *l)
{
    A_STORE(l->consumed, P_READ(l->taken), AT(lane_free_ring, seq_cst)); /* edge ROOM: release */
}
