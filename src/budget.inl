/* SPDX-License-Identifier: MIT */
/*
 * What is charged to an arena's budget, in one word {pages:32, segments:32}: the pages of its
 * pools, and the segments that it holds. Pages are charged in whole segments, the last of them
 * partly used. A charge adds pages and the segments that they need in one exchange, so it fails
 * only if there is no room. A release takes the pages off before the segments, so there are never
 * fewer segments than the pages need.
 *
 * The numbers say nothing about other memory: relaxed.
 */

#define HOI_CHARGED_PAGES 32u /* first bit of the page count */
#define hoi_charged_pages(word) ((word) >> HOI_CHARGED_PAGES)
#define hoi_charged_segments(word) ((word)&UINT32_MAX)

/* Takes n segments of the budget, or none. It never claims and then undoes: a thread that saw
 * the temporary claim would go to sleep. */
static inline int hoi_budget_take(A_TYPE(uint64_t) * held, uint64_t most, uint64_t n)
{
    uint64_t had = A_LOAD(*held, AT(budget_look, relaxed));
    while (hoi_charged_segments(had) + n <= most)
        if (A_CAS(*held, had, had + n, AT(budget_take, relaxed), AT(budget_relook, relaxed)))
            return 1;
    return 0;
}

/* Charges pages. 0 if the budget is used up. */
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
