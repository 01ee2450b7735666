/* SPDX-License-Identifier: MIT */
/* The three services: state per session, refusals that change nothing, and answers that prove
 * it. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "game/services.h"

#define SESSIONS 16
#define SECOND_NS UINT64_C(1000000000)

static struct game_state *state_of(uint32_t service)
{
    return game_state_create(service,
                             &(struct game_options){.session_limit = SESSIONS, .tables = 1});
}

static struct game_request ask(uint32_t service, uint32_t session, uint32_t sequence, uint8_t code,
                               int16_t a, int16_t b)
{
    return (struct game_request){.header = {.sent_ns = sequence * SECOND_NS,
                                            .session = session,
                                            .sequence = sequence,
                                            .service = (uint8_t)service,
                                            .code = code},
                                 .a = a,
                                 .b = b,
                                 .text = (const uint8_t *)"hello",
                                 .text_len = 5};
}

/* Hands one request over and reads the answer. The answer's text is not kept. */
static struct game_answer play(struct game_state *state, struct game_request *request)
{
    uint8_t frame[GAME_FRAME_MAX];
    uint8_t bytes[GAME_FRAME_MAX];
    size_t answer_len = 0;
    struct game_answer answer;
    size_t len = game_request_write(request, frame, sizeof frame);

    CHECK(game_handle(state, frame, len, bytes, sizeof bytes, &answer_len) == GAME_HANDLED);
    CHECK(game_answer_read(bytes, answer_len, &answer) == GAME_FRAME_OK);
    CHECK(answer.header.session == request->header.session);
    CHECK(answer.header.sequence == request->header.sequence);
    CHECK(answer.header.sent_ns == request->header.sent_ns);
    CHECK(answer.text_len == request->text_len &&
          memcmp(answer.text, request->text, answer.text_len) == 0);
    answer.text = NULL;
    return answer;
}

static void every_message_counts_once_and_in_order(void **unused)
{
    (void)unused;
    for (uint32_t service = 0; service < GAME_SERVICE_COUNT; service++) {
        struct game_state *state = state_of(service);
        uint64_t proof[SESSIONS] = {0};
        for (uint32_t i = 0; i < 5 * SESSIONS; i++) {
            uint32_t session = i * 5 % SESSIONS;
            struct game_request request = ask(service, session, i + 1, 0, 1, 1);
            struct game_answer answer = play(state, &request);
            proof[session] = game_proof(proof[session], i + 1, request.header.checksum);
            CHECK(answer.proof == proof[session]);
            CHECK(answer.seen == i / SESSIONS + 1);
        }
        game_state_destroy(state);
    }
}

static void parts_share_sessions_and_divide_the_treasury(void **unused)
{
    struct game_state *whole = state_of(GAME_ECONOMY);
    struct game_state *parts[3];

    (void)unused;
    for (uint32_t i = 0; i < 3; i++)
        CHECK((parts[i] = game_state_part(whole, 3)) != NULL);
    for (uint32_t i = 0; i < 30; i++) {
        struct game_request request =
            ask(GAME_ECONOMY, 5, i + 1, i % 2 ? GAME_SPEND : GAME_EARN, i % 2 ? 3 : 10, 0);
        struct game_answer answer = play(parts[i % 3], &request);
        CHECK(answer.header.code == GAME_DONE && answer.seen == i + 1);
    }
    struct game_request request = ask(GAME_ECONOMY, 5, 31, GAME_EARN, 32000, 0);
    CHECK(play(parts[0], &request).header.code == GAME_NO_FUNDS); /* a third is less */
    for (uint32_t i = 0; i < 3; i++)
        game_state_destroy(parts[i]);
    CHECK(game_state_conserved(whole));
    game_state_destroy(whole);
    CHECK(game_state_part(NULL, 1) == NULL);
}

