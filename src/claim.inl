/* SPDX-License-Identifier: MIT */
/*
 * Claim: shared consumers divide a service's partitions. At most one consumer works on a partition
 * at a time, and as few as possible are woken.
 *
 * A partition has one word: a hint per lane (62; lanes beyond share them), two bits of state.
 *   IDLE    neither bit: nothing to do, and nobody looks
 *   SILENT  published by a helper, which wakes nobody and settles later; its ready bit is set
 *   ACTIVE  announced. Ready bit set: free to claim. Clear: a consumer has claimed it
 * Whoever leaves IDLE sets the ready bit, once, after the word; whoever clears the ready bit has
 * the claim. Only the claimant goes back to IDLE, by an exchange that fails while a hint is set.
 * Claiming and giving back don't write the word, so a publisher's load of it hits its cache.
 *
 * `searching` is the token: set from the wake-up of a consumer until that consumer claims. A
 * publisher that sees it wakes nobody; a consumer that drops it then checks the ready bits and
 * wakes another. Only consumers that sleep in a wait get the token. Those in an event loop of their
 * own (armed) may take long to come back, and are chosen without it.
 *
 * Store, then load, on both sides: at least one sees the other's store (Dekker's scheme, seq_cst):
 *   lane's slot, then word        | hints cleared, then slot
 *   ready bit, then waiting       | waiting, then ready bits
 *   ready bit, then searching     | searching dropped, then ready bits
 *   word ACTIVE, then searching   | searching dropped, then word
 *   silent's ready bit, then word | word ACTIVE, then the ready bit by whoever is woken
 *   ended, then waiting           | waiting, then ended
 *   ready bit, then its words     | waiting's words, then ready bits
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  HINT | part_announce, part_silent | part_hints, part_clear | the hint's lanes | lanes not found
 *  CLEARED | part_clear | part_check | nobody will look | a message that nobody looks for
 *  STATE | part_announce, part_settle | part_recheck, more_part | a wake is due | it is lost
 *  TURN | part_idle | part_hints | lanes' positions, the user's state | two turns overlap
 *  READY | ready_set | claim_bit, wait_ready, more_ready | the same, and what is ready | both
 *  SLEEPERS | wait_prepare | wait_any, wait_look, wait_pick | who sleeps, its bell | a wake-up lost
 *  WORDS | group_join | group_words | that somebody may wait in a word | as SLEEPERS
 *  CHOSEN | wait_pick | wait_finish | the token is taken | dropped before it is taken: stuck
 *  TOKEN | token_drop | token_check | nobody searches | a wake-up lost
 *  ENDED | group_end | wait_ended, group_ended | nothing comes any more | sleeps for ever
 */

#ifndef HOI_CLAIM_WORDS
#define HOI_CLAIM_WORDS 16u /* of 64 bits: 1,024 partitions, 1,024 consumers */
#endif
#define HOI_CLAIM_NONE UINT32_MAX

#define HOI_PART_ACTIVE ((uint64_t)1 << 63)
#define HOI_PART_SILENT ((uint64_t)1 << 62)
#define HOI_PART_HINTS (HOI_PART_SILENT - 1)
#define HOI_PART_HINT_COUNT 62u

#define HOI_WAIT_SLEEPING 0u /* in a library wait */
#define HOI_WAIT_ARMED 1u    /* in its own event loop, by a descriptor */

/* What hoi_claim_finish_wait returns. */
#define HOI_CHOSEN_NOT 0u
#define HOI_CHOSEN_ARMED 1u    /* woken for a partition, without the token */
#define HOI_CHOSEN_SEARCHER 2u /* woken, and holds the token */

struct hoi_claim_part {
    HOI_APART A_TYPE(uint64_t) word;
};

