/* SPDX-License-Identifier: MIT */
/* One process of the load: its share of the sessions, from opening the sockets to the last
 * answer. */
#ifndef HANDOFF_LOAD_PLAYER_H
#define HANDOFF_LOAD_PLAYER_H

#include <stdatomic.h>
#include <stdint.h>

#include "ledger.h"
#include "links.h"
#include "options.h"

#define PACE_LATE_NS UINT64_C(10000000) /* a message sent later than this counts as late */

/* How well the process kept its schedule. */
struct pace {
    uint64_t late;        /* messages sent more than PACE_LATE_NS after they were due */
    uint64_t late_max_ns; /* the largest delay */
    uint64_t sending_ns;  /* from the start to the last message */
};

/* Memory shared by the parent and one process. */
struct player_board {
    _Atomic uint32_t ready;    /* set by the process: sockets are open */
    _Atomic uint64_t start_ns; /* set by the parent: when sending begins; 0: not yet */
    _Atomic uint64_t sent;     /* for the live line, updated when the process has time */
    _Atomic uint64_t matched;
    struct links_faults faults; /* from here on: valid once the process has ended */
    struct pace pace;
    struct tally tally;
};

/*
 * Plays process `index` of options->processes. Returns the process's exit status: 0, or 1 after one
 * line about what is wrong.
 */
int player_run(const struct load_options *options, uint32_t index, struct player_board *board);

#endif
