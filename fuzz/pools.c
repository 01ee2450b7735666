/* SPDX-License-Identifier: MIT */
/* Pools: objects, handles and memory, right and wrong calls. */
#include "ledger.h"

#include <string.h>

#define POOLS_BUDGET (4 * SEGMENT)
#define MANY 10u

static struct pool *any_pool(void)
{
    return &ledger.pools[pick(POOLS)];
}

static uint32_t number_of(const struct pool *p)
{
    return (uint32_t)(p - ledger.pools);
}

static uint32_t object_any(uint32_t pool)
{
    uint32_t first = pick(OBJECTS);
    for (uint32_t i = 0; i < OBJECTS; i++)
        if (ledger.objects[(first + i) % OBJECTS].pool == pool)
            return (first + i) % OBJECTS;
    return NONE;
}

static bool obj_is_empty(const ho_obj *obj)
{
    return !obj->ptr && !obj->handle;
}

static bool same_obj(const ho_obj *a, const ho_obj *b)
{
    return a->ptr == b->ptr && a->handle == b->handle;
}

static uint32_t usable(const struct pool *p)
{
    return p->marks ? p->slot - 1 : p->slot;
}

static uint8_t byte_of(uint32_t content, uint32_t at)
{
    return (uint8_t)(content * 41 + at * 3);
}

static void object_check(const struct object *o)
{
    const struct pool *p = &ledger.pools[o->pool];
    const uint8_t *bytes = o->obj.ptr;
    for (uint32_t i = 0; i < usable(p); i++)
        CHECK(bytes[i] == byte_of(o->content, i), "byte %u of an object is another", i);
    CHECK(!p->marks || bytes[p->slot - 1] == 1, "an object that is out was destructed");
}

static void object_new(struct pool *p, const ho_obj *obj)
{
    uint32_t at = object_any(NONE);
    struct object *o = &ledger.objects[at];
    uint8_t *bytes = obj->ptr;
    CHECK(bytes && obj->handle && (uintptr_t)bytes % p->align == 0, "an object");
    CHECK(!p->marks || bytes[p->slot - 1] == 1, "an object that is not constructed");
    for (uint32_t i = 0; i < OBJECTS; i++) {
        const struct object *other = &ledger.objects[i];
        const uint8_t *theirs = other->obj.ptr;
        CHECK(other->pool == NONE || bytes + p->slot <= theirs ||
                  theirs + ledger.pools[other->pool].slot <= bytes,
              "two objects have the same room");
    }
    *o = (struct object){.obj = *obj, .pool = number_of(p), .content = ++ledger.contents};
    for (uint32_t i = 0; i < usable(p); i++)
        bytes[i] = byte_of(o->content, i);
    p->live++;
}

static void object_gone(struct object *o)
{
    ledger.stale_objects[ledger.stale_objects_count++ % STALE] = *o;
    ledger.pools[o->pool].live--;
    o->pool = NONE;
}

static const struct object *stale_object(void)
{
    uint32_t n = ledger.stale_objects_count < STALE ? ledger.stale_objects_count : STALE;
    return n ? &ledger.stale_objects[pick(n)] : NULL;
}

/* ---- right calls */

/* HO_FULL is for want of objects, or of budget, which depends on pages. */
static void check_full(const struct pool *p, int32_t status, bool all)
{
    CHECK(status == (all ? HO_OK : HO_FULL), "%s", status_name(status));
    CHECK(!p->most || p->live <= p->most, "more than the most");
}

static void do_acquire(void)
{
    struct pool *p = any_pool();
    ho_obj obj;
    if (object_any(NONE) == NONE)
        return;
    memset(&obj, 0xa5, sizeof obj);
    int32_t status = ho_pool_acquire(p->handle, &obj);
    bool all = !obj_is_empty(&obj);
    if (all)
        object_new(p, &obj);
    check_full(p, status, all);
}

static void do_acquire_many(void)
{
    struct pool *p = any_pool();
    ho_obj objs[MANY];
    uint32_t wanted = pick(MANY + 1), room = 0, done = 99;
    for (uint32_t i = 0; i < OBJECTS; i++)
        room += ledger.objects[i].pool == NONE;
    wanted = wanted < room ? wanted : room;
    memset(objs, 0xa5, sizeof objs);
    int32_t status = ho_pool_acquire_many(p->handle, objs, wanted, &done);
    for (uint32_t i = 0; i < wanted && i < done; i++)
        object_new(p, &objs[i]);
    for (uint32_t i = done; i < wanted; i++)
        CHECK(obj_is_empty(&objs[i]), "object %u is not empty", i);
    CHECK(done <= wanted, "%u of %u", done, wanted);
    check_full(p, status, done == wanted);
}

static void do_release(void)
{
    struct pool *p = any_pool();
    uint32_t i = object_any(number_of(p));
    if (i == NONE)
        return;
    object_check(&ledger.objects[i]);
    ho_obj obj = ledger.objects[i].obj;
    MUST(ho_pool_release(p->handle, &obj));
    CHECK(obj_is_empty(&obj), "not emptied");
    MUST(ho_pool_release(p->handle, &obj)); /* an empty one is a no-op */
    object_gone(&ledger.objects[i]);
}

