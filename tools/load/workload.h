/* SPDX-License-Identifier: MIT */
/*
 * What is sent when: a pure function of the seed, so that the sender and the verifier compute the
 * same.
 *
 * Arrivals are open-loop: message k of a process is due at (k + a random part below 1) / rate, in
 * every run with the same seed, whatever the gateway does. Sessions take turns, like players who
 * each send at a steady pace.
 *
 * Services: 60 % movement, 25 % combat, 15 % economy. Frame sizes in bytes, header included (mean
 * about 167):
 *   60 %  32 to 96     25 %  97 to 256     12 %  257 to 640     3 %  641 to 1400
 */
#ifndef HANDOFF_LOAD_WORKLOAD_H
#define HANDOFF_LOAD_WORKLOAD_H

#include "game/wire.h"

/* A well-spread 64-bit value from any 64-bit value. */
uint64_t workload_mix(uint64_t value);

struct workload {
    uint64_t seed;
    uint32_t sessions; /* this process's: local numbers 0 to sessions - 1 */
    uint32_t next_session;
    uint64_t sent;
    uint64_t total;
    double interval_ns;
    uint64_t start_ns;
};

/* One message to send. */
struct arrival {
    uint64_t due_ns;
    uint32_t local_session;
    uint32_t service;
};

/*
 * The arrivals of one process: `total` messages in `seconds`, starting at start_ns, over `sessions`
 * > 0.
 */
void workload_init(struct workload *workload, uint64_t seed, uint32_t sessions, uint64_t total,
                   uint64_t seconds, uint64_t start_ns);

/* The next arrival without taking it; due_ns is UINT64_MAX after the last. */
struct arrival workload_next(const struct workload *workload);
void workload_advance(struct workload *workload);

/* The content of a message: the whole request except its due time. text is static storage. */
void workload_request(uint64_t seed, uint32_t session, uint32_t service, uint32_t sequence,
                      struct game_request *request);

/* Fills the static text that messages are cut from. Call once, before any workload_request. */
void workload_text_init(uint64_t seed);

#endif
