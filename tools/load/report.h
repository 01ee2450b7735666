/* SPDX-License-Identifier: MIT */
/* Adds up the processes' figures, for people and as JSON. */
#ifndef HANDOFF_LOAD_REPORT_H
#define HANDOFF_LOAD_REPORT_H

#include "player.h"

/* Adds board `from` to `into`; both processes have ended. */
void report_merge(struct player_board *into, const struct player_board *from);

/*
 * Prints the table on stdout, unless the JSON goes there, and writes the JSON if requested. Returns
 * the status of verdict_say, or 1 if the JSON could not be written.
 */
int report(const struct load_options *options, const struct player_board *total);

#endif
