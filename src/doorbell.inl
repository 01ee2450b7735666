/* SPDX-License-Identifier: MIT */
/*
 * Doorbell: how a publisher learns that the other side sleeps. One word per sleeper.
 *
 *   publisher: publish (seq_cst store), then hoi_bell_ring: load the word (seq_cst)
 *   sleeper:   hoi_bell_prepare_wait: store the word (seq_cst), then look again (seq_cst), then sleep
 *
 * Of the two loads at least one sees the other side's store, because all four are in the one order
 * of seq_cst operations (Dekker's scheme). So either the publisher finds the sleeper, or the sleeper
 * finds the message. No stand-alone fences: thread sanitizers can't see them.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  SLEEP | bell_prepare | bell_check, bell_ring | who sleeps, and on what | a wake-up lost: sleeps for ever
 * The exchanges are as weak as the models let them be: the check has its place in the one order already,
 * and that the word was RUNG is in the exchanged value itself (models/README.md).
 */

/* A publisher has something to do from SLEEPING on: one comparison. */
#define HOI_BELL_AWAKE 0u    /* nobody sleeps */
#define HOI_BELL_RUNG 1u     /* was ARMED; whoever made it RUNG writes the descriptor once */
#define HOI_BELL_SLEEPING 2u /* sleeps on the word itself (futex) */
#define HOI_BELL_ARMED 3u    /* sleeps on the descriptor (eventfd) */

struct hoi_bell_core {
    A_TYPE(uint32_t) word;
};

/* Publisher, after a seq_cst publish: does the other side sleep? */
static inline int hoi_bell_asleep(struct hoi_bell_core *b)
{
    return A_LOAD(b->word, AT(bell_check, seq_cst)) >= HOI_BELL_SLEEPING; /* edge SLEEP: acquire */
}

/* Publisher, when it does. Returns the state that this caller, and no other, has to wake: HOI_BELL_SLEEPING,
 * HOI_BELL_ARMED, or HOI_BELL_AWAKE if somebody else was faster. */
static inline uint32_t hoi_bell_ring(struct hoi_bell_core *b)
{
    uint32_t word = A_LOAD(b->word, AT(bell_recheck, relaxed));
    while (hoi_unlikely(word >= HOI_BELL_SLEEPING)) {
        uint32_t next = word == HOI_BELL_SLEEPING ? HOI_BELL_AWAKE : HOI_BELL_RUNG;
        if (A_CAS(b->word, word, next, AT(bell_ring, acquire), /* edge SLEEP: acquire */
                  AT(bell_recheck, relaxed)))
            return word;
    }
    return HOI_BELL_AWAKE;
}

/* Sleeper: announces that it will sleep. It must look again before it does. */
static inline void hoi_bell_prepare_wait(struct hoi_bell_core *b, uint32_t state)
{
    A_STORE(b->word, state, AT(bell_prepare, seq_cst)); /* edge SLEEP: release */
}

/* Sleeper: awake again. Returns whether a write of the descriptor is due from a publisher. */
static inline int hoi_bell_reset(struct hoi_bell_core *b)
{
    return A_XCHG(b->word, HOI_BELL_AWAKE, AT(bell_reset, relaxed)) == HOI_BELL_RUNG;
}