static void a_repeated_or_late_message_changes_nothing(void **unused)
{
    struct game_state *state = state_of(GAME_MOVEMENT);
    struct game_request third = ask(GAME_MOVEMENT, 3, 3, GAME_MOVE, 10, 20);
    struct game_request second = ask(GAME_MOVEMENT, 3, 2, GAME_MOVE, 10, 20);
    struct game_answer first = play(state, &third);

    (void)unused;
    CHECK(first.header.code == GAME_DONE);
    struct game_answer again = play(state, &third);
    struct game_answer late = play(state, &second);
    CHECK(again.header.code == GAME_REPEATED && late.header.code == GAME_REPEATED);
    CHECK(again.proof == first.proof && late.proof == first.proof);
    CHECK(again.seen == 1 && late.seen == 1);
    game_state_destroy(state);
}

static void nobody_moves_faster_than_he_can(void **unused)
{
    struct game_state *state = state_of(GAME_MOVEMENT);
    struct game_request walk = ask(GAME_MOVEMENT, 0, 1, GAME_MOVE, 1000, -500);
    struct game_request leap = ask(GAME_MOVEMENT, 0, 2, GAME_MOVE, 1200, 600);
    struct game_request step = ask(GAME_MOVEMENT, 0, 3, GAME_MOVE, 1200, 600);
    struct game_request unknown = ask(GAME_MOVEMENT, 0, 4, 9, 1, 1);
    struct game_answer answer = play(state, &walk);

    (void)unused;
    CHECK(answer.header.code == GAME_DONE);
    CHECK(answer.result[0] == 1000 && answer.result[1] == -500 && answer.result[2] == 0);
    answer = play(state, &leap); /* 13.4 m in a second */
    CHECK(answer.header.code == GAME_TOO_FAST);
    CHECK(answer.result[0] == 1000 && answer.result[1] == -500 && answer.result[2] == 1);
    answer = play(state, &step); /* the same in two */
    CHECK(answer.header.code == GAME_DONE);
    CHECK(answer.result[0] == 2200 && answer.result[1] == 100);
    answer = play(state, &unknown);
    CHECK(answer.header.code == GAME_BAD_ACTION && answer.result[0] == 2200);
    game_state_destroy(state);
}

static void a_clock_that_jumps_back_allows_only_the_slack(void **unused)
{
    struct game_state *state = state_of(GAME_MOVEMENT);
    struct game_request later = ask(GAME_MOVEMENT, 0, 1, GAME_MOVE, 0, 0);
    struct game_request earlier = ask(GAME_MOVEMENT, 0, 2, GAME_MOVE, 51, 0);
    struct game_request inside = ask(GAME_MOVEMENT, 0, 3, GAME_MOVE, 50, 0);

    (void)unused;
    later.header.sent_ns = UINT64_MAX;
    CHECK(play(state, &later).header.code == GAME_DONE);
    CHECK(play(state, &earlier).header.code == GAME_TOO_FAST);
    CHECK(play(state, &inside).header.code == GAME_DONE);
    game_state_destroy(state);
}

static void a_skill_must_cool_down_and_a_fight_is_won(void **unused)
{
    struct game_state *state = state_of(GAME_COMBAT);
    struct game_request strike = ask(GAME_COMBAT, 1, 1, GAME_STRIKE, 3, 0);
    struct game_answer answer = play(state, &strike);

    (void)unused;
    CHECK(answer.header.code == GAME_DONE);
    CHECK(answer.result[0] == 65 && answer.result[1] == 0 && answer.result[2] == 4000);
    strike.header.sequence = 2;
    strike.header.sent_ns += 3 * SECOND_NS;
    answer = play(state, &strike);
    CHECK(answer.header.code == GAME_COOLDOWN && answer.result[2] == 1000);
    strike.header.sequence = 3;
    strike.header.sent_ns += SECOND_NS;
    answer = play(state, &strike); /* 70 and 70 make 140 of 100 */
    CHECK(answer.header.code == GAME_DONE && answer.result[1] == 1 && answer.result[0] == 65);
    struct game_request rest = ask(GAME_COMBAT, 1, 4, GAME_REST, 0, 0);
    CHECK(play(state, &rest).result[0] == 70);
    game_state_destroy(state);
}

