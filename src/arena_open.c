/* SPDX-License-Identifier: MIT */
/*
 * Arena: opening, closing, and explicit trimming.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  ARENA | hoi_arena_new | hoi_domain_wake | the arena object | a read of what is not set up
 *  CLOSING | arena_begin_to_close | hoi_arena_worth_trying, hoi_arena_room | that the arena closes | a shard sleeps past a close
 */
#include "pool_private.h"

#include <string.h>

#define BUDGET_DEFAULT ((uint64_t)64 << 20)
#define KEEP_DEFAULT ((uint64_t)1 << 20)

static int32_t arena_opts_check(const struct hoi_domain *d, const ho_arena_opts *opts,
                                ho_arena_opts *known)
{
    *known = (ho_arena_opts){0};
    int32_t status = opts ? hoi_opts_read(known, sizeof *known, HO_ARENA_OPTS_MIN, opts) : HO_OK;
    if (status)
        return status;
    if (known->flags & HO_BUF_FLAGS_MUST)
        return HO_E_FLAGS;
    if (!known->budget_bytes)
        known->budget_bytes = BUDGET_DEFAULT;
    if (!known->keep_bytes)
        known->keep_bytes = KEEP_DEFAULT;
    if (known->budget_bytes < d->segs.seg_bytes || known->wait_ns > INT64_MAX / 2)
        return HO_E_RANGE;
    return HO_OK;
}

/* Shards left over from an earlier arena don't belong to this one: their counters restart at
 * zero. */
static void forget_counts(struct hoi_arena *a)
{
    for (uint32_t n = 0; n < HOI_SHARDS_MAX && hoi_get(a->shards[n]); n++) {
        hoi_set(hoi_get(a->shards[n])->full, 0);
        hoi_set(hoi_get(a->shards[n])->copies, 0);
    }
}

int32_t hoi_arena_new(struct hoi_domain *d, struct hoi_arena **arena)
{
    for (uint32_t i = 0; i < HOI_ARENAS_MAX; i++) {
        struct hoi_arena *a = hoi_get(d->arenas[i]);
        if (a && (a->open || a->straggler))
            continue;
        if (!a) {
            if (!(a = hoi_os_alloc(sizeof *a)))
                return HO_E_NOMEM;
            a->domain = d;
            A_STORE(d->arenas[i], a, memory_order_release); /* edge ARENA: release */
        }
        memset((uint8_t *)a + HOI_ARENA_KEPT, 0, sizeof *a - HOI_ARENA_KEPT);
        forget_counts(a);
        *arena = a;
        return HO_OK;
    }
    return HO_E_LIMIT;
}

/* Under the mutex. */
static int32_t arena_slot(struct hoi_domain *d, struct hoi_arena **arena)
{
    if (hoi_get(d->closing))
        return HO_E_CLOSED;
    return d->arenas_open == HOI_ARENAS_OPEN_MAX ? HO_E_LIMIT : hoi_arena_new(d, arena);
}

int32_t ho_arena_open(ho_domain *domain, const ho_arena_opts *opts, ho_arena **arena)
{
    struct hoi_domain *d = hoi_domain_get(domain);
    struct hoi_arena *a;
    ho_arena_opts known;
    int refused;
    if (arena)
        *arena = NULL;
    if (!d)
        return hoi_handle_status();
    int32_t status = arena ? arena_opts_check(d, opts, &known) : HO_E_INVAL;
    if (status)
        return status;
    pthread_mutex_lock(&d->mutex);
    status = arena_slot(d, &a);
    if (!status && !(a->handle = hoi_handle_new(HOI_ARENA, a, &refused)))
        status = HO_E_LIMIT;
    if (!status) {
        a->budget_segs = hoi_whole_segments(d, known.budget_bytes);
        if (a->budget_segs >
            UINT32_MAX) /* more than the address space: budget.inl counts in 32 bits */
            a->budget_segs = UINT32_MAX;
        a->keep_segs = hoi_whole_segments(d, known.keep_bytes);
        hoi_heap_begin(a);
        a->wait_ns = known.wait_ns;
        hoi_set(a->epoch_ns, hoi_os_now_ns());
        a->open = 1;
        d->arenas_open++;
        *arena = (ho_arena *)(uintptr_t)a->handle;
    }
    pthread_mutex_unlock(&d->mutex);
    return status;
}

struct hoi_arena *hoi_arena_lock(const ho_arena *handle)
{
    struct hoi_arena *a = hoi_handle_get(HOI_ARENA, handle);
    if (!a)
        return NULL;
    pthread_mutex_lock(&a->domain->mutex);
    /* Look up again: another thread may have closed it first. Arena handles are removed under
     * the mutex. */
    if (hoi_handle_get(HOI_ARENA, handle) == a)
        return a;
    pthread_mutex_unlock(&a->domain->mutex);
    return NULL;
}

/* Under the mutex: no new reservations from here on, and threads waiting for memory look again. */
static void arena_begin_to_close(struct hoi_arena *a)
{
    A_STORE(a->closing, 1, memory_order_seq_cst); /* edge CLOSING: release */
    hoi_handle_close(a->handle);
    hoi_pools_closing(a);
    for (uint32_t n = 0; n < HOI_SHARDS_MAX; n++) {
        struct hoi_shard *sh = hoi_get(a->shards[n]);
        if (!sh)
            break;
        hoi_set(sh->closing, 1);
        if (sh->open)
            hoi_handle_close(sh->handle);
        (void)hoi_bell_wake(hoi_get(sh->bell));
    }
}

/* Under the mutex, with nothing outstanding. */
static void arena_end(struct hoi_arena *a)
{
    (void)hoi_arena_shrink(a, 0, UINT64_MAX);
    hoi_handle_drop(a->handle);
    a->open = 0;
    a->domain->arenas_open--;
}

/* One step of closing. HO_OK: closed. HO_TIMEOUT: not yet. HO_E_HANDLE: already closed. */
static int32_t arena_close_step(const void *handle, ho_outstanding *out)
{
    struct hoi_arena *a = hoi_arena_lock(handle);
    *out = (ho_outstanding){0};
    if (!a)
        return hoi_handle_status();
    if (!hoi_get(a->closing))
        arena_begin_to_close(a);
    int gone = !hoi_arena_outstanding_add(a->domain, a, out) && hoi_heap_leave(a);
    if (gone)
        arena_end(a);
    pthread_mutex_unlock(&a->domain->mutex);
    return gone ? HO_OK : HO_TIMEOUT;
}

int32_t ho_arena_close(ho_arena *handle, int64_t timeout_ns, ho_outstanding *outstanding)
{
    int32_t status = hoi_result_check(outstanding, HO_OUTSTANDING_MIN);
    if (!hoi_handle_get(HOI_ARENA, handle))
        return hoi_handle_status();
    if (status)
        return status;
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    return hoi_close(handle, arena_close_step, timeout_ns, outstanding);
}

int32_t ho_arena_trim(ho_arena *handle, uint64_t keep_bytes, uint64_t *freed)
{
    if (freed)
        *freed = 0;
    struct hoi_arena *a = hoi_handle_get(HOI_ARENA, handle);
    if (!a)
        return hoi_handle_status();
    uint64_t bytes = hoi_heap_trim(a, &keep_bytes), used = A_LOAD(a->in_use, memory_order_relaxed);
    uint64_t kept = hoi_whole_segments(a->domain, keep_bytes) + hoi_arena_pool_segments(a);
    uint64_t n = hoi_arena_shrink(a, used + kept, UINT64_MAX);
    if (freed)
        *freed = bytes + n * a->domain->segs.seg_bytes;
    return HO_OK;
}
