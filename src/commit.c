/* SPDX-License-Identifier: MIT */
/* Sending buffers that the library already knows: loans (commit) and taken buffers (forward). */
#include "sending.h"

static inline int32_t commit_check(struct hoi_sending *s, ho_buf *b, struct hoi_seg **seg)
{
    int32_t status = hoi_loan_check(s->p->domain, b, seg);
    return !status && b->len > b->cap ? HO_E_RANGE : status;
}

static inline int32_t commit_accept(struct hoi_sending *s, ho_buf *b, struct hoi_seg *seg)
{
    uint32_t number = hoi_buf_number(b->handle);
    uint64_t note = hoi_get(seg->notes[number]);
    uint64_t end = hoi_note_start(seg, note) + hoi_note_bytes(note);
    if (seg == s->p->shard->seg && end == hoi_get(seg->cursor)) {
        uint64_t at = (uint64_t)(uintptr_t)b->ptr;
        hoi_set(seg->cursor, at + b->len + (end - at - b->cap)); /* keeps the tailroom */
        b->cap = b->len;
    }
    hoi_set(seg->notes[number], b->len | s->p->note);
    b->kind = HO_KIND_ARENA;
    b->owner = hoi_seal_of(&seg->key, HO_KIND_ARENA, b);
    return HO_OK;
}

/*
 * Prefetches for bursts: the consumer touched these lines last. Two and eight slots ahead gave less
 * than four. A second line of bytes, or lines further ahead, gave the same at full rate and less
 * where messages are kept. Not for a single message: the consumer is then so close that the
 * prefetch would steal lines that it is about to read.
 */
#define SLOTS_AHEAD 4u
#define BYTES_AHEAD 192u

/* Past the end of the ring it prefetches useless lines, once per lap. */
static inline void ask_ahead(const struct hoi_slot *slot, uint64_t cursor)
{
    hoi_prefetch_write(slot + SLOTS_AHEAD);
    hoi_prefetch_write((uintptr_t)cursor + BYTES_AHEAD);
}

/* The lane of a buffer; NULL: use the general path. */
static inline struct hoi_lane *lane_usual(const struct hoi_producer *p, const ho_buf *b)
{
    uint32_t partition;
    if (hoi_likely(!(b->flags & HO_BUF_FLAGS_MUST))) {
        if (hoi_likely(p->only))
            return p->only;
        partition = hoi_partition_of(b->key, p->partitions);
    } else {
        partition = b->partition;
        if (b->flags & HO_BUF_FLAGS_MUST & ~HO_BUF_PARTITION || partition >= p->partitions)
            return NULL;
    }
    return p->lanes[partition];
}

/*
 * The usual loan: from the shard's current segment, unmoved, without tailroom, to a lane with room.
 * Its note proves that it is a loan and gives its start and size. Returns the slot that was written
 * but not pushed yet. NULL: the loan is not usual and nothing has changed; the general loop finds
 * out why.
 */
