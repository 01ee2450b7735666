/* SPDX-License-Identifier: MIT */
/*
 * Statistics: the hot path counts only what one thread can count without an atomic instruction. The
 * rest comes from a scan of the live bits and notes of each segment in use. Exact once threads are
 * quiet.
 */
#include "consumer_private.h"
#include "pool_private.h"
#include "producer_private.h"

static void oldest_add(struct hoi_census *c, uint64_t handle)
{
    if (c->oldest_count < 3)
        c->oldest[c->oldest_count++] = handle;
}

/* Counts one live number. */
static void count_number(struct hoi_seg *seg, uint32_t use, uint32_t number, struct hoi_census *c)
{
    uint64_t note = hoi_get(seg->notes[number]);
    oldest_add(c, hoi_get(seg->handle_base) + number);
    if (use == HOI_SEG_BYTES && note & HOI_NOTE_LOAN) {
        c->loans++;
    } else {
        c->buffers++;
        c->bytes_live += hoi_note_bytes(note);
    }
}

/* A foreign buffer is outstanding until it is released, which may be long after its return. */
static void count_foreign(struct hoi_domain *d, struct hoi_seg *seg, struct hoi_census *c)
{
    if (!hoi_seg_hold(d, seg, HOI_SEG_FOREIGN))
        return;
    uint32_t end = hoi_get(seg->issued);
    for (uint32_t number = 0; number < end; number++)
        if (hoi_get(hoi_foreign_at(seg, number)->refs)) {
            uint64_t gen = hoi_get(seg->words[number / HOI_WORD_BITS]) >> 32; /* kept.c: its own */
            c->foreign++;
            oldest_add(c, gen << 32 | (uint64_t)seg->index << 12 | number);
        }
    hoi_seg_unhold(d, seg);
}

static void census_segment(struct hoi_domain *d, struct hoi_seg *seg, struct hoi_census *c)
{
    uint32_t use = A_LOAD(seg->use, memory_order_acquire); /* edge OPEN: acquire */
    uint64_t live_before = c->bytes_live;
    if (use == HOI_SEG_FREE)
        return;
    if (use == HOI_SEG_FOREIGN) {
        count_foreign(d, seg, c);
        return;
    }
    uint32_t end = use == HOI_SEG_SLICES ? HOI_SEG_NUMBERS : hoi_get(seg->issued);
    uint32_t gen = hoi_get(seg->gen);
    for (uint32_t first = 0; first < end; first += HOI_WORD_BITS) {
        uint64_t word = hoi_get(seg->words[first / HOI_WORD_BITS]);
        if ((uint32_t)(word >> 32) != gen)
            continue;
        for (uint32_t live = (uint32_t)word; live; live &= live - 1) {
            uint32_t number = first + (uint32_t)__builtin_ctz(live);
            if (number < end)
                count_number(seg, use, number, c);
        }
    }
    if (use != HOI_SEG_BYTES)
        return;
    uint64_t passed =
        hoi_get(seg->sealed) ? seg->end - seg->base : hoi_get(seg->cursor) - seg->base;
    uint64_t live = c->bytes_live - live_before;
    c->bytes_dead += passed > live ? passed - live : 0;
    if (A_LOAD(seg->count, memory_order_relaxed) >= HOI_COUNT_HOLD)
        c->bytes_pinned += seg->end - seg->base;
}

void hoi_census_take(struct hoi_domain *d, const struct hoi_arena *a, struct hoi_census *c)
{
    *c = (struct hoi_census){0};
    uint32_t fresh = A_LOAD(d->segs.fresh, memory_order_acquire); /* edge FRESH: acquire */
    for (uint32_t i = 0; i < fresh; i++) {
        struct hoi_seg *seg = hoi_seg_at(&d->segs, i);
        if (hoi_get(seg->use) != HOI_SEG_FREE &&
            (a ? hoi_get(seg->arena) == a : hoi_get(seg->use) == HOI_SEG_SLICES))
            census_segment(d, seg, c);
    }
}

/* Adds up the counters of producers and consumers, open or closed. */
static void counters_add(const struct hoi_service *s, ho_service_stats *t)
{
    for (uint32_t n = 0; n < HOI_PRODUCERS_MAX; n++) {
        const struct hoi_producer *p =
            A_LOAD(s->producers[n], memory_order_acquire); /* edge PRODUCER: acquire */
        if (!p)
            break;
        t->messages_in += hoi_get(p->messages);
        t->bytes_in += hoi_get(p->bytes);
        t->messages_dropped += hoi_get(p->dropped);
        t->bytes_dropped += hoi_get(p->dropped_bytes);
        t->full += hoi_get(p->full);
        t->wakes += hoi_get(p->wakes);
        t->straggler_copies += hoi_get(p->copies);
    }
    for (uint32_t n = 0; n < HOI_CONSUMERS_MAX; n++) {
        const struct hoi_consumer *c = hoi_get(s->consumers[n]);
        if (!c)
            break;
        t->messages_out += hoi_get(c->messages);
        t->bytes_out += hoi_get(c->bytes);
        t->late_wakes += hoi_get(c->late);
    }
    t->messages_dropped += hoi_get(s->cancelled);
    t->bytes_dropped += hoi_get(s->cancelled_bytes);
}

