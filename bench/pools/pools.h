/* SPDX-License-Identifier: MIT */
/*
 * Objects of 12 types, acquired and released in one of several ways: out of pools, out of the process's malloc, out of ho_alloc.
 * One program for each way, so that nothing but the way differs; WAY names its header, which has
 *   way_obj                      what the program keeps of an object; its first member is its pointer, ptr
 *   way_get, way_put             acquire and release an object of a type
 *   way_alloc, way_free          the same for any size, if WAY_SIZES is 1
 * and its own file has
 *   way_open, way_close          before and after all
 *   way_prepare, way_trim        for a burst of so many of each type; give unused memory back, as far as the way can
 */
#ifndef HANDOFF_BENCH_POOLS_H
#define HANDOFF_BENCH_POOLS_H

#include <common/json.h>
#include <common/tool.h>

#include <stdint.h>

#define TYPES 12u
#define TYPE_64 2u /* the type of 64 bytes */
#define RAID 11000u
#define KEEP_BYTES (16u << 20) /* where time is measured: allocators keep what they had, too */
#define BUDGET_BYTES (64u << 20)

extern const uint32_t sizes[TYPES]; /* bytes */
extern const double mean_bytes;     /* of them */

#include WAY

/* `keep_bytes` is of unused memory, of each pool; 0: the default. */
void way_open(uint64_t keep_bytes, uint64_t budget_bytes);
void way_close(void);
void way_prepare(const uint32_t counts[TYPES]);
void way_trim(void);

/* Scenarios: each adds its figures to the object. `times` makes those that take time longer. */
void one_thread(struct json *json, const char *order, uint32_t times);
void cross(struct json *json, const char *order, uint32_t times);
void raid(struct json *json, const char *name, uint32_t times);
void prepared(struct json *json, const char *name, uint32_t times);
void fragmentation(struct json *json, const char *mib, uint32_t times);
void burst(struct json *json, const char *mib, uint32_t times);
void threads(struct json *json, const char *name, uint32_t times);
void processors(struct json *json, const char *name, uint32_t times);
void trim(struct json *json, const char *name, uint32_t times);

static inline uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* An object's use begins with its first line, in every way. */
static inline void begin(const way_obj *object)
{
    *(volatile char *)object->ptr = 1;
}

void must(int holds, const char *what); /* or the program ends */
void pin(uint32_t number);       /* this thread to that one of the processors it may run on */
uint32_t processors_count(void); /* on which it may run */
uint64_t anonymous_bytes(void);  /* resident, exactly; without a call of malloc */
double at_share(double *figures, uint64_t count, double share); /* sorts them */

#endif
