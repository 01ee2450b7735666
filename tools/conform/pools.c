/* SPDX-License-Identifier: MIT */
/* L4: seeded random calls on two pools, valid and wrong ones, against a ledger of objects. */
#include "yard.h"

#include <inttypes.h>
#include <string.h>

#define SEEDS 12u
#define STEPS 2000u

/* ---- valid calls */

static bool do_acquire(void)
{
    const uint32_t pool = ledger_random(POOLS), i = object_any(POOLS);
    if (i == OBJECTS) {
        return false;
    }
    const bool full = yard.live[pool] == pool_most(pool);
    memset(yard.batch, 0xa5, obj_bytes());
    (void)MUST(full ? "HO_FULL" : "HO_OK", "ho_pool_acquire", P(yard.pools[pool]), P(yard.batch));
    if (full) {
        EXPECT(obj_is_empty(yard.batch), "what was refused is not empty");
        return false;
    }
    object_new(i, pool, yard.batch);
    return true;
}

static bool do_acquire_many(void)
{
    uint32_t pool = ledger_random(POOLS), wanted = 1 + ledger_random(MANY), free = 0;
    const uint32_t room = pool_most(pool) - yard.live[pool];
    for (uint32_t i = 0; i < OBJECTS; i++) {
        free += yard.objects[i].pool == POOLS;
    }
    wanted = wanted < free ? wanted : free;
    const uint32_t fit = wanted < room ? wanted : room;
    memset(yard.batch, 0xa5, MANY * obj_bytes());
    (void)MUST(fit < wanted ? "HO_FULL" : "HO_OK", "ho_pool_acquire_many", P(yard.pools[pool]),
               P(yard.batch), wanted, P(yard.count));
    EXPECT(*yard.count == fit, "%u of %u were acquired, %u fit", *yard.count, wanted, fit);
    for (uint32_t i = 0; i < wanted; i++) {
        if (i < fit) {
            object_new(object_any(POOLS), pool, obj_at(yard.batch, i));
        } else {
            EXPECT(obj_is_empty(obj_at(yard.batch, i)), "an object behind the prefix is not empty");
        }
    }
    return fit > 0;
}

static bool do_release(void)
{
    const uint32_t pool = ledger_random(POOLS), i = object_any(pool);
    if (i == OBJECTS) {
        return false;
    }
    void *obj = obj_at(yard.objs, i);
    object_check(i);
    memcpy(yard.before, obj, obj_bytes());
    (void)MUST("HO_OK", "ho_pool_release", P(yard.pools[pool]), P(obj));
    EXPECT(obj_is_empty(obj), "what was released is not empty");
    object_gone(i, yard.before);
    return true;
}

/* A batch with empty handles and sometimes a stale one, where it ends. */
static bool do_release_many(void)
{
    const uint32_t pool = ledger_random(POOLS), wanted = 1 + ledger_random(MANY);
    const uint32_t bad = ledger_random(3) == 0 ? ledger_random(wanted) : wanted;
    const uint32_t old = old_any();
    uint32_t items[MANY], passed = 0;
    if (bad < wanted && old == STALE) {
        return false;
    }
    for (; passed < wanted; passed++) {
        const uint32_t i = passed == bad || ledger_random(4) == 0 ? OBJECTS : object_any(pool);
        void *at = obj_at(yard.batch, passed);
        items[passed] = i;
        memset(at, 0, obj_bytes());
        if (i != OBJECTS) {
            object_check(i);
            memcpy(at, obj_at(yard.objs, i), obj_bytes());
            yard.objects[i].pool = POOLS + 1; /* so that it is not picked again */
        } else if (passed == bad) {
            memcpy(at, obj_at(yard.stale, old), obj_bytes());
        }
    }
    memcpy(yard.before, yard.batch, MANY * obj_bytes());
    (void)MUST(bad < wanted ? "HO_E_STALE" : "HO_OK", "ho_pool_release_many", P(yard.pools[pool]),
               P(yard.batch), wanted, P(yard.count));
    EXPECT(*yard.count == bad, "%u were released, expected %u", *yard.count, bad);
    for (uint32_t i = 0; i < wanted; i++) {
        const void *at = obj_at(yard.batch, i), *was = obj_at(yard.before, i);
        EXPECT(i < bad ? obj_is_empty(at) : memcmp(at, was, obj_bytes()) == 0,
               "object %u of a batch of which %u were released", i, bad);
        if (items[i] != OBJECTS) {
            yard.objects[items[i]].pool = pool;
            if (i < bad) {
                object_gone(items[i], was);
            }
        }
    }
    return true;
}