/* a - b, read at different moments; never below zero. */
static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Under the mutex. */
static void service_stats(const struct hoi_service *s, ho_service_stats *t)
{
    *t = (ho_service_stats){.size = sizeof *t, .service = s->number};
    counters_add(s, t);
    const struct hoi_arena *a = hoi_get(s->stragglers);
    if (a) {
        struct hoi_census c;
        hoi_census_take(s->domain, a, &c);
        t->straggler_bytes = hoi_arena_held(a) * s->domain->segs.seg_bytes;
        t->straggler_out = c.buffers;
    }
    t->undelivered = less(t->messages_in, t->messages_out + t->messages_dropped);
}

int32_t ho_service_stats_get(ho_service *handle, ho_service_stats *stats)
{
    ho_service_stats ours;
    int32_t status = stats ? hoi_result_check(stats, HO_SERVICE_STATS_MIN) : HO_E_INVAL;
    struct hoi_service *s = hoi_service_lock(handle);
    if (!s)
        return hoi_handle_status();
    if (!status)
        service_stats(s, &ours);
    hoi_service_unlock(s);
    if (!status)
        hoi_result_write(stats, &ours, sizeof ours);
    return status;
}

/* Adds up the counters of shards, open or closed. */
static void shards_add(const struct hoi_arena *a, ho_arena_stats *t)
{
    for (uint32_t n = 0; n < HOI_SHARDS_MAX; n++) {
        const struct hoi_shard *sh =
            A_LOAD(a->shards[n], memory_order_acquire); /* edge SHARD: acquire */
        if (!sh)
            break;
        t->full += hoi_get(sh->full);
        t->copies += hoi_get(sh->copies);
    }
}

/* Under the mutex. */
static void arena_stats(const struct hoi_arena *a, ho_arena_stats *t)
{
    struct hoi_census c;
    *t = (ho_arena_stats){.size = sizeof *t, .shards = a->shards_open};
    hoi_census_take(a->domain, a, &c);
    shards_add(a, t);
    t->segments_in_use = A_LOAD(a->in_use, memory_order_relaxed);
    t->segments_peak = hoi_get(a->peak);
    t->segments_held = hoi_arena_held(a);
    t->bytes_live = c.bytes_live;
    t->bytes_dead = c.bytes_dead;
    t->bytes_pinned = c.bytes_pinned;
    t->buffers_out = c.buffers;
    t->loans_out = c.loans;
    t->foreign_out = c.foreign;
    struct hoi_heap_use use = hoi_heap_look(a);
    t->allocs_out = use.count;
    t->alloc_bytes_live = use.bytes;
    t->alloc_bytes_held = use.held;
    t->full += use.full;
}

int32_t ho_arena_stats_get(ho_arena *handle, ho_arena_stats *stats)
{
    ho_arena_stats ours;
    int32_t status = stats ? hoi_result_check(stats, HO_ARENA_STATS_MIN) : HO_E_INVAL;
    struct hoi_arena *a = hoi_arena_lock(handle);
    if (!a)
        return hoi_handle_status();
    if (!status)
        arena_stats(a, &ours);
    pthread_mutex_unlock(&a->domain->mutex);
    if (!status)
        hoi_result_write(stats, &ours, sizeof ours);
    return status;
}

int hoi_service_outstanding_add(const struct hoi_service *s, ho_outstanding *out)
{
    ho_service_stats t;
    service_stats(s, &t);
    uint32_t handles = s->producers_open + hoi_get(s->consumers_open) + s->closers;
    out->handles += handles;
    out->undelivered += t.undelivered;
    return handles != 0;
}

int hoi_arena_outstanding_add(struct hoi_domain *d, const struct hoi_arena *a, ho_outstanding *out)
{
    struct hoi_census c;
    uint32_t handles = a ? a->shards_open : 0;
    for (const struct hoi_pool *p = a ? a->pools : NULL; p; p = p->next)
        handles++;
    uint64_t allocs = a ? hoi_heap_look(a).count : 0;
    hoi_census_take(d, a, &c);
    out->handles += handles;
    out->allocs += allocs;
    out->buffers += c.buffers + c.foreign;
    out->loans += c.loans;
    out->foreign += c.foreign;
    for (uint32_t i = 0, n = 0; i < c.oldest_count; i++) {
        while (n < 3 && out->oldest[n])
            n++;
        if (n < 3)
            out->oldest[n] = c.oldest[i];
    }
    return handles || allocs || c.buffers || c.loans || c.foreign || c.bytes_pinned ||
           (a && A_LOAD(a->in_use, memory_order_acquire)) /* edge USED: acquire */;
}
