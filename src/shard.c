/* SPDX-License-Identifier: MIT */
/* Shard: loans. Sending them is in commit.c; opening and closing in shard_open.c. */
#include "arena_private.h"

#define ALIGN_DEFAULT 6u
#define ALIGN_MAX 12u

static inline uint64_t align_up(uint64_t at, uint32_t align_log2)
{
    uint64_t mask = ((uint64_t)1 << align_log2) - 1;
    return (at + mask) & ~mask;
}

/* Writes two words at a time where one is zero or both are known. */
static inline void loan_write(ho_buf *loan, uint64_t at, uint64_t bytes, uint64_t handle,
                              uint64_t owner, uint32_t align_log2)
{
    hoi_pair_write(&loan->ptr, at, 0);        /* len */
    hoi_pair_write(&loan->handle, handle, 0); /* value */
    loan->cap = bytes;
    __builtin_memcpy(&loan->owner, &owner, sizeof owner); /* service, partition */
    hoi_pair_write(&loan->flags, HOI_TAIL_KIND(HO_KIND_LOAN) | (uint64_t)align_log2 << 48,
                   0); /* key */
}

/* Issues `number`, the segment's next one, for `bytes` bytes at `at`, and moves the cursor past
 * them. */
static inline void loan_issue(struct hoi_seg *seg, uint32_t number, uint64_t at, uint64_t bytes,
                              uint32_t tail, uint32_t align_log2, ho_buf *loan)
{
    HOI_COUNTER(uint64_t) *note = &seg->notes[number];
    hoi_set(*note, hoi_note_loan(seg, at, bytes + tail));
    hoi_set(seg->issued, number + 1);
    hoi_set(seg->cursor, at + bytes + tail);
    loan_write(loan, at, bytes, hoi_own(seg->handle_base) + number, seg->mark + tail, align_log2);
}

static int32_t reserve_checked(struct hoi_shard *sh, uint64_t bytes, const ho_reserve_opts *opts,
                               ho_buf *loan);

/* The current segment or its open numbers are used up: the common refill. Anything else takes
 * the slow path. */
static __attribute__((noinline)) int32_t reserve_next(struct hoi_shard *sh, uint64_t bytes,
                                                      ho_buf *loan)
{
    uint64_t most = sh->domain->segs.seg_bytes;
    if (hoi_unlikely(bytes - 1 >= most) || hoi_unlikely(hoi_get(sh->closing)))
        return reserve_checked(sh, bytes, NULL, loan);
    struct hoi_seg *seg = sh->seg;
    uint64_t at = align_up(hoi_get(seg->cursor), ALIGN_DEFAULT);
    if (bytes > seg->end - at || !hoi_seg_more_numbers(seg, HOI_SEG_NUMBERS)) {
        if (hoi_unlikely(hoi_shard_next(sh, HOI_SEG_BYTES)))
            return reserve_checked(sh, bytes, NULL, loan);
        seg = sh->seg;
        at = seg->base;
        (void)hoi_seg_more_numbers(seg, HOI_SEG_NUMBERS);
    }
    loan_issue(seg, hoi_get(seg->issued), at, bytes, 0, ALIGN_DEFAULT, loan);
    return HO_OK;
}

/* The shard is not closing. */
static inline int32_t reserve_usual(struct hoi_shard *sh, uint64_t bytes, ho_buf *loan)
{
    struct hoi_seg *seg = sh->seg;
    uint64_t at = align_up(hoi_own(seg->cursor), ALIGN_DEFAULT);
    uint32_t number = hoi_own(seg->issued);
    if (hoi_unlikely(bytes - 1 >= seg->end - at) || hoi_unlikely(number == seg->opened))
        return reserve_next(sh, bytes, loan);
    loan_issue(seg, number, at, bytes, 0, ALIGN_DEFAULT, loan);
    return HO_OK;
}

static HOI_COLD int32_t reserve_rest(ho_shard *handle, uint64_t bytes, const ho_reserve_opts *opts,
                                     ho_buf *loan)
{
    return reserve_checked(hoi_shard_get(handle), bytes, opts, loan);
}

