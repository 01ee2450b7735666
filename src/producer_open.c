/* SPDX-License-Identifier: MIT */
/*
 * Producer: opening, closing, and following the service as consumers come and go.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  PRODUCER | producer_slot | counters_add | the producer object | a read of what is not set up
 */
#include "consumer_private.h"
#include "producer_private.h"

/* How long a producer sleeps that waits for moved keys: they may be taken from a lane that is not its own, and
 * then nobody rings. */
#define WAIT_SLICE_NS 1000000

static size_t lanes_bytes(uint32_t room)
{
    return 2 * (size_t)room * sizeof(struct hoi_lane *);
}

static void lanes_release(struct hoi_producer *p)
{
    if (p->lanes != p->few)
        hoi_os_free(p->lanes, lanes_bytes(p->lanes_room));
}

/* Room for lanes to the consumer numbers below n; lanes and dirty share one block. */
static int32_t lanes_grow(struct hoi_producer *p, uint32_t n)
{
    if (n <= p->lanes_room)
        return HO_OK;
    uint32_t room = n <= HOI_PRODUCER_FEW ? HOI_PRODUCER_FEW : HOI_CONSUMERS_MAX;
    struct hoi_lane **block = room == HOI_PRODUCER_FEW ? p->few : hoi_os_alloc(lanes_bytes(room));
    if (!block)
        return HO_E_NOMEM;
    for (uint32_t i = 0; i < p->lanes_room; i++)
        block[i] = p->lanes[i];
    lanes_release(p);
    p->lanes = block;
    p->dirty = block + room;
    p->lanes_room = room;
    return HO_OK;
}

static uint32_t consumers_end(const struct hoi_service *s)
{
    uint32_t n = HOI_CONSUMERS_MAX;
    while (n && !s->consumers[n - 1])
        n--;
    return n;
}

struct hoi_lane *hoi_lane_connect(struct hoi_producer *p, struct hoi_consumer *c)
{
    struct hoi_service *s = p->service;
    struct hoi_lane *lane = hoi_lane_new(&s->domain->lanes, s->lane_slots);
    if (!lane)
        return NULL;
    lane->producer = p;
    lane->consumer = c;
    lane->number = c->number;
    lane->producer_bell = s->policy == HO_POLICY_WAIT || p->shard->armable ? &p->shard->bell : NULL;
    A_STORE(lane->bell, &c->bell, memory_order_seq_cst); /* edge BELL: release */
    lane->next = s->lanes;
    s->lanes = lane;
    return lane;
}

/* Under the mutex: p->lanes shows the lanes that p may push to; those that it has done with go. */
static void lanes_follow(struct hoi_producer *p, struct hoi_lane **dead)
{
    struct hoi_service *s = p->service;
    int cancel = s->routing == HO_ROUTE_NUMBER || hoi_get(s->closing);
    for (uint32_t i = 0; i < p->lanes_room; i++)
        p->lanes[i] = NULL;
    for (struct hoi_lane *lane = s->lanes, *next; lane; lane = next) {
        next = lane->next;
        if (lane->producer != p)
            continue;
        if (lane->consumer && !lane->adopted)
            p->lanes[lane->number] = lane;
        else if (!lane->fenced && !lane->consumer && cancel)
            hoi_lane_unlink(s, lane, dead);
        else if (!lane->fenced &&
                 A_LOAD(lane->core.consumed, memory_order_acquire) == /* edge ROOM: acquire */
                     lane->core.produced) {
            lane->producer = NULL;
            if (!lane->consumer)
                hoi_lane_unlink(s, lane, dead);
        }
    }
}

int32_t hoi_producer_refresh(struct hoi_producer *p)
{
    struct hoi_service *s = p->service;
    struct hoi_lane *dead = NULL;
    hoi_producer_publish(p);
    pthread_mutex_lock(&p->domain->mutex);
    int32_t status = lanes_grow(p, consumers_end(s));
    if (!status) {
        hoi_routes_follow(p);
        if (hoi_get(s->closing))
            hoi_routes_drop_fences(p); /* nothing will be sent any more */
        lanes_follow(p, &dead);
        if (hoi_get(s->closing))
            status = HO_E_CLOSED; /* and the picture stays stale: the fast path ends here too */
        else
            hoi_set(p->changed, 0);
    }
    pthread_mutex_unlock(&p->domain->mutex);
    hoi_lanes_bury(s, dead);
    return status;
}

/* Looked at after dozing. */
static int worth_trying(struct hoi_producer *p, struct hoi_lane *full)
{
    if (A_LOAD(p->changed, memory_order_seq_cst)) /* edge CHANGE: acquire */
        return 1;
    return full ? hoi_lane_reroom(&full->core) : p->fences && hoi_routes_unfence(p);
}

int32_t hoi_producer_wait(struct hoi_producer *p, struct hoi_lane *full, int64_t *deadline_ns)
{
    struct hoi_bell *bell = &p->shard->bell;
    if (p->service->policy != HO_POLICY_WAIT)
        return HO_FULL;
    int64_t now = hoi_os_now_ns();
    if (!*deadline_ns)
        *deadline_ns = now + (int64_t)p->service->wait_ns;
    if (now >= *deadline_ns)
        return HO_FULL;
    int64_t until = *deadline_ns;
    if (!full && until - now > WAIT_SLICE_NS)
        until = now + WAIT_SLICE_NS;
    HO_HOOK("producer:before_doze");
    int armed = hoi_shard_doze(p->shard, HOI_BELL_SLEEPING);
    if (!worth_trying(p, full))
        (void)hoi_os_futex_wait(&bell->core.word, HOI_BELL_SLEEPING, until);
    hoi_shard_rise(p->shard, armed);
    return HO_OK;
}