struct hoi_claim_group {
    /* Written once, except `ended` and `consumer_words`. */
    struct hoi_claim_part *parts;
    uint32_t part_words;
    A_TYPE(uint32_t) ended;
    A_TYPE(uint32_t) consumer_words;   /* words that ever had a consumer: hoi_claim_join */
    HOI_APART A_TYPE(uint32_t) cursor; /* where the next claim begins to scan */
    A_TYPE(uint64_t) ready[HOI_CLAIM_WORDS];
    HOI_APART A_TYPE(uint64_t) waiting[2][HOI_CLAIM_WORDS];
    HOI_APART A_TYPE(uint32_t) searching;
};

static inline uint64_t hoi_claim_bit(uint32_t n)
{
    return (uint64_t)1 << n % 64;
}

static inline uint32_t hoi_claim_lowest(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits);
}

/* The hint of a partition's n-th lane. */
static inline uint64_t hoi_part_hint(uint32_t lane)
{
    return (uint64_t)1 << lane % HOI_PART_HINT_COUNT;
}

/* Waking. */

/* A consumer calls it before it first waits, one at a time. It bounds the words that a waker
 * must scan. */
static inline void hoi_claim_join(struct hoi_claim_group *g, uint32_t me)
{
    uint32_t words = me / 64 + 1;
    if (A_LOAD(g->consumer_words, AT(join_look, relaxed)) < words)  /* only joiners write it */
        A_STORE(g->consumer_words, words, AT(group_join, seq_cst)); /* edge WORDS: release */
}

static inline uint32_t hoi_wait_words(struct hoi_claim_group *g)
{
    return A_LOAD(g->consumer_words, AT(group_words, seq_cst)); /* edge WORDS: acquire */
}

static inline int hoi_wait_any(struct hoi_claim_group *g, uint32_t kind)
{
    uint32_t words = hoi_wait_words(g);
    for (uint32_t w = 0; w < words; w++)
        if (A_LOAD(g->waiting[kind][w], AT(wait_any, seq_cst))) /* edge SLEEPERS: acquire */
            return 1;
    return 0;
}

/* Takes one consumer out of the waiting set. The thread that clears its bit must ring it. */
static inline uint32_t hoi_wait_pick(struct hoi_claim_group *g, uint32_t kind)
{
    uint32_t words = hoi_wait_words(g);
    for (uint32_t w = 0; w < words; w++) {
        uint64_t seen =
            A_LOAD(g->waiting[kind][w], AT(wait_look, seq_cst)); /* edge SLEEPERS: acquire */
        for (; seen; seen &= seen - 1) {
            uint64_t bit = seen & -seen;
            if (A_AND(g->waiting[kind][w], ~bit,
                      AT(wait_pick, acq_rel)) & /* edge SLEEPERS: acquire, edge CHOSEN: release */
                bit)
                return w * 64 + hoi_claim_lowest(bit);
        }
    }
    return HOI_CLAIM_NONE;
}

/* Is there a partition to wake a consumer for? A silent one belongs to its helper. */
static inline int hoi_claim_more(struct hoi_claim_group *g)
{
    for (uint32_t w = 0; w < g->part_words; w++) {
        uint64_t bits = A_LOAD(g->ready[w], AT(more_ready, seq_cst)); /* edge READY: acquire */
        for (; bits; bits &= bits - 1)
            if (A_LOAD(g->parts[w * 64 + hoi_claim_lowest(bits)].word,
                       AT(more_part, seq_cst)) & /* edge STATE: acquire */
                HOI_PART_ACTIVE)
                return 1;
    }
    return 0;
}

/* The caller checks the ready bits next. */
static inline void hoi_token_drop(struct hoi_claim_group *g)
{
    A_STORE(g->searching, 0, AT(token_drop, seq_cst)); /* edge TOKEN: release */
}

/* A partition is ready. Returns the consumer to ring for it, if any. While nobody sleeps, the
 * normal case under load, this only loads. */
