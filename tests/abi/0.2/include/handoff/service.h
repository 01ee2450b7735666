/* SPDX-License-Identifier: MIT */
/*
 * Service: a logical service with its partitions, its consumers and its policy. It has no memory of its
 * own: what is sent to it lies in arenas.
 *
 *   open        ho_service_open, with more than one partition if it is to have several workers
 *   use         producers send (producer.h), consumers take (consumer.h); both may come and go
 *   look        ho_service_stats_get, once a second
 *   close       ho_service_close: producers get HO_E_CLOSED, consumers take what is left and get HO_CLOSED. It
 *               returns HO_OK when both kinds of ends are closed
 */
#ifndef HANDOFF_SERVICE_H
#define HANDOFF_SERVICE_H

#include "handoff/domain.h"

typedef struct ho_service ho_service; /* a handle, as ho_domain */

/*
 * What happens to a message when its lane is full, or a straggler's arena is.
 *   FAIL         HO_FULL at once; the caller keeps the buffer
 *   WAIT         wait up to wait_ns, then HO_FULL
 *   DROP_NEWEST  take it, release it (reason cancelled), count it, HO_DROPPED
 * Memory is the arena's: where it is short, ho_give says HO_FULL at once and ho_give_copy after the
 * arena's wait_ns, whatever the policy.
 */
#define HO_POLICY_FAIL 0u
#define HO_POLICY_WAIT 1u
#define HO_POLICY_DROP_NEWEST 2u

/*
 * A service's messages are divided into partitions, by their keys or as the sender says. Order is kept
 * in a partition for each producer. Consumers that come or go never change the partition of a key: the high
 * 32 bits of its hash (docs/tuning.md), times `partitions`, divided by 2^32. Messages wait for whoever
 * works on their partition:
 *   SHARED  each consumer takes from whatever partitions are ready, and nobody else works on those
 *           before its next ho_take, ho_wait, ho_consumer_yield or close
 *   BOUND   each consumer is opened for one partition, and it alone works on that
 */
#define HO_CONSUMERS_SHARED 0u
#define HO_CONSUMERS_BOUND 1u

/*
 * Stragglers. A message that nobody takes or returns pins its whole segment of an arena that others use
 * too. While consumers are late, the sending calls copy what comes next into an arena of the service's
 * own, densely and in order: when a message has waited for 20 ms and those that wait lie thinly in more
 * than eight segments (a quarter of a small budget), or when more than half of the arena is in use and
 * what went to this service pins more than three eighths of it, or more than is still free. The original
 * is returned, foreign memory released, at once. When the service's arena is full, the policy decides.
 * Nothing is copied while consumers keep up, nor out of an arena of fewer than eight segments or of one
 * that no other service uses.
 */

/* Options of a service. Zero in any field means its default. */
typedef struct ho_service_opts {
    uint32_t size;       /* sizeof this struct as the caller knows it */
    uint32_t flags;      /* none defined; the high half must be zero */
    uint64_t wait_ns;    /* for HO_POLICY_WAIT, default 1 ms */
    uint32_t lane_slots; /* descriptors per lane, power of two, 2 to 65536, default 1024 */
    uint32_t policy;     /* HO_POLICY_* */
    uint32_t partitions; /* 1 to 1,024, default 1: a service of one partition takes one consumer */
    uint32_t consumers;  /* HO_CONSUMERS_* */
    uint64_t
        straggler_bytes; /* most that it holds for copies while its consumers are late, default 16 MiB,
                                 in whole segments */
} ho_service_opts;
#define HO_SERVICE_OPTS_MIN 40u

/* Counters of a service. Each is exact once its threads are quiet and never runs backwards but for
 * those marked "now". */
typedef struct ho_service_stats {
    uint32_t size;        /* sizeof this struct as the caller knows it */
    uint32_t service;     /* its number in the domain, as in ho_buf.service */
    uint64_t messages_in; /* committed, given or forwarded to it */
    uint64_t bytes_in;
    uint64_t messages_out; /* taken by consumers */
    uint64_t bytes_out;
    uint64_t messages_dropped; /* by policy or cancelled before delivery */
    uint64_t bytes_dropped;
    uint64_t full;             /* HO_FULL that callers of its producers got */
    uint64_t wakes;            /* sleeping consumers woken (system calls) */
    uint64_t late_wakes;       /* a wait ran out although a message was there: must stay 0 */
    uint64_t undelivered;      /* now: in its lanes */
    uint64_t straggler_copies; /* messages that were copied, because its consumers were late */
    uint64_t straggler_bytes;  /* now: memory held for such copies */
    uint64_t straggler_out;    /* now: such copies that are not returned yet */
} ho_service_stats;
#define HO_SERVICE_STATS_MIN 112u

HO_BEGIN_DECLS

/*
 * Opens a service in a domain.
 *   opts     NULL for the defaults; borrowed for the call
 *   service  out, not NULL; NULL in it on failure
 * Returns HO_OK, HO_E_INVAL (also an unknown policy or consumers), HO_E_SIZE, HO_E_TOO_NEW,
 *   HO_E_FLAGS, HO_E_RESERVED, HO_E_RANGE (lane_slots, wait_ns, partitions),
 *   HO_E_CLOSED (the domain closes), HO_E_NOMEM, HO_E_LIMIT (256 services of the domain at once, 8,191
 *   of the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_service_open(ho_domain *domain, const ho_service_opts *opts,
                               ho_service **service) HO_NOEXCEPT;

/*
 * Closes a service: producers get HO_E_CLOSED from now on; consumers take what is left and then get
 * HO_CLOSED. Waits until every producer and consumer is closed; what nobody took is then released with
 * reason cancelled, inside this call. What was taken is the business of the arenas that it lies in.
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
 *   stats  out, not NULL, its size set by the caller; fields beyond that size are left alone
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE.
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_service_stats_get(ho_service *service, ho_service_stats *stats) HO_NOEXCEPT;

HO_END_DECLS

#endif
