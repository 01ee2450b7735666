/* SPDX-License-Identifier: MIT */
/* The value of foreign memory does not arrive. */
#define ho_give genuine_give
#include "give.c"
#undef ho_give

HO_API int32_t ho_give(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t flags,
                       uint32_t *accepted);

int32_t ho_give(ho_producer *handle, ho_buf *bufs, uint32_t count, uint32_t flags,
                uint32_t *accepted)
{
    for (uint32_t i = 0; bufs && i < count; i++)
        bufs[i].value = 0;
    return genuine_give(handle, bufs, count, flags, accepted);
}
