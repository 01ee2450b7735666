/* SPDX-License-Identifier: MIT */
/*
 * Service: opening, closing, and what happens to lanes that both ends have left.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  CHANGE | hoi_service_touch | changed, hoi_producer_wait | that lanes or state changed | somebody sleeps past a close
 */
#include "consumer_private.h"
#include "producer_private.h"

#include <string.h>

#define LANE_SLOTS_DEFAULT 1024u
#define LANE_SLOTS_MOST 65536u
#define WAIT_NS_DEFAULT 1000000u

static int32_t opts_check(const ho_service_opts *opts, ho_service_opts *known)
{
    *known = (ho_service_opts){0};
    int32_t status = opts ? hoi_opts_read(known, sizeof *known, HO_SERVICE_OPTS_MIN, opts) : HO_OK;
    if (status)
        return status;
    if (known->flags & HO_BUF_FLAGS_MUST)
        return HO_E_FLAGS;
    if (known->reserved0)
        return HO_E_RESERVED;
    if (known->policy > HO_POLICY_DROP_NEWEST || known->routing > HO_ROUTE_NUMBER)
        return HO_E_INVAL;
    if (!known->lane_slots)
        known->lane_slots = LANE_SLOTS_DEFAULT;
    if (!known->wait_ns)
        known->wait_ns = WAIT_NS_DEFAULT;
    if (known->wait_ns > INT64_MAX / 2 || known->lane_slots < 2 ||
        known->lane_slots > LANE_SLOTS_MOST || (known->lane_slots & (known->lane_slots - 1)))
        return HO_E_RANGE;
    return HO_OK;
}

/* Under the mutex: the lowest free number; its object is kept from an earlier service if any. */
static int32_t service_slot(struct hoi_domain *d, struct hoi_service **slot)
{
    if (hoi_get(d->closing))
        return HO_E_CLOSED;
    for (uint32_t i = 0; i < HOI_SERVICES_MAX; i++) {
        if (d->services[i] && d->services[i]->open)
            continue;
        if (!d->services[i]) {
            if (!(d->services[i] = hoi_os_alloc(sizeof **slot)))
                return HO_E_NOMEM;
            d->services[i]->domain = d;
            d->services[i]->number = i + 1;
        }
        *slot = d->services[i];
        memset((uint8_t *)*slot + HOI_SERVICE_KEPT, 0, sizeof **slot - HOI_SERVICE_KEPT);
        return HO_OK;
    }
    return HO_E_LIMIT;
}

static void service_init(struct hoi_service *s, const ho_service_opts *opts)
{
    s->policy = opts->policy;
    s->routing = opts->routing;
    s->lane_slots = opts->lane_slots;
    s->wait_ns = opts->wait_ns;
    for (uint32_t b = 0; b < HOI_BUCKETS; b++)
        s->route[b] = HOI_NOBODY;
    s->open = 1;
}

int32_t ho_service_open(ho_domain *domain, const ho_service_opts *opts, ho_service **service)
{
    struct hoi_domain *d = hoi_domain_get(domain);
    struct hoi_service *s;
    ho_service_opts known;
    int refused;
    if (service)
        *service = NULL;
    if (!d)
        return hoi_handle_status();
    int32_t status = service ? opts_check(opts, &known) : HO_E_INVAL;
    if (status)
        return status;
    pthread_mutex_lock(&d->mutex);
    status = service_slot(d, &s);
    if (!status && !(s->handle = hoi_handle_new(HOI_SERVICE, s, &refused)))
        status = HO_E_LIMIT;
    if (!status) {
        service_init(s, &known);
        *service = (ho_service *)(uintptr_t)s->handle;
    }
    pthread_mutex_unlock(&d->mutex);
    return status;
}

struct hoi_service *hoi_service_lock(const ho_service *handle)
{
    struct hoi_service *s = hoi_handle_get(HOI_SERVICE, handle);
    if (!s)
        return NULL;
    pthread_mutex_lock(&s->domain->mutex);
    /* Again, because a closer may have been first; handles of services go under the mutex. */
    if (hoi_handle_get(HOI_SERVICE, handle) == s)
        return s;
    pthread_mutex_unlock(&s->domain->mutex);
    return NULL;
}

void hoi_service_touch(struct hoi_service *s)
{
    for (uint32_t n = 0; n < HOI_PRODUCERS_MAX; n++) {
        struct hoi_producer *p = A_LOAD(s->producers[n], memory_order_relaxed);
        if (!p)
            break;
        A_STORE(p->changed, 1, memory_order_seq_cst); /* edge CHANGE: release */
        if (p->open == HOI_OPEN)
            (void)hoi_bell_wake(&p->shard->bell);
    }
    for (uint32_t n = 0; n < HOI_CONSUMERS_MAX; n++) {
        struct hoi_consumer *c = s->consumers[n];
        if (!c || !c->open)
            continue;
        A_STORE(c->changed, 1, memory_order_seq_cst); /* edge CHANGE: release */
        (void)hoi_bell_wake(&c->bell);
    }
}