int32_t ho_reserve(ho_shard *handle, uint64_t bytes, const ho_reserve_opts *opts, ho_buf *loan)
{
    struct hoi_shard *sh = hoi_handle_usual(HOI_SHARD, handle);
    if (hoi_unlikely(opts != NULL) || hoi_unlikely(!sh) || hoi_unlikely(!loan))
        return reserve_rest(handle, bytes, opts, loan);
    return reserve_usual(sh, bytes, loan);
}

/* As many of `count` adjacent loans as the current segment has room and open numbers for. What
 * all of them share is computed once. */
static inline uint32_t reserve_run(struct hoi_shard *sh, uint64_t bytes, ho_buf *loans,
                                   uint32_t count)
{
    struct hoi_seg *seg = sh->seg;
    uint64_t at = align_up(hoi_own(seg->cursor), ALIGN_DEFAULT);
    uint64_t room = seg->end - at, stride = align_up(bytes, ALIGN_DEFAULT);
    uint32_t number = hoi_own(seg->issued);
    if (hoi_unlikely(bytes - 1 >= room) ||
        (number == seg->opened && !hoi_seg_more_numbers(seg, HOI_SEG_NUMBERS)))
        return 0;
    uint32_t n = seg->opened - number < count ? seg->opened - number : count;
    if (hoi_unlikely(n * stride > room + (stride - bytes))) /* the last needs only its bytes */
        n = (uint32_t)((room + (stride - bytes)) / stride);
    HOI_COUNTER(uint64_t) *notes = &seg->notes[number];
    uint64_t note = hoi_note_loan(seg, at, bytes), handle = hoi_own(seg->handle_base) + number;
    hoi_set(seg->issued, number + n);
    hoi_set(seg->cursor, at + (n - 1) * stride + bytes);
    for (const ho_buf *end = loans + n; loans != end; loans++) {
        hoi_set(*notes++, note);
        loan_write(loans, at, bytes, handle++, seg->mark, ALIGN_DEFAULT);
        note += stride << 32;
        at += stride;
    }
    return n;
}

int32_t ho_reserve_many(ho_shard *handle, uint64_t bytes, const ho_reserve_opts *opts,
                        ho_buf *loans, uint32_t count, uint32_t *reserved)
{
    struct hoi_shard *sh = hoi_handle_usual(HOI_SHARD, handle);
    int32_t status = HO_OK;
    uint32_t done = 0;
    if (hoi_unlikely(!sh) && !hoi_shard_get(handle))
        status = hoi_handle_status();
    else if (hoi_unlikely(!reserved) || (!loans && count))
        status = HO_E_INVAL;
    while (!status && done < count) {
        uint32_t n = 0;
        if (hoi_likely(sh) && hoi_likely(!opts))
            done += n = reserve_run(sh, bytes, loans + done, count - done);
        if (!n) { /* the next loan needs a new segment, or is not usual */
            status = reserve_rest(handle, bytes, opts, loans + done);
            done += !status;
        }
    }
    for (uint32_t i = done; loans && i < count; i++)
        loans[i] = (ho_buf){0};
    if (reserved)
        *reserved = done;
    return status;
}

int32_t hoi_shard_reserve(struct hoi_shard *sh, uint64_t bytes, ho_buf *loan)
{
    return hoi_unlikely(hoi_get(sh->closing)) ? HO_E_CLOSED : reserve_usual(sh, bytes, loan);
}

static int32_t opts_check(const struct hoi_shard *sh, uint64_t bytes, const ho_reserve_opts *opts,
                          ho_reserve_opts *known)
{
    *known = (ho_reserve_opts){0};
    if (opts) {
        int32_t status = hoi_opts_read(known, sizeof *known, HO_RESERVE_OPTS_MIN, opts);
        if (status)
            return status;
        if (known->flags & HO_BUF_FLAGS_MUST)
            return HO_E_FLAGS;
        if (known->reserved0)
            return HO_E_RESERVED;
    }
    if (!known->align_log2)
        known->align_log2 = ALIGN_DEFAULT;
    uint64_t most = sh->domain->segs.seg_bytes;
    if (known->align_log2 > ALIGN_MAX || bytes == 0 || bytes > most)
        return HO_E_RANGE;
    /* A segment begins on a page, so only the headroom can cost alignment. */
    uint64_t need = align_up(known->headroom, known->align_log2) + bytes + known->tailroom;
    return need > most ? HO_E_RANGE : HO_OK;
}

