/* SPDX-License-Identifier: MIT */
/* Pool: who is live. Nobody counts on the hot path: each slot's state says it. */
#include "pool_private.h"

/* The next live object from `at` on: its index; `end` if there is none. A page of states that is not resident has
 * none. Relaxed: what a visitor sees of an object is a matter between him and its holder. */
static uint32_t next_live(const struct hoi_pool *p, uint32_t at, uint32_t end, uint64_t *handle)
{
    while (at < end) {
        uint32_t window = at / HOI_POOL_WINDOW;
        if (!hoi_pool_is_resident(p, window)) {
            at = (window + 1) * HOI_POOL_WINDOW;
            continue;
        }
        uint32_t state = hoi_get(p->state[at]);
        if (state & 1) {
            *handle = (uint64_t)state << 32 | p->tag | at;
            return at;
        }
        at++;
    }
    return end;
}

uint64_t hoi_pool_live(const struct hoi_pool *p, uint64_t *handles, uint32_t most)
{
    uint32_t end = hoi_get(p->fresh);
    uint64_t live = 0, handle;
    for (uint32_t at = 0; (at = next_live(p, at, end, &handle)) < end; at++) {
        if (live < most)
            handles[live] = handle;
        live++;
    }
    return live;
}

int32_t ho_pool_visit(ho_pool *pool, uint64_t *cursor, uint64_t *handles, uint32_t max,
                      uint32_t *count)
{
    struct hoi_pool *p = hoi_pool_get(pool);
    uint32_t n = 0;
    if (count)
        *count = 0;
    if (!p)
        return hoi_handle_status();
    if (!cursor || !count || (!handles && max))
        return HO_E_INVAL;
    if (*cursor > p->slots_max)
        return HO_E_RANGE;
    uint32_t at = (uint32_t)*cursor, end = hoi_get(p->fresh);
    while (n < max && (at = next_live(p, at, end, &handles[n])) < end) {
        n++;
        at++;
    }
    *cursor = at;
    *count = n;
    return n || !max ? HO_OK : HO_EMPTY;
}

int32_t ho_pool_stats_get(ho_pool *pool, ho_pool_stats *stats)
{
    struct hoi_pool *p = hoi_pool_get(pool);
    int32_t status = stats ? hoi_result_check(stats, HO_POOL_STATS_MIN) : HO_E_INVAL;
    if (!p)
        return hoi_handle_status();
    if (status)
        return status;
    ho_pool_stats ours = {.size = sizeof ours,
                          .slot_bytes = (uint32_t)p->slot_bytes,
                          .objects_max = p->slots_max,
                          .live = hoi_pool_live(p, NULL, 0),
                          .bytes_held = (uint64_t)hoi_get(p->pages) * HOI_PAGE,
                          .bytes_trimmed = hoi_get(p->trimmed),
                          .refills = hoi_get(p->refills),
                          .full = hoi_get(p->full)};
    uint64_t used = hoi_get(p->fresh);
    ours.free = used > ours.live ? used - ours.live : 0;
    hoi_result_write(stats, &ours, sizeof ours);
    return HO_OK;
}
