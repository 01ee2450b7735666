/* SPDX-License-Identifier: MIT */
/* A worker of one game service, in C: messages out of the service's lane, answers into egress. */
#ifndef HANDOFF_GATEWAY_WORKER_H
#define HANDOFF_GATEWAY_WORKER_H

#include "game/services.h"

#include "handoff/handoff.h"

#ifdef __cplusplus
extern "C" {
#endif

struct worker {
    ho_domain *domain;
    ho_consumer *messages;
    ho_shard *memory;     /* that answers are written into */
    ho_producer *answers; /* of the egress service, over it */
    struct game_state *state;
    /* Written by the worker alone; final when worker_run has returned. */
    uint64_t handled;
    uint64_t refused; /* messages that the game did not understand: no answer */
    uint64_t dropped; /* messages without an answer because egress was full */
};

/* Serves until the service is closed and empty. One thread per worker. */
void worker_run(struct worker *worker);

#ifdef __cplusplus
}
#endif
#endif
