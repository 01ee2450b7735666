/* SPDX-License-Identifier: MIT */
/*
 * Pool: acquire, release, resolve. The usual way of each is here, over a processor's cache and a slot's state
 * (slotstate.inl); what an empty or full cache needs is in pool_slots.c.
 */
#include "pool_private.h"

/* By the lower half of a handle: tag and index. */
static inline void *slot_at(const struct hoi_pool *p, uint32_t tagged)
{
    return (void *)(p->tagged_base + (uint64_t)tagged * p->slot_bytes);
}

static inline A_TYPE(uint32_t) * state_at(const struct hoi_pool *p, uint32_t tagged)
{
    return (A_TYPE(uint32_t) *)(p->tagged_state + (uint64_t)tagged * sizeof *p->state);
}

/* Of a handle in memory, where it lies: one load, and no shift. */
static inline uint32_t generation_at(const uint64_t *handle)
{
    uint32_t gen = hoi_obj_gen(*handle);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    __builtin_memcpy(&gen, (const char *)handle + sizeof gen, sizeof gen);
#endif
    return gen;
}

static inline void hold(struct hoi_pool *p, uint64_t handle, uint32_t generation, ho_obj *obj)
{
    hoi_state_hold(state_at(p, (uint32_t)handle), generation);
    obj->ptr = slot_at(p, (uint32_t)handle);
    obj->handle = handle;
}

/* The same for a batch: what is the same for all is read once. */
static inline void hold_many(const struct hoi_pool *p, const uint64_t *handles, uint32_t n,
                             ho_obj *objs)
{
    const uintptr_t base = p->tagged_base, states = p->tagged_state;
    const uint64_t bytes = p->slot_bytes;
#pragma GCC unroll 8
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t handle = handles[i], tagged = (uint32_t)handle;
        hoi_state_hold((A_TYPE(uint32_t) *)(states + tagged * sizeof *p->state),
                       generation_at(&handles[i]));
        objs[i].ptr = (void *)(base + tagged * bytes);
        objs[i].handle = handle;
    }
}

static HOI_COLD int32_t acquire_rest(ho_pool *pool, ho_obj *obj)
{
    struct hoi_pool *p = hoi_handle_usual(HOI_POOL, pool);
    uint64_t handle;
    if (obj)
        *obj = (ho_obj){0};
    if (!p)
        return hoi_pool_get(pool) ? HO_E_CLOSED : hoi_handle_status();
    if (!obj)
        return HO_E_INVAL;
    int32_t status = hoi_pool_refill(p, &handle);
    if (!status)
        hold(p, handle, hoi_obj_gen(handle), obj);
    return status;
}

int32_t ho_pool_acquire(ho_pool *pool, ho_obj *obj)
{
    struct hoi_pool *p = hoi_handle_usual(HOI_POOL, pool);
    uint64_t handle;
    uint32_t generation;
    if (hoi_unlikely(!p) || hoi_unlikely(!obj) ||
        hoi_unlikely(!hoi_percpu_pop(&p->cache, &handle, &generation)))
        return acquire_rest(pool, obj);
    hold(p, handle, generation, obj);
    return HO_OK;
}

int32_t ho_pool_acquire_many(ho_pool *pool, ho_obj *objs, uint32_t count, uint32_t *acquired)
{
    struct hoi_pool *p = hoi_handle_usual(HOI_POOL, pool);
    uint64_t handles[HOI_POOL_BATCH];
    int32_t status = HO_OK;
    uint32_t done = 0;
    if (hoi_unlikely(!p))
        status = hoi_pool_get(pool) ? HO_E_CLOSED : hoi_handle_status();
    else if (hoi_unlikely(!acquired) || (!objs && count))
        status = HO_E_INVAL;
    while (!status && done < count) {
        uint32_t n = count - done < HOI_POOL_BATCH ? count - done : HOI_POOL_BATCH;
        n = hoi_percpu_pop_many(&p->cache, handles, n);
        if (!n &&
            !(n = hoi_pool_gather(p, handles, count - done < p->batch ? count - done : p->batch)))
            if (!(status = hoi_pool_refill(p, handles)))
                n = 1;
        hold_many(p, handles, n, objs + done);
        done += n;
    }
    for (uint32_t i = done; objs && i < count; i++)
        objs[i] = (ho_obj){0};
    if (acquired)
        *acquired = done;
    return status;
}

/* Could it be a live object's? Its tag, its index, and its generation: an odd one. */
static inline int is_ours(const struct hoi_pool *p, uint64_t handle)
{
    return hoi_obj_place(handle) - p->first_place < p->places;
}

