/* SPDX-License-Identifier: MIT */
/*
 * Doorbell: how a publisher learns that the other side sleeps. One word per sleeper.
 *
 *   publisher: publish (seq_cst store), then hoi_bell_ring: load the word (seq_cst)
 *   sleeper:   hoi_bell_prepare_wait: store the word (seq_cst), then look again (seq_cst), then sleep
 *
 * At least one of the two loads sees the other side's store, because all four operations are in the
 * single total order of seq_cst (Dekker's scheme). So either the publisher sees the sleeper, or the
 * sleeper sees the message. No stand-alone fences: thread sanitizers can't see them.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  SLEEP | bell_prepare | bell_check, bell_ring | who sleeps, and on what | a wake-up lost: sleeps for ever
 * The exchanges are as weak as the models allow: the check is already in the total order, and RUNG
 * is the exchanged value itself (models/README.md).
 */

/* From SLEEPING on a publisher must act: one comparison tells. */
#define HOI_BELL_AWAKE 0u    /* nobody sleeps */
#define HOI_BELL_RUNG 1u     /* was ARMED; the thread that set RUNG writes the descriptor once */
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

/* Publisher, when it does. Returns the state that only this caller must wake: HOI_BELL_SLEEPING,
 * HOI_BELL_ARMED, or HOI_BELL_AWAKE if another thread was first. */
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

/* Sleeper: announces that it will sleep. It must check again before it does. */
static inline void hoi_bell_prepare_wait(struct hoi_bell_core *b, uint32_t state)
{
    A_STORE(b->word, state, AT(bell_prepare, seq_cst)); /* edge SLEEP: release */
}

/* Sleeper: awake again. Returns whether a publisher will still write the descriptor. */
static inline int hoi_bell_reset(struct hoi_bell_core *b)
{
    return A_XCHG(b->word, HOI_BELL_AWAKE, AT(bell_reset, relaxed)) == HOI_BELL_RUNG;
}
