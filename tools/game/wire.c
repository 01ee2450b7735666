/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <string.h>

#include "bytes.h"

#define AT_MAGIC 0
#define AT_VERSION 2
#define AT_SERVICE 3
#define AT_CHECKSUM 4
#define AT_SESSION 8
#define AT_SEQUENCE 12
#define AT_SENT 16
#define AT_PAYLOAD_LEN 24
#define AT_KIND 26
#define AT_CODE 27

/* Odd, with bits in every byte: the golden ratio of 2^64. */
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t fold(uint64_t state, uint64_t word)
{
    state = (state ^ word) * MULTIPLIER;
    return state ^ state >> 32;
}

uint32_t game_frame_checksum(const uint8_t *frame, size_t len)
{
    /* The length goes first, so that zeros at the end count too. */
    uint64_t state = fold(len, get32(frame));
    size_t at = AT_SESSION;

    for (; at + 8 <= len; at += 8)
        state = fold(state, get64(frame + at));
    uint64_t rest = 0;
    for (unsigned shift = 0; at < len; at++, shift += 8)
        rest |= (uint64_t)frame[at] << shift;
    state = fold(state, rest);
    return (uint32_t)(state * MULTIPLIER >> 32);
}

uint64_t game_proof(uint64_t before, uint32_t sequence, uint32_t request_checksum)
{
    return fold(fold(MULTIPLIER, before), (uint64_t)sequence << 32 | request_checksum);
}

uint32_t game_load_u32(const uint8_t *from)
{
    return get32(from);
}

void game_store_u32(uint8_t *to, uint32_t value)
{
    put32(to, value);
}

static int front_check(const uint8_t *frame)
{
    if (get16(frame + AT_MAGIC) != GAME_MAGIC || frame[AT_VERSION] != GAME_VERSION)
        return GAME_FRAME_MAGIC;
    if (frame[AT_SERVICE] >= GAME_SERVICE_COUNT)
        return GAME_FRAME_FIELD;
    return GAME_FRAME_OK;
}

int game_frame_route(const uint8_t *frame, size_t len, uint32_t *service, uint32_t *session)
{
    if (len < GAME_ROUTE_BYTES)
        return GAME_FRAME_SIZE;
    int status = front_check(frame);
    if (status != GAME_FRAME_OK)
        return status;
    *service = frame[AT_SERVICE];
    *session = get32(frame + AT_SESSION);
    return GAME_FRAME_OK;
}

static int header_read(const uint8_t *frame, size_t len, uint8_t kind, size_t fixed_bytes,
                       struct game_header *out)
{
    if (len < GAME_FRAME_MIN || len > GAME_FRAME_MAX)
        return GAME_FRAME_SIZE;
    int status = front_check(frame);
    if (status != GAME_FRAME_OK)
        return status;
    out->payload_len = get16(frame + AT_PAYLOAD_LEN);
    if (out->payload_len != len - GAME_HEADER_BYTES)
        return GAME_FRAME_SIZE;
    if (frame[AT_KIND] != kind || out->payload_len < fixed_bytes)
        return GAME_FRAME_FIELD;
    out->checksum = get32(frame + AT_CHECKSUM);
    if (out->checksum != game_frame_checksum(frame, len))
        return GAME_FRAME_CHECKSUM;
    out->service = frame[AT_SERVICE];
    out->session = get32(frame + AT_SESSION);
    out->sequence = get32(frame + AT_SEQUENCE);
    out->sent_ns = get64(frame + AT_SENT);
    out->kind = kind;
    out->code = frame[AT_CODE];
    return GAME_FRAME_OK;
}

/* Expects the payload to be in place: the checksum covers it. */
static void header_write(struct game_header *header, uint8_t *frame, size_t len)
{
    header->payload_len = (uint16_t)(len - GAME_HEADER_BYTES);
    put16(frame + AT_MAGIC, GAME_MAGIC);
    frame[AT_VERSION] = GAME_VERSION;
    frame[AT_SERVICE] = header->service;
    put32(frame + AT_SESSION, header->session);
    put32(frame + AT_SEQUENCE, header->sequence);
    put64(frame + AT_SENT, header->sent_ns);
    put16(frame + AT_PAYLOAD_LEN, header->payload_len);
    frame[AT_KIND] = header->kind;
    frame[AT_CODE] = header->code;
    header->checksum = game_frame_checksum(frame, len);
    put32(frame + AT_CHECKSUM, header->checksum);
}

int game_request_read(const uint8_t *frame, size_t len, struct game_request *out)
{
    int status = header_read(frame, len, GAME_REQUEST, GAME_REQUEST_ARGS, &out->header);
    if (status != GAME_FRAME_OK)
        return status;
    const uint8_t *payload = frame + GAME_HEADER_BYTES;
    out->a = (int16_t)get16(payload);
    out->b = (int16_t)get16(payload + 2);
    out->text = payload + GAME_REQUEST_ARGS;
    out->text_len = out->header.payload_len - GAME_REQUEST_ARGS;
    return GAME_FRAME_OK;
}

int game_answer_read(const uint8_t *frame, size_t len, struct game_answer *out)
{
    int status = header_read(frame, len, GAME_ANSWER, GAME_ANSWER_FIXED, &out->header);
    if (status != GAME_FRAME_OK)
        return status;
    const uint8_t *payload = frame + GAME_HEADER_BYTES;
    out->proof = get64(payload);
    out->seen = get32(payload + 8);
    for (int i = 0; i < 3; i++)
        out->result[i] = (int32_t)get32(payload + 12 + 4 * i);
    out->text = payload + GAME_ANSWER_FIXED;
    out->text_len = out->header.payload_len - GAME_ANSWER_FIXED;
    return GAME_FRAME_OK;
}

/* Copies the text after `fixed` payload bytes and returns the frame's length; 0 if cap is too
 * small. */
static size_t text_write(uint8_t *frame, size_t cap, size_t fixed, const uint8_t *text,
                         size_t text_len)
{
    size_t len = GAME_HEADER_BYTES + fixed + text_len;

    if (cap < len)
        return 0;
    if (text_len > 0)
        memcpy(frame + GAME_HEADER_BYTES + fixed, text, text_len);
    return len;
}

size_t game_request_write(struct game_request *request, uint8_t *frame, size_t cap)
{
    if (request->text_len > GAME_TEXT_MAX)
        request->text_len = GAME_TEXT_MAX;
    size_t len = text_write(frame, cap, GAME_REQUEST_ARGS, request->text, request->text_len);
    if (len == 0)
        return 0;
    put16(frame + GAME_HEADER_BYTES, (uint16_t)request->a);
    put16(frame + GAME_HEADER_BYTES + 2, (uint16_t)request->b);
    request->header.kind = GAME_REQUEST;
    header_write(&request->header, frame, len);
    return len;
}

size_t game_answer_write(struct game_answer *answer, uint8_t *frame, size_t cap)
{
    if (answer->text_len > GAME_ECHO_MAX)
        answer->text_len = GAME_ECHO_MAX;
    size_t len = text_write(frame, cap, GAME_ANSWER_FIXED, answer->text, answer->text_len);
    if (len == 0)
        return 0;
    uint8_t *payload = frame + GAME_HEADER_BYTES;
    put64(payload, answer->proof);
    put32(payload + 8, answer->seen);
    for (int i = 0; i < 3; i++)
        put32(payload + 12 + 4 * i, (uint32_t)answer->result[i]);
    answer->header.kind = GAME_ANSWER;
    header_write(&answer->header, frame, len);
    return len;
}
