/* SPDX-License-Identifier: MIT */
/*
 * Memory of any size, in an arena and its budget: for strings, containers, what has no type of its own. Any thread
 * allocates and frees, without opening anything.
 *
 *   allocate    ho_alloc
 *   free        ho_free, or ho_free_sized where the size is known: it is checked
 *   look        ho_arena_stats_get: allocs_out, alloc_bytes_live, alloc_bytes_held
 *   give back   ho_arena_trim; frees do it by themselves, a little at a time, and so do consumers
 *               that are about to sleep
 *
 * A size is rounded up to its class: a multiple of 8 bytes up to 128, from there on eight classes to a doubling, so at
 * most 12.5 % more, up to half a segment; above that whole pages. The library writes nothing into the memory, before
 * or after. For objects of one type a pool is faster and has handles that go stale (pool.h).
 */
#ifndef HANDOFF_ALLOC_H
#define HANDOFF_ALLOC_H

#include "handoff/arena.h"

HO_BEGIN_DECLS

/*
 * Allocates memory. Its bytes are what the last user left there, or zero.
 *   arena        whose budget it is charged to, page by page
 *   bytes        1 or more, at most the arena's budget
 *   align_bytes  of the address: power of two up to 4,096; 0 means 16
 *   ptr          out, not NULL; NULL in it on failure
 * Returns HO_OK, HO_FULL (the arena's budget; nothing has changed), HO_E_INVAL, HO_E_RANGE (bytes is 0 or above
 *   the budget, align_bytes), HO_E_CLOSED (the arena closes), HO_E_NOMEM.
 * Ownership: the caller frees it with ho_free or ho_free_sized, on any thread.
 * Threads [any]. Progress lock-free up to half a segment; a larger one takes a mutex and makes system calls. So does the
 *   first one of its class in the arena. Memory that is used for the first time is a page fault; where the
 *   budget is used up, freed memory of other classes is given back first, with system calls. Since 0.2
 */
HO_API int32_t ho_alloc(ho_arena *arena, uint64_t bytes, uint64_t align_bytes,
                        void **ptr) HO_NOEXCEPT;

/*
 * Frees memory of ho_alloc.
 *   ptr  what ho_alloc gave; NULL is a no-op
 * Returns HO_OK, HO_E_INVAL (not where memory of this arena begins: another arena's, malloc's, inside of some),
 *   HO_E_STALE (freed before, or never allocated; of two frees that race, one gets it). If the memory is in use
 *   again, a late second free frees it under its new user, and returns HO_OK.
 * Threads [any]. Progress lock-free, a system call when unused memory goes back; of more than half a segment as ho_alloc.
 *   Also while the arena closes. Since 0.2
 */
HO_API int32_t ho_free(ho_arena *arena, void *ptr) HO_NOEXCEPT;

/*
 * Frees memory of ho_alloc, as ho_free, and checks that it is of this size.
 *   bytes, align_bytes  as they were allocated
 * Returns as ho_free, and HO_E_RANGE (memory of another size class, align_bytes; nothing has changed).
 * Threads [any]. Progress as ho_free. Since 0.2
 */
HO_API int32_t ho_free_sized(ho_arena *arena, void *ptr, uint64_t bytes,
                             uint64_t align_bytes) HO_NOEXCEPT;

HO_END_DECLS

#endif
