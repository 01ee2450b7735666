/* SPDX-License-Identifier: MIT */
/* What the test itself knows about every object of two pools: whose it is, and what is in it. */
#ifndef CONFORM_YARD_H
#define CONFORM_YARD_H

#include "ledger.h"

#define POOLS 2u
#define OBJECTS 64u /* that the ledger holds of both; more than the second pool has */
#define STALE 32u
#define MANY 8u

struct object {
    uint32_t pool; /* POOLS: there is none */
    uint32_t content;
};

struct yard {
    void *domain, *arena, *shard, *pools[POOLS];
    struct object objects[OBJECTS];
    char *objs;                 /* a ho_obj of each */
    uint32_t live[POOLS];       /* of them */
    char *stale;                /* copies of ho_obj that were released */
    uint32_t stale_pool[STALE]; /* whose they were */
    uint32_t stale_count, contents;
    char *batch, *before; /* MANY of ho_obj that are passed */
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

/* One of the objects of a pool (POOLS: a place for another one); OBJECTS when there is none. */
uint32_t object_any(uint32_t pool);
/* Is in it what was written there? */
void object_check(uint32_t i);
/* What an acquire handed out becomes one of the ledger's. */
void object_new(uint32_t i, uint32_t pool, const void *obj);
/* It was released: `was` is a copy from before. */
void object_gone(uint32_t i, const void *was);
/* One of the copies that were released; STALE when there is none. */
uint32_t old_any(void);

#endif
