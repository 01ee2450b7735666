/* SPDX-License-Identifier: MIT */
/*
 * Pools: memory that goes back before a consumer sleeps, and while a shard waits for some. Once nobody releases any more, what a
 * burst left would stay. A pool with a destruct is left alone: that runs in calls on the pool and in no other.
 */
#include "pool_private.h"

int64_t hoi_pool_rest(struct hoi_pool *p, int *stepped)
{
    if (p->destruct || !hoi_get(p->above_ns))
        return 0;
    *stepped = *stepped || hoi_pool_relax(p);
    int64_t since = hoi_get(p->above_ns);
    return since ? since + (int64_t)p->hold_ns : 0;
}

void hoi_pools_ask(struct hoi_domain *d, int64_t due_ns)
{
    int64_t had = A_LOAD(d->rest_ns, memory_order_relaxed);
    while (due_ns && (!had || due_ns < had))
        if (A_CAS(d->rest_ns, had, due_ns, memory_order_release,
                  memory_order_relaxed)) /* edge REST: release */
            return;
}

/* One step of the first pool whose time has come. Gives when the next one's comes; 0: there is none. */
static int64_t rest_arenas(struct hoi_domain *d)
{
    int64_t due = 0;
    int stepped = 0;
    for (uint32_t i = 0; i < HOI_ARENAS_MAX; i++) {
        const struct hoi_arena *a = hoi_get(d->arenas[i]);
        if (!a)
            break;
        for (struct hoi_pool *p = a->open ? a->pools : NULL; p; p = p->next)
            due = hoi_sooner(due, hoi_pool_rest(p, &stepped));
        due = hoi_sooner(due, a->open ? hoi_heap_rest(a, &stepped) : 0);
    }
    return due;
}

void hoi_pools_rest(struct hoi_domain *d)
{
    if (hoi_os_tick_ns() < A_LOAD(d->rest_ns, memory_order_relaxed))
        return;
    if (pthread_mutex_trylock(&d->mutex))
        return; /* somebody opens or closes: before the next sleep */
    /* Cleared before the look: a pool that begins to have too much after it sets it again. */
    (void)A_XCHG(d->rest_ns, 0, memory_order_acquire); /* edge REST: acquire */
    hoi_pools_ask(d, rest_arenas(d));
    pthread_mutex_unlock(&d->mutex);
}

/* Are all slots free that lie on this page of slots? Of two that are freed at once, whoever is last finds both free. */
static int is_page_free(const struct hoi_pool *p, uint64_t page)
{
    uint64_t last = ((page + 1) * HOI_PAGE - 1) / p->slot_bytes;
    last = last < p->slots_max ? last : p->slots_max - 1;
    for (uint64_t i = page * HOI_PAGE / p->slot_bytes; i <= last; i++)
        if (hoi_get(p->state[i]) & 1)
            return 0;
    return 1;
}

HOI_COLD void hoi_pool_yield(struct hoi_pool *p, uint32_t index)
{
    uint64_t page = index * p->slot_bytes / HOI_PAGE,
             last = ((index + 1) * p->slot_bytes - 1) / HOI_PAGE;
    while (page <= last && !is_page_free(p, page))
        page++;
    if (page > last)
        return;
    (void)hoi_pool_collect(p);
    (void)hoi_pool_shrink(p, 0, UINT64_MAX);
}
