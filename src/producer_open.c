/* SPDX-License-Identifier: MIT */
/*
 * Producer: opening, closing, connecting to a partition, waiting for room.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  PRODUCER | producer_slot | counters_add | the producer object | a read of what is not set up
 */
#include "consumer_private.h"
#include "producer_private.h"

static size_t producer_lanes_bytes(const struct hoi_producer *p)
{
    return 2 * (size_t)p->partitions * sizeof(struct hoi_lane *);
}

/* Makes room for a lane to each partition; lanes and dirty share one block. */
static int32_t lanes_begin(struct hoi_producer *p)
{
    p->lanes = p->partitions <= HOI_PRODUCER_FEW ? p->few : hoi_os_alloc(producer_lanes_bytes(p));
    if (!p->lanes)
        return HO_E_NOMEM;
    p->dirty = p->lanes + p->partitions;
    p->dirty_count = 0;
    p->only = NULL;
    for (uint32_t i = 0; i < p->partitions; i++)
        p->lanes[i] = NULL;
    return HO_OK;
}

static void lanes_end(struct hoi_producer *p)
{
    if (p->lanes != p->few)
        hoi_os_free(p->lanes, producer_lanes_bytes(p));
    p->lanes = p->dirty = NULL;
}

int32_t hoi_producer_connect(struct hoi_producer *p, uint32_t partition, struct hoi_lane **lane)
{
    struct hoi_service *s = p->service;
    struct hoi_bell *bell =
        s->policy == HO_POLICY_WAIT || p->shard->armable ? hoi_get(p->shard->bell) : NULL;
    pthread_mutex_lock(&p->domain->mutex);
    int32_t status = hoi_partition_connect(s, partition, bell, lane);
    pthread_mutex_unlock(&p->domain->mutex);
    if (!status) {
        (*lane)->helper = p->helper;
        if (p->helper) /* a new lane has announced itself */
            hoi_help_owe(p->helper, partition);
        p->lanes[partition] = *lane;
        if (p->partitions == 1)
            p->only = *lane;
    }
    return status;
}

/* Checked after the announcement that it waits: is there memory for a copy of so many segments,
 * or room? */
static int worth_trying(struct hoi_producer *p, struct hoi_lane *full, uint64_t segments)
{
    return A_LOAD(p->closing, memory_order_seq_cst) || /* edge CHANGE: acquire */
           (!segments ? hoi_lane_reroom(&full->core)
                      : hoi_shard_worth_trying(p->aside, segments) || hoi_lane_caught_up(full));
}

int32_t hoi_producer_wait(struct hoi_producer *p, struct hoi_lane *full, uint64_t segments,
                          int64_t *deadline_ns)
{
    struct hoi_bell *bell = hoi_get(p->shard->bell);
    if (p->service->policy != HO_POLICY_WAIT)
        return HO_FULL;
    int64_t now = hoi_os_now_ns();
    if (!*deadline_ns)
        *deadline_ns = now + (int64_t)p->service->wait_ns;
    if (now >= *deadline_ns)
        return HO_FULL;
    if (segments) /* so that it is recycled once it is back, even if all else stays out */
        hoi_shard_leave(p->aside);
    HO_HOOK("producer:before_wait");
    int armed = hoi_shard_prepare_wait(p->shard, HOI_BELL_SLEEPING);
    if (!worth_trying(p, full, segments))
        (void)hoi_os_futex_wait(&bell->core.word, HOI_BELL_SLEEPING, *deadline_ns);
    hoi_shard_finish_wait(p->shard, armed);
    return HO_OK;
}

int hoi_producer_arm(struct hoi_producer *p, struct hoi_lane *full)
{
    struct hoi_shard *sh = p->shard;
    if (hoi_likely(!sh->armable))
        return 0;
    int armed = hoi_shard_prepare_wait(sh, HOI_BELL_ARMED);
    HO_HOOK("producer:armed");
    if (!worth_trying(p, full, 0))
        return 0;
    if (!armed) /* an earlier call armed it for something else: it stays armed */
        hoi_bell_disarm(hoi_get(sh->bell));
    return 1;
}

/* Under the mutex: a producer object with the lowest free number; reused from an earlier one if
 * there is one. */
static int32_t producer_slot(struct hoi_service *s, struct hoi_shard *sh,
                             struct hoi_producer **slot)
{
    for (uint32_t n = 0; n < HOI_PRODUCERS_MAX; n++) {
        struct hoi_producer *p = A_LOAD(s->producers[n], memory_order_relaxed);
        if (p && p->open)
            continue;
        if (!p && !(p = hoi_os_alloc(sizeof *p)))
            return HO_E_NOMEM;
        p->service = s;
        p->domain = s->domain;
        p->partitions = s->partitions;
        p->note = hoi_note_to(s->number);
        p->shard = sh;
        p->helper = NULL;
        p->aside = NULL;
        hoi_set(p->closing, 0);
        *slot = p;
        A_STORE(s->producers[n], p, memory_order_release); /* edge PRODUCER: release */
        return HO_OK;
    }
    return HO_E_LIMIT;
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
    if (!status && !(status = lanes_begin(p)) &&
        !(p->handle = hoi_handle_new(HOI_PRODUCER, p, &refused))) {
        lanes_end(p);
        status = HO_E_LIMIT;
    }
    if (!status) {
        p->open = 1;
        p->next = sh->producers;
        sh->producers = p;
        s->producers_open++;
        *producer = (ho_producer *)(uintptr_t)p->handle;
    }
    hoi_service_unlock(s);
    return status;
}

int hoi_shard_publish(struct hoi_shard *sh)
{
    int helped = 0;
    for (struct hoi_producer *p = sh->producers; p; p = p->next) {
        hoi_producer_publish(p);
        if (p->helper) {
            hoi_help_settle(p->helper);
            helped = 1;
        }
    }
    return helped;
}

static void leave_shard(struct hoi_producer *p)
{
    struct hoi_producer **at = &p->shard->producers;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

int32_t ho_producer_close(ho_producer *handle)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    if (!p)
        return hoi_handle_status();
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    struct hoi_service *s = p->service;
    hoi_producer_publish(p);
    if (p->helper)
        hoi_help_end(p->helper);
    pthread_mutex_lock(&s->domain->mutex);
    hoi_handle_drop(p->handle);
    leave_shard(p);
    for (uint32_t i = 0; i < p->partitions; i++)
        if (p->lanes[i])
            hoi_partition_disconnect(s, p->lanes[i]);
    lanes_end(p);
    hoi_straggler_leave(p);
    p->open = 0;
    s->producers_open--; /* last: the service may be freed from here on */
    pthread_mutex_unlock(&s->domain->mutex);
    return HO_OK;
}
