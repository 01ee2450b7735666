/* SPDX-License-Identifier: MIT */
/* Arena: memory with a budget, out of a domain's address space. Threads fill it through shards. */
#ifndef HANDOFF_ARENA_H
#define HANDOFF_ARENA_H

#include "handoff/domain.h"

typedef struct ho_arena ho_arena; /* a handle, like ho_domain */

/* Options of an arena. Zero in any field means its default. */
typedef struct ho_arena_opts {
    uint32_t size;         /* sizeof this struct as the caller knows it */
    uint32_t flags;        /* none defined; the high half must be zero */
    uint64_t budget_bytes; /* most held by its shards, pools and ho_alloc together; default 64 MiB,
                              rounded up to whole segments. A segment holds the bytes of one shard,
                              or its records of foreign buffers: about segment_bytes / 40 of them,
                              at most 4,096 */
    uint64_t keep_bytes;   /* unused memory kept beyond recent need (ho_arena_trim), default 1 MiB;
                              if equal to the budget, nothing goes back until the arena closes */
    uint64_t wait_ns;      /* how long ho_reserve may wait for memory, default 0: HO_FULL at once */
} ho_arena_opts;
#define HO_ARENA_OPTS_MIN 32u

/* Counters of an arena. Each is exact once its threads are quiet. Those not marked "now" never decrease. */
typedef struct ho_arena_stats {
    uint32_t size;             /* sizeof this struct as the caller knows it */
    uint32_t shards;           /* now: open */
    uint64_t segments_in_use;  /* now: open, or sealed with something out */
    uint64_t segments_peak;    /* most in use at once */
    uint64_t segments_held;    /* now: in use, kept, or charged to pools and ho_alloc; times
                                  segment_bytes = memory held */
    uint64_t bytes_live;       /* now: payload of its buffers that are out, loans not counted */
    uint64_t bytes_dead;       /* now: behind the cursors and not live; reused with the segment */
    uint64_t bytes_pinned;     /* now: total size of segments held by slices */
    uint64_t buffers_out;      /* now: committed and not returned */
    uint64_t loans_out;        /* now: reserved and neither committed nor aborted */
    uint64_t foreign_out;      /* now: foreign buffers with a record here, not yet released */
    uint64_t full;             /* times that callers got HO_FULL for lack of memory */
    uint64_t copies;           /* buffers that ho_give_copy and ho_compact copied into it */
    uint64_t allocs_out;       /* now: from ho_alloc and not freed, and copies by ho_compact */
    uint64_t alloc_bytes_live; /* now: size of these, each rounded up to its class */
    uint64_t alloc_bytes_held; /* now: charged for ho_alloc: live, freed but kept, bookkeeping */
} ho_arena_stats;
#define HO_ARENA_STATS_MIN 96u

HO_BEGIN_DECLS

/*
 * Opens an arena in a domain.
 *   opts   NULL for the defaults; borrowed for the call
 *   arena  out, not NULL; set to NULL on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE, HO_E_TOO_NEW, HO_E_FLAGS, HO_E_RANGE (the budget is below one
 *   segment, or wait_ns), HO_E_CLOSED (the domain is closing), HO_E_NOMEM, HO_E_LIMIT (256 arenas open at
 *   once in the domain, 8,191 in the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_arena_open(ho_domain *domain, const ho_arena_opts *opts,
                             ho_arena **arena) HO_NOEXCEPT;

/*
 * Closes an arena: from now on ho_reserve and ho_alloc return HO_E_CLOSED. Waits until every shard and pool is
 * closed and all memory is back, wherever it went: buffers sent to services, slices, releases queued for an
 * owner, allocations.
 *   timeout_ns   0 polls, negative waits forever
 *   outstanding  out, may be NULL, its size set by the caller: what is still out
 * Returns HO_OK (closed; the handle is gone), HO_TIMEOUT (still closing; call again), HO_E_SIZE,
 *   HO_E_REENTRANT.
 * Threads [init]. Progress may block for timeout_ns. Since 0.2
 */
HO_API int32_t ho_arena_close(ho_arena *arena, int64_t timeout_ns,
                              ho_outstanding *outstanding) HO_NOEXCEPT;

/*
 * Gives unused segments and freed ho_alloc memory back to the system. An arena also does this by itself, a little
 * at a time, as its shards move from segment to segment and as memory is freed. It then keeps the peak number of
 * segments in use in this second and the last, plus keep_bytes. Call this when nobody reserves any more: after
 * a burst, before a quiet time.
 *   keep_bytes  how much unused memory to keep; 0: none. Memory in use always stays
 *   freed       out, may be NULL: bytes given back
 * Returns HO_OK.
 * Threads [any]. Progress lock-free, two system calls per segment and one per 64 KiB of ho_alloc memory. Since 0.2
 */
HO_API int32_t ho_arena_trim(ho_arena *arena, uint64_t keep_bytes, uint64_t *freed) HO_NOEXCEPT;

/*
 * Reads the counters of an arena. It reads the records of every segment in use: suitable for a few calls a
 * second, not for every message.
 *   stats  out, not NULL, its size set by the caller; fields beyond that size are not written
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE.
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_arena_stats_get(ho_arena *arena, ho_arena_stats *stats) HO_NOEXCEPT;

HO_END_DECLS

#endif
