/* SPDX-License-Identifier: MIT */
/*
 * Finds a session's state: tables from session numbers to objects of a game_memory. Only one thread
 * at a time may use a table, and no two tables share a cache line.
 */
#ifndef HANDOFF_GAME_SESSIONS_H
#define HANDOFF_GAME_SESSIONS_H

#include "services.h"

struct game_entry {
    uint64_t object; /* in the memory; 0: an empty place */
    uint32_t session;
    uint32_t heard_s; /* when it last spoke */
};

/* Open addressing, never more than three quarters full. */
struct game_table {
    struct game_entry *entries; /* NULL until the first session */
    uint32_t places;            /* a power of two */
    uint32_t used;
    uint32_t looked_at; /* next place to check for idle sessions */
    uint32_t apart[27];
};

/* The C library's memory, for objects of `bytes` bytes: a state's default. */
struct game_memory game_heap(size_t bytes);

/* The entry of a session; NULL: it has none. */
struct game_entry *game_table_find(struct game_table *table, uint32_t session);

/* Adds an entry for a session that has none; its object is 0 and must be set. NULL: out of
 * memory. */
struct game_entry *game_table_add(struct game_table *table, uint32_t session);

/* Moves other entries to close the gap: pointers to entries become invalid. */
void game_table_remove(struct game_table *table, struct game_entry *entry);

void game_table_free(struct game_table *table);

#endif