static bool do_resolve(void)
{
    const uint32_t pool = ledger_random(POOLS), i = object_any(pool);
    if (i == OBJECTS) {
        return false;
    }
    const void *obj = obj_at(yard.objs, i);
    (void)MUST("HO_OK", "ho_pool_resolve", P(yard.pools[pool]), handle_in(obj), P(yard.ptr));
    EXPECT(*yard.ptr == bytes_in(obj), "a handle resolved to another object");
    return true;
}

/* Visits each live object once; the callback releases some. */
static bool do_visit(void)
{
    const uint32_t pool = ledger_random(POOLS), at_once = 1 + ledger_random(MANY);
    bool told[OBJECTS] = {false};
    uint32_t found = 0;
    const uint32_t live = yard.live[pool];
    *yard.cursor = 0;
    while (MUST("HO_OK HO_EMPTY", "ho_pool_visit", P(yard.pools[pool]), P(yard.cursor),
                P(yard.handles), at_once, P(yard.count)) == 0) {
        EXPECT(*yard.count > 0 && *yard.count <= at_once, "%u told, of %u", *yard.count, at_once);
        for (uint32_t k = 0; k < *yard.count; k++) {
            uint32_t i = 0;
            while (i < OBJECTS && (yard.objects[i].pool != pool || told[i] ||
                                   handle_in(obj_at(yard.objs, i)) != yard.handles[k])) {
                i++;
            }
            EXPECT(i < OBJECTS, "a visit told a handle that is not out, or twice");
            told[i] = true;
            found++;
            if (ledger_random(8) == 0) {
                memcpy(yard.before, obj_at(yard.objs, i), obj_bytes());
                (void)MUST("HO_OK", "ho_pool_release", P(yard.pools[pool]),
                           P(obj_at(yard.objs, i)));
                object_gone(i, yard.before);
            }
        }
    }
    EXPECT(found == live, "a visit told %u objects of %u", found, live);
    return found > 0;
}

static bool do_trim(void)
{
    const uint64_t keep = ledger_random(4) * (uint64_t)4096;
    (void)MUST("HO_OK", "ho_pool_trim", P(yard.pools[ledger_random(POOLS)]), keep, P(yard.handles));
    for (uint32_t i = 0; i < OBJECTS; i++) {
        if (yard.objects[i].pool != POOLS) {
            object_check(i);
        }
    }
    return true;
}

static bool do_prepare(void)
{
    const uint32_t pool = ledger_random(POOLS), wanted = ledger_random(40);
    const uint32_t room = pool_most(pool) - yard.live[pool];
    (void)MUST(wanted <= room ? "HO_OK" : "HO_FULL", "ho_pool_prepare", P(yard.pools[pool]), wanted,
               P(yard.count));
    EXPECT(*yard.count == (wanted < room ? wanted : room), "prepared for %u, wanted %u of %u",
           *yard.count, wanted, room);
    return true;
}

/* ---- wrong calls: a status, and nothing has changed */

static void refused(const char *statuses, uint32_t pool)
{
    memcpy(yard.before, yard.batch, obj_bytes());
    (void)MUST(statuses, "ho_pool_release", P(yard.pools[pool]), P(yard.batch));
    EXPECT(memcmp(yard.before, yard.batch, obj_bytes()) == 0, "a refused object was changed");
    (void)MUST(statuses, "ho_pool_release_many", P(yard.pools[pool]), P(yard.batch), 1,
               P(yard.count));
    EXPECT(*yard.count == 0, "a refused object was released");
    EXPECT(memcmp(yard.before, yard.batch, obj_bytes()) == 0, "a refused object was changed");
}

