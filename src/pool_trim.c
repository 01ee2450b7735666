/* SPDX-License-Identifier: MIT */
/*
 * Pool: memory goes back to the system, and is made present before a burst.
 *
 * Both work on windows: 1,024 slots, whose states fill a page and whose own pages are no other window's. What is free in a
 * window is taken from the bits, so that nobody else has it; pages that only such slots touch are given back;
 * then the slots are put into the bits again. A page of states goes when all its slots were taken: its highest
 * state becomes the window's floor first, so that no generation comes twice.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  REST | hoi_pools_ask | hoi_pools_rest | since when too much is unused | memory that stays while consumers sleep
 */
#include "pool_private.h"

#include "freebits.inl"

#define WINDOW_WORDS (HOI_POOL_WINDOW / 64)
#define STEP_BYTES ((uint64_t)64 << 10) /* that one system call gives back */

struct window {
    uint32_t number;
    uint64_t taken[WINDOW_WORDS];
};

static int is_taken(const struct window *win, uint32_t slot)
{
    return win->taken[slot / 64] >> slot % 64 & 1;
}

/* The next run of slots that were taken, from *from on: its begin in *from; gives its end, 0 if there is none. */
static uint32_t next_run(const struct window *win, uint32_t *from)
{
    uint32_t at = *from;
    while (at < HOI_POOL_WINDOW && !is_taken(win, at))
        at = win->taken[at / 64] >> at % 64 ? at + 1 : (at / 64 + 1) * 64;
    if (at == HOI_POOL_WINDOW)
        return 0;
    *from = at;
    while (at < HOI_POOL_WINDOW && is_taken(win, at))
        at++;
    return at;
}

static void put_back(struct hoi_pool *p, const struct window *win)
{
    for (uint32_t i = 0; i < WINDOW_WORDS; i++)
        if (win->taken[i])
            hoi_pool_put(p, win->number * WINDOW_WORDS + i, win->taken[i]);
}

/* Takes up to n free slots of the window. Gives how many. */
static uint32_t take_window(struct hoi_pool *p, struct window *win, uint32_t number, uint32_t n)
{
    uint32_t got = 0, first = number * WINDOW_WORDS;
    *win = (struct window){.number = number};
    for (uint32_t i = 0; i < WINDOW_WORDS && first + i < p->words_count && got < n; i++)
        if (hoi_get(p->bits[HOI_BITS_WORD(first + i)])) {
            win->taken[i] = hoi_pool_take(p, first + i, ~(uint64_t)0, n - got);
            got += (uint32_t)__builtin_popcountll(win->taken[i]);
        }
    return got;
}

/* Before pages go back: what is constructed there. The caller has all slots that touch them. */
static void destruct_pages(struct hoi_pool *p, uint64_t from, uint64_t end)
{
    uint64_t slots = (uint64_t)(p->base - (uint8_t *)p->state) / HOI_PAGE;
    if (from < slots)
        return; /* of states */
    uint64_t first = (from - slots) * HOI_PAGE / p->slot_bytes;
    uint64_t behind = ((end - slots) * HOI_PAGE + p->slot_bytes - 1) / p->slot_bytes;
    hoi_pool_destruct(p, (uint32_t)first, behind < p->slots_max ? (uint32_t)behind : p->slots_max);
}

/* Gives pages back that nobody else uses, up to `most` bytes of them. Gives how many bytes. */
static uint64_t drop_pages(struct hoi_pool *p, uint64_t from, uint64_t end, uint64_t most)
{
    uint64_t freed = 0;
    while (from < end && freed < most) {
        uint64_t n = 0;
        while (from + n < end && n < STEP_BYTES / HOI_PAGE && freed + n * HOI_PAGE < most &&
               hoi_pool_is_resident(p, from + n))
            n++;
        if (n && hoi_unlikely(p->made))
            destruct_pages(p, from, from + n);
        HO_HOOK("pool:before_discard");
        if (n)
            hoi_os_discard((uint8_t *)p->state + from * HOI_PAGE, n * HOI_PAGE);
        for (uint64_t i = from; i < from + n; i++)
            (void)A_AND(*hoi_pool_resident(p, i), ~((uint64_t)1 << i % 64), memory_order_relaxed);
        freed += n * HOI_PAGE;
        from += n ? n : 1;
    }
    (void)A_FSUB(p->pages, (int64_t)(freed / HOI_PAGE), memory_order_relaxed);
    if (freed)
        hoi_arena_uncharge(p->arena, freed);
    return freed;
}

static uint64_t drop_states(struct hoi_pool *p, uint32_t number, uint64_t most)
{
    if (!hoi_pool_is_resident(p, number))
        return 0;
    hoi_state_raise(&p->floor[number], &p->state[number * HOI_POOL_WINDOW], HOI_POOL_WINDOW);
    return drop_pages(p, number, number + 1, most);
}

/* Of the last window, of which all slots that were ever used were taken, the others too, so that its page of states can
 * go. Gives how many. */
