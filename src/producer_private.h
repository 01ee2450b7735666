/* SPDX-License-Identifier: MIT */
#ifndef HOI_PRODUCER_PRIVATE_H
#define HOI_PRODUCER_PRIVATE_H

#include "arena_private.h"
#include "service_private.h"

#include "handoff/producer.h"

#define HOI_ROUTE_FENCED 0x8000u /* in route[]: held back until the former consumers caught up */

#define HOI_PRODUCER_FEW 64u

struct hoi_producer {
    /* The producer thread's own. */
    struct hoi_shard *shard;
    struct hoi_service *service;
    struct hoi_domain *domain;
    HOI_COUNTER(uint32_t) changed; /* set under the mutex: look at the service again */
    uint32_t routing;              /* the service's */
    struct hoi_lane **lanes;       /* by consumer number; NULL where there is none */
    struct hoi_lane **dirty;       /* lanes that were pushed to and not published */
    uint32_t lanes_room;           /* entries of lanes and dirty */
    uint32_t dirty_count;
    uint32_t number;
    struct hoi_lane *fences; /* moved buckets are held back until these are passed */
    uint64_t handle;
    /* Counters: one writer, any reader. */
    HOI_COUNTER(uint64_t) messages;
    HOI_COUNTER(uint64_t) bytes;
    HOI_COUNTER(uint64_t) dropped;
    HOI_COUNTER(uint64_t) dropped_bytes;
    HOI_COUNTER(uint64_t) full;
    HOI_COUNTER(uint64_t) wakes;
    uint16_t route[HOI_BUCKETS];
    struct hoi_producer *next;                  /* over the same shard */
    uint32_t open;                              /* under the mutex */
    struct hoi_lane *few[2 * HOI_PRODUCER_FEW]; /* lanes and dirty, until there are more */
};
_Static_assert(sizeof(struct hoi_producer) <= 4096, "a page");

static inline struct hoi_producer *hoi_producer_get(const ho_producer *handle)
{
    return hoi_handle_get(HOI_PRODUCER, handle);
}

/* Is the producer's picture of the service out of date? Relaxed: the refresh takes the mutex. */
static inline int hoi_producer_stale(const struct hoi_producer *p)
{
    return hoi_get(p->changed) != 0;
}

/* Looks again at consumers and state. HO_OK, HO_E_CLOSED or HO_E_NOMEM. */
int32_t hoi_producer_refresh(struct hoi_producer *p);

/* route.c. Under the mutex, before p->lanes change and with nothing unpublished: the routes follow
 * the service's; what moved is fenced. */
void hoi_routes_follow(struct hoi_producer *p);
/* Lifts the fence if every fenced lane was passed; returns whether. */
int hoi_routes_unfence(struct hoi_producer *p);
/* Under the mutex: forgets the fenced lanes. */
void hoi_routes_drop_fences(struct hoi_producer *p);

/* Publishes every dirty lane and wakes whom it must. */
static inline void hoi_producer_publish(struct hoi_producer *p)
{
    uint32_t wakes = 0;
    for (uint32_t i = 0; i < p->dirty_count; i++)
        wakes += (uint32_t)hoi_lane_announce(p->dirty[i]);
    p->dirty_count = 0;
    if (hoi_unlikely(wakes))
        hoi_bump(p->wakes, wakes);
}

/* HO_POLICY_WAIT: sleeps until what it waits for may be there: room in `full`, or, where that is NULL, a
 * route (moved keys are let go, a consumer opens). HO_OK: try again. HO_FULL: the policy or the time says
 * no. *deadline_ns is 0 at first. */
int32_t hoi_producer_wait(struct hoi_producer *p, struct hoi_lane *full, int64_t *deadline_ns);
/* HO_FULL is about to be told for want of the same: arms the shard's descriptor, as hoi_shard_arm. */
int hoi_producer_arm(struct hoi_producer *p, struct hoi_lane *full);
/* A lane from p to c, in the service's list. Under the mutex. NULL: no memory. */
struct hoi_lane *hoi_lane_connect(struct hoi_producer *p, struct hoi_consumer *c);

/* return.c: releases buffers that are not delivered, whatever their kind but loans. */
void hoi_cancel(struct hoi_domain *d, ho_buf *bufs, uint32_t count);

#endif
