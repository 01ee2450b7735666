/* SPDX-License-Identifier: MIT */
#include "arena_private.h"
#include "owner_private.h"
#include "service_private.h"

#define MAX_BYTES_DEFAULT ((uint64_t)4 << 30)
#define MAX_BYTES_MOST ((uint64_t)128 << 30)
#define SEGMENT_DEFAULT (256u << 10)
#define SEGMENT_LEAST (16u << 10)
#define SEGMENT_MOST (16u << 20)

static int32_t domain_opts_check(const ho_domain_opts *opts, ho_domain_opts *known)
{
    *known = (ho_domain_opts){0};
    int32_t status = opts ? hoi_opts_read(known, sizeof *known, HO_DOMAIN_OPTS_MIN, opts) : HO_OK;
    if (status)
        return status;
    if (known->flags & HO_BUF_FLAGS_MUST)
        return HO_E_FLAGS;
    if (known->reserved0)
        return HO_E_RESERVED;
    if (!known->max_bytes)
        known->max_bytes = MAX_BYTES_DEFAULT;
    if (!known->segment_bytes)
        known->segment_bytes = SEGMENT_DEFAULT;
    uint32_t seg = known->segment_bytes;
    if (known->max_bytes > MAX_BYTES_MOST || seg < SEGMENT_LEAST || seg > SEGMENT_MOST ||
        (seg & (seg - 1)))
        return HO_E_RANGE;
    return HO_OK;
}

static void arena_free(struct hoi_arena *a)
{
    for (uint32_t n = 0; a && n < HOI_SHARDS_MAX && hoi_get(a->shards[n]); n++) {
        struct hoi_shard *sh = hoi_get(a->shards[n]);
        hoi_os_close(hoi_get(sh->own_bell.fd) - 1);
        hoi_os_free(sh, sizeof *sh);
    }
    if (a)
        hoi_heaps_delete(a);
    hoi_os_free(a, sizeof *a);
}

static void domain_free(struct hoi_domain *d)
{
    hoi_owners_free(d);
    for (uint32_t i = 0; i < HOI_ARENAS_MAX; i++)
        arena_free(hoi_get(d->arenas[i]));
    for (uint32_t i = 0; i < HOI_SERVICES_MAX; i++)
        hoi_os_free(d->services[i], sizeof(struct hoi_service));
    hoi_pools_end(d);
    hoi_lane_stock_free(&d->lanes);
    if (d->segs.table)
        hoi_segs_free(&d->segs);
    if (d->handle)
        hoi_handle_drop(d->handle);
    pthread_mutex_destroy(&d->mutex);
    hoi_os_free(d, sizeof *d);
}

int32_t ho_domain_create(const ho_domain_opts *opts, ho_domain **domain)
{
    ho_domain_opts known;
    int refused = 0;
    if (!domain)
        return HO_E_INVAL;
    *domain = NULL;
    int32_t status = domain_opts_check(opts, &known);
    if (status)
        return status;
    struct hoi_domain *d = hoi_os_alloc(sizeof *d);
    if (!d)
        return HO_E_NOMEM;
    pthread_mutex_init(&d->mutex, NULL);
    d->handle = hoi_handle_new(HOI_DOMAIN, d, &refused);
    if (!d->handle)
        status = refused ? HO_E_SYSTEM : HO_E_LIMIT;
    else
        status = hoi_segs_init(&d->segs, known.max_bytes, known.segment_bytes);
    d->slice_numbers = hoi_seg_records(&d->segs, sizeof(struct hoi_slice_record));
    d->foreign_numbers = hoi_seg_records(&d->segs, sizeof(struct hoi_foreign));
    if (status)
        domain_free(d);
    else
        *domain = (ho_domain *)(uintptr_t)d->handle;
    return status;
}

/* One pass over everything that is still outstanding. Returns whether anything is outstanding or
 * open. */
static int look(struct hoi_domain *d, ho_outstanding *out)
{
    *out = (ho_outstanding){0};
    pthread_mutex_lock(&d->mutex);
    int any = hoi_arena_outstanding_add(d, NULL, out);
    for (uint32_t i = 0; i < HOI_ARENAS_MAX; i++) {
        struct hoi_arena *a = hoi_get(d->arenas[i]);
        if (a && (a->open || a->straggler))
            any |= hoi_arena_outstanding_add(d, a, out) | (int)a->open;
    }
    for (uint32_t i = 0; i < HOI_SERVICES_MAX; i++)
        if (d->services[i] && d->services[i]->open) {
            (void)hoi_service_outstanding_add(d->services[i], out);
            any = 1;
        }
    pthread_mutex_unlock(&d->mutex);
    return any || hoi_owners_out(d);
}

