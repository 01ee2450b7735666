/* SPDX-License-Identifier: MIT */
/*
 * The frames that players and the three services exchange.
 *
 * One frame, little-endian, no padding, no bit-fields:
 *   offset  size  field
 *        0     2  magic        GAME_MAGIC
 *        2     1  version      GAME_VERSION
 *        3     1  service      GAME_MOVEMENT, GAME_COMBAT or GAME_ECONOMY
 *        4     4  checksum     over every other byte of the frame
 *        8     4  session
 *       12     4  sequence     per session and service, from 1, each message one more
 *       16     8  sent_ns      when the message was due, CLOCK_MONOTONIC; the answer repeats it
 *       24     2  payload_len  bytes behind the header
 *       26     1  kind         GAME_REQUEST or GAME_ANSWER
 *       27     1  code         request: what to do; answer: what became of it (GAME_DONE, ...)
 *       28        payload      request: int16 a, int16 b, then the text
 *                              answer: uint64 proof, uint32 seen, int32 result[3], then the text
 *
 * UDP carries one frame per datagram. TCP carries a 4-byte little-endian length, then the frame.
 *
 * Sequences count per session and service because only those stay in order: messages of one session
 * to two services may overtake each other.
 *
 * The checksum folds 64-bit words with xor, an odd multiplication and a shift, and keeps the upper
 * 32 bits. Each step is a bijection of the 64-bit state, so one changed word always changes the
 * state; it takes about five cycles a word on any processor, without the special instructions or
 * tables that a CRC needs to be as cheap. It detects faults, not forgery.
 */
#ifndef HANDOFF_GAME_WIRE_H
#define HANDOFF_GAME_WIRE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GAME_MAGIC 0x4748u /* "HG" on the wire */
#define GAME_VERSION 1u

#define GAME_HEADER_BYTES 28u
#define GAME_ROUTE_BYTES 12u /* this much of a frame is enough for game_frame_route */
#define GAME_PREFIX_BYTES 4u /* TCP: the length in front of a frame */
#define GAME_FRAME_MIN 32u   /* smallest and largest frame, all of it, without the TCP prefix */
#define GAME_FRAME_MAX 1400u
#define GAME_REQUEST_ARGS 4u  /* a and b */
#define GAME_ANSWER_FIXED 24u /* proof, seen, result */
#define GAME_TEXT_MAX (GAME_FRAME_MAX - GAME_HEADER_BYTES - GAME_REQUEST_ARGS)
#define GAME_ECHO_MAX (GAME_FRAME_MAX - GAME_HEADER_BYTES - GAME_ANSWER_FIXED)

enum game_service_id {
    GAME_MOVEMENT = 0,
    GAME_COMBAT = 1,
    GAME_ECONOMY = 2,
    GAME_SERVICE_COUNT = 3
};

enum game_kind { GAME_REQUEST = 0, GAME_ANSWER = 1 };

/* What a frame reader returns. */
enum game_frame_status {
    GAME_FRAME_OK = 0,
    GAME_FRAME_SIZE = -1,    /* shorter or longer than a frame, or than its own payload_len */
    GAME_FRAME_MAGIC = -2,   /* not one of ours, or another version */
    GAME_FRAME_FIELD = -3,   /* unknown service or kind, or a payload too short for its kind */
    GAME_FRAME_CHECKSUM = -4 /* a byte changed on the way */
};

struct game_header {
    uint64_t sent_ns;
    uint32_t session;
    uint32_t sequence;
    uint32_t checksum; /* filled by the readers and writers */
    uint16_t payload_len;
    uint8_t service;
    uint8_t kind;
    uint8_t code;
};

struct game_request {
    struct game_header header; /* kind and payload_len are set by the writer */
    int16_t a;
    int16_t b;
    const uint8_t *text; /* reading: inside the frame */
    size_t text_len;     /* 0 to GAME_TEXT_MAX */
};

struct game_answer {
    struct game_header header; /* kind and payload_len are set by the writer */
    uint64_t proof;      /* game_proof over every message that this session's state has seen */
    uint32_t seen;       /* how many */
    int32_t result[3];   /* meaning per service, see services.h */
    const uint8_t *text; /* the request's text, cut to GAME_ECHO_MAX */
    size_t text_len;
};

/*
 * Reads service and session from the front of a frame, to choose its service. Checks only magic,
 * version and service: the service itself checks the whole frame.
 *   frame    at least GAME_ROUTE_BYTES readable bytes, unless len is less
 *   service  out: index below GAME_SERVICE_COUNT; session  out
 * Returns GAME_FRAME_OK, _SIZE, _MAGIC or _FIELD (out untouched unless OK). Any thread, wait-free.
 */
int game_frame_route(const uint8_t *frame, size_t len, uint32_t *service, uint32_t *session);

/*
 * Read and check a whole frame of exactly len bytes, including the checksum. On GAME_FRAME_OK
 * out->text points into the frame and is valid as long as it is. Any other status: out is
 * undefined. Any thread, wait-free.
 */
int game_request_read(const uint8_t *frame, size_t len, struct game_request *out);
int game_answer_read(const uint8_t *frame, size_t len, struct game_answer *out);

/*
 * Write a frame with its checksum. text must not lie inside `frame`; one that is too long is cut to
 * GAME_TEXT_MAX / GAME_ECHO_MAX. Sets the header's kind, payload_len and checksum. Returns the
 * frame's length, or 0 if cap is too small (nothing is written). Any thread, wait-free.
 */
size_t game_request_write(struct game_request *request, uint8_t *frame, size_t cap);
size_t game_answer_write(struct game_answer *answer, uint8_t *frame, size_t cap);

/*
 * The next value of a session's proof: depends on every message so far and their order. The first
 * `before` is 0. Both ends compute it, so equality shows that each message was seen once, in order.
 */
uint64_t game_proof(uint64_t before, uint32_t sequence, uint32_t request_checksum);

/* The checksum of a frame of len >= GAME_HEADER_BYTES bytes, not counting the checksum field. */
uint32_t game_frame_checksum(const uint8_t *frame, size_t len);

/* A 32-bit little-endian number: the TCP prefix. Any alignment. */
uint32_t game_load_u32(const uint8_t *from);
void game_store_u32(uint8_t *to, uint32_t value);

#ifdef __cplusplus
}
#endif
#endif
