/* SPDX-License-Identifier: MIT */
/* Handing over foreign memory: a record per buffer, and a count of its owner, before it is accepted. */
#include "owner_private.h"
#include "sending.h"

static uint8_t empty_byte; /* what an empty message points at: never NULL */

/* Is it a buffer of the library's already? Then its `owner` is a seal. */
static int is_held(const ho_buf *b)
{
    return b->handle || b->kind || b->service;
}

static int32_t give_check(struct sending *s, ho_buf *b, struct hoi_seg **seg)
{
    struct hoi_producer *p = s->p;
    uint64_t cap = b->cap ? b->cap : b->len;
    if (is_held(b))
        return HO_E_RESERVED;
    if ((!b->ptr && cap) || (uint64_t)(uintptr_t)b->ptr + cap < cap)
        return HO_E_INVAL;
    if (b->len > cap)
        return HO_E_RANGE;
    uint32_t most = p->recs == &hoi_seg_none ? 0 : p->domain->foreign_numbers;
    if (hoi_get(p->recs->issued) == p->recs->opened && !hoi_seg_more_numbers(p->recs, most)) {
        int32_t status = hoi_arena_next(p, HOI_SEG_FOREIGN);
        if (status)
            return status;
        (void)hoi_seg_more_numbers(p->recs, p->domain->foreign_numbers);
    }
    *seg = p->recs;
    return HO_OK;
}

static void give_accept(struct sending *s, ho_buf *b, struct hoi_seg *seg)
{
    (void)s;
    uint32_t number = hoi_get(seg->issued);
    struct hoi_foreign *rec = hoi_foreign_at(seg, number);
    if (!b->cap)
        b->cap = b->len;
    hoi_set(rec->token, b->token);
    hoi_set(rec->base, (uint64_t)(uintptr_t)b->ptr);
    hoi_set(rec->size, b->cap);
    hoi_set(rec->owner, b->owner);
    A_STORE(rec->refs, 1, memory_order_relaxed); /* travels with the buffer */
    hoi_set(seg->notes[number], 0);
    hoi_set(seg->issued, number + 1);
    if (!b->ptr)
        b->ptr = &empty_byte;
    b->handle = hoi_get(seg->handle_base) + number;
    b->kind = HO_KIND_FOREIGN;
    b->owner = hoi_seal_of(&seg->key, HO_KIND_FOREIGN, b);
}

/* Buffers of one owner in a row: its count is taken once for all. */
static int32_t give_run(struct sending *s, ho_buf *bufs, uint32_t count, uint32_t flags,
                        uint32_t *accepted)
{
    struct hoi_domain *d = s->p->domain;
    uint32_t id = bufs[0].owner;
    struct hoi_owner *o = hoi_owner_hold(d, id, count);
    *accepted = 0;
    if (!o)
        return is_held(bufs) ? HO_E_RESERVED : HO_E_OWNER;
    int32_t status = send_all(s, bufs, count, flags, accepted, give_check, give_accept);
    if (*accepted < count)
        hoi_owner_drop(o, count - *accepted);
    return status;
}

int32_t ho_give(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t to, uint32_t flags,
                uint32_t *accepted)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    struct sending probe = {.p = p, .to = to};
    uint32_t done = 0, dropped = 0;
    if (accepted)
        *accepted = 0;
    if (!p)
        return hoi_handle_status();
    int32_t status = begin(&probe, bufs, count, flags);
    while (!status && done < count) {
        uint32_t run = 1, sent;
        while (done + run < count && bufs[done + run].owner == bufs[done].owner)
            run++;
        struct sending s = {.p = p, .to = to, .deadline_ns = probe.deadline_ns};
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
    if (status && done)
        hoi_producer_publish(p);
    return status ? status : dropped ? HO_DROPPED : HO_OK;
}
