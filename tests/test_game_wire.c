/* SPDX-License-Identifier: MIT */
/* The frames: whatever is written can be read back, and nothing else can. */
#include "harness.h"

#include <string.h>

#include "game/wire.h"

static uint8_t words[GAME_TEXT_MAX + 64];

static struct game_request request_with(size_t text_len)
{
    for (size_t i = 0; i < sizeof words; i++)
        words[i] = (uint8_t)(i * 7 + 3);
    return (struct game_request){.header = {.sent_ns = UINT64_C(0x1122334455667788),
                                            .session = 0xa1b2c3d4,
                                            .sequence = 77,
                                            .service = GAME_COMBAT,
                                            .code = 3},
                                 .a = -2,
                                 .b = 32767,
                                 .text = words,
                                 .text_len = text_len};
}

static void a_request_of_every_size_comes_back_as_it_was(void **state)
{
    uint8_t frame[GAME_FRAME_MAX];
    struct game_request read;

    (void)state;
    for (size_t text_len = 0; text_len <= GAME_TEXT_MAX; text_len++) {
        struct game_request written = request_with(text_len);
        size_t len = game_request_write(&written, frame, sizeof frame);
        CHECK(len == GAME_FRAME_MIN + text_len);
        CHECK(game_request_read(frame, len, &read) == GAME_FRAME_OK);
        CHECK(read.header.sent_ns == written.header.sent_ns);
        CHECK(read.header.session == written.header.session);
        CHECK(read.header.sequence == written.header.sequence);
        CHECK(read.header.service == GAME_COMBAT && read.header.code == 3);
        CHECK(read.header.checksum == written.header.checksum);
        CHECK(read.a == -2 && read.b == 32767);
        CHECK(read.text_len == text_len && memcmp(read.text, words, text_len) == 0);
    }
}

static void an_answer_of_every_size_comes_back_as_it_was(void **state)
{
    uint8_t frame[GAME_FRAME_MAX];
    struct game_answer read;

    (void)state;
    for (size_t text_len = 0; text_len <= GAME_ECHO_MAX; text_len++) {
        struct game_answer written = {.header = request_with(0).header,
                                      .proof = UINT64_C(0xfedcba9876543210),
                                      .seen = 9,
                                      .result = {-1, 0, INT32_MAX},
                                      .text = words,
                                      .text_len = text_len};
        size_t len = game_answer_write(&written, frame, sizeof frame);
        CHECK(len == GAME_HEADER_BYTES + GAME_ANSWER_FIXED + text_len);
        CHECK(game_answer_read(frame, len, &read) == GAME_FRAME_OK);
        CHECK(read.header.sequence == 77 && read.proof == written.proof && read.seen == 9);
        CHECK(memcmp(read.result, written.result, sizeof read.result) == 0);
        CHECK(read.text_len == text_len && memcmp(read.text, words, text_len) == 0);
    }
}

static void the_bytes_are_where_the_format_says(void **state)
{
    static const uint8_t expected[] = {0x48, 0x47, 1,    GAME_COMBAT, 0,    0,    0, 0,    0xd4,
                                       0xc3, 0xb2, 0xa1, 77,          0,    0,    0, 0x88, 0x77,
                                       0x66, 0x55, 0x44, 0x33,        0x22, 0x11, 5, 0,    0,
                                       3,    0xfe, 0xff, 0xff,        0x7f, 3};
    uint8_t frame[GAME_FRAME_MAX];
    struct game_request written = request_with(1);

    (void)state;
    CHECK(game_request_write(&written, frame, sizeof frame) == sizeof expected);
    CHECK(game_load_u32(frame + 4) == written.header.checksum);
    memset(frame + 4, 0, 4);
    CHECK(memcmp(frame, expected, sizeof expected) == 0);
}

