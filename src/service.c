/* SPDX-License-Identifier: MIT */
/*
 * Service: opening, closing, and cleanup of lanes that both ends have left.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  CHANGE | service_begin_to_close, hoi_consumer_change | changed, worth_trying | that lanes or state changed | somebody sleeps past a close
 */
#include "consumer_private.h"
#include "producer_private.h"

#include <string.h>

#define LANE_SLOTS_DEFAULT 1024u
#define LANE_SLOTS_MOST 65536u
#define WAIT_NS_DEFAULT 1000000u
#define STRAGGLER_BYTES_DEFAULT ((uint64_t)16 << 20)

static int32_t service_opts_check(const ho_service_opts *opts, ho_service_opts *known)
{
    *known = (ho_service_opts){0};
    int32_t status = opts ? hoi_opts_read(known, sizeof *known, HO_SERVICE_OPTS_MIN, opts) : HO_OK;
    if (status)
        return status;
    if (known->flags & HO_BUF_FLAGS_MUST)
        return HO_E_FLAGS;
    if (known->policy > HO_POLICY_DROP_NEWEST || known->consumers > HO_CONSUMERS_BOUND)
        return HO_E_INVAL;
    if (!known->partitions)
        known->partitions = 1;
    if (!known->lane_slots)
        known->lane_slots = LANE_SLOTS_DEFAULT;
    if (!known->wait_ns)
        known->wait_ns = WAIT_NS_DEFAULT;
    if (!known->straggler_bytes)
        known->straggler_bytes = STRAGGLER_BYTES_DEFAULT;
    if (known->wait_ns > INT64_MAX / 2 || known->partitions > HOI_PARTITIONS_MAX ||
        known->lane_slots < 2 || known->lane_slots > LANE_SLOTS_MOST ||
        (known->lane_slots & (known->lane_slots - 1)))
        return HO_E_RANGE;
    return HO_OK;
}

/* Under the mutex: the lowest free number; its object is reused from an earlier service if there
 * is one. */
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

static size_t parts_bytes(const struct hoi_service *s)
{
    return s->partitions * sizeof *s->parts;
}

static size_t words_bytes(const struct hoi_service *s)
{
    return s->partitions * sizeof *s->claims.parts;
}

static void service_free(struct hoi_service *s)
{
    for (uint32_t n = 0; s->parts && n < s->partitions; n++)
        for (struct hoi_lane_chunk *chunk = hoi_get(s->parts[n].first.next), *next; chunk;
             chunk = next) {
            next = hoi_get(chunk->next);
            hoi_os_free(chunk, sizeof *chunk);
        }
    hoi_os_free(s->parts, parts_bytes(s));
    hoi_os_free(s->claims.parts, words_bytes(s));
    s->parts = NULL;
    s->claims.parts = NULL;
}

