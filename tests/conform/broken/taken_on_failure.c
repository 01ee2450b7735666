/* SPDX-License-Identifier: MIT */
/* ho_commit empties descriptors that it refused. */
#define ho_commit genuine_commit
#include "commit.c"
#undef ho_commit

HO_API int32_t ho_commit(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t flags,
                         uint32_t *accepted);

int32_t ho_commit(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t flags,
                  uint32_t *accepted)
{
    int32_t status = genuine_commit(handle, bufs, count, flags, accepted);
    if (status < 0 && count && bufs)
        bufs[count - 1] = (ho_buf){0};
    return status;
}
