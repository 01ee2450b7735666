/* SPDX-License-Identifier: MIT */
#ifndef HOI_SERVICE_PRIVATE_H
#define HOI_SERVICE_PRIVATE_H

#include "domain_private.h"
#include "partition_private.h"

#include "handoff/service.h"

#define HOI_PRODUCERS_MAX 1024u
#define HOI_CONSUMERS_MAX 1024u
#define HOI_PARTITIONS_MAX 1024u
#define HOI_LANES_MAX 65536u

struct hoi_service {
    /* Fixed for the object's lifetime: a caller with a stale handle reads them without the lock. */
    struct hoi_domain *domain;
    uint32_t number;
    /* Its own arena for copies while consumers are late (straggler.c); kept. NULL: not needed
     * yet. */
    _Atomic(struct hoi_arena *) stragglers;
    /* Read by all threads, written when something opens or closes. */
    A_TYPE(uint32_t) closing;
    uint32_t policy;
    uint32_t partitions;
    uint32_t bound; /* has bound consumers */
    uint32_t lane_slots;
    uint64_t wait_ns;
    uint64_t straggler_segs; /* budget of that arena */
    uint64_t handle;
    struct hoi_partition *parts;
    struct hoi_claim_group claims; /* shared consumers */
    /* Any thread may add to these counters, once per batch. */
    HOI_APART HOI_COUNTER(uint64_t) cancelled; /* never delivered */
    HOI_COUNTER(uint64_t) cancelled_bytes;
    /* Under the domain's mutex. A closed service is kept for reuse, so that a late caller with a
     * stale handle still finds a service. */
    HOI_APART uint32_t open;
    uint32_t lanes;
    uint32_t producers_open;
    HOI_COUNTER(uint32_t) consumers_open; /* read by helpers */
    A_TYPE(uint32_t) consumers_helping;   /* written by them, without the mutex */
    uint32_t closers;                     /* calls that release undelivered messages */
    A_TYPE(struct hoi_producer *) producers[HOI_PRODUCERS_MAX]; /* kept when closed, for reuse */
    A_TYPE(struct hoi_consumer *) consumers[HOI_CONSUMERS_MAX]; /* the same */
};

/* Looks a service up and locks its domain's mutex. NULL, without the lock, if it is closed. */
struct hoi_service *hoi_service_lock(const ho_service *handle);
#define HOI_SERVICE_KEPT offsetof(struct hoi_service, closing) /* fields before it are kept */
static inline void hoi_service_unlock(struct hoi_service *s)
{
    pthread_mutex_unlock(&s->domain->mutex);
}

/* Under the mutex: makes a lane to a partition. `bell` is the producer's, NULL if it never waits
 * for room. HO_OK, HO_E_NOMEM or HO_E_LIMIT. */
int32_t hoi_partition_connect(struct hoi_service *s, uint32_t partition, struct hoi_bell *bell,
                              struct hoi_lane **lane);
/* Under the mutex: the producer has closed; whoever takes the lane's last message destroys it. */
void hoi_partition_disconnect(struct hoi_service *s, struct hoi_lane *lane);
/* Under the mutex: moves a lane from its partition to a list of lanes to destroy. */
void hoi_partition_unlink(struct hoi_lane *lane, struct hoi_lane **gone);
/* Without the mutex, because releases run: releases what was not delivered, and frees the lanes. */
void hoi_lanes_destroy(struct hoi_service *s, struct hoi_lane *gone);

/* Rings the chosen shared consumer, if any. Returns whether it had to be woken. */
int hoi_service_ring(struct hoi_service *s, uint32_t consumer);

/* helping.c: publishes for a helper: silently while it has budget. Returns whether it had to
 * wake a consumer. */
int hoi_help_published(struct hoi_lane *lane);

/* Producer, after a publish: is there nobody to wake? With shared consumers, hoi_lane_tell finds
 * out. */
static inline int hoi_lane_quiet(struct hoi_lane *lane)
{
    struct hoi_bell *bell = A_LOAD(lane->bell, memory_order_seq_cst); /* edge BELL: acquire */
    return !hoi_bell_asleep(&bell->core);
}

/* Producer, after a publish: wakes a consumer if necessary. Returns whether it did. */
static inline int hoi_lane_tell(struct hoi_lane *lane)
{
    if (lane->hint) {
        struct hoi_claim_group *g = &lane->service->claims;
        if (hoi_unlikely(lane->helper != NULL))
            return hoi_help_published(lane);
        uint32_t who = hoi_claim_published(g, lane->partition, lane->hint);
        return hoi_likely(who == HOI_CLAIM_NONE) ? 0 : hoi_service_ring(lane->service, who);
    }
    return hoi_bell_wake(A_LOAD(lane->bell, memory_order_seq_cst)); /* edge BELL: acquire */
}

/* Producer: publishes what was pushed, and wakes a consumer if necessary. Returns whether it
 * did. */
static inline int hoi_lane_announce(struct hoi_lane *lane)
{
    (void)hoi_lane_publish(&lane->core);
    HO_HOOK("lane:after_publish");
    return hoi_lane_tell(lane);
}

#endif
