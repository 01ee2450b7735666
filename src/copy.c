/* SPDX-License-Identifier: MIT */
/* The two calls that copy, each counted: for memory that can't be given, and for slices that pin. */
#include "producer_private.h"

#include "handoff/consumer.h"

/* A message longer than a segment. */
static int32_t give_block(struct hoi_producer *p, const void *ptr, uint64_t len, uint64_t key,
                          uint32_t to, uint32_t flags)
{
    ho_buf block;
    int32_t status = hoi_block_new(p->shard, len, &block);
    if (status == HO_FULL)
        hoi_bump(p->full, 1);
    if (status)
        return status;
    __builtin_memcpy(block.ptr, ptr, len);
    block.key = key;
    status = hoi_block_send(p, &block, to, flags);
    if (block.ptr)
        hoi_block_free(p->shard->arena, block.ptr, len);
    else
        hoi_bump(p->shard->copies, 1);
    return status;
}

int32_t ho_give_copy(ho_producer *handle, const void *ptr, uint64_t len, uint64_t key, uint32_t to,
                     uint32_t flags)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    ho_buf loan;
    if (!p)
        return hoi_handle_status();
    if (!ptr && len)
        return HO_E_INVAL;
    if (hoi_unlikely(len > p->domain->segs.seg_bytes))
        return give_block(p, ptr, len, key, to, flags);
    int32_t status = hoi_shard_reserve(p->shard, len ? len : 1, &loan);
    if (status == HO_FULL)
        hoi_bump(p->full, 1);
    if (status)
        return status;
    if (len)
        __builtin_memcpy(loan.ptr, ptr, len);
    loan.len = len;
    loan.key = key;
    status = ho_commit(handle, &loan, 1, to, flags, NULL);
    if (status < 0 || status == HO_FULL)
        (void)ho_abort((ho_shard *)(uintptr_t)p->shard->handle, &loan, 1, NULL);
    else
        hoi_bump(p->shard->copies, 1);
    return status;
}

/* What a copy keeps of the original. */
static void copy_labels(struct hoi_shard *sh, const ho_buf *from, ho_buf *copy)
{
    copy->key = from->key;
    copy->flags = from->flags;
    copy->frames_left = from->frames_left;
    copy->token = from->kind == HO_KIND_FOREIGN ? 0 : from->token;
    hoi_bump(sh->copies, 1);
}

static int32_t copy_to_block(struct hoi_shard *sh, const ho_buf *from, ho_buf *copy)
{
    int32_t status = hoi_block_new(sh, from->len, copy);
    if (status)
        return status;
    __builtin_memcpy(copy->ptr, from->ptr, from->len);
    status = hoi_block_keep(sh, copy);
    if (status) {
        hoi_block_free(sh->arena, copy->ptr, from->len);
        return status;
    }
    copy_labels(sh, from, copy);
    return HO_OK;
}

/* Commits a copy into this shard without sending it anywhere. */
static int32_t copy_here(struct hoi_shard *sh, const ho_buf *from, ho_buf *copy)
{
    if (hoi_unlikely(from->len > sh->domain->segs.seg_bytes))
        return copy_to_block(sh, from, copy);
    int32_t status = hoi_shard_reserve(sh, from->len ? from->len : 1, copy);
    if (status)
        return status;
    if (from->len)
        __builtin_memcpy(copy->ptr, from->ptr, from->len);
    struct hoi_seg *seg = hoi_seg_at(&sh->domain->segs, hoi_handle_seg(copy->handle));
    hoi_set(seg->notes[hoi_handle_number(copy->handle)], from->len);
    copy->kind = HO_KIND_ARENA;
    copy->len = from->len;
    copy->cap = from->len;
    copy->owner = hoi_seal_of(&seg->key, HO_KIND_ARENA, copy);
    copy_labels(sh, from, copy);
    return HO_OK;
}

int32_t ho_compact(ho_shard *handle, ho_buf *buf)
{
    struct hoi_shard *sh = hoi_shard_get(handle);
    ho_buf copy;
    if (!sh)
        return hoi_handle_status();
    if (!buf)
        return HO_E_INVAL;
    int32_t status = hoi_buffer_check(sh->domain, buf);
    if (!status)
        status = copy_here(sh, buf, &copy);
    if (status)
        return status;
    (void)ho_return((ho_domain *)(uintptr_t)sh->domain->handle, buf, 1, NULL);
    *buf = copy;
    return HO_OK;
}
