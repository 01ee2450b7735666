/* SPDX-License-Identifier: MIT */
#include "pools/pools.h"

ho_pool *way_pools[TYPES];
ho_arena *way_arena;
static ho_domain *domain;

void way_open(uint64_t keep_bytes, uint64_t budget_bytes)
{
    ho_arena_opts arena;
    ho_pool_opts opts;

    ok(ho_domain_create(NULL, &domain));
    ok(ho_init(HO_TYPE_ARENA_OPTS, &arena, sizeof arena));
    arena.budget_bytes = budget_bytes;
    ok(ho_arena_open(domain, &arena, &way_arena));
    for (uint32_t i = 0; i < TYPES; i++) {
        ok(ho_init(HO_TYPE_POOL_OPTS, &opts, sizeof opts));
        opts.slot_bytes = sizes[i];
        opts.keep_bytes = keep_bytes;
        ok(ho_pool_open(way_arena, &opts, &way_pools[i]));
    }
}

void way_close(void)
{
    for (uint32_t i = 0; i < TYPES; i++)
        ok(ho_pool_close(way_pools[i], NULL));
    ok(ho_domain_close(domain, -1, NULL));
    ok(ho_domain_destroy(domain, NULL));
}

void way_prepare(const uint32_t counts[TYPES])
{
    for (uint32_t i = 0; i < TYPES; i++)
        ok(ho_pool_prepare(way_pools[i], counts[i], NULL));
}

void way_trim(void)
{
    for (uint32_t i = 0; i < TYPES; i++)
        ok(ho_pool_trim(way_pools[i], 0, NULL));
}
