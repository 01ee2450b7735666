/* SPDX-License-Identifier: MIT */
/*
 * Stragglers: limits how much shared memory late consumers can pin.
 *
 * A segment is recycled as a whole. An untaken message pins 256 KiB, however short it is, and a
 * lane of 1,024 such messages pins four times a typical budget. Messages in a lane can't be moved,
 * so the sender copies what it sends next into an arena of the service's own, in the same order, in
 * a few segments. When that arena is full, the service's policy applies. Nothing is copied for a
 * service whose consumers keep up.
 *
 * A lane is late when a message has waited in it for 20 ms and the waiting messages are spread
 * thinly over more than eight segments. (A lane full of long messages pins little more than the
 * messages; copying would save nothing.) It is also late when its service pins too much of the
 * arena, through all its lanes and what its consumers keep (pins.c). It is no longer late when the
 * consumer has reached the first copy: from there on its messages pin no shared memory.
 *
 * The usual path pays one comparison: is this message in the same segment as the lane's last one?
 */
#include "producer_private.h"
#include "record.h"

#define LATE_NS 20000000
#define LATE_SEGMENTS 8u

/* How much of its pinned segment a message fills. */
static uint64_t fills(const struct hoi_slot *slot)
{
    uint32_t kind = (uint32_t)(slot->tail[0] >> 56);
    return kind == HO_KIND_FOREIGN ? sizeof(struct hoi_foreign) : slot->word[1];
}

/*
 * Are the messages from `first` on spread over more than `most` segments, filling less than half of
 * them? The producer may read slots that are not consumed.
 */
static int pins_thinly(const struct hoi_producer *p, const struct hoi_lane *lane, uint64_t first,
                       uint32_t most)
{
    const struct hoi_segs *segs = &p->domain->segs;
    const struct hoi_arena *own = hoi_get(p->service->stragglers);
    const struct hoi_seg *seen[LATE_SEGMENTS];
    uint64_t bytes = 0;
    uint32_t n = 0, k;
    for (; first != lane->core.produced; first++) {
        const struct hoi_slot *slot = &lane->core.slots[first & lane->core.mask];
        const struct hoi_seg *seg =
            hoi_seg_at(segs, hoi_buf_seg(hoi_parent_of(segs, slot->word[2])));
        if (own && hoi_get(seg->arena) == own)
            continue;
        for (k = n; k > 0 && seen[k - 1] != seg; k--)
            ;
        if (k == 0) {
            if (n == most)
                return bytes * 2 < (uint64_t)most * segs->seg_bytes;
            seen[n++] = seg;
        }
        bytes += fills(slot);
    }
    return 0;
}

/* Eight segments of a small budget would be too much. */
static uint32_t most_segments(const struct hoi_arena *a)
{
    uint64_t share = a->budget_segs / 4;
    return share < LATE_SEGMENTS ? (uint32_t)share : LATE_SEGMENTS;
}

static int lags(const struct hoi_producer *p, struct hoi_lane *lane, const struct hoi_arena *a)
{
    /* Relaxed: it only leads to reads of slots, which the producer itself wrote. */
    uint64_t consumed = hoi_get(lane->core.consumed);
    int64_t now = hoi_os_tick_ns();
    if (consumed > lane->mark || consumed == lane->core.produced) {
        lane->mark = lane->core.produced;
        lane->marked_ns = now;
        return 0;
    }
    if (now - lane->marked_ns <= LATE_NS)
        return 0;
    lane->marked_ns = now; /* check again after the same time */
    if (!pins_thinly(p, lane, consumed, most_segments(a)))
        return 0;
    lane->copied_from = lane->core.produced + 1;
    return 1;
}

/* An empty lane is not late, even if the first copy found no room. */
static int in_time(const struct hoi_lane *lane, uint64_t consumed)
{
    return consumed >= lane->copied_from || consumed == lane->core.produced;
}

static int is_late(const struct hoi_producer *p, struct hoi_lane *lane, const struct hoi_seg *seg)
{
    struct hoi_arena *a = hoi_get(seg->arena);
    if (!a || a == hoi_get(p->service->stragglers) /* already a copy */ ||
        a->budget_segs < HOI_GUARDED_SEGMENTS || !hoi_arena_use(a, p->service->number))
        return 0;
    if (in_time(lane, hoi_get(lane->core.consumed)))
        lane->copied_from = 0;
    else
        return 1;
    return hoi_arena_pinned_by(a, p->service->number) ||
           (hoi_get(seg->opened_ns) - lane->marked_ns > LATE_NS && lags(p, lane, a));
}

int hoi_lane_caught_up(struct hoi_lane *lane)
{
    if (!lane->copied_from)
        return 0;
    (void)hoi_lane_reroom(&lane->core);
    return in_time(lane, lane->core.room_end - lane->core.mask - 1);
}

int hoi_lane_late(struct hoi_producer *p, struct hoi_lane *lane, struct hoi_seg *seg)
{
    int late = is_late(p, lane, seg);
    /* Copies' memory is released once they are back. Not before: while one lane or arena is in
     * time another may be late, and each copy would be alone in its segment. */
    if (!late && p->aside)
        hoi_shard_leave_idle(p->aside);
    lane->seg = late ? NULL : seg;
    return late;
}

/* Under the mutex: the service's own arena, made when first needed; reused from an earlier
 * service. */
static int32_t straggler_arena(struct hoi_service *s, struct hoi_arena **arena)
{
    struct hoi_arena *a = hoi_get(s->stragglers);
    if (!a) {
        int32_t status = hoi_arena_new(s->domain, &a);
        if (status)
            return status;
        a->straggler = 1;
        A_STORE(a->shared, 1, memory_order_relaxed); /* copies may be forwarded */
        hoi_set(a->closing, 1);
        hoi_set(s->stragglers, a);
    }
    if (hoi_get(a->closing)) { /* the service's first producer: others read it unlocked */
        a->budget_segs = s->straggler_segs;
        hoi_set(a->closing, 0);
    }
    *arena = a;
    return HO_OK;
}

static int32_t aside_open(struct hoi_producer *p)
{
    struct hoi_shard *sh;
    struct hoi_arena *a;
    pthread_mutex_lock(&p->domain->mutex);
    int32_t status = straggler_arena(p->service, &a);
    if (!status)
        status = hoi_shard_new(a, &sh);
    pthread_mutex_unlock(&p->domain->mutex);
    if (status)
        return status;
    /* A waiting producer sleeps on its own shard's bell. */
    hoi_set(sh->bell, hoi_get(p->shard->bell));
    sh->armable = p->shard->armable;
    p->aside = sh;
    return HO_OK;
}

int32_t hoi_straggler_copy(struct hoi_producer *p, const ho_buf *b, ho_buf *copy)
{
    int32_t status = p->aside ? HO_OK : aside_open(p);
    if (!status)
        status = hoi_shard_copy(p->aside, b, p->note, copy);
    if (hoi_likely(!status))
        return HO_OK;
    copy->kind = HO_KIND_EMPTY;
    return status == HO_E_RANGE ? HO_OK : status;
}

void hoi_straggler_leave(struct hoi_producer *p)
{
    if (!p->aside)
        return;
    hoi_shard_leave(p->aside);
    hoi_shard_delete(p->aside);
    p->aside = NULL;
}

void hoi_straggler_close(struct hoi_service *s)
{
    struct hoi_arena *a = hoi_get(s->stragglers);
    if (!a)
        return;
    hoi_set(a->closing, 1); /* what is still outstanding goes back to the system as it returns */
    (void)hoi_arena_shrink(a, 0, UINT64_MAX);
}
