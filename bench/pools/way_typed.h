/* SPDX-License-Identifier: MIT */
/* Objects out of typed pools, one for each type, of one arena. */
#include "ok.h"

#define WAY_NAME "bench-pools-typed"
#define WAY_TYPES 1
#define WAY_SIZES 0

typedef ho_obj way_obj;

extern ho_pool *way_pools[TYPES];
extern ho_arena *way_arena;

static inline void way_get(way_obj *object, uint32_t type)
{
    ok(ho_pool_acquire(way_pools[type], object));
}

static inline void way_put(way_obj *object, uint32_t type)
{
    ok(ho_pool_release(way_pools[type], object));
}