static void report(ho_outstanding *theirs, const ho_outstanding *ours)
{
    if (theirs)
        hoi_result_write(theirs, ours, sizeof *ours);
}

int32_t hoi_close(const void *handle, int32_t (*step)(const void *handle, ho_outstanding *out),
                  int64_t timeout_ns, ho_outstanding *outstanding)
{
    ho_outstanding out;
    int64_t deadline_ns = hoi_os_deadline(timeout_ns);
    int32_t status = step(handle, &out);
    while (status == HO_TIMEOUT && timeout_ns != 0 && hoi_os_now_ns() < deadline_ns) {
        hoi_os_sleep_ns(HOI_CLOSE_PAUSE_NS);
        status = step(handle, &out);
        if (status == HO_E_HANDLE) /* another thread closed it first */
            status = HO_OK;
    }
    if (status >= 0)
        report(outstanding, &out);
    return status;
}

/* Advances the close of each service. */
static void close_services(struct hoi_domain *d)
{
    for (uint32_t i = 0; i < HOI_SERVICES_MAX; i++) {
        pthread_mutex_lock(&d->mutex);
        uint64_t handle = d->services[i] && d->services[i]->open ? d->services[i]->handle : 0;
        pthread_mutex_unlock(&d->mutex);
        if (handle)
            (void)ho_service_close((ho_service *)(uintptr_t)handle, 0, NULL);
    }
}

/* Arenas after services, whose messages lie in them. */
static void close_arenas(struct hoi_domain *d)
{
    for (uint32_t i = 0; i < HOI_ARENAS_MAX; i++) {
        pthread_mutex_lock(&d->mutex);
        struct hoi_arena *a = hoi_get(d->arenas[i]);
        uint64_t handle = a && a->open ? a->handle : 0;
        pthread_mutex_unlock(&d->mutex);
        if (handle)
            (void)ho_arena_close((ho_arena *)(uintptr_t)handle, 0, NULL);
    }
}

void hoi_domain_wake(struct hoi_domain *d)
{
    for (uint32_t i = 0; i < HOI_ARENAS_MAX; i++) {
        struct hoi_arena *a = A_LOAD(d->arenas[i], memory_order_acquire); /* edge ARENA: acquire */
        if (!a)
            break;
        hoi_arena_wake(a);
    }
}

int32_t ho_domain_close(ho_domain *handle, int64_t timeout_ns, ho_outstanding *outstanding)
{
    struct hoi_domain *d = hoi_domain_get(handle);
    ho_outstanding out;
    int32_t status = hoi_result_check(outstanding, HO_OUTSTANDING_MIN);
    if (!d)
        return hoi_handle_status();
    if (status)
        return status;
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    pthread_mutex_lock(&d->mutex); /* a concurrent registration has finished by now, or sees this */
    hoi_set(d->closing, 1);
    pthread_mutex_unlock(&d->mutex);
    hoi_owners_retire(d);
    int64_t deadline_ns = hoi_os_deadline(timeout_ns);
    for (;;) {
        close_services(d);
        close_arenas(d);
        int any = look(d, &out);
        if (!any || hoi_os_now_ns() >= deadline_ns || timeout_ns == 0) {
            status = any ? HO_TIMEOUT : HO_OK;
            break;
        }
        hoi_os_sleep_ns(HOI_CLOSE_PAUSE_NS);
    }
    report(outstanding, &out);
    return status;
}

int32_t ho_domain_destroy(ho_domain *handle, ho_outstanding *outstanding)
{
    struct hoi_domain *d = hoi_domain_get(handle);
    ho_outstanding out;
    int32_t status = hoi_result_check(outstanding, HO_OUTSTANDING_MIN);
    if (!d)
        return hoi_handle_status();
    if (status)
        return status;
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    int any = look(d, &out);
    report(outstanding, &out);
    if (any)
        return HO_E_BUSY;
    domain_free(d);
    return HO_OK;
}