/* With empty ones, and now and then the same object again, which stops it. */
static void do_release_many(void)
{
    struct pool *p = any_pool();
    ho_obj objs[2 * MANY] = {{0}}, before[2 * MANY];
    uint32_t items[2 * MANY], count = 0, stop = NONE, done = 99, first = pick(OBJECTS);
    for (uint32_t k = 0; k < OBJECTS && count < MANY; k++) {
        uint32_t i = (first + k) % OBJECTS;
        if (ledger.objects[i].pool != number_of(p))
            continue;
        object_check(&ledger.objects[i]);
        items[count] = i;
        objs[count++] = ledger.objects[i].obj;
        if (one_in(8))
            items[count++] = NONE;
        if (stop == NONE && one_in(12)) {
            stop = count;
            items[count] = NONE;
            objs[count++] = ledger.objects[i].obj;
        }
    }
    memcpy(before, objs, sizeof objs);
    int32_t status = ho_pool_release_many(p->handle, objs, count, one_in(4) ? NULL : &done);
    CHECK(status == (stop == NONE ? HO_OK : HO_E_STALE), "%s", status_name(status));
    CHECK(done == 99 || done == (stop == NONE ? count : stop), "%u of %u", done, count);
    done = stop == NONE ? count : stop;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(i < done ? obj_is_empty(&objs[i]) : same_obj(&objs[i], &before[i]), "object %u", i);
        if (i < done && items[i] != NONE)
            object_gone(&ledger.objects[items[i]]);
    }
}

static void do_resolve(void)
{
    struct pool *p = any_pool();
    uint32_t i = object_any(number_of(p));
    void *ptr = p;
    if (i == NONE)
        return;
    MUST(ho_pool_resolve(p->handle, ledger.objects[i].obj.handle, &ptr));
    CHECK(ptr == ledger.objects[i].obj.ptr, "another object");
}

/* Each live object once; what is told may be released meanwhile. */
static void do_visit(void)
{
    struct pool *p = any_pool();
    uint64_t cursor = 0, handles[MANY];
    uint32_t max = 1 + pick(MANY), n, told = 0, live = p->live, i;
    bool seen[OBJECTS] = {false};
    int32_t status;
    while ((status = ho_pool_visit(p->handle, &cursor, handles, max, &n)) == HO_OK)
        for (uint32_t k = 0; k < n; k++, told++) {
            for (i = 0; i < OBJECTS; i++)
                if (ledger.objects[i].pool == number_of(p) && !seen[i] &&
                    ledger.objects[i].obj.handle == handles[k])
                    break;
            CHECK(i < OBJECTS, "a handle that is not out, or was told before");
            seen[i] = true;
            if (one_in(6)) {
                ho_obj obj = ledger.objects[i].obj;
                MUST(ho_pool_release(p->handle, &obj));
                object_gone(&ledger.objects[i]);
            }
        }
    CHECK(status == HO_EMPTY && n == 0 && told == live, "%u told of %u", told, live);
}

static void do_prepare(void)
{
    struct pool *p = any_pool();
    uint32_t wanted = pick(60), prepared = 99;
    int32_t status = ho_pool_prepare(p->handle, wanted, &prepared);
    CHECK(status == HO_OK ? prepared == wanted : status == HO_FULL && prepared < wanted, "%s: %u",
          status_name(status), prepared);
    CHECK(!p->most || p->live + prepared <= p->most, "prepared above the most");
}

static void do_trim(void)
{
    uint64_t freed = 99;
    MUST(ho_pool_trim(any_pool()->handle, pick(4) * (uint64_t)4096, one_in(2) ? NULL : &freed));
    for (uint32_t i = 0; i < OBJECTS; i++)
        if (ledger.objects[i].pool != NONE)
            object_check(&ledger.objects[i]);
}

/* ---- wrong calls */

static void refused(struct pool *p, ho_obj obj, bool stale)
{
    ho_obj before = obj;
    uint32_t done = 99;
    int32_t status = ho_pool_release(p->handle, &obj);
    CHECK(status == HO_E_STALE || (!stale && status == HO_E_INVAL), "%s", status_name(status));
    CHECK(same_obj(&obj, &before), "refused, and changed");
    int32_t again = ho_pool_release_many(p->handle, &obj, 1, &done);
    CHECK(again == status && !done && same_obj(&obj, &before), "%s", status_name(again));
}

static void do_stale(void)
{
    const struct object *o = stale_object();
    void *ptr = &ptr;
    if (!o)
        return;
    struct pool *p = &ledger.pools[o->pool];
    refused(p, o->obj, o->content != 0);
    CHECK(ho_pool_resolve(p->handle, o->obj.handle, &ptr) == HO_E_STALE && !ptr, "resolved");
}

