/* SPDX-License-Identifier: MIT */
#include "services.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "session.h"

#define TREASURY_PER_SESSION 1000

#define NS_PER_S UINT64_C(1000000000)
#define LOOKS 4u /* places of a table to check, each time it is used */

size_t game_session_bytes(uint32_t service)
{
    switch (service) {
    case GAME_MOVEMENT: return game_movement_session_bytes;
    case GAME_COMBAT: return game_combat_session_bytes;
    case GAME_ECONOMY: return game_economy_session_bytes;
    default: return 0;
    }
}

struct game_state *game_state_create(uint32_t service, const struct game_options *options)
{
    if (service >= GAME_SERVICE_COUNT || options->session_limit == 0 || options->tables == 0)
        return NULL;
    struct game_state *state = calloc(1, sizeof *state);
    size_t bytes = options->tables * sizeof *state->tables;
    if (state == NULL)
        return NULL;
    state->options = *options;
    state->service = service;
    state->session_bytes = game_session_bytes(service);
    if (options->memory.acquire == NULL)
        state->options.memory = game_heap(state->session_bytes);
    state->coins = (int64_t)options->session_limit * TREASURY_PER_SESSION;
    state->treasury = state->coins;
    state->table = state->tables = aligned_alloc(sizeof *state->tables, bytes);
    if (state->tables == NULL) {
        free(state);
        return NULL;
    }
    memset(state->tables, 0, bytes);
    return state;
}

/* On separate lines: the treasury changes with every message. */
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
    part->census = (struct game_census){0};
    part->treasury = whole->coins / parts;
    whole->treasury -= part->treasury;
    return part;
}

static void *find(const struct game_state *state, const struct game_entry *entry)
{
    return state->options.memory.find(state->options.memory.context, entry->object);
}

static void release(const struct game_state *state, const struct game_entry *entry)
{
    state->options.memory.release(state->options.memory.context, entry->object);
}

static void add(struct game_census *to, const struct game_census *more)
{
    to->begun += more->begun;
    to->ended += more->ended;
    to->refused += more->refused;
    to->stale += more->stale;
}

static void end_all(struct game_state *state)
{
    for (uint32_t i = 0; i < state->options.tables; i++) {
        struct game_table *table = &state->tables[i];
        for (uint32_t k = 0; k < table->places; k++)
            if (table->entries[k].object != 0 && find(state, &table->entries[k]) != NULL)
                release(state, &table->entries[k]);
        game_table_free(table);
    }
    free(state->tables);
}

void game_state_destroy(struct game_state *state)
{
    if (state == NULL)
        return;
    if (state->whole != NULL) {
        state->whole->treasury += state->treasury;
        add(&state->whole->census, &state->census);
    } else {
        end_all(state);
    }
    free(state);
}

uint64_t game_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

struct game_census game_state_census(const struct game_state *state)
{
    return state->census;
}

void game_each_session(const struct game_state *state,
                       void (*fn)(const void *session, int64_t *sum), int64_t *sum)
{
    for (uint32_t i = 0; i < state->options.tables; i++) {
        const struct game_table *table = &state->tables[i];
        for (uint32_t k = 0; k < table->places; k++) {
            const struct game_entry *entry = &table->entries[k];
            const void *session = entry->object != 0 ? find(state, entry) : NULL;
            if (session != NULL)
                fn(session, sum);
        }
    }
}

/* Returns its coins; its state stays. */
static void end_session(struct game_state *state, const struct game_entry *entry)
{
    const void *session = find(state, entry);

    if (session == NULL) {
        state->census.stale++;
        return;
    }
    if (state->service == GAME_ECONOMY)
        game_economy_leave(state, session);
    release(state, entry);
    state->census.ended++;
}

/* Was it silent for too long? */
static int is_over(const struct game_state *state, const struct game_entry *entry)
{
    int64_t silent_s = (int64_t)state->now_s - entry->heard_s;
    return state->options.idle_s != 0 && silent_s >= state->options.idle_s;
}

void game_state_at(struct game_state *state, uint32_t table, uint64_t now_ns)
{
    struct game_table *at = &state->tables[table];

    state->table = at;
    state->now_s = (uint32_t)(now_ns / NS_PER_S);
    for (uint32_t i = 0; at->used != 0 && i < LOOKS; i++) {
        struct game_entry *entry = &at->entries[at->looked_at++ & (at->places - 1)];
        if (entry->object == 0 || !is_over(state, entry))
            continue;
        end_session(state, entry);
        game_table_remove(at, entry);
        at->looked_at--; /* another entry may have moved there */
    }
}

/* The session's state. A new session, or one that restarts, gets a fresh one; NULL: out of
 * memory. */
static void *session_of(struct game_state *state, const struct game_header *header)
{
    const struct game_memory *memory = &state->options.memory;
    struct game_entry *entry = game_table_find(state->table, header->session);
    void *session = entry != NULL ? find(state, entry) : NULL;

    if (session != NULL && header->sequence != 1 && !is_over(state, entry)) {
        entry->heard_s = state->now_s;
        return session;
    }
    uint64_t object = memory->acquire(memory->context);
    if (object != 0 && entry != NULL)
        end_session(state, entry);
    else if (object != 0 && (entry = game_table_add(state->table, header->session)) == NULL)
        memory->release(memory->context, object);
    if (object == 0 || entry == NULL) {
        state->census.refused++;
        return NULL;
    }
    entry->object = object;
    entry->heard_s = state->now_s;
    state->census.begun++;
    return memset(find(state, entry), 0, state->session_bytes);
}

int game_serve(struct game_state *state, uint32_t service, game_play *play, const uint8_t *msg,
               size_t len, uint8_t *answer, size_t answer_cap, size_t *answer_len)
{
    struct game_request request;

    *answer_len = 0;
    if (game_request_read(msg, len, &request) != GAME_FRAME_OK ||
        request.header.service != service || state->service != service)
        return GAME_BAD_FRAME;
    if (request.header.session >= state->options.session_limit)
        return GAME_NO_SESSION;

    size_t echo = request.text_len < GAME_ECHO_MAX ? request.text_len : GAME_ECHO_MAX;
    if (answer_cap < GAME_HEADER_BYTES + GAME_ANSWER_FIXED + echo)
        return GAME_NO_SPACE;

    void *session = session_of(state, &request.header);
    if (session == NULL)
        return GAME_NO_MEMORY;
    struct game_seen *seen = session;
    struct game_answer out = {.header = request.header, .text = request.text, .text_len = echo};
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
