/* SPDX-License-Identifier: MIT */
/* Sending foreign memory: each buffer gets a record and a count of its owner before it is
 * accepted. */
#include "owner_private.h"
#include "sending.h"

static uint8_t empty_byte; /* what an empty message points to: never NULL */

/* Is it already a buffer of the library? Then its `owner` is a seal. */
static int is_held(const ho_buf *b)
{
    return b->kind || b->service;
}

/* Another segment of records. */
static int32_t records_next(struct hoi_shard *sh)
{
    int32_t status = hoi_get(sh->closing) ? HO_E_CLOSED : hoi_shard_next(sh, HOI_SEG_FOREIGN);
    while (status == HO_FULL && hoi_shard_arm(sh, 1))
        status = hoi_shard_next(sh, HOI_SEG_FOREIGN);
    if (status == HO_FULL)
        hoi_bump(sh->full, 1);
    if (!status)
        (void)hoi_seg_more_numbers(sh->recs, sh->domain->foreign_numbers);
    return status;
}

/* Finds the segment and a number for the next record. */
static inline int32_t record_prepare(struct hoi_shard *sh, struct hoi_seg **seg)
{
    uint32_t most = sh->recs == &hoi_seg_none ? 0 : sh->domain->foreign_numbers;
    if (hoi_get(sh->recs->issued) == sh->recs->opened && !hoi_seg_more_numbers(sh->recs, most)) {
        int32_t status = records_next(sh);
        if (status)
            return status;
    }
    *seg = sh->recs;
    return HO_OK;
}

/* Writes the record: from here on the library owns the buffer. */
static inline void record_write(struct hoi_seg *seg, ho_buf *b, uint64_t note)
{
    uint32_t number = hoi_get(seg->issued);
    hoi_foreign_fill(seg, number, b, note);
    hoi_set(seg->issued, number + 1);
    if (!b->ptr)
        b->ptr = &empty_byte;
    hoi_foreign_name(seg, number, b);
}

static int32_t give_check(struct hoi_sending *s, ho_buf *b, struct hoi_seg **seg)
{
    uint64_t cap = b->cap ? b->cap : b->len;
    if (is_held(b))
        return HO_E_RESERVED;
    if ((!b->ptr && cap) || (uint64_t)(uintptr_t)b->ptr + cap < cap)
        return HO_E_INVAL;
    if (b->len > cap)
        return HO_E_RANGE;
    return record_prepare(s->p->shard, seg);
}

static int32_t give_accept(struct hoi_sending *s, ho_buf *b, struct hoi_seg *seg)
{
    if (!b->cap)
        b->cap = b->len;
    record_write(seg, b, s->p->note);
    return HO_OK;
}

/* Consecutive buffers of one owner: takes its count once for all. */
static int32_t give_run(struct hoi_sending *s, ho_buf *bufs, uint32_t count, uint32_t flags,
                        uint32_t *accepted)
{
    struct hoi_domain *d = s->p->domain;
    uint32_t id = bufs[0].owner;
    struct hoi_owner *o = hoi_owner_hold(d, id, count);
    *accepted = 0;
    if (!o)
        return is_held(bufs) ? HO_E_RESERVED : HO_E_OWNER;
    int32_t status = hoi_sending_all(s, bufs, count, flags, accepted, give_check, give_accept);
    if (*accepted < count)
        hoi_owner_drop(o, count - *accepted);
    return status;
}

int32_t ho_give(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t flags,
                uint32_t *accepted)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    struct hoi_sending probe = {.p = p};
    uint32_t done = 0, dropped = 0;
    if (accepted)
        *accepted = 0;
    if (!p)
        return hoi_handle_status();
    int32_t status = hoi_sending_begin(&probe, bufs, count, flags);
    while (!status && done < count) {
        uint32_t run = 1, sent;
        while (done + run < count && bufs[done + run].owner == bufs[done].owner)
            run++;
        struct hoi_sending s = {.p = p, .deadline_ns = probe.deadline_ns};
        uint32_t more = done + run < count ? HO_MORE : 0;
        status = give_run(&s, bufs + done, run, flags | more, &sent);
        done += sent;
        dropped += s.dropped;
        probe.deadline_ns = s.deadline_ns;
        if (status == HO_DROPPED)
            status = HO_OK;
    }
    if (accepted)
        *accepted = done;
    if (status || !count)
        hoi_producer_publish(p);
    return status ? status : dropped ? HO_DROPPED : HO_OK;
}

int32_t hoi_block_new(struct hoi_shard *sh, uint64_t bytes, ho_buf *block)
{
    struct hoi_arena *a = sh->arena;
    uint64_t n = hoi_whole_segments(sh->domain, bytes);
    if (n >= a->budget_segs) /* its record needs one more */
        return HO_E_RANGE;
    for (;;) {
        if (hoi_get(sh->closing))
            return HO_E_CLOSED;
        if (hoi_arena_take_budget(a, n))
            break;
        if (!hoi_shard_arm(sh, n)) {
            hoi_bump(sh->full, 1);
            return HO_FULL;
        }
    }
    *block = (ho_buf){.ptr = hoi_os_alloc(bytes), .len = bytes, .cap = bytes};
    block->owner = HOI_OWNER_BLOCKS;
    if (block->ptr)
        return HO_OK;
    hoi_block_free(a, NULL, bytes);
    *block = (ho_buf){0};
    return HO_E_NOMEM;
}

void hoi_block_free(struct hoi_arena *a, void *ptr, uint64_t bytes)
{
    if (bytes <= a->domain->segs.seg_bytes) { /* not a block: kept.c */
        hoi_heap_free(a, ptr);
        return;
    }
    if (ptr)
        hoi_os_free(ptr, bytes);
    hoi_arena_give_budget(a, hoi_whole_segments(a->domain, bytes));
}

int32_t hoi_block_keep(struct hoi_shard *sh, ho_buf *block, uint64_t note)
{
    struct hoi_seg *seg;
    int32_t status = record_prepare(sh, &seg);
    if (!status)
        record_write(seg, block, note);
    return status;
}

int32_t hoi_block_send(struct hoi_producer *p, ho_buf *block, uint32_t flags)
{
    struct hoi_sending s = {.p = p};
    return hoi_sending_all(&s, block, 1, flags, NULL, give_check, give_accept);
}
