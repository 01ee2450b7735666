/* SPDX-License-Identifier: MIT */
/* ho_pool_release takes an object that was released before for released now. */
#define ho_pool_release genuine_release
#include "pool.c"
#undef ho_pool_release

HO_API int32_t ho_pool_release(ho_pool *pool, ho_obj *obj);

int32_t ho_pool_release(ho_pool *pool, ho_obj *obj)
{
    int32_t status = genuine_release(pool, obj);
    if (status == HO_E_STALE && hoi_obj_gen(obj->handle) & 1) {
        *obj = (ho_obj){0};
        return HO_OK;
    }
    return status;
}