static inline __attribute__((always_inline)) struct hoi_slot *
commit_usual(struct hoi_producer *p, struct hoi_seg *seg, struct hoi_lane *lane, ho_buf *b,
             int latest_only)
{
    if (hoi_unlikely(!lane) || hoi_unlikely(!hoi_lane_room(&lane->core)))
        return NULL;
    if (hoi_unlikely(lane->seg != seg) && hoi_lane_late(p, lane, seg))
        return NULL;
    struct hoi_slot *slot = hoi_lane_next(&lane->core);
    uint64_t handle = b->handle, number = handle - hoi_own(seg->handle_base);
    uint64_t at = (uint64_t)(uintptr_t)b->ptr, cap = b->cap, end = at + cap, len = b->len;
    if (hoi_unlikely(b->kind != HO_KIND_LOAN) || hoi_unlikely(number >= HOI_SEG_NUMBERS))
        return NULL;
    HOI_COUNTER(uint64_t) *note = &seg->notes[number];
    if (hoi_unlikely(hoi_get(*note) != hoi_note_loan(seg, at, cap)) ||
        hoi_unlikely(cap > HOI_NOTE_BYTES) || hoi_unlikely(b->owner != seg->mark) ||
        hoi_unlikely(len > cap))
        return NULL;
    /* A note has only 32 bits for the start. That the loan ends at the cursor fixes the others. */
    if (hoi_likely(end == hoi_own(seg->cursor))) {
        end = at + len;
        cap = len;
        hoi_set(seg->cursor, end);
    } else if (latest_only || hoi_unlikely((at - seg->base) >> 32)) {
        return NULL;
    }
    hoi_set(*note, len | p->note);
    slot->word[0] = at;
    slot->word[1] = len;
    slot->word[2] = handle;
    slot->word[3] = b->value;
    slot->word[4] = cap;
    slot->owner = hoi_seal(&seg->key, HO_KIND_ARENA, handle, end);
    slot->tail[0] = HOI_TAIL_SENT(hoi_buf_tail(b)) + HOI_TAIL_KIND(HO_KIND_ARENA - HO_KIND_LOAN);
    slot->tail[1] = b->key;
    *b = (ho_buf){0};
    return slot;
}

/* Everything after `done`, and every call that is not quite usual: mostly loans of another
 * shard, so it is out of line but not cold. */
static __attribute__((noinline)) int32_t commit_rest(struct hoi_producer *p, ho_buf *bufs,
                                                     uint32_t count, uint32_t flags, uint32_t *done)
{
    struct hoi_sending s = {.p = p};
    uint32_t more;
    int32_t status = hoi_sending_all(&s, *done ? bufs + *done : bufs, count - *done, flags, &more,
                                     commit_check, commit_accept);
    if (status < 0 && *done)
        hoi_producer_publish(p); /* publish those before the bad one */
    *done += more;
    return status;
}

/* Usual loans from the front. Returns how many. */
static inline uint32_t commit_run(struct hoi_producer *p, ho_buf *bufs, uint32_t count)
{
    struct hoi_seg *seg = p->shard->seg;
    uint64_t bytes = 0;
    ho_buf *b = bufs, *end = bufs + count;
    for (; b != end; b++) {
        struct hoi_lane *lane = lane_usual(p, b);
        struct hoi_slot *slot = commit_usual(p, seg, lane, b, 0);
        if (hoi_unlikely(!slot))
            break;
        bytes += slot->word[1];
        ask_ahead(slot, slot->word[0] + slot->word[1]);
        if (hoi_lane_pushed(&lane->core, slot))
            p->dirty[p->dirty_count++] = lane;
    }
    uint32_t n = (uint32_t)(b - bufs);
    hoi_bump(p->messages, n);
    hoi_bump(p->bytes, bytes);
    return n;
}

static __attribute__((noinline)) int32_t commit_many(struct hoi_producer *p, ho_buf *bufs,
                                                     uint32_t count, uint32_t flags,
                                                     uint32_t *accepted)
{
    uint32_t done = 0;
    int32_t status = HO_OK;
    if (bufs && !(flags & ~HO_MORE) && !hoi_get(p->closing))
        done = commit_run(p, bufs, count);
    if (hoi_unlikely(done < count || !done))
        status = commit_rest(p, bufs, count, flags, &done);
    else if (!(flags & HO_MORE))
        hoi_producer_publish(p);
    if (accepted)
        *accepted = done;
    return status;
}

static HOI_COLD int32_t commit_refused(ho_producer *handle, ho_buf *bufs, uint32_t count,
                                       uint32_t flags, uint32_t *accepted)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    if (p)
        return commit_many(p, bufs, count, flags, accepted);
    if (accepted)
        *accepted = 0;
    return hoi_handle_status();
}

