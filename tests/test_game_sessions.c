/* SPDX-License-Identifier: MIT */
/* A service's sessions: they begin, idle and end together with their states, in any memory. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "game/sessions.h"

#define SESSIONS 2000u
#define SECOND_NS UINT64_C(1000000000)
#define IDLE_S 10u

/* A memory that counts, and has no more than `left` objects. */
struct counted {
    uint32_t left;
    uint32_t live;
    uint64_t last; /* that was acquired */
    uint64_t gone; /* that somebody else released */
};

static uint64_t counted_acquire(void *context)
{
    struct counted *c = context;
    if (c->left == 0)
        return 0;
    c->left--;
    c->live++;
    uint64_t object = (uint64_t)(uintptr_t)malloc(128);
    memset((void *)(uintptr_t)object, 0xee, 128);
    c->last = object;
    return object;
}

static void *counted_find(void *context, uint64_t object)
{
    struct counted *c = context;
    return object == c->gone ? NULL : (void *)(uintptr_t)object;
}

static void counted_release(void *context, uint64_t object)
{
    struct counted *c = context;
    CHECK(object != c->gone);
    c->left++;
    c->live--;
    free((void *)(uintptr_t)object);
}

static struct game_state *state_in(struct counted *c, uint32_t service, uint32_t tables)
{
    struct game_options options = {.session_limit = SESSIONS, .tables = tables, .idle_s = IDLE_S};
    options.memory = (struct game_memory){
        .context = c, .acquire = counted_acquire, .find = counted_find, .release = counted_release};
    return game_state_create(service, &options);
}

/* Says something in a session; what the game made of it. */
static int say(struct game_state *state, uint32_t service, uint32_t session, uint32_t sequence,
               int16_t a, struct game_answer *answer)
{
    static uint8_t bytes[GAME_FRAME_MAX];
    uint8_t frame[GAME_FRAME_MAX];
    size_t len;
    struct game_request request = {.header = {.sent_ns = sequence * SECOND_NS,
                                              .session = session,
                                              .sequence = sequence,
                                              .service = (uint8_t)service},
                                   .a = a};
    len = game_request_write(&request, frame, sizeof frame);
    int handled = game_handle(state, frame, len, bytes, sizeof bytes, &len);
    if (handled == GAME_HANDLED)
        CHECK(game_answer_read(bytes, len, answer) == GAME_FRAME_OK);
    return handled;
}

static void a_silent_session_ends_and_its_coins_go_back(void **unused)
{
    struct counted memory = {.left = SESSIONS};
    struct game_state *state = state_in(&memory, GAME_ECONOMY, 1);
    struct game_answer answer;

    (void)unused;
    for (uint32_t i = 0; i < 100; i++) {
        game_state_at(state, 0, (i < 50 ? 0 : 5) * SECOND_NS);
        CHECK(say(state, GAME_ECONOMY, i, 1, 1000, &answer) == GAME_HANDLED);
    }
    CHECK(memory.live == 100);
    for (uint32_t i = 0; i < 100; i++)
        game_state_at(state, 0, (IDLE_S - 1) * SECOND_NS);
    CHECK(memory.live == 100);
    for (uint32_t i = 0; i < 100; i++) /* who spoke at 0 s, not who spoke at 5 s */
        game_state_at(state, 0, IDLE_S * SECOND_NS);
    CHECK(memory.live == 50);
    CHECK(game_state_conserved(state));
    CHECK(say(state, GAME_ECONOMY, 50, 2, 1, &answer) == GAME_HANDLED && answer.seen == 2);
    CHECK(say(state, GAME_ECONOMY, 2, 2, 1, &answer) == GAME_HANDLED && answer.seen == 1);
    CHECK(answer.result[0] == 1);
    struct game_census census = game_state_census(state);
    CHECK(census.begun == 101 && census.ended == 50 && census.refused == 0 && census.stale == 0);
    game_state_destroy(state);
    CHECK(memory.live == 0);
}

/* Whether it was looked at meanwhile or not. */
static void who_was_silent_for_too_long_begins_anew(void **unused)
{
    struct counted memory = {.left = SESSIONS};
    struct game_state *state = state_in(&memory, GAME_MOVEMENT, 1);
    struct game_answer answer;

    (void)unused;
    for (uint32_t i = 0; i < 12; i++)
        CHECK(say(state, GAME_MOVEMENT, i, 1, 1, &answer) == GAME_HANDLED);
    game_state_at(state, 0, IDLE_S * SECOND_NS);
    CHECK(memory.live > 0);
    for (uint32_t i = 0; i < 12; i++)
        CHECK(say(state, GAME_MOVEMENT, i, 2, 1, &answer) == GAME_HANDLED && answer.seen == 1);
    CHECK(memory.live == 12 && game_state_census(state).ended == 12);
    game_state_destroy(state);
}

static void who_speaks_stays(void **unused)
{
    struct counted memory = {.left = SESSIONS};
    struct game_state *state = state_in(&memory, GAME_COMBAT, 1);
    struct game_answer answer;

    (void)unused;
    for (uint32_t second = 0; second < 5 * IDLE_S; second++)
        for (uint32_t i = 0; i < 50; i++) {
            game_state_at(state, 0, second * SECOND_NS);
            CHECK(say(state, GAME_COMBAT, 7, second * 50 + i + 1, 0, &answer) == GAME_HANDLED);
        }
    CHECK(answer.seen == 5 * IDLE_S * 50 && memory.live == 1);
    game_state_destroy(state);
}

