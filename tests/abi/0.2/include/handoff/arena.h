/* SPDX-License-Identifier: MIT */
/* Arena: memory with a budget, out of a domain's address space. Threads fill it through shards. */
#ifndef HANDOFF_ARENA_H
#define HANDOFF_ARENA_H

#include "handoff/domain.h"

typedef struct ho_arena ho_arena; /* a handle, as ho_domain */

/* Options of an arena. Zero in any field means its default. */
typedef struct ho_arena_opts {
    uint32_t size;  /* sizeof this struct as the caller knows it */
    uint32_t flags; /* none defined; the high half must be zero */
    uint64_t
        budget_bytes; /* most that its shards, pools and ho_alloc hold together, default 64 MiB, in whole
                              segments, rounded up. A segment holds bytes of one shard, or its records
                              of foreign buffers: about segment_bytes / 40, at most 4,096 */
    uint64_t
        keep_bytes;   /* unused memory kept beyond what was needed lately (ho_arena_trim), default
                              1 MiB; the budget: nothing goes back before the arena is closed */
    uint64_t wait_ns; /* how long ho_reserve may wait for memory, default 0: HO_FULL at once */
} ho_arena_opts;
#define HO_ARENA_OPTS_MIN 32u

/* Counters of an arena. Each is exact once its threads are quiet; those not marked "now" never run
 * backwards. */
typedef struct ho_arena_stats {
    uint32_t size;            /* sizeof this struct as the caller knows it */
    uint32_t shards;          /* now: open */
    uint64_t segments_in_use; /* now: open, or sealed with something out */
    uint64_t segments_peak;   /* most at once */
    uint64_t segments_held; /* now: used, kept, or of pools and ho_alloc; times segment_bytes = held
                                 memory */
    uint64_t bytes_live;    /* now: payload of its buffers that are out, loans' room aside */
    uint64_t bytes_dead;    /* now: passed by the cursors and not live: waits for its segment */
    uint64_t bytes_pinned;  /* now: size of the segments that slices hold */
    uint64_t buffers_out;   /* now: committed and not returned */
    uint64_t loans_out;     /* now: reserved and neither committed nor aborted */
    uint64_t foreign_out;   /* now: foreign buffers with a record here, not yet released */
    uint64_t full;          /* HO_FULL for want of memory that callers got */
    uint64_t copies;        /* buffers that ho_give_copy and ho_compact copied into it */
    uint64_t allocs_out; /* now: allocated with ho_alloc and not freed, and copies of ho_compact */
    uint64_t alloc_bytes_live; /* now: of these, sizes rounded up to their classes */
    uint64_t alloc_bytes_held; /* now: charged for ho_alloc: live, freed and kept, bookkeeping */
} ho_arena_stats;
#define HO_ARENA_STATS_MIN 96u

HO_BEGIN_DECLS

/*
 * Opens an arena in a domain.
 *   opts   NULL for the defaults; borrowed for the call
 *   arena  out, not NULL; NULL in it on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE, HO_E_TOO_NEW, HO_E_FLAGS, HO_E_RANGE (a budget below one
 *   segment, wait_ns), HO_E_CLOSED (the domain closes), HO_E_NOMEM, HO_E_LIMIT (256 arenas of the
 *   domain at once, 8,191 of the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_arena_open(ho_domain *domain, const ho_arena_opts *opts,
                             ho_arena **arena) HO_NOEXCEPT;

/*
 * Closes an arena: ho_reserve and ho_alloc return HO_E_CLOSED from now on. Waits until every shard and pool is
 * closed and all its memory is back, wherever it went: buffers that services got, slices, releases that are
 * queued for an owner, allocations.
 *   timeout_ns   0 polls, negative waits forever
 *   outstanding  out, may be NULL, its size set by the caller: what is still out
 * Returns HO_OK (closed; the handle is gone), HO_TIMEOUT (still closing; call again), HO_E_SIZE,
 *   HO_E_REENTRANT.
 * Threads [init]. Progress may block for timeout_ns. Since 0.2
 */
HO_API int32_t ho_arena_close(ho_arena *arena, int64_t timeout_ns,
                              ho_outstanding *outstanding) HO_NOEXCEPT;

/*
 * Gives unused segments, and what was freed of ho_alloc's memory, back to the system. An arena does it by itself, a
 * little at a time as its shards go from segment to segment, and as memory is freed: of segments whatever is above the
 * most that was in use in this second and the last, and keep_bytes, goes. This call is for when nobody reserves
 * any more: after a burst, before a quiet time.
 *   keep_bytes  how much unused memory stays; 0: none. Memory in use always stays
 *   freed       out, may be NULL: bytes that went back
 * Returns HO_OK.
 * Threads [any]. Progress lock-free, two system calls for each segment, one for each 64 KiB of ho_alloc's. Since 0.2
 */
HO_API int32_t ho_arena_trim(ho_arena *arena, uint64_t keep_bytes, uint64_t *freed) HO_NOEXCEPT;

/*
 * Reads the counters of an arena. It reads the records of every segment in use: suitable for a few calls a
 * second, not for every message.
 *   stats  out, not NULL, its size set by the caller; fields beyond that size are left alone
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE.
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_arena_stats_get(ho_arena *arena, ho_arena_stats *stats) HO_NOEXCEPT;

HO_END_DECLS

#endif