static void combat_refuses_skills_and_forces_that_do_not_exist(void **unused)
{
    static const int16_t wrong[][2] = {{-1, 0}, {4, 0}, {0, -1}, {0, 101}, {INT16_MIN, INT16_MAX}};
    struct game_state *state = state_of(GAME_COMBAT);

    (void)unused;
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct game_request strike =
            ask(GAME_COMBAT, 0, i + 1, GAME_STRIKE, wrong[i][0], wrong[i][1]);
        struct game_answer answer = play(state, &strike);
        CHECK(answer.header.code == GAME_BAD_ACTION && answer.result[0] == 100);
    }
    game_state_destroy(state);
}

static void coins_move_and_are_refused_where_there_are_none(void **unused)
{
    struct game_state *state = state_of(GAME_ECONOMY);
    struct game_request earn = ask(GAME_ECONOMY, 2, 1, GAME_EARN, 100, 0);
    struct game_request save = ask(GAME_ECONOMY, 2, 2, GAME_SAVE, 60, 0);
    struct game_request spend = ask(GAME_ECONOMY, 2, 3, GAME_SPEND, 41, 0);
    struct game_request withdraw = ask(GAME_ECONOMY, 2, 4, GAME_WITHDRAW, 1, 0);
    struct game_request negative = ask(GAME_ECONOMY, 2, 5, GAME_SPEND, -5, 0);

    (void)unused;
    CHECK(play(state, &earn).result[0] == 100);
    struct game_answer answer = play(state, &save);
    CHECK(answer.result[0] == 40 && answer.result[1] == 60);
    CHECK(play(state, &spend).header.code == GAME_NO_FUNDS);
    CHECK(play(state, &withdraw).result[0] == 41);
    CHECK(play(state, &negative).header.code == GAME_BAD_ACTION);
    CHECK(game_state_conserved(state));
    game_state_destroy(state);
}

static void coins_are_conserved_whatever_is_asked(void **unused)
{
    struct game_state *state = state_of(GAME_ECONOMY);
    uint32_t done = 0;
    uint32_t refused = 0;

    (void)unused;
    srand(7);
    for (uint32_t i = 1; i < 20000; i++) {
        struct game_request request = ask(GAME_ECONOMY, (uint32_t)rand() % SESSIONS, i,
                                          (uint8_t)(rand() % 5), (int16_t)(rand() % 4000 - 200), 0);
        struct game_answer answer = play(state, &request);
        CHECK(answer.result[0] >= 0 && answer.result[1] >= 0);
        *(answer.header.code == GAME_DONE ? &done : &refused) += 1;
    }
    CHECK(done > 1000 && refused > 1000);
    CHECK(game_state_conserved(state));
    game_state_destroy(state);
}

static void the_first_sequence_begins_the_session_anew(void **unused)
{
    (void)unused;
    for (uint32_t service = 0; service < GAME_SERVICE_COUNT; service++) {
        struct game_state *state = state_of(service);
        struct game_request first = ask(service, 0, 1, 0, 3, 3);
        struct game_request second = ask(service, 0, 2, 0, 3, 3);
        struct game_answer before = play(state, &first);
        play(state, &second);
        struct game_answer again = play(state, &first);
        CHECK(again.seen == 1 && again.proof == before.proof);
        CHECK(memcmp(again.result, before.result, sizeof again.result) == 0);
        CHECK(game_state_conserved(state));
        game_state_destroy(state);
    }
}

static void what_is_no_message_gets_no_answer(void **unused)
{
    struct game_state *state = state_of(GAME_MOVEMENT);
    struct game_request good = ask(GAME_MOVEMENT, 0, 1, GAME_MOVE, 1, 1);
    struct game_request strange = ask(GAME_ECONOMY, 0, 1, GAME_EARN, 1, 1);
    struct game_request outside = ask(GAME_MOVEMENT, SESSIONS, 1, GAME_MOVE, 1, 1);
    uint8_t frame[GAME_FRAME_MAX];
    uint8_t answer[GAME_FRAME_MAX];
    size_t answer_len = 1;

    (void)unused;
    size_t len = game_request_write(&strange, frame, sizeof frame);
    CHECK(game_handle(state, frame, len, answer, sizeof answer, &answer_len) == GAME_BAD_FRAME);
    CHECK(answer_len == 0);
    CHECK(game_economy_handle(state, frame, len, answer, sizeof answer, &answer_len) ==
          GAME_BAD_FRAME);
    len = game_request_write(&outside, frame, sizeof frame);
    CHECK(game_handle(state, frame, len, answer, sizeof answer, &answer_len) == GAME_NO_SESSION);
    len = game_request_write(&good, frame, sizeof frame);
    frame[len - 1] ^= 1;
    CHECK(game_handle(state, frame, len, answer, sizeof answer, &answer_len) == GAME_BAD_FRAME);
    CHECK(game_handle(state, frame, 0, answer, sizeof answer, &answer_len) == GAME_BAD_FRAME);
    CHECK(play(state, &good).seen == 1);
    game_state_destroy(state);
}

