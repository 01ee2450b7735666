/* SPDX-License-Identifier: MIT */
/*
 * Pool: free slots on their way between processors' caches and what is shared: the depot, the bits, fresh ones. A
 * refill takes a block of the depot if there is one, else the lowest free slots, else fresh ones; it charges
 * the pages that it takes. A full cache gives half of it up: to the depot, if that has room, else to the bits.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  CACHES | collect_caches | the same | that these caches are empty | slots that two caches have
 */
#include "pool_private.h"

#include "cpuword.inl"
#include "depot.inl"
#include "freebits.inl"

/* A refill takes what is free in so many words at most: few slots of each when they lie scattered, and no caller has to
 * wait for all of a batch. */
#define WORDS_MOST 8u

void hoi_pool_put(struct hoi_pool *p, uint32_t word, uint64_t mask)
{
    (void)A_FADD(p->idle, __builtin_popcountll(mask), memory_order_relaxed);
    hoi_bits_put(p->bits, word, mask);
    if (word < hoi_get(p->low)) /* a hint: relaxed */
        hoi_set(p->low, word);
}

uint64_t hoi_pool_take(struct hoi_pool *p, uint32_t word, uint64_t wanted, uint32_t n)
{
    uint64_t mask = hoi_bits_take(p->bits, word, wanted, n);
    if (mask)
        (void)A_FSUB(p->idle, __builtin_popcountll(mask), memory_order_relaxed);
    return mask;
}

uint64_t hoi_pool_take_fresh(struct hoi_pool *p, uint32_t n, uint32_t *word)
{
    uint32_t at = A_LOAD(p->fresh, memory_order_relaxed), most; /* nothing is inferred from it */
    do {
        most = p->slots_max - at;
        if (most > HOI_FREE_BITS - at % HOI_FREE_BITS)
            most = HOI_FREE_BITS - at % HOI_FREE_BITS;
        if (most > n)
            most = n;
        if (!most)
            return 0;
    } while (!A_CAS(p->fresh, at, at + most, memory_order_relaxed, memory_order_relaxed));
    *word = at / HOI_FREE_BITS;
    return (most == HOI_FREE_BITS ? ~(uint64_t)0 : ((uint64_t)1 << most) - 1) << at % HOI_FREE_BITS;
}

/* Makes one page resident. Relaxed: a page is given back by whoever has all its slots, so FREED orders it. */
static int charge_page(struct hoi_pool *p, uint64_t page)
{
    A_TYPE(uint64_t) *word = hoi_pool_resident(p, page);
    uint64_t bit = (uint64_t)1 << page % 64;
    if (hoi_likely(hoi_pool_is_resident(p, page)))
        return 1;
    if (!hoi_arena_charge(p->arena, HOI_PAGE))
        return 0;
    if (A_OR(*word, bit, memory_order_relaxed) & bit)
        hoi_arena_uncharge(p->arena, HOI_PAGE); /* another slot's holder was first */
    else
        (void)A_FADD(p->pages, 1, memory_order_relaxed);
    return 1;
}

/* Where slots lie, in bytes from the states on. */
static uint64_t place_of(const struct hoi_pool *p, uint32_t index)
{
    return (uint64_t)(p->base - (uint8_t *)p->state) + (uint64_t)index * p->slot_bytes;
}

int hoi_pool_charge(struct hoi_pool *p, uint32_t index)
{
    uint64_t from = place_of(p, index), last = from + p->slot_bytes - 1;
    if (hoi_unlikely(!charge_page(p, (uint64_t)index * sizeof *p->state / HOI_PAGE)))
        return 0;
    for (uint64_t page = from / HOI_PAGE; page <= last / HOI_PAGE; page++)
        if (hoi_unlikely(!charge_page(p, page)))
            return 0;
    return 1;
}

/* Are all pages there already from the first of a word's slots to the last? Then none is to be charged. */
static int are_charged(const struct hoi_pool *p, uint32_t first, uint32_t last)
{
    uint64_t page = place_of(p, first) / HOI_PAGE, end = (place_of(p, last + 1) - 1) / HOI_PAGE;
    if (!hoi_pool_is_resident(p, (uint64_t)first * sizeof *p->state / HOI_PAGE))
        return 0;
    while (page <= end && hoi_pool_is_resident(p, page))
        page++;
    return page > end;
}