/* Tries the current segment; opens a new word of numbers if necessary. */
static int reserve_here(struct hoi_shard *sh, uint64_t bytes, const ho_reserve_opts *opts,
                        ho_buf *loan)
{
    struct hoi_seg *seg = sh->seg;
    uint64_t at = align_up(hoi_get(seg->cursor) + opts->headroom, opts->align_log2);
    if (at + bytes + opts->tailroom > seg->end)
        return 0;
    if (hoi_get(seg->issued) == seg->opened && !hoi_seg_more_numbers(seg, HOI_SEG_NUMBERS))
        return 0;
    loan_issue(seg, hoi_get(seg->issued), at, bytes, opts->tailroom, opts->align_log2, loan);
    return 1;
}

/* Sleeps until there may be memory. HO_OK: try again. HO_FULL: the arena does not wait, or its
 * timeout has expired. *deadline_ns is 0 at first. */
static int32_t wait_for_memory(struct hoi_shard *sh, int64_t *deadline_ns)
{
    struct hoi_arena *a = sh->arena;
    if (!a->wait_ns)
        return HO_FULL;
    int64_t now = hoi_os_now_ns();
    if (!*deadline_ns)
        *deadline_ns = now + (int64_t)a->wait_ns;
    if (now >= *deadline_ns)
        return HO_FULL;
    hoi_shard_leave(sh); /* so that it is recycled once it is back, even if all else stays out */
    HO_HOOK("shard:before_wait");
    int armed = hoi_shard_prepare_wait(sh, HOI_BELL_SLEEPING);
    if (!hoi_shard_worth_trying(sh, 1))
        (void)hoi_os_futex_wait(&hoi_get(sh->bell)->core.word, HOI_BELL_SLEEPING, *deadline_ns);
    hoi_shard_finish_wait(sh, armed);
    return HO_OK;
}

static HOI_COLD int32_t reserve_checked(struct hoi_shard *sh, uint64_t bytes,
                                        const ho_reserve_opts *opts, ho_buf *loan)
{
    ho_reserve_opts known;
    int64_t deadline_ns = 0;
    if (!loan)
        return sh ? HO_E_INVAL : hoi_handle_status();
    *loan = (ho_buf){0};
    if (!sh)
        return hoi_handle_status();
    int32_t status = opts_check(sh, bytes, opts, &known);
    while (!status) {
        if (hoi_get(sh->closing))
            return HO_E_CLOSED;
        if (reserve_here(sh, bytes, &known, loan))
            return HO_OK;
        status = hoi_shard_next(sh, HOI_SEG_BYTES);
        if (status != HO_FULL)
            continue;
        if (!hoi_shard_publish(sh))
            status = wait_for_memory(sh, &deadline_ns);
        if (status == HO_FULL && hoi_shard_arm(sh, 1))
            status = HO_OK;
        if (status == HO_FULL)
            hoi_bump(sh->full, 1);
    }
    return status;
}

/* Checks that a descriptor is a loan of this domain, held by the caller. */
int32_t hoi_loan_check(struct hoi_domain *d, const ho_buf *b, struct hoi_seg **seg)
{
    if (hoi_unlikely(b->kind != HO_KIND_LOAN))
        return HO_E_KIND;
    int32_t status = hoi_seg_find(&d->segs, b->handle, seg);
    if (hoi_unlikely(status))
        return status;
    struct hoi_seg *s = *seg;
    uint64_t note = hoi_get(s->notes[hoi_buf_number(b->handle)]);
    if (hoi_unlikely(hoi_get(s->gen) != hoi_buf_gen(b->handle) ||
                     hoi_get(s->use) != HOI_SEG_BYTES ||
                     hoi_buf_number(b->handle) >= hoi_get(s->issued) || !(note & HOI_NOTE_LOAN)))
        return HO_E_STALE;
    /* ptr may have moved forward, with cap reduced by the same amount. */
    uint64_t moved = (uint64_t)(uintptr_t)b->ptr - hoi_note_start(s, note);
    uint64_t room = hoi_note_bytes(note);
    if (hoi_unlikely(moved > room || b->cap > room - moved)) {
        /* A caller that moved ptr but not cap is better served by HO_E_RANGE. But a loan of
         * another domain may have the handle of a loan here; its memory lies elsewhere. */
        int here = (uint64_t)(uintptr_t)b->ptr - s->base < s->end - s->base;
        return here ? HO_E_RANGE : HO_E_STALE;
    }
    uint32_t tail = (uint32_t)(room - moved - b->cap); /* what cap leaves */
    return hoi_likely(b->owner == s->mark + tail) ? HO_OK : HO_E_STALE;
}

