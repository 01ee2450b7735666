/* SPDX-License-Identifier: MIT */
/*
 * Segment count: tells who still holds part of a segment, and who recycles it.
 *
 * Each buffer of a segment has a number, and a bit in a word of 32. A word is {generation, live},
 * 32 bits each, so a return checks generation and bit and clears the bit in one compare-exchange. A
 * second, stale or forged return finds another generation or a clear bit: an error, never
 * corruption, even if it races with the legal one. Returns of a batch that share a word take one
 * exchange.
 *
 * The count is of words, not of buffers. It starts at BIAS. The owner opens words, with all bits
 * live, as it reaches them, and counts them privately. Sealing clears the bits that were not issued
 * and subtracts BIAS - opened. Clearing the last bit of a word subtracts one; slices and queued
 * releases hold the segment by HOLD. The thread that reaches zero recycles. (This is biased
 * reference counting: the owner's side costs no atomic.)
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  BITS | word_return | word_return, back_word | reads by earlier holders of the word | recycled under a reader
 *  LAST | count_drop | count_drop, back_count | reads by holders of other words | recycled under a reader
 * Opening a word is relaxed: its number travels to a holder through a lane (SLOT) or in the
 * caller's own order.
 */

#ifndef HOI_WORD_BITS /* the model takes fewer: the same words, fewer steps to fill one */
#define HOI_WORD_BITS 32u
#endif
#define HOI_WORD_ALL (0xffffffffu >> (32u - HOI_WORD_BITS))
#define HOI_COUNT_BIAS ((uint64_t)1 << 24) /* more than any number of words */
#define HOI_COUNT_HOLD ((uint64_t)1 << 32) /* slices and queued releases: the high half */

/* The result of a return. */
enum hoi_returned {
    HOI_RETURN_STALE, /* 0: another generation, or a bit was already clear; nothing changed */
    HOI_RETURNED,
    HOI_RETURNED_LAST /* and the word has no bits left */
};

#define hoi_word_pack(gen, live) ((uint64_t)(gen) << 32 | (live))

/* Owner: opens a word whose numbers it will issue in order. */
static inline void hoi_word_open(A_TYPE(uint64_t) * word, uint32_t gen)
{
    A_STORE(*word, hoi_word_pack(gen, HOI_WORD_ALL), AT(word_open, relaxed));
}

/*
 * Any holder: clears all bits of `mask` or none. `id` has the generation in its upper half, as a
 * handle does; the lower half is ignored. The caller that clears the word's last bit must subtract
 * one from the count.
 */
static inline enum hoi_returned hoi_word_return(A_TYPE(uint64_t) * word, uint64_t id, uint32_t mask)
{
    uint64_t w = A_LOAD(*word, AT(word_look, relaxed)); /* the exchange below orders */
    uint64_t rest;
    do {
        rest = w - mask; /* if a bit was clear, the borrow leaves a bit of the mask set */
        if (hoi_unlikely((w ^ id) > UINT32_MAX))
            return HOI_RETURN_STALE;
        if (hoi_unlikely(rest & mask))
            return HOI_RETURN_STALE;
    } while (!A_CAS(*word, w, rest, AT(word_return, acq_rel), /* edge BITS: release */
                    AT(word_relook, relaxed)));               /* edge BITS: acquire */
    return (uint32_t)rest ? HOI_RETURNED : HOI_RETURNED_LAST;
}

/* A holder of the segment adds another hold: the count can't reach zero meanwhile, so relaxed is
 * enough. */
static inline void hoi_count_hold(A_TYPE(uint64_t) * count, uint64_t n)
{
    (void)A_FADD(*count, n, AT(count_hold, relaxed));
}

/*
 * Anybody: adds a hold unless the count is zero; returns whether it did. For a return that must
 * hold the segment before it clears its bit. The live bit that it saw may be another thread's to
 * return, so the segment may have been recycled since; a count of zero must stay zero until the
 * next generation stores BIAS. The compare-exchange sees the latest count, and nothing else is
 * inferred: relaxed.
 */
static inline int hoi_count_try_hold(A_TYPE(uint64_t) * count, uint64_t n)
{
    uint64_t old = A_LOAD(*count, AT(try_look, relaxed));
    do
        if (old == 0)
            return 0;
    while (!A_CAS(*count, old, old + n, AT(try_hold, relaxed), AT(try_relook, relaxed)));
    return 1;
}

/* Takes n off. Returns 1 to the one caller that reached zero: it recycles. */
static inline int hoi_count_drop(A_TYPE(uint64_t) * count, uint64_t n)
{
    uint64_t old =
        A_FSUB(*count, n, AT(count_drop, acq_rel)); /* edge LAST: release, edge LAST: acquire */
    HOI_TRAP_IF(old < n); /* a bug in the library itself: stop before memory is reused */
    return old == n;
}

/*
 * Owner of an unsealed segment: is the whole word back? Reads the word first: a thread that clears
 * a bit of it already holds the segment, and keeps the hold until it has read the record.
 */
static inline int hoi_word_is_back(A_TYPE(uint64_t) * word, A_TYPE(uint64_t) * count)
{
    return !(uint32_t)A_LOAD(*word, AT(back_word, acquire)) &&       /* edge BITS: acquire */
           A_LOAD(*count, AT(back_count, acquire)) < HOI_COUNT_HOLD; /* edge LAST: acquire */
}

/*
 * Owner: seals a segment that issued the numbers 0 to issued - 1. Returns 1 if nothing is
 * outstanding: the caller recycles.
 */
static inline int hoi_seg_seal_count(A_TYPE(uint64_t) * words, A_TYPE(uint64_t) * count,
                                     uint32_t gen, uint32_t issued)
{
    uint32_t opened = (issued + HOI_WORD_BITS - 1) / HOI_WORD_BITS;
    uint32_t rest = issued % HOI_WORD_BITS;
    uint64_t drop = HOI_COUNT_BIAS - opened;
    if (rest && hoi_word_return(&words[opened - 1], hoi_word_pack(gen, 0),
                                HOI_WORD_ALL & HOI_WORD_ALL << rest) == HOI_RETURNED_LAST)
        drop++;
    return hoi_count_drop(count, drop);
}

/*
 * Anybody with exclusive use of the number: issues one more number of a sealed segment, on behalf
 * of a holder of the segment (so it can't be recycled meanwhile). Relaxed: an exchange of any order
 * continues the release sequence of earlier returns, and the number travels as one of an open word
 * does.
 */
static inline void hoi_seg_issue_late(A_TYPE(uint64_t) * words, A_TYPE(uint64_t) * count,
                                      uint32_t gen, uint32_t number)
{
    A_TYPE(uint64_t) *word = &words[number / HOI_WORD_BITS];
    uint64_t bit = (uint64_t)1 << number % HOI_WORD_BITS;
    hoi_count_hold(count, 1); /* before the bit: the word may be empty, and so not counted */
    uint64_t w = A_LOAD(*word, AT(late_look, relaxed));
    uint64_t next;
    do /* an older generation: a word that this one has not opened */
        next = (uint32_t)(w >> 32) == gen ? w | bit : hoi_word_pack(gen, bit);
    while (!A_CAS(*word, w, next, AT(late_issue, relaxed), AT(late_relook, relaxed)));
    if ((uint32_t)(w >> 32) == gen && (uint32_t)w != 0)
        (void)hoi_count_drop(count, 1); /* already counted; the holder's count remains */
}
