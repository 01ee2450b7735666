/* SPDX-License-Identifier: MIT */
/*
 * Shard: one thread's filling end of an arena. Producers of that thread are opened over it.
 *
 *   open        ho_shard_open, once per thread and arena; ho_shard_fd before a producer is opened over it
 *   receive     ho_reserve gives a loan: write to it, set len, then ho_commit (producer.h), or ho_abort
 *   frames      ho_split cuts whole frames off the front of a loan that holds many
 *   HO_FULL     the budget is used up: leave the bytes in the socket until ho_shard_fd is readable
 *   close       ho_shard_close, after the producers over it; its loans stay valid
 */
#ifndef HANDOFF_SHARD_H
#define HANDOFF_SHARD_H

#include "handoff/arena.h"
#include "handoff/buf.h"

typedef struct ho_shard ho_shard; /* a handle, as ho_domain */

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
 * Opens a shard. It holds no memory before the first reservation, and then one segment that it fills
 * (and one more for records, once something foreign is given), whatever services it is sent to.
 *   shard  out, not NULL; NULL in it on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_CLOSED, HO_E_NOMEM, HO_E_LIMIT (1,024 shards of the arena at once,
 *   8,191 of the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_shard_open(ho_arena *arena, ho_shard **shard) HO_NOEXCEPT;

/*
 * Closes a shard. Loans stay valid: any other shard of the domain may abort them, any producer commit
 * them.
 * Returns HO_OK (the handle is gone), HO_E_BUSY (a producer over it is open), HO_E_REENTRANT.
 * Threads [shard]. Progress: takes the domain's mutex. Since 0.2
 */
HO_API int32_t ho_shard_close(ho_shard *shard) HO_NOEXCEPT;

/*
 * A descriptor (eventfd, non-blocking) for epoll, io_uring or Asio that tells when to try
 * again. Every HO_FULL of the shard or of a producer over it, for want of memory or of room in a
 * lane, arms it; it becomes readable once, when some is back. Read its 8 bytes, then try again; it may
 * have fired for nothing. Ask for it before the first producer is opened over the shard.
 *   fd  out, not NULL: the descriptor, the caller's, who closes it; -1 on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_BUSY (a producer over it is open), HO_E_SYSTEM.
 * Threads [shard]. Progress: wait-free, and system calls. Since 0.2
 */
HO_API int32_t ho_shard_fd(ho_shard *shard, int32_t *fd) HO_NOEXCEPT;

/*
 * Reserves memory to write into: a loan. Several loans may be open at once.
 *   bytes  room at ptr, 1 to the domain's segment_bytes less headroom, tailroom and alignment
 *   opts   NULL for the defaults; borrowed for the call
 *   loan   out, not NULL: ptr, len = 0, cap = bytes, kind HO_KIND_LOAN; empty on failure
 * Returns HO_OK, HO_FULL (the arena's budget; after its wait_ns), HO_E_RANGE (bytes or
 *   align_log2), HO_E_INVAL, HO_E_SIZE, HO_E_TOO_NEW, HO_E_FLAGS, HO_E_RESERVED, HO_E_CLOSED,
 *   HO_E_NOMEM.
 * Ownership: the caller holds the loan until ho_commit or ho_abort.
 * Threads [shard]. Progress wait-free within a segment; at a segment's end lock-free, and a
 *   system call when the arena grows or gives back; it may block for the arena's wait_ns. Since 0.2
 */
HO_API int32_t ho_reserve(ho_shard *shard, uint64_t bytes, const ho_reserve_opts *opts,
                          ho_buf *loan) HO_NOEXCEPT;

/*
 * Reserves `count` loans of the same size: like `count` calls of ho_reserve, but what is the same for all of them is done
 * once. For a burst that one ho_commit sends, of messages whose size is known: a loan that is not the latest keeps
 * the room that its message leaves unused.
 *   bytes     as in ho_reserve, of each loan
 *   opts      NULL for the defaults, which are the fast case; borrowed for the call
 *   loans     out, room for `count` loans, not NULL unless count is 0; those that were not reserved are empty
 *   reserved  out, not NULL: how many, from the front; also on failure, and then these are the caller's
 * Returns HO_OK (all of them), else as ho_reserve, for the first that was not reserved.
 * Ownership: the caller holds each loan until ho_commit or ho_abort.
 * Threads [shard]. Progress as ho_reserve; it may block for the arena's wait_ns for each loan. Since 0.2
 */
HO_API int32_t ho_reserve_many(ho_shard *shard, uint64_t bytes, const ho_reserve_opts *opts,
                               ho_buf *loans, uint32_t count, uint32_t *reserved) HO_NOEXCEPT;

/*
 * Gives loans back unused. The room goes back to the segment if nothing was reserved behind it.
 *   bufs     `count` loans, not NULL unless count is 0; the aborted ones are emptied
 *   aborted  out, may be NULL: how many, from the front
 * Returns HO_OK, HO_E_INVAL, HO_E_KIND, HO_E_STALE (also: another domain's), HO_E_RANGE.
 * Threads [shard]: any shard of the domain. Progress lock-free. Since 0.2
 */
HO_API int32_t ho_abort(ho_shard *shard, ho_buf *bufs, uint32_t count,
                        uint32_t *aborted) HO_NOEXCEPT;

/*
 * Carves the front of a loan off as a loan of its own; the rest stays on loan, over the same bytes.
 * One read that holds many frames becomes many messages without a copy.
 *   shard     the one that reserved the loan
 *   loan      loses its first `bytes`: ptr, len and cap move
 *   bytes     1 to loan->cap
 *   front     out, not NULL, not loan: len = cap = bytes; empty on failure
 * Returns HO_OK, HO_FULL (the segment has given all its 4,096 numbers: commit what is whole, move
 *   the rest to a new loan), HO_E_INVAL, HO_E_KIND, HO_E_STALE (also: another domain's), HO_E_DOMAIN
 *   (another shard's loan), HO_E_RANGE.
 * Ownership: the caller holds both.
 * Threads [shard]. Progress lock-free. Since 0.2
 */
HO_API int32_t ho_split(ho_shard *shard, ho_buf *loan, uint64_t bytes, ho_buf *front) HO_NOEXCEPT;

/*
 * Copies a buffer into memory of this shard's arena and returns the original, so that a small slice does
 * not pin a large segment. For small buffers that are kept for long: a copy of up to half a segment has memory of its
 * own, as ho_alloc gives it, and pins nothing else but a record of 40 bytes. In an arena of fewer than eight segments, and where
 * its budget has nothing left, it lies in a segment of the shard. One longer than segment_bytes is copied to a
 * mapping of its own (ho_give_copy).
 *   buf  any kind but a loan; on success it names the copy (cap = len), HO_KIND_FOREIGN where it lies in no segment; key,
 *        value, partition and flags are unchanged
 * Returns HO_OK, HO_FULL (budget), HO_E_INVAL, HO_E_KIND, HO_E_STALE (also: another domain's),
 *   HO_E_RANGE (len over cap, or over the arena's budget less a segment), HO_E_CLOSED, HO_E_NOMEM.
 * Threads [shard]. Progress as ho_reserve and ho_return; the first copy of its size class in the arena takes the domain's
 *   mutex. Since 0.2
 */
HO_API int32_t ho_compact(ho_shard *shard, ho_buf *buf) HO_NOEXCEPT;

HO_END_DECLS

#endif
