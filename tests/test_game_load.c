/* SPDX-License-Identifier: MIT */
/* What the load generator sends, and that it finds every kind of wrong answer. */
#include "harness.h"

#include <string.h>

#include "game/services.h"
#include "load/ledger.h"
#include "load/workload.h"

#define SEED 5
#define SESSIONS 4
#define WINDOW 8

/* A ledger and the services that it talks to. */
struct world {
    struct ledger *ledger;
    struct game_state *services[GAME_SERVICE_COUNT];
    struct tally tally;
    uint64_t now_ns;
    uint8_t answer[GAME_FRAME_MAX];
    size_t answer_len;
};

static void world_open(struct world *world, int may_overtake)
{
    memset(world, 0, sizeof *world);
    workload_text_init(SEED);
    world->now_ns = 1000000;
    world->ledger = ledger_create(SEED, 0, SESSIONS, WINDOW, may_overtake);
    for (uint32_t i = 0; i < GAME_SERVICE_COUNT; i++)
        world->services[i] =
            game_state_create(i, &(struct game_options){.session_limit = SESSIONS, .tables = 1});
}

static void world_begin(struct world *world)
{
    world_open(world, 0);
}

static void world_end(struct world *world)
{
    ledger_destroy(world->ledger);
    for (uint32_t i = 0; i < GAME_SERVICE_COUNT; i++)
        game_state_destroy(world->services[i]);
}

/* Sends one and leaves the right answer in world->answer. */
static void exchange(struct world *world, uint32_t session, uint32_t service)
{
    uint8_t frame[GAME_FRAME_MAX];
    size_t len = ledger_send(world->ledger, session, service, world->now_ns, frame, &world->tally);

    world->now_ns += 1000000;
    CHECK(game_handle(world->services[service], frame, len, world->answer, sizeof world->answer,
                      &world->answer_len) == GAME_HANDLED);
}

static int deliver(struct world *world)
{
    return ledger_answer(world->ledger, world->answer, world->answer_len, world->now_ns, 0,
                         SESSIONS, &world->tally);
}

static void right_answers_are_counted_with_their_latency(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    for (uint32_t i = 0; i < 600; i++) {
        exchange(&world, i % SESSIONS, i % GAME_SERVICE_COUNT);
        CHECK(deliver(&world) == 1);
    }
    CHECK(world.tally.sent == 600 && world.tally.answered == 600 && world.tally.matched == 600);
    CHECK(world.tally.corrupt + world.tally.duplicated + world.tally.reordered == 0);
    CHECK(world.tally.latency_ns.count == 600 && world.tally.latency_ns.max == 1000000);
    world_end(&world);
}

static void what_is_due_while_both_sides_warm_up_counts_for_all_but_the_latency(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    for (uint32_t i = 0; i < 600; i++) {
        if (i == 400)
            world.tally.warm_until_ns = UINT64_MAX;
        exchange(&world, i % SESSIONS, i % GAME_SERVICE_COUNT);
        CHECK(deliver(&world) == 1);
    }
    CHECK(world.tally.answered == 600 && world.tally.latency_ns.count == 400);
    world_end(&world);
}

static void every_flipped_bit_is_counted_as_corrupt(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    exchange(&world, 0, GAME_MOVEMENT);
    for (size_t bit = 0; bit < world.answer_len * 8; bit++) {
        world.answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(deliver(&world) == 0);
        world.answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(world.tally.corrupt == world.answer_len * 8 && world.tally.matched == 0);
    CHECK(deliver(&world) == 1);
    CHECK(world.tally.answered == 1);
    world_end(&world);
}

/* Changes a field of the answer and makes the checksum fit: a gateway that is wrong, not a wire. */
static void forge(struct world *world, void (*change)(struct game_answer *answer))
{
    uint8_t copy[GAME_FRAME_MAX];
    struct game_answer answer;

    memcpy(copy, world->answer, world->answer_len);
    CHECK(game_answer_read(copy, world->answer_len, &answer) == GAME_FRAME_OK);
    change(&answer);
    world->answer_len = game_answer_write(&answer, world->answer, sizeof world->answer);
}

static void proof_changes(struct game_answer *answer)
{
    answer->proof ^= 1;
}
static void one_more_is_seen(struct game_answer *answer)
{
    answer->seen++;
}
static void time_changes(struct game_answer *answer)
{
    answer->header.sent_ns++;
}
static void text_moves(struct game_answer *answer)
{
    answer->text_len--;
}
static void state_says_repeated(struct game_answer *answer)
{
    answer->header.code = GAME_REPEATED;
}
static void session_changes(struct game_answer *answer)
{
    answer->header.session = SESSIONS;
}
static void future_is_answered(struct game_answer *answer)
{
    answer->header.sequence += 1;
}

static void every_wrong_field_is_counted_as_corrupt(void **state)
{
    static void (*const changes[])(struct game_answer *) = {
        proof_changes,       one_more_is_seen, time_changes,      text_moves,
        state_says_repeated, session_changes,  future_is_answered};

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct world world;
        world_begin(&world);
        do /* an answer with a text to change */
            exchange(&world, 1, GAME_ECONOMY);
        while (world.answer_len < 100 && deliver(&world) == 1);
        uint64_t answered = world.tally.answered;
        forge(&world, changes[i]);
        deliver(&world);
        CHECK(world.tally.corrupt == 1 && world.tally.answered == answered);
        world_end(&world);
    }
}

