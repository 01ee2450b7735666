/* SPDX-License-Identifier: MIT */
#include "yard.h"

#include <string.h>

static const struct {
    uint32_t slot, most;
} kinds[POOLS] = {{24, 1000}, {200, 20}};

struct yard yard;

size_t obj_bytes(void)
{
    return size_of("ho_obj");
}

void *obj_at(char *objs, uint32_t i)
{
    return objs + i * obj_bytes();
}

uint64_t handle_in(const void *obj)
{
    return field_get(obj, "ho_obj", "handle");
}

unsigned char *bytes_in(const void *obj)
{
    return (unsigned char *)(uintptr_t)field_get(obj, "ho_obj", "ptr");
}

bool obj_is_empty(const void *obj)
{
    return handle_in(obj) == 0 && bytes_in(obj) == NULL;
}

uint32_t object_any(uint32_t pool)
{
    const uint32_t first = ledger_random(OBJECTS);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        if (yard.objects[(first + i) % OBJECTS].pool == pool) {
            return (first + i) % OBJECTS;
        }
    }
    return OBJECTS;
}

static unsigned char byte_of(uint32_t content, uint32_t at)
{
    return (unsigned char)(content * 37 + at * 7);
}

void object_check(uint32_t i)
{
    const unsigned char *bytes = bytes_in(obj_at(yard.objs, i));
    for (uint32_t k = 0; k < kinds[yard.objects[i].pool].slot; k++) {
        EXPECT(bytes[k] == byte_of(yard.objects[i].content, k),
               "byte %u of an object is not what its holder wrote", k);
    }
}

void object_new(uint32_t i, uint32_t pool, const void *obj)
{
    unsigned char *bytes = bytes_in(obj);
    EXPECT(bytes != NULL && handle_in(obj) != 0, "an object without memory or handle");
    EXPECT((uintptr_t)bytes % 8 == 0, "an object that is not aligned");
    memcpy(obj_at(yard.objs, i), obj, obj_bytes());
    for (uint32_t k = 0; k < OBJECTS; k++) {
        if (k != i && yard.objects[k].pool != POOLS) {
            const unsigned char *other = bytes_in(obj_at(yard.objs, k));
            EXPECT(bytes + kinds[pool].slot <= other ||
                       other + kinds[yard.objects[k].pool].slot <= bytes,
                   "two objects have the same memory");
            EXPECT(handle_in(obj) != handle_in(obj_at(yard.objs, k)),
                   "two objects have the same handle");
        }
    }
    yard.objects[i] = (struct object){.pool = pool, .content = ++yard.contents};
    yard.live[pool]++;
    for (uint32_t k = 0; k < kinds[pool].slot; k++) {
        bytes[k] = byte_of(yard.contents, k);
    }
}

void object_gone(uint32_t i, const void *was)
{
    const uint32_t at = yard.stale_count++ % STALE, pool = yard.objects[i].pool;
    memcpy(obj_at(yard.stale, at), was, obj_bytes());
    yard.stale_pool[at] = pool;
    yard.live[pool]--;
    yard.objects[i].pool = POOLS;
}

uint32_t old_any(void)
{
    const uint32_t count = yard.stale_count < STALE ? yard.stale_count : STALE;
    return count == 0 ? STALE : ledger_random(count);
}

uint32_t pool_most(uint32_t pool)
{
    return kinds[pool].most;
}

/* ---- the two pools */

void yard_open(uint64_t seed)
{
    void **made = room((3 + POOLS) * sizeof *made);
    ledger.random = seed;
    domain_make(&made[0]);
    memory_make(made[0], &made[1], &made[2]);
    for (uint32_t i = 0; i < POOLS; i++) {
        void *opts = struct_make(struct_named("ho_pool_opts"));
        memset(opts, 0, size_of("ho_pool_opts")); /* no callbacks */
        field_set(opts, "ho_pool_opts", "size", size_of("ho_pool_opts"));
        field_set(opts, "ho_pool_opts", "slot_bytes", kinds[i].slot);
        field_set(opts, "ho_pool_opts", "objects_max", kinds[i].most);
        (void)MUST("HO_OK", "ho_pool_open", P(made[1]), P(opts), P(&made[3 + i]));
        yard.pools[i] = made[3 + i];
    }
    yard.domain = made[0];
    yard.arena = made[1];
    yard.shard = made[2];
    for (uint32_t i = 0; i < OBJECTS; i++) {
        yard.objects[i].pool = POOLS;
    }
    yard.objs = room(OBJECTS * obj_bytes());
    yard.stale = room(STALE * obj_bytes());
    yard.batch = room(MANY * obj_bytes());
    yard.before = room(MANY * obj_bytes());
    yard.count = room(sizeof *yard.count);
    yard.ptr = room(sizeof *yard.ptr);
    yard.handles = room(MANY * sizeof *yard.handles);
    yard.cursor = room(sizeof *yard.cursor);
}

void yard_compare(void)
{
    static void *stats;
    stats = stats != NULL ? stats : struct_make(struct_named("ho_pool_stats"));
    for (uint32_t i = 0; i < POOLS; i++) {
        (void)MUST("HO_OK", "ho_pool_stats_get", P(yard.pools[i]), P(stats));
        EXPECT(field_get(stats, "ho_pool_stats", "live") == yard.live[i],
               "ho_pool_stats.live is %u, the ledger has %u",
               (unsigned)field_get(stats, "ho_pool_stats", "live"), yard.live[i]);
    }
}

void yard_close(void)
{
    for (uint32_t i = 0; i < OBJECTS; i++) {
        const uint32_t pool = yard.objects[i].pool;
        if (pool != POOLS) {
            object_check(i);
            (void)MUST("HO_OK", "ho_pool_release", P(yard.pools[pool]), P(obj_at(yard.objs, i)));
        }
    }
    for (uint32_t i = 0; i < POOLS; i++) {
        (void)MUST("HO_OK", "ho_pool_close", P(yard.pools[i]), P(NULL));
    }
    (void)MUST("HO_OK", "ho_shard_close", P(yard.shard));
    (void)MUST("HO_OK", "ho_arena_close", P(yard.arena), 0, P(NULL));
    (void)MUST("HO_OK", "ho_domain_close", P(yard.domain), 0, P(NULL));
    (void)MUST("HO_OK", "ho_domain_destroy", P(yard.domain), P(NULL));
}
