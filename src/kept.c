/* SPDX-License-Identifier: MIT */
/*
 * Kept copies, made by ho_compact: each takes only as much memory as it needs (alloc.c), and is
 * delivered as a foreign buffer that belongs to the library.
 *
 * An ordinary segment of records would stay pinned for as long as one copy is kept. So a shard has
 * separate segments for these records and does not seal them: it issues their numbers in words of
 * 32, and reissues a word, in another generation, once all 32 are back. A kept copy pins its word's
 * records, 1,280 bytes at most.
 *
 * A word is back when its bits are clear and nobody holds the segment: a return takes a hold before
 * it clears a bit, and keeps it until it has read the record.
 */
#include "alloc_private.h"
#include "record.h"

#define ALIGN_LOG2 4u
#define LOOKED_AT 2u /* segments checked for a free word before another segment is taken */

static int is_back(struct hoi_seg *seg, uint32_t word)
{
    return word * HOI_WORD_BITS >= hoi_get(seg->issued) || /* it was never open */
           hoi_word_is_back(&seg->words[word], &seg->count);
}

/* Its words or their generations are used up. */
static int is_used_up(const struct hoi_seg *seg)
{
    return seg->openings >= HOI_COUNT_BIAS - 1 || hoi_get(seg->gen) >= HOI_GEN_LAST - 1;
}

/* Opens the first word at or after `from` that is back. Returns whether there was one. */
static int open_word(struct hoi_shard *sh, struct hoi_seg *seg, uint32_t from)
{
    uint32_t gen = hoi_get(seg->gen) + 1, words = sh->domain->foreign_numbers / HOI_WORD_BITS;
    while (from < words && !is_back(seg, from))
        from++;
    if (from == words || is_used_up(seg))
        return 0;
    hoi_set(seg->gen, gen);
    hoi_set(seg->handle_base, (uint64_t)gen << 32 | (uint64_t)seg->index << 12);
    hoi_word_open(&seg->words[from], gen);
    seg->openings++;
    sh->kept = seg;
    sh->kept_number = from * HOI_WORD_BITS;
    sh->kept_end = sh->kept_number + HOI_WORD_BITS;
    return 1;
}

/* The numbers of an open word that were not issued. */
static uint32_t rest_of(const struct hoi_shard *sh, const struct hoi_seg *seg)
{
    int open = seg == sh->kept && sh->kept_number != sh->kept_end;
    return open ? HOI_WORD_ALL << sh->kept_number % HOI_WORD_BITS : 0;
}

/* Seals the segment after this one in the ring: it is recycled when everything is back. */
static void leave_next(struct hoi_shard *sh, struct hoi_seg *before)
{
    struct hoi_seg *seg = before->kept_next;
    uint64_t drop = HOI_COUNT_BIAS - seg->openings;
    uint32_t rest = rest_of(sh, seg);
    if (rest && hoi_word_return(&seg->words[sh->kept_number / HOI_WORD_BITS],
                                hoi_get(seg->handle_base), rest) == HOI_RETURNED_LAST)
        drop++;
    before->kept_next = seg->kept_next;
    if (seg == sh->kept_looked)
        sh->kept_looked = before;
    if (seg == sh->kept) {
        sh->kept = seg == before ? NULL : before;
        sh->kept_number = sh->kept_end = 0;
    }
    hoi_set(seg->sealed, 1);
    if (hoi_count_drop(&seg->count, drop))
        hoi_seg_recycle(sh->domain, seg);
}

static int is_idle(const struct hoi_shard *sh, struct hoi_seg *seg)
{
    uint32_t words = sh->domain->foreign_numbers / HOI_WORD_BITS, rest = rest_of(sh, seg);
    for (uint32_t w = 0; w < words; w++) {
        uint32_t live = (uint32_t)hoi_get(seg->words[w]);
        if (live & ~(rest && w == sh->kept_number / HOI_WORD_BITS ? rest : 0))
            return 0;
    }
    return A_LOAD(seg->count, memory_order_relaxed) < HOI_COUNT_HOLD;
}

int hoi_kept_leave_idle(struct hoi_shard *sh)
{
    struct hoi_seg *before = sh->kept, *last = before, *seg;
    int left = 0;
    if (hoi_likely(!before))
        return 0;
    do {
        seg = before->kept_next;
        if (is_idle(sh, seg)) {
            leave_next(sh, before);
            left = 1;
        } else {
            before = seg;
        }
    } while (seg != last);
    return left;
}

void hoi_kept_leave(struct hoi_shard *sh)
{
    while (hoi_unlikely(sh->kept != NULL))
        leave_next(sh, sh->kept);
}

static int32_t take_segment(struct hoi_shard *sh)
{
    struct hoi_seg *seg;
    int32_t status = hoi_get(sh->closing) ? HO_E_CLOSED : hoi_shard_take(sh, HOI_SEG_FOREIGN, &seg);
    if (status)
        return status;
    seg->openings = 0;
    seg->kept_next = sh->kept ? sh->kept->kept_next : seg;
    if (sh->kept)
        sh->kept->kept_next = seg;
    else
        sh->kept_looked = seg;
    (void)open_word(sh, seg, 0);
    return HO_OK;
}

/* Checks one segment of the ring per call: drops it if it is idle or used up. */
static void tidy(struct hoi_shard *sh)
{
    struct hoi_seg *seg = sh->kept_looked->kept_next;
    if (seg != sh->kept && (is_used_up(seg) || is_idle(sh, seg)))
        leave_next(sh, sh->kept_looked);
    else
        sh->kept_looked = seg;
}

/* Opens another word, in the current segment or the next one. */
static HOI_COLD int32_t next_word(struct hoi_shard *sh)
{
    struct hoi_seg *seg = sh->kept;
    uint32_t from = sh->kept_end / HOI_WORD_BITS;
    for (uint32_t i = 0; seg && i < LOOKED_AT; i++, from = 0, seg = seg->kept_next)
        if (open_word(sh, seg, from)) {
            tidy(sh);
            return HO_OK;
        }
    return take_segment(sh);
}

int32_t hoi_kept_copy(struct hoi_shard *sh, const ho_buf *from, uint64_t note, ho_buf *copy)
{
    void *ptr;
    int32_t status = hoi_heap_alloc(sh->arena, from->len ? from->len : 1, 1u << ALIGN_LOG2, &ptr);
    if (status)
        return status;
    if (hoi_unlikely(sh->kept_number == sh->kept_end) && (status = next_word(sh))) {
        hoi_heap_free(sh->arena, ptr);
        return status;
    }
    HO_HOOK("copy:before_bytes");
    if (from->len)
        __builtin_memcpy(ptr, from->ptr, from->len);
    *copy = (ho_buf){.ptr = ptr, .len = from->len, .cap = from->len, .align_log2 = ALIGN_LOG2};
    copy->owner = HOI_OWNER_BLOCKS;
    struct hoi_seg *seg = sh->kept;
    uint32_t number = sh->kept_number++;
    hoi_foreign_fill(seg, number, copy, note);
    if (hoi_get(seg->issued) <= number)
        hoi_set(seg->issued, number + 1);
    hoi_foreign_name(seg, number, copy);
    return HO_OK;
}
