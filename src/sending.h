/* SPDX-License-Identifier: MIT */
/*
 * Sending: the loop behind commit, give and forward. They differ in what they check before anything
 * changes (`check`) and in what they do once the buffer is certain to be sent (`accept`). Each has
 * its own copy of the loop, with the two inlined.
 */
#ifndef HOI_SENDING_H
#define HOI_SENDING_H

#include "consumer_private.h"
#include "producer_private.h"

#include "handoff/owner.h"

struct hoi_sending {
    struct hoi_producer *p;
    uint32_t sent, dropped;
    uint64_t bytes, dropped_bytes;
    int64_t deadline_ns;
};

/*
 * The upper 32 bits of David Stafford's Mix13, the finaliser of splitmix64 (Steele, Lea and Flood,
 * "Fast splittable pseudorandom number generators", 2014), scaled to the number of partitions
 * (Lemire, "Fast random integer generation in an interval", 2019). Its last shift would not reach
 * these bits. Users may rely on it: docs/tuning.md.
 */
static inline uint32_t hoi_partition_of(uint64_t key, uint32_t partitions)
{
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
    key = (key ^ key >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((key >> 32) * partitions >> 32);
}

/* The partition of a buffer: the one that it names, or the one of its key. */
static inline uint32_t hoi_sending_partition(const struct hoi_producer *p, const ho_buf *b)
{
    if (hoi_unlikely(b->flags & HO_BUF_PARTITION))
        return b->partition;
    return p->partitions == 1 ? 0 : hoi_partition_of(b->key, p->partitions);
}

/* Finds its lane, connecting at the first message; HO_FULL if the lane has no room. */
static inline int32_t hoi_sending_lane(struct hoi_producer *p, const ho_buf *b,
                                       struct hoi_lane **lane)
{
    uint32_t partition = hoi_sending_partition(p, b);
    if (hoi_unlikely(partition >= p->partitions))
        return HO_E_ROUTE;
    *lane = p->lanes[partition];
    if (hoi_unlikely(!*lane)) {
        int32_t status = hoi_producer_connect(p, partition, lane);
        if (status)
            return status;
    }
    return hoi_likely(hoi_lane_room(&(*lane)->core)) ? HO_OK : HO_FULL;
}

/* The first message of a burst marks its lane as dirty. */
static inline void hoi_sending_push(struct hoi_producer *p, struct hoi_lane *lane, const ho_buf *b)
{
    if (hoi_lane_push(&lane->core, b))
        p->dirty[p->dirty_count++] = lane;
}

/* The lane has no room for a message or, if the consumer is late, the arena has no memory for a
 * copy of so many segments: applies the policy. HO_OK: try again. */
static inline int32_t hoi_sending_wait(struct hoi_sending *s, struct hoi_lane *lane,
                                       uint64_t segments)
{
    struct hoi_producer *p = s->p;
    int32_t status = p->service->policy == HO_POLICY_DROP_NEWEST ? HO_DROPPED : HO_FULL;
    hoi_producer_publish(p); /* the consumer may wait for what is held back */
    if (p->helper)
        hoi_help_settle(p->helper); /* or for what the helper owes */
    /* A helper does not wait: its own thread may be the only one that can empty the lane. */
    if (p->service->policy == HO_POLICY_WAIT && !p->helper)
        status = hoi_producer_wait(p, lane, segments, &s->deadline_ns);
    if (segments) /* the request for memory has armed the shard */
        return status == HO_FULL && p->shard->armable && hoi_lane_caught_up(lane) ? HO_OK : status;
    return status == HO_FULL && hoi_producer_arm(p, lane) ? HO_OK : status;
}

/* The most that a copy of so many bytes takes: a segment, or a block of several and one for its
 * record. */
static inline uint64_t hoi_sending_segments(const struct hoi_domain *d, uint64_t bytes)
{
    return bytes > d->segs.seg_bytes ? hoi_whole_segments(d, bytes) + 1 : 1;
}

/* Finds room for a message, waiting if the policy says so. HO_DROPPED: drop it. `copy`: what to
 * send in its place, if it has a kind. `seg`: the segment of its bytes or of its record. */
static inline int32_t hoi_sending_room(struct hoi_sending *s, const ho_buf *b, struct hoi_seg *seg,
                                       struct hoi_lane **lane, ho_buf *copy)
{
    copy->kind = HO_KIND_EMPTY;
    for (;;) {
        uint64_t segments = 0;
        int32_t status = hoi_sending_lane(s->p, b, lane);
        if (hoi_likely(!status) && hoi_unlikely((*lane)->seg != seg) &&
            hoi_unlikely(hoi_lane_late(s->p, *lane, seg))) {
            status = hoi_straggler_copy(s->p, b, copy);
            segments = hoi_sending_segments(s->p->domain, b->len);
        }
        if (hoi_likely(status != HO_FULL))
            return status;
        status = hoi_sending_wait(s, *lane, segments);
        if (status)
            return status;
        if (hoi_get(s->p->closing))
            return HO_E_CLOSED;
    }
}

static inline void hoi_sending_account(struct hoi_sending *s, const ho_buf *b)
{
    s->sent++;
    s->bytes += b->len;
}

static inline void hoi_sending_finish(struct hoi_sending *s, uint32_t flags, int32_t status)
{
    struct hoi_producer *p = s->p;
    hoi_bump(p->messages, s->sent);
    hoi_bump(p->bytes, s->bytes);
    if (hoi_unlikely(s->dropped)) {
        hoi_bump(p->dropped, s->dropped);
        hoi_bump(p->dropped_bytes, s->dropped_bytes);
    }
    if (hoi_unlikely(status == HO_FULL))
        hoi_bump(p->full, 1);
    if (!(flags & HO_MORE) || status)
        hoi_producer_publish(p);
}

typedef int32_t (*hoi_check_fn)(struct hoi_sending *s, ho_buf *b, struct hoi_seg **seg);
typedef int32_t (*hoi_accept_fn)(struct hoi_sending *s, ho_buf *b, struct hoi_seg *seg);

static inline int32_t hoi_sending_begin(struct hoi_sending *s, const ho_buf *bufs, uint32_t count,
                                        uint32_t flags)
{
    struct hoi_producer *p = s->p;
    if (hoi_unlikely(count && !bufs))
        return HO_E_INVAL;
    if (hoi_unlikely(flags & HO_BUF_FLAGS_MUST & ~HO_MORE))
        return HO_E_FLAGS;
    if (hoi_unlikely(hoi_get(p->closing)))
        return HO_E_CLOSED;
    return HO_OK;
}

static inline __attribute__((always_inline)) int32_t
hoi_sending_all(struct hoi_sending *s, ho_buf *bufs, uint32_t count, uint32_t flags,
                uint32_t *accepted, hoi_check_fn check, hoi_accept_fn accept)
{
    int32_t status = hoi_sending_begin(s, bufs, count, flags);
    uint32_t i = 0;
    if (hoi_unlikely(status)) {
        if (accepted)
            *accepted = 0;
        return status;
    }
    for (; i < count; i++) {
        ho_buf *b = &bufs[i];
        struct hoi_lane *lane;
        struct hoi_seg *seg;
        ho_buf copy;
        status = hoi_unlikely(b->flags & HO_BUF_FLAGS_MUST & ~HO_BUF_PARTITION) ? HO_E_FLAGS
                                                                                : check(s, b, &seg);
        if (hoi_unlikely(status))
            break;
        status = hoi_sending_room(s, b, seg, &lane, &copy);
        if (hoi_unlikely(status && status != HO_DROPPED))
            break;
        const int32_t refused = accept(s, b, seg);
        if (hoi_unlikely(refused)) {
            if (copy.kind)
                hoi_release(s->p->domain, &copy, 1, HO_REASON_CANCELLED);
            status = refused;
            break;
        }
        hoi_sending_account(s, b);
        if (hoi_unlikely(status == HO_DROPPED)) {
            s->dropped++;
            s->dropped_bytes += b->len;
            hoi_release(s->p->domain, b, 1, HO_REASON_CANCELLED);
            continue;
        }
        if (hoi_unlikely(copy.kind)) {
            hoi_sending_push(s->p, lane, &copy);
            hoi_bump(s->p->copies, 1);
            hoi_release(s->p->domain, b, 1, HO_REASON_CONSUMED);
            continue;
        }
        hoi_sending_push(s->p, lane, b);
        *b = (ho_buf){0};
    }
    hoi_sending_finish(s, flags, status == HO_DROPPED ? HO_OK : status);
    if (accepted)
        *accepted = i;
    return hoi_likely(i == count) ? (s->dropped ? HO_DROPPED : HO_OK) : status;
}

#endif
