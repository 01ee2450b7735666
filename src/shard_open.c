/* SPDX-License-Identifier: MIT */
/*
 * Shard: opening, closing, and its descriptor. Loans are in shard.c.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  SHARD | hoi_shard_new | hoi_arena_wake, shards_add | the shard object | a read of what is not set up
 */
#include "arena_private.h"
#include "service_private.h"

/* An object with the lowest free number; reused from an earlier shard if there is one. */
int32_t hoi_shard_new(struct hoi_arena *a, struct hoi_shard **shard)
{
    for (uint32_t n = 0; n < HOI_SHARDS_MAX; n++) {
        struct hoi_shard *sh = A_LOAD(a->shards[n], memory_order_relaxed);
        if (sh && sh->open)
            continue;
        if (!sh && !(sh = hoi_os_alloc(sizeof *sh)))
            return HO_E_NOMEM;
        sh->arena = a;
        sh->domain = a->domain;
        sh->seg = sh->recs = &hoi_seg_none;
        sh->armable = 0;
        sh->producers = NULL;
        hoi_set(sh->bell, &sh->own_bell);
        hoi_set(sh->closing, 0);
        sh->open = 1;
        a->shards_open++;
        *shard = sh;
        A_STORE(a->shards[n], sh, memory_order_release); /* edge SHARD: release */
        return HO_OK;
    }
    return HO_E_LIMIT;
}

void hoi_shard_delete(struct hoi_shard *sh)
{
    sh->open = 0;
    sh->arena->shards_open--;
}

int32_t ho_shard_open(ho_arena *arena, ho_shard **shard)
{
    struct hoi_shard *sh;
    int refused;
    if (shard)
        *shard = NULL;
    struct hoi_arena *a = hoi_arena_lock(arena);
    if (!a)
        return hoi_handle_status();
    int32_t status = !shard ? HO_E_INVAL : hoi_get(a->closing) ? HO_E_CLOSED : HO_OK;
    if (!status)
        status = hoi_shard_new(a, &sh);
    if (!status && !(sh->handle = hoi_handle_new(HOI_SHARD, sh, &refused))) {
        hoi_shard_delete(sh);
        status = HO_E_LIMIT;
    }
    if (!status)
        *shard = (ho_shard *)(uintptr_t)sh->handle;
    pthread_mutex_unlock(&a->domain->mutex);
    return status;
}

int32_t ho_shard_close(ho_shard *handle)
{
    struct hoi_shard *sh = hoi_shard_get(handle);
    if (!sh)
        return hoi_handle_status();
    if (hoi_in_callback)
        return HO_E_REENTRANT;
    if (sh->producers)
        return HO_E_BUSY;
    struct hoi_domain *d = sh->domain;
    hoi_shard_leave(sh);
    pthread_mutex_lock(&d->mutex);
    hoi_bell_disarm(hoi_get(sh->bell));
    hoi_handle_drop(sh->handle);
    hoi_shard_delete(sh); /* last: the arena may be freed from here on */
    pthread_mutex_unlock(&d->mutex);
    return HO_OK;
}

int32_t ho_shard_fd(ho_shard *handle, int32_t *fd)
{
    struct hoi_shard *sh = hoi_shard_get(handle);
    if (fd)
        *fd = -1;
    if (!sh)
        return hoi_handle_status();
    if (!fd)
        return HO_E_INVAL;
    if (sh->producers)
        return HO_E_BUSY; /* their lanes' bells were chosen when they were made */
    int known = hoi_get(sh->own_bell.fd) - 1, theirs = -1;
    if (known < 0)
        known = hoi_os_eventfd();
    else if (!sh->armable && hoi_os_eventfd_renew(known))
        return HO_E_SYSTEM; /* an earlier shard's: its duplicates stay silent */
    if (known < 0 || (theirs = hoi_os_dup(known)) < 0) {
        if (!hoi_get(sh->own_bell.fd))
            hoi_os_close(known);
        return HO_E_SYSTEM;
    }
    hoi_set(sh->own_bell.fd, known + 1);
    sh->armable = 1;
    *fd = theirs;
    return HO_OK;
}

int hoi_shard_worth_trying(struct hoi_shard *sh, uint64_t segments)
{
    A_STORE(sh->arena->waiting, 1, memory_order_seq_cst); /* edge STARVED: release */
    HO_HOOK("shard:armed");
    (void)hoi_heap_trim(sh->arena, &(uint64_t){0}); /* from here on frees trim */
    return segments > 1 ? hoi_arena_room(sh->arena, segments) : hoi_arena_worth_trying(sh->arena);
}

int hoi_shard_arm(struct hoi_shard *sh, uint64_t segments)
{
    if (hoi_likely(!sh->armable))
        return 0;
    hoi_shard_leave(sh); /* so that it is recycled once it is back, even if all else stays out */
    int armed = hoi_shard_prepare_wait(sh, HOI_BELL_ARMED);
    if (!hoi_shard_worth_trying(sh, segments))
        return 0;
    if (!armed) /* an earlier call armed it for something else: it stays armed */
        hoi_bell_disarm(hoi_get(sh->bell));
    return 1;
}