/* Ends the object's life: HO_OK to one caller alone. */
static inline int32_t release_slot(struct hoi_pool *p, const ho_obj *obj)
{
    uint64_t handle = obj->handle;
    uint32_t tagged = (uint32_t)handle, gen = generation_at(&obj->handle);
    if (hoi_unlikely(!is_ours(p, handle)))
        return HO_E_STALE;
    if (hoi_unlikely(obj->ptr != slot_at(p, tagged)))
        return HO_E_INVAL;
    HO_HOOK("pool:before_release");
    return hoi_state_release(state_at(p, tagged), gen) ? HO_OK : HO_E_STALE;
}

/* Of an object that is or was none, or of a pool that closes. Or it is released, and `next` has no room in p's cache: pool and obj
 * come first so that they stay in their registers all along. */
static HOI_COLD int32_t release_rest(ho_pool *pool, ho_obj *obj, struct hoi_pool *p, uint64_t next)
{
    if (p) {
        hoi_pool_flush(p, next);
        return HO_OK;
    }
    if (!(p = hoi_pool_get(pool)))
        return hoi_handle_status();
    if (!obj)
        return HO_E_INVAL;
    if (!obj->ptr && !obj->handle)
        return HO_OK;
    int32_t status = release_slot(p, obj);
    if (!status) {
        if (hoi_obj_gen(obj->handle) != UINT32_MAX) /* else it is retired */
            hoi_pool_flush(p, obj->handle + HOI_NEXT_GENERATION);
        *obj = (ho_obj){0};
    }
    return status;
}

int32_t ho_pool_release(ho_pool *pool, ho_obj *obj)
{
    struct hoi_pool *p = hoi_handle_usual(HOI_POOL, pool);
    uint64_t handle, next;
    if (hoi_unlikely(!p) || hoi_unlikely(!obj))
        return release_rest(pool, obj, NULL, 0);
    handle = obj->handle;
    if (hoi_unlikely(release_slot(p, obj)))
        return release_rest(pool, obj, NULL, 0);
    int retired = __builtin_add_overflow(handle, p->next_generation, &next);
    *obj = (ho_obj){0};
    if (hoi_unlikely(retired)) /* no generation comes twice */
        return HO_OK;
    if (hoi_unlikely(!hoi_percpu_push(&p->cache, next)))
        return release_rest(pool, obj, p, next);
    return HO_OK;
}

/* What was released of a batch is given up by so many at once. */
#define RELEASED_MOST 32u

static void give_up(struct hoi_pool *p, const uint64_t *handles, uint32_t n)
{
    if (n && !hoi_percpu_push_many(&p->cache, handles, n)) {
        hoi_pool_scatter(p, handles, n);
        hoi_pool_relax(p);
    }
}

int32_t ho_pool_release_many(ho_pool *pool, ho_obj *objs, uint32_t count, uint32_t *released)
{
    struct hoi_pool *p = hoi_pool_get(pool);
    uint64_t next[RELEASED_MOST];
    int32_t status = p ? HO_OK : hoi_handle_status();
    uint32_t done = 0, n = 0;
    if (!status && !objs && count)
        status = HO_E_INVAL;
    for (; !status && done < count; done += !status) {
        ho_obj *obj = &objs[done];
        if (!obj->ptr && !obj->handle)
            continue;
        if ((status = release_slot(p, obj)))
            break;
        next[n] = obj->handle + HOI_NEXT_GENERATION;
        n += hoi_obj_gen(obj->handle) != UINT32_MAX; /* else it is retired */
        *obj = (ho_obj){0};
        if (n == RELEASED_MOST) {
            give_up(p, next, n);
            n = 0;
        }
    }
    if (p)
        give_up(p, next, n);
    if (released)
        *released = done;
    return status;
}

static inline int32_t resolve(const struct hoi_pool *p, uint64_t handle, void **ptr)
{
    uint32_t tagged = (uint32_t)handle;
    if (hoi_unlikely(!is_ours(p, handle)) ||
        hoi_unlikely(!hoi_state_is(state_at(p, tagged), hoi_obj_gen(handle)))) {
        *ptr = NULL;
        return HO_E_STALE;
    }
    *ptr = slot_at(p, tagged);
    return HO_OK;
}

/* Of a pool that closes, too. */
static HOI_COLD int32_t resolve_rest(ho_pool *pool, uint64_t handle, void **ptr)
{
    struct hoi_pool *p = hoi_pool_get(pool);
    if (ptr)
        *ptr = NULL;
    if (!p)
        return hoi_handle_status();
    return ptr ? resolve(p, handle, ptr) : HO_E_INVAL;
}

int32_t ho_pool_resolve(ho_pool *pool, uint64_t handle, void **ptr)
{
    struct hoi_pool *p = hoi_handle_usual(HOI_POOL, pool);
    if (hoi_unlikely(!p) || hoi_unlikely(!ptr))
        return resolve_rest(pool, handle, ptr);
    return resolve(p, handle, ptr);
}