/* Slots of a word whose pages are charged, as handles. From the highest: caches give the last first. */
static void name_all(const struct hoi_pool *p, uint32_t word, uint64_t mask, uint64_t *handles)
{
    const uint32_t base = word * HOI_FREE_BITS, least = hoi_pool_least(p, base);
    const uint64_t *end = handles + __builtin_popcountll(mask);
    if (mask == ~(uint64_t)0)
#pragma GCC unroll 4
        for (uint32_t i = HOI_FREE_BITS; i--;)
            *handles++ = hoi_pool_next_of(p, base + i, least);
    for (uint32_t i; handles != end; mask ^= (uint64_t)1 << i) {
        i = HOI_FREE_BITS - 1 - (uint32_t)__builtin_clzll(mask);
        *handles++ = hoi_pool_next_of(p, base + i, least);
    }
}

/* Charges slots that were taken and makes them handles; those that the budget has no room for go back. */
static uint32_t charge_all(struct hoi_pool *p, uint32_t word, uint64_t mask, uint64_t *handles)
{
    const uint32_t base = word * HOI_FREE_BITS;
    uint64_t refused = 0;
    const int charged = are_charged(p, base + (uint32_t)__builtin_ctzll(mask),
                                    base + HOI_FREE_BITS - 1 - (uint32_t)__builtin_clzll(mask));
    for (uint64_t left = charged && !p->made ? 0 : mask; left; left &= left - 1) {
        const uint32_t index = base + (uint32_t)__builtin_ctzll(left);
        if (hoi_unlikely(!hoi_pool_charge(p, index)))
            refused |= left & -left;
        else if (hoi_unlikely(p->made))
            hoi_pool_construct(p, index);
    }
    mask &= ~refused;
    if (hoi_unlikely(refused))
        hoi_pool_put(p, word, refused);
    name_all(p, word, mask, handles);
    return (uint32_t)__builtin_popcountll(mask);
}

/* The lowest free slots of a word; without sequences of one half of it. */
static uint64_t take_some(struct hoi_pool *p, uint32_t word, uint32_t n)
{
    uint64_t lower = hoi_pool_uses_rseq(p) ? ~(uint64_t)0 : UINT32_MAX;
    uint64_t mask = hoi_pool_take(p, word, lower, n);
    return mask || hoi_pool_uses_rseq(p) ? mask : hoi_pool_take(p, word, ~lower, n);
}

/* Without sequences a processor's word holds one group: so the first that has something is all. */
static uint32_t from_bits(struct hoi_pool *p, uint64_t *handles, uint32_t most, uint32_t from,
                          uint32_t end)
{
    uint32_t n = 0, words = hoi_pool_uses_rseq(p) ? WORDS_MOST : 1;
    for (uint32_t w = hoi_bits_find(p->bits, from, end); w < end && n < most && words;
         w = hoi_bits_find(p->bits, w + 1, end)) {
        uint64_t mask = take_some(p, w, most - n);
        uint32_t got = mask ? charge_all(p, w, mask, handles + n) : 0;
        n += got;
        words -= got != 0;
        if (got && hoi_get(p->low) != w) /* others read it: not written for nothing */
            hoi_set(p->low, w);
    }
    return n;
}

static uint32_t from_fresh(struct hoi_pool *p, uint64_t *handles, uint32_t most)
{
    uint32_t word;
    uint64_t mask = hoi_pool_take_fresh(p, most, &word);
    if (mask && !hoi_pool_uses_rseq(p) && (uint32_t)mask && mask >> 32) {
        hoi_pool_put(p, word, mask & ~(uint64_t)UINT32_MAX);
        mask &= UINT32_MAX;
    }
    return mask ? charge_all(p, word, mask, handles) : 0;
}

static uint32_t from_depot(struct hoi_pool *p, uint64_t *handles, uint32_t most)
{
    uint32_t i = hoi_depot_pop(&p->depot_full, p->depot);
    if (!i)
        return 0;
    struct hoi_depot_block *block = &p->depot[i - 1];
    uint32_t n = block->count < most ? block->count : most;
    __builtin_memcpy(handles, block->handles + block->count - n, n * sizeof *handles);
    block->count -= n;
    (void)A_FSUB(p->idle, n, memory_order_relaxed);
    hoi_depot_push(block->count ? &p->depot_full : &p->depot_empty, p->depot, i - 1);
    return n;
}

