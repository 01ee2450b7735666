/* SPDX-License-Identifier: MIT */
/*
 * Memory of any size, in an arena and its budget: for strings, containers and whatever has no type of its own. Any
 * thread allocates and frees, without opening anything.
 *
 *   allocate    ho_alloc
 *   free        ho_free, or ho_free_sized if the size is known: it checks the size
 *   inspect     ho_arena_stats_get: allocs_out, alloc_bytes_live, alloc_bytes_held
 *   give back   ho_arena_trim; frees do it by themselves, a little at a time, and so do consumers
 *               that are about to sleep
 *
 * A size is rounded up to its class: up to 128 bytes a multiple of 8; up to half a segment one of eight classes per
 * doubling, at most 12.5 % more; above that whole pages. The library writes nothing into the memory, before or after
 * use. For objects of one type a pool is faster and has handles that go stale (pool.h).
 */
#ifndef HANDOFF_ALLOC_H
#define HANDOFF_ALLOC_H

#include "handoff/arena.h"

HO_BEGIN_DECLS

/*
 * Allocates memory. Its bytes are as the last user left them, or zero.
 *   arena        whose budget it is charged to, page by page
 *   bytes        1 or more, at most the arena's budget
 *   align_bytes  of the address: power of two up to 4,096; 0 means 16
 *   ptr          out, not NULL; set to NULL on failure
 * Returns HO_OK, HO_FULL (the arena's budget; nothing has changed), HO_E_INVAL, HO_E_RANGE (bytes is 0 or above
 *   the budget, align_bytes), HO_E_CLOSED (the arena is closing), HO_E_NOMEM.
 * Ownership: the caller frees it with ho_free or ho_free_sized, on any thread.
 * Threads [any]. Progress lock-free up to half a segment; a larger allocation, and the first of each class in the
 *   arena, takes a mutex and makes system calls. The first use of memory is a page fault. When the budget is used
 *   up, freed memory of other classes is given back first, with system calls. Since 0.2
 */
HO_API int32_t ho_alloc(ho_arena *arena, uint64_t bytes, uint64_t align_bytes,
                        void **ptr) HO_NOEXCEPT;

/*
 * Frees memory from ho_alloc. It also works while the arena closes.
 *   ptr  what ho_alloc gave; NULL is a no-op
 * Returns HO_OK, HO_E_INVAL (no memory of this arena begins there: another arena's, malloc's, or inside a block),
 *   HO_E_STALE (freed before, or never allocated; of two frees that race, one gets it). If the memory is already in
 *   use again, a late second free frees it under its new user and returns HO_OK.
 * Threads [any]. Progress lock-free, a system call when unused memory goes back; above half a segment as ho_alloc.
 *   Since 0.2
 */
HO_API int32_t ho_free(ho_arena *arena, void *ptr) HO_NOEXCEPT;

/*
 * Frees memory from ho_alloc, as ho_free does, and checks its size.
 *   bytes, align_bytes  as they were allocated
 * Returns as ho_free, and HO_E_RANGE (memory of another size class, align_bytes; nothing has changed).
 * Threads [any]. Progress as ho_free. Since 0.2
 */
HO_API int32_t ho_free_sized(ho_arena *arena, void *ptr, uint64_t bytes,
                             uint64_t align_bytes) HO_NOEXCEPT;

HO_END_DECLS

#endif
