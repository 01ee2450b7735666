/* SPDX-License-Identifier: MIT */
/*
 * lane.inl as the models use it: a descriptor is the number of a message, and two slots make a ring,
 * so that a handful of messages wraps it.
 */
#ifndef HANDOFF_MODELS_LANE_SLOT_HPP
#define HANDOFF_MODELS_LANE_SLOT_HPP

#include "relacy_atomic.hpp"

struct hoi_slot {
    rl::var<unsigned> item;
    rl::atomic<uint32_t> seq;
};

#define HOI_ITEM unsigned
#define HOI_SLOT_WRITE(slot, from) P_WRITE((slot)->item, *(from))
#define HOI_TAKING void
#define HOI_SLOT_READ(slot, to, taking) ((void)(taking), *(to) = P_READ((slot)->item))

#include "../src/lane.inl"

#define LANE_SLOTS 2

struct lane : hoi_lane_core {
    hoi_slot ring[LANE_SLOTS];

    /* Before the threads begin. */
    void init()
    {
        slots = ring;
        mask = LANE_SLOTS - 1;
        for (hoi_slot &slot : ring)
            A_STORE(slot.seq, 0, rl::mo_relaxed);
        P_WRITE(produced, 0);
        P_WRITE(published, 0);
        P_WRITE(room_end, mask + 1);
        P_WRITE(taken, 0);
        A_STORE(consumed, 0, rl::mo_relaxed);
    }
};

#endif
