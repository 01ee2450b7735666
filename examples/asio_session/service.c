/* SPDX-License-Identifier: MIT */
/* The service, in C. It knows nothing of sockets and threads. */
#include "service.h"

#include <string.h>

static void work_on_frames(struct world *mine, const uint8_t *at, const uint8_t *end)
{
    for (uint32_t bytes; at < end; at += HEADER_BYTES + bytes) {
        memcpy(&bytes, at, sizeof bytes);
        mine->frames++;
        mine->bytes += bytes;
    }
}

void work_on(struct world *worlds, ho_buf *messages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        work_on_frames(&worlds[messages[i].partition], messages[i].ptr,
                       messages[i].ptr + messages[i].len);
}
