/* SPDX-License-Identifier: MIT */
/*
 * Pool: one mapping of address space for all of it, under the domain's mutex.
 *
 *   pool | gap | refuses | gap | processors' caches | what no gap has room for | states | slots | a page never readable
 *
 * The two caches that refuse lie before the processors' (percpu.h); only their counts are used. The pool lies in the place of
 * the first one. Behind it, and in that of the second, there is room for the bookkeeping of some thousand objects: on two
 * processors all of it is one page.
 */
#include "pool_private.h"

#include "freebits.inl"

#define CPUS_UNKNOWN                                                                               \
    16u /* words for processors of which the kernel does not say how many there may be */
#define CACHE_BYTES sizeof(struct hoi_percpu_cache)
#define COUNT_BYTES sizeof(uint64_t) /* that a cache begins with */

/* What is free in bookkeeping, in bytes from the pool on. */
struct room {
    struct {
        uint64_t begin, end;
    } gaps[2];
    uint64_t behind;
};

static uint64_t up(uint64_t bytes, uint64_t align)
{
    return (bytes + align - 1) / align * align;
}

static uint64_t place(struct room *room, uint64_t bytes, uint64_t align)
{
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t at = up(room->gaps[i].begin, align);
        if (at + bytes <= room->gaps[i].end) {
            room->gaps[i].begin = at + bytes;
            return at;
        }
    }
    uint64_t at = up(room->behind, bytes < HOI_PAGE ? align : HOI_PAGE);
    room->behind = at + bytes;
    return at;
}

/* The bits of pages go down in memory from where those of slots begin and go up: so a large pool has one page for what it uses of
 * both, however many there may be. Down from there that page has so much. */
#define RESIDENT_SHARE ((uint64_t)1 << 10)

static uint64_t resident_bytes(uint64_t of_pages)
{
    uint64_t bytes =
        up(of_pages / 8 + 8, HOI_LINE) + HOI_LINE; /* others write to the bits of slots */
    return bytes > RESIDENT_SHARE ? RESIDENT_SHARE + up(bytes - RESIDENT_SHARE, HOI_PAGE) : bytes;
}

struct parts {
    uint64_t floor, resident, bits, made, depot, cpu_words; /* where they begin */
    uint64_t books, states, slots;                          /* bytes of all these, whole pages */
};

static struct parts lay_out(const struct hoi_pool *p)
{
    struct parts parts = {.states = up((uint64_t)p->slots_max * sizeof *p->state, HOI_PAGE),
                          .slots = up((uint64_t)p->slots_max * p->slot_bytes, HOI_PAGE)};
    struct room room = {.gaps = {{CACHE_BYTES + COUNT_BYTES, HOI_PERCPU_BEFORE * CACHE_BYTES},
                                 {sizeof *p, CACHE_BYTES}},
                        .behind = hoi_pool_bytes(p->cache.cpus)};
    const uint64_t resident = resident_bytes((parts.states + parts.slots) / HOI_PAGE),
                   words = p->words_count;
    parts.floor = place(&room, up(p->slots_max / HOI_POOL_WINDOW * 4 + 4, 8), 8);
    parts.resident = place(&room, up(resident + HOI_BITS_COUNT(words) * 8, HOI_LINE), HOI_LINE);
    parts.bits = parts.resident + resident;
    if (p->construct || p->destruct)
        parts.made = place(&room, up(words * 8, HOI_LINE), HOI_LINE);
    if (hoi_pool_uses_rseq(p))
        parts.depot = place(&room, p->depot_blocks * sizeof *p->depot, HOI_LINE);
    else
        parts.cpu_words = place(&room, up((uint64_t)p->cpus * 8, HOI_LINE), HOI_LINE);
    parts.books = up(room.behind, HOI_PAGE);
    return parts;
}

/* What a pool's caches are swapped with while they are emptied: each refuses, to every pool of the domain. */
static struct hoi_percpu_cache *refusing_caches(struct hoi_domain *d, uint32_t cpus)
{
    if (!d->refusing) {
        d->refusing_bytes = hoi_pool_bytes(cpus);
        d->refusing = hoi_os_alloc(d->refusing_bytes);
        if (d->refusing)
            hoi_percpu_refuse(d->refusing, HOI_PERCPU_BEFORE + cpus);
    }
    return d->refusing;
}

void hoi_pools_end(struct hoi_domain *d)
{
    hoi_os_free(d->refusing, d->refusing_bytes);
}

/* How processors are told apart. */
int32_t hoi_pool_set_processors(struct hoi_pool *p)
{
    const uint32_t told = hoi_os_cpus();
    p->cpus = told ? told : CPUS_UNKNOWN;
    if (!told || !hoi_percpu_usable(&p->cache.rseq)) {
        p->cache.rseq = hoi_percpu_nowhere();
        return HO_OK;
    }
    p->cache.cpus = told;
    return refusing_caches(p->arena->domain, told) ? HO_OK : HO_E_NOMEM;
}

int32_t hoi_pool_map(const struct hoi_pool *draft, const struct hoi_pool_class *of,
                     struct hoi_pool **pool)
{
    const struct parts parts = lay_out(draft);
    uint8_t *area = of ? of->area : NULL;
    const uint64_t offset = of ? of->offset : 0, objects = parts.states + parts.slots,
                   own = of ? up(offset + parts.books, HOI_PAGE) : parts.books + objects;
    uint8_t *at = hoi_os_reserve(own + HOI_PAGE);
    if (!at)
        return HO_E_NOMEM;
    if (hoi_os_commit(at, own) || (area && hoi_os_commit(area, objects))) {
        hoi_os_release(at, own + HOI_PAGE);
        return HO_E_NOMEM;
    }
    uint8_t *states = area ? area : at + parts.books;
    hoi_os_small_pages(at, own);
    if (area)
        hoi_os_small_pages(area, objects);
    at += offset;
    struct hoi_pool *p = *pool = (void *)at;
    *p = *draft;
    p->memory_bytes = own + HOI_PAGE - offset;
    p->floor = (void *)(at + parts.floor);
    p->bits = (void *)(at + parts.bits);
    p->resident = (void *)(at + parts.bits - HOI_LINE - sizeof *p->resident);
    p->made = parts.made ? (void *)(at + parts.made) : NULL;
    p->depot = (void *)(at + parts.depot);
    p->cpu_words = (void *)(at + parts.cpu_words);
    p->state = (void *)states;
    p->base = states + parts.states;
    hoi_percpu_refuse((void *)at, HOI_PERCPU_BEFORE);
    p->cache.caches = (struct hoi_percpu_cache *)(void *)at + HOI_PERCPU_BEFORE;
    return HO_OK;
}
