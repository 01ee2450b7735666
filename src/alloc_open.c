/* SPDX-License-Identifier: MIT */
/*
 * Heap: making it, and its classes, under the domain's mutex; looking at all of it; its end.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  HEAP | make_heap | class_for, class_at, free_rest, hoi_heap_open, heap_of | the heap | a wild address
 *  CLASS | make_class | class_for, class_at, free_rest, hoi_heap_open_class, class_of_heap | the class's pool | the same
 */
#include "alloc_private.h"

#define STRIDE_LEAST ((uint64_t)1 << 20)
#define STRIDE_MOST ((uint64_t)1 << 36) /* of any arena: 9 TiB of address space in all */
#define LARGE_STRIDES 4u
/* Of a class in a processor's cache at most. Sizes come in any order, and of large ones a cache holds few: with the 16 KiB of other
 * pools it would be empty or full every few calls. */
#define CLASS_CACHE_BYTES ((uint64_t)64 << 10)

/* Log2 of the stride that a budget needs: a class may have all of it. */
static uint32_t shift_for(const struct hoi_arena *a)
{
    uint64_t seg = a->domain->segs.seg_bytes;
    uint64_t budget = a->budget_segs < STRIDE_MOST / seg ? a->budget_segs * seg : STRIDE_MOST;
    budget = budget < STRIDE_LEAST ? STRIDE_LEAST : budget;
    return 64 - (uint32_t)__builtin_clzll(budget - 1);
}

static struct hoi_heap *heap_of(const struct hoi_arena *a)
{
    return A_LOAD(a->heap, memory_order_acquire); /* edge HEAP: acquire */
}

static struct hoi_pool *class_of_heap(const struct hoi_heap *h, uint32_t number)
{
    return A_LOAD(h->classes[number], memory_order_acquire); /* edge CLASS: acquire */
}

static int map_heap(struct hoi_heap *h, uint32_t shift, uint64_t seg_bytes)
{
    uint64_t stride = (uint64_t)1 << shift;
    h->most = seg_bytes / 2;
    h->shift = shift;
    h->classes_count = hoi_class_of(h->most, 1) + 1;
    h->seg_bytes = seg_bytes;
    h->units_count = (uint32_t)(LARGE_STRIDES * stride / seg_bytes);
    h->region_bytes = (h->classes_count + LARGE_STRIDES) * stride;
    h->bookkeeping_bytes = h->units_count * (sizeof *h->pages + sizeof *h->taken);
    h->bookkeeping = hoi_os_alloc(h->bookkeeping_bytes);
    void *region = h->bookkeeping ? hoi_os_reserve(h->region_bytes) : NULL;
    if (!region)
        return -1;
    h->pages = h->bookkeeping;
    h->taken = (void *)(h->pages + h->units_count);
    h->base = (uintptr_t)region;
    h->large = h->base + h->classes_count * stride;
    return 0;
}

static void delete_heap(struct hoi_heap *h)
{
    for (uint32_t i = 0; i < h->classes_count; i++)
        if (class_of_heap(h, i))
            hoi_pool_delete(class_of_heap(h, i));
    hoi_os_release((void *)h->base, h->region_bytes);
    hoi_os_free(h->bookkeeping, h->bookkeeping_bytes);
    pthread_mutex_destroy(&h->mutex);
    hoi_os_free(h, sizeof *h);
}

static int32_t make_heap(struct hoi_arena *a, struct hoi_heap **heap)
{
    struct hoi_heap *h = hoi_os_alloc(sizeof *h);
    if (!h)
        return HO_E_NOMEM;
    pthread_mutex_init(&h->mutex, NULL);
    h->arena = a;
    h->next = a->heaps;
    if (map_heap(h, shift_for(a), a->domain->segs.seg_bytes)) {
        h->classes_count = 0;
        delete_heap(h);
        return HO_E_NOMEM;
    }
    a->heaps = h;
    A_STORE(a->heap, h, memory_order_release); /* edge HEAP: release */
    *heap = h;
    return HO_OK;
}

int32_t hoi_heap_open(struct hoi_arena *a, struct hoi_heap **heap)
{
    int32_t status = HO_OK;
    *heap = A_LOAD(a->heap, memory_order_acquire); /* edge HEAP: acquire */
    if (hoi_likely(*heap != NULL))
        return HO_OK;
    pthread_mutex_lock(&a->domain->mutex);
    if (hoi_get(a->closing))
        status = HO_E_CLOSED;
    else if (!(*heap = heap_of(a)))
        status = make_heap(a, heap);
    pthread_mutex_unlock(&a->domain->mutex);
    return status;
}

