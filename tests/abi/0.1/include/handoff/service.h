/* SPDX-License-Identifier: MIT */
/* Service: a logical service with its arena budget, its consumers, its routing and its policy. */
#ifndef HANDOFF_SERVICE_H
#define HANDOFF_SERVICE_H

#include "handoff/domain.h"

typedef struct ho_service ho_service; /* a handle, as ho_domain */

/*
 * What happens to a message when its lane or the budget is full.
 *   FAIL         HO_FULL at once; the caller keeps the buffer
 *   WAIT         wait up to wait_ns, then HO_FULL
 *   DROP_NEWEST  take it, release it (reason cancelled), count it, HO_DROPPED; ho_reserve still says
 *                HO_FULL: it has nothing to drop
 * Two kinds of HO_FULL come at once under every policy: ho_split's (the segment has no number left),
 * and ho_give's when the budget has no segment left for its records.
 */
#define HO_POLICY_FAIL 0u
#define HO_POLICY_WAIT 1u
#define HO_POLICY_DROP_NEWEST 2u

/* How a message finds its consumer. */
#define HO_ROUTE_KEY 0u    /* by ho_buf.key: a key stays with one consumer, in order */
#define HO_ROUTE_NUMBER 1u /* by the number that the producer names in each call */

/* `to` of ho_commit, ho_give, ho_forward and ho_give_copy where the service routes by key. */
#define HO_BY_KEY 0xffffffffu

/* Options of a service. Zero in any field means its default. */
typedef struct ho_service_opts {
    uint32_t size;         /* sizeof this struct as the caller knows it */
    uint32_t flags;        /* none defined; the high half must be zero */
    uint64_t budget_bytes; /* arena memory of all its producers together, default 64 MiB; counted in
                              whole segments, rounded up. A segment holds bytes of one producer, or its
                              records of foreign buffers: about segment_bytes / 40, at most 4,096 */
    uint64_t wait_ns;      /* for HO_POLICY_WAIT, default 1 ms */
    uint32_t lane_slots;   /* descriptors per lane, power of two, 2 to 65536, default 1024 */
    uint32_t policy;       /* HO_POLICY_* */
    uint32_t routing;      /* HO_ROUTE_* */
    uint32_t reserved0;
} ho_service_opts;
#define HO_SERVICE_OPTS_MIN 40u

/*
 * Counters of a service. Each is exact once its threads are quiet and never runs backwards but for
 * those marked "now". "In" counts what was committed, given or forwarded to this service; the
 * arena's figures (returned, live, segments) count memory that this service's producers reserved or
 * gave, wherever it went.
 */
typedef struct ho_stats {
    uint32_t size;    /* sizeof this struct as the caller knows it */
    uint32_t service; /* its number in the domain, as in ho_buf.service */
    uint64_t messages_in;
    uint64_t bytes_in;
    uint64_t messages_out; /* taken by consumers */
    uint64_t bytes_out;
    uint64_t messages_returned; /* buffers of its memory that came back */
    uint64_t bytes_returned;
    uint64_t messages_dropped; /* by policy or cancelled before delivery */
    uint64_t bytes_dropped;
    uint64_t full;            /* HO_FULL that callers got */
    uint64_t wakes;           /* sleeping consumers woken (system calls) */
    uint64_t late_wakes;      /* a wait ran out although a message was there: must stay 0 */
    uint64_t copies;          /* messages that ho_give_copy and ho_compact copied */
    uint64_t segments_in_use; /* now: open, or sealed with something out */
    uint64_t segments_peak;   /* most at once */
    uint64_t segments_held;   /* now: in use or kept for reuse; times segment_bytes = held memory */
    uint64_t bytes_live;      /* now: payload of arena buffers that are out, loans' room aside */
    uint64_t bytes_dead;      /* now: passed by the cursors and not live: waits for its segment */
    uint64_t bytes_pinned;    /* now: size of the segments that slices hold */
    uint64_t buffers_out;     /* now: arena buffers and loans */
    uint64_t foreign_out;     /* now: foreign buffers not yet released */
    uint64_t undelivered;     /* now: in its lanes */
} ho_stats;
#define HO_STATS_MIN 176u

HO_BEGIN_DECLS

/*
 * Opens a service in a domain.
 *   opts     NULL for the defaults; borrowed for the call
 *   service  out, not NULL; NULL in it on failure
 * Returns HO_OK, HO_E_INVAL (also an unknown policy or routing), HO_E_SIZE, HO_E_TOO_NEW,
 *   HO_E_FLAGS, HO_E_RESERVED, HO_E_RANGE (lane_slots, wait_ns, budget below one segment),
 *   HO_E_CLOSED (the domain closes), HO_E_NOMEM, HO_E_LIMIT (256 services of the domain at once, 8,191
 *   of the process).
 * Threads [init]. Since 0.1
 */
HO_API int32_t ho_service_open(ho_domain *domain, const ho_service_opts *opts,
                               ho_service **service) HO_NOEXCEPT;

/*
 * Closes a service: producers get HO_E_CLOSED from now on; consumers take what is left and then get
 * HO_CLOSED; what nobody takes is released with reason cancelled by whichever of the two ends of a
 * lane closes last. Waits until every producer and consumer is closed and all its memory is back,
 * wherever it went: buffers that other services got, slices, releases that are queued for an owner.
 *   timeout_ns   0 only looks, negative waits for ever
 *   outstanding  out, may be NULL, its size set by the caller: what is still out
 * Returns HO_OK (closed; the handle is gone), HO_TIMEOUT (still closing; call again), HO_E_SIZE,
 *   HO_E_REENTRANT.
 * Threads [init]. Progress may block for timeout_ns. Since 0.1
 */
HO_API int32_t ho_service_close(ho_service *service, int64_t timeout_ns,
                                ho_outstanding *outstanding) HO_NOEXCEPT;

/*
 * Reads the counters of a service. Reads the records of every segment in use: fit for a few calls a
 * second, not for every message.
 *   stats  out, not NULL, its size set by the caller; fields beyond that size are left alone
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE.
 * Threads [init]. Since 0.1
 */
HO_API int32_t ho_stats_get(ho_service *service, ho_stats *stats) HO_NOEXCEPT;

HO_END_DECLS

#endif
