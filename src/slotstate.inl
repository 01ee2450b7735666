/* SPDX-License-Identifier: MIT */
/*
 * A slot's state, which is its generation: odd while an object is live, even while the slot is free. A page of states of
 * which every slot is free may be given back and read as zero from then on; the floor of its slots is no lower than what any
 * of them had. So no generation comes twice.
 *
 * All of it is relaxed: a handle travels in the user's own order, and a slot from one holder to the next by FREED, DEPOT,
 * CPUWORD or within a processor. The exchange of a release has to be one alone: of two releases one is told that it
 * was the second.
 */

/* No slot under this floor had a higher generation that its state does not know; `first` is a floor under all. */
static inline uint32_t hoi_state_least(const A_TYPE(uint32_t) * floor, uint32_t first)
{
    uint32_t least = DO_STEP(heed_the_floor) ? A_LOAD(*floor, AT(state_floor, relaxed)) : 0;
    return least > first ? least : first;
}

/* The generation that a free slot's next holder gets; `least` is of its floor. The caller has the slot. */
static inline uint32_t hoi_state_next(const A_TYPE(uint32_t) * state, uint32_t least)
{
    uint32_t last = A_LOAD(*state, AT(state_last, relaxed));
    return (last > least ? last : least) + 1;
}

/* The caller has the slot: it is live from here on. */
static inline void hoi_state_hold(A_TYPE(uint32_t) * state, uint32_t generation)
{
    A_STORE(*state, generation, AT(state_hold, relaxed));
}

static inline int hoi_state_is(const A_TYPE(uint32_t) * state, uint32_t generation)
{
    return A_IS_RELAXED(*state, generation, AT(state_look, relaxed));
}

/* Ends the life of an object. 1 to one caller alone, who has the slot now. */
static inline int hoi_state_release(A_TYPE(uint32_t) * state, uint32_t generation)
{
    uint32_t found = generation;
    return A_CAS_ONCE(*state, found, generation + 1, AT(state_release, relaxed),
                      AT(state_found, relaxed));
}

/* Before a page of n states is given back: the caller has all its slots. */
static inline void hoi_state_raise(A_TYPE(uint32_t) * floor, const A_TYPE(uint32_t) * states,
                                   uint32_t n)
{
    /* Not from zero: the page may have been given back before, and not used since. */
    uint32_t highest = DO_STEP(floor_monotone) ? A_LOAD(*floor, AT(state_was, relaxed)) : 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t state = A_LOAD(states[i], AT(state_each, relaxed));
        highest = state > highest ? state : highest;
    }
    A_STORE(*floor, highest, AT(state_raise, relaxed));
}
