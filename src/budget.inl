/* SPDX-License-Identifier: MIT */
/*
 * What is charged to an arena's budget, in one word {pages:32, segments:32}: the pages of its pools, and the segments that it
 * holds. Pages fill segments of the budget, the last one begun; a charge adds pages and the segments that they need in
 * one exchange, so it is refused only where there is no room for it. Pages are taken off before their segments are: so
 * these are never fewer than the pages need.
 *
 * The numbers say nothing about other memory: relaxed.
 */

#define HOI_CHARGED_PAGES 32u /* where they begin in the word */
#define hoi_charged_pages(word) ((word) >> HOI_CHARGED_PAGES)
#define hoi_charged_segments(word) ((word)&UINT32_MAX)

/* Takes n segments of the budget, or none. Not claimed and given up again: who sees the claim meanwhile goes to sleep. */
static inline int hoi_budget_take(A_TYPE(uint64_t) * held, uint64_t most, uint64_t n)
{
    uint64_t had = A_LOAD(*held, AT(budget_look, relaxed));
    while (hoi_charged_segments(had) + n <= most)
        if (A_CAS(*held, had, had + n, AT(budget_take, relaxed), AT(budget_relook, relaxed)))
            return 1;
    return 0;
}

/* Charges pages. 0: the budget is used up. */
static inline int hoi_budget_charge(struct hoi_arena *a, uint64_t pages)
{
    uint64_t had = A_LOAD(a->held, AT(charge_look, relaxed)), more;
    do {
        const uint64_t of = hoi_charged_pages(had);
        more = hoi_segments_of(a, of + pages) - hoi_segments_of(a, of);
        if (hoi_charged_segments(had) + more > a->budget_segs || of + pages > UINT32_MAX)
            return 0;
        more = DO_STEP(charge_segments) ? more : 0;
    } while (!A_CAS(a->held, had, had + more + (pages << HOI_CHARGED_PAGES),
                    AT(charge_add, relaxed), AT(charge_relook, relaxed)));
    return 1;
}

static inline void hoi_budget_uncharge(struct hoi_arena *a, uint64_t pages)
{
    const uint64_t had =
        hoi_charged_pages(A_FSUB(a->held, pages << HOI_CHARGED_PAGES, AT(uncharge, relaxed)));
    const uint64_t less = hoi_segments_of(a, had) - hoi_segments_of(a, had - pages);
    if (less)
        hoi_arena_give_budget(a, less);
}
