/* SPDX-License-Identifier: MIT */
/*
 * Handles of objects: what ho_domain *, ho_arena *, ... ho_consumer * really are.
 *
 * A handle is {type:8, generation:39, entry:17}. The entry is the place in the type's table, in bytes; it
 * holds the handle that is valid now and the object. So a closed, forged or foreign handle is
 * refused before anything is read through it. The tables are static and page-aligned, and the kernel
 * wipes them in a forked child: there every handle is refused, at no cost to the hot path.
 */
#ifndef HOI_HANDLE_H
#define HOI_HANDLE_H

#include "atomic.h"

#include "handoff/status.h"

#include <stddef.h>

enum hoi_type {
    HOI_DOMAIN,
    HOI_ARENA,
    HOI_SHARD,
    HOI_SERVICE,
    HOI_PRODUCER,
    HOI_CONSUMER,
    HOI_POOL,
    HOI_TYPES
};

#define HOI_TABLE_SLOTS 8192u /* per type and process, but for domains and pools */
#define HOI_DOMAINS_MAX 64u
#define HOI_POOLS_MAX                                                                              \
    255u /* a pool's place in the table is a byte: it tags the handles of its objects */

struct hoi_entry {
    A_TYPE(uint64_t) self;  /* the valid handle, 0 when free */
    _Atomic(void *) object; /* outlives the handle: a late look-up is told by `self` */
};

extern struct hoi_entry hoi_table[HOI_TYPES][HOI_TABLE_SLOTS]
    __attribute__((visibility("hidden"))); /* its place is known without a look-up */

/* Makes a handle for an object; 0 when the table is full. -1 in *refused: the kernel can't wipe. */
uint64_t hoi_handle_new(enum hoi_type type, void *object, int *refused);
void hoi_handle_drop(uint64_t handle);

/* Where in the table, in bytes: so a look-up needs no more than a mask. */
#define HOI_HANDLE_ENTRY ((uint64_t)(HOI_TABLE_SLOTS - 1) * sizeof(struct hoi_entry))
#define HOI_HANDLE_GENERATION 17
_Static_assert(HOI_HANDLE_ENTRY >> HOI_HANDLE_GENERATION == 0, "the generation lies above");

static inline struct hoi_entry *hoi_handle_entry(enum hoi_type type, uint64_t h)
{
    return (struct hoi_entry *)((char *)hoi_table[type] + (h & HOI_HANDLE_ENTRY));
}

/* What to answer when hoi_handle_get gave NULL: HO_E_HANDLE or HO_E_FORKED. */
int32_t hoi_handle_status(void);

/* The object that a handle names, unless it closes: what the usual ways ask for, which need not look at it then. */
static inline void *hoi_handle_usual(enum hoi_type type, const void *handle)
{
    uint64_t h = (uint64_t)(uintptr_t)handle, at = h & HOI_HANDLE_ENTRY;
    char *table = (char *)hoi_table[type];
    HOI_OPAQUE(
        table); /* once in a register, and sums are parts of loads, no instructions of their own */
    /* Relaxed: whoever passes a handle to another thread orders that himself. The zero handle finds
     * a free entry, which has no object. */
    if (hoi_unlikely(hoi_differs64(&((struct hoi_entry *)(table + at))->self, h)))
        return NULL;
    HOI_OPAQUE(at);
    return hoi_get(((struct hoi_entry *)(table + at))->object);
}

/* The object closes: an entry holds its handle with this bit of its own place changed, which no handle that leads
 * there has. */
#define HOI_HANDLE_CLOSING ((uint64_t)sizeof(struct hoi_entry))
void hoi_handle_close(uint64_t handle);
HOI_COLD void *hoi_handle_get_closing(enum hoi_type type, uint64_t h);

static inline void *hoi_handle_get(enum hoi_type type, const void *handle)
{
    void *object = hoi_handle_usual(type, handle);
    return hoi_likely(object != NULL) ? object
                                      : hoi_handle_get_closing(type, (uint64_t)(uintptr_t)handle);
}

#endif
