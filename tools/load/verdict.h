/* SPDX-License-Identifier: MIT */
/* Why not every message got its right answer in time: the load, the gateway, or something in
 * between. */
#ifndef HANDOFF_LOAD_VERDICT_H
#define HANDOFF_LOAD_VERDICT_H

#include "player.h"

/* The first that holds is the verdict; others may hold too. */
enum verdict {
    VERDICT_NOBODY_LISTENS,   /* the target refused messages */
    VERDICT_CONNECTIONS_LOST, /* TCP: the other side closed some, or broke its framing */
    VERDICT_LOAD_TOO_SLOW,    /* this machine did not send as fast as requested */
    VERDICT_NOT_ANSWERED,     /* messages sent in time were not answered, or not read */
    VERDICT_WRONG,            /* wrong answers */
    VERDICT_GOOD,
};

/* Of all processes together. */
enum verdict verdict_of(const struct player_board *total);

/* Its word in the JSON. Static storage. */
const char *verdict_word(enum verdict verdict);

/*
 * Prints a line on stderr for each that holds: what happened, what to do. Returns the exit status:
 * 0 if every message got its right answer, however late it was sent; 2 if nobody listens and
 * nothing was answered; else 1.
 */
int verdict_say(const struct load_options *options, const struct player_board *total);

#endif
