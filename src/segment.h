/* SPDX-License-Identifier: MIT */
/*
 * Segment: a block of a domain's memory, filled front to back, recycled as a whole.
 *
 * The bytes lie in the domain's data region and the bookkeeping in a separate region, so that a
 * stray write through a buffer does not reach it. A buffer's handle is {generation:32, segment:20,
 * number:12}: number selects the bit in words[] and the note. Another domain may have the same
 * handles, but with other seals.
 *
 * A segment of records has the same bookkeeping; its bytes are the library's records of foreign
 * buffers or of slices (record.h).
 */
#ifndef HOI_SEGMENT_H
#define HOI_SEGMENT_H

#include "hooks.h"
#include "os.h"

#include "segcount.inl"

#include "handoff/buf.h"
#include "handoff/status.h"

#define HOI_SEG_NUMBERS 4096u
#define HOI_SEG_PAGES 9u      /* of bookkeeping */
#define HOI_SEG_KEPT_PAGES 1u /* of these, while it is unused: generation and words */
#define HOI_SEG_WORDS (HOI_SEG_NUMBERS / HOI_WORD_BITS)
#define HOI_SEGS_MAX ((uint32_t)1 << 20)
#define HOI_GEN_LAST UINT32_MAX /* then the segment is retired: no generation is reused */

/* One note per number. Of a loan: {start in the segment:32, 1:1, size with tailroom:31}. Of a
 * sent buffer: {hops:16, number of the service it went to:16, 0:1, payload in the segment:31}.
 * Only its holder writes it. */
#define HOI_NOTE_LOAN 0x80000000u
#define HOI_NOTE_BYTES 0x7fffffffu
#define hoi_note_bytes(note) ((note)&HOI_NOTE_BYTES)
#define HOI_NOTE_HOP ((uint64_t)1 << 48)
#define hoi_note_hops(note) ((uint16_t)((note) >> 48))
#define hoi_note_to(service) ((uint64_t)(service) << 32) /* service: 1 to 65,535; 0: nobody */
#define hoi_note_service(note) ((uint32_t)((note) >> 32) & 0xffffu)

enum hoi_seg_use { HOI_SEG_FREE, HOI_SEG_BYTES, HOI_SEG_FOREIGN, HOI_SEG_SLICES };

struct hoi_arena;
struct hoi_shard;

/* A domain's random key for seals. */
struct hoi_seal_key {
    uint64_t handle, end;
};

struct hoi_seg {
    /* Written by the producer that fills it; relaxed atomics because ho_stats_get reads. */
    _Alignas(4096) HOI_COUNTER(uint64_t) cursor; /* address of the next free byte */
    uint64_t end;                      /* address after the last byte; set once, as base */
    HOI_COUNTER(uint64_t) handle_base; /* handle of number 0 in this generation */
    struct hoi_seal_key key;           /* the domain's */
    HOI_COUNTER(uint32_t) issued;      /* numbers issued */
    uint32_t opened;                   /* numbers whose words are open */
    HOI_COUNTER(uint32_t) gen;
    HOI_COUNTER(uint32_t) sealed;
    uint64_t base;
    HOI_COUNTER(int64_t) opened_ns; /* when a shard started to fill it */
    uint64_t note_base;             /* for a loan's note: hoi_note_loan; set once, as base */
    uint32_t mark;     /* in a loan's `owner`, plus its tailroom; differs for each generation */
    uint32_t openings; /* kept.c: words opened, including reopened ones */
    struct hoi_seg *kept_next; /* kept.c: in a shard's ring */
    /* Written by returners. */
    HOI_APART A_TYPE(uint64_t) count;
    A_TYPE(uint32_t) next;             /* in a stack of free segments: index + 1, 0 ends it */
    A_TYPE(uint32_t) use;              /* enum hoi_seg_use */
    _Atomic(struct hoi_arena *) arena; /* whose budget it is charged to; NULL: the domain's own */
    _Atomic(struct hoi_shard *) shard; /* that filled it last */
    uint32_t index;
    A_TYPE(uint64_t)
    sliced[4]; /* services that have slices of it, by number - 1; pins.c's during its scan */
    HOI_APART A_TYPE(uint64_t) words[HOI_SEG_WORDS];
    HOI_COUNTER(uint64_t) notes[HOI_SEG_NUMBERS];
};
_Static_assert(sizeof(struct hoi_seg) == HOI_SEG_PAGES * 4096, "committed by whole pages");
_Static_assert(offsetof(struct hoi_seg, notes) <= HOI_SEG_KEPT_PAGES * 4096, "only notes may go");

/* All segments of a domain. */
struct hoi_segs {
    struct hoi_seal_key key;
    uint32_t seg_bytes;
    uint32_t max;
    A_TYPE(uint32_t) fresh; /* committed so far; those below stay readable for good */
    struct hoi_seg *table;
    uint8_t *data;
    /* {tag:32, index + 1:32} of segments that belong to no arena. */
    HOI_APART A_TYPE(uint64_t) free_stack;
};

int32_t hoi_segs_init(struct hoi_segs *segs, uint64_t max_bytes, uint32_t seg_bytes);
void hoi_segs_free(struct hoi_segs *segs);

/* Takes a committed segment that nobody has. HO_OK, HO_FULL (max_bytes) or HO_E_NOMEM.
 * Lock-free, except for the system call that commits. */
int32_t hoi_segs_acquire(struct hoi_segs *segs, struct hoi_seg **seg);

