/* SPDX-License-Identifier: MIT */
/* Pool: opening and closing, under the domain's mutex. */
#include "pool_private.h"

#include <string.h>

#define ALIGN_DEFAULT 8u
#define LINE_BYTES 64u
/* So much of objects lies in a processor's cache at most, and is taken by a refill. */
#define CACHE_BYTES ((uint64_t)16 << 10)
#define FIRST_MOST                                                                                 \
    30 /* bits of the generation that a pool begins with: the rest is left to count in */

static int32_t opts_check(const ho_pool_opts *opts, ho_pool_opts *known)
{
    int32_t status = hoi_opts_read(known, sizeof *known, HO_POOL_OPTS_MIN, opts);
    if (status)
        return status;
    if (known->flags & HO_BUF_FLAGS_MUST)
        return HO_E_FLAGS;
    if (known->reserved0)
        return HO_E_RESERVED;
    if (!known->align_bytes)
        known->align_bytes = ALIGN_DEFAULT;
    uint32_t align = known->align_bytes;
    if (align < ALIGN_DEFAULT || align > HOI_PAGE || (align & (align - 1)) || !known->slot_bytes ||
        known->objects_max > HOI_POOL_SLOTS_MAX || known->hold_ns > INT64_MAX / 2)
        return HO_E_RANGE;
    if (known->flags & HO_POOL_LINES && align < LINE_BYTES)
        known->align_bytes = LINE_BYTES;
    if (!known->keep_bytes)
        known->keep_bytes = HOI_POOL_KEEP;
    if (!known->hold_ns)
        known->hold_ns = HOI_POOL_HOLD_NS;
    return HO_OK;
}

/* Slots in a processor's cache. */
static uint32_t cache_limit(uint64_t cache_bytes, uint64_t slot)
{
    uint64_t limit = cache_bytes / slot;
    return limit < 1 ? 1 : limit > HOI_PERCPU_MOST ? HOI_PERCPU_MOST : (uint32_t)limit;
}

/* What needs the arena: sizes. */
static int32_t size_it(struct hoi_pool *p, const ho_pool_opts *known, uint64_t cache_bytes)
{
    uint64_t budget = p->arena->budget_segs * p->arena->domain->segs.seg_bytes;
    uint64_t slot = ((uint64_t)known->slot_bytes + known->align_bytes - 1) &
                    ~(uint64_t)(known->align_bytes - 1);
    if (slot > budget || slot > UINT32_MAX)
        return HO_E_RANGE;
    uint64_t most = known->objects_max ? known->objects_max : budget / slot;
    p->slots_max = most < HOI_POOL_SLOTS_MAX ? (uint32_t)most : HOI_POOL_SLOTS_MAX;
    p->slot_bytes = (uint32_t)slot;
    p->cache.limit = cache_limit(cache_bytes, slot);
    p->batch = (p->cache.limit + 1) / 2;
    p->fresh_most = (cache_limit(CACHE_BYTES, slot) + 1) / 2 + 1;
    p->batch = p->batch < HOI_DEPOT_HANDLES ? p->batch : HOI_DEPOT_HANDLES;
    p->words_count = (p->slots_max + 63) / 64;
    p->places = hoi_obj_place(p->slots_max);
    const uint32_t windows = p->slots_max / HOI_POOL_WINDOW + 1;
    p->depot_blocks = windows < HOI_DEPOT_BLOCKS ? windows : HOI_DEPOT_BLOCKS;
    if (windows <= HOI_DEPOT_SMALL)
        p->depot_blocks = 1;
    p->reciprocal = UINT64_MAX / slot + 1;
    p->keep_bytes = known->keep_bytes;
    p->hold_ns = known->hold_ns;
    p->construct = known->construct;
    p->destruct = known->destruct;
    p->arg = known->arg;
    return HO_OK;
}

static void set_tag(struct hoi_pool *p, uint32_t tag)
{
    p->tag = tag << HOI_POOL_INDEX_BITS;
    p->tagged_base = (uintptr_t)p->base - (uint64_t)p->tag * p->slot_bytes;
    p->tagged_state = (uintptr_t)p->state - (uint64_t)p->tag * sizeof *p->state;
    p->first_place = hoi_obj_place((uint64_t)1 << 32 | p->tag);
}

