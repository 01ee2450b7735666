/* SPDX-License-Identifier: MIT */
#include "services.h"

#include <stdlib.h>
#include <string.h>

#include "session.h"

#define TREASURY_PER_SESSION 1000

static size_t session_bytes_of(uint32_t service)
{
    switch (service) {
    case GAME_MOVEMENT: return game_movement_session_bytes;
    case GAME_COMBAT: return game_combat_session_bytes;
    default: return game_economy_session_bytes;
    }
}

struct game_state *game_state_create(uint32_t service, uint32_t session_limit)
{
    if (service >= GAME_SERVICE_COUNT || session_limit == 0)
        return NULL;
    struct game_state *state = calloc(1, sizeof *state);
    if (state == NULL)
        return NULL;
    state->service = service;
    state->session_limit = session_limit;
    state->session_bytes = session_bytes_of(service);
    state->coins = (int64_t)session_limit * TREASURY_PER_SESSION;
    state->treasury = state->coins;
    state->sessions = calloc(session_limit, state->session_bytes);
    if (state->sessions == NULL) {
        free(state);
        return NULL;
    }
    return state;
}

/* On lines of its own: the treasury changes with the messages. */
#define PART_ALIGN 128

struct game_state *game_state_part(struct game_state *whole, uint32_t parts)
{
    if (whole == NULL)
        return NULL;
    size_t bytes = (sizeof *whole + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
    struct game_state *part = aligned_alloc(PART_ALIGN, bytes);
    if (part == NULL)
        return NULL;
    *part = *whole;
    part->whole = whole;
    part->treasury = whole->coins / parts;
    whole->treasury -= part->treasury;
    return part;
}

void game_state_destroy(struct game_state *state)
{
    if (state == NULL)
        return;
    if (state->whole != NULL)
        state->whole->treasury += state->treasury;
    else
        free(state->sessions);
    free(state);
}

static void begin_anew(struct game_state *state, void *session)
{
    if (state->service == GAME_ECONOMY)
        game_economy_leave(state, session);
    memset(session, 0, state->session_bytes);
}

int game_serve(struct game_state *state, uint32_t service, game_play *play, const uint8_t *msg,
               size_t len, uint8_t *answer, size_t answer_cap, size_t *answer_len)
{
    struct game_request request;

    *answer_len = 0;
    if (game_request_read(msg, len, &request) != GAME_FRAME_OK ||
        request.header.service != service || state->service != service)
        return GAME_BAD_FRAME;
    if (request.header.session >= state->session_limit)
        return GAME_NO_SESSION;

    size_t echo = request.text_len < GAME_ECHO_MAX ? request.text_len : GAME_ECHO_MAX;
    if (answer_cap < GAME_HEADER_BYTES + GAME_ANSWER_FIXED + echo)
        return GAME_NO_SPACE;

    void *session = state->sessions + request.header.session * state->session_bytes;
    struct game_seen *seen = session;
    struct game_answer out = {.header = request.header, .text = request.text, .text_len = echo};
    if (request.header.sequence == 1)
        begin_anew(state, session);
    if (request.header.sequence <= seen->last_sequence) {
        out.header.code = GAME_REPEATED;
    } else {
        seen->last_sequence = request.header.sequence;
        seen->seen++;
        seen->proof = game_proof(seen->proof, request.header.sequence, request.header.checksum);
        out.header.code = play(state, session, &request, out.result);
    }
    out.proof = seen->proof;
    out.seen = seen->seen;
    *answer_len = game_answer_write(&out, answer, answer_cap);
    return GAME_HANDLED;
}

int game_handle(struct game_state *state, const uint8_t *msg, size_t len, uint8_t *answer,
                size_t answer_cap, size_t *answer_len)
{
    switch (state->service) {
    case GAME_MOVEMENT:
        return game_movement_handle(state, msg, len, answer, answer_cap, answer_len);
    case GAME_COMBAT: return game_combat_handle(state, msg, len, answer, answer_cap, answer_len);
    default: return game_economy_handle(state, msg, len, answer, answer_cap, answer_len);
    }
}

int game_state_conserved(const struct game_state *state)
{
    return state->service != GAME_ECONOMY || game_economy_conserved(state);
}

const char *game_service_name(uint32_t service)
{
    static const char *const names[GAME_SERVICE_COUNT] = {"movement", "combat", "economy"};

    return service < GAME_SERVICE_COUNT ? names[service] : "unknown";
}
