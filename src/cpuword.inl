/* SPDX-License-Identifier: MIT */
/*
 * A processor's cache where there are no restartable sequences: one word {group:32, mask:32}, the
 * free slots among 32 neighbours, which belong to this cache alone. Every change is an exchange of
 * the whole word, so migration to another processor does no harm. ABA is harmless, too: an equal
 * word means equal slots.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  CPUWORD | cpu_put, cpu_fill | cpu_take, cpu_drain | what was done with the slot, and its state | a slot used by two, a generation twice
 */

#define HOI_CPU_GROUP 32u
#define hoi_cpuword_pack(group, mask) ((uint64_t)(group) << 32 | (uint32_t)(mask))

/* Takes the lowest slot. 1, and its index in *index; 0 if there is none. */
static inline int hoi_cpuword_take(A_TYPE(uint64_t) * word, uint32_t *index)
{
    uint64_t w = A_LOAD(*word, AT(cpu_look, relaxed)); /* the exchange orders */
    do
        if (!(uint32_t)w)
            return 0;
    while (!A_CAS(*word, w, w & (w - 1), AT(cpu_take, acquire), /* edge CPUWORD: acquire */
                  AT(cpu_retake, relaxed)));
    *index = (uint32_t)(w >> 32) * HOI_CPU_GROUP + (uint32_t)__builtin_ctz((uint32_t)w);
    return 1;
}

/* Puts a slot back if the word is of its group. Returns whether it did. */
static inline int hoi_cpuword_put(A_TYPE(uint64_t) * word, uint32_t index)
{
    uint64_t w = A_LOAD(*word, AT(cpu_match, relaxed));
    do
        if ((uint32_t)(w >> 32) != index / HOI_CPU_GROUP)
            return 0;
    while (!A_CAS(*word, w, w | (uint64_t)1 << index % HOI_CPU_GROUP,
                  AT(cpu_put, release), /* edge CPUWORD: release */
                  AT(cpu_rematch, relaxed)));
    return 1;
}

/* Fills an empty word with slots of one group. Returns whether it did. */
static inline int hoi_cpuword_fill(A_TYPE(uint64_t) * word, uint32_t group, uint32_t mask)
{
    uint64_t w = A_LOAD(*word, AT(cpu_empty, relaxed));
    do
        if ((uint32_t)w)
            return 0;
    while (!A_CAS(*word, w, hoi_cpuword_pack(group, mask),
                  AT(cpu_fill, release), /* edge CPUWORD: release */
                  AT(cpu_reempty, relaxed)));
    return 1;
}

/* Takes all slots. Returns {group, mask}. */
static inline uint64_t hoi_cpuword_drain(A_TYPE(uint64_t) * word)
{
    return A_XCHG(*word, 0, AT(cpu_drain, acquire)); /* edge CPUWORD: acquire */
}