static inline uint32_t hoi_claim_wake(struct hoi_claim_group *g)
{
    while (!A_LOAD(g->searching, AT(token_check, seq_cst))) { /* edge TOKEN: acquire */
        if (!hoi_wait_any(g, HOI_WAIT_SLEEPING))
            return hoi_wait_pick(g, HOI_WAIT_ARMED);
        /* Relaxed: if another thread has the token, the check above is already ordered before
         * that thread's drop; if not, the consumer picked sees it taken. */
        if (A_XCHG(g->searching, 1, AT(token_take, relaxed)))
            break;
        uint32_t who = hoi_wait_pick(g, HOI_WAIT_SLEEPING);
        if (who != HOI_CLAIM_NONE)
            return who;
        /* They woke by themselves; meanwhile other publishers may have relied on the token. */
        hoi_token_drop(g);
        if (!hoi_claim_more(g))
            break;
    }
    return HOI_CLAIM_NONE;
}

/* Publishing. */

static inline void hoi_ready_set(struct hoi_claim_group *g, uint32_t part)
{
    (void)A_OR(g->ready[part / 64], hoi_claim_bit(part),
               AT(ready_set, seq_cst)); /* edge READY: release */
}

/* The partition does not know of the message yet. */
static inline uint32_t hoi_claim_announce(struct hoi_claim_group *g, uint32_t part, uint64_t hint)
{
    uint64_t was = A_OR(g->parts[part].word, HOI_PART_ACTIVE | hint,
                        AT(part_announce, seq_cst)); /* edge HINT: release, edge STATE: release */
    if (was & HOI_PART_ACTIVE)
        return HOI_CLAIM_NONE;
    if (!(was & HOI_PART_SILENT))
        hoi_ready_set(g, part);
    return hoi_claim_wake(g);
}

/* Publisher, after a seq_cst publish into the lane of `hint`: will a consumer look there anyway? */
static inline int hoi_claim_known(struct hoi_claim_group *g, uint32_t part, uint64_t hint)
{
    uint64_t known = HOI_PART_ACTIVE | hint;
    return (A_LOAD(g->parts[part].word, AT(part_check, seq_cst)) & /* edge CLEARED: acquire */
            known) == known;
}

/* Publisher, after a seq_cst publish into the lane of `hint`. A lane's first message goes to
 * hoi_claim_announce instead, which makes the lane visible. Returns the consumer to ring. */
static inline uint32_t hoi_claim_published(struct hoi_claim_group *g, uint32_t part, uint64_t hint)
{
    return hoi_likely(hoi_claim_known(g, part, hint)) ? HOI_CLAIM_NONE
                                                      : hoi_claim_announce(g, part, hint);
}

/* The same for a helper, which wakes nobody. Returns whether it owes a hoi_claim_settle. */
static inline int hoi_claim_published_silent(struct hoi_claim_group *g, uint32_t part,
                                             uint64_t hint, uint32_t *ring)
{
    struct hoi_claim_part *p = &g->parts[part];
    *ring = HOI_CLAIM_NONE;
    if (hoi_claim_known(g, part, hint))
        return 0;
    uint64_t was =
        A_OR(p->word, HOI_PART_SILENT | hint, AT(part_silent, release)); /* edge HINT: release */
    if (was & HOI_PART_ACTIVE)
        return 0;
    if (was & HOI_PART_SILENT)
        return 1;
    hoi_ready_set(g, part);
    /* A publisher that announced it in between woke a consumer before the ready bit was set. */
    if (!(A_LOAD(p->word, AT(part_recheck, seq_cst)) & HOI_PART_ACTIVE)) /* edge STATE: acquire */
        return 1;
    *ring = hoi_claim_wake(g);
    return 0;
}

/* Helper: announces what it published and has not claimed. Returns the consumer to ring. */
static inline uint32_t hoi_claim_settle(struct hoi_claim_group *g, uint32_t part)
{
    struct hoi_claim_part *p = &g->parts[part];
    uint64_t word = A_LOAD(p->word, AT(settle_look, relaxed)); /* its own store, or a newer one */
    while ((word & (HOI_PART_ACTIVE | HOI_PART_SILENT)) == HOI_PART_SILENT)
        if (A_CAS(p->word, word, word | HOI_PART_ACTIVE,
                  AT(part_settle, seq_cst), /* edge STATE: release */
                  AT(settle_look, relaxed)))
            return hoi_claim_wake(g);
    return HOI_CLAIM_NONE;
}