uint32_t hoi_pool_gather(struct hoi_pool *p, uint64_t *handles, uint32_t most)
{
    if (hoi_unlikely(p->made) && hoi_pool_inside(p))
        return 0;
    /* Behind the last word that was ever used there is nothing to look at, and no memory yet. */
    const uint32_t low = hoi_get(p->low),
                   end = (hoi_get(p->fresh) + HOI_FREE_BITS - 1) / HOI_FREE_BITS;
    uint32_t n = from_depot(p, handles, most);
    if (!n)
        n = from_bits(p, handles, most, low, end);
    if (!n && low)
        n = from_bits(p, handles, most, 0, low);
    return n ? n : from_fresh(p, handles, most < p->fresh_most ? most : p->fresh_most);
}

static void to_bits(struct hoi_pool *p, const uint64_t *handles, uint32_t n)
{
    for (uint32_t i = 0; i < n;) {
        uint32_t word = hoi_obj_index(handles[i]) / HOI_FREE_BITS;
        uint64_t mask = 0;
        for (; i < n && hoi_obj_index(handles[i]) / HOI_FREE_BITS == word; i++)
            mask |= (uint64_t)1 << hoi_obj_index(handles[i]) % HOI_FREE_BITS;
        hoi_pool_put(p, word, mask);
    }
}

/* A block that holds nothing; 0: there is none. */
static uint32_t empty_block(struct hoi_pool *p)
{
    uint32_t i = hoi_depot_pop(&p->depot_empty, p->depot);
    if (i || hoi_get(p->depot_used) >= p->depot_blocks)
        return i;
    i = A_FADD(p->depot_used, 1, memory_order_relaxed); /* each number comes once */
    return i < p->depot_blocks ? i + 1 : 0;
}

void hoi_pool_scatter(struct hoi_pool *p, const uint64_t *handles, uint32_t n)
{
    uint32_t i = hoi_pool_uses_rseq(p) ? empty_block(p) : 0;
    if (!i) {
        to_bits(p, handles, n);
        return;
    }
    __builtin_memcpy(p->depot[i - 1].handles, handles, n * sizeof *handles);
    p->depot[i - 1].count = n;
    (void)A_FADD(p->idle, n, memory_order_relaxed);
    hoi_depot_push(&p->depot_full, p->depot, i - 1);
}

uint64_t hoi_pool_empty_depot(struct hoi_pool *p, uint32_t blocks)
{
    uint64_t found = 0;
    for (uint32_t i; blocks && (i = hoi_depot_pop(&p->depot_full, p->depot)); blocks--) {
        to_bits(p, p->depot[i - 1].handles, p->depot[i - 1].count);
        (void)A_FSUB(p->idle, p->depot[i - 1].count, memory_order_relaxed); /* counted twice */
        found += p->depot[i - 1].count;
        hoi_depot_push(&p->depot_empty, p->depot, i - 1);
    }
    return found;
}

void hoi_pool_drop_depot(struct hoi_pool *p)
{
    uint64_t mine[HOI_DEPOT_BLOCKS / 64] = {0};
    uint32_t n = 0, used = A_LOAD(p->depot_used, memory_order_relaxed), all = used;
    all = all < p->depot_blocks ? all : p->depot_blocks;
    if (all <= HOI_DEPOT_STEP)
        return;
    for (uint32_t i; n < all && (i = hoi_depot_pop(&p->depot_empty, p->depot)); n++)
        mine[(i - 1) / 64] |= (uint64_t)1 << (i - 1) % 64;
    if (n ==
        all) { /* nobody else has any; so nobody writes there, unless he takes one that was never used */
        uintptr_t from = ((uintptr_t)p->depot + HOI_PAGE - 1) / HOI_PAGE * HOI_PAGE;
        uintptr_t end = (uintptr_t)(p->depot + all) / HOI_PAGE * HOI_PAGE;
        hoi_os_discard((void *)from, end - from);
        if (A_CAS_ONCE(p->depot_used, used, 0, memory_order_relaxed, memory_order_relaxed))
            return; /* none was ever used */
    }
    for (uint32_t i = 0; i < all; i++)
        if (mine[i / 64] >> i % 64 & 1)
            hoi_depot_push(&p->depot_empty, p->depot, i);
}

