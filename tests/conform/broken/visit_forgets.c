/* SPDX-License-Identifier: MIT */
/* ho_pool_visit passes over what begins where the last call ended. */
#define ho_pool_visit genuine_visit
#include "pool_look.c"
#undef ho_pool_visit

HO_API int32_t ho_pool_visit(ho_pool *pool, uint64_t *cursor, uint64_t *handles, uint32_t max,
                             uint32_t *count);

int32_t ho_pool_visit(ho_pool *pool, uint64_t *cursor, uint64_t *handles, uint32_t max,
                      uint32_t *count)
{
    int32_t status = genuine_visit(pool, cursor, handles, max, count);
    if (status == HO_OK && *count == max && *cursor < hoi_pool_get(pool)->slots_max)
        ++*cursor;
    return status;
}
