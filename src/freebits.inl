/* SPDX-License-Identifier: MIT */
/*
 * Free slots: one bit per slot in words of 64, and a summary with one bit per word that has any
 * set. Each summary word lies before the 64 words that it covers, so all bits of a small pool lie
 * on one page.
 *
 * Clearing a bit takes the slot, setting it frees the slot. The summary serves to find a word: its
 * bit may be set for a word that has become empty, but is never clear for long while the word has a
 * free slot. A put into an empty word sets the summary bit; a thread that finds or leaves a word
 * empty clears the summary bit and then checks the word again. A put before that check is seen by
 * the check. A put after it sets the summary bit after the clear, because both modify the same
 * summary word. Setting the bit again is relaxed: it continues the release sequence that the put's
 * own setting began.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  FREED | bits_put | bits_take | what was done with the slot, and its state | a slot used by two, a generation twice
 *  SOME | some_set | some_clear | the put before it | a free slot that nobody finds
 */
#ifndef HOI_FREEBITS_INL
#define HOI_FREEBITS_INL

#define HOI_FREE_BITS 64u
/* Index of word w, index of its summary word, and the number of words including summaries. */
#define HOI_BITS_WORD(w) ((w) + (w) / HOI_FREE_BITS + 1)
#define HOI_BITS_SOME(w) ((w) / HOI_FREE_BITS * (HOI_FREE_BITS + 1))
#define HOI_BITS_COUNT(words) (HOI_BITS_WORD(words) + 1)

/* The lowest n bits of a mask, or all. */
static inline uint64_t hoi_bits_lowest(uint64_t mask, uint32_t n)
{
    uint64_t rest = mask;
    if (n >= HOI_FREE_BITS)
        return mask;
    while (n-- && rest)
        rest &= rest - 1;
    return mask & ~rest;
}

/* Frees slots of word w. */
static inline void hoi_bits_put(A_TYPE(uint64_t) * bits, uint32_t w, uint64_t mask)
{
    uint64_t old =
        A_OR(bits[HOI_BITS_WORD(w)], mask, AT(bits_put, release)); /* edge FREED: release */
    HOI_TRAP_IF(old & mask);
    if (old == 0 && DO_STEP(set_summary))
        (void)A_OR(bits[HOI_BITS_SOME(w)], (uint64_t)1 << w % HOI_FREE_BITS,
                   AT(some_set, release)); /* edge SOME: release */
}

/* Word w was empty a moment ago. */
static inline void hoi_bits_emptied(A_TYPE(uint64_t) * bits, uint32_t w)
{
    uint64_t bit = (uint64_t)1 << w % HOI_FREE_BITS;
    (void)A_AND(bits[HOI_BITS_SOME(w)], ~bit, AT(some_clear, acquire)); /* edge SOME: acquire */
    if (DO_STEP(second_look) && A_LOAD(bits[HOI_BITS_WORD(w)], AT(bits_relook, relaxed)) != 0)
        (void)A_OR(bits[HOI_BITS_SOME(w)], bit, AT(some_again, relaxed));
}

/* Takes up to n slots of word w, the lowest ones among `wanted`. Returns their mask, or 0. */
static inline uint64_t hoi_bits_take(A_TYPE(uint64_t) * bits, uint32_t w, uint64_t wanted,
                                     uint32_t n)
{
    uint64_t free = A_LOAD(bits[HOI_BITS_WORD(w)], AT(bits_look, relaxed)),
             mask; /* the exchange orders */
    do
        mask = hoi_bits_lowest(free & wanted, n);
    while (mask && !A_CAS(bits[HOI_BITS_WORD(w)], free, free & ~mask, AT(bits_take, acquire),
                          AT(bits_retake, relaxed))); /* edge FREED: acquire */
    if (free == mask)
        hoi_bits_emptied(bits, w);
    return mask;
}

/* The first word at or after `from` that the summary says has a free slot; `count` if none.
 * Relaxed: the take decides. */
static inline uint32_t hoi_bits_find(A_TYPE(uint64_t) * bits, uint32_t from, uint32_t count)
{
    for (uint32_t w = from; w < count; w = (w / HOI_FREE_BITS + 1) * HOI_FREE_BITS) {
        uint64_t some = A_LOAD(bits[HOI_BITS_SOME(w)], AT(some_look, relaxed)) >> w % HOI_FREE_BITS;
        if (some)
            return w + (uint32_t)__builtin_ctzll(some);
    }
    return count;
}

#endif
