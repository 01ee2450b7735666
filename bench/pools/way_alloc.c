/* SPDX-License-Identifier: MIT */
#include "pools/pools.h"

ho_arena *way_arena;
static ho_domain *domain;

void way_open(uint64_t keep_bytes, uint64_t budget_bytes)
{
    ho_arena_opts opts;

    ok(ho_domain_create(NULL, &domain));
    ok(ho_init(HO_TYPE_ARENA_OPTS, &opts, sizeof opts));
    opts.budget_bytes = budget_bytes;
    opts.keep_bytes = keep_bytes;
    ok(ho_arena_open(domain, &opts, &way_arena));
}

void way_close(void)
{
    ok(ho_domain_close(domain, -1, NULL));
    ok(ho_domain_destroy(domain, NULL));
}

void way_prepare(const uint32_t counts[TYPES])
{
    (void)counts;
}

void way_trim(void)
{
    ok(ho_arena_trim(way_arena, 0, NULL));
}