static void a_second_answer_is_counted_as_duplicated(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    exchange(&world, 2, GAME_COMBAT);
    CHECK(deliver(&world) == 1);
    CHECK(deliver(&world) == 0);
    CHECK(world.tally.duplicated == 1 && world.tally.answered == 1);
    world_end(&world);
}

static void an_answer_on_another_socket_is_counted_as_corrupt(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    exchange(&world, 2, GAME_COMBAT);
    CHECK(ledger_answer(world.ledger, world.answer, world.answer_len, world.now_ns, 1, 1,
                        &world.tally) == 0);
    CHECK(ledger_answer(world.ledger, world.answer, world.answer_len, world.now_ns, 2, 1,
                        &world.tally) == 1);
    CHECK(world.tally.corrupt == 1 && world.tally.answered == 1);
    world_end(&world);
}

static void an_overtaken_answer_is_counted_as_reordered(void **state)
{
    struct world world;
    uint8_t first[GAME_FRAME_MAX];

    (void)state;
    world_begin(&world);
    exchange(&world, 0, GAME_MOVEMENT);
    size_t first_len = world.answer_len;
    memcpy(first, world.answer, first_len);
    exchange(&world, 0, GAME_MOVEMENT);
    CHECK(deliver(&world) == 1);
    CHECK(ledger_answer(world.ledger, first, first_len, world.now_ns, 0, SESSIONS, &world.tally) ==
          1);
    CHECK(world.tally.reordered == 1 && world.tally.corrupt == 0 && world.tally.answered == 2);
    world_end(&world);
}

static void lost_messages_and_answers_do_not_taint_the_next(void **state)
{
    struct world world;
    uint8_t frame[GAME_FRAME_MAX];

    (void)state;
    world_begin(&world);
    exchange(&world, 0, GAME_MOVEMENT);
    CHECK(deliver(&world) == 1);
    ledger_send(world.ledger, 0, GAME_MOVEMENT, world.now_ns, frame, &world.tally); /* lost */
    exchange(&world, 0, GAME_MOVEMENT); /* its answer is lost */
    for (int i = 0; i < 3; i++) {
        exchange(&world, 0, GAME_MOVEMENT);
        CHECK(deliver(&world) == 1);
    }
    CHECK(world.tally.sent == 6 && world.tally.answered == 4 && world.tally.corrupt == 0);
    world_end(&world);
}

/* Sends three of a stream and serves and answers them in this order. */
static void send_three_and_serve(struct world *world, const uint32_t order[3])
{
    uint8_t frames[3][GAME_FRAME_MAX];
    size_t lens[3];

    for (int i = 0; i < 3; i++)
        lens[i] =
            ledger_send(world->ledger, 0, GAME_COMBAT, world->now_ns++, frames[i], &world->tally);
    for (int i = 0; i < 3; i++) {
        CHECK(game_handle(world->services[GAME_COMBAT], frames[order[i]], lens[order[i]],
                          world->answer, sizeof world->answer, &world->answer_len) == GAME_HANDLED);
        CHECK(deliver(world) == 1);
    }
}

static const uint32_t orders[][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 1, 0}, {2, 0, 1}};

static void messages_that_a_network_reorders_are_answered_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct world world;
        world_open(&world, 1);
        send_three_and_serve(&world, orders[i]); /* the first of the stream among them */
        send_three_and_serve(&world, orders[i]);
        exchange(&world, 0, GAME_COMBAT);
        CHECK(deliver(&world) == 1);
        CHECK(world.tally.answered == 7 && world.tally.corrupt == 0 && world.tally.reordered > 0);
        exchange(&world, 0, GAME_COMBAT); /* and what is wrong is still found */
        forge(&world, proof_changes);
        deliver(&world);
        exchange(&world, 0, GAME_COMBAT);
        forge(&world, state_says_repeated); /* of which there is no later one */
        deliver(&world);
        CHECK(world.tally.answered == 7 && world.tally.corrupt == 2);
        world_end(&world);
    }
}

