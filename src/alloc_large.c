/* SPDX-License-Identifier: MIT */
/*
 * Memory above half a segment: whole units of a segment, in the last part of the heap's region. A block has pages for
 * its bytes alone: the rest of its last unit is never readable. It is charged in pages, and goes back to the system when it is
 * freed. The first units that are free take it.
 */
#include "alloc_private.h"

static uint64_t whole_pages(uint64_t bytes)
{
    return (bytes - 1) / HOI_PAGE + 1;
}

static uint32_t units_for(const struct hoi_heap *h, uint64_t pages)
{
    return (uint32_t)((pages * HOI_PAGE - 1) / h->seg_bytes + 1);
}

enum { FREE, FIRST, INSIDE }; /* of a block */

static void mark_units(struct hoi_heap *h, uint32_t first, uint32_t n, uint8_t begin, uint8_t rest)
{
    for (uint32_t i = 0; i < n; i++)
        hoi_set(h->taken[first + i], i ? rest : begin);
}

/* Takes n units in a row. Gives the first, units_count if there are none. */
static uint32_t take_units(struct hoi_heap *h, uint32_t n)
{
    uint32_t run = 0, end = 0;
    pthread_mutex_lock(&h->mutex);
    while (run < n && end < h->units_count)
        run = hoi_get(h->taken[end++]) ? 0 : run + 1;
    if (run == n)
        mark_units(h, end - n, n, FIRST, INSIDE);
    pthread_mutex_unlock(&h->mutex);
    return run == n ? end - n : h->units_count;
}

static void give_units(struct hoi_heap *h, uint32_t first, uint32_t n)
{
    pthread_mutex_lock(&h->mutex);
    mark_units(h, first, n, FREE, FREE);
    pthread_mutex_unlock(&h->mutex);
}

static int32_t charged_large(struct hoi_heap *h, uint64_t pages, void **ptr)
{
    uint32_t n = units_for(h, pages), first = take_units(h, n);
    if (first == h->units_count)
        return HO_FULL;
    void *at = (void *)(h->large + first * h->seg_bytes);
    if (hoi_os_commit(at, pages * HOI_PAGE)) {
        give_units(h, first, n);
        return HO_E_NOMEM;
    }
    hoi_set(h->pages[first], (uint32_t)pages); /* the address travels in the user's order */
    *ptr = at;
    return HO_OK;
}

int32_t hoi_heap_alloc_large(struct hoi_heap *h, uint64_t bytes, void **ptr)
{
    uint64_t pages = whole_pages(bytes);
    struct hoi_arena *a = h->arena;
    if (pages * HOI_PAGE > h->units_count * h->seg_bytes)
        return HO_E_RANGE;
    int charged = hoi_arena_charge(a, pages * HOI_PAGE) ||
                  (hoi_heap_trim(a, &(uint64_t){0}) && hoi_arena_charge(a, pages * HOI_PAGE));
    int32_t status = charged ? charged_large(h, pages, ptr) : HO_FULL;
    if (status && charged)
        hoi_arena_uncharge(a, pages * HOI_PAGE);
    return status;
}

int32_t hoi_heap_free_large(struct hoi_heap *h, const void *ptr, uint64_t bytes)
{
    uint64_t offset = (uintptr_t)ptr - h->large, unit = offset / h->seg_bytes;
    if (unit >= h->units_count || offset % h->seg_bytes)
        return HO_E_INVAL;
    uint32_t pages = hoi_get(h->pages[unit]), first = pages;
    if (!pages)
        return hoi_get(h->taken[unit]) == INSIDE ? HO_E_INVAL : HO_E_STALE;
    if (bytes && (bytes <= h->most || whole_pages(bytes) != pages))
        return HO_E_RANGE;
    HO_HOOK("alloc:before_free");
    while (!A_CAS(h->pages[unit], pages, 0, memory_order_relaxed, memory_order_relaxed))
        if (pages != first)
            return HO_E_STALE;
    HO_HOOK("alloc:freed");
    hoi_os_discard((void *)(uintptr_t)ptr, (uint64_t)pages * HOI_PAGE);
    give_units(h, (uint32_t)unit, units_for(h, pages));
    hoi_arena_uncharge(h->arena, (uint64_t)pages * HOI_PAGE);
    return HO_OK;
}

void hoi_heap_count_large(struct hoi_heap *h, uint64_t *count, uint64_t *bytes)
{
    pthread_mutex_lock(&h->mutex);
    for (uint32_t i = 0; i < h->units_count; i++) {
        uint32_t pages = hoi_get(h->taken[i]) ? hoi_get(h->pages[i]) : 0;
        *count += pages != 0;
        *bytes += (uint64_t)pages * HOI_PAGE;
    }
    pthread_mutex_unlock(&h->mutex);
}
