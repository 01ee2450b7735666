/* SPDX-License-Identifier: MIT */
/*
 * Consumer: one thread's receiving end of a service; and what the holder of a buffer may do with it.
 *
 *   open        ho_consumer_open: shares the partitions with other consumers, or is bound to one
 *   work        ho_take, read in place, ho_return; state by key is the caller's until its next take or wait
 *   wait        on HO_EMPTY ho_wait, or sleep on ho_consumer_fd in an event loop
 *   keep        a buffer may be held for long, sliced (ho_slice), copied (ho_compact) or sent on (ho_forward)
 *   help        ho_consumer_help: a sending thread first works on its own light messages
 *   close       when ho_take returns HO_CLOSED: ho_consumer_close
 */
#ifndef HANDOFF_CONSUMER_H
#define HANDOFF_CONSUMER_H

#include "handoff/buf.h"
#include "handoff/producer.h"

typedef struct ho_consumer ho_consumer; /* a handle, like ho_domain */

/* Options of a consumer. Zero in any field means its default. */
typedef struct ho_consumer_opts {
    uint32_t size;      /* sizeof this struct as the caller knows it */
    uint32_t flags;     /* none defined; the high half must be zero */
    uint32_t partition; /* bound consumers: the one that it is bound to; shared ones: 0 */
    uint32_t reserved0;
} ho_consumer_opts;
#define HO_CONSUMER_OPTS_MIN 16u

HO_BEGIN_DECLS

/*
 * Opens a consumer. The service may have messages already.
 *   opts      NULL for the defaults; borrowed for the call
 *   consumer  out, not NULL; set to NULL on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE, HO_E_TOO_NEW, HO_E_FLAGS, HO_E_RESERVED, HO_E_RANGE (no such
 *   partition), HO_E_BUSY (the partition, or the only one of the service, has a consumer: open the
 *   service with more `partitions`), HO_E_CLOSED, HO_E_NOMEM, HO_E_LIMIT (1,024 consumers open at once in
 *   the service, 8,191 in the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_consumer_open(ho_service *service, const ho_consumer_opts *opts,
                                ho_consumer **consumer) HO_NOEXCEPT;

/*
 * Closes a consumer. Messages that it has not taken wait for the other consumers, or for the next one to open.
 * Buffers that it took stay valid.
 * Returns HO_OK (the handle is gone), HO_E_REENTRANT.
 * Threads [consumer]. Progress: takes the domain's mutex, may make system calls; waits for a wake-up through its
 *   descriptor that is in progress. Since 0.2
 */
HO_API int32_t ho_consumer_close(ho_consumer *consumer) HO_NOEXCEPT;

/*
 * Gives up the partitions that the last ho_take or ho_wait of a shared consumer claimed. Call it before the thread
 * does something else for long. For a bound consumer it does nothing.
 * Returns HO_OK.
 * Threads [consumer]. Progress wait-free, a system call when another consumer must be woken. Since 0.2
 */
HO_API int32_t ho_consumer_yield(ho_consumer *consumer) HO_NOEXCEPT;

/*
 * Lets a sending thread work on its own messages: pairs a shared consumer with a producer of the same service and
 * thread. From now on, messages from the producer wake nobody. ho_take on this consumer takes them, a partition at a
 * time, until it has taken `budget` messages in this turn or nothing is left. Then it announces what it leaves, which
 * wakes another consumer, and returns HO_EMPTY. So take until HO_EMPTY before going back to the event loop.
 * ho_consumer_yield, ho_wait, and closing either end announce as well.
 *
 * While messages cost more than about 10 us each, they are announced at once, except for an occasional one that shows
 * whether they have become cheaper; where every consumer of the service helps, each takes its own, whatever they cost. If
 * no other consumer waits, the next turn takes what the budget left.
 *
 * The consumer takes messages from other producers after ho_wait or its descriptor has reported them, and, once the
 * service closes, all that is left. The producer never waits for room, whatever the policy, nor its shard for memory:
 * HO_FULL comes at once.
 *   producer  NULL: stop helping
 *   budget    messages per turn; 0 means 64
 * Returns HO_OK, HO_E_INVAL (a bound consumer; a producer of another service), HO_E_BUSY (another consumer
 *   helps this producer).
 * Threads [consumer], on the producer's thread. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_consumer_help(ho_consumer *consumer, ho_producer *producer,
                                uint32_t budget) HO_NOEXCEPT;

/*
 * Takes buffers. A shared consumer claims their partitions until its next ho_take, ho_wait, ho_consumer_yield or
 * close: no other consumer takes messages with the same keys, so state by key needs no lock. Finish work on that state
 * by then. A consumer that gets HO_EMPTY has claimed nothing.
 *   bufs   room for `max` descriptors, not NULL unless max is 0; for speed, keep it at least 128 bytes away from
 *          what other threads write (docs/tuning.md)
 *   max    at most how many; 0 returns HO_EMPTY and arms nothing
 *   taken  out, not NULL: how many
 * Returns HO_OK (at least one), HO_EMPTY (none; if ho_consumer_fd was called, the descriptor is now armed and
 *   becomes readable when something arrives), HO_CLOSED (none, and none will come), HO_E_INVAL, HO_E_NOMEM (none;
 *   no memory for the list of many producers' lanes; the next call tries again).
 * Ownership: the caller holds what it took until ho_return or ho_forward.
 * Threads [consumer]. Progress wait-free; a system call after the descriptor fired. Since 0.2
 */
