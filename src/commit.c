/* SPDX-License-Identifier: MIT */
/* Handing over what the library knows already: loans (commit) and buffers that were taken (forward). */
#include "sending.h"

static inline int32_t commit_check(struct sending *s, ho_buf *b, struct hoi_seg **seg)
{
    int32_t status = hoi_loan_check(s->p->domain, b, seg);
    return !status && b->len > b->cap ? HO_E_RANGE : status;
}

static inline int32_t commit_accept(struct sending *s, ho_buf *b, struct hoi_seg *seg)
{
    uint32_t number = hoi_handle_number(b->handle);
    uint64_t note = hoi_get(seg->notes[number]);
    uint64_t end = hoi_note_start(seg, note) + hoi_note_bytes(note);
    if (seg == s->p->shard->seg && end == hoi_get(seg->cursor)) {
        uint64_t at = (uint64_t)(uintptr_t)b->ptr;
        hoi_set(seg->cursor, at + b->len + (end - at - b->cap)); /* the tailroom stays */
        b->cap = b->len;
    }
    hoi_set(seg->notes[number], b->len | s->p->note);
    b->kind = HO_KIND_ARENA;
    b->owner = hoi_seal_of(&seg->key, HO_KIND_ARENA, b);
    return HO_OK;
}

/*
 * In a burst: the consumer had these lines last, so they are asked for before their turn comes. Slots two and
 * eight ahead gave less than four. A second line of bytes, or lines further ahead, gave the same flat out and
 * less where messages are kept. Not for a message alone: there the consumer is so close that it would lose
 * lines that it is about to read.
 */
#define SLOTS_AHEAD 4u
#define BYTES_AHEAD 192u

static inline void ask_ahead(const struct hoi_lane_core *lane, uint64_t cursor)
{
    hoi_prefetch_write(&lane->slots[(lane->produced + SLOTS_AHEAD) & lane->mask]);
    hoi_prefetch_write((uintptr_t)cursor + BYTES_AHEAD);
}

/*
 * The usual loan: of the shard's current segment, unmoved, without a tailroom, to a lane with room.
 * One comparison with the note tells that it is a loan, where it lies and how much it may hold. 0: it is
 * not so, nothing has changed, and the general loop says what it is.
 */
static inline int commit_usual(struct hoi_producer *p, ho_buf *b, uint32_t flags)
{
    struct hoi_seg *seg = p->shard->seg;
    uint64_t at = (uint64_t)(uintptr_t)b->ptr, len = b->len, cap = b->cap;
    uint64_t number = b->handle - hoi_get(seg->handle_base);
    if (hoi_unlikely(number >= hoi_get(seg->issued)) ||
        hoi_unlikely(hoi_note_start(seg, hoi_get(seg->notes[number])) != at) ||
        hoi_unlikely((uint32_t)hoi_get(seg->notes[number]) != HOI_NOTE_LOAN + cap) ||
        hoi_unlikely(b->owner != hoi_seal(&seg->key, HO_KIND_LOAN, b->handle, at + cap)) ||
        hoi_unlikely(len > cap) || hoi_unlikely(b->kind != HO_KIND_LOAN) ||
        hoi_unlikely(b->flags & HO_BUF_FLAGS_MUST & ~HO_BUF_PARTITION))
        return 0;
    uint32_t partition = partition_for(p, b);
    if (hoi_unlikely(partition >= p->partitions))
        return 0;
    struct hoi_lane *lane = p->lanes[partition];
    if (hoi_unlikely(!lane) || hoi_unlikely(!hoi_lane_room(&lane->core)))
        return 0;
    if (hoi_unlikely(lane->seg != seg) && hoi_lane_late(p, lane, seg))
        return 0;
    struct hoi_slot *slot = hoi_lane_next(&lane->core);
    slot->word[0] = at;
    slot->word[1] = len;
    slot->word[2] = b->handle;
    slot->word[3] = b->value;
    slot->tail[0] = hoi_buf_tail(b) + HOI_TAIL_KIND(HO_KIND_ARENA - HO_KIND_LOAN);
    slot->tail[1] = b->key;
    hoi_set(seg->notes[number], len | p->note);
    hoi_bump(p->messages, 1);
    hoi_bump(p->bytes, len);
    if (hoi_likely(at + cap == hoi_get(seg->cursor))) {
        hoi_set(seg->cursor, at + len);
        cap = len;
    }
    slot->word[4] = cap;
    slot->owner = hoi_seal(&seg->key, HO_KIND_ARENA, slot->word[2], at + cap);
    *b = (ho_buf){0};
    if (hoi_lane_pushed(&lane->core, slot)) {
        if (flags & HO_MORE || p->dirty_count)
            p->dirty[p->dirty_count++] = lane;
        else if (hoi_unlikely(hoi_lane_announce(lane))) /* alone: no list is needed */
            hoi_bump(p->wakes, 1);
    }
    if (flags & HO_MORE)
        ask_ahead(&lane->core, at + len);
    return 1;
}

