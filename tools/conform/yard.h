/* SPDX-License-Identifier: MIT */
/* The test's own model of every object of two pools: which pool has it, and what it contains. */
#ifndef CONFORM_YARD_H
#define CONFORM_YARD_H

#include "ledger.h"

#define POOLS 2u
#define OBJECTS 64u /* that the ledger tracks, of both; more than the second pool has */
#define STALE 32u
#define MANY 8u

struct object {
    uint32_t pool; /* POOLS: none */
    uint32_t content;
};

struct yard {
    void *domain, *arena, *shard, *pools[POOLS];
    struct object objects[OBJECTS];
    char *objs;                 /* one ho_obj each */
    uint32_t live[POOLS];       /* of them */
    char *stale;                /* copies of released ho_obj */
    uint32_t stale_pool[STALE]; /* the pools that had them */
    uint32_t stale_count, contents;
    char *batch, *before; /* MANY of ho_obj to pass */
    uint32_t *count;
    void **ptr;
    uint64_t *handles, *cursor;
};

extern struct yard yard;

void yard_open(uint64_t seed);
/* Compares ho_pool_stats with the ledger. */
void yard_compare(void);
void yard_close(void);
uint32_t pool_most(uint32_t pool);

size_t obj_bytes(void);
void *obj_at(char *objs, uint32_t i);
uint64_t handle_in(const void *obj);
unsigned char *bytes_in(const void *obj);
bool obj_is_empty(const void *obj);

/* One object of a pool (POOLS: a free slot for a new one); OBJECTS if there is none. */
uint32_t object_any(uint32_t pool);
/* Checks that it still contains what was written. */
void object_check(uint32_t i);
/* Adds an acquired object to the ledger. */
void object_new(uint32_t i, uint32_t pool, const void *obj);
/* It was released: `was` is a copy from before. */
void object_gone(uint32_t i, const void *was);
/* One of the released copies; STALE if there is none. */
uint32_t old_any(void);

#endif
