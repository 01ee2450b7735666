/* SPDX-License-Identifier: MIT */
/*
 * Consumer: opening, closing, and following its partition's lanes as producers come and go.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  BELL | lanes_bell | hoi_lane_tell, hoi_lane_quiet | who takes from a lane now | a new consumer sleeps on
 *  CONSUMER | consumer_slot | hoi_service_ring | the consumer object | a read of what is not set up
 *  CLOSED | hoi_partition_disconnect | hoi_partition_retire, hint_recheck | the producer's last writes | a lane destroyed under it
 * At least one of a publisher and a new consumer about to sleep sees the other, as with SLEEP: the
 * store of the bell, the consumer's check of the lane and the publisher's load are all seq_cst.
 */
#include "consumer_private.h"

static size_t consumer_lanes_bytes(uint32_t room)
{
    return (size_t)room * sizeof(struct hoi_lane *);
}

static void lanes_release(struct hoi_consumer *c)
{
    if (c->lanes != c->few)
        hoi_os_free(c->lanes, consumer_lanes_bytes(c->lanes_room));
}

static int32_t lanes_grow(struct hoi_consumer *c)
{
    uint32_t room = c->lanes_room ? 2 * c->lanes_room : HOI_CONSUMER_FEW;
    struct hoi_lane **lanes = c->lanes_room ? hoi_os_alloc(consumer_lanes_bytes(room)) : c->few;
    if (!lanes)
        return HO_E_NOMEM;
    for (uint32_t i = 0; i < c->lanes_count; i++)
        lanes[i] = c->lanes[i];
    lanes_release(c);
    c->lanes = lanes;
    c->lanes_room = room;
    return HO_OK;
}

static void lanes_forget(struct hoi_consumer *c)
{
    lanes_release(c);
    hoi_set(c->only, NULL);
    c->lanes = NULL;
    c->lanes_count = c->lanes_room = 0;
}

static int32_t lanes_add(struct hoi_consumer *c, struct hoi_lane *lane)
{
    int32_t status = c->lanes_count == c->lanes_room ? lanes_grow(c) : HO_OK;
    if (!status)
        c->lanes[c->lanes_count++] = lane;
    return status;
}

/* Under the mutex, like everything below: refreshes its list of lanes. Lanes that are left and
 * empty are unlinked. */
static int32_t lanes_follow(struct hoi_consumer *c, struct hoi_lane **gone)
{
    struct hoi_partition *part = &c->service->parts[c->from >> 16];
    hoi_set(c->only, NULL);
    c->lanes_count = 0;
    for (struct hoi_lane_chunk *chunk = &part->first; chunk; chunk = hoi_get(chunk->next))
        for (uint32_t i = 0; i < HOI_PART_HINT_COUNT; i++) {
            struct hoi_lane *lane = hoi_get(chunk->lanes[i]);
            if (!lane)
                continue;
            if (hoi_get(lane->closed) && !hoi_lane_ready(&lane->core))
                hoi_partition_unlink(lane, gone);
            else if (lanes_add(c, lane))
                return HO_E_NOMEM;
        }
    return HO_OK;
}

int32_t hoi_consumer_refresh(struct hoi_consumer *c)
{
    struct hoi_service *s = c->service;
    struct hoi_lane *gone = NULL;
    pthread_mutex_lock(&s->domain->mutex);
    hoi_set(c->changed, 0);
    int32_t status = lanes_follow(c, &gone);
    c->closing = hoi_get(s->closing);
    if (status)
        hoi_set(c->changed, 1); /* the next call tries again */
    else if (c->lanes_count == 1 && !c->armable && !c->lanes[0]->producer_bell)
        hoi_set(c->only, c->lanes[0]);
    pthread_mutex_unlock(&s->domain->mutex);
    hoi_lanes_destroy(s, gone);
    return status;
}

void hoi_consumer_change(struct hoi_consumer *c)
{
    A_STORE(c->changed, 1, memory_order_seq_cst); /* edge CHANGE: release */
    hoi_set(c->only, NULL);                       /* so that the usual take gives up at once */
    (void)hoi_bell_wake(&c->bell);
}

/* Sets the bell that a partition's lanes ring. */
static void lanes_bell(struct hoi_partition *part, struct hoi_bell *bell)
{
    for (struct hoi_lane_chunk *chunk = &part->first; chunk; chunk = hoi_get(chunk->next))
        for (uint32_t i = 0; i < HOI_PART_HINT_COUNT; i++)
            if (hoi_get(chunk->lanes[i]))
                A_STORE(hoi_get(chunk->lanes[i])->bell, bell,
                        memory_order_seq_cst); /* edge BELL: release */
}

