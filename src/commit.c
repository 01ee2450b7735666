/* SPDX-License-Identifier: MIT */
/*
 * Handing over: commit, give, forward. One loop; they differ in what they check before anything
 * changes (`check`) and in what they do once the buffer is sure to go (`accept`).
 */
#include "owner_private.h"
#include "producer_private.h"

struct sending {
    struct hoi_producer *p;
    uint32_t to;
    uint32_t sent, dropped;
    uint64_t bytes, other_bytes, dropped_bytes;
    uint32_t other; /* sent, and not of this service's memory */
    int64_t deadline_ns;
};

/* fibonacci hashing: the high bits of a multiplication (Knuth, TAOCP 3, 6.4). */
static inline uint32_t bucket_of(uint64_t key)
{
    return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> 54);
}
_Static_assert(HOI_BUCKETS == 1 << (64 - 54), "the shift fits the number of buckets");

static inline int32_t lane_by_number(struct hoi_producer *p, uint32_t number,
                                     struct hoi_lane **lane)
{
    if (hoi_unlikely(number >= p->lanes_room || !p->lanes[number]))
        return HO_E_ROUTE;
    *lane = p->lanes[number];
    return HO_OK;
}

static inline int32_t lane_by_key(struct hoi_producer *p, uint64_t key, struct hoi_lane **lane)
{
    uint32_t number = p->route[bucket_of(key)];
    if (hoi_unlikely(number & HOI_ROUTE_FENCED)) {
        if (!hoi_routes_unfence(p))
            return HO_FULL;
        number = p->route[bucket_of(key)];
    }
    if (hoi_unlikely(number == HOI_NOBODY))
        return HO_FULL;
    *lane = p->lanes[number];
    return HO_OK;
}

static inline int32_t lane_for(const struct sending *s, const ho_buf *b, struct hoi_lane **lane)
{
    struct hoi_producer *p = s->p;
    int32_t status =
        s->to == HO_BY_KEY ? lane_by_key(p, b->key, lane) : lane_by_number(p, s->to, lane);
    if (hoi_likely(!status) && hoi_unlikely(!hoi_lane_room(&(*lane)->core)))
        status = HO_FULL;
    return status;
}

static void mark_dirty(struct hoi_producer *p, struct hoi_lane *lane)
{
    if (lane->core.produced == lane->core.published)
        p->dirty[p->dirty_count++] = lane;
}

/* The lane of a message has no room: what the policy says. HO_OK: there may be room now. */
static int32_t no_room(struct sending *s, struct hoi_lane *lane)
{
    struct hoi_producer *p = s->p;
    hoi_producer_publish(p); /* what is held back can't be what the consumer waits for */
    if (p->service->policy == HO_POLICY_WAIT)
        return hoi_producer_wait(p, lane, &s->deadline_ns);
    return p->service->policy == HO_POLICY_DROP_NEWEST ? HO_DROPPED : HO_FULL;
}

/* Finds room for a message, waiting if the policy says so. HO_DROPPED: to be dropped. */
static inline int32_t find_room(struct sending *s, const ho_buf *b, struct hoi_lane **lane)
{
    for (;;) {
        *lane = NULL;
        int32_t status = lane_for(s, b, lane);
        if (hoi_likely(status != HO_FULL))
            return status;
        status = no_room(s, *lane);
        if (status)
            return status;
        if (hoi_producer_stale(s->p) && (status = hoi_producer_refresh(s->p)))
            return status;
    }
}

static inline void account(struct sending *s, const ho_buf *b)
{
    s->sent++;
    s->bytes += b->len;
}

static void finish(struct sending *s, uint32_t flags, int32_t status)
{
    struct hoi_producer *p = s->p;
    hoi_bump(p->messages, s->sent);
    hoi_bump(p->bytes, s->bytes);
    if (s->other) {
        hoi_bump(p->other_messages, s->other);
        hoi_bump(p->other_bytes, s->other_bytes);
    }
    if (hoi_unlikely(s->dropped)) {
        hoi_bump(p->dropped, s->dropped);
        hoi_bump(p->dropped_bytes, s->dropped_bytes);
    }
    if (hoi_unlikely(status == HO_FULL))
        hoi_bump(p->full, 1);
    if (!(flags & HO_MORE) || status)
        hoi_producer_publish(p);
}

typedef int32_t (*check_fn)(struct sending *s, ho_buf *b, struct hoi_seg **seg);
typedef void (*accept_fn)(struct sending *s, ho_buf *b, struct hoi_seg *seg);

