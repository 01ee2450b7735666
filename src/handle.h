/* SPDX-License-Identifier: MIT */
/*
 * Handles of objects: what ho_domain *, ho_arena *, ... ho_consumer * really are.
 *
 * A handle is {type:8, generation:39, entry:17}. The entry is a byte offset in the type's table,
 * where the valid handle and the object are. So a closed, forged or foreign handle is refused
 * before anything is read through it. The tables are static and page-aligned, and the kernel wipes
 * them in a forked child: every handle is refused there, at no cost to the hot path.
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

#define HOI_TABLE_SLOTS 8192u /* per type and process, except domains and pools */
#define HOI_DOMAINS_MAX 64u
#define HOI_POOLS_MAX 255u /* a pool's index is one byte: it tags the handles of its objects */

struct hoi_entry {
    A_TYPE(uint64_t) self;  /* the valid handle, 0 when free */
    _Atomic(void *) object; /* outlives the handle: `self` tells a late look-up */
};

extern struct hoi_entry hoi_table[HOI_TYPES][HOI_TABLE_SLOTS]
    __attribute__((visibility("hidden"))); /* its address is known without the GOT */

/* Makes a handle for an object; 0 if the table is full. *refused is -1 if the kernel can't wipe. */
uint64_t hoi_handle_new(enum hoi_type type, void *object, int *refused);
void hoi_handle_drop(uint64_t handle);

/* The byte offset in the table, so that a look-up needs only a mask. */
#define HOI_HANDLE_ENTRY ((uint64_t)(HOI_TABLE_SLOTS - 1) * sizeof(struct hoi_entry))
#define HOI_HANDLE_GENERATION 17
_Static_assert(HOI_HANDLE_ENTRY >> HOI_HANDLE_GENERATION == 0, "the generation lies above");

static inline struct hoi_entry *hoi_handle_entry(enum hoi_type type, uint64_t h)
{
    return (struct hoi_entry *)((char *)hoi_table[type] + (h & HOI_HANDLE_ENTRY));
}

/* The status to return after hoi_handle_get gave NULL: HO_E_HANDLE or HO_E_FORKED. */
int32_t hoi_handle_status(void);

/* The object of a handle, or NULL if it is closing. For the usual paths, which need no closing
 * flag then. */
static inline void *hoi_handle_usual(enum hoi_type type, const void *handle)
{
    uint64_t h = (uint64_t)(uintptr_t)handle, at = h & HOI_HANDLE_ENTRY;
    char *table = (char *)hoi_table[type];
    HOI_OPAQUE(
        table); /* keeps the table's address in a register, and the additions inside the loads */
    /* Relaxed: passing a handle to another thread is ordered by the user. The zero handle finds
     * a free entry, which has no object. */
    if (hoi_unlikely(hoi_differs64(&((struct hoi_entry *)(table + at))->self, h)))
        return NULL;
    HOI_OPAQUE(at);
    return hoi_get(((struct hoi_entry *)(table + at))->object);
}

/* While an object closes, its entry holds the handle with this bit flipped. The bit belongs to
 * the entry's offset, so no valid handle of this entry has that value. */
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
