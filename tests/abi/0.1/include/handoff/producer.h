/* SPDX-License-Identifier: MIT */
/* Producer: one thread's sending end of a service, with its own shard of the arena. */
#ifndef HANDOFF_PRODUCER_H
#define HANDOFF_PRODUCER_H

#include "handoff/buf.h"
#include "handoff/service.h"

typedef struct ho_producer ho_producer; /* a handle, as ho_domain */

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

/* flags of ho_commit, ho_give, ho_forward, ho_give_copy. The high half must be understood. */
#define HO_MORE                                                                                    \
    0x00010000u /* more follows at once: publish later, with the next call or ho_flush */

HO_BEGIN_DECLS

/*
 * Opens a producer: an arena shard and a lane to every consumer of the service.
 *   producer  out, not NULL; NULL in it on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_CLOSED, HO_E_NOMEM, HO_E_LIMIT (1,024 producers of the service at
 *   once, 8,191 of the process).
 * Threads [init]. Since 0.1
 */
HO_API int32_t ho_producer_open(ho_service *service, ho_producer **producer) HO_NOEXCEPT;

/*
 * Closes a producer. Publishes what HO_MORE held back. Loans stay valid: another producer of the
 * domain may commit or abort them. What its consumers can't take any more is released with reason
 * cancelled, inside this call.
 * Returns HO_OK (the handle is gone), HO_E_REENTRANT.
 * Threads [producer]. Progress: takes the domain's mutex, may make system calls. Since 0.1
 */
HO_API int32_t ho_producer_close(ho_producer *producer) HO_NOEXCEPT;

/*
 * Reserves memory to write into: a loan. Several loans may be open at once.
 *   bytes  room at ptr, 1 to the domain's segment_bytes less headroom, tailroom and alignment
 *   opts   NULL for the defaults; borrowed for the call
 *   loan   out, not NULL: ptr, len = 0, cap = bytes, kind HO_KIND_LOAN; empty on failure
 * Returns HO_OK, HO_FULL (budget; with HO_POLICY_WAIT after wait_ns), HO_E_RANGE (bytes or
 *   align_log2), HO_E_INVAL, HO_E_SIZE, HO_E_TOO_NEW, HO_E_FLAGS, HO_E_RESERVED, HO_E_CLOSED,
 *   HO_E_NOMEM.
 * Ownership: the caller holds the loan until ho_commit or ho_abort.
 * Threads [producer]. Progress wait-free within a segment; at a segment's end lock-free, and a
 *   system call when the arena grows; with HO_POLICY_WAIT it may block. Since 0.1
 */
HO_API int32_t ho_reserve(ho_producer *producer, uint64_t bytes, const ho_reserve_opts *opts,
                          ho_buf *loan) HO_NOEXCEPT;

/*
 * Commits loans: hands each over to the consumer that it routes to. The caller sets len to what was
 * written and key to what routes; the room behind len (and the tailroom) goes back to the segment if
 * nothing was reserved behind it. A loan may come from any producer of the domain.
 *   bufs      `count` loans, not NULL unless count is 0; the accepted ones are emptied
 *   to        HO_BY_KEY, or the consumer's number where the service routes by number
 *   flags     HO_MORE or 0
 *   accepted  out, may be NULL: how many, from the front, changed hands
 * Returns HO_OK (all), HO_DROPPED (all; some were dropped by policy), HO_FULL (lane; a keyed service
 *   without a consumer; a key that is moving, see ho_consumer_open), HO_E_INVAL, HO_E_FLAGS, HO_E_KIND
 *   (not a loan), HO_E_STALE (committed or aborted before), HO_E_DOMAIN, HO_E_RANGE (len over cap, or
 *   the memory is not the loan's), HO_E_ROUTE, HO_E_CLOSED, HO_E_NOMEM (lanes to consumers that opened).
 * Threads [producer]. Progress wait-free, and a system call when a sleeping consumer must be woken;
 *   with HO_POLICY_WAIT it may block for wait_ns. Since 0.1
 */
HO_API int32_t ho_commit(ho_producer *producer, ho_buf *bufs, uint32_t count, uint32_t to,
                         uint32_t flags, uint32_t *accepted) HO_NOEXCEPT;

/*
 * Gives loans back unused. The room goes back to the segment if nothing was reserved behind it.
 *   bufs     `count` loans, not NULL unless count is 0; the aborted ones are emptied
 *   aborted  out, may be NULL: how many, from the front
 * Returns HO_OK, HO_E_INVAL, HO_E_KIND, HO_E_STALE, HO_E_DOMAIN, HO_E_RANGE.
 * Threads [producer]: of any producer of the domain. Progress lock-free. Since 0.1
 */
HO_API int32_t ho_abort(ho_producer *producer, ho_buf *bufs, uint32_t count,
                        uint32_t *aborted) HO_NOEXCEPT;

