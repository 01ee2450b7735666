/* SPDX-License-Identifier: MIT */
/*
 * Shard: one thread's filling end of an arena. Producers of that thread are opened over it.
 *
 *   open        ho_shard_open, once per thread and arena; ho_shard_fd before any producer is opened over it
 *   receive     ho_reserve gives a loan: write to it, set len, then ho_commit (producer.h) or ho_abort
 *   frames      ho_split cuts whole frames off the front of a loan that holds many
 *   HO_FULL     the budget is used up: leave the bytes in the socket until ho_shard_fd is readable
 *   close       ho_shard_close, after the producers over it; its loans stay valid
 */
#ifndef HANDOFF_SHARD_H
#define HANDOFF_SHARD_H

#include "handoff/arena.h"
#include "handoff/buf.h"

typedef struct ho_shard ho_shard; /* a handle, like ho_domain */

/* Options of a reservation. Zero in any field means its default. */
typedef struct ho_reserve_opts {
    uint32_t size;       /* sizeof this struct as the caller knows it */
    uint32_t flags;      /* none defined; the high half must be zero */
    uint32_t headroom;   /* writable bytes before ptr */
    uint32_t tailroom;   /* writable bytes behind the data that ho_commit leaves in place */
    uint32_t align_log2; /* of ptr, up to 12; default 6: a cache line of its own */
    uint32_t reserved0;
} ho_reserve_opts;
#define HO_RESERVE_OPTS_MIN 24u

HO_BEGIN_DECLS

/*
 * Opens a shard. It holds no memory until the first reservation, and from then on one segment that it fills,
 * however many services its messages go to. Once something foreign is given it holds one more, for records.
 *   shard  out, not NULL; set to NULL on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_CLOSED, HO_E_NOMEM, HO_E_LIMIT (1,024 shards open at once in the
 *   arena, 8,191 in the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_shard_open(ho_arena *arena, ho_shard **shard) HO_NOEXCEPT;

/*
 * Closes a shard. Its loans stay valid: any other shard of the domain may abort them, any producer may commit
 * them.
 * Returns HO_OK (the handle is gone), HO_E_BUSY (a producer over it is open), HO_E_REENTRANT.
 * Threads [shard]. Progress: takes the domain's mutex. Since 0.2
 */
HO_API int32_t ho_shard_close(ho_shard *shard) HO_NOEXCEPT;

/*
 * Gets a descriptor (eventfd, non-blocking) for epoll, io_uring or Asio that says when to retry after HO_FULL.
 * Every HO_FULL from the shard or a producer over it, for lack of memory or of room in a lane, arms it. It becomes
 * readable once, when some is available again. Read its 8 bytes, then retry; it may have fired for nothing. Call
 * this before the first producer is opened over the shard.
 *   fd  out, not NULL: the descriptor; -1 on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_BUSY (a producer over it is open), HO_E_SYSTEM.
 * Ownership: the caller closes the descriptor.
 * Threads [shard]. Progress: wait-free, makes system calls. Since 0.2
 */
HO_API int32_t ho_shard_fd(ho_shard *shard, int32_t *fd) HO_NOEXCEPT;

/*
 * Reserves memory to write into: a loan. Several loans may be open at once.
 *   bytes  room at ptr, from 1 to the domain's segment_bytes less headroom, tailroom and alignment
 *   opts   NULL for the defaults; borrowed for the call
 *   loan   out, not NULL: ptr, len = 0, cap = bytes, kind HO_KIND_LOAN; empty on failure
 * Returns HO_OK, HO_FULL (the arena's budget is used up, and its wait_ns is over), HO_E_RANGE (bytes or
 *   align_log2), HO_E_INVAL, HO_E_SIZE, HO_E_TOO_NEW, HO_E_FLAGS, HO_E_RESERVED, HO_E_CLOSED,
 *   HO_E_NOMEM.
 * Ownership: the caller holds the loan until ho_commit or ho_abort.
 * Threads [shard]. Progress wait-free within a segment; lock-free at its end, with a system call when the
 *   arena grows or gives memory back; may block for the arena's wait_ns. Since 0.2
 */
