/* SPDX-License-Identifier: MIT */
#ifndef HOI_DOMAIN_PRIVATE_H
#define HOI_DOMAIN_PRIVATE_H

#include "handle.h"
#include "lane.h"
#include "record.h"
#include "segment.h"

#include "handoff/domain.h"

#define HOI_SERVICES_MAX 256u
#define HOI_ARENAS_OPEN_MAX 256u                                /* opened by users */
#define HOI_ARENAS_MAX (HOI_ARENAS_OPEN_MAX + HOI_SERVICES_MAX) /* and one per service */
#define HOI_OWNERS_MAX 1024u

/* How often a waiting close polls. */
#define HOI_CLOSE_PAUSE_NS 200000

struct hoi_arena;
struct hoi_owner;
struct hoi_percpu_cache;
struct hoi_service;

struct hoi_domain {
    struct hoi_segs segs;
    struct hoi_slices slices;
    uint32_t slice_numbers, foreign_numbers; /* records per segment */
    uint64_t handle;
    pthread_mutex_t mutex; /* opening, closing, statistics: never the hot path */
    struct hoi_lane_stock lanes;
    A_TYPE(uint32_t) closing;
    A_TYPE(int64_t)
    rest_ns; /* when some pool may have been oversized for long enough; 0: none is */
    A_TYPE(struct hoi_arena *) arenas[HOI_ARENAS_MAX]; /* number - 1, lowest first; kept */
    uint32_t arenas_open;                              /* by users */
    struct hoi_percpu_cache *refusing; /* of all pools, NULL until the first: pool_map.c */
    uint64_t refusing_bytes;
    struct hoi_service *services[HOI_SERVICES_MAX]; /* number - 1 */
    A_TYPE(struct hoi_owner *) owners[HOI_OWNERS_MAX];
};

static inline struct hoi_domain *hoi_domain_get(const ho_domain *handle)
{
    return hoi_handle_get(HOI_DOMAIN, handle);
}

/* Did the domain hand this descriptor out, and with this kind? */
static inline int hoi_seal_fits(const struct hoi_domain *d, const ho_buf *b)
{
    return b->owner == hoi_seal_of(&d->segs.key, b->kind, b);
}

/* Is this a buffer of the domain, not a loan, that somebody holds? */
static inline int32_t hoi_buffer_check(struct hoi_domain *d, const ho_buf *b)
{
    struct hoi_seg *seg;
    if (b->kind < HO_KIND_ARENA || b->kind > HO_KIND_SLICE)
        return HO_E_KIND;
    int32_t status = hoi_seg_find(&d->segs, b->handle, &seg);
    if (status)
        return status;
    if (!hoi_seal_fits(d, b) || !hoi_seg_live(seg, b->handle) ||
        hoi_note_hops(hoi_get(seg->notes[hoi_buf_number(b->handle)])) != b->hops)
        return HO_E_STALE;
    return b->len > b->cap ? HO_E_RANGE : HO_OK;
}

/* Adds what is outstanding to `out`: of an arena, of the domain's slices (arena NULL), or of a
 * service. Under the mutex. Returns whether there was anything. */
int hoi_arena_outstanding_add(struct hoi_domain *d, const struct hoi_arena *a, ho_outstanding *out);
int hoi_service_outstanding_add(const struct hoi_service *s, ho_outstanding *out);

/* Closes an arena or a service: repeats `step` until it returns something other than HO_TIMEOUT,
 * or the timeout expires. */
int32_t hoi_close(const void *handle, int32_t (*step)(const void *handle, ho_outstanding *out),
                  int64_t timeout_ns, ho_outstanding *outstanding);

/* Segments of the domain came back: wakes every shard of any arena that waits for memory. */
void hoi_domain_wake(struct hoi_domain *d);

/* pool_rest.c: a consumer is about to sleep and rest_ns is set: once that time has come,
 * releases some unused memory. */
HOI_COLD void hoi_pools_rest(struct hoi_domain *d);

/* pool_map.c: the domain is being destroyed. */
void hoi_pools_end(struct hoi_domain *d);

/* slice.c: holds the memory of a buffer (hoi_parent_of) the way a slice does. 0 if its last
 * holder has just returned it: the caller did not hold what it claimed to. return.c: drops the
 * hold. */
int hoi_parent_hold(struct hoi_domain *d, uint64_t parent);
void hoi_parent_drop(struct hoi_domain *d, uint64_t parent);

/* return.c: releases buffers that are not delivered, or were replaced by copies; any kind but
 * loans. */
void hoi_release(struct hoi_domain *d, ho_buf *bufs, uint32_t count, uint32_t reason);

/* Checks the size and tail of an options struct, and copies the known part; the rest is zero. */
int32_t hoi_opts_read(void *known, size_t known_bytes, size_t min_bytes, const void *theirs);
/* Writes a result struct up to the caller's size. */
int32_t hoi_result_check(const void *theirs, size_t min_bytes);
void hoi_result_write(void *theirs, const void *ours, size_t our_bytes);

/* This thread is inside a user callback: closing and destroying are refused. */
extern _Thread_local uint32_t hoi_in_callback __attribute__((tls_model("initial-exec")));

#endif
