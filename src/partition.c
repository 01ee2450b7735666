/* SPDX-License-Identifier: MIT */
/*
 * Partition: its lanes, and whom a new lane is announced to.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  CHUNK | place_for, hoi_partition_connect | hoi_partition_next | the chunk and the lane in it | a lane that is not set up
 */
#include "consumer_private.h"

#include "handoff/owner.h"

/* Under the mutex: a free place for a lane, in a new chunk if necessary. NULL: out of memory. */
static _Atomic(struct hoi_lane *) *place_for(struct hoi_partition *part, uint32_t *index)
{
    struct hoi_lane_chunk *chunk = &part->first;
    for (;;) {
        for (*index = 0; *index < HOI_PART_HINT_COUNT; ++*index)
            if (!hoi_get(chunk->lanes[*index]))
                return &chunk->lanes[*index];
        struct hoi_lane_chunk *next = hoi_get(chunk->next);
        if (!next) {
            if (!(next = hoi_os_alloc(sizeof *next)))
                return NULL;
            A_STORE(chunk->next, next, memory_order_release); /* edge CHUNK: release */
        }
        chunk = next;
    }
}

int32_t hoi_partition_connect(struct hoi_service *s, uint32_t partition, struct hoi_bell *bell,
                              struct hoi_lane **lane)
{
    struct hoi_partition *part = &s->parts[partition];
    uint32_t index;
    if (s->lanes == HOI_LANES_MAX)
        return HO_E_LIMIT;
    _Atomic(struct hoi_lane *) *place = place_for(part, &index);
    *lane = place ? hoi_lane_new(&s->domain->lanes, s->lane_slots) : NULL;
    if (!*lane)
        return HO_E_NOMEM;
    (*lane)->service = s;
    (*lane)->producer_bell = bell;
    (*lane)->partition = partition;
    if (!s->bound) {
        (*lane)->hint = hoi_part_hint(index);
        hoi_set((*lane)->bell, &hoi_bell_many);
    }
    s->lanes++;
    A_STORE(*place, *lane, memory_order_release); /* edge CHUNK: release */
    if (!s->bound) { /* once, so that the thread that clears the hint has seen the lane */
        (void)hoi_service_ring(s, hoi_claim_announce(&s->claims, partition, (*lane)->hint));
    } else if (part->consumer) {
        hoi_set((*lane)->bell, &part->consumer->bell);
        hoi_consumer_change(part->consumer);
    }
    return HO_OK;
}

void hoi_partition_disconnect(struct hoi_service *s, struct hoi_lane *lane)
{
    struct hoi_partition *part = &s->parts[lane->partition];
    struct hoi_lane *gone = NULL;
    A_STORE(lane->closed, 1, memory_order_release); /* edge CLOSED: release */
    if (!s->bound)
        (void)hoi_service_ring(s, hoi_claim_announce(&s->claims, lane->partition, lane->hint));
    else if (part->consumer)
        hoi_consumer_change(part->consumer);
    else if (!hoi_lane_ready(&lane->core)) { /* no consumer, and the lane is empty */
        hoi_partition_unlink(lane, &gone);
        hoi_lanes_destroy(s, gone);
    }
}

void hoi_partition_unlink(struct hoi_lane *lane, struct hoi_lane **gone)
{
    struct hoi_partition *part = &lane->service->parts[lane->partition];
    for (struct hoi_lane_chunk *chunk = &part->first; chunk; chunk = hoi_get(chunk->next))
        for (uint32_t i = 0; i < HOI_PART_HINT_COUNT; i++)
            if (hoi_get(chunk->lanes[i]) == lane)
                hoi_set(chunk->lanes[i], NULL);
    lane->service->lanes--;
    lane->next = *gone;
    *gone = lane;
}

static void lane_cancel(struct hoi_service *s, struct hoi_lane *lane)
{
    struct hoi_taking taking = {.from = HOI_FROM(s->number, lane->partition)};
    ho_buf bufs[32];
    uint32_t n;
    while ((n = hoi_lane_take(&lane->core, bufs, 32, &taking))) {
        hoi_count(s->cancelled, n);
        hoi_count(s->cancelled_bytes, taking.bytes);
        hoi_release(s->domain, bufs, n, HO_REASON_CANCELLED);
        taking.bytes = 0;
    }
}

void hoi_lanes_destroy(struct hoi_service *s, struct hoi_lane *gone)
{
    for (struct hoi_lane *next; gone; gone = next) {
        next = gone->next;
        lane_cancel(s, gone);
        hoi_lane_delete(&s->domain->lanes, gone);
    }
}

int hoi_partition_retire(struct hoi_lane *lane)
{
    struct hoi_service *s = lane->service;
    struct hoi_lane *gone = NULL;
    if (hoi_likely(!A_LOAD(lane->closed, memory_order_acquire)) || /* edge CLOSED: acquire */
        hoi_lane_ready(&lane->core))
        return 0;
    pthread_mutex_lock(&s->domain->mutex);
    hoi_partition_unlink(lane, &gone);
    pthread_mutex_unlock(&s->domain->mutex);
    hoi_lanes_destroy(s, gone);
    return 1;
}
