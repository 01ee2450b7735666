/* SPDX-License-Identifier: MIT */
#ifndef HOI_PRODUCER_PRIVATE_H
#define HOI_PRODUCER_PRIVATE_H

#include "arena_private.h"
#include "service_private.h"

#include "handoff/producer.h"

#define HOI_PRODUCER_FEW 64u

struct hoi_producer {
    /* The producer thread's own. */
    struct hoi_shard *shard;
    struct hoi_service *service;
    struct hoi_domain *domain;
    HOI_COUNTER(uint32_t) closing; /* the service closes */
    uint32_t partitions;           /* the service's */
    uint64_t note;                 /* where what it sends goes: hoi_note_to */
    struct hoi_lane *only;         /* the one lane, of a service with one partition; else NULL */
    struct hoi_lane **lanes;       /* by partition; NULL: nothing was sent there yet */
    struct hoi_lane **dirty;       /* lanes that were pushed to and not published */
    uint32_t dirty_count;
    uint64_t handle;
    /* Counters: one writer, any reader. */
    HOI_COUNTER(uint64_t) messages;
    HOI_COUNTER(uint64_t) bytes;
    HOI_COUNTER(uint64_t) dropped;
    HOI_COUNTER(uint64_t) dropped_bytes;
    HOI_COUNTER(uint64_t) full;
    HOI_COUNTER(uint64_t) wakes;
    HOI_COUNTER(uint64_t) copies; /* because consumers were late */
    struct hoi_shard *aside;      /* of the service's arena for stragglers; NULL: not needed yet */
    struct hoi_producer *next;    /* over the same shard */
    struct hoi_consumer *helper;  /* takes what it sends, in the same thread; or NULL */
    uint32_t open;                /* under the mutex */
    struct hoi_lane *few[2 * HOI_PRODUCER_FEW]; /* lanes and dirty, until there are more */
};
_Static_assert(sizeof(struct hoi_producer) <= 4096, "a page");

static inline struct hoi_producer *hoi_producer_get(const ho_producer *handle)
{
    return hoi_handle_get(HOI_PRODUCER, handle);
}

/* The lane to a partition that nothing was sent to yet. HO_OK, HO_E_NOMEM or HO_E_LIMIT. */
int32_t hoi_producer_connect(struct hoi_producer *p, uint32_t partition, struct hoi_lane **lane);

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

/* HO_POLICY_WAIT: sleeps until there may be room in the lane or, for a straggler, memory for a copy of so many segments
 * (0: the lane). HO_OK: try again. HO_FULL: the policy or the time says no. *deadline_ns is 0 at first. */
int32_t hoi_producer_wait(struct hoi_producer *p, struct hoi_lane *full, uint64_t segments,
                          int64_t *deadline_ns);
/* HO_FULL is about to be told for want of the same: arms the shard's descriptor, as hoi_shard_arm. */
int hoi_producer_arm(struct hoi_producer *p, struct hoi_lane *full);

/* Is the consumer of this lane so late that a message, which lies in `seg`, is to be copied? */
int hoi_lane_late(struct hoi_producer *p, struct hoi_lane *lane, struct hoi_seg *seg);
/* After the announcement that the producer waits for room for a copy: has the consumer come to the first one meanwhile, or
 * emptied the lane? Then none is needed. */
int hoi_lane_caught_up(struct hoi_lane *lane);
/* Copies it into the service's own arena. HO_OK: the copy, or nothing in it where the arena is too small for any.
 * HO_FULL: it has no room now. HO_E_NOMEM. */
int32_t hoi_straggler_copy(struct hoi_producer *p, const ho_buf *b, ho_buf *copy);
/* Under the mutex: the producer goes; the service goes. */
void hoi_straggler_leave(struct hoi_producer *p);
void hoi_straggler_close(struct hoi_service *s);

#endif
