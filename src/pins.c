/* SPDX-License-Identifier: MIT */
/*
 * Pins: finds the services that delay the recycling of an arena's segments.
 *
 * A segment is recycled as a whole, so one small unreturned buffer pins all of it, whether it waits
 * in the lane of a consumer that hangs or is kept by a user. Once more than half of an arena is in
 * use, its segments that are no longer being filled are counted for each service that has a live
 * buffer in them; the notes say where a buffer went. Messages to a service that pins more than
 * three eighths, or more than is still free, are copied from then on (straggler.c). So one service
 * can take about half of an arena from the others, and several late ones leave less and less, but
 * never nothing. Compared with the free memory, a segment that n services pin counts as an nth for
 * each.
 *
 * An arena that has served only one service is not guarded: there is nobody to protect.
 *
 * The scan reads one live buffer per word of 32, and the slices one by one. It runs each time that
 * an eighth of the free memory has been taken. It costs about two thousand loads per segment in an
 * arena that is short of memory, and none otherwise.
 */
#include "arena_private.h"

#define SERVICES 256u

/* Numbers below 1 or above the maximum come from notes that changed during the read. */
static void mark(uint64_t *services, uint32_t service)
{
    if (service - 1 < SERVICES)
        services[(service - 1) / 64] |= (uint64_t)1 << (service - 1) % 64;
}

/* The services that have buffers in a segment. */
static void services_of(struct hoi_seg *seg, uint64_t *services)
{
    uint32_t end = hoi_get(seg->issued), gen = hoi_get(seg->gen);
    for (uint32_t first = 0; first < end; first += HOI_WORD_BITS) {
        uint64_t word = hoi_get(seg->words[first / HOI_WORD_BITS]);
        if ((uint32_t)(word >> 32) != gen || !(uint32_t)word)
            continue;
        uint64_t note = hoi_get(seg->notes[first + (uint32_t)__builtin_ctz((uint32_t)word)]);
        if (!(note & HOI_NOTE_LOAN))
            mark(services, hoi_note_service(note));
    }
}

/* A live slice pins its parent's segment, for the service that the slice's own note names. */
static void slice_of(struct hoi_segs *segs, const struct hoi_arena *a, struct hoi_seg *slices,
                     uint32_t number)
{
    uint32_t service = hoi_note_service(hoi_get(slices->notes[number])) - 1;
    uint64_t parent = hoi_parent_of(segs, hoi_get(slices->handle_base) + number);
    struct hoi_seg *seg = hoi_seg_at(segs, hoi_buf_seg(parent));
    if (service < SERVICES && hoi_get(seg->arena) == a)
        (void)A_OR(seg->sliced[service / 64], (uint64_t)1 << service % 64, memory_order_relaxed);
}

/* The limit, a third of a millisecond: a service with more slices than that counts as late
 * because of them. */
#define MOST_SLICES 65536u

/* Marks each segment of the arena with the services that have slices of it. */
static void find_slices(struct hoi_arena *a, uint32_t fresh)
{
    struct hoi_domain *d = a->domain;
    uint32_t seen = 0;
    if (!A_LOAD(d->slices.cursor, memory_order_relaxed)) /* there never was a slice */
        return;
    for (uint32_t i = 0; i < fresh && seen < MOST_SLICES; i++) {
        struct hoi_seg *seg = hoi_seg_at(&d->segs, i);
        if (hoi_get(seg->use) != HOI_SEG_SLICES || !hoi_seg_hold(d, seg, HOI_SEG_SLICES))
            continue;
        uint32_t gen = hoi_get(seg->gen);
        for (uint32_t first = 0; first < HOI_SEG_NUMBERS; first += HOI_WORD_BITS) {
            uint64_t word = hoi_get(seg->words[first / HOI_WORD_BITS]);
            uint32_t live = (uint32_t)(word >> 32) == gen ? (uint32_t)word : 0;
            for (; live; live &= live - 1, seen++)
                slice_of(&d->segs, a, seg, first + (uint32_t)__builtin_ctz(live));
        }
        hoi_seg_unhold(d, seg);
    }
}

/* What each service pins, in segments, and its share of these: a segment that n of them pin
 * counts as an nth for each. */
struct pins {
    uint32_t segs[SERVICES], parts[SERVICES];
};
#define WHOLE 256u /* one segment, in shares */

