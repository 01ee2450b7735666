/* SPDX-License-Identifier: MIT */
/* A worker of one game service, in C: takes messages from the partitions that it claims, and sends
 * answers to egress. A claim also gives it the partition's sessions. */
#ifndef HANDOFF_GATEWAY_WORKER_H
#define HANDOFF_GATEWAY_WORKER_H

#include "game/services.h"

#include "handoff/handoff.h"

#ifdef __cplusplus
extern "C" {
#endif

struct worker {
    ho_domain *domain;
    ho_consumer *messages;    /* NULL: a helping network thread's */
    ho_shard *memory;         /* for answers */
    ho_producer *answers;     /* of the egress service, over `memory` */
    struct game_state *state; /* a part of its service's */
    /* Written only by the worker's thread; final when it has ended. */
    uint64_t handled;
    uint64_t refused; /* messages that the game did not understand: no answer */
    uint64_t dropped; /* messages without an answer: egress was full, or out of memory */
};

/* Answers messages, on the worker's thread or on the helping network thread; the caller returns
 * them. */
void worker_deal(void *worker, ho_buf *messages, uint32_t count);

/* Serves until the service is closed and empty. One thread per worker. */
void worker_run(struct worker *worker);

#ifdef __cplusplus
}
#endif
#endif
