/* SPDX-License-Identifier: MIT */
/*
 * Producer: one thread's sending end of a service, over that thread's shard.
 *
 *   open        ho_producer_open, once per thread and service
 *   send        ho_commit for loans, ho_give for the program's own memory, ho_give_copy for bytes that can't be
 *               given, ho_forward for buffers that were taken
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

typedef struct ho_producer ho_producer; /* a handle, like ho_domain */

/* flags of ho_commit, ho_give, ho_forward, ho_give_copy. The high half must be understood. */
#define HO_MORE 0x00010000u /* more messages follow: publish these with the next call or ho_flush */

HO_BEGIN_DECLS

/*
 * Opens a producer.
 *   shard     of the same domain and thread: holds copies and the records of foreign buffers. Opening counts
 *             as a call on the shard
 *   producer  out, not NULL; set to NULL on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_DOMAIN (the shard is another domain's), HO_E_CLOSED, HO_E_NOMEM, HO_E_LIMIT
 *   (1,024 producers open at once in the service, 8,191 in the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_producer_open(ho_service *service, ho_shard *shard,
                                ho_producer **producer) HO_NOEXCEPT;

/*
 * Closes a producer. It publishes what HO_MORE held back; everything sent is delivered.
 * Returns HO_OK (the handle is gone), HO_E_REENTRANT.
 * Threads [producer], and counts as a call on its shard. Progress: takes the domain's mutex, may make system
 *   calls. Since 0.2
 */
HO_API int32_t ho_producer_close(ho_producer *producer) HO_NOEXCEPT;

/*
 * Commits loans: hands each to the partition of its key, or to the one that it names (HO_BUF_PARTITION). The caller
 * sets len to the bytes written. A loan may come from any shard of the domain. If it is from the producer's own shard
 * and nothing was reserved behind it, the segment gets back the room behind len and the tailroom.
 *   bufs      `count` loans, not NULL unless count is 0; accepted ones are emptied
 *   flags     HO_MORE or 0
 *   accepted  out, may be NULL: how many, from the front, changed hands
 * Returns HO_OK (all), HO_DROPPED (all; some were dropped by policy), HO_FULL (no room for the first one not
 *   accepted, in its lane or in the service's arena for stragglers), HO_E_INVAL, HO_E_FLAGS, HO_E_KIND (not a
 *   loan), HO_E_STALE (committed or aborted before, or another domain's), HO_E_RANGE (len over cap, or the memory
 *   is not the loan's), HO_E_ROUTE (the service has no such partition), HO_E_CLOSED, HO_E_NOMEM and HO_E_LIMIT (for
 *   a lane, at the first message to a partition: 65,536 lanes of the service).
 * Threads [producer]. Progress wait-free; a system call when a sleeping consumer must be woken; the
 *   domain's mutex at the first message to a partition; a copy while consumers are late (service.h);
 *   with HO_POLICY_WAIT it may block for wait_ns. Since 0.2
 */
HO_API int32_t ho_commit(ho_producer *producer, ho_buf *bufs, uint32_t count, uint32_t flags,
                         uint32_t *accepted) HO_NOEXCEPT;

/*
 * Gives foreign memory: hands over buffers that the caller already has. The caller sets ptr, len, key, value, owner
 * and, in handle, the owner's token; also cap if more than len may be written (0 means len). All other fields are
 * zero. Each accepted buffer is released exactly once, to its owner, with its token, ptr and cap. The record that the
 * release needs is taken now, so the release can't fail.
 *   bufs, count, flags, accepted  as in ho_commit
 * Returns HO_OK (all), HO_DROPPED (all; some were dropped by policy), HO_FULL (as in ho_commit; or the arena's budget
 *   has no segment left for records, and then at once under every policy), HO_E_INVAL (NULL with a length, or
 *   ptr + cap overflows), HO_E_FLAGS, HO_E_RESERVED (kind or service is not zero), HO_E_RANGE (len over cap),
 *   HO_E_OWNER, HO_E_ROUTE, HO_E_CLOSED, HO_E_NOMEM, HO_E_LIMIT.
 * Threads [producer]. Progress as ho_commit; lock-free when it needs a new segment for records, with a system call
 *   when the arena grows. Since 0.2
 */
HO_API int32_t ho_give(ho_producer *producer, ho_buf *bufs, uint32_t count, uint32_t flags,
                       uint32_t *accepted) HO_NOEXCEPT;

/*
 * Copies bytes into the shard's arena and commits them, for memory that can't be given. A message longer than
 * segment_bytes gets its own mapping, charged to the arena in whole segments, and arrives as a foreign buffer
 * owned by the library. For such a message HO_FULL comes at once.
 *   from      `count` descriptors, not NULL unless count is 0, borrowed for the call. Only ptr, len, key, value and,
 *             with HO_BUF_PARTITION, partition are read; {NULL, 0} is an empty message
 *   flags, accepted  as in ho_commit
 * Returns HO_OK, HO_DROPPED, HO_FULL (budget or lane), HO_E_INVAL (also: NULL with a length), HO_E_FLAGS,
 *   HO_E_RANGE (len over the arena's budget less a segment), HO_E_ROUTE, HO_E_CLOSED, HO_E_NOMEM,
 *   HO_E_LIMIT.
 * Threads [producer]. Progress as ho_reserve followed by ho_commit. Since 0.2
 */
HO_API int32_t ho_give_copy(ho_producer *producer, const ho_buf *from, uint32_t count,
                            uint32_t flags, uint32_t *accepted) HO_NOEXCEPT;

/*
 * Forwards buffers that the caller took or sliced to another service, without a copy.
 *   producer  of the receiving service
 *   bufs, count, flags, accepted  as in ho_commit, but any kind except loans
 * Returns as ho_commit, except: HO_E_KIND (a loan or an empty descriptor), HO_E_STALE (returned or forwarded before,
 *   or another domain's).
 * Threads [producer]. Progress as ho_commit. Since 0.2
 */
HO_API int32_t ho_forward(ho_producer *producer, ho_buf *bufs, uint32_t count, uint32_t flags,
                          uint32_t *accepted) HO_NOEXCEPT;

/*
 * Publishes what HO_MORE held back, and wakes sleeping consumers.
 * Returns HO_OK.
 * Threads [producer]. Progress wait-free, a system call when a consumer sleeps. Since 0.2
 */
HO_API int32_t ho_flush(ho_producer *producer) HO_NOEXCEPT;

HO_END_DECLS

#endif
