/* SPDX-License-Identifier: MIT */
/* More C of docs/, as in docs_snippets.h: eight workers; monitoring a service. */
#ifndef HANDOFF_TESTS_DOCS_SLOW_H
#define HANDOFF_TESTS_DOCS_SLOW_H

#include <pthread.h>

#include "docs_snippets.h"

/* snippet: crew */
enum { WORKERS = 8 };

struct room { /* what the game knows of the players of one partition; 128 bytes apart */
    _Alignas(128) uint64_t moves;
};
static struct room rooms[PARTITIONS];

struct hand { /* one worker thread and its ends */
    const struct server *server;
    struct worker ends;
    pthread_t thread;
};

static void *work_as_one_of_eight(void *arg)
{
    struct hand *mine = arg;
    ho_buf messages[16];
    for (;;) {
        uint32_t count = 0;
        int32_t status = ho_take(mine->ends.requests, messages, 16, &count);
        if (status == HO_EMPTY)
            status = ho_wait(mine->ends.requests, -1);
        if (status != HO_OK)
            break; /* HO_CLOSED */
        for (uint32_t i = 0; i < count; i++) {
            rooms[messages[i].partition].moves++; /* no lock: the partition is this worker's */
            answer(&mine->ends, (uint16_t)messages[i].value, messages[i].key, "moved", 5);
        }
        ho_return(mine->server->domain, messages, count, NULL);
    }
    close_worker(&mine->ends);
    return NULL;
}

/* Opens all ends before any thread runs, so that one that fails is told here. */
static int32_t start_crew(const struct server *s, struct hand hands[WORKERS])
{
    for (int i = 0; i < WORKERS; i++) {
        hands[i].server = s;
        int32_t status = open_worker(s, &hands[i].ends);
        if (status)
            return status;
    }
    for (int i = 0; i < WORKERS; i++)
        if (pthread_create(&hands[i].thread, NULL, work_as_one_of_eight, &hands[i]))
            return HO_E_SYSTEM;
    return HO_OK;
}
/* snippet end */

/* snippet: look */
/* Called once a second: what to write to the log. `last` is what the call before this one read. */
static const char *how_it_goes(ho_service *service, ho_service_stats *last)
{
    ho_service_stats now, then = *last;
    ho_init(HO_TYPE_SERVICE_STATS, &now, sizeof now);
    if (ho_service_stats_get(service, &now) != HO_OK)
        return "closed";
    *last = now;
    if (now.undelivered && now.messages_out == then.messages_out)
        return "stuck: messages wait, and nobody took one";
    if (now.full > then.full || now.messages_dropped > then.messages_dropped)
        return "overloaded: senders were refused, or messages dropped";
    if (now.undelivered > then.undelivered)
        return "behind: more messages wait than before";
    return "keeps up";
}
/* snippet end */

#endif