static void an_answer_without_room_changes_nothing(void **unused)
{
    struct game_state *state = state_of(GAME_MOVEMENT);
    struct game_request request = ask(GAME_MOVEMENT, 0, 1, GAME_MOVE, 1, 1);
    uint8_t frame[GAME_FRAME_MAX];
    uint8_t answer[GAME_FRAME_MAX];
    size_t answer_len = 1;
    size_t len = game_request_write(&request, frame, sizeof frame);
    size_t needed = GAME_HEADER_BYTES + GAME_ANSWER_FIXED + request.text_len;

    (void)unused;
    CHECK(game_movement_handle(state, frame, len, answer, needed - 1, &answer_len) ==
          GAME_NO_SPACE);
    CHECK(answer_len == 0);
    CHECK(game_movement_handle(state, frame, len, answer, needed, &answer_len) == GAME_HANDLED);
    CHECK(answer_len == needed);
    game_state_destroy(state);
}

static void the_longest_request_has_an_answer_that_fits(void **unused)
{
    static uint8_t text[GAME_TEXT_MAX];
    struct game_state *state = state_of(GAME_MOVEMENT);
    struct game_request request = ask(GAME_MOVEMENT, 0, 1, GAME_MOVE, 1, 1);
    uint8_t frame[GAME_FRAME_MAX];
    uint8_t answer[GAME_FRAME_MAX];
    size_t answer_len = 0;

    (void)unused;
    request.text = text;
    request.text_len = sizeof text;
    size_t len = game_request_write(&request, frame, sizeof frame);
    CHECK(len == GAME_FRAME_MAX);
    CHECK(game_handle(state, frame, len, answer, sizeof answer, &answer_len) == GAME_HANDLED);
    CHECK(answer_len == GAME_FRAME_MAX);
    game_state_destroy(state);
}

static void a_state_needs_a_service_and_sessions(void **unused)
{
    (void)unused;
    CHECK(state_of(GAME_SERVICE_COUNT) == NULL);
    CHECK(game_session_bytes(GAME_SERVICE_COUNT) == 0);
    CHECK(game_state_create(GAME_MOVEMENT, &(struct game_options){.tables = 1}) == NULL);
    CHECK(game_state_create(GAME_MOVEMENT, &(struct game_options){.session_limit = 1}) == NULL);
    game_state_destroy(NULL);
    CHECK(strcmp(game_service_name(GAME_ECONOMY), "economy") == 0);
    CHECK(strcmp(game_service_name(GAME_SERVICE_COUNT), "unknown") == 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_message_counts_once_and_in_order),
    cmocka_unit_test(parts_share_sessions_and_divide_the_treasury),
    cmocka_unit_test(a_repeated_or_late_message_changes_nothing),
    cmocka_unit_test(nobody_moves_faster_than_he_can),
    cmocka_unit_test(a_clock_that_jumps_back_allows_only_the_slack),
    cmocka_unit_test(a_skill_must_cool_down_and_a_fight_is_won),
    cmocka_unit_test(combat_refuses_skills_and_forces_that_do_not_exist),
    cmocka_unit_test(coins_move_and_are_refused_where_there_are_none),
    cmocka_unit_test(coins_are_conserved_whatever_is_asked),
    cmocka_unit_test(the_first_sequence_begins_the_session_anew),
    cmocka_unit_test(what_is_no_message_gets_no_answer),
    cmocka_unit_test(an_answer_without_room_changes_nothing),
    cmocka_unit_test(the_longest_request_has_an_answer_that_fits),
    cmocka_unit_test(a_state_needs_a_service_and_sessions),
};

HO_TEST_MAIN(tests)
