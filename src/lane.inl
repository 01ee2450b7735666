/* SPDX-License-Identifier: MIT */
/*
 * Lane: a single-producer, single-consumer ring of descriptors with a sequence number in each slot.
 *
 * Free-running 64-bit positions, compared by difference. Slot `pos & mask` holds position `pos` when
 * its seq is the low half of pos + 1. The consumer looks at the slot alone, so a message that comes
 * by itself moves one line between the cores, not a slot and a cursor (FastForward's idea: Giacomoni
 * et al., PPoPP 2008). The producer looks at `consumed` only when it has come to where its last look at it ended.
 *
 * A burst is written slot by slot but for the seq of its first slot: storing that one publishes all.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  SLOT | lane_publish | lane_observe, lane_recheck | the slots of the burst and the bytes behind them | torn messages
 *  ROOM | lane_free, lane_free_ring | lane_room, lane_reroom | the consumer has copied the slots | slots overwritten
 * The seq_cst on lane_publish and lane_recheck, lane_free_ring and lane_reroom is the doorbell's
 * (doorbell.inl).
 *
 * The includer supplies struct hoi_slot with an atomic uint32_t seq, HOI_ITEM (a descriptor),
 * HOI_SLOT_WRITE(slot, item) and HOI_SLOT_READ(slot, item, taking) with HOI_TAKING *taking, what a take
 * adds up.
 */

struct hoi_lane_core {
    /* Written once. */
    struct hoi_slot *slots;
    uint64_t mask;
    /* The producer's. */
    HOI_APART P_TYPE(uint64_t) produced; /* next position to write */
    P_TYPE(uint64_t) published;          /* first position that the consumer can't see yet */
    P_TYPE(uint64_t) room_end; /* position that can't be written before consumed is seen to move */
    /* The consumer's. */
    HOI_APART P_TYPE(uint64_t) taken; /* next position to read */
    /* From the consumer to the producer. */
    HOI_APART A_TYPE(uint64_t) consumed;
};

/* Producer: room for one more? Asks the consumer's cursor only when it has come to the end of what it knows. */
static inline int hoi_lane_room(struct hoi_lane_core *l)
{
    if (hoi_likely(P_READ(l->produced) != P_READ(l->room_end)))
        return 1;
    P_WRITE(l->room_end,
            A_LOAD(l->consumed, AT(lane_room, acquire)) + l->mask + 1); /* edge ROOM: acquire */
    return P_READ(l->produced) != P_READ(l->room_end);
}

/* The same for a producer that is about to sleep, ordered after its prepare_wait (doorbell.inl). */
static inline int hoi_lane_reroom(struct hoi_lane_core *l)
{
    P_WRITE(l->room_end,
            A_LOAD(l->consumed, AT(lane_reroom, seq_cst)) + l->mask + 1); /* edge ROOM: acquire */
    return P_READ(l->produced) != P_READ(l->room_end);
}

/* Producer: the slot to write next. There is room. */
static inline struct hoi_slot *hoi_lane_next(struct hoi_lane_core *l)
{
    return &l->slots[P_READ(l->produced) & l->mask];
}

/* Producer: the slot is written. Not visible before hoi_lane_publish. Returns whether it is the first of
 * a burst. */
static inline int hoi_lane_pushed(struct hoi_lane_core *l, struct hoi_slot *slot)
{
    uint64_t pos = P_READ(l->produced);
    int first = pos == P_READ(l->published);
    P_WRITE(l->produced, pos + 1);
    /* Relaxed: the consumer comes here only past the first slot of the burst, whose seq is stored
     * later, with release. */
    if (!first)
        A_STORE(slot->seq, (uint32_t)(pos + 1), AT(lane_follow, relaxed));
    return first;
}

/* Producer: writes one descriptor. There is room. Returns as hoi_lane_pushed. */
static inline int hoi_lane_push(struct hoi_lane_core *l, const HOI_ITEM *item)
{
    struct hoi_slot *slot = hoi_lane_next(l);
    HOI_SLOT_WRITE(slot, item);
    return hoi_lane_pushed(l, slot);
}

/* Producer: makes the burst that begins with slot `first` visible, up to `end`. */
static inline void hoi_lane_show(struct hoi_lane_core *l, struct hoi_slot *slot, uint64_t first,
                                 uint64_t end)
{
    A_STORE(slot->seq, (uint32_t)(first + 1), AT(lane_publish, seq_cst)); /* edge SLOT: release */
    P_WRITE(l->published, end);
}

/* Producer: the slot is written, and nothing is held back: makes it visible by itself. */
static inline void hoi_lane_alone(struct hoi_lane_core *l, struct hoi_slot *slot)
{
    uint64_t pos = P_READ(l->produced);
    P_WRITE(l->produced, pos + 1);
    hoi_lane_show(l, slot, pos, pos + 1);
}

/* Producer: makes all that was pushed visible. Returns whether there was something. */
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

/* The same for a consumer that is about to sleep, ordered after its prepare_wait (doorbell.inl). */
static inline int hoi_lane_recheck(struct hoi_lane_core *l)
{
    uint64_t pos = P_READ(l->taken);
    return A_LOAD(l->slots[pos & l->mask].seq, AT(lane_recheck, seq_cst)) /* edge SLOT: acquire */
           == (uint32_t)(pos + 1);
}

/* Consumer: copies the descriptor at a position, if there is one yet. */
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

/* Consumer: copies up to max descriptors out, and hands `taking` to each HOI_SLOT_READ. The slots stay taken
 * until hoi_lane_free. */
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

/* The same for one, with room for it. */
static inline int hoi_lane_take_one(struct hoi_lane_core *l, HOI_ITEM *item, HOI_TAKING *taking)
{
    uint64_t pos = P_READ(l->taken);
    if (!hoi_lane_read(l, pos, item, taking))
        return 0;
    P_WRITE(l->taken, pos + 1);
    return 1;
}

/* Consumer: gives the slots that it copied back to the producer. */
static inline void hoi_lane_free(struct hoi_lane_core *l)
{
    A_STORE(l->consumed, P_READ(l->taken), AT(lane_free, release)); /* edge ROOM: release */
}

/* The same where the producer may sleep until there is room: the caller rings its bell next. */
static inline void hoi_lane_free_ring(struct hoi_lane_core *l)
{
    A_STORE(l->consumed, P_READ(l->taken), AT(lane_free_ring, seq_cst)); /* edge ROOM: release */
}