static void every_flipped_bit_is_found(void **state)
{
    uint8_t frame[GAME_FRAME_MAX];
    struct game_request read;

    (void)state;
    for (size_t text_len = 0; text_len < 40; text_len += 3) {
        struct game_request written = request_with(text_len);
        size_t len = game_request_write(&written, frame, sizeof frame);
        for (size_t bit = 0; bit < len * 8; bit++) {
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK(game_request_read(frame, len, &read) != GAME_FRAME_OK);
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        CHECK(game_request_read(frame, len, &read) == GAME_FRAME_OK);
    }
}

static void a_wrong_length_is_found(void **state)
{
    uint8_t frame[GAME_FRAME_MAX + 8] = {0};
    struct game_request written = request_with(20);
    struct game_request read;
    size_t len = game_request_write(&written, frame, GAME_FRAME_MAX);

    (void)state;
    for (size_t wrong = 0; wrong <= sizeof frame; wrong++)
        CHECK((game_request_read(frame, wrong, &read) == GAME_FRAME_OK) == (wrong == len));
}

/* Changes one byte and makes the checksum fit again, so that only the field itself is wrong. */
static int status_with(size_t at, uint8_t value)
{
    uint8_t frame[GAME_FRAME_MAX];
    struct game_request written = request_with(8);
    struct game_request read;
    size_t len = game_request_write(&written, frame, sizeof frame);

    frame[at] = value;
    game_store_u32(frame + 4, game_frame_checksum(frame, len));
    return game_request_read(frame, len, &read);
}

static void fields_without_meaning_have_their_own_status(void **state)
{
    (void)state;
    CHECK(status_with(27, 9) == GAME_FRAME_OK); /* the code is the service's business */
    CHECK(status_with(0, 0) == GAME_FRAME_MAGIC);
    CHECK(status_with(2, GAME_VERSION + 1) == GAME_FRAME_MAGIC);
    CHECK(status_with(3, GAME_SERVICE_COUNT) == GAME_FRAME_FIELD);
    CHECK(status_with(24, 0) == GAME_FRAME_SIZE);
    CHECK(status_with(26, GAME_ANSWER) == GAME_FRAME_FIELD);
}

static void an_answer_too_short_for_its_fixed_part_is_refused(void **state)
{
    uint8_t frame[GAME_FRAME_MAX];
    struct game_request written = request_with(4);
    struct game_answer read;
    size_t len = game_request_write(&written, frame, sizeof frame);

    (void)state;
    frame[26] = GAME_ANSWER;
    game_store_u32(frame + 4, game_frame_checksum(frame, len));
    CHECK(game_answer_read(frame, len, &read) == GAME_FRAME_FIELD);
}

static void a_buffer_that_is_too_small_stays_untouched(void **state)
{
    uint8_t frame[GAME_FRAME_MAX];
    uint8_t untouched[GAME_FRAME_MAX];
    struct game_request written = request_with(100);

    (void)state;
    memset(frame, 0x5a, sizeof frame);
    memset(untouched, 0x5a, sizeof untouched);
    CHECK(game_request_write(&written, frame, GAME_FRAME_MIN + 99) == 0);
    CHECK(memcmp(frame, untouched, sizeof frame) == 0);
    CHECK(game_request_write(&written, frame, GAME_FRAME_MIN + 100) == GAME_FRAME_MIN + 100);
}

static void a_text_that_is_too_long_is_cut(void **state)
{
    uint8_t frame[GAME_FRAME_MAX];
    struct game_request written = request_with(GAME_TEXT_MAX + 50);

    (void)state;
    CHECK(game_request_write(&written, frame, sizeof frame) == GAME_FRAME_MAX);
}

static void the_route_needs_twelve_bytes(void **state)
{
    uint8_t frame[GAME_FRAME_MAX];
    struct game_request written = request_with(0);
    uint32_t service = 99;
    uint32_t session = 99;

    (void)state;
    game_request_write(&written, frame, sizeof frame);
    for (size_t len = 0; len < GAME_ROUTE_BYTES; len++)
        CHECK(game_frame_route(frame, len, &service, &session) == GAME_FRAME_SIZE);
    CHECK(service == 99 && session == 99);
    CHECK(game_frame_route(frame, GAME_ROUTE_BYTES, &service, &session) == GAME_FRAME_OK);
    CHECK(service == GAME_COMBAT && session == 0xa1b2c3d4);
    frame[3] = 200;
    CHECK(game_frame_route(frame, GAME_ROUTE_BYTES, &service, &session) == GAME_FRAME_FIELD);
    frame[0] = 0;
    CHECK(game_frame_route(frame, GAME_ROUTE_BYTES, &service, &session) == GAME_FRAME_MAGIC);
}

static void the_proof_depends_on_order_and_number(void **state)
{
    uint64_t in_order = game_proof(game_proof(0, 1, 10), 2, 20);

    (void)state;
    CHECK(in_order == game_proof(game_proof(0, 1, 10), 2, 20));
    CHECK(in_order != game_proof(game_proof(0, 2, 20), 1, 10));
    CHECK(in_order != game_proof(in_order, 2, 20));
    CHECK(in_order != game_proof(0, 2, 20));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_request_of_every_size_comes_back_as_it_was),
    cmocka_unit_test(an_answer_of_every_size_comes_back_as_it_was),
    cmocka_unit_test(the_bytes_are_where_the_format_says),
    cmocka_unit_test(every_flipped_bit_is_found),
    cmocka_unit_test(a_wrong_length_is_found),
    cmocka_unit_test(fields_without_meaning_have_their_own_status),
    cmocka_unit_test(an_answer_too_short_for_its_fixed_part_is_refused),
    cmocka_unit_test(a_buffer_that_is_too_small_stays_untouched),
    cmocka_unit_test(a_text_that_is_too_long_is_cut),
    cmocka_unit_test(the_route_needs_twelve_bytes),
    cmocka_unit_test(the_proof_depends_on_order_and_number),
};

HO_TEST_MAIN(tests)
