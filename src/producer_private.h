/* SPDX-License-Identifier: MIT */
#ifndef HOI_PRODUCER_PRIVATE_H
#define HOI_PRODUCER_PRIVATE_H

#include "arena_private.h"
#include "service_private.h"

#include "handoff/producer.h"

#define HOI_PRODUCER_FEW 64u

struct hoi_producer {
    /* Owned by the producer's thread. */
    struct hoi_shard *shard;
    struct hoi_service *service;
    struct hoi_domain *domain;
    HOI_COUNTER(uint32_t) closing; /* the service is closing */
    uint32_t partitions;           /* the service's */
    uint64_t note;                 /* the service that it sends to: hoi_note_to */
    struct hoi_lane *only;         /* the only lane, if the service has one partition; else NULL */
    struct hoi_lane **lanes;       /* by partition; NULL: nothing was sent there yet */
    struct hoi_lane **dirty;       /* lanes with pushed messages that are not published yet */
    uint32_t dirty_count;
    uint64_t handle;
    /* Counters: one writer, any reader. */
    HOI_COUNTER(uint64_t) messages;
    HOI_COUNTER(uint64_t) bytes;
    HOI_COUNTER(uint64_t) dropped;
    HOI_COUNTER(uint64_t) dropped_bytes;
    HOI_COUNTER(uint64_t) full;
    HOI_COUNTER(uint64_t) wakes;
    HOI_COUNTER(uint64_t) copies; /* made because consumers were late */
    struct hoi_shard *aside;      /* in the service's arena for stragglers; NULL: not needed yet */
    struct hoi_producer *next;    /* that uses the same shard */
    struct hoi_consumer *helper;  /* takes what it sends, in the same thread; or NULL */
    uint32_t open;                /* under the mutex */
    struct hoi_lane *few[2 * HOI_PRODUCER_FEW]; /* lanes and dirty, up to this many */
};
_Static_assert(sizeof(struct hoi_producer) <= 4096, "a page");

static inline struct hoi_producer *hoi_producer_get(const ho_producer *handle)
{
    return hoi_handle_get(HOI_PRODUCER, handle);
}

/* Connects to a partition that nothing was sent to yet. HO_OK, HO_E_NOMEM or HO_E_LIMIT. */
int32_t hoi_producer_connect(struct hoi_producer *p, uint32_t partition, struct hoi_lane **lane);

/* Publishes every dirty lane and wakes its consumers. */
static inline void hoi_producer_publish(struct hoi_producer *p)
{
    uint32_t wakes = 0;
    for (uint32_t i = 0; i < p->dirty_count; i++)
        wakes += (uint32_t)hoi_lane_announce(p->dirty[i]);
    p->dirty_count = 0;
    if (hoi_unlikely(wakes))
        hoi_bump(p->wakes, wakes);
}

/* HO_POLICY_WAIT: sleeps until there may be room in the lane or, for a straggler, memory for a
 * copy of so many segments (0: wait for the lane). HO_OK: try again. HO_FULL: the policy or the
 * timeout says no. *deadline_ns is 0 at first. */
int32_t hoi_producer_wait(struct hoi_producer *p, struct hoi_lane *full, uint64_t segments,
                          int64_t *deadline_ns);
/* The caller is about to return HO_FULL for want of these: arms the shard's descriptor, as
 * hoi_shard_arm. */
int hoi_producer_arm(struct hoi_producer *p, struct hoi_lane *full);

/* Is the consumer of this lane so late that a message, which lies in `seg`, must be copied? */
int hoi_lane_late(struct hoi_producer *p, struct hoi_lane *lane, struct hoi_seg *seg);
/* After the announcement that the producer waits for memory for a copy: has the consumer
 * meanwhile reached the first copy, or emptied the lane? Then no copy is needed. */
int hoi_lane_caught_up(struct hoi_lane *lane);
/* Copies it into the service's own arena. HO_OK: `copy` is the copy, or empty if the arena is
 * too small for any. HO_FULL: no room now. HO_E_NOMEM. */
int32_t hoi_straggler_copy(struct hoi_producer *p, const ho_buf *b, ho_buf *copy);
/* Under the mutex: the producer closes; the service closes. */
void hoi_straggler_leave(struct hoi_producer *p);
void hoi_straggler_close(struct hoi_service *s);

#endif