void hoi_lane_unlink(struct hoi_service *s, struct hoi_lane *lane, struct hoi_lane **dead)
{
    struct hoi_lane **at = &s->lanes;
    while (*at != lane)
        at = &(*at)->next;
    *at = lane->next;
    lane->next = *dead;
    *dead = lane;
}

void hoi_lane_cancel(struct hoi_service *s, struct hoi_lane *lane, uint64_t most)
{
    ho_buf bufs[32];
    while (most) {
        struct hoi_taking taking = {.service = s->number};
        uint32_t n = hoi_lane_take(&lane->core, bufs, most < 32 ? (uint32_t)most : 32, &taking);
        if (!n)
            return;
        hoi_count(s->cancelled, n);
        hoi_count(s->cancelled_bytes, taking.bytes);
        hoi_cancel(s->domain, bufs, n);
        hoi_lane_free(&lane->core);
        most -= n;
    }
}

void hoi_lanes_bury(struct hoi_service *s, struct hoi_lane *dead)
{
    for (struct hoi_lane *next; dead; dead = next) {
        next = dead->next;
        hoi_lane_cancel(s, dead, UINT64_MAX);
        hoi_lane_delete(&s->domain->lanes, dead);
    }
}

/* Under the mutex: lanes that both ends have left while the service was open. */
static struct hoi_lane *abandoned(struct hoi_service *s)
{
    struct hoi_lane *dead = NULL;
    for (struct hoi_lane *lane = s->lanes, *next; lane; lane = next) {
        next = lane->next;
        if (!lane->producer && !lane->consumer)
            hoi_lane_unlink(s, lane, &dead);
    }
    return dead;
}

/* Under the mutex, nothing is out: its objects go. */
static void service_end(struct hoi_service *s)
{
    for (uint32_t n = 0; n < HOI_PRODUCERS_MAX; n++)
        hoi_os_free(A_LOAD(s->producers[n], memory_order_relaxed), sizeof(struct hoi_producer));
    for (uint32_t n = 0; n < HOI_CONSUMERS_MAX; n++) {
        if (!s->consumers[n])
            continue;
        hoi_os_close(hoi_get(s->consumers[n]->bell.fd) - 1);
        hoi_os_free(s->consumers[n], sizeof(struct hoi_consumer));
    }
    hoi_handle_drop(s->handle);
    s->open = 0;
}

/* One step of closing. HO_OK: gone. HO_TIMEOUT: not yet. HO_E_HANDLE: it was gone before. */
static int32_t close_step(const ho_service *handle, ho_outstanding *out)
{
    struct hoi_service *s = hoi_service_lock(handle);
    *out = (ho_outstanding){0};
    if (!s)
        return hoi_handle_status();
    if (!hoi_get(s->closing)) {
        hoi_set(s->closing, 1);
        hoi_service_touch(s);
    }
    struct hoi_lane *dead = abandoned(s);
    if (dead) {
        s->closers++; /* keeps the service while releases run */
        hoi_service_unlock(s);
        hoi_lanes_bury(s, dead);
        pthread_mutex_lock(&s->domain->mutex);
        s->closers--;
    }
    int gone = !hoi_service_outstanding_add(s, out) && !s->lanes;
    if (gone)
        service_end(s);
    hoi_service_unlock(s);
    return gone ? HO_OK : HO_TIMEOUT;
}

int32_t ho_service_close(ho_service *handle, int64_t timeout_ns, ho_outstanding *outstanding)
{
    ho_outstanding out;
    int32_t status = hoi_result_check(outstanding, HO_OUTSTANDING_MIN);
    if (!hoi_handle_get(HOI_SERVICE, handle))
        return hoi_handle_status();
    if (status)
        return status;
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    int64_t deadline_ns = hoi_os_deadline(timeout_ns);
    status = close_step(handle, &out);
    while (status == HO_TIMEOUT && timeout_ns != 0 && hoi_os_now_ns() < deadline_ns) {
        hoi_os_sleep_ns(HOI_CLOSE_PAUSE_NS);
        status = close_step(handle, &out);
        if (status == HO_E_HANDLE) /* another closer was first: it is closed */
            status = HO_OK;
    }
    if (outstanding && status >= 0)
        hoi_result_write(outstanding, &out, sizeof out);
    return status;
}
