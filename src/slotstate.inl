/* SPDX-License-Identifier: MIT */
/*
 * A slot's state is its generation: odd while an object is live, even while the slot is free. If
 * every slot on a page of states is free, the page may be given back; it then reads as zero. The
 * floor of its slots is at least the highest generation that any of them had, so no generation is
 * used twice.
 *
 * Everything is relaxed: a handle travels in the user's own order, and a slot passes from one
 * holder to the next by FREED, DEPOT, CPUWORD or within a processor. A release must be one
 * exchange: of two releases, one is told that it was second.
 */

/* The floor is at least as high as any generation that the states have lost; `first` is a lower
 * bound for all floors. */
static inline uint32_t hoi_state_least(const A_TYPE(uint32_t) * floor, uint32_t first)
{
    uint32_t least = DO_STEP(heed_the_floor) ? A_LOAD(*floor, AT(state_floor, relaxed)) : 0;
    return least > first ? least : first;
}

/* The generation for a free slot's next holder; `least` comes from its floor. Only the caller
 * has the slot. */
static inline uint32_t hoi_state_next(const A_TYPE(uint32_t) * state, uint32_t least)
{
    uint32_t last = A_LOAD(*state, AT(state_last, relaxed));
    return (last > least ? last : least) + 1;
}

/* The caller has the slot, which is live from here on. */
static inline void hoi_state_hold(A_TYPE(uint32_t) * state, uint32_t generation)
{
    A_STORE(*state, generation, AT(state_hold, relaxed));
}

static inline int hoi_state_is(const A_TYPE(uint32_t) * state, uint32_t generation)
{
    return A_IS_RELAXED(*state, generation, AT(state_look, relaxed));
}

/* Ends an object's life. Returns 1 to one caller only; the slot is then that caller's. */
static inline int hoi_state_release(A_TYPE(uint32_t) * state, uint32_t generation)
{
    uint32_t found = generation;
    return A_CAS_ONCE(*state, found, generation + 1, AT(state_release, relaxed),
                      AT(state_found, relaxed));
}

/* Before a page of n states is given back. The caller has all its slots. */
static inline void hoi_state_raise(A_TYPE(uint32_t) * floor, const A_TYPE(uint32_t) * states,
                                   uint32_t n)
{
    /* Not from zero: the page may have been given back before and not used since. */
    uint32_t highest = DO_STEP(floor_monotone) ? A_LOAD(*floor, AT(state_was, relaxed)) : 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t state = A_LOAD(states[i], AT(state_each, relaxed));
        highest = state > highest ? state : highest;
    }
    A_STORE(*floor, highest, AT(state_raise, relaxed));
}
