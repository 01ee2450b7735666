/* SPDX-License-Identifier: MIT */
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

void *serve(void *worker)
{
    struct worker *w = worker;
    ho_buf messages[64];
    uint32_t count;
    for (;;) {
        int32_t status = ho_take(w->requests, messages, 64, &count);
        if (status == HO_EMPTY)
            status = ho_wait(w->requests, -1);
        if (status != HO_OK && status != HO_E_NOMEM)
            break; /* HO_CLOSED: no more messages will come */
        work_on(w->worlds, messages, count);
        /* Waits if the network thread is behind (HO_POLICY_WAIT). Messages refused even then are
         * returned. */
        ho_forward(w->answers, messages, count, 0, NULL);
        ho_return(w->domain, messages, count, NULL);
    }
    ho_producer_close(w->answers);
    ho_shard_close(w->shard); /* after its producers */
    ho_consumer_close(w->requests);
    return NULL;
}
