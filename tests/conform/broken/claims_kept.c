/* SPDX-License-Identifier: MIT */
/* ho_consumer_yield does nothing. */
#define ho_consumer_yield genuine_consumer_yield
#include "consumer.c"
#undef ho_consumer_yield

HO_API int32_t ho_consumer_yield(ho_consumer *handle);

int32_t ho_consumer_yield(ho_consumer *handle)
{
    return hoi_consumer_get(handle) ? HO_OK : hoi_handle_status();
}
