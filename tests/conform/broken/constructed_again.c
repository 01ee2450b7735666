/* SPDX-License-Identifier: MIT */
/* An object is constructed whenever it leaves what is shared, not once for its memory. */
#define hoi_pool_construct genuine_construct
#include "pool_make.c"
#undef hoi_pool_construct

void hoi_pool_construct(struct hoi_pool *p, uint32_t index)
{
    uint64_t bit = (uint64_t)1 << index % 64;
    (void)A_AND(p->made[index / 64], ~bit, memory_order_relaxed);
    genuine_construct(p, index);
}
