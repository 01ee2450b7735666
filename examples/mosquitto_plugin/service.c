/* SPDX-License-Identifier: MIT */
/* A message is a topic with its terminating zero, followed by the payload. A message on ask/X is
 * answered on ans/X, with its payload in capitals, in place. */
#define _POSIX_C_SOURCE 200809L
#include "service.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

static void answer(ho_buf *message)
{
    memcpy(message->ptr, "ans", 3);
    for (uint64_t i = strlen((const char *)message->ptr) + 1; i < message->len; i++)
        message->ptr[i] = (uint8_t)toupper(message->ptr[i]);
}

void service_work(const struct service *mine, ho_buf *messages, uint32_t count)
{
    const struct timespec work = {(time_t)(mine->work_us / 1000000),
                                  (long)(mine->work_us % 1000000 * 1000)};
    for (uint32_t i = 0; i < count; i++) {
        int32_t status;
        if (mine->work_us)
            nanosleep(&work, NULL);
        answer(&messages[i]);
        do
            status = ho_forward(mine->answers, &messages[i], 1, HO_MORE, NULL);
        while (status == HO_FULL && mine->may_wait);
    }
    ho_flush(mine->answers);
}

void *service_thread(void *arg)
{
    const struct service *mine = arg;
    ho_buf messages[64];
    for (;;) {
        uint32_t count = 0;
        int32_t status = ho_take(mine->requests, messages, 64, &count);
        if (status == HO_EMPTY)
            status = ho_wait(mine->requests, -1);
        if (status != HO_OK) /* HO_CLOSED: no more messages will come */
            break;
        service_work(mine, messages, count);
        ho_return(mine->domain, messages, count, NULL);
    }
    service_leave(mine);
    return NULL;
}

void service_leave(const struct service *mine)
{
    ho_producer_close(mine->answers);
    ho_shard_close(mine->shard);
    ho_consumer_close(mine->requests);
}