/* Claiming. */

/* Consumer: claims this partition if it is ready. */
static inline int hoi_claim_try(struct hoi_claim_group *g, uint32_t part)
{
    uint64_t bit = hoi_claim_bit(part);
    if (!(A_AND(g->ready[part / 64], ~bit, AT(claim_bit, acquire)) & bit)) /* edge READY: acquire */
        return 0;
    /* It was silent: publishers must wake nobody while it is claimed. Relaxed: a publisher that
     * sees this late wakes one consumer too many. */
    struct hoi_claim_part *p = &g->parts[part];
    if (hoi_unlikely(!(A_LOAD(p->word, AT(claim_look, relaxed)) & HOI_PART_ACTIVE)))
        (void)A_OR(p->word, HOI_PART_ACTIVE, AT(claim_active, relaxed));
    A_STORE(g->cursor, part + 1, AT(cursor, relaxed)); /* only a starting point for scans */
    return 1;
}

/* Consumer: claims the first ready partition from the cursor on. */
static inline uint32_t hoi_claim_scan(struct hoi_claim_group *g)
{
    uint32_t from = A_LOAD(g->cursor, AT(cursor, relaxed));
    uint32_t w = from / 64 < g->part_words ? from / 64 : 0;
    uint64_t mask = ~(uint64_t)0 << from % 64;
    for (uint32_t n = 0; n <= g->part_words; n++) { /* the first word twice */
        /* Relaxed: hoi_claim_try decides; before a sleep, hoi_claim_ready checks. */
        uint64_t bits = A_LOAD(g->ready[w], AT(claim_scan, relaxed)) & mask;
        for (; bits; bits &= bits - 1)
            if (hoi_claim_try(g, w * 64 + hoi_claim_lowest(bits)))
                return w * 64 + hoi_claim_lowest(bits);
        w = w + 1 == g->part_words ? 0 : w + 1;
        mask = ~(uint64_t)0;
    }
    return HOI_CLAIM_NONE;
}

/* A consumer was chosen and will not claim: another one must. Returns the consumer to ring. */
static inline uint32_t hoi_claim_pass_on(struct hoi_claim_group *g, uint32_t chosen)
{
    if (chosen == HOI_CHOSEN_NOT)
        return HOI_CLAIM_NONE;
    if (chosen == HOI_CHOSEN_SEARCHER)
        hoi_token_drop(g);
    return hoi_claim_more(g) ? hoi_claim_wake(g) : HOI_CLAIM_NONE;
}

/* Consumer: claims a partition, or returns HOI_CLAIM_NONE. Consumes `chosen`, the result of its
 * last wait. *ring is the consumer to ring, the next searcher. */
static inline uint32_t hoi_claim_next(struct hoi_claim_group *g, uint32_t chosen, uint32_t *ring)
{
    uint32_t part = hoi_claim_scan(g);
    *ring = HOI_CLAIM_NONE;
    if (hoi_likely(chosen == HOI_CHOSEN_NOT))
        return part;
    if (chosen == HOI_CHOSEN_SEARCHER)
        hoi_token_drop(g);
    if (part == HOI_CLAIM_NONE)
        part = hoi_claim_scan(g);
    *ring = hoi_claim_more(g) ? hoi_claim_wake(g) : HOI_CLAIM_NONE;
    return part;
}

/* Claimant: the hints of lanes that may hold messages. */
static inline uint64_t hoi_claim_hints(struct hoi_claim_group *g, uint32_t part)
{
    return A_LOAD(g->parts[part].word, AT(part_hints, acquire)) &
           HOI_PART_HINTS; /* edge HINT: acquire, edge TURN: acquire */
}

/* Claimant: clears the hints of lanes that looked empty. It must then look at every lane of these
 * hints again (hoi_lane_recheck), including new ones, and set the hint of each that is not empty.
 * Worth it only before hoi_claim_idle: while its hint is set, a publisher has nothing to do. */