HO_API int32_t ho_take(ho_consumer *consumer, ho_buf *bufs, uint32_t max,
                       uint32_t *taken) HO_NOEXCEPT;

/*
 * Sleeps until there is something to take. An idle wait uses no processor time. Before it sleeps it may give back up
 * to 64 KiB of the domain's arenas that pools or ho_free have left unused for long (ho_pool_opts.hold_ns).
 *   timeout_ns  0 polls, negative waits forever
 * Returns HO_OK (there is something to take, or the service began to close), HO_TIMEOUT, HO_E_NOMEM (as ho_take).
 * Threads [consumer]. Progress may block for timeout_ns; a system call to sleep, and after the
 *   descriptor fired. Since 0.2
 */
HO_API int32_t ho_wait(ho_consumer *consumer, int64_t timeout_ns) HO_NOEXCEPT;

/*
 * Gets a descriptor (eventfd) for epoll, io_uring or Asio that is readable when there is something to take. Take
 * until HO_EMPTY, then wait for the descriptor; never read or write it. After ho_consumer_close it stays open and is
 * never readable again.
 *   fd  out, not NULL: the descriptor, a new one at each call; -1 on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_SYSTEM (no descriptor is available).
 * Ownership: the caller closes it, before or after ho_consumer_close. Remove it from any epoll set first
 *   (EPOLL_CTL_DEL): the library has the same eventfd open, so closing does not remove it.
 * Threads [consumer]. Progress: system calls. Since 0.2
 */
HO_API int32_t ho_consumer_fd(ho_consumer *consumer, int32_t *fd) HO_NOEXCEPT;

/*
 * Returns buffers to where they came from: arena memory to its segment, foreign memory to its owner.
 *   bufs      `count` buffers in any order, from any service of the domain, not NULL unless count is 0; empty
 *             descriptors are skipped; returned ones are emptied
 *   returned  out, may be NULL: how many, from the front
 * Returns HO_OK, HO_E_INVAL, HO_E_STALE (returned before, or another domain's; this one and the rest are
 *   untouched), HO_E_KIND (a loan: use ho_abort).
 * Threads [any]. Progress lock-free; runs the release function of owners of mode INLINE; a system call
 *   when the queue of an owner of mode EVENT was empty. Since 0.2
 */
HO_API int32_t ho_return(ho_domain *domain, ho_buf *bufs, uint32_t count,
                         uint32_t *returned) HO_NOEXCEPT;

/*
 * Makes a slice: a separate buffer over part of another, which does not change. The memory lives until the last of
 * them is returned.
 *   src          a buffer that the caller holds, any kind but a loan; borrowed for the call
 *   offset, len  bytes, offset + len at most src->len
 *   slice        out, not NULL: kind HO_KIND_SLICE, with key, value and flags of src; empty on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_KIND, HO_E_STALE (also: another domain's), HO_E_RANGE, HO_E_NOMEM
 *   (also: max_bytes are used up).
 * Ownership: the caller holds both.
 * Threads [any]. Progress lock-free; a system call when it needs a fresh segment for records, once in
 *   up to 4,096 slices. Since 0.2
 */
HO_API int32_t ho_slice(ho_domain *domain, const ho_buf *src, uint64_t offset, uint64_t len,
                        ho_buf *slice) HO_NOEXCEPT;

HO_END_DECLS

#endif
