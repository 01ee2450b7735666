/* SPDX-License-Identifier: MIT */
/* A shared consumer gives its claims up as soon as it has taken. */
#define hoi_shared_take genuine_shared_take
#include "shared.c"
#undef hoi_shared_take

int32_t hoi_shared_take(struct hoi_consumer *c, ho_buf *bufs, uint32_t max, uint32_t *taken)
{
    int32_t status = genuine_shared_take(c, bufs, max, taken);
    hoi_shared_yield(c);
    return status;
}