static uint64_t collect_words(struct hoi_pool *p)
{
    uint64_t found = 0;
    for (uint32_t cpu = 0; cpu < p->cpus; cpu++) {
        uint64_t w = hoi_cpuword_drain(&p->cpu_words[cpu]);
        uint32_t first = (uint32_t)(w >> 32) * HOI_CPU_GROUP;
        if ((uint32_t)w)
            hoi_pool_put(p, first / HOI_FREE_BITS, (w & UINT32_MAX) << first % HOI_FREE_BITS);
        found += (uint64_t)__builtin_popcount((uint32_t)w);
    }
    return found;
}

static uint64_t collect_caches(struct hoi_pool *p)
{
    uint64_t found = 0;
    struct hoi_percpu_cache *caches = p->arena->domain->refusing + HOI_PERCPU_BEFORE;
    if (A_XCHG(p->collecting, 1, memory_order_acquire)) /* edge CACHES: acquire */
        return 0;                                       /* another thread is at it */
    caches = __atomic_exchange_n(&p->cache.caches, caches, __ATOMIC_SEQ_CST);
    hoi_os_restart_sequences(); /* now they are nobody else's */
    for (uint32_t cpu = 0; cpu < p->cpus; cpu++) {
        to_bits(p, caches[cpu].handles, caches[cpu].count);
        found += caches[cpu].count;
        if (caches[cpu].count)
            caches[cpu].count = 0;
    }
    __atomic_store_n(&p->cache.caches, caches, __ATOMIC_RELEASE);
    A_STORE(p->collecting, 0, memory_order_release); /* edge CACHES: release */
    return found;
}

uint64_t hoi_pool_collect(struct hoi_pool *p)
{
    uint64_t found = hoi_pool_empty_depot(p, p->depot_blocks);
    return found + (hoi_pool_uses_rseq(p) ? collect_caches(p) : collect_words(p));
}

/* One that is at hand after all: the thread may run elsewhere by now. */
static int take_cached(struct hoi_pool *p, uint64_t *handle)
{
    uint32_t index, upper;
    if (hoi_pool_uses_rseq(p))
        return hoi_percpu_pop(&p->cache, handle, &upper);
    if (!hoi_cpuword_take(&p->cpu_words[hoi_os_cpu() % p->cpus], &index))
        return 0;
    *handle = hoi_pool_next_handle(p, index);
    return 1;
}

/* Keeps what a refill took beyond the first. */
static void cache_rest(struct hoi_pool *p, const uint64_t *handles, uint32_t n)
{
    uint32_t group = hoi_obj_index(handles[0]) / HOI_CPU_GROUP, mask = 0;
    if (hoi_pool_uses_rseq(p)) {
        if (!hoi_percpu_push_many(&p->cache, handles, n))
            hoi_pool_scatter(p, handles, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        mask |= (uint32_t)1 << hoi_obj_index(handles[i]) % HOI_CPU_GROUP;
    if (!hoi_cpuword_fill(&p->cpu_words[hoi_os_cpu() % p->cpus], group, mask))
        to_bits(p, handles, n);
}

int32_t hoi_pool_refill(struct hoi_pool *p, uint64_t *handle)
{
    uint64_t handles[HOI_POOL_BATCH];
    if (take_cached(p, handle))
        return HO_OK;
    if (hoi_unlikely(p->made) && hoi_pool_inside(p))
        return HO_E_REENTRANT;
    uint32_t n = hoi_pool_gather(p, handles, p->batch + 1); /* one is the caller's */
    if (!n && hoi_pool_collect(p))
        n = hoi_pool_gather(p, handles, p->batch + 1);
    if (!n) {
        hoi_count(p->full, 1);
        return HO_FULL;
    }
    hoi_count(p->refills, 1);
    *handle = handles[--n];
    if (n)
        cache_rest(p, handles, n);
    return HO_OK;
}

void hoi_pool_flush(struct hoi_pool *p, uint64_t handle)
{
    uint64_t handles[HOI_POOL_BATCH];
    if (!hoi_pool_uses_rseq(p)) {
        uint32_t index = hoi_obj_index(handle);
        if (!hoi_cpuword_put(&p->cpu_words[hoi_os_cpu() % p->cpus], index))
            to_bits(p, &handle, 1);
    } else if (!hoi_percpu_push(&p->cache, handle)) {
        uint32_t n = hoi_percpu_pop_many(&p->cache, handles, p->batch);
        if (n)
            hoi_pool_scatter(p, handles, n);
        if (!hoi_percpu_push(&p->cache, handle))
            to_bits(p, &handle, 1);
    }
    hoi_pool_relax(p);
}