/* Holds the message back with earlier ones. */
static __attribute__((noinline)) int32_t commit_more(struct hoi_producer *p, ho_buf *bufs,
                                                     uint32_t count, uint32_t flags,
                                                     uint32_t *accepted)
{
    if (hoi_unlikely(count != 1) || hoi_unlikely(!bufs) || hoi_unlikely(flags != HO_MORE))
        return commit_many(p, bufs, count, flags, accepted);
    struct hoi_lane *lane = lane_usual(p, bufs);
    struct hoi_slot *slot = commit_usual(p, p->shard->seg, lane, bufs, 1);
    if (hoi_unlikely(!slot))
        return commit_many(p, bufs, 1, HO_MORE, accepted);
    hoi_bump(p->messages, 1);
    hoi_bump(p->bytes, slot->word[1]);
    if (hoi_lane_pushed(&lane->core, slot))
        p->dirty[p->dirty_count++] = lane;
    ask_ahead(slot, slot->word[0] + slot->word[1]);
    if (accepted)
        *accepted = 1;
    return HO_OK;
}

/* Publishes a single message where a consumer may be asleep. */
static __attribute__((noinline)) int32_t commit_tell(struct hoi_producer *p, struct hoi_lane *lane)
{
    if (hoi_lane_tell(lane))
        hoi_bump(p->wakes, 1);
    return HO_OK;
}

/* The usual call: one message, with none held back. It needs no loop, its registers, or a list
 * of lanes. */
int32_t ho_commit(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t flags,
                  uint32_t *accepted)
{
    struct hoi_producer *p = hoi_handle_usual(HOI_PRODUCER, handle);
    if (hoi_unlikely(!p))
        return commit_refused(handle, bufs, count, flags, accepted);
    if (hoi_unlikely(flags | p->dirty_count))
        return commit_more(p, bufs, count, flags, accepted);
    if (hoi_unlikely(count != 1) || hoi_unlikely(!bufs))
        return commit_many(p, bufs, count, 0, accepted);
    struct hoi_lane *lane = lane_usual(p, bufs);
    struct hoi_slot *slot = commit_usual(p, p->shard->seg, lane, bufs, 1);
    if (hoi_unlikely(!slot))
        return commit_many(p, bufs, 1, 0, accepted);
    hoi_bump(p->messages, 1);
    hoi_bump(p->bytes, slot->word[1]);
    if (accepted)
        *accepted = 1;
    hoi_lane_alone(&lane->core, slot);
    HO_HOOK("lane:after_publish");
    return hoi_likely(hoi_lane_quiet(lane)) ? HO_OK : commit_tell(p, lane);
}

static inline int32_t forward_check(struct hoi_sending *s, ho_buf *b, struct hoi_seg **seg)
{
    int32_t status = hoi_buffer_check(s->p->domain, b);
    if (hoi_likely(!status)) {
        const struct hoi_segs *segs = &s->p->domain->segs;
        *seg = hoi_seg_at(segs, hoi_buf_seg(hoi_parent_of(segs, b->handle)));
    }
    return status;
}

/*
 * The note counts hops: of two copies of a descriptor, one is forwarded and the other becomes
 * stale, even if they race. The exchange orders nothing, because the buffer travels through the
 * lane. If a third copy returned the number and it was reissued meanwhile, the note has changed,
 * unless the new buffer has the same length and was sent to the same service; then that buffer
 * can't be forwarded.
 */
static inline int32_t forward_accept(struct hoi_sending *s, ho_buf *b, struct hoi_seg *seg)
{
    seg = hoi_seg_at(&s->p->domain->segs, hoi_buf_seg(b->handle));
    HOI_COUNTER(uint64_t) *at = &seg->notes[hoi_buf_number(b->handle)];
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
    struct hoi_sending s = {.p = hoi_producer_get(handle)};
    if (hoi_unlikely(!s.p)) {
        if (accepted)
            *accepted = 0;
        return hoi_handle_status();
    }
    return hoi_sending_all(&s, bufs, count, flags, accepted, forward_check, forward_accept);
}

int32_t ho_flush(ho_producer *handle)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    if (!p)
        return hoi_handle_status();
    hoi_producer_publish(p);
    return HO_OK;
}