static void messages_that_are_reordered_without_a_network_are_corrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct world world;
        world_begin(&world);
        exchange(&world, 0, GAME_COMBAT);
        CHECK(deliver(&world) == 1);
        send_three_and_serve(&world, orders[i]);
        CHECK(world.tally.corrupt > 0);
        world_end(&world);
    }
}

static void an_answer_later_than_the_window_is_not_counted_as_right(void **state)
{
    struct world world;
    uint8_t frame[GAME_FRAME_MAX];

    (void)state;
    world_begin(&world);
    exchange(&world, 0, GAME_MOVEMENT);
    for (int i = 0; i < WINDOW; i++)
        ledger_send(world.ledger, 0, GAME_MOVEMENT, world.now_ns, frame, &world.tally);
    CHECK(deliver(&world) == 0);
    CHECK(world.tally.duplicated == 1 && world.tally.answered == 0);
    world_end(&world);
}

static void arrivals_keep_the_rate_and_come_in_order(void **state)
{
    const uint64_t total = 10000;
    struct workload workload;
    uint32_t per_session[SESSIONS] = {0};
    uint32_t per_service[GAME_SERVICE_COUNT] = {0};
    uint64_t last_ns = 500;

    (void)state;
    workload_init(&workload, SEED, SESSIONS, total, 2, 500);
    for (uint64_t i = 0; i < total; i++) {
        struct arrival arrival = workload_next(&workload);
        CHECK(arrival.due_ns >= last_ns);
        CHECK(arrival.due_ns - 500 >= i * 200000 && arrival.due_ns - 500 <= (i + 1) * 200000);
        last_ns = arrival.due_ns;
        per_session[arrival.local_session]++;
        per_service[arrival.service]++;
        workload_advance(&workload);
    }
    CHECK(workload_next(&workload).due_ns == UINT64_MAX);
    for (int i = 0; i < SESSIONS; i++)
        CHECK(per_session[i] == total / SESSIONS);
    CHECK(per_service[GAME_MOVEMENT] > 5800 && per_service[GAME_MOVEMENT] < 6200);
    CHECK(per_service[GAME_COMBAT] > 2350 && per_service[GAME_COMBAT] < 2650);
}

static void sizes_are_those_that_are_documented(void **state)
{
    const uint32_t count = 100000;
    uint32_t up_to[4] = {0};
    uint64_t sum = 0;

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        struct game_request request;
        workload_request(SEED, i / 100, i % GAME_SERVICE_COUNT, i % 100, &request);
        size_t bytes = GAME_HEADER_BYTES + GAME_REQUEST_ARGS + request.text_len;
        CHECK(bytes >= GAME_FRAME_MIN && bytes <= GAME_FRAME_MAX);
        up_to[bytes <= 96 ? 0 : bytes <= 256 ? 1 : bytes <= 640 ? 2 : 3]++;
        sum += bytes;
    }
    CHECK(up_to[0] > 59000 && up_to[0] < 61000);
    CHECK(up_to[1] > 24000 && up_to[1] < 26000);
    CHECK(up_to[2] > 11500 && up_to[2] < 12500);
    CHECK(up_to[3] > 2700 && up_to[3] < 3300);
    CHECK(sum / count >= 160 && sum / count <= 174);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(right_answers_are_counted_with_their_latency),
    cmocka_unit_test(what_is_due_while_both_sides_warm_up_counts_for_all_but_the_latency),
    cmocka_unit_test(every_flipped_bit_is_counted_as_corrupt),
    cmocka_unit_test(every_wrong_field_is_counted_as_corrupt),
    cmocka_unit_test(a_second_answer_is_counted_as_duplicated),
    cmocka_unit_test(an_answer_on_another_socket_is_counted_as_corrupt),
    cmocka_unit_test(an_overtaken_answer_is_counted_as_reordered),
    cmocka_unit_test(lost_messages_and_answers_do_not_taint_the_next),
    cmocka_unit_test(messages_that_a_network_reorders_are_answered_right),
    cmocka_unit_test(messages_that_are_reordered_without_a_network_are_corrupt),
    cmocka_unit_test(an_answer_later_than_the_window_is_not_counted_as_right),
    cmocka_unit_test(arrivals_keep_the_rate_and_come_in_order),
    cmocka_unit_test(sizes_are_those_that_are_documented),
};

HO_TEST_MAIN(tests)
