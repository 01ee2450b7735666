/* SPDX-License-Identifier: MIT */
/*
 * Owners of foreign memory. An owner is registered once, and each accepted buffer is released to it
 * exactly once.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  OWNER | owner_slot, ho_owner_register | find, find_and_hold, batch_turn, hoi_owners_retire, hoi_owners_out
 *      | the callbacks and the context | a wild call
 *  QUEUE | hoi_owner_queue | take_queue | the record, and the last reads of the bytes | freed under a reader
 *  OUT | hoi_owner_drop | finished, slot_fits, hoi_owners_out | that every release has returned | code unloaded under a release
 */
#include "owner_private.h"
#include "arena_private.h"

_Thread_local uint32_t hoi_in_callback;

/* In `out` while an owner is registered: larger than any number of buffers. */
#define OWNER_BIAS ((uint64_t)1 << 48)

static struct hoi_owner *find(struct hoi_domain *d, uint32_t id)
{
    if (hoi_owner_index(id) >= HOI_OWNERS_MAX)
        return NULL;
    struct hoi_owner *o =
        A_LOAD(d->owners[hoi_owner_index(id)], memory_order_acquire); /* edge OWNER: acquire */
    return o && A_LOAD(o->id, memory_order_acquire) == id ? o : NULL; /* edge OWNER: acquire */
}

/* Finds an owner and adds n to its `out`, if that is `least` or more: a count that has reached
 * zero stays zero. Once held, the owner's id can't change; before, the slot may get another
 * owner, so the id is checked again. */
static struct hoi_owner *find_and_hold(struct hoi_domain *d, uint32_t id, uint64_t least,
                                       uint64_t n)
{
    struct hoi_owner *o = find(d, id);
    if (!o)
        return NULL;
    uint64_t out = A_LOAD(o->out, memory_order_relaxed);
    do
        if (out < least)
            return NULL;
    while (!A_CAS(o->out, out, out + n, memory_order_acquire, /* edge OWNER: acquire */
                  memory_order_relaxed));
    if (A_LOAD(o->id, memory_order_acquire) == id) /* edge OWNER: acquire */
        return o;
    hoi_owner_drop(o, n);
    return NULL;
}

struct hoi_owner *hoi_owner_hold(struct hoi_domain *d, uint32_t id, uint64_t n)
{
    return find_and_hold(d, id, OWNER_BIAS, n); /* below BIAS it is retired */
}

void hoi_owner_drop(struct hoi_owner *o, uint64_t n)
{
    (void)hoi_count_drop(&o->out, n); /* edge OUT: release */
}

void hoi_owner_release(struct hoi_owner *o, const ho_release_rec *recs, uint32_t n)
{
    hoi_in_callback++;
    o->release(o->ctx, recs, n);
    hoi_in_callback--;
    hoi_owner_drop(o, n);
}

/* Queued records are linked by {segment, number} + 1, newest first. */
static struct hoi_foreign *record_of(struct hoi_domain *d, uint32_t link, struct hoi_seg **seg)
{
    *seg = hoi_seg_at(&d->segs, (link - 1) / HOI_SEG_NUMBERS);
    return hoi_foreign_at(*seg, (link - 1) % HOI_SEG_NUMBERS);
}

void hoi_owner_queue(struct hoi_owner *o, struct hoi_seg *seg, uint32_t number)
{
    struct hoi_foreign *f = hoi_foreign_at(seg, number);
    uint32_t link = seg->index * HOI_SEG_NUMBERS + number + 1;
    int event = o->mode == HO_RELEASE_EVENT; /* read first: the owner may be gone after the push */
    int fd = event ? hoi_get(o->fd) - 1 : -1;
    uint32_t head = A_LOAD(o->queue, memory_order_relaxed);
    do
        hoi_set(f->next, head);
    while (!A_CAS(o->queue, head, link, memory_order_acq_rel, /* edge QUEUE: release */
                  memory_order_relaxed));
    if (event && !head) /* one write each time the queue becomes non-empty */
        hoi_os_eventfd_write(fd);
}

/* Moves everything queued, oldest first, behind what was taken earlier and not released yet. */
static void take_queue(struct hoi_domain *d, struct hoi_owner *o)
{
    uint32_t link = A_XCHG(o->queue, 0, memory_order_acq_rel); /* edge QUEUE: acquire */
    uint32_t reversed = 0;
    while (link) {
        struct hoi_seg *seg;
        struct hoi_foreign *f = record_of(d, link, &seg);
        uint32_t next = hoi_get(f->next);
        hoi_set(f->next, reversed);
        reversed = link;
        link = next;
    }
    o->drained = reversed;
}