static int32_t service_init(struct hoi_service *s, const ho_service_opts *opts)
{
    s->policy = opts->policy;
    s->lane_slots = opts->lane_slots;
    s->wait_ns = opts->wait_ns;
    s->partitions = opts->partitions;
    s->straggler_segs = hoi_whole_segments(s->domain, opts->straggler_bytes);
    /* One partition has one consumer, bound to it: there is nothing to claim. */
    s->bound = opts->consumers == HO_CONSUMERS_BOUND || opts->partitions == 1;
    s->parts = hoi_os_alloc(parts_bytes(s));
    if (!s->bound) {
        s->claims.parts = hoi_os_alloc(words_bytes(s));
        s->claims.part_words = (s->partitions + 63) / 64;
    }
    if (s->parts && (s->bound || s->claims.parts))
        return HO_OK;
    service_free(s);
    return HO_E_NOMEM;
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
    int32_t status = service ? service_opts_check(opts, &known) : HO_E_INVAL;
    if (status)
        return status;
    pthread_mutex_lock(&d->mutex);
    status = service_slot(d, &s);
    if (!status && !(status = service_init(s, &known)) &&
        !(s->handle = hoi_handle_new(HOI_SERVICE, s, &refused))) {
        service_free(s);
        status = HO_E_LIMIT;
    }
    if (!status) {
        s->open = 1;
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
    /* Look up again: another thread may have closed it first. Service handles are removed under
     * the mutex. */
    if (hoi_handle_get(HOI_SERVICE, handle) == s)
        return s;
    pthread_mutex_unlock(&s->domain->mutex);
    return NULL;
}

int hoi_service_ring(struct hoi_service *s, uint32_t consumer)
{
    if (hoi_likely(consumer == HOI_CLAIM_NONE))
        return 0;
    /* edge CONSUMER: acquire */
    return hoi_bell_wake(&A_LOAD(s->consumers[consumer], memory_order_acquire)->bell);
}

/* Under the mutex: producers can't send any more, and sleepers look again. */
static void service_begin_to_close(struct hoi_service *s)
{
    hoi_set(s->closing, 1);
    for (uint32_t n = 0; n < HOI_PRODUCERS_MAX; n++) {
        struct hoi_producer *p = hoi_get(s->producers[n]);
        if (!p)
            break;
        A_STORE(p->closing, 1, memory_order_seq_cst); /* edge CHANGE: release */
        if (!p->open)
            continue;
        hoi_handle_close(p->handle);
        (void)hoi_bell_wake(hoi_get(p->shard->bell));
    }
    if (s->bound) {
        for (uint32_t n = 0; n < s->partitions; n++)
            if (s->parts[n].consumer)
                hoi_consumer_change(s->parts[n].consumer);
        return;
    }
    hoi_claim_end(&s->claims);
    for (uint32_t w = 0; w < hoi_wait_words(&s->claims); w++)
        for (uint64_t bits = hoi_claim_waiting(&s->claims, w); bits; bits &= bits - 1)
            (void)hoi_service_ring(s, w * 64 + hoi_claim_lowest(bits));
}

/* Under the mutex, when no producers and consumers are left: unlinks all lanes. */
static struct hoi_lane *lanes_left(struct hoi_service *s)
{
    struct hoi_lane *gone = NULL;
    for (uint32_t n = 0; s->lanes && n < s->partitions; n++)
        for (struct hoi_lane_chunk *chunk = &s->parts[n].first; chunk; chunk = hoi_get(chunk->next))
            for (uint32_t i = 0; i < HOI_PART_HINT_COUNT; i++)
                if (hoi_get(chunk->lanes[i]))
                    hoi_partition_unlink(hoi_get(chunk->lanes[i]), &gone);
    return gone;
}

/* Under the mutex, with nothing outstanding: frees its objects. */
static void service_end(struct hoi_service *s)
{
    for (uint32_t n = 0; n < HOI_PRODUCERS_MAX; n++)
        hoi_os_free(A_LOAD(s->producers[n], memory_order_relaxed), sizeof(struct hoi_producer));
    for (uint32_t n = 0; n < HOI_CONSUMERS_MAX; n++) {
        struct hoi_consumer *c = hoi_get(s->consumers[n]);
        if (!c)
            break;
        hoi_os_close(hoi_get(c->bell.fd) - 1);
        hoi_os_free(c, sizeof *c);
    }
    hoi_straggler_close(s);
    service_free(s);
    hoi_handle_drop(s->handle);
    s->open = 0;
}

/* One step of closing. HO_OK: closed. HO_TIMEOUT: not yet. HO_E_HANDLE: already closed. */
static int32_t service_close_step(const void *handle, ho_outstanding *out)
{
    struct hoi_service *s = hoi_service_lock(handle);
    *out = (ho_outstanding){0};
    if (!s)
        return hoi_handle_status();
    if (!hoi_get(s->closing))
        service_begin_to_close(s);
    if (!s->producers_open && !hoi_get(s->consumers_open) && s->lanes) {
        struct hoi_lane *left = lanes_left(s);
        s->closers++; /* keeps the service while releases run */
        hoi_service_unlock(s);
        hoi_lanes_destroy(s, left);
        pthread_mutex_lock(&s->domain->mutex);
        s->closers--;
    }
    int gone = !hoi_service_outstanding_add(s, out);
    if (gone)
        service_end(s);
    hoi_service_unlock(s);
    return gone ? HO_OK : HO_TIMEOUT;
}

int32_t ho_service_close(ho_service *handle, int64_t timeout_ns, ho_outstanding *outstanding)
{
    int32_t status = hoi_result_check(outstanding, HO_OUTSTANDING_MIN);
    if (!hoi_handle_get(HOI_SERVICE, handle))
        return hoi_handle_status();
    if (status)
        return status;
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    return hoi_close(handle, service_close_step, timeout_ns, outstanding);
}