/* An object with the lowest free number; reused from an earlier consumer if there is one. */
static int32_t consumer_slot(struct hoi_service *s, struct hoi_consumer **slot)
{
    for (uint32_t n = 0; n < HOI_CONSUMERS_MAX; n++) {
        struct hoi_consumer *c = hoi_get(s->consumers[n]);
        if (c && c->open)
            continue;
        if (!c && !(c = hoi_os_alloc(sizeof *c)))
            return HO_E_NOMEM;
        c->service = s;
        c->number = n;
        c->bound = s->bound;
        c->closing = c->armable = c->armed = c->claimed = c->fresh = c->run = 0;
        c->helped = NULL;
        A_STORE(s->consumers[n], c, memory_order_release); /* edge CONSUMER: release */
        *slot = c;
        return HO_OK;
    }
    return HO_E_LIMIT;
}

static int32_t consumer_opts_check(const ho_consumer_opts *opts, ho_consumer_opts *known)
{
    *known = (ho_consumer_opts){0};
    int32_t status = opts ? hoi_opts_read(known, sizeof *known, HO_CONSUMER_OPTS_MIN, opts) : HO_OK;
    if (status)
        return status;
    if (known->flags & HO_BUF_FLAGS_MUST)
        return HO_E_FLAGS;
    return known->reserved0 ? HO_E_RESERVED : HO_OK;
}

static int32_t partition_check(const struct hoi_service *s, uint32_t partition)
{
    if (hoi_get(s->closing))
        return HO_E_CLOSED;
    if (partition >= (s->bound ? s->partitions : 1))
        return HO_E_RANGE;
    return s->bound && s->parts[partition].consumer ? HO_E_BUSY : HO_OK;
}

static int32_t consumer_start(struct hoi_service *s, uint32_t partition,
                              struct hoi_consumer **consumer)
{
    struct hoi_consumer *c;
    int refused;
    int32_t status = partition_check(s, partition);
    if (!status)
        status = consumer_slot(s, &c);
    if (!status && !(c->handle = hoi_handle_new(HOI_CONSUMER, c, &refused)))
        status = HO_E_LIMIT;
    if (status)
        return status;
    c->open = 1;
    hoi_bump(s->consumers_open, 1);
    if (!s->bound)
        hoi_claim_join(&s->claims, c->number);
    if (s->bound) {
        c->from = HOI_FROM(s->number, partition);
        s->parts[partition].consumer = c;
        lanes_bell(&s->parts[partition], &c->bell);
        hoi_set(c->changed, 1); /* the first take finds its lanes */
    }
    *consumer = c;
    return HO_OK;
}

int32_t ho_consumer_open(ho_service *service, const ho_consumer_opts *opts, ho_consumer **consumer)
{
    struct hoi_consumer *c;
    ho_consumer_opts known;
    if (consumer)
        *consumer = NULL;
    int32_t status = consumer ? consumer_opts_check(opts, &known) : HO_E_INVAL;
    struct hoi_service *s = hoi_service_lock(service);
    if (!s)
        return hoi_handle_status();
    if (!status)
        status = consumer_start(s, known.partition, &c);
    if (!status)
        *consumer = (ho_consumer *)(uintptr_t)c->handle;
    hoi_service_unlock(s);
    return status;
}

int32_t ho_consumer_close(ho_consumer *handle)
{
    struct hoi_consumer *c = hoi_consumer_get(handle);
    struct hoi_lane *gone = NULL;
    if (!c)
        return hoi_handle_status();
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    struct hoi_service *s = c->service;
    if (!c->bound) {
        hoi_shared_yield(c);
        hoi_help_end(c);
        hoi_shared_leave(c);
    }
    hoi_bell_close(&c->bell);
    pthread_mutex_lock(&s->domain->mutex);
    hoi_handle_drop(c->handle);
    if (c->bound) {
        struct hoi_partition *part = &s->parts[c->from >> 16];
        (void)lanes_follow(c, &gone);
        lanes_bell(part, &hoi_bell_none);
        part->consumer = NULL;
        lanes_forget(c);
        hoi_lanes_destroy(s, gone); /* they are empty: no release runs here */
    }
    c->open = 0;
    hoi_set(s->consumers_open,
            hoi_get(s->consumers_open) - 1); /* last: the service may be freed from here on */
    pthread_mutex_unlock(&s->domain->mutex);
    return HO_OK;
}