int hoi_producer_arm(struct hoi_producer *p, struct hoi_lane *full)
{
    struct hoi_shard *sh = p->shard;
    if (hoi_likely(!sh->armable))
        return 0;
    int armed = hoi_shard_doze(sh, HOI_BELL_ARMED);
    HO_HOOK("producer:armed");
    if (!worth_trying(p, full))
        return 0;
    if (!armed) /* by an earlier call, for something else: then it stays so */
        hoi_bell_disarm(&sh->bell);
    return 1;
}

static void lanes_forget(struct hoi_producer *p)
{
    lanes_release(p);
    p->lanes = p->dirty = NULL;
    p->lanes_room = 0;
}

/* Under the mutex: a producer object for the lowest free number; kept from an earlier one if any. */
static int32_t producer_slot(struct hoi_service *s, struct hoi_shard *sh,
                             struct hoi_producer **slot)
{
    for (uint32_t n = 0; n < HOI_PRODUCERS_MAX; n++) {
        struct hoi_producer *p = A_LOAD(s->producers[n], memory_order_relaxed);
        if (p && p->open)
            continue;
        if (!p && !(p = hoi_os_alloc(sizeof *p)))
            return HO_E_NOMEM;
        p->number = n;
        p->service = s;
        p->domain = s->domain;
        p->routing = s->routing;
        p->shard = sh;
        *slot = p;
        A_STORE(s->producers[n], p, memory_order_release); /* edge PRODUCER: release */
        return HO_OK;
    }
    return HO_E_LIMIT;
}

/* Under the mutex: lanes to everybody who is there. On failure those that were made go again. */
static int32_t connect_all(struct hoi_producer *p)
{
    struct hoi_service *s = p->service;
    struct hoi_lane *dead = NULL;
    int32_t status = lanes_grow(p, consumers_end(s));
    for (uint32_t n = 0; !status && n < HOI_CONSUMERS_MAX; n++)
        if (s->consumers[n] && s->consumers[n]->open == HOI_OPEN &&
            !hoi_lane_connect(p, s->consumers[n]))
            status = HO_E_NOMEM;
    if (!status) {
        for (uint32_t b = 0; b < HOI_BUCKETS; b++)
            p->route[b] = HOI_NOBODY; /* everything is new: no fence */
        hoi_routes_follow(p);
        lanes_follow(p, &dead);
        return HO_OK;
    }
    for (struct hoi_lane *lane = s->lanes, *next; lane; lane = next) {
        next = lane->next;
        if (lane->producer == p)
            hoi_lane_unlink(s, lane, &dead);
    }
    hoi_lanes_bury(s, dead); /* nothing is in them: no release runs here */
    lanes_forget(p);
    return status;
}

int32_t ho_producer_open(ho_service *service, ho_shard *shard, ho_producer **producer)
{
    struct hoi_shard *sh = hoi_shard_get(shard);
    struct hoi_producer *p = NULL;
    int refused;
    if (producer)
        *producer = NULL;
    struct hoi_service *s = hoi_service_lock(service);
    if (!s)
        return hoi_handle_status();
    int32_t status = !sh ? hoi_handle_status() : !producer ? HO_E_INVAL : HO_OK;
    if (!status && sh->domain != s->domain)
        status = HO_E_DOMAIN;
    if (!status && hoi_get(s->closing))
        status = HO_E_CLOSED;
    if (!status)
        status = producer_slot(s, sh, &p);
    if (!status && !(p->handle = hoi_handle_new(HOI_PRODUCER, p, &refused)))
        status = HO_E_LIMIT;
    if (!status && (status = connect_all(p)))
        hoi_handle_drop(p->handle);
    if (!status) {
        p->open = HOI_OPEN;
        p->next = sh->producers;
        sh->producers = p;
        s->producers_open++;
        hoi_service_touch(s);
        hoi_set(p->changed, 0);
        *producer = (ho_producer *)(uintptr_t)p->handle;
    }
    hoi_service_unlock(s);
    return status;
}

void hoi_shard_publish(struct hoi_shard *sh)
{
    for (struct hoi_producer *p = sh->producers; p; p = p->next)
        hoi_producer_publish(p);
}

static void leave_shard(struct hoi_producer *p)
{
    struct hoi_producer **at = &p->shard->producers;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

/* Under the mutex: the producer's end of every lane goes. */
static void disconnect_all(struct hoi_producer *p, struct hoi_lane **dead)
{
    struct hoi_service *s = p->service;
    int cancel = s->routing == HO_ROUTE_NUMBER || hoi_get(s->closing);
    for (struct hoi_lane *lane = s->lanes, *next; lane; lane = next) {
        next = lane->next;
        if (lane->producer != p)
            continue;
        lane->producer = NULL;
        if (!lane->consumer && (cancel || lane->core.produced == hoi_get(lane->core.consumed)))
            hoi_lane_unlink(s, lane, dead);
    }
}

int32_t ho_producer_close(ho_producer *handle)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    struct hoi_lane *dead = NULL;
    if (!p)
        return hoi_handle_status();
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    struct hoi_service *s = p->service;
    hoi_producer_publish(p);
    pthread_mutex_lock(&s->domain->mutex);
    hoi_handle_drop(p->handle);
    p->open = HOI_LEAVING;
    leave_shard(p);
    hoi_routes_drop_fences(p);
    disconnect_all(p, &dead);
    lanes_forget(p);
    hoi_service_touch(s);
    pthread_mutex_unlock(&s->domain->mutex);
    hoi_lanes_bury(s, dead);
    pthread_mutex_lock(&s->domain->mutex); /* last: from here on the service may go */
    p->open = 0;
    s->producers_open--;
    pthread_mutex_unlock(&s->domain->mutex);
    return HO_OK;
}