/*
 * Carves the front of a loan off as a loan of its own; the rest stays on loan, over the same bytes.
 * So one read that holds many frames becomes many messages without a copy.
 *   producer  the one that reserved the loan
 *   loan      loses its first `bytes`: ptr, len and cap move
 *   bytes     1 to loan->cap
 *   front     out, not NULL, not loan: len = cap = bytes; empty on failure
 * Returns HO_OK, HO_FULL (the segment has given all its 4,096 numbers: commit what is whole, move
 *   the rest to a new loan), HO_E_INVAL, HO_E_KIND, HO_E_STALE, HO_E_DOMAIN (also: another
 *   producer's loan), HO_E_RANGE.
 * Ownership: the caller holds both.
 * Threads [producer]. Progress lock-free. Since 0.1
 */
HO_API int32_t ho_split(ho_producer *producer, ho_buf *loan, uint64_t bytes,
                        ho_buf *front) HO_NOEXCEPT;

/*
 * Gives foreign memory: hands buffers over that the caller already has. The caller sets ptr, len,
 * key, owner, token and, if more than len may be written, cap (0 means len); everything else zero.
 * Each accepted one is released exactly once, to its owner, with its token, ptr and cap. Its record
 * and a count of its owner are taken here, so that its release can't fail.
 *   bufs, count, to, flags, accepted  as ho_commit
 * Returns HO_OK (all), HO_DROPPED (all; some were dropped by policy), HO_FULL (as ho_commit; or at once,
 *   under every policy, the budget has no segment left for records), HO_E_INVAL (NULL with a length,
 *   ptr + cap overflows), HO_E_FLAGS, HO_E_RESERVED (handle, kind or service is not zero), HO_E_RANGE
 *   (len over cap), HO_E_OWNER, HO_E_ROUTE, HO_E_CLOSED, HO_E_NOMEM.
 * Threads [producer]. Progress as ho_commit; when a new segment of records is needed lock-free, and a
 *   system call when the arena grows. Since 0.1
 */
HO_API int32_t ho_give(ho_producer *producer, ho_buf *bufs, uint32_t count, uint32_t to,
                       uint32_t flags, uint32_t *accepted) HO_NOEXCEPT;

/*
 * Copies bytes into the arena and commits them: for memory that can't be given.
 *   ptr, len  borrowed for the call; {NULL, 0} is an empty message, {NULL, n} is HO_E_INVAL
 *   key       ho_buf.key
 *   to, flags as ho_commit
 * Returns HO_OK, HO_DROPPED, HO_FULL (budget or lane), HO_E_INVAL, HO_E_FLAGS, HO_E_RANGE (len over the
 *   domain's segment_bytes), HO_E_ROUTE, HO_E_CLOSED, HO_E_NOMEM.
 * Threads [producer]. Progress as ho_reserve and then ho_commit: with HO_POLICY_WAIT it may block for
 *   wait_ns in each. Since 0.1
 */
HO_API int32_t ho_give_copy(ho_producer *producer, const void *ptr, uint64_t len, uint64_t key,
                            uint32_t to, uint32_t flags) HO_NOEXCEPT;

/*
 * Hands buffers on that the caller took or sliced: to another service, without a copy.
 *   producer  of the service that is to get them
 *   bufs, count, to, flags, accepted  as ho_commit; any kind but loans
 * Returns as ho_commit; HO_E_KIND is a loan or an empty descriptor, HO_E_STALE one that was returned or
 *   forwarded before.
 * Threads [producer]. Progress as ho_commit. Since 0.1
 */
HO_API int32_t ho_forward(ho_producer *producer, ho_buf *bufs, uint32_t count, uint32_t to,
                          uint32_t flags, uint32_t *accepted) HO_NOEXCEPT;

/*
 * Copies a buffer into memory of this producer and returns the original: so that a small slice does
 * not pin a large segment. For small buffers that are kept for long.
 *   buf  any kind but a loan; on success it names the copy (cap = len), key and flags unchanged,
 *        token of a foreign buffer zero
 * Returns HO_OK, HO_FULL (budget), HO_E_INVAL, HO_E_KIND, HO_E_STALE, HO_E_DOMAIN, HO_E_RANGE (len over
 *   cap, or over the domain's segment_bytes), HO_E_CLOSED, HO_E_NOMEM.
 * Threads [producer]. Progress as ho_reserve and ho_return. Since 0.1
 */
HO_API int32_t ho_compact(ho_producer *producer, ho_buf *buf) HO_NOEXCEPT;

/*
 * Publishes what HO_MORE held back, and wakes whom it must.
 * Returns HO_OK.
 * Threads [producer]. Progress wait-free, and a system call when a consumer sleeps. Since 0.1
 */
HO_API int32_t ho_flush(ho_producer *producer) HO_NOEXCEPT;

HO_END_DECLS

#endif
