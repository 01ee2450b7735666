/* SPDX-License-Identifier: MIT */
#ifndef HOI_SERVICE_PRIVATE_H
#define HOI_SERVICE_PRIVATE_H

#include "domain_private.h"

#include "handoff/service.h"

#define HOI_PRODUCERS_MAX 1024u
#define HOI_CONSUMERS_MAX 1024u
#define HOI_BUCKETS 1024u /* of keys: what moves when consumers come and go */
#define HOI_NOBODY 0x7fffu

/* `open` of producers and consumers: 0 is free. */
#define HOI_OPEN 1u
#define HOI_LEAVING 2u /* closing: nothing new connects, the number is not free yet */

struct hoi_service {
    /* The same for as long as the object lives: a caller with a stale handle reads them unlocked. */
    struct hoi_domain *domain;
    uint32_t number;
    /* Read by everybody, written when something opens or closes. */
    A_TYPE(uint32_t) closing;
    uint32_t policy;
    uint32_t routing;
    uint32_t lane_slots;
    uint64_t wait_ns;
    uint64_t handle;
    /* Counters that any thread may add to, once a batch. */
    HOI_APART HOI_COUNTER(uint64_t) cancelled; /* never delivered */
    HOI_COUNTER(uint64_t) cancelled_bytes;
    /* Under the domain's mutex. Not open: kept for reuse, so that a late caller with a stale handle
     * finds a service. */
    HOI_APART uint32_t open;
    struct hoi_lane *lanes;
    uint16_t route[HOI_BUCKETS]; /* consumer number, HOI_NOBODY = none */
    uint32_t producers_open, consumers_open;
    uint32_t closers; /* consumers that are still releasing what they had not taken */
    A_TYPE(struct hoi_producer *) producers[HOI_PRODUCERS_MAX]; /* kept when closed, for reuse */
    struct hoi_consumer *consumers[HOI_CONSUMERS_MAX];
};

/* Looks a service up and locks its domain's mutex; NULL, and not locked, when it is closed. */
struct hoi_service *hoi_service_lock(const ho_service *handle);
#define HOI_SERVICE_KEPT offsetof(struct hoi_service, closing) /* what is before it stays */
static inline void hoi_service_unlock(struct hoi_service *s)
{
    pthread_mutex_unlock(&s->domain->mutex);
}

/* Under the mutex: consumers, producers or state changed; everybody looks again. */
void hoi_service_touch(struct hoi_service *s);

/* Under the mutex: shares the buckets out over the open consumers, moving as few as possible. */
void hoi_service_rebalance(struct hoi_service *s);

/* Takes a lane that neither end uses any more out of the service's list, under the mutex, and puts
 * it on a list of the dead. */
void hoi_lane_unlink(struct hoi_service *s, struct hoi_lane *lane, struct hoi_lane **dead);
/* Without the mutex, because releases run: releases what was not delivered, and frees. */
void hoi_lanes_bury(struct hoi_service *s, struct hoi_lane *dead);
/* By whoever consumes, without the mutex: releases `most` of what is in the lane, reason cancelled. */
void hoi_lane_cancel(struct hoi_service *s, struct hoi_lane *lane, uint64_t most);

#endif
