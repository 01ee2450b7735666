/* SPDX-License-Identifier: MIT */
/*
 * Heap: an arena's memory of any size. One region of address space, a power of two of it (the stride) for each size
 * class, which is a pool without a handle; behind them four strides for what is larger, in units of a segment:
 *
 *   class 0 | class 1 | ... | large
 *
 * So an address says its class by a shift and its slot by a multiplication. A heap is made by the first call that needs it,
 * a class by the first allocation of its size. It stays with the arena's object, for the next arena there too, until the
 * domain is destroyed: whoever is late in a free finds it.
 */
#ifndef HOI_ALLOC_PRIVATE_H
#define HOI_ALLOC_PRIVATE_H

#include "pool_private.h"

#include "handoff/alloc.h"

#define HOI_CLASSES 144u /* the most: up to 8 MiB, half of the largest segment */
#define HOI_ALIGN_DEFAULT 16u

struct hoi_heap {
    /* Read by every call, never written. */
    uint64_t most; /* bytes of the largest class: half a segment */
    uintptr_t base;
    uint64_t shift; /* of the stride */
    uint64_t classes_count;
    struct hoi_arena *arena;
    uintptr_t large;
    uint64_t seg_bytes;
    uint32_t units_count;
    A_TYPE(struct hoi_pool *) classes[HOI_CLASSES];
    /* Of what is larger: alloc_large.c. */
    A_TYPE(uint32_t) * pages; /* for each unit: of the block that begins there, 0: none does */
    A_TYPE(uint8_t) * taken;  /* for each unit: whether a block has it; changed under the mutex */
    pthread_mutex_t mutex;
    HOI_COUNTER(uint64_t) full; /* HO_FULL that callers got */
    void *bookkeeping;
    uint64_t region_bytes, bookkeeping_bytes;
    struct hoi_heap *next; /* made before it, with a smaller stride */
};

/* Of 1 byte or more, rounded up to the alignment: eight classes to a doubling, and steps of 8 bytes below 128. Each is a multiple
 * of an eighth of the power of two below it: so all its slots are aligned so. */
static inline uint64_t hoi_class_of(uint64_t bytes, uint64_t align)
{
    uint64_t last = (bytes - 1) | (align - 1);
    uint32_t top = (uint32_t)__builtin_clzll(last | 64) ^ 63;
    return (last >> (top - 3)) + top * (uint64_t)8 - 48;
}

static inline uint64_t hoi_class_bytes(uint64_t number)
{
    uint64_t doublings = number < 8 ? 0 : number / 8 - 1;
    return (number - doublings * 8 + 1) << (doublings + 3);
}

/* Is it a power of two of at most a page? */
static inline int hoi_align_fits(uint64_t align)
{
    return align - 1 < HOI_PAGE && !(align & (align - 1));
}

/* alloc.c: as ho_alloc, arguments checked, without the usual way; also for memory of the library's own. */
int32_t hoi_heap_alloc(struct hoi_arena *a, uint64_t bytes, uint64_t align, void **ptr);

/* alloc_large.c: HO_OK, HO_FULL, HO_E_RANGE, HO_E_NOMEM. */
int32_t hoi_heap_alloc_large(struct hoi_heap *h, uint64_t bytes, void **ptr);
/* As ho_free; `bytes` as ho_free_sized, 0: any. */
int32_t hoi_heap_free_large(struct hoi_heap *h, const void *ptr, uint64_t bytes);
void hoi_heap_count_large(struct hoi_heap *h, uint64_t *count, uint64_t *bytes);

/* alloc_open.c: makes the arena's heap, and a class of it, unless they are there. HO_OK, HO_E_CLOSED, HO_E_NOMEM. */
int32_t hoi_heap_open(struct hoi_arena *a, struct hoi_heap **heap);
int32_t hoi_heap_open_class(struct hoi_heap *h, uint64_t number, struct hoi_pool **pool);

#endif
