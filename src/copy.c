/* SPDX-License-Identifier: MIT */
/* The two calls that copy, each counted: for memory that can't be given, and for slices that pin. */
#include "producer_private.h"

#include "handoff/consumer.h"

int32_t ho_give_copy(ho_producer *handle, const void *ptr, uint64_t len, uint64_t key, uint32_t to,
                     uint32_t flags)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    ho_buf loan;
    if (!p)
        return hoi_handle_status();
    if (!ptr && len)
        return HO_E_INVAL;
    int32_t status = ho_reserve(handle, len ? len : 1, NULL, &loan);
    if (status)
        return status;
    if (len)
        __builtin_memcpy(loan.ptr, ptr, len);
    loan.len = len;
    loan.key = key;
    status = ho_commit(handle, &loan, 1, to, flags, NULL);
    if (status < 0 || status == HO_FULL)
        (void)ho_abort(handle, &loan, 1, NULL);
    else
        hoi_bump(p->copies, 1);
    return status;
}

/* Commits a copy into this producer's own arena without sending it anywhere. */
static int32_t copy_here(struct hoi_producer *p, const ho_buf *from, ho_buf *copy)
{
    ho_producer *handle = (ho_producer *)(uintptr_t)p->handle;
    int32_t status = ho_reserve(handle, from->len ? from->len : 1, NULL, copy);
    if (status)
        return status;
    if (from->len)
        __builtin_memcpy(copy->ptr, from->ptr, from->len);
    struct hoi_seg *seg = hoi_seg_at(&p->domain->segs, hoi_handle_seg(copy->handle));
    hoi_set(seg->notes[hoi_handle_number(copy->handle)], from->len);
    copy->kind = HO_KIND_ARENA;
    copy->len = from->len;
    copy->cap = from->len;
    copy->owner = hoi_seal_of(&seg->key, HO_KIND_ARENA, copy);
    copy->key = from->key;
    copy->flags = from->flags;
    copy->frames_left = from->frames_left;
    copy->token = from->kind == HO_KIND_FOREIGN ? 0 : from->token;
    hoi_bump(p->kept_messages, 1);
    hoi_bump(p->kept_bytes, from->len);
    hoi_bump(p->copies, 1);
    return HO_OK;
}

int32_t ho_compact(ho_producer *handle, ho_buf *buf)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    ho_buf copy;
    if (!p)
        return hoi_handle_status();
    if (!buf)
        return HO_E_INVAL;
    int32_t status = hoi_buffer_check(p->domain, buf);
    if (!status)
        status = copy_here(p, buf, &copy);
    if (status)
        return status;
    (void)ho_return((ho_domain *)(uintptr_t)p->domain->handle, buf, 1, NULL);
    *buf = copy;
    return HO_OK;
}
