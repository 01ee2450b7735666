/* SPDX-License-Identifier: MIT */
/* The processes' figures added up, for people and as JSON. */
#ifndef HANDOFF_LOAD_REPORT_H
#define HANDOFF_LOAD_REPORT_H

#include "player.h"

/* Adds board `from` to `into`, whose processes have ended. */
void report_merge(struct player_board *into, const struct player_board *from);

/*
 * Prints the table on stdout, unless the JSON goes there, and writes the JSON if it was asked for.
 * Returns what verdict_say does, and 1 if the JSON was not written.
 */
int report(const struct load_options *options, const struct player_board *total);

#endif