static inline int32_t begin(struct sending *s, const ho_buf *bufs, uint32_t count, uint32_t flags)
{
    struct hoi_producer *p = s->p;
    if (hoi_unlikely(count && !bufs))
        return HO_E_INVAL;
    if (hoi_unlikely(flags & HO_BUF_FLAGS_MUST & ~HO_MORE))
        return HO_E_FLAGS;
    if (hoi_unlikely((s->to == HO_BY_KEY) != (p->routing == HO_ROUTE_KEY)))
        return HO_E_ROUTE;
    if (hoi_unlikely(hoi_producer_stale(p)))
        return hoi_producer_refresh(p);
    if (hoi_unlikely(A_LOAD(p->service->closing, memory_order_relaxed)))
        return HO_E_CLOSED;
    return HO_OK;
}

static inline __attribute__((always_inline)) int32_t send_all(struct sending *s, ho_buf *bufs,
                                                              uint32_t count, uint32_t flags,
                                                              uint32_t *accepted, check_fn check,
                                                              accept_fn accept)
{
    int32_t status = begin(s, bufs, count, flags);
    uint32_t i = 0;
    if (hoi_unlikely(status)) {
        if (accepted)
            *accepted = 0;
        return status;
    }
    for (; i < count; i++) {
        ho_buf *b = &bufs[i];
        struct hoi_lane *lane;
        struct hoi_seg *seg;
        status = hoi_unlikely(b->flags & HO_BUF_FLAGS_MUST) ? HO_E_FLAGS : check(s, b, &seg);
        if (hoi_unlikely(status))
            break;
        status = find_room(s, b, &lane);
        if (hoi_unlikely(status && status != HO_DROPPED))
            break;
        accept(s, b, seg);
        account(s, b);
        if (hoi_unlikely(status == HO_DROPPED)) {
            s->dropped++;
            s->dropped_bytes += b->len;
            hoi_cancel(s->p->domain, b, 1);
            continue;
        }
        mark_dirty(s->p, lane);
        hoi_lane_push(&lane->core, b);
        *b = (ho_buf){0};
    }
    finish(s, flags, status == HO_DROPPED ? HO_OK : status);
    if (accepted)
        *accepted = i;
    return hoi_likely(i == count) ? (s->dropped ? HO_DROPPED : HO_OK) : status;
}

/* ---- commit */

static inline int32_t commit_check(struct sending *s, ho_buf *b, struct hoi_seg **seg)
{
    return hoi_loan_check(s->p, b, seg);
}

static inline void account_other(struct sending *s, const ho_buf *b)
{
    s->other++;
    s->other_bytes += b->len;
}

/* Counts a committed buffer for the arena that it lies in. */
static inline void account_arena(struct sending *s, const struct hoi_seg *seg, const ho_buf *b)
{
    struct hoi_service *home = hoi_get(seg->service);
    if (home == s->p->service)
        return;
    hoi_count(home->lent_messages, 1);
    hoi_count(home->lent_bytes, b->len);
    account_other(s, b);
}

static inline void commit_accept(struct sending *s, ho_buf *b, struct hoi_seg *seg)
{
    uint32_t number = hoi_handle_number(b->handle);
    uint64_t note = hoi_get(seg->notes[number]);
    uint64_t end = hoi_note_start(seg, note) + hoi_note_bytes(note);
    if (seg == s->p->seg && end == hoi_get(seg->cursor)) {
        uint64_t at = (uint64_t)(uintptr_t)b->ptr;
        hoi_set(seg->cursor, at + b->len + (end - at - b->cap)); /* the tailroom stays */
        b->cap = b->len;
    }
    hoi_set(seg->notes[number], b->len);
    b->kind = HO_KIND_ARENA;
    account_arena(s, seg, b);
}

/*
 * The usual loan: of the producer's current segment, unmoved, without a tailroom, to a lane with room.
 * One comparison with the note tells that it is a loan, where it lies and how much it may hold. Commits
 * from the front as long as that is so, and returns how many; the rest is for the general loop.
 */
#define KIND_AND_MUST ((uint64_t)0xff << 56 | HO_BUF_FLAGS_MUST)
#define KIND_IS(kind) ((uint64_t)(kind) << 56)

