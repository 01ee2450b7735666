/* SPDX-License-Identifier: MIT */
/*
 * Which session has which state: tables from session numbers to objects of a game_memory. A table is for one thread
 * at a time, and two tables have no line in common.
 */
#ifndef HANDOFF_GAME_SESSIONS_H
#define HANDOFF_GAME_SESSIONS_H

#include "services.h"

struct game_entry {
    uint64_t object; /* of the memory; 0: an empty place */
    uint32_t session;
    uint32_t heard_s; /* when it spoke last */
};

/* Open addressing, never more than three quarters full. */
struct game_table {
    struct game_entry *entries; /* NULL as long as nobody has spoken */
    uint32_t places;            /* a power of two */
    uint32_t used;
    uint32_t looked_at; /* the place that is looked at next for sessions that idle */
    uint32_t apart[27];
};

/* The C library's memory, for objects of `bytes` bytes: what a state has unless it is given another. */
struct game_memory game_heap(size_t bytes);

/* The place of a session; NULL: it has none. */
struct game_entry *game_table_find(struct game_table *table, uint32_t session);

/* A place for a session that has none; its object is 0 and to be set. NULL: memory is short. */
struct game_entry *game_table_add(struct game_table *table, uint32_t session);

/* Others move to close the gap: entries that were found before are no longer good. */
void game_table_remove(struct game_table *table, struct game_entry *entry);

void game_table_free(struct game_table *table);

#endif