static bool stale_object(void)
{
    const uint32_t old = old_any();
    if (old == STALE) {
        return false;
    }
    const uint32_t pool = yard.stale_pool[old];
    memcpy(yard.batch, obj_at(yard.stale, old), obj_bytes());
    refused("HO_E_STALE", pool);
    *yard.ptr = yard.ptr;
    (void)MUST("HO_E_STALE", "ho_pool_resolve", P(yard.pools[pool]), handle_in(yard.batch),
               P(yard.ptr));
    EXPECT(*yard.ptr == NULL, "a stale handle has a pointer");
    return true;
}

static bool damaged_object(void)
{
    const uint32_t pool = ledger_random(POOLS), i = object_any(pool);
    if (i == OBJECTS) {
        return false;
    }
    const void *obj = obj_at(yard.objs, i);
    memcpy(yard.batch, obj, obj_bytes());
    field_set(yard.batch, "ho_obj", "ptr", P(bytes_in(obj) + 1 + ledger_random(300)));
    refused("HO_E_INVAL", pool);
    memcpy(yard.batch, obj, obj_bytes());
    field_set(yard.batch, "ho_obj", "handle", handle_in(obj) ^ UINT64_C(1) << ledger_random(64));
    refused("HO_E_STALE HO_E_INVAL", pool);
    return true;
}

static bool another_pools_object(void)
{
    const uint32_t pool = ledger_random(POOLS), i = object_any(pool);
    if (i == OBJECTS) {
        return false;
    }
    memcpy(yard.batch, obj_at(yard.objs, i), obj_bytes());
    refused("HO_E_STALE", 1 - pool);
    (void)MUST("HO_E_STALE", "ho_pool_resolve", P(yard.pools[1 - pool]), handle_in(yard.batch),
               P(yard.ptr));
    return true;
}

static bool close_with_objects_out(void)
{
    static void *leaks;
    const uint32_t pool = ledger_random(POOLS);
    leaks = leaks != NULL ? leaks : struct_make(struct_named("ho_pool_leaks"));
    if (yard.live[pool] == 0) {
        return false;
    }
    (void)MUST("HO_E_BUSY", "ho_pool_close", P(yard.pools[pool]), P(leaks));
    EXPECT(field_get(leaks, "ho_pool_leaks", "live") == yard.live[pool],
           "the report has %u objects, %u are out",
           (unsigned)field_get(leaks, "ho_pool_leaks", "live"), yard.live[pool]);
    (void)MUST("HO_OK", "ho_pool_resolve", P(yard.pools[pool]),
               field_get(leaks, "ho_pool_leaks", "handles"), P(yard.ptr));
    return true;
}

/* ---- sequences */

static const struct op ops[] = {
    {"ho_pool_acquire", do_acquire},
    {"ho_pool_acquire", do_acquire},
    {"ho_pool_acquire_many", do_acquire_many},
    {"ho_pool_release", do_release},
    {"ho_pool_release", do_release},
    {"ho_pool_release_many", do_release_many},
    {"ho_pool_resolve", do_resolve},
    {"ho_pool_visit", do_visit},
    {"ho_pool_trim", do_trim},
    {"ho_pool_prepare", do_prepare},
    {"an object that is stale", stale_object},
    {"a damaged object", damaged_object},
    {"another pool's object", another_pools_object},
    {"a close with objects out", close_with_objects_out},
};
#define OPS (uint32_t)(sizeof ops / sizeof *ops)

static void sequence(uint32_t which)
{
    const uint64_t seed = kit.seed != 0 ? kit.seed : which;
    uint32_t times[OPS] = {0};
    yard_open(seed);
    for (uint32_t i = 0; i < STEPS; i++) {
        const uint32_t op = ledger_random(OPS);
        case_step("--seed %" PRIu64 ", step %u, %s", seed, i, ops[op].name);
        times[op] += ops[op].run();
        if (i % 16 == 0) {
            yard_compare();
        }
    }
    case_step("--seed %" PRIu64 ", at the end", seed);
    for (uint32_t i = 0; i < OPS; i++) {
        EXPECT(times[i] > 0, "never came to: %s", ops[i].name);
    }
    yard_close();
}

void pools_cases(void)
{
    if (kit.seed != 0) {
        case_add("ownership", sequence, 0, "random calls on pools, seed %" PRIu64, kit.seed);
        return;
    }
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        case_add("ownership", sequence, seed, "random calls on pools, seed %u", seed);
    }
}