/* Returns the number of a loan that will not be delivered. */
static void loan_return(struct hoi_shard *sh, struct hoi_seg *seg, const ho_buf *b)
{
    uint32_t number = hoi_buf_number(b->handle);
    uint64_t note = hoi_get(seg->notes[number]), start = hoi_note_start(seg, note);
    if (seg == sh->seg && start + hoi_note_bytes(note) == hoi_get(seg->cursor))
        hoi_set(seg->cursor, start);
    hoi_set(seg->notes[number], 0);
    enum hoi_returned done = hoi_word_return(&seg->words[number / HOI_WORD_BITS], b->handle,
                                             (uint32_t)1 << number % HOI_WORD_BITS);
    if (done == HOI_RETURNED_LAST && hoi_count_drop(&seg->count, 1))
        hoi_seg_recycle(sh->domain, seg);
}

int32_t ho_abort(ho_shard *handle, ho_buf *bufs, uint32_t count, uint32_t *aborted)
{
    struct hoi_shard *sh = hoi_shard_get(handle);
    if (aborted)
        *aborted = 0;
    if (!sh)
        return hoi_handle_status();
    if (count && !bufs)
        return HO_E_INVAL;
    for (uint32_t i = 0; i < count; i++) {
        struct hoi_seg *seg;
        int32_t status = hoi_loan_check(sh->domain, &bufs[i], &seg);
        if (status)
            return status;
        loan_return(sh, seg, &bufs[i]);
        bufs[i] = (ho_buf){0};
        if (aborted)
            *aborted = i + 1;
    }
    return HO_OK;
}

/* Gets another number of a segment, current or left. 0 when there is none. */
static int number_for_split(struct hoi_shard *sh, struct hoi_seg *seg)
{
    if (seg == sh->seg)
        return hoi_get(seg->issued) < seg->opened || hoi_seg_more_numbers(seg, HOI_SEG_NUMBERS);
    if (hoi_get(seg->issued) >= HOI_SEG_NUMBERS)
        return 0;
    hoi_seg_issue_late(seg->words, &seg->count, hoi_get(seg->gen), hoi_get(seg->issued));
    return 1;
}

/* The loan keeps everything after its first `bytes`. */
static void loan_shrink(struct hoi_seg *seg, ho_buf *loan, uint64_t bytes)
{
    uint32_t number = hoi_buf_number(loan->handle);
    uint64_t note = hoi_get(seg->notes[number]);
    uint64_t end = hoi_note_start(seg, note) + hoi_note_bytes(note);
    loan->ptr += bytes;
    loan->cap -= bytes;
    loan->len = loan->len > bytes ? loan->len - bytes : 0;
    uint64_t at = (uint64_t)(uintptr_t)loan->ptr;
    hoi_set(seg->notes[number], hoi_note_loan(seg, at, end - at));
}

int32_t ho_split(ho_shard *handle, ho_buf *loan, uint64_t bytes, ho_buf *front)
{
    struct hoi_shard *sh = hoi_shard_get(handle);
    struct hoi_seg *seg;
    if (front && front != loan)
        *front = (ho_buf){0};
    if (!sh)
        return hoi_handle_status();
    if (!loan || !front || loan == front)
        return HO_E_INVAL;
    int32_t status = hoi_loan_check(sh->domain, loan, &seg);
    if (status)
        return status;
    if (hoi_get(seg->shard) != sh)
        return HO_E_DOMAIN;
    if (bytes == 0 || bytes > loan->cap)
        return HO_E_RANGE;
    if (!number_for_split(sh, seg)) {
        hoi_bump(sh->full, 1);
        return HO_FULL;
    }
    uint64_t cursor = hoi_get(seg->cursor);
    loan_issue(seg, hoi_get(seg->issued), (uint64_t)(uintptr_t)loan->ptr, bytes, 0,
               loan->align_log2, front);
    hoi_set(seg->cursor, cursor);
    front->len = bytes;
    loan_shrink(seg, loan, bytes);
    return HO_OK;
}