int32_t hoi_pool_new(struct hoi_arena *a, const ho_pool_opts *known,
                     const struct hoi_pool_class *of, struct hoi_pool **pool)
{
    struct hoi_pool draft = {.arena = a, .next_generation = HOI_NEXT_GENERATION};
    *pool = NULL;
    int32_t status = size_it(&draft, known, of ? of->cache_bytes : CACHE_BYTES);
    if (!status)
        status = hoi_pool_set_processors(&draft);
    if (!status)
        status = hoi_pool_map(&draft, of, pool);
    if (!status)
        set_tag(*pool, 0);
    return status;
}

void hoi_pool_delete(struct hoi_pool *p)
{
    const uint64_t offset = (uintptr_t)p % HOI_PAGE;
    hoi_os_release((uint8_t *)p - offset, offset + p->memory_bytes);
}

/* Under the mutex. */
static int32_t make(struct hoi_arena *a, const ho_pool_opts *known, struct hoi_pool **pool)
{
    int refused;
    int32_t status = hoi_pool_new(a, known, NULL, pool);
    struct hoi_pool *p = *pool;
    if (status)
        return status;
    if (!(p->handle = hoi_handle_new(HOI_POOL, p, &refused))) {
        hoi_pool_delete(p);
        return HO_E_LIMIT;
    }
    set_tag(p, (uint32_t)((p->handle & HOI_HANDLE_ENTRY) / sizeof(struct hoi_entry)));
    p->first =
        ((uint32_t)(p->handle >> HOI_HANDLE_GENERATION) * HOI_SEAL_KIND) >> (32 - FIRST_MOST) & ~1u;
    if (known->name)
        strncpy(p->name, known->name, sizeof p->name - 1);
    p->next = a->pools;
    a->pools = p;
    return HO_OK;
}

int32_t ho_pool_open(ho_arena *arena, const ho_pool_opts *opts, ho_pool **pool)
{
    struct hoi_pool *p;
    ho_pool_opts known;
    if (pool)
        *pool = NULL;
    if (!hoi_handle_get(HOI_ARENA, arena))
        return hoi_handle_status();
    int32_t status = pool && opts ? opts_check(opts, &known) : HO_E_INVAL;
    if (status)
        return status;
    struct hoi_arena *a = hoi_arena_lock(arena);
    if (!a)
        return hoi_handle_status();
    status = hoi_get(a->closing) ? HO_E_CLOSED : make(a, &known, &p);
    if (!status)
        *pool = (ho_pool *)(uintptr_t)p->handle;
    pthread_mutex_unlock(&a->domain->mutex);
    return status;
}

static int32_t leaks_of(struct hoi_pool *p, ho_pool_leaks *theirs)
{
    ho_pool_leaks ours = {.size = sizeof ours};
    ours.live = hoi_pool_live(p, ours.handles, sizeof ours.handles / sizeof *ours.handles);
    memcpy(ours.name, p->name, sizeof ours.name);
    if (theirs)
        hoi_result_write(theirs, &ours, sizeof ours);
    return ours.live ? HO_E_BUSY : HO_OK;
}

/* Under the mutex, nothing is out. */
static void end(struct hoi_pool *p)
{
    struct hoi_pool **at = &p->arena->pools;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    hoi_handle_drop(p->handle);
    hoi_arena_uncharge(p->arena, (uint64_t)hoi_get(p->pages) * HOI_PAGE);
    hoi_pool_delete(p);
}

int32_t ho_pool_close(ho_pool *pool, ho_pool_leaks *leaks)
{
    struct hoi_pool *p = hoi_pool_get(pool);
    int32_t status = hoi_result_check(leaks, HO_POOL_LEAKS_MIN);
    if (!p)
        return hoi_handle_status();
    if (status)
        return status;
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    struct hoi_domain *d = p->arena->domain;
    pthread_mutex_lock(&d->mutex);
    status = leaks_of(p, leaks);
    if (!status && p->destruct) { /* without the mutex; meanwhile there is nothing to acquire */
        hoi_handle_close(p->handle);
        pthread_mutex_unlock(&d->mutex);
        hoi_pool_destruct(p, 0, hoi_get(p->fresh));
        pthread_mutex_lock(&d->mutex);
    }
    if (!status)
        end(p);
    pthread_mutex_unlock(&d->mutex);
    return status;
}

void hoi_pools_closing(struct hoi_arena *a)
{
    for (struct hoi_pool *p = a->pools; p; p = p->next)
        hoi_handle_close(p->handle);
}