/* What is left after `done`, and every call that is not quite usual: loans of another shard above all, so it
 * is out of line, but not cold. */
static __attribute__((noinline)) int32_t commit_rest(struct hoi_producer *p, ho_buf *bufs,
                                                     uint32_t count, uint32_t flags, uint32_t *done)
{
    struct sending s = {.p = p};
    uint32_t more;
    int32_t status = send_all(&s, *done ? bufs + *done : bufs, count - *done, flags, &more,
                              commit_check, commit_accept);
    if (status < 0 && *done)
        hoi_producer_publish(p); /* what went before the bad one */
    *done += more;
    return status;
}

static __attribute__((noinline)) int32_t commit_many(struct hoi_producer *p, ho_buf *bufs,
                                                     uint32_t count, uint32_t flags,
                                                     uint32_t *accepted)
{
    uint32_t done = 0;
    int32_t status = HO_OK;
    if (bufs && !(flags & ~HO_MORE) && !hoi_get(p->closing))
        while (done < count && commit_usual(p, &bufs[done], HO_MORE))
            done++;
    if (hoi_unlikely(done < count || !done))
        status = commit_rest(p, bufs, count, flags, &done);
    else if (!(flags & HO_MORE))
        hoi_producer_publish(p);
    if (accepted)
        *accepted = done;
    return status;
}

int32_t ho_commit(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t flags,
                  uint32_t *accepted)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    if (hoi_unlikely(!p)) {
        if (accepted)
            *accepted = 0;
        return hoi_handle_status();
    }
    /* One message, the most usual call: without the loop and its registers. */
    if (hoi_unlikely(count != 1) || hoi_unlikely(!bufs) || hoi_unlikely(flags & ~HO_MORE) ||
        hoi_unlikely(hoi_get(p->closing)) || !commit_usual(p, bufs, flags))
        return commit_many(p, bufs, count, flags, accepted);
    if (!(flags & HO_MORE) && hoi_unlikely(p->dirty_count))
        hoi_producer_publish(p);
    if (accepted)
        *accepted = 1;
    return HO_OK;
}

static inline int32_t forward_check(struct sending *s, ho_buf *b, struct hoi_seg **seg)
{
    int32_t status = hoi_buffer_check(s->p->domain, b);
    if (hoi_likely(!status)) {
        const struct hoi_segs *segs = &s->p->domain->segs;
        *seg = hoi_seg_at(segs, hoi_handle_seg(hoi_parent_of(segs, b->handle)));
    }
    return status;
}

/*
 * The note counts the hops, so that of two copies of a descriptor one goes on and the other is stale, even when
 * they race. The exchange orders nothing: the buffer travels by the lane. Should its number be returned by a
 * third copy and given out again meanwhile, the note has changed, unless it is that of as long a buffer, sent to the same
 * service; then that one can't be forwarded.
 */
static inline int32_t forward_accept(struct sending *s, ho_buf *b, struct hoi_seg *seg)
{
    seg = hoi_seg_at(&s->p->domain->segs, hoi_handle_seg(b->handle));
    HOI_COUNTER(uint64_t) *at = &seg->notes[hoi_handle_number(b->handle)];
    uint64_t note = hoi_get(*at);
    HO_HOOK("forward:before_hop");
    if (hoi_note_hops(note) != b->hops || !hoi_seg_live(seg, b->handle))
        return HO_E_STALE;
    uint16_t hops = (uint16_t)(b->hops + 1);
    uint64_t next = hops * HOI_NOTE_HOP | s->p->note | hoi_note_bytes(note);
    if (!A_CAS(*at, note, next, memory_order_relaxed, memory_order_relaxed))
        return HO_E_STALE;
    b->hops = hops;
    return HO_OK;
}

int32_t ho_forward(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t flags,
                   uint32_t *accepted)
{
    struct sending s = {.p = hoi_producer_get(handle)};
    if (hoi_unlikely(!s.p)) {
        if (accepted)
            *accepted = 0;
        return hoi_handle_status();
    }
    return send_all(&s, bufs, count, flags, accepted, forward_check, forward_accept);
}

int32_t ho_flush(ho_producer *handle)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    if (!p)
        return hoi_handle_status();
    hoi_producer_publish(p);
    return HO_OK;
}
