/* SPDX-License-Identifier: MIT */
/*
 * Routing by key: a key falls into one of 1,024 buckets, a bucket belongs to one consumer. When
 * consumers come and go, as few buckets as possible move.
 *
 * A key stays in order across a move: the producer remembers how far it had filled the lanes that
 * lost buckets, and holds the moved buckets back until that much has been taken from them.
 */
#include "consumer_private.h"
#include "producer_private.h"

/* Gives a consumer buckets until it has `want`, out of those of nobody or of who has over `fair`. */
static void fill_up(struct hoi_service *s, uint16_t *load, uint32_t number, uint32_t want,
                    uint32_t fair)
{
    for (uint32_t b = 0; b < HOI_BUCKETS && load[number] < want; b++) {
        uint16_t from = s->route[b];
        if (from == number || (from != HOI_NOBODY && load[from] <= fair))
            continue;
        if (from != HOI_NOBODY)
            load[from]--;
        load[number]++;
        s->route[b] = (uint16_t)number;
    }
}

static int is_open(const struct hoi_service *s, uint32_t number)
{
    return s->consumers[number] && s->consumers[number]->open == HOI_OPEN;
}

/* Is there a bucket of nobody, or a consumer with more than `most`? */
static int any_left(const struct hoi_service *s, const uint16_t *load, uint32_t most)
{
    uint32_t sum = 0;
    for (uint32_t n = 0; n < HOI_CONSUMERS_MAX; n++) {
        if (load[n] > most)
            return 1;
        sum += load[n];
    }
    return s->consumers_open && sum < HOI_BUCKETS;
}

void hoi_service_rebalance(struct hoi_service *s)
{
    uint16_t load[HOI_CONSUMERS_MAX] = {0};
    for (uint32_t b = 0; b < HOI_BUCKETS; b++) {
        if (s->route[b] != HOI_NOBODY && !is_open(s, s->route[b]))
            s->route[b] = HOI_NOBODY;
        if (s->route[b] != HOI_NOBODY)
            load[s->route[b]]++;
    }
    if (!s->consumers_open)
        return;
    uint32_t fair = HOI_BUCKETS / s->consumers_open;
    uint32_t most = fair + (HOI_BUCKETS % s->consumers_open != 0);
    /* Everybody up to the fair share first, taking from who has more than that; then the few that
     * are left over, one each. */
    for (uint32_t n = 0; n < HOI_CONSUMERS_MAX; n++)
        if (is_open(s, n))
            fill_up(s, load, n, fair, fair);
    for (uint32_t n = 0; n < HOI_CONSUMERS_MAX && any_left(s, load, most); n++)
        if (is_open(s, n))
            fill_up(s, load, n, most, most);
}

static int lane_passed(const struct hoi_lane *lane)
{
    /* seq_cst, as hoi_lane_reroom, for a producer that is about to sleep. */
    return A_LOAD(lane->core.consumed, memory_order_seq_cst) >=
           lane->fence; /* edge ROOM: acquire */
}

static void fence_add(struct hoi_producer *p, struct hoi_lane *lane)
{
    lane->fence = lane->core.produced;
    if (lane->fenced || lane_passed(lane))
        return;
    lane->fenced = 1;
    lane->fence_next = p->fences;
    p->fences = lane;
}

/* Under the mutex, before p->lanes change and with nothing unpublished. */
void hoi_routes_follow(struct hoi_producer *p)
{
    for (uint32_t b = 0; b < HOI_BUCKETS; b++) {
        uint16_t old = p->route[b] & (uint16_t)~HOI_ROUTE_FENCED, now = p->service->route[b];
        struct hoi_lane *lane = old < p->lanes_room ? p->lanes[old] : NULL;
        if (old == now && !(lane && lane->adopted))
            continue; /* nor has another consumer opened under the same number */
        if (lane && !(p->route[b] & HOI_ROUTE_FENCED))
            fence_add(p, lane);
        p->route[b] = now | HOI_ROUTE_FENCED;
    }
    hoi_routes_unfence(p);
}

void hoi_routes_drop_fences(struct hoi_producer *p)
{
    for (; p->fences; p->fences = p->fences->fence_next)
        p->fences->fenced = 0;
}

int hoi_routes_unfence(struct hoi_producer *p)
{
    for (struct hoi_lane **at = &p->fences; *at;) {
        struct hoi_lane *lane = *at;
        if (!lane_passed(lane)) {
            at = &lane->fence_next;
            continue;
        }
        lane->fenced = 0;
        *at = lane->fence_next;
    }
    if (p->fences)
        return 0;
    for (uint32_t b = 0; b < HOI_BUCKETS; b++)
        p->route[b] &= (uint16_t)~HOI_ROUTE_FENCED;
    return 1;
}
