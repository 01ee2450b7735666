/* SPDX-License-Identifier: MIT */
/* ho_reserve_many gives its last loan the room of the one before it. */
#define ho_reserve_many genuine_reserve_many
#include "shard.c"
#undef ho_reserve_many

HO_API int32_t ho_reserve_many(ho_shard *handle, uint64_t bytes, const ho_reserve_opts *opts,
                               ho_buf *loans, uint32_t count, uint32_t *reserved);

int32_t ho_reserve_many(ho_shard *handle, uint64_t bytes, const ho_reserve_opts *opts,
                        ho_buf *loans, uint32_t count, uint32_t *reserved)
{
    int32_t status = genuine_reserve_many(handle, bytes, opts, loans, count, reserved);
    if (status == HO_OK && count > 1)
        loans[count - 1] = loans[count - 2];
    return status;
}
