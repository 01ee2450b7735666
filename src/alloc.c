/* SPDX-License-Identifier: MIT */
/*
 * Memory of any size: the usual ways, over a class's cache of this processor.
 *
 * States are those of pool.c. Their generations may come again, after 2^31 uses of a slot: nobody has a handle of it.
 */
#include "alloc_private.h"

__extension__ typedef unsigned __int128 product_of_bytes;

/* The class for such memory; NULL where something is not as usual. */
static inline struct hoi_pool *class_for(const struct hoi_arena *a, uint64_t bytes, uint64_t align)
{
    const struct hoi_heap *h = A_LOAD(a->heap, memory_order_acquire); /* edge HEAP: acquire */
    align = align ? align : HOI_ALIGN_DEFAULT;
    if (hoi_unlikely(!h) || hoi_unlikely(bytes - 1 >= h->most) ||
        hoi_unlikely(!hoi_align_fits(align)))
        return NULL;
    return A_LOAD(h->classes[hoi_class_of(bytes, align)],
                  memory_order_acquire); /* edge CLASS: acquire */
}

static inline A_TYPE(uint32_t) * state_of(const struct hoi_pool *p, uint64_t index)
{
    return (A_TYPE(uint32_t) *)(p->tagged_state + index * sizeof *p->state);
}

/* From here on the slot of a handle is the caller's. */
static inline void *begin_life(const struct hoi_pool *p, uint64_t handle, uint32_t generation)
{
    hoi_set(*state_of(p, (uint32_t)handle), generation);
    return (void *)(p->tagged_base + (uint64_t)(uint32_t)handle * p->slot_bytes);
}

/* The slot that begins at an address. 0: none does. The reciprocal is 2^64 / slot_bytes, rounded up: the product's upper half is
 * the quotient, and the lower one is below it if nothing remains, for any offset in a stride. */
static inline int find_slot(const struct hoi_pool *p, const void *ptr, uint64_t *index)
{
    product_of_bytes product = (product_of_bytes)((uintptr_t)ptr - p->tagged_base) * p->reciprocal;
    *index = (uint64_t)(product >> 64);
    return hoi_likely(*index < p->slots_max) && hoi_likely((uint64_t)product < p->reciprocal);
}

/* Ends the life of what is in a slot: 1 to one caller alone, and the handle for its next use. */
static inline int end_life(const struct hoi_pool *p, uint64_t index, uint64_t *next)
{
    A_TYPE(uint32_t) *state = state_of(p, index);
    uint32_t first = hoi_get(*state), now = first;
    if (hoi_unlikely(!(first & 1)))
        return 0;
    HO_HOOK("alloc:before_free");
    while (!A_CAS(*state, now, first + 1, memory_order_relaxed, memory_order_relaxed))
        if (now != first)
            return 0;
    HO_HOOK("alloc:freed");
    *next = (uint64_t)(first + 2) << 32 | index;
    return 1;
}

/* What other classes have unused makes way, once. */
static int32_t refill(struct hoi_heap *h, struct hoi_pool *p, uint64_t *handle)
{
    uint32_t generation;
    if (hoi_percpu_pop(&p->cache, handle, &generation))
        return HO_OK;
    int32_t status = hoi_pool_refill(p, handle);
    if (status == HO_FULL && hoi_heap_trim(h->arena, &(uint64_t){0}))
        status = hoi_pool_refill(p, handle);
    return status;
}

int32_t hoi_heap_alloc(struct hoi_arena *a, uint64_t bytes, uint64_t align, void **ptr)
{
    struct hoi_heap *h = NULL;
    struct hoi_pool *p = class_for(a, bytes, align);
    uint64_t handle;
    int32_t status = hoi_get(a->closing) ? HO_E_CLOSED : hoi_heap_open(a, &h);
    if (status)
        return status;
    if (bytes > h->most)
        return hoi_heap_alloc_large(h, bytes, ptr);
    if (!p)
        status = hoi_heap_open_class(h, hoi_class_of(bytes, align), &p);
    if (!status)
        status = refill(h, p, &handle);
    if (!status)
        *ptr = begin_life(p, handle, hoi_obj_gen(handle));
    return status;
}

static HOI_COLD int32_t alloc_rest(ho_arena *arena, uint64_t bytes, uint64_t align, void **ptr)
{
    struct hoi_arena *a = hoi_handle_get(HOI_ARENA, arena);
    if (ptr)
        *ptr = NULL;
    if (!a)
        return hoi_handle_status();
    if (!ptr)
        return HO_E_INVAL;
    align = align ? align : HOI_ALIGN_DEFAULT;
    if (!hoi_align_fits(align) || !bytes || hoi_whole_segments(a->domain, bytes) > a->budget_segs)
        return HO_E_RANGE;
    int32_t status = hoi_heap_alloc(a, bytes, align, ptr);
    if (status == HO_FULL)
        hoi_count(hoi_get(a->heap)->full, 1);
    return status;
}