static void do_damage(void)
{
    struct pool *p = any_pool(), *other = &ledger.pools[pick(POOLS)];
    uint32_t i = object_any(number_of(p));
    void *ptr;
    if (i == NONE)
        return;
    ho_obj obj = ledger.objects[i].obj;
    if (other != p) { /* another pool's */
        refused(other, obj, true);
        CHECK(ho_pool_resolve(other->handle, obj.handle, &ptr) == HO_E_STALE, "resolved");
    }
    if (one_in(2))
        obj.handle ^= UINT64_C(1) << pick(64);
    else
        obj.ptr = (void *)((uintptr_t)obj.ptr ^ (uintptr_t)1 << pick(64));
    refused(p, obj, false);
}

/* ---- opening and closing */

static void construct(void *ptr, void *arg)
{
    struct pool *p = arg;
    uint8_t *mark = (uint8_t *)ptr + p->slot - 1;
    CHECK(*mark == 0, "constructed twice");
    *mark = 1;
    p->constructed++;
}

static void destruct(void *ptr, void *arg)
{
    struct pool *p = arg;
    uint8_t *mark = (uint8_t *)ptr + p->slot - 1;
    CHECK(*mark == 1, "destructed twice");
    *mark = 0;
    p->destructed++;
}

static void pool_open(struct pool *p)
{
    ho_pool_opts opts = {.size = sizeof opts, .hold_ns = 1, .name = "fuzzed", .arg = p};
    *p = (struct pool){.slot = 2 + pick(300), .marks = one_in(3)};
    opts.slot_bytes = p->slot;
    opts.align_bytes = one_in(3) ? 8u << pick(10) : 0;
    opts.flags = one_in(4) ? HO_POOL_LINES : 0;
    opts.objects_max = p->most = one_in(2) ? 1 + pick(80) : 0;
    opts.keep_bytes = pick(4) * 4096;
    opts.construct = p->marks ? construct : NULL;
    opts.destruct = p->marks ? destruct : NULL;
    p->align = opts.align_bytes ? opts.align_bytes : 8;
    p->align = opts.flags && p->align < 64 ? 64 : p->align;
    MUST(ho_pool_open(ledger.pools_arena, &opts, &p->handle));
}

static void pool_close(struct pool *p)
{
    ho_pool_leaks leaks = {.size = sizeof leaks};
    int32_t status = ho_pool_close(p->handle, &leaks);
    CHECK(status == (p->live ? HO_E_BUSY : HO_OK), "%s", status_name(status));
    CHECK(leaks.live == p->live && !strcmp(leaks.name, "fuzzed"), "leaks");
    CHECK(status || p->constructed == p->destructed, "what was constructed is left");
    if (!status)
        p->handle = NULL;
}

static void do_reopen(void)
{
    struct pool *p = any_pool();
    if (!one_in(4) && p->live) /* mostly there is something out */
        return;
    pool_close(p);
    if (p->handle)
        return;
    for (uint32_t i = 0; i < STALE; i++) /* their pointers are not of the next pool */
        if (ledger.stale_objects[i].pool == number_of(p))
            ledger.stale_objects[i].content = 0;
    pool_open(p);
}

void pools_open(void)
{
    ho_arena_opts arena = {.size = sizeof arena, .budget_bytes = POOLS_BUDGET};
    MUST(ho_arena_open(ledger.domain, &arena, &ledger.pools_arena));
    for (uint32_t i = 0; i < OBJECTS; i++)
        ledger.objects[i].pool = NONE;
    for (uint32_t i = 0; i < POOLS; i++)
        pool_open(&ledger.pools[i]);
}

void pools_check(void)
{
    ho_arena_stats arena = {.size = sizeof arena};
    uint64_t held = 0;
    for (uint32_t i = 0; i < POOLS; i++) {
        ho_pool_stats stats = {.size = sizeof stats};
        MUST(ho_pool_stats_get(ledger.pools[i].handle, &stats));
        CHECK(stats.live == ledger.pools[i].live, "%lu live, the ledger has %u",
              (unsigned long)stats.live, ledger.pools[i].live);
        held += stats.bytes_held;
    }
    MUST(ho_arena_stats_get(ledger.pools_arena, &arena));
    CHECK(arena.segments_held == (held + SEGMENT - 1) / SEGMENT, "%lu segments for %lu bytes",
          (unsigned long)arena.segments_held, (unsigned long)held);
    CHECK(held <= POOLS_BUDGET, "over the budget");
}

void pools_close(void)
{
    for (uint32_t i = 0; i < OBJECTS; i++)
        if (ledger.objects[i].pool != NONE) {
            object_check(&ledger.objects[i]);
            MUST(ho_pool_release(ledger.pools[ledger.objects[i].pool].handle,
                                 &ledger.objects[i].obj));
            object_gone(&ledger.objects[i]);
        }
    pools_check();
    for (uint32_t i = 0; i < POOLS; i++)
        pool_close(&ledger.pools[i]);
    MUST(ho_arena_close(ledger.pools_arena, 0, NULL));
}

void fuzz_pools(void)
{
    static void (*const calls[])(void) = {do_acquire, do_acquire,      do_acquire_many, do_release,
                                          do_release, do_release_many, do_resolve,      do_visit,
                                          do_prepare, do_trim,         do_stale,        do_damage,
                                          do_damage,  do_reopen};
    calls[pick(sizeof calls / sizeof *calls)]();
}
