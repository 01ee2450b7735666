/* SPDX-License-Identifier: MIT */
/*
 * Arena: what is charged to its budget in addition to its shards' segments. Blocks are charged in
 * whole segments and pools in pages; all pools of an arena share one page count.
 */
#include "arena_private.h"

static inline uint64_t hoi_segments_of(const struct hoi_arena *a, uint64_t pages)
{
    return hoi_whole_segments(a->domain, pages * HOI_PAGE);
}

#include "budget.inl"

int hoi_arena_claim(struct hoi_arena *a, uint64_t segments)
{
    return hoi_budget_take(&a->held, a->budget_segs, segments);
}

int hoi_arena_take_budget(struct hoi_arena *a, uint64_t segments)
{
    if (segments > a->budget_segs)
        return 0;
    (void)hoi_arena_shrink(a, a->budget_segs - segments, segments);
    return hoi_arena_claim(a, segments);
}

void hoi_arena_give_budget(struct hoi_arena *a, uint64_t segments)
{
    (void)A_FSUB(a->held, segments, memory_order_seq_cst); /* edge UNUSED: release */
    hoi_arena_wake(a);
}

/* If there is no room, unused segments are released to make some. */
int hoi_arena_charge(struct hoi_arena *a, uint64_t bytes)
{
    const uint64_t segments = hoi_whole_segments(a->domain, bytes);
    while (!hoi_budget_charge(a, bytes / HOI_PAGE))
        if (segments > a->budget_segs || !hoi_arena_shrink(a, a->budget_segs - segments, segments))
            return 0;
    return 1;
}

void hoi_arena_uncharge(struct hoi_arena *a, uint64_t bytes)
{
    hoi_budget_uncharge(a, bytes / HOI_PAGE);
}

uint64_t hoi_arena_held(const struct hoi_arena *a)
{
    return hoi_charged_segments(A_LOAD(a->held, memory_order_relaxed));
}

uint64_t hoi_arena_pool_segments(const struct hoi_arena *a)
{
    return hoi_segments_of(a, hoi_charged_pages(A_LOAD(a->held, memory_order_relaxed)));
}