static inline void hoi_claim_hints_clear(struct hoi_claim_group *g, uint32_t part, uint64_t hints)
{
    (void)A_AND(g->parts[part].word, ~hints,
                AT(part_clear, seq_cst)); /* edge CLEARED: release, edge HINT: acquire */
}

/* Relaxed: the claimant's own reminder, before its own next look. */
static inline void hoi_claim_hints_set(struct hoi_claim_group *g, uint32_t part, uint64_t hints)
{
    (void)A_OR(g->parts[part].word, hints, AT(part_remind, relaxed));
}

/* Claimant: gives the claim up unless a hint is set. Returns whether it did. */
static inline int hoi_claim_idle(struct hoi_claim_group *g, uint32_t part)
{
    struct hoi_claim_part *p = &g->parts[part];
    uint64_t word = A_LOAD(p->word, AT(idle_look, relaxed));
    while (!(word & HOI_PART_HINTS))
        if (A_CAS(p->word, word, (uint64_t)0, AT(part_idle, release), /* edge TURN: release */
                  AT(idle_look, relaxed)))
            return 1;
    return 0;
}

/* Claimant: gives the claim up with messages left. Returns the consumer to ring. */
static inline uint32_t hoi_claim_give_back(struct hoi_claim_group *g, uint32_t part)
{
    hoi_ready_set(g, part);
    return hoi_claim_wake(g);
}

/* Waiting. */

/* Is any partition ready, silent ones included? */
static inline int hoi_claim_ready(struct hoi_claim_group *g)
{
    for (uint32_t w = 0; w < g->part_words; w++)
        if (A_LOAD(g->ready[w], AT(wait_ready, seq_cst))) /* edge READY: acquire */
            return 1;
    return 0;
}

/* Consumer, after preparing its bell: announces that it waits. Returns whether it may sleep.
 * Either way it must call hoi_claim_finish_wait next. */
static inline int hoi_claim_prepare_wait(struct hoi_claim_group *g, uint32_t me, uint32_t kind)
{
    (void)A_OR(g->waiting[kind][me / 64], hoi_claim_bit(me),
               AT(wait_prepare, seq_cst)); /* edge SLEEPERS: release */
    return !hoi_claim_ready(g) &&
           !A_LOAD(g->ended, AT(wait_ended, seq_cst)); /* edge ENDED: acquire */
}

/* Consumer: stops waiting, whether it slept or not. Returns HOI_CHOSEN_*. It must call
 * hoi_claim_next or hoi_claim_pass_on before it returns to the user. */
static inline uint32_t hoi_claim_finish_wait(struct hoi_claim_group *g, uint32_t me, uint32_t kind)
{
    uint64_t bit = hoi_claim_bit(me);
    if (A_AND(g->waiting[kind][me / 64], ~bit, AT(wait_finish, acquire)) &
        bit) /* edge CHOSEN: acquire */
        return HOI_CHOSEN_NOT;
    return kind == HOI_WAIT_ARMED ? HOI_CHOSEN_ARMED : HOI_CHOSEN_SEARCHER;
}

/* Service: no consumer waits from now on. The caller rings those that hoi_claim_waiting names. */
static inline void hoi_claim_end(struct hoi_claim_group *g)
{
    A_STORE(g->ended, 1, AT(group_end, seq_cst)); /* edge ENDED: release */
}

static inline int hoi_claim_ended(struct hoi_claim_group *g)
{
    return A_LOAD(g->ended, AT(group_ended, acquire)) != 0; /* edge ENDED: acquire */
}

/* The waiting consumers among 64 * word to 64 * word + 63. Chooses none of them. */
static inline uint64_t hoi_claim_waiting(struct hoi_claim_group *g, uint32_t word)
{
    return A_LOAD(g->waiting[HOI_WAIT_SLEEPING][word],
                  AT(wait_any, seq_cst)) | /* edge SLEEPERS: acquire */
           A_LOAD(g->waiting[HOI_WAIT_ARMED][word],
                  AT(wait_any, seq_cst)); /* edge SLEEPERS: acquire */
}
