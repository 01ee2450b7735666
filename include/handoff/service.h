/* SPDX-License-Identifier: MIT */
/*
 * Service: a logical service with its partitions, its consumers and its policy. It has no memory of its
 * own: messages sent to it are in arenas.
 *
 *   open        ho_service_open, with more than one partition if it is to have several workers
 *   use         producers send (producer.h), consumers take (consumer.h); both may come and go
 *   inspect     ho_service_stats_get, once a second
 *   close       ho_service_close: producers get HO_E_CLOSED, consumers take what is left and then get HO_CLOSED.
 *               It returns HO_OK when all producers and consumers are closed
 */
#ifndef HANDOFF_SERVICE_H
#define HANDOFF_SERVICE_H

#include "handoff/domain.h"

typedef struct ho_service ho_service; /* a handle, like ho_domain */

/*
 * What happens to a message when its lane, or the service's arena for stragglers (below), is full.
 *   FAIL         return HO_FULL at once; the caller keeps the buffer
 *   WAIT         wait up to wait_ns, then return HO_FULL
 *   DROP_NEWEST  accept the message, release it (reason cancelled), count it, return HO_DROPPED
 * The policy does not apply when an arena is out of memory: ho_give then returns HO_FULL at once, and
 * ho_give_copy after the arena's wait_ns.
 */
#define HO_POLICY_FAIL 0u
#define HO_POLICY_WAIT 1u
#define HO_POLICY_DROP_NEWEST 2u

/*
 * A service's messages are divided into partitions, by key or as the sender says. Messages from one producer
 * stay in order within a partition. The partition of a key is the high 32 bits of the key's hash
 * (docs/tuning.md), times `partitions`, divided by 2^32; it never changes as consumers come and go. A message
 * waits for the consumer that works on its partition:
 *   SHARED  each consumer takes from whatever partitions are ready. Until its next ho_take, ho_wait,
 *           ho_consumer_yield or close, no other consumer works on these
 *   BOUND   each consumer is opened for one partition, and it alone works on that one
 */
#define HO_CONSUMERS_SHARED 0u
#define HO_CONSUMERS_BOUND 1u

/*
 * Stragglers. A message that nobody takes or returns pins its whole segment, in an arena that other services use
 * as well. While a service's consumers are late, the sending calls copy further messages into an arena of the
 * service's own, densely and in order. Consumers are late in either of these cases:
 *   - A message has waited for 20 ms, and the waiting messages are spread thinly over more than eight segments
 *     (over more than a quarter of the budget, if that is less).
 *   - More than half of the arena is in use, and messages sent to this service pin more than three eighths of it,
 *     or more than is still free.
 * The original is returned at once, foreign memory released. When the service's arena is full, the policy applies.
 * Nothing is copied while consumers keep up, or from an arena that has fewer than eight segments or that no other
 * service uses.
 */

/* Options of a service. Zero in any field means its default. */
typedef struct ho_service_opts {
    uint32_t size;            /* sizeof this struct as the caller knows it */
    uint32_t flags;           /* none defined; the high half must be zero */
    uint64_t wait_ns;         /* for HO_POLICY_WAIT, default 1 ms */
    uint32_t lane_slots;      /* descriptors per lane, power of two, 2 to 65536, default 1024 */
    uint32_t policy;          /* HO_POLICY_* */
    uint32_t partitions;      /* 1 to 1,024, default 1, which allows one consumer only */
    uint32_t consumers;       /* HO_CONSUMERS_* */
    uint64_t straggler_bytes; /* most memory for copies while its consumers are late, default
                                 16 MiB, in whole segments */
} ho_service_opts;
#define HO_SERVICE_OPTS_MIN 40u

/* Counters of a service. Each is exact once its threads are quiet. Those not marked "now" never decrease. */
typedef struct ho_service_stats {
    uint32_t size;        /* sizeof this struct as the caller knows it */
    uint32_t service;     /* its number in the domain, as in ho_buf.service */
    uint64_t messages_in; /* committed, given or forwarded to it */
    uint64_t bytes_in;
    uint64_t messages_out; /* taken by consumers */
    uint64_t bytes_out;
    uint64_t messages_dropped; /* by policy, or cancelled before delivery */
    uint64_t bytes_dropped;
    uint64_t full;             /* times that callers of its producers got HO_FULL */
    uint64_t wakes;            /* sleeping consumers woken (system calls) */
    uint64_t late_wakes;       /* waits that timed out although a message was there: must stay 0 */
    uint64_t undelivered;      /* now: in its lanes */
    uint64_t straggler_copies; /* messages copied because its consumers were late */
    uint64_t straggler_bytes;  /* now: memory held for these copies */
    uint64_t straggler_out;    /* now: copies not returned yet */
} ho_service_stats;
#define HO_SERVICE_STATS_MIN 112u

HO_BEGIN_DECLS

/*
 * Opens a service in a domain.
 *   opts     NULL for the defaults; borrowed for the call
 *   service  out, not NULL; set to NULL on failure
 * Returns HO_OK, HO_E_INVAL (also: unknown policy or consumers), HO_E_SIZE, HO_E_TOO_NEW,
 *   HO_E_FLAGS, HO_E_RESERVED, HO_E_RANGE (lane_slots, wait_ns, partitions),
 *   HO_E_CLOSED (the domain is closing), HO_E_NOMEM, HO_E_LIMIT (256 services open at once in the domain,
 *   8,191 in the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_service_open(ho_domain *domain, const ho_service_opts *opts,
                               ho_service **service) HO_NOEXCEPT;

/*
 * Closes a service: from now on producers get HO_E_CLOSED; consumers take what is left and then get
 * HO_CLOSED. Waits until every producer and consumer is closed. Then it releases what nobody took, with
 * reason cancelled, inside this call. Messages already taken do not keep it open; only their arenas wait for them.
 *   timeout_ns   0 polls, negative waits forever
 *   outstanding  out, may be NULL, its size set by the caller: what is still out
 * Returns HO_OK (closed; the handle is gone), HO_TIMEOUT (still closing; call again), HO_E_SIZE,
 *   HO_E_REENTRANT.
 * Threads [init]. Progress may block for timeout_ns. Since 0.2
 */
HO_API int32_t ho_service_close(ho_service *service, int64_t timeout_ns,
                                ho_outstanding *outstanding) HO_NOEXCEPT;

/*
 * Reads the counters of a service.
 *   stats  out, not NULL, its size set by the caller; fields beyond that size are not written
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE.
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_service_stats_get(ho_service *service, ho_service_stats *stats) HO_NOEXCEPT;

HO_END_DECLS

#endif