static void a_session_that_begins_anew_has_another_state(void **unused)
{
    (void)unused;
    for (uint32_t service = 0; service < GAME_SERVICE_COUNT; service++) {
        struct counted memory = {.left = 2};
        struct game_state *state = state_in(&memory, service, 1);
        struct game_answer first, again;
        CHECK(say(state, service, 3, 1, 5, &first) == GAME_HANDLED);
        CHECK(say(state, service, 3, 2, 5, &again) == GAME_HANDLED);
        CHECK(say(state, service, 3, 1, 5, &again) == GAME_HANDLED);
        CHECK(again.seen == 1 && again.proof == first.proof);
        CHECK(memory.live == 1 && game_state_conserved(state));
        struct game_census census = game_state_census(state);
        CHECK(census.begun == 2 && census.ended == 1);
        game_state_destroy(state);
        CHECK(memory.live == 0);
    }
}

static void without_memory_nothing_changes(void **unused)
{
    struct counted memory = {.left = 1};
    struct game_state *state = state_in(&memory, GAME_ECONOMY, 1);
    struct game_answer answer;

    (void)unused;
    CHECK(say(state, GAME_ECONOMY, 0, 1, 10, &answer) == GAME_HANDLED);
    CHECK(say(state, GAME_ECONOMY, 1, 1, 10, &answer) == GAME_NO_MEMORY);
    CHECK(say(state, GAME_ECONOMY, 0, 1, 10, &answer) == GAME_NO_MEMORY); /* anew needs a second */
    CHECK(say(state, GAME_ECONOMY, 0, 2, 10, &answer) == GAME_HANDLED && answer.seen == 2);
    CHECK(answer.result[0] == 20);
    struct game_census census = game_state_census(state);
    CHECK(census.begun == 1 && census.ended == 0 && census.refused == 2);
    memory.left = 1;
    CHECK(say(state, GAME_ECONOMY, 1, 1, 10, &answer) == GAME_HANDLED);
    game_state_destroy(state);
}

static void a_state_that_was_released_elsewhere_begins_anew(void **unused)
{
    struct counted memory = {.left = 4};
    struct game_state *state = state_in(&memory, GAME_MOVEMENT, 1);
    struct game_answer answer;

    (void)unused;
    CHECK(say(state, GAME_MOVEMENT, 0, 1, 10, &answer) == GAME_HANDLED);
    CHECK(say(state, GAME_MOVEMENT, 0, 2, 10, &answer) == GAME_HANDLED && answer.seen == 2);
    memory.gone = memory.last;
    memory.live--;
    CHECK(say(state, GAME_MOVEMENT, 0, 3, 10, &answer) == GAME_HANDLED && answer.seen == 1);
    struct game_census census = game_state_census(state);
    CHECK(census.begun == 2 && census.ended == 0 && census.stale == 1);
    game_state_destroy(state);
    CHECK(memory.live == 0);
    free((void *)(uintptr_t)memory.gone);
}

static void tables_are_apart(void **unused)
{
    struct counted memory = {.left = SESSIONS};
    struct game_state *whole = state_in(&memory, GAME_MOVEMENT, 3);
    struct game_state *parts[2] = {game_state_part(whole, 2), game_state_part(whole, 2)};
    struct game_answer answer;

    (void)unused;
    for (uint32_t i = 0; i < 60; i++) { /* session i is in table i % 3, on whichever part */
        game_state_at(parts[i % 2], i % 3, 0);
        CHECK(say(parts[i % 2], GAME_MOVEMENT, i, 1, 1, &answer) == GAME_HANDLED);
    }
    for (uint32_t i = 0; i < 60; i++) {
        game_state_at(parts[(i + 1) % 2], i % 3, SECOND_NS);
        CHECK(say(parts[(i + 1) % 2], GAME_MOVEMENT, i, 2, 1, &answer) == GAME_HANDLED);
        CHECK(answer.seen == 2);
    }
    for (uint32_t i = 0; i < 100; i++) /* the others are not looked at */
        game_state_at(parts[0], 1, 100 * SECOND_NS);
    CHECK(memory.live == 40);
    game_state_destroy(parts[0]);
    game_state_destroy(parts[1]);
    CHECK(game_state_census(whole).begun == 60 && game_state_census(whole).ended == 20);
    game_state_destroy(whole);
    CHECK(memory.live == 0);
}

static void a_table_finds_what_was_added_whatever_was_removed(void **unused)
{
    static uint64_t model[SESSIONS];
    struct game_table table = {0};
    uint32_t live = 0, most = 0;

    (void)unused;
    srand(3);
    CHECK(game_table_find(&table, 5) == NULL);
    for (uint32_t step = 1; step < 40000; step++) {
        uint32_t session = (uint32_t)rand() % SESSIONS;
        struct game_entry *entry = game_table_find(&table, session);
        CHECK((entry ? entry->object : 0) == model[session]);
        if (entry != NULL && step % 3 != 0) {
            game_table_remove(&table, entry);
            model[session] = 0;
            live--;
        } else if (entry == NULL) {
            entry = game_table_add(&table, session);
            CHECK(entry != NULL && entry->session == session);
            entry->object = model[session] = step;
            live++;
        }
        most = live > most ? live : most;
        CHECK(table.used == live);
    }
    CHECK(most > SESSIONS / 3);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        struct game_entry *entry = game_table_find(&table, i);
        CHECK((entry ? entry->object : 0) == model[i]);
    }
    game_table_free(&table);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_silent_session_ends_and_its_coins_go_back),
    cmocka_unit_test(who_was_silent_for_too_long_begins_anew),
    cmocka_unit_test(who_speaks_stays),
    cmocka_unit_test(a_session_that_begins_anew_has_another_state),
    cmocka_unit_test(without_memory_nothing_changes),
    cmocka_unit_test(a_state_that_was_released_elsewhere_begins_anew),
    cmocka_unit_test(tables_are_apart),
    cmocka_unit_test(a_table_finds_what_was_added_whatever_was_removed),
};

HO_TEST_MAIN(tests)
