/* SPDX-License-Identifier: MIT */
/* ho_return leaves the descriptors of what it took as they were. */
#define ho_return genuine_return
#include "return.c"
#undef ho_return

HO_API int32_t ho_return(ho_domain *handle, ho_buf *bufs, uint32_t count, uint32_t *returned);

int32_t ho_return(ho_domain *handle, ho_buf *bufs, uint32_t count, uint32_t *returned)
{
    ho_buf first = count && bufs ? bufs[0] : (ho_buf){0};
    int32_t status = genuine_return(handle, bufs, count, returned);
    if (status == HO_OK && count)
        bufs[0] = first;
    return status;
}
