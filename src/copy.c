/* SPDX-License-Identifier: MIT */
/* The two calls that copy: for memory that can't be given, and for slices that pin too much.
 * Both are counted. */
#include "sending.h"

#include "handoff/consumer.h"

/* The fields that a copy inherits. */
static void labels(const ho_buf *from, ho_buf *copy)
{
    copy->key = from->key;
    copy->value = from->value;
    copy->flags = from->flags;
    copy->partition = from->partition;
}

/* Counts HO_FULL for want of memory; HO_FULL of the lane is counted where it arises. */
static int32_t no_memory(struct hoi_producer *p, int32_t status)
{
    if (status == HO_FULL)
        hoi_bump(p->full, 1);
    return status;
}

/* A message longer than a segment. */
static int32_t give_block(struct hoi_producer *p, const ho_buf *from, uint32_t flags)
{
    ho_buf block;
    int32_t status = hoi_block_new(p->shard, from->len, &block);
    if (status)
        return no_memory(p, status);
    __builtin_memcpy(block.ptr, from->ptr, from->len);
    labels(from, &block);
    status = hoi_block_send(p, &block, flags);
    if (block.ptr)
        hoi_block_free(p->shard->arena, block.ptr, from->len);
    return status;
}

static int32_t give_loan(struct hoi_producer *p, const ho_buf *from, uint32_t flags)
{
    ho_producer *handle = (ho_producer *)(uintptr_t)p->handle;
    ho_buf loan;
    int32_t status = hoi_shard_reserve(p->shard, from->len ? from->len : 1, &loan);
    if (status)
        return no_memory(p, status);
    if (from->len)
        __builtin_memcpy(loan.ptr, from->ptr, from->len);
    loan.len = from->len;
    labels(from, &loan);
    status = ho_commit(handle, &loan, 1, flags, NULL);
    if (status < 0 || status == HO_FULL)
        (void)ho_abort((ho_shard *)(uintptr_t)p->shard->handle, &loan, 1, NULL);
    return status;
}

int32_t ho_give_copy(ho_producer *handle, const ho_buf *from, uint32_t count, uint32_t flags,
                     uint32_t *accepted)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    struct hoi_sending probe = {.p = p};
    int32_t status = !p ? hoi_handle_status() : hoi_sending_begin(&probe, from, count, flags);
    uint32_t done = 0, dropped = 0;
    while (!status && done < count) {
        const ho_buf *b = &from[done];
        uint32_t more = done + 1 < count ? flags | HO_MORE : flags;
        status = !b->ptr && b->len                    ? HO_E_INVAL
                 : b->len > p->domain->segs.seg_bytes ? give_block(p, b, more)
                                                      : give_loan(p, b, more);
        if (status && status != HO_DROPPED)
            break;
        dropped += status == HO_DROPPED;
        status = HO_OK;
        done++;
        hoi_bump(p->shard->copies, 1);
    }
    if (p && (status || !count))
        hoi_producer_publish(p);
    if (accepted)
        *accepted = done;
    return status ? status : dropped ? HO_DROPPED : HO_OK;
}

static int32_t copy_to_block(struct hoi_shard *sh, const ho_buf *from, uint64_t note, ho_buf *copy)
{
    int32_t status = hoi_block_new(sh, from->len, copy);
    if (status)
        return status;
    __builtin_memcpy(copy->ptr, from->ptr, from->len);
    status = hoi_block_keep(sh, copy, note);
    if (status) {
        hoi_block_free(sh->arena, copy->ptr, from->len);
        return status;
    }
    labels(from, copy);
    hoi_bump(sh->copies, 1);
    return HO_OK;
}

/* A kept copy has its own memory and a record, and is no part of a segment. Copies for a
 * straggler come back in order, so they go into segments. In a small arena the segment of
 * records would be too large a share. If the budget has no memory left, a segment still may. */
static int may_be_kept(const struct hoi_shard *sh, const ho_buf *from)
{
    return !sh->arena->straggler && sh->arena->budget_segs >= HOI_GUARDED_SEGMENTS &&
           from->len <= sh->domain->segs.seg_bytes / 2;
}

static int32_t copy_here(struct hoi_shard *sh, const ho_buf *from, uint64_t note, ho_buf *copy)
{
    if (hoi_unlikely(from->len > sh->domain->segs.seg_bytes))
        return copy_to_block(sh, from, note, copy);
    if (may_be_kept(sh, from) && !hoi_kept_copy(sh, from, note, copy)) {
        labels(from, copy);
        hoi_bump(sh->copies, 1);
        return HO_OK;
    }
    int32_t status = hoi_shard_reserve(sh, from->len ? from->len : 1, copy);
    if (status)
        return status;
    HO_HOOK("copy:before_bytes");
    if (from->len)
        __builtin_memcpy(copy->ptr, from->ptr, from->len);
    struct hoi_seg *seg = hoi_seg_at(&sh->domain->segs, hoi_buf_seg(copy->handle));
    hoi_set(seg->notes[hoi_buf_number(copy->handle)], from->len | note);
    copy->kind = HO_KIND_ARENA;
    copy->len = from->len;
    copy->cap = from->len;
    copy->owner = hoi_seal_of(&seg->key, HO_KIND_ARENA, copy);
    labels(from, copy);
    hoi_bump(sh->copies, 1);
    return HO_OK;
}

int32_t hoi_shard_copy(struct hoi_shard *sh, const ho_buf *from, uint64_t note, ho_buf *copy)
{
    if (from->kind <= HO_KIND_LOAN) /* only the caller has it */
        return copy_here(sh, from, note, copy);
    /* Somebody else may return it meanwhile through a copy of the descriptor. */
    uint64_t parent = hoi_parent_of(&sh->domain->segs, from->handle);
    if (!hoi_parent_hold(sh->domain, parent))
        return HO_E_STALE;
    int32_t status = copy_here(sh, from, note, copy);
    hoi_parent_drop(sh->domain, parent);
    return status;
}

/* The service that keeps it, from the note of where it went. */
static uint32_t service_of(struct hoi_domain *d, const ho_buf *b)
{
    const struct hoi_seg *seg = hoi_seg_at(&d->segs, hoi_buf_seg(b->handle));
    return hoi_note_service(hoi_get(seg->notes[hoi_buf_number(b->handle)]));
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
        status = hoi_shard_copy(sh, buf, hoi_note_to(service_of(sh->domain, buf)), &copy);
    if (status)
        return status;
    (void)ho_return((ho_domain *)(uintptr_t)sh->domain->handle, buf, 1, NULL);
    *buf = copy;
    return HO_OK;
}