/* Takes the oldest queued record off the queue; 0 if there is none. */
static uint32_t next_queued(struct hoi_domain *d, struct hoi_owner *o)
{
    if (!o->drained) {
        if (o->mode == HO_RELEASE_EVENT)
            (void)hoi_os_eventfd_read(hoi_get(o->fd) - 1); /* before: no write gets lost */
        take_queue(d, o);
    }
    return o->drained;
}

static void release_queued(struct hoi_domain *d, struct hoi_owner *o, uint32_t link)
{
    struct hoi_seg *seg;
    struct hoi_foreign *f = record_of(d, link, &seg);
    ho_release_rec rec = {.token = hoi_get(f->token),
                          .base = (void *)(uintptr_t)hoi_get(f->base),
                          .size = hoi_get(f->size),
                          .owner = hoi_get(f->owner),
                          .reason = hoi_get(f->reason)};
    o->drained = hoi_get(f->next);
    hoi_set(f->refs, 0);
    if (hoi_count_drop(&seg->count, HOI_COUNT_HOLD))
        hoi_seg_recycle(d, seg);
    hoi_owner_release(o, &rec, 1);
}

int32_t ho_owner_drain(ho_domain *handle, uint32_t owner, uint32_t max, uint32_t *drained)
{
    struct hoi_domain *d = hoi_domain_get(handle);
    uint32_t n = 0, link;
    if (drained)
        *drained = 0;
    if (!d)
        return hoi_handle_status();
    struct hoi_owner *o =
        find_and_hold(d, owner, 1, 1); /* keeps the owner until this call is done */
    if (!o)
        return HO_E_OWNER;
    int32_t status = o->mode == HO_RELEASE_INLINE ? HO_E_KIND
                     : hoi_in_callback            ? HO_E_REENTRANT
                                                  : HO_OK;
    for (; !status && n < max && (link = next_queued(d, o)); n++)
        release_queued(d, o, link);
    if (!status && o->mode == HO_RELEASE_EVENT && o->drained)
        hoi_os_eventfd_write(hoi_get(o->fd) - 1); /* readable while something is queued */
    hoi_owner_drop(o, 1);
    if (drained)
        *drained = n;
    return status ? status : n ? HO_OK : HO_EMPTY;
}

int32_t ho_owner_fd(ho_domain *handle, uint32_t owner, int32_t *fd)
{
    struct hoi_domain *d = hoi_domain_get(handle);
    if (fd)
        *fd = -1;
    if (!d)
        return hoi_handle_status();
    if (!fd)
        return HO_E_INVAL;
    struct hoi_owner *o = find_and_hold(d, owner, 1, 1);
    if (!o)
        return HO_E_OWNER;
    int32_t status = o->mode == HO_RELEASE_EVENT ? HO_OK : HO_E_KIND;
    if (!status && (*fd = hoi_os_dup(hoi_get(o->fd) - 1)) < 0)
        status = HO_E_SYSTEM;
    hoi_owner_drop(o, 1);
    return status;
}

static int32_t owner_opts_check(const ho_owner_opts *opts, ho_owner_opts *known)
{
    int32_t status =
        opts ? hoi_opts_read(known, sizeof *known, HO_OWNER_OPTS_MIN, opts) : HO_E_INVAL;
    if (!status && (!known->release || known->mode > HO_RELEASE_EVENT))
        status = HO_E_INVAL;
    return status;
}

/* Under the mutex. The descriptor's number is reused from an earlier owner, since a late write
 * may still come. It gets a new file, so that the earlier user's duplicate stays silent. */
static int32_t owner_descriptor(struct hoi_owner *o)
{
    int fd = hoi_get(o->fd) - 1;
    if (fd >= 0)
        return hoi_os_eventfd_renew(fd) ? HO_E_SYSTEM : HO_OK;
    fd = hoi_os_eventfd();
    if (fd < 0)
        return HO_E_SYSTEM;
    hoi_set(o->fd, fd + 1);
    return HO_OK;
}

/* Is this slot usable? An owner that is retired with nothing outstanding but never finished by
 * its user is replaced only if no other slot is free. */
static int slot_fits(const struct hoi_owner *o, int or_left)
{
    if (!o)
        return 1;
    if (o->generation == HOI_OWNER_GENERATIONS - 1)
        return 0;
    return !hoi_get(o->id) ||
           (or_left && !A_LOAD(o->out, memory_order_acquire)); /* edge OUT: acquire */
}