static uint32_t take_never_used(struct hoi_pool *p, struct window *win, uint32_t got, uint32_t all)
{
    uint32_t word, had = got;
    uint64_t mask;
    if (hoi_get(p->fresh) != win->number * HOI_POOL_WINDOW + got)
        return 0;
    while (got < all && (mask = hoi_pool_take_fresh(p, all - got, &word))) {
        if (word / WINDOW_WORDS != win->number) { /* another thread took what was between */
            hoi_pool_put(p, word, mask);
            break;
        }
        win->taken[word % WINDOW_WORDS] |= mask;
        got += (uint32_t)__builtin_popcountll(mask);
    }
    return got - had;
}

static uint64_t trim_window(struct hoi_pool *p, uint32_t number, uint64_t most)
{
    struct window win;
    uint32_t all = p->slots_max - number * HOI_POOL_WINDOW;
    all = all < HOI_POOL_WINDOW ? all : HOI_POOL_WINDOW;
    uint64_t freed = 0, slots = (uint64_t)(p->base - (uint8_t *)p->state) / HOI_PAGE;
    uint32_t got = take_window(p, &win, number, HOI_POOL_WINDOW);
    got += take_never_used(p, &win, got, all);
    for (uint32_t from = 0, end; freed < most && (end = next_run(&win, &from)); from = end) {
        uint64_t first = ((uint64_t)number * HOI_POOL_WINDOW + from) * p->slot_bytes;
        uint64_t behind = ((uint64_t)number * HOI_POOL_WINDOW + end) * p->slot_bytes;
        if (number * HOI_POOL_WINDOW + end == p->slots_max)
            behind += HOI_PAGE - 1; /* nothing lies behind the last slot */
        freed += drop_pages(p, slots + (first + HOI_PAGE - 1) / HOI_PAGE, slots + behind / HOI_PAGE,
                            most - freed);
    }
    if (got == all && freed < most)
        freed += drop_states(p, number, most - freed);
    if (got)
        put_back(p, &win);
    return freed;
}

/* Free slots, the rest of their pages, what is in caches not. */
static int64_t unused_bytes(const struct hoi_pool *p)
{
    int64_t used = (int64_t)hoi_get(p->fresh) - hoi_get(p->idle);
    return hoi_get(p->pages) * HOI_PAGE - used * (int64_t)(p->slot_bytes + sizeof *p->state);
}

uint64_t hoi_pool_unused(const struct hoi_pool *p)
{
    int64_t unused = unused_bytes(p);
    return unused > 0 ? (uint64_t)unused : 0;
}

uint64_t hoi_pool_shrink(struct hoi_pool *p, uint64_t keep, uint64_t most)
{
    uint64_t freed = 0;
    uint32_t windows = (hoi_get(p->fresh) + HOI_POOL_WINDOW - 1) / HOI_POOL_WINDOW;
    int64_t kept = keep > INT64_MAX ? INT64_MAX : (int64_t)keep;
    if (unused_bytes(p) > kept)
        (void)hoi_pool_empty_depot(p, most == UINT64_MAX ? p->depot_blocks : HOI_DEPOT_STEP);
    while (windows-- && freed < most) { /* from the end: what is used again is at the beginning */
        int64_t over = unused_bytes(p) - kept;
        if (over <= 0)
            break;
        uint64_t step = ((uint64_t)over + HOI_PAGE - 1) / HOI_PAGE * HOI_PAGE;
        freed += trim_window(p, windows, step < most - freed ? step : most - freed);
    }
    if (freed) {
        hoi_count(p->trimmed, freed);
        hoi_pool_drop_depot(p);
    }
    return freed;
}

/* Begins at half as much again as is kept, ends at what is kept. */
uint64_t hoi_pool_relax(struct hoi_pool *p)
{
    if (hoi_unlikely(p->made) && hoi_pool_inside(p))
        return 0;
    int64_t unused = unused_bytes(p), since = hoi_get(p->above_ns);
    if (hoi_likely(unused <= (int64_t)p->keep_bytes)) {
        if (since)
            hoi_set(p->above_ns, 0);
    } else if (!since) {
        if (unused > (int64_t)(p->keep_bytes + p->keep_bytes / 2)) {
            int64_t now = hoi_os_tick_ns();
            hoi_set(p->above_ns, now);
            if (!p->destruct)
                hoi_pools_ask(p->arena->domain, now + (int64_t)p->hold_ns);
        }
    } else if (hoi_os_tick_ns() - since >= (int64_t)p->hold_ns) {
        uint64_t freed = hoi_pool_shrink(p, p->keep_bytes, STEP_BYTES);
        /* What is unused lies scattered: not again all the time. */
        if (!freed && !(uint32_t)hoi_get(p->depot_full))
            hoi_set(p->above_ns, hoi_os_tick_ns());
        return freed;
    }
    return 0;
}