HO_API int32_t ho_reserve(ho_shard *shard, uint64_t bytes, const ho_reserve_opts *opts,
                          ho_buf *loan) HO_NOEXCEPT;

/*
 * Reserves `count` loans of the same size: like `count` calls of ho_reserve, but faster. It is meant for a burst of
 * messages of known size that one ho_commit sends, because only the last loan can give back room that its message
 * leaves unused.
 *   bytes     of each loan, as in ho_reserve
 *   opts      NULL for the defaults, which are the fast case; borrowed for the call
 *   loans     out, room for `count` loans, not NULL unless count is 0; those not reserved are empty
 *   reserved  out, not NULL: how many were reserved, from the front, also on failure; these are the caller's
 * Returns HO_OK (all of them), else what ho_reserve returns for the first one that was not reserved.
 * Ownership: the caller holds each loan until ho_commit or ho_abort.
 * Threads [shard]. Progress as ho_reserve; may block for the arena's wait_ns for each loan. Since 0.2
 */
HO_API int32_t ho_reserve_many(ho_shard *shard, uint64_t bytes, const ho_reserve_opts *opts,
                               ho_buf *loans, uint32_t count, uint32_t *reserved) HO_NOEXCEPT;

/*
 * Gives loans back unused. The segment gets the room back if nothing was reserved behind it.
 *   bufs     `count` loans, not NULL unless count is 0; aborted ones are emptied
 *   aborted  out, may be NULL: how many, from the front
 * Returns HO_OK, HO_E_INVAL, HO_E_KIND, HO_E_STALE (also: another domain's), HO_E_RANGE.
 * Threads [shard]: any shard of the domain. Progress lock-free. Since 0.2
 */
HO_API int32_t ho_abort(ho_shard *shard, ho_buf *bufs, uint32_t count,
                        uint32_t *aborted) HO_NOEXCEPT;

/*
 * Splits the front off a loan, as a separate loan over the same bytes; `loan` keeps the rest. One read that holds
 * many frames becomes many messages without a copy.
 *   shard     the one that reserved the loan
 *   loan      loses its first `bytes`: ptr, len and cap move
 *   bytes     1 to loan->cap
 *   front     out, not NULL, not loan: len = cap = bytes; empty on failure
 * Returns HO_OK, HO_FULL (the segment's 4,096 numbers are used up: commit the whole frames and move the rest to a
 *   new loan), HO_E_INVAL, HO_E_KIND, HO_E_STALE (also: another domain's), HO_E_DOMAIN (another shard's loan),
 *   HO_E_RANGE.
 * Ownership: the caller holds both.
 * Threads [shard]. Progress lock-free. Since 0.2
 */
HO_API int32_t ho_split(ho_shard *shard, ho_buf *loan, uint64_t bytes, ho_buf *front) HO_NOEXCEPT;

/*
 * Copies a buffer into memory of this shard's arena and returns the original, so that a small slice does not pin a
 * large segment. It is meant for small buffers that are kept for long. A copy of up to half a segment has its own
 * memory, like that of ho_alloc, and pins nothing else except a record of 40 bytes. In an arena of fewer than eight
 * segments, or with no budget left, the copy goes into a segment of the shard. A copy longer than segment_bytes gets
 * its own mapping, as in ho_give_copy.
 *   buf  any kind but a loan; on success it names the copy: cap = len, kind HO_KIND_FOREIGN if it is in no segment;
 *        key, value, partition and flags are unchanged
 * Returns HO_OK, HO_FULL (budget), HO_E_INVAL, HO_E_KIND, HO_E_STALE (also: another domain's),
 *   HO_E_RANGE (len over cap, or over the arena's budget less a segment), HO_E_CLOSED, HO_E_NOMEM.
 * Threads [shard]. Progress as ho_reserve and ho_return; the first copy of its size class in the arena takes the
 *   domain's mutex. Since 0.2
 */
HO_API int32_t ho_compact(ho_shard *shard, ho_buf *buf) HO_NOEXCEPT;

HO_END_DECLS

#endif