int32_t ho_alloc(ho_arena *arena, uint64_t bytes, uint64_t align_bytes, void **ptr)
{
    struct hoi_arena *a = hoi_handle_usual(HOI_ARENA, arena);
    uint64_t handle;
    uint32_t generation;
    if (hoi_unlikely(!a) || hoi_unlikely(!ptr))
        return alloc_rest(arena, bytes, align_bytes, ptr);
    struct hoi_pool *p = class_for(a, bytes, align_bytes);
    if (hoi_unlikely(!p) || hoi_unlikely(!hoi_percpu_pop(&p->cache, &handle, &generation)))
        return alloc_rest(arena, bytes, align_bytes, ptr);
    *ptr = begin_life(p, handle, generation);
    return HO_OK;
}

/* With every check. `sized`: memory of so many bytes and this alignment. */
static HOI_COLD int32_t free_rest(ho_arena *arena, void *ptr, int sized, uint64_t bytes,
                                  uint64_t align)
{
    struct hoi_arena *a = hoi_handle_get(HOI_ARENA, arena);
    uint64_t index, next;
    if (!a)
        return hoi_handle_status();
    align = align ? align : HOI_ALIGN_DEFAULT;
    if (sized && (!hoi_align_fits(align) || !bytes))
        return HO_E_RANGE;
    if (!ptr)
        return HO_OK;
    struct hoi_heap *h = A_LOAD(a->heap, memory_order_acquire); /* edge HEAP: acquire */
    if (!h)
        return HO_E_INVAL;
    uint64_t number = ((uintptr_t)ptr - h->base) >> h->shift;
    if (number >= h->classes_count)
        return hoi_heap_free_large(h, ptr, sized ? bytes : 0);
    struct hoi_pool *p = A_LOAD(h->classes[number], memory_order_acquire); /* edge CLASS: acquire */
    if (!p || !find_slot(p, ptr, &index))
        return HO_E_INVAL;
    if (sized && (bytes > h->most || hoi_class_of(bytes, align) != number))
        return HO_E_RANGE;
    if (!end_life(p, index, &next))
        return HO_E_STALE;
    hoi_pool_flush(p, next);
    return HO_OK;
}

/* What to do about a full cache, and about a shard that waits for memory. */
static HOI_COLD int32_t give_rest(struct hoi_pool *p, uint64_t handle, int is_full)
{
    if (is_full)
        hoi_pool_flush(p, handle);
    if (A_LOAD(p->arena->waiting, memory_order_seq_cst)) /* edge STARVED: acquire */
        hoi_pool_yield(p, hoi_obj_index(handle));
    return HO_OK;
}

/* Frees what is in a slot. */
static inline int32_t free_slot(const struct hoi_arena *a, struct hoi_pool *p, uint64_t index)
{
    uint64_t next;
    if (hoi_unlikely(!end_life(p, index, &next)))
        return HO_E_STALE;
    if (hoi_unlikely(!hoi_percpu_push(&p->cache, next)))
        return give_rest(p, next, 1);
    if (hoi_unlikely(A_LOAD(a->waiting, memory_order_seq_cst))) /* edge STARVED: acquire */
        return give_rest(p, next, 0);
    return HO_OK;
}

/* The class that an address lies in; NULL where something is not as usual. */
static inline struct hoi_pool *class_at(const struct hoi_arena *a, const void *ptr)
{
    const struct hoi_heap *h = A_LOAD(a->heap, memory_order_acquire); /* edge HEAP: acquire */
    if (hoi_unlikely(!h))
        return NULL;
    uint64_t number = ((uintptr_t)ptr - h->base) >> h->shift;
    if (hoi_unlikely(number >= h->classes_count))
        return NULL;
    return A_LOAD(h->classes[number], memory_order_acquire); /* edge CLASS: acquire */
}

void hoi_heap_free(struct hoi_arena *a, void *ptr)
{
    struct hoi_pool *p = class_at(a, ptr);
    uint64_t index;
    HOI_TRAP_IF(!p || !find_slot(p, ptr, &index) || free_slot(a, p, index));
}

int32_t ho_free(ho_arena *arena, void *ptr)
{
    struct hoi_arena *a = hoi_handle_usual(HOI_ARENA, arena);
    uint64_t index;
    if (hoi_unlikely(!a))
        return free_rest(arena, ptr, 0, 0, 0);
    struct hoi_pool *p = class_at(a, ptr);
    if (hoi_unlikely(!p) || hoi_unlikely(!find_slot(p, ptr, &index)))
        return free_rest(arena, ptr, 0, 0, 0);
    return free_slot(a, p, index);
}

int32_t ho_free_sized(ho_arena *arena, void *ptr, uint64_t bytes, uint64_t align_bytes)
{
    struct hoi_arena *a = hoi_handle_usual(HOI_ARENA, arena);
    uint64_t index;
    if (hoi_unlikely(!a))
        return free_rest(arena, ptr, 1, bytes, align_bytes);
    struct hoi_pool *p = class_for(a, bytes, align_bytes);
    if (hoi_unlikely(!p) || hoi_unlikely(!find_slot(p, ptr, &index)))
        return free_rest(arena, ptr, 1, bytes, align_bytes);
    return free_slot(a, p, index);
}
