/* SPDX-License-Identifier: MIT */
/*
 * Consumer: opening, closing, and following the service as producers come and go.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  BELL | adopt, hoi_lane_connect | hoi_producer_publish | who takes from a lane now | its heir sleeps on
 * Of a publisher and an heir that goes to sleep at least one sees the other, as with DOZE: the store
 * of the bell, the store of `changed` and the publisher's load are in the one order of seq_cst.
 */
#include "consumer_private.h"
#include "producer_private.h"

static size_t lanes_bytes(uint32_t room)
{
    return (size_t)room * sizeof(struct hoi_lane *);
}

static void lanes_release(struct hoi_consumer *c)
{
    if (c->lanes != c->few)
        hoi_os_free(c->lanes, lanes_bytes(c->lanes_room));
}

static int32_t lanes_grow(struct hoi_consumer *c)
{
    uint32_t room = c->lanes_room ? 2 * c->lanes_room : HOI_CONSUMER_FEW;
    struct hoi_lane **lanes = c->lanes_room ? hoi_os_alloc(lanes_bytes(room)) : c->few;
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
    c->only = NULL;
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

int32_t hoi_consumer_refresh(struct hoi_consumer *c)
{
    struct hoi_service *s = c->service;
    struct hoi_lane *dead = NULL;
    int32_t status = HO_OK;
    pthread_mutex_lock(&s->domain->mutex);
    c->only = NULL;
    c->lanes_count = 0;
    for (struct hoi_lane *lane = s->lanes, *next; lane && !status; lane = next) {
        next = lane->next;
        if (lane->consumer != c)
            continue;
        if (!lane->producer && !hoi_lane_ready(&lane->core))
            hoi_lane_unlink(s, lane, &dead);
        else
            status = lanes_add(c, lane);
    }
    if (!status) { /* otherwise the next call tries again */
        c->closing = hoi_get(s->closing);
        if (c->lanes_count == 1 && !c->armable && !c->lanes[0]->producer_bell)
            c->only = c->lanes[0];
        hoi_set(c->changed, 0);
    }
    pthread_mutex_unlock(&s->domain->mutex);
    hoi_lanes_bury(s, dead);
    return status;
}

/* Under the mutex: which number a new consumer gets, and its object. */
static int32_t consumer_slot(struct hoi_service *s, uint32_t wanted, struct hoi_consumer **slot)
{
    uint32_t n = wanted ? wanted - 1 : 0;
    if (wanted > HOI_CONSUMERS_MAX)
        return HO_E_RANGE;
    while (n < HOI_CONSUMERS_MAX && s->consumers[n] && s->consumers[n]->open) {
        if (wanted)
            return HO_E_BUSY;
        n++;
    }
    if (n == HOI_CONSUMERS_MAX)
        return HO_E_LIMIT;
    if (!s->consumers[n] && !(s->consumers[n] = hoi_os_alloc(sizeof **slot)))
        return HO_E_NOMEM;
    struct hoi_consumer *c = s->consumers[n];
    c->service = s;
    c->service_number = s->number;
    c->number = n;
    c->closing = 0;
    c->armable = 0;
    *slot = c;
    return HO_OK;
}

/* Under the mutex: lanes from everybody who is there. */
static int32_t connect_all(struct hoi_consumer *c)
{
    struct hoi_service *s = c->service;
    struct hoi_lane *dead = NULL;
    int32_t status = lanes_grow(c);
    for (uint32_t n = 0; !status && n < HOI_PRODUCERS_MAX; n++) {
        struct hoi_producer *p = A_LOAD(s->producers[n], memory_order_relaxed);
        if (p && p->open == HOI_OPEN && !hoi_lane_connect(p, c))
            status = HO_E_NOMEM;
    }
    if (!status)
        return HO_OK;
    for (struct hoi_lane *lane = s->lanes, *next; lane; lane = next) {
        next = lane->next;
        if (lane->consumer == c)
            hoi_lane_unlink(s, lane, &dead);
    }
    hoi_lanes_bury(s, dead); /* nothing is in them: no release runs here */
    lanes_forget(c);
    return status;
}

/* Under the mutex: c takes over a lane that had another consumer. */
static void adopt(struct hoi_consumer *c, struct hoi_lane *lane)
{
    lane->consumer = c;
    lane->adopted = 1;
    A_STORE(lane->bell, &c->bell, memory_order_seq_cst); /* edge BELL: release */
}

static void adopt_orphans(struct hoi_consumer *c)
{
    for (struct hoi_lane *lane = c->service->lanes; lane; lane = lane->next)
        if (!lane->consumer)
            adopt(c, lane);
}

static int32_t opts_check(const ho_consumer_opts *opts, ho_consumer_opts *known)
{
    *known = (ho_consumer_opts){0};
    int32_t status = opts ? hoi_opts_read(known, sizeof *known, HO_CONSUMER_OPTS_MIN, opts) : HO_OK;
    if (status)
        return status;
    if (known->flags & HO_BUF_FLAGS_MUST)
        return HO_E_FLAGS;
    return known->reserved0 ? HO_E_RESERVED : HO_OK;
}

/* Under the mutex. */
static int32_t consumer_start(struct hoi_service *s, uint32_t wanted,
                              struct hoi_consumer **consumer)
{
    struct hoi_consumer *c;
    int refused;
    int32_t status = hoi_get(s->closing) ? HO_E_CLOSED : consumer_slot(s, wanted, &c);
    if (!status && !(c->handle = hoi_handle_new(HOI_CONSUMER, c, &refused)))
        status = HO_E_LIMIT;
    if (!status && (status = connect_all(c)))
        hoi_handle_drop(c->handle);
    if (status)
        return status;
    c->open = HOI_OPEN;
    s->consumers_open++;
    if (s->routing == HO_ROUTE_KEY) {
        adopt_orphans(c);
        hoi_service_rebalance(s);
    }
    hoi_service_touch(s);
    *consumer = c;
    return HO_OK;
}

int32_t ho_consumer_open(ho_service *service, const ho_consumer_opts *opts, ho_consumer **consumer)
{
    struct hoi_consumer *c;
    ho_consumer_opts known;
    if (consumer)
        *consumer = NULL;
    int32_t status = consumer ? opts_check(opts, &known) : HO_E_INVAL;
    struct hoi_service *s = hoi_service_lock(service);
    if (!s)
        return hoi_handle_status();
    if (!status)
        status = consumer_start(s, known.number_plus_1, &c);
    if (!status)
        *consumer = (ho_consumer *)(uintptr_t)c->handle;
    hoi_service_unlock(s);
    return status;
}

/* Under the mutex: another open consumer, or NULL. */
static struct hoi_consumer *heir_of(const struct hoi_consumer *c)
{
    for (uint32_t n = 0; n < HOI_CONSUMERS_MAX; n++) {
        struct hoi_consumer *other = c->service->consumers[n];
        if (other && other != c && other->open == HOI_OPEN)
            return other;
    }
    return NULL;
}

/* Under the mutex: c's end of every lane goes, to an heir where keys are routed. */
static void disconnect_all(struct hoi_consumer *c, int inherit, struct hoi_lane **dead)
{
    struct hoi_service *s = c->service;
    struct hoi_consumer *heir = inherit ? heir_of(c) : NULL;
    for (struct hoi_lane *lane = s->lanes, *next; lane; lane = next) {
        next = lane->next;
        if (lane->consumer != c)
            continue;
        lane->consumer = NULL;
        if (!lane->producer && (!inherit || !hoi_lane_ready(&lane->core)))
            hoi_lane_unlink(s, lane, dead);
        else if (inherit && heir)
            adopt(heir, lane);
        else
            lane->adopted = 1; /* what is left waits for the next consumer, or for its producer */
    }
    if (heir)
        (void)hoi_bell_wake(&heir->bell);
}

/* Under the mutex: producers route nothing new to c. */
static void retire_lanes(struct hoi_consumer *c)
{
    for (struct hoi_lane *lane = c->service->lanes; lane; lane = lane->next)
        if (lane->consumer == c)
            lane->adopted = 1;
    hoi_service_touch(c->service);
}

int32_t ho_consumer_close(ho_consumer *handle)
{
    struct hoi_consumer *c = hoi_consumer_get(handle);
    struct hoi_lane *dead = NULL;
    if (!c)
        return hoi_handle_status();
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    struct hoi_service *s = c->service;
    hoi_bell_close(&c->bell);
    pthread_mutex_lock(&s->domain->mutex);
    hoi_handle_drop(c->handle);
    c->open = HOI_LEAVING; /* keeps number and service while releases run below */
    s->consumers_open--;
    s->closers++;
    int inherit = s->routing == HO_ROUTE_KEY && !hoi_get(s->closing);
    if (inherit) {
        hoi_service_rebalance(s);
        hoi_service_touch(s);
        disconnect_all(c, inherit, &dead); /* at once: a close of the service finds no gap */
    } else {
        retire_lanes(c);
    }
    pthread_mutex_unlock(&s->domain->mutex);
    /* What comes after a lane's length more is its producer's to cancel, who has been told. */
    if (!inherit)
        for (uint32_t i = 0; i < c->lanes_count; i++)
            hoi_lane_cancel(s, c->lanes[i], c->lanes[i]->core.mask + 1);
    pthread_mutex_lock(&s->domain->mutex);
    if (!inherit) {
        hoi_service_touch(s);
        disconnect_all(c, inherit, &dead);
    }
    lanes_forget(c);
    pthread_mutex_unlock(&s->domain->mutex);
    hoi_lanes_bury(s, dead);
    pthread_mutex_lock(&s->domain->mutex); /* last: from here on the service may go */
    c->open = 0;
    s->closers--;
    pthread_mutex_unlock(&s->domain->mutex);
    return HO_OK;
}