/* The segment belongs to no arena from here on; if its generations are used up, it is never
 * reused. Nothing of it is outstanding. */
void hoi_segs_release(struct hoi_segs *segs, struct hoi_seg *seg);

/* Does the domain have another segment that nobody uses? Ordered after the announcement that a
 * thread waits. */
int hoi_segs_any(struct hoi_segs *segs);

/* Begins a generation: empty, count at BIAS. Only the caller has the segment. */
void hoi_seg_open(const struct hoi_segs *segs, struct hoi_seg *seg, enum hoi_seg_use use);

/* Opens the word for the next 32 numbers. 0 when all numbers are used. */
int hoi_seg_more_numbers(struct hoi_seg *seg, uint32_t limit);

/* Has everything that the segment issued come back? Called by the thread that fills it. */
int hoi_seg_idle(struct hoi_seg *seg);

/* Ends the filling. Returns 1 if nothing is outstanding: the caller recycles. */
int hoi_seg_seal(struct hoi_seg *seg);

/* Gives the memory of an unused segment back to the system, including its notes. */
void hoi_seg_discard(const struct hoi_segs *segs, struct hoi_seg *seg);

/* LIFO stacks of segments with a tag against ABA: any thread may push and pop. */
void hoi_seg_push_tagged(A_TYPE(uint64_t) * stack, struct hoi_seg *seg);
struct hoi_seg *hoi_seg_pop_tagged(const struct hoi_segs *segs, A_TYPE(uint64_t) * stack);

#define hoi_buf_gen(h) ((uint32_t)((h) >> 32))
#define hoi_buf_seg(h) ((uint32_t)((h) >> 12) & (HOI_SEGS_MAX - 1))
#define hoi_buf_number(h) ((uint32_t)(h) & (HOI_SEG_NUMBERS - 1))

/* How many records of some size a segment holds: whole words of numbers. */
static inline uint32_t hoi_seg_records(const struct hoi_segs *segs, size_t record_bytes)
{
    uint64_t fits = segs->seg_bytes / record_bytes / HOI_WORD_BITS * HOI_WORD_BITS;
    return fits < HOI_SEG_NUMBERS ? (uint32_t)fits : HOI_SEG_NUMBERS;
}

__extension__ typedef unsigned __int128 hoi_u128;

/*
 * The seal in the `owner` field of a buffer that is no loan: a keyed hash of its kind, its handle
 * and its end. A descriptor that is forged, or whose hashed fields were overwritten, does not match
 * its seal. The words find stale handles; the seal finds handles that were never issued, and those
 * of another domain, which has another key. It is not cryptographic: docs/ownership.md says what it
 * is for. `end` is ptr + cap, which does not change when a holder moves ptr forward.
 *
 * A 128-bit product folded to 64 (wyhash's step, Wang Yi): one multiplication, and not linear. The
 * kind is folded in last, times an odd number, so no two kinds have the same seal for the same
 * handle and end. If the kind is known, that is one instruction; for the usual kind it is none.
 */
#define HOI_SEAL_KIND 0x9e3779b1u
static inline uint32_t hoi_seal(const struct hoi_seal_key *key, uint32_t kind, uint64_t handle,
                                uint64_t end)
{
    hoi_u128 product = (hoi_u128)(handle ^ key->handle) * (end ^ key->end);
    return (uint32_t)(product >> 64) ^ (uint32_t)product ^ (kind ^ HO_KIND_ARENA) * HOI_SEAL_KIND;
}

/* The seal that a descriptor of this kind must have. */
static inline uint32_t hoi_seal_of(const struct hoi_seal_key *key, uint32_t kind, const ho_buf *b)
{
    return hoi_seal(key, kind, b->handle, (uint64_t)(uintptr_t)b->ptr + b->cap);
}

static inline struct hoi_seg *hoi_seg_at(const struct hoi_segs *segs, uint32_t index)
{
    return &segs->table[index];
}

/* Finds the segment of a buffer's handle, or says why there is none. Reads nothing of the
 * segment: that means nothing until the seal fits, because the handle may be another domain's. */
static inline int32_t hoi_seg_find(struct hoi_segs *segs, uint64_t handle, struct hoi_seg **seg)
{
    uint32_t index = hoi_buf_seg(handle);
    if (hoi_unlikely(index >= A_LOAD(segs->fresh, memory_order_acquire))) /* edge FRESH: acquire */
        return HO_E_STALE;
    *seg = hoi_seg_at(segs, index);
    return HO_OK;
}

/* A loan's note: {at - base:32, 1:1, bytes:31}, in one addition. */
#define HOI_NOTE_BASE(base) (HOI_NOTE_LOAN - ((base) << 32))
static inline uint64_t hoi_note_loan(const struct hoi_seg *seg, uint64_t at, uint64_t bytes)
{
    return (at << 32) + seg->note_base + bytes;
}

/* Start address of a loan. */
static inline uint64_t hoi_note_start(const struct hoi_seg *seg, uint64_t note)
{
    return seg->base + (note >> 32);
}

/* Is this number live in its generation? The answer is reliable only for its holder. */
static inline int hoi_seg_live(struct hoi_seg *seg, uint64_t handle)
{
    uint32_t number = hoi_buf_number(handle);
    uint64_t word = hoi_get(seg->words[number / HOI_WORD_BITS]);
    return (uint32_t)(word >> 32) == hoi_buf_gen(handle) && (word >> number % HOI_WORD_BITS & 1);
}

#endif
