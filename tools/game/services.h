/* SPDX-License-Identifier: MIT */
/*
 * The three services behind the gateway: movement, combat, economy. Plain C over plain bytes; they
 * know nothing of sockets, the handoff or locks: only one thread at a time may use a state. Threads
 * that share a service's sessions each have a part of its state, and must make sure that only one
 * of them uses a table of sessions at a time.
 *
 * A session has a state, an object in the service's memory, from its first message until it ends. A
 * message with sequence 1 restarts it, so that a player can come back; a session that is silent for
 * too long ends. Then its state is released, and its coins go back to the treasury.
 *
 * The game's time is the message's own sent_ns, so the same messages always give the same answers.
 */
#ifndef HANDOFF_GAME_SERVICES_H
#define HANDOFF_GAME_SERVICES_H

#include "wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct game_state;

/* The result of a request: the answer's code. */
enum game_code {
    GAME_DONE = 0,
    GAME_REPEATED = 1,   /* sequence not above the last one seen: the state is unchanged */
    GAME_BAD_ACTION = 2, /* no such action, or its arguments make no sense */
    GAME_TOO_FAST = 3,   /* movement: further than the time since the last move allows */
    GAME_COOLDOWN = 4,   /* combat: the skill is not ready */
    GAME_NO_FUNDS = 5    /* economy: the purse or the treasury does not have that much */
};

/* What a handler returns. Except for GAME_HANDLED, nothing has changed and there is no answer. */
enum game_handled {
    GAME_HANDLED = 0,
    GAME_BAD_FRAME = -1,  /* game_request_read refused it, or it is for another service */
    GAME_NO_SESSION = -2, /* session number at or above the state's limit */
    GAME_NO_SPACE = -3,   /* answer_cap is below what this answer needs */
    GAME_NO_MEMORY = -4   /* for the state of a new session */
};

/* Actions: the request's code. */
enum game_action {
    GAME_MOVE = 0,    /* movement: by (a, b) cm */
    GAME_STRIKE = 0,  /* combat: skill a (0 to 3) with force b */
    GAME_REST = 1,    /* combat: heal a bit */
    GAME_EARN = 0,    /* economy: a coins from the treasury into the purse */
    GAME_SPEND = 1,   /* economy: a coins from the purse into the treasury */
    GAME_SAVE = 2,    /* economy: a coins from the purse into the vault */
    GAME_WITHDRAW = 3 /* economy: a coins from the vault into the purse */
};

/* Memory for sessions' states: objects of game_session_bytes bytes, aligned to 8. */
struct game_memory {
    void *context; /* passed to each call */
    /* Returns a new object, contents undefined; 0: out of memory. */
    uint64_t (*acquire)(void *context);
    /* Its address; NULL: it was released. */
    void *(*find)(void *context, uint64_t object);
    void (*release)(void *context, uint64_t object);
};

struct game_options {
    uint32_t session_limit;    /* sessions are numbered 0 to session_limit - 1 */
    uint32_t tables;           /* that they are divided into: 1 or more */
    uint32_t idle_s;           /* a session silent for this long ends; 0: none does */
    struct game_memory memory; /* all 0: the C library's. Called by any thread that has a part */
};

/* Size of a session's state; 0 if the service does not exist. */
size_t game_session_bytes(uint32_t service);

/*
 * Makes the state of one service; memory is used only for sessions that have sent something.
 *   service  below GAME_SERVICE_COUNT
 * Returns NULL if the service does not exist, session_limit or tables is 0, or memory is short.
 * Free it with game_state_destroy (NULL is allowed), which ends all sessions.
 */
struct game_state *game_state_create(uint32_t service, const struct game_options *options);

/*
 * Makes one of `parts` parts of a state: it has the same sessions, and its share of the treasury.
 * The whole must not be used for messages any more. Destroying a part gives the rest of its
 * treasury back; the whole is destroyed last. Making and destroying: one thread at a time for a
 * whole and its parts. Returns NULL if the whole is NULL, or memory is short.
 */
struct game_state *game_state_part(struct game_state *whole, uint32_t parts);
void game_state_destroy(struct game_state *state);

/*
 * Sets, for the messages that follow, the table of their sessions (initially 0) and their arrival
 * time on a monotonic clock (initially 0). Checks a few of the table's sessions and releases the
 * states of those that are over; a session that speaks after idle_s of silence restarts in any
 * case.
 */
void game_state_at(struct game_state *state, uint32_t table, uint64_t now_ns);

/* Counts for the sessions of a state, including its destroyed parts. */
struct game_census {
    uint64_t begun;
    uint64_t ended;   /* restarted or idle */
    uint64_t refused; /* messages refused for lack of memory */
    uint64_t stale;   /* states that somebody else released: their sessions restarted */
};
struct game_census game_state_census(const struct game_state *state);

/* A monotonic clock for game_state_at: cheap, and some milliseconds behind. */
uint64_t game_clock_ns(void);

/*
 * Handle one message: check the frame, change the session's state, write the answer.
 *   msg, len    the frame as it came, without a TCP prefix; not changed, not kept
 *   answer      GAME_FRAME_MAX bytes are always enough; must not overlap msg
 *   answer_len  out: length of the answer, 0 unless GAME_HANDLED
 * Returns GAME_HANDLED (also when the answer says no) or another enum game_handled.
 * Threads: one at a time per state, and per table of a whole. Does not block. Allocates when a session begins.
 *
 * result[] in the answer: movement x, y (cm), refused moves; combat hit points, victories,
 * cooldown left (ms); economy purse, vault, coins moved so far (all of the answering session).
 */
int game_movement_handle(struct game_state *state, const uint8_t *msg, size_t len, uint8_t *answer,
                         size_t answer_cap, size_t *answer_len);
int game_combat_handle(struct game_state *state, const uint8_t *msg, size_t len, uint8_t *answer,
                       size_t answer_cap, size_t *answer_len);
int game_economy_handle(struct game_state *state, const uint8_t *msg, size_t len, uint8_t *answer,
                        size_t answer_cap, size_t *answer_len);

/* Calls the handler of the state's service, one of the three above. */
int game_handle(struct game_state *state, const uint8_t *msg, size_t len, uint8_t *answer,
                size_t answer_cap, size_t *answer_len);

/*
 * Economy: purses, vaults and the treasury must add up to what the treasury started with. Returns 1
 * if they do (always for the other services), 0 if a coin was created or lost. Walks all sessions:
 * for the end of a run, on a whole whose parts are destroyed.
 */
int game_state_conserved(const struct game_state *state);

/* "movement", "combat", "economy", or "unknown". Static storage. */
const char *game_service_name(uint32_t service);

#ifdef __cplusplus
}
#endif
#endif
