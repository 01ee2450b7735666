/* SPDX-License-Identifier: MIT */
/* Shared by the three services: finding the session, the order check, the answer. */
#ifndef HANDOFF_GAME_SESSION_H
#define HANDOFF_GAME_SESSION_H

#include "sessions.h"

/* The first member of every service's session. */
struct game_seen {
    uint64_t proof;
    uint32_t seen;
    uint32_t last_sequence;
};

struct game_state {
    struct game_table *tables; /* the whole's */
    struct game_table *table;  /* of the current messages' sessions */
    struct game_options options;
    size_t session_bytes;
    uint32_t service;
    uint32_t now_s;
    int64_t treasury; /* economy: coins that no session has */
    int64_t coins;    /* economy: all coins */
    struct game_census census;
    struct game_state *whole; /* of a part: its whole, otherwise NULL */
};

/* Per service: the size of a session, all zero at first. */
extern const size_t game_movement_session_bytes;
extern const size_t game_combat_session_bytes;
extern const size_t game_economy_session_bytes;

/* Calls fn(state, session's state, sum) for each session. */
void game_each_session(const struct game_state *state,
                       void (*fn)(const void *session, int64_t *sum), int64_t *sum);

int game_economy_conserved(const struct game_state *state);

/* Gives a session's coins back to the treasury. */
void game_economy_leave(struct game_state *state, const void *session);

/* The game logic of a service: changes the session, sets answer->result, returns the answer's
 * code. */
typedef uint8_t game_play(struct game_state *state, void *session,
                          const struct game_request *request, int32_t result[3]);

/* The path of every message: read, find, check order, play, write. Returns enum game_handled. */
int game_serve(struct game_state *state, uint32_t service, game_play *play, const uint8_t *msg,
               size_t len, uint8_t *answer, size_t answer_cap, size_t *answer_len);

#endif
