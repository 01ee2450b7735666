/* SPDX-License-Identifier: MIT */
/* The C side: takes, reads in place, returns. */
#include "service.h"

#include <inttypes.h>
#include <stdio.h>

void serve(ho_domain *domain, ho_consumer *from)
{
    ho_buf bufs[16];
    uint32_t count = 0;
    while (ho_wait(from, -1) == HO_OK && ho_take(from, bufs, 16, &count) != HO_CLOSED) {
        for (uint32_t i = 0; i < count; ++i)
            printf("player %" PRIu64 ": %.*s\n", bufs[i].key, (int)bufs[i].len,
                   (const char *)bufs[i].ptr);
        ho_return(domain, bufs, count, NULL);
    }
}