/* Under the mutex: a free slot; its object is reused from an earlier owner. */
static int32_t owner_slot(struct hoi_domain *d, uint32_t mode, uint32_t *index,
                          struct hoi_owner **slot)
{
    for (uint32_t n = 0; n < 2 * HOI_OWNERS_MAX; n++) {
        uint32_t i = n % HOI_OWNERS_MAX;
        struct hoi_owner *o = A_LOAD(d->owners[i], memory_order_relaxed);
        if (!slot_fits(o, n >= HOI_OWNERS_MAX))
            continue;
        if (!o && !(o = hoi_os_alloc(sizeof *o)))
            return HO_E_NOMEM;
        A_STORE(d->owners[i], o, memory_order_release); /* edge OWNER: release */
        *index = i;
        *slot = o;
        return mode == HO_RELEASE_EVENT ? owner_descriptor(o) : HO_OK;
    }
    return HO_E_LIMIT;
}

int32_t ho_owner_register(ho_domain *handle, const ho_owner_opts *opts, uint32_t *owner)
{
    struct hoi_domain *d = hoi_domain_get(handle);
    struct hoi_owner *o;
    ho_owner_opts known;
    uint32_t index;
    if (owner)
        *owner = 0;
    if (!d)
        return hoi_handle_status();
    int32_t status = owner ? owner_opts_check(opts, &known) : HO_E_INVAL;
    if (status)
        return status;
    pthread_mutex_lock(&d->mutex);
    status = hoi_get(d->closing) ? HO_E_CLOSED : owner_slot(d, known.mode, &index, &o);
    if (!status) {
        o->release = known.release;
        o->ctx = known.ctx;
        o->mode = known.mode;
        o->drained = 0;
        A_STORE(o->id, 0,
                memory_order_relaxed); /* relaxed: nobody can hold this owner by an old id */
        A_STORE(o->out, OWNER_BIAS, memory_order_release); /* edge OWNER: release */
        o->generation++;
        *owner = o->generation << HOI_OWNER_INDEX_BITS | (index + 1);
        A_STORE(o->id, *owner, memory_order_release); /* edge OWNER: release */
    }
    pthread_mutex_unlock(&d->mutex);
    return status;
}

/* Stops giving: the first caller takes BIAS off. */
static void stop_giving(struct hoi_domain *d, uint32_t id)
{
    struct hoi_owner *o = hoi_owner_hold(d, id, 1);
    if (!o)
        return;
    uint64_t out = A_LOAD(o->out, memory_order_relaxed);
    while (out >= OWNER_BIAS &&
           !A_CAS(o->out, out, out - OWNER_BIAS, memory_order_relaxed, memory_order_relaxed))
        ;
    hoi_owner_drop(o, 1);
}

/* HO_OK, to one caller: nothing is outstanding or running, and the slot is free. */
static int32_t finished(struct hoi_domain *d, uint32_t id)
{
    struct hoi_owner *o = find(d, id);
    if (!o)
        return HO_E_OWNER;
    if (A_LOAD(o->out, memory_order_acquire)) /* edge OUT: acquire */
        return HO_TIMEOUT;
    return A_CAS(o->id, id, 0, memory_order_relaxed, memory_order_relaxed) ? HO_OK : HO_E_OWNER;
}

int32_t ho_owner_retire(ho_domain *handle, uint32_t owner, int64_t timeout_ns)
{
    struct hoi_domain *d = hoi_domain_get(handle);
    if (!d)
        return hoi_handle_status();
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    stop_giving(d, owner);
    int32_t status = finished(d, owner);
    if (status != HO_TIMEOUT || timeout_ns == 0)
        return status;
    int64_t deadline_ns = hoi_os_deadline(timeout_ns);
    while (status == HO_TIMEOUT && hoi_os_now_ns() < deadline_ns) {
        hoi_os_sleep_ns(HOI_CLOSE_PAUSE_NS);
        status = finished(d, owner);
    }
    return status;
}

void hoi_owners_retire(struct hoi_domain *d)
{
    for (uint32_t i = 0; i < HOI_OWNERS_MAX; i++) {
        struct hoi_owner *o = A_LOAD(d->owners[i], memory_order_acquire); /* edge OWNER: acquire */
        uint32_t id = o ? hoi_get(o->id) : 0;
        if (id)
            stop_giving(d, id);
    }
}

uint32_t hoi_owners_out(struct hoi_domain *d)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < HOI_OWNERS_MAX; i++) {
        struct hoi_owner *o = A_LOAD(d->owners[i], memory_order_acquire); /* edge OWNER: acquire */
        n += o && A_LOAD(o->out, memory_order_acquire);                   /* edge OUT: acquire */
    }
    return n;
}

void hoi_owners_free(struct hoi_domain *d)
{
    for (uint32_t i = 0; i < HOI_OWNERS_MAX; i++) {
        struct hoi_owner *o = A_LOAD(d->owners[i], memory_order_relaxed);
        if (!o)
            continue;
        hoi_os_close(hoi_get(o->fd) - 1);
        hoi_os_free(o, sizeof *o);
    }
}
