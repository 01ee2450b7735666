/* SPDX-License-Identifier: MIT */
/*
 * Producer: one thread's sending end of a service, over that thread's shard.
 *
 *   open        ho_producer_open, once per thread and service
 *   send        ho_commit for loans, ho_give for memory of one's own, ho_give_copy for bytes that can't be given,
 *               ho_forward for what was taken
 *   batch       many descriptors in one call; or HO_MORE on each but the last, or ho_flush
 *   wakes       a publish wakes at most one consumer, and makes a system call only if it sleeps
 *   HO_FULL     the caller keeps the buffer; service.h says what each policy does
 *   close       ho_producer_close: what was sent is delivered
 */
#ifndef HANDOFF_PRODUCER_H
#define HANDOFF_PRODUCER_H

#include "handoff/buf.h"
#include "handoff/service.h"
#include "handoff/shard.h"

typedef struct ho_producer ho_producer; /* a handle, as ho_domain */

/* flags of ho_commit, ho_give, ho_forward, ho_give_copy. The high half must be understood. */
#define HO_MORE                                                                                    \
    0x00010000u /* more follows at once: publish later, with the next call or ho_flush */

HO_BEGIN_DECLS

/*
 * Opens a producer.
 *   shard     of the same domain and thread: copies and the records of foreign buffers are made in it.
 *             Opening is a use of the shard
 *   producer  out, not NULL; NULL in it on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_DOMAIN (the shard's is another), HO_E_CLOSED, HO_E_NOMEM, HO_E_LIMIT
 *   (1,024 producers of the service at once, 8,191 of the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_producer_open(ho_service *service, ho_shard *shard,
                                ho_producer **producer) HO_NOEXCEPT;

/*
 * Closes a producer. Publishes what HO_MORE held back; what it sent is delivered.
 * Returns HO_OK (the handle is gone), HO_E_REENTRANT.
 * Threads [producer], and a use of its shard. Progress: takes the domain's mutex, may make system
 *   calls. Since 0.2
 */
HO_API int32_t ho_producer_close(ho_producer *producer) HO_NOEXCEPT;

/*
 * Commits loans: hands each over to the partition that its key falls into, or that it names
 * (HO_BUF_PARTITION). The caller sets len to what was written. A loan may come from any shard of the
 * domain; if it is the producer's own shard, the room behind len (and the tailroom) goes back to the
 * segment if nothing was reserved behind it.
 *   bufs      `count` loans, not NULL unless count is 0; the accepted ones are emptied
 *   flags     HO_MORE or 0
 *   accepted  out, may be NULL: how many, from the front, changed hands
 * Returns HO_OK (all), HO_DROPPED (all; some were dropped by policy), HO_FULL (no room in the lane of the
 *   first that was not accepted, or in its straggler's arena), HO_E_INVAL, HO_E_FLAGS, HO_E_KIND (not a loan),
 *   HO_E_STALE (committed or aborted before, or another domain's), HO_E_RANGE (len over cap, or the memory
 *   is not the loan's), HO_E_ROUTE (the service has no such partition), HO_E_CLOSED, HO_E_NOMEM and
 *   HO_E_LIMIT (a lane, at the first message to a partition: 65,536 of the service).
 * Threads [producer]. Progress wait-free; a system call when a sleeping consumer must be woken; the
 *   domain's mutex at the first message to a partition; a copy where consumers are late (service.h);
 *   with HO_POLICY_WAIT it may block for wait_ns. Since 0.2
 */
HO_API int32_t ho_commit(ho_producer *producer, ho_buf *bufs, uint32_t count, uint32_t flags,
                         uint32_t *accepted) HO_NOEXCEPT;

/*
 * Gives foreign memory: hands buffers over that the caller already has. The caller sets ptr, len,
 * key, value, owner, the owner's token in handle and, if more than len may be written, cap (0 means
 * len); everything else zero. Each accepted one is released exactly once, to its owner, with its token,
 * ptr and cap. Its record and a count of its owner are taken here, so that its release can't fail.
 *   bufs, count, flags, accepted  as ho_commit
 * Returns HO_OK (all), HO_DROPPED (all; some were dropped by policy), HO_FULL (as ho_commit; or at once,
 *   under every policy, the arena's budget has no segment left for records), HO_E_INVAL (NULL with a
 *   length, ptr + cap overflows), HO_E_FLAGS, HO_E_RESERVED (kind or service is not zero), HO_E_RANGE
 *   (len over cap), HO_E_OWNER, HO_E_ROUTE, HO_E_CLOSED, HO_E_NOMEM, HO_E_LIMIT.
 * Threads [producer]. Progress as ho_commit; when a new segment of records is needed lock-free, and a
 *   system call when the arena grows. Since 0.2
 */
HO_API int32_t ho_give(ho_producer *producer, ho_buf *bufs, uint32_t count, uint32_t flags,
                       uint32_t *accepted) HO_NOEXCEPT;

/*
 * Copies bytes into the shard's arena and commits them: for memory that can't be given. A message
 * longer than segment_bytes gets a mapping of its own, charged to the arena in whole segments, and
 * arrives as a foreign buffer whose owner is the library; HO_FULL comes at once for it.
 *   from      `count` descriptors, not NULL unless count is 0, borrowed for the call: ptr, len, key,
 *             value and, with HO_BUF_PARTITION, partition count; {NULL, 0} is an empty message
 *   flags, accepted  as ho_commit
 * Returns HO_OK, HO_DROPPED, HO_FULL (budget or lane), HO_E_INVAL (also NULL with a length), HO_E_FLAGS,
 *   HO_E_RANGE (len over the arena's budget less a segment), HO_E_ROUTE, HO_E_CLOSED, HO_E_NOMEM,
 *   HO_E_LIMIT.
 * Threads [producer]. Progress as ho_reserve and then ho_commit. Since 0.2
 */
HO_API int32_t ho_give_copy(ho_producer *producer, const ho_buf *from, uint32_t count,
                            uint32_t flags, uint32_t *accepted) HO_NOEXCEPT;

/*
 * Hands buffers that the caller took or sliced on to another service, without a copy.
 *   producer  of the receiving service
 *   bufs, count, flags, accepted  as ho_commit; any kind but loans
 * Returns as ho_commit; HO_E_KIND is a loan or an empty descriptor, HO_E_STALE one that was returned or
 *   forwarded before, or another domain's.
 * Threads [producer]. Progress as ho_commit. Since 0.2
 */
HO_API int32_t ho_forward(ho_producer *producer, ho_buf *bufs, uint32_t count, uint32_t flags,
                          uint32_t *accepted) HO_NOEXCEPT;

/*
 * Publishes what HO_MORE held back, and wakes sleeping consumers.
 * Returns HO_OK.
 * Threads [producer]. Progress wait-free, and a system call when a consumer sleeps. Since 0.2
 */
HO_API int32_t ho_flush(ho_producer *producer) HO_NOEXCEPT;

HO_END_DECLS

#endif