/* As many slots as a stride has room for, and a page behind them that is never readable. */
static uint32_t slots_for(const struct hoi_heap *h, uint64_t bytes)
{
    uint64_t n = (((uint64_t)1 << h->shift) - 2 * HOI_PAGE) / (bytes + sizeof(uint32_t));
    return n < HOI_POOL_SLOTS_MAX ? (uint32_t)n : HOI_POOL_SLOTS_MAX;
}

static int32_t make_class(struct hoi_heap *h, uint64_t number, struct hoi_pool **pool)
{
    uint64_t bytes = hoi_class_bytes(number);
    ho_pool_opts opts = {.slot_bytes = (uint32_t)bytes,
                         .align_bytes = 8,
                         .objects_max = slots_for(h, bytes),
                         .keep_bytes = HOI_POOL_KEEP,
                         .hold_ns = HOI_POOL_HOLD_NS};
    const struct hoi_pool_class of = {.area = (uint8_t *)h->base + (number << h->shift),
                                      .cache_bytes = CLASS_CACHE_BYTES,
                                      .offset = (uint32_t)(number * HOI_LINE % HOI_PAGE)};
    int32_t status = hoi_pool_new(h->arena, &opts, &of, pool);
    if (!status)
        A_STORE(h->classes[number], *pool, memory_order_release); /* edge CLASS: release */
    return status;
}

int32_t hoi_heap_open_class(struct hoi_heap *h, uint64_t number, struct hoi_pool **pool)
{
    struct hoi_arena *a = h->arena;
    int32_t status = HO_OK;
    pthread_mutex_lock(&a->domain->mutex);
    *pool = A_LOAD(h->classes[number], memory_order_acquire); /* edge CLASS: acquire */
    if (hoi_get(a->closing))
        status = HO_E_CLOSED;
    else if (!*pool)
        status = make_class(h, number, pool);
    pthread_mutex_unlock(&a->domain->mutex);
    return status;
}

uint64_t hoi_heap_trim(struct hoi_arena *a, uint64_t *keep)
{
    const struct hoi_heap *h = heap_of(a);
    uint64_t freed = 0;
    for (uint32_t i = 0; h && i < h->classes_count; i++) {
        struct hoi_pool *p = class_of_heap(h, i);
        if (!p || !hoi_get(p->pages))
            continue;
        (void)hoi_pool_collect(p);
        freed += hoi_pool_shrink(p, *keep, UINT64_MAX);
        uint64_t left = hoi_pool_unused(p);
        *keep -= left < *keep ? left : *keep;
    }
    return freed;
}

int64_t hoi_heap_rest(const struct hoi_arena *a, int *stepped)
{
    const struct hoi_heap *h = heap_of(a);
    int64_t due = 0;
    for (uint32_t i = 0; h && i < h->classes_count; i++) {
        struct hoi_pool *p = class_of_heap(h, i);
        due = hoi_sooner(due, p ? hoi_pool_rest(p, stepped) : 0);
    }
    return due;
}

struct hoi_heap_use hoi_heap_look(const struct hoi_arena *a)
{
    struct hoi_heap_use use = {0};
    struct hoi_heap *h = heap_of(a);
    for (uint32_t i = 0; h && i < h->classes_count; i++) {
        const struct hoi_pool *p = class_of_heap(h, i);
        if (!p)
            continue;
        uint64_t live = hoi_pool_live(p, NULL, 0);
        use.count += live;
        use.bytes += live * p->slot_bytes;
        use.held += (uint64_t)hoi_get(p->pages) * HOI_PAGE;
    }
    if (h) {
        uint64_t large = 0;
        hoi_heap_count_large(h, &use.count, &large);
        use.bytes += large;
        use.held += large;
        use.full = hoi_get(h->full);
    }
    return use;
}

int hoi_heap_leave(struct hoi_arena *a)
{
    if (!heap_of(a))
        return 1;
    (void)hoi_heap_trim(a, &(uint64_t){0});
    (void)hoi_arena_shrink(a, 0, UINT64_MAX);
    return A_LOAD(a->held, memory_order_relaxed) == 0; /* else a free or a trim is not through */
}

void hoi_heap_begin(struct hoi_arena *a)
{
    struct hoi_heap *h = heap_of(a);
    if (!h)
        return;
    hoi_set(h->full, 0);
    if (h->shift < shift_for(a))
        hoi_set(a->heap, NULL); /* the next one is larger; this one is for who is late */
}

void hoi_heaps_delete(struct hoi_arena *a)
{
    for (struct hoi_heap *h = a->heaps, *next; h; h = next) {
        next = h->next;
        delete_heap(h);
    }
}