static inline uint32_t commit_usual(struct hoi_producer *p, ho_buf *bufs, uint32_t count,
                                    uint32_t to)
{
    struct hoi_seg *seg = p->seg;
    uint64_t bytes = 0;
    uint32_t i = 0;
    for (; i < count; i++) {
        ho_buf item; /* in registers: see hoi_slot_write */
        hoi_buf_read(&item, &bufs[i]);
        uint64_t number = item.handle - seg->handle_base, at = (uint64_t)(uintptr_t)item.ptr;
        if (hoi_unlikely(number >= hoi_get(seg->issued) ||
                         hoi_get(seg->notes[number]) != hoi_note_loan(at, item.cap) ||
                         item.len > item.cap || item.kind != HO_KIND_LOAN ||
                         item.flags & HO_BUF_FLAGS_MUST))
            break;
        uint32_t lane_number = to == HO_BY_KEY ? p->route[bucket_of(item.key)] : to;
        if (hoi_unlikely(lane_number >= p->lanes_room || !p->lanes[lane_number]))
            break;
        struct hoi_lane *lane = p->lanes[lane_number];
        if (hoi_unlikely(!hoi_lane_room(&lane->core)))
            break;
        hoi_set(seg->notes[number], item.len);
        if (hoi_likely(at + item.cap == hoi_get(seg->cursor))) {
            hoi_set(seg->cursor, at + item.len);
            item.cap = item.len;
        }
        item.kind = HO_KIND_ARENA;
        bytes += item.len;
        mark_dirty(p, lane);
        hoi_lane_push(&lane->core, &item);
        bufs[i] = (ho_buf){0};
    }
    hoi_bump(p->messages, i);
    hoi_bump(p->bytes, bytes);
    return i;
}

/* What is left after `done`, and every call that is not quite usual. */
static HOI_COLD int32_t commit_rest(struct hoi_producer *p, ho_buf *bufs, uint32_t count,
                                    uint32_t to, uint32_t flags, uint32_t *done)
{
    struct sending s = {.p = p, .to = to};
    uint32_t more;
    int32_t status = send_all(&s, *done ? bufs + *done : bufs, count - *done, flags, &more,
                              commit_check, commit_accept);
    if (status < 0 && *done)
        hoi_producer_publish(p); /* what went before the bad one */
    *done += more;
    return status;
}

int32_t ho_commit(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t to, uint32_t flags,
                  uint32_t *accepted)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    int32_t status = HO_OK;
    uint32_t done = 0;
    if (hoi_unlikely(!p))
        status = hoi_handle_status();
    else if (hoi_likely(bufs && !(flags & ~HO_MORE) && !hoi_producer_stale(p) &&
                        (to == HO_BY_KEY) == (p->routing == HO_ROUTE_KEY)))
        done = commit_usual(p, bufs, count, to);
    if (hoi_likely(p != NULL)) {
        if (hoi_unlikely(done < count || !done))
            status = commit_rest(p, bufs, count, to, flags, &done);
        else if (!(flags & HO_MORE))
            hoi_producer_publish(p);
    }
    if (accepted)
        *accepted = done;
    return status;
}

/* ---- forward */

static inline int32_t forward_check(struct sending *s, ho_buf *b, struct hoi_seg **seg)
{
    *seg = NULL;
    return hoi_buffer_check(s->p->domain, b);
}

static inline void forward_accept(struct sending *s, ho_buf *b, struct hoi_seg *seg)
{
    (void)seg;
    account_other(s, b);
}

int32_t ho_forward(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t to, uint32_t flags,
                   uint32_t *accepted)
{
    struct sending s = {.p = hoi_producer_get(handle), .to = to};
    if (hoi_unlikely(!s.p)) {
        if (accepted)
            *accepted = 0;
        return hoi_handle_status();
    }
    return send_all(&s, bufs, count, flags, accepted, forward_check, forward_accept);
}

/* ---- give */

static uint8_t empty_byte; /* what an empty message points at: never NULL */

static int32_t give_check(struct sending *s, ho_buf *b, struct hoi_seg **seg)
{
    struct hoi_producer *p = s->p;
    uint64_t cap = b->cap ? b->cap : b->len;
    if (b->handle || b->kind || b->service)
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
    b->handle = seg->handle_base + number;
    b->kind = HO_KIND_FOREIGN;
}

/* Buffers of one owner in a row: its count is taken once for all. */
static int32_t give_run(struct sending *s, ho_buf *bufs, uint32_t count, uint32_t flags,
                        uint32_t *accepted)
{
    struct hoi_domain *d = s->p->domain;
    uint32_t id = bufs[0].owner;
    struct hoi_owner *o = hoi_owner_find(d, id);
    *accepted = 0;
    if (!o || !hoi_owner_hold(o, count))
        return HO_E_OWNER;
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

int32_t ho_flush(ho_producer *handle)
{
    struct hoi_producer *p = hoi_producer_get(handle);
    if (!p)
        return hoi_handle_status();
    hoi_producer_publish(p);
    return HO_OK;
}