int32_t ho_pool_trim(ho_pool *pool, uint64_t keep_bytes, uint64_t *freed)
{
    struct hoi_pool *p = hoi_pool_get(pool);
    if (freed)
        *freed = 0;
    if (!p)
        return hoi_handle_status();
    if (p->made && hoi_pool_inside(p))
        return HO_E_REENTRANT;
    (void)hoi_pool_collect(p);
    uint64_t bytes = hoi_pool_shrink(p, keep_bytes, UINT64_MAX);
    if (freed)
        *freed = bytes;
    return HO_OK;
}

static int populate(const void *ptr, uint64_t bytes)
{
    uintptr_t from = (uintptr_t)ptr / HOI_PAGE * HOI_PAGE;
    uintptr_t end = ((uintptr_t)ptr + bytes + HOI_PAGE - 1) / HOI_PAGE * HOI_PAGE;
    return hoi_os_populate((void *)from, end - from);
}

/* Charges and populates what was taken of a window, and puts it back. Gives how many slots have memory now; -1 if
 * the system refused. */
static int64_t prepare_window(struct hoi_pool *p, struct window *win)
{
    int64_t ready = 0;
    uint32_t base = win->number * HOI_POOL_WINDOW, full = 0;
    for (uint32_t from = 0, end; !full && (end = next_run(win, &from)); from = end) {
        uint32_t n = 0;
        while (n < end - from && hoi_pool_charge(p, base + from + n))
            n++;
        full = n < end - from;
        if (n && populate(p->base + (uint64_t)(base + from) * p->slot_bytes,
                          (uint64_t)n * p->slot_bytes))
            ready = INT64_MIN / 2;
        for (uint32_t i = from; p->made && i < from + n; i++)
            hoi_pool_construct(p, base + i);
        ready += n;
    }
    if (ready > 0 && (populate(&p->state[base], HOI_POOL_WINDOW) ||
                      populate(&p->floor[win->number], sizeof *p->floor)))
        ready = -1;
    put_back(p, win);
    return ready < 0 ? -1 : ready;
}

/* Up to n fresh slots, of one window. */
static uint32_t take_fresh(struct hoi_pool *p, struct window *win, uint32_t n)
{
    uint32_t word, got = 0;
    uint64_t mask = hoi_pool_take_fresh(p, n, &word);
    if (!mask)
        return 0;
    *win = (struct window){.number = word / WINDOW_WORDS};
    for (;;) {
        win->taken[word % WINDOW_WORDS] |= mask;
        got += (uint32_t)__builtin_popcountll(mask);
        int ends = word % WINDOW_WORDS == WINDOW_WORDS - 1 && mask >> 63;
        if (got == n || ends || !(mask = hoi_pool_take_fresh(p, n - got, &word)))
            return got;
        if (word / WINDOW_WORDS != win->number) { /* another thread took what was between */
            hoi_pool_put(p, word, mask);
            return got;
        }
    }
}

/* What was used before, and then what never was. */
static int32_t prepare_all(struct hoi_pool *p, uint32_t count, uint32_t *done)
{
    struct window win;
    uint32_t used = (hoi_get(p->fresh) + HOI_POOL_WINDOW - 1) / HOI_POOL_WINDOW;
    for (uint32_t w = 0; *done < count; w++) {
        uint32_t got =
            w < used ? take_window(p, &win, w, count - *done) : take_fresh(p, &win, count - *done);
        if (!got && w < used)
            continue;
        int64_t ready = got ? prepare_window(p, &win) : 0;
        if (ready < 0)
            return HO_E_NOMEM;
        *done += (uint32_t)ready;
        if (!ready || ready < got)
            return HO_FULL;
    }
    return HO_OK;
}

/* What acquires and releases of so many objects write beside states and slots: the caches and the depot, or the processors'
 * words. */
static int populate_caches(const struct hoi_pool *p, uint32_t objects)
{
    uint32_t blocks = objects / p->batch + 1;
    blocks = blocks < p->depot_blocks ? blocks : p->depot_blocks;
    if (!hoi_pool_uses_rseq(p))
        return populate(p->cpu_words, p->cpus * sizeof *p->cpu_words);
    return populate(p, hoi_pool_bytes(p->cpus)) || populate(p->depot, blocks * sizeof *p->depot);
}

int32_t ho_pool_prepare(ho_pool *pool, uint32_t count, uint32_t *prepared)
{
    struct hoi_pool *p = hoi_handle_usual(HOI_POOL, pool);
    uint32_t done = 0;
    if (prepared)
        *prepared = 0;
    if (!p)
        return hoi_pool_get(pool) ? HO_E_CLOSED : hoi_handle_status();
    if (p->made && hoi_pool_inside(p))
        return HO_E_REENTRANT;
    (void)hoi_pool_collect(p);
    hoi_set(p->above_ns, 0); /* what is unused is not so for long */
    int32_t status = prepare_all(p, count, &done);
    if (!status && populate_caches(p, count))
        status = HO_E_NOMEM;
    if (prepared)
        *prepared = done;
    return status;
}
