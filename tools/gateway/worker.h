/* SPDX-License-Identifier: MIT */
/* A worker of one game service, in C: messages out of the partitions that it claims, answers into
 * egress. A claim gives it the sessions of that partition, too. */
#ifndef HANDOFF_GATEWAY_WORKER_H
#define HANDOFF_GATEWAY_WORKER_H

#include "game/services.h"

#include "handoff/handoff.h"

#ifdef __cplusplus
extern "C" {
#endif

struct worker {
    ho_domain *domain;
    ho_consumer *messages;    /* NULL: of a network thread that helps */
    ho_shard *memory;         /* that answers are written into */
    ho_producer *answers;     /* of the egress service, over it */
    struct game_state *state; /* a part of its service's */
    /* Written by the worker's thread alone; final when it has ended. */
    uint64_t handled;
    uint64_t refused; /* messages that the game did not understand: no answer */
    uint64_t dropped; /* messages without an answer because egress was full, or memory short */
};

/* Answers messages, on the worker's thread or on the network thread that helps; the caller returns them. */
void worker_deal(void *worker, ho_buf *messages, uint32_t count);

/* Serves until the service is closed and empty. One thread per worker. */
void worker_run(struct worker *worker);

#ifdef __cplusplus
}
#endif
#endif
