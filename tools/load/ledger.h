/* SPDX-License-Identifier: MIT */
/*
 * Tracks what was sent to whom, and whether the answer is right. A stream is one session at one
 * service: its messages are numbered and in order, and its answers carry the same numbers.
 */
#ifndef HANDOFF_LOAD_LEDGER_H
#define HANDOFF_LOAD_LEDGER_H

#include <stdint.h>

#include "common/histogram.h"
#include "game/wire.h"

/* A process's counters. Plain numbers; the process copies them out for others to read. */
struct tally {
    uint64_t sent;       /* messages due and attempted */
    uint64_t refused;    /* of those: not accepted by the kernel */
    uint64_t matched;    /* of those: answered, rightly or not */
    uint64_t corrupt;    /* answers that differ from what the gateway should have sent */
    uint64_t duplicated; /* answers to a message that was already answered or given up */
    /* Right answers that arrived after a later one of the stream. Not a fault if several workers,
     * or several helping network threads, share a service, or if there is a network in between. */
    uint64_t reordered;
    uint64_t answered; /* right answers */
    /* Of right answers, from the due time; only for messages due at warm_until_ns or later. */
    struct histogram latency_ns;
    uint64_t warm_until_ns;
};

struct ledger;

/*
 * Makes the ledger of `sessions` sessions numbered from first_session. `window` is how many
 * messages of a stream may wait for their answers; when one more is sent, the oldest is given up
 * (lost). may_overtake: a network may reorder messages, so the game may get one after a later one
 * and call it repeated, or see a stream's first message, which resets its state, late. Returns NULL
 * if memory is short.
 */
struct ledger *ledger_create(uint64_t seed, uint32_t first_session, uint32_t sessions,
                             uint32_t window, int may_overtake);
void ledger_destroy(struct ledger *ledger);

/*
 * Records the next message of a stream and writes its frame (GAME_FRAME_MAX bytes are enough).
 * Returns its length.
 */
size_t ledger_send(struct ledger *ledger, uint32_t local_session, uint32_t service, uint64_t due_ns,
                   uint8_t *frame, struct tally *tally);

/*
 * Records what arrived at now_ns on a socket that carries the sessions [first_local, first_local +
 * count): an answer for any other counts as corrupt. Returns 1 if it answers a waiting message,
 * rightly or not, else 0.
 */
int ledger_answer(struct ledger *ledger, const uint8_t *frame, size_t len, uint64_t now_ns,
                  uint32_t first_local, uint32_t count, struct tally *tally);

#endif
