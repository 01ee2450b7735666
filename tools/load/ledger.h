/* SPDX-License-Identifier: MIT */
/*
 * Who was sent what, and whether the answer is right. A stream is one session at one service: its
 * messages are numbered and in order, its answers bear their numbers.
 */
#ifndef HANDOFF_LOAD_LEDGER_H
#define HANDOFF_LOAD_LEDGER_H

#include <stdint.h>

#include "common/histogram.h"
#include "game/wire.h"

/* What a process counts. Plain numbers; the process copies them out for others to read. */
struct tally {
    uint64_t sent;       /* messages that were due and tried */
    uint64_t refused;    /* of those: the kernel did not take it */
    uint64_t matched;    /* of those: something came back for it */
    uint64_t corrupt;    /* answers that are not what the gateway should have said */
    uint64_t duplicated; /* answers to a message that already has one, or was given up */
    /* Answers overtaken by a later one of the stream (right otherwise). No fault where several workers, or
     * several network threads that help, share a service, or where a network lies between. */
    uint64_t reordered;
    uint64_t answered; /* right answers */
    /* Of those, from when the message was due; of the messages that were due at warm_until_ns or later. */
    struct histogram latency_ns;
    uint64_t warm_until_ns;
};

struct ledger;

/*
 * Makes the books of `sessions` sessions numbered from first_session. `window` is how many messages
 * a stream may have waiting for their answers; older ones are given up (lost) when one more is sent.
 * may_overtake: a network may change the order of messages, so that the game may get one after a
 * later one and call it a repetition, or see the first one of a stream, at which it begins anew, late.
 * Returns NULL if memory is short.
 */
struct ledger *ledger_create(uint64_t seed, uint32_t first_session, uint32_t sessions,
                             uint32_t window, int may_overtake);
void ledger_destroy(struct ledger *ledger);

/*
 * Books the next message of a stream and writes its frame (GAME_FRAME_MAX bytes are enough).
 * Returns its length.
 */
size_t ledger_send(struct ledger *ledger, uint32_t local_session, uint32_t service, uint64_t due_ns,
                   uint8_t *frame, struct tally *tally);

/*
 * Books what came in at now_ns on a socket that carries the sessions [first_local, first_local +
 * count): an answer for any other counts as corrupt. Returns 1 if it answers a message that waited
 * for one, rightly or not, else 0.
 */
int ledger_answer(struct ledger *ledger, const uint8_t *frame, size_t len, uint64_t now_ns,
                  uint32_t first_local, uint32_t count, struct tally *tally);

#endif