static void count_segment(struct hoi_seg *seg, struct pins *pins)
{
    uint64_t services[SERVICES / 64] = {0};
    uint32_t n = 0;
    services_of(seg, services);
    for (uint32_t w = 0; w < SERVICES / 64; w++)
        if (hoi_unlikely(hoi_get(seg->sliced[w])))
            services[w] |= A_XCHG(seg->sliced[w], 0, memory_order_relaxed);
    for (uint32_t w = 0; w < SERVICES / 64; w++)
        n += (uint32_t)__builtin_popcountll(services[w]);
    for (uint32_t w = 0; w < SERVICES / 64; w++)
        for (uint64_t bits = services[w]; bits; bits &= bits - 1) {
            uint32_t k = w * 64 + (uint32_t)__builtin_ctzll(bits);
            pins->segs[k]++;
            pins->parts[k] += WHOLE / n;
        }
}

/* A scan covers every segment that the domain ever had. If there are very many, it may use only
 * part of the time: about 20 ns per segment, at most once per microsecond and segment. */
#define MANY_SEGMENTS 8192u
#define PAUSE_NS 1000

static int looks_too_often(struct hoi_arena *a, uint32_t segments)
{
    int64_t now, last = A_LOAD(a->looked_ns, memory_order_relaxed);
    if (hoi_likely(segments < MANY_SEGMENTS))
        return 0;
    now = hoi_os_tick_ns();
    return now - last < (int64_t)segments * PAUSE_NS ||
           !A_CAS(a->looked_ns, last, now, memory_order_relaxed, memory_order_relaxed);
}

static void find_pinners(struct hoi_arena *a)
{
    struct hoi_segs *segs = &a->domain->segs;
    struct pins pins = {0};
    uint32_t fresh = A_LOAD(segs->fresh, memory_order_acquire); /* edge FRESH: acquire */
    if (looks_too_often(a, fresh))
        return;
    find_slices(a, fresh);
    for (uint32_t i = 0; i < fresh; i++) {
        struct hoi_seg *seg = hoi_seg_at(segs, i);
        uint32_t use = A_LOAD(seg->use, memory_order_acquire); /* edge OPEN: acquire */
        if ((use == HOI_SEG_BYTES || use == HOI_SEG_FOREIGN) && hoi_get(seg->arena) == a &&
            hoi_get(seg->sealed))
            count_segment(seg, &pins);
    }
    uint64_t pinners[SERVICES / 64] = {0}, used = A_LOAD(a->in_use, memory_order_relaxed);
    uint64_t free_segs = used < a->budget_segs ? a->budget_segs - used : 0;
    for (uint32_t k = 0; k < SERVICES; k++)
        if (pins.segs[k] * (uint64_t)8 > a->budget_segs * 3 || pins.parts[k] > free_segs * WHOLE)
            mark(pinners, k + 1);
    for (uint32_t w = 0; w < SERVICES / 64; w++)
        hoi_set(a->pinners[w], pinners[w]);
}

int hoi_arena_use(struct hoi_arena *a, uint32_t service)
{
    uint32_t own = (service - 1) / 64;
    uint64_t bit = (uint64_t)1 << (service - 1) % 64, others = 0;
    if (!(A_LOAD(a->users[own], memory_order_relaxed) & bit))
        (void)A_OR(a->users[own], bit, memory_order_relaxed);
    if (hoi_likely(A_LOAD(a->shared, memory_order_relaxed)))
        return 1;
    for (uint32_t w = 0; w < SERVICES / 64; w++)
        others |= A_LOAD(a->users[w], memory_order_relaxed) & ~(w == own ? bit : 0);
    if (others)
        A_STORE(a->shared, 1, memory_order_relaxed);
    return others != 0;
}

void hoi_arena_watch_pins(struct hoi_arena *a)
{
    if (hoi_likely(!A_LOAD(a->shared, memory_order_relaxed)) ||
        hoi_unlikely(a->budget_segs < HOI_GUARDED_SEGMENTS))
        return;
    uint64_t used = A_LOAD(a->in_use, memory_order_relaxed), budget = a->budget_segs;
    if (hoi_likely(used * 2 <= budget)) {
        for (uint32_t w = 0; w < SERVICES / 64; w++)
            if (hoi_unlikely(hoi_get(a->pinners[w])))
                hoi_set(a->pinners[w], 0);
        return;
    }
    uint64_t often = used < budget ? (budget - used) / 8 + 1 : 1;
    if (A_FADD(a->looks, 1, memory_order_relaxed) % often == 0)
        find_pinners(a);
}
