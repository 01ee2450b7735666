/* SPDX-License-Identifier: MIT */
/*
 * What the groups of cases share. The library under test is known through its description alone: no
 * header of handoff is included here, names stand in quotes and are looked up in the tables.
 *
 * A case runs in a child process of its own, so it need not clean up, and may be stopped anywhere:
 * what finds a fault (or a name that the description does not have) ends the case at once.
 */
#ifndef CONFORM_H
#define CONFORM_H

#include "abi_md.h"

#include "elf_read.h"

#include <ffi.h>
#include <stdnoreturn.h>

#define CONFORM_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* A function of the description as it can be called. */
struct function {
    const abi_function *facts;
    const abi_param *params;
    void (*address)(void); /* NULL where the library does not export it */
    ffi_cif cif;
    ffi_type *types[ABI_PARAMS_MAX];
};

struct kit {
    const abi_doc *doc;
    const abi_doc *own; /* where the library is newer: its own description */
    const char *path;   /* the file that was loaded */
    struct elf exports;
    struct function *functions; /* as many as doc->functions */
    bool newer;                 /* the library's ABI has a later minor than the description */
    uint64_t seed;              /* 0: the usual ones */
};

/* Filled before the first case; read only from then on. */
extern struct kit kit;

/* ---- runner.c: cases and their ends */

typedef void (*case_run)(uint32_t which);

void case_add(const char *group, case_run run, uint32_t which, const char *format, ...)
    CONFORM_PRINTF(4, 5);
/* What the case is busy with: stands in front of what it says when it fails. */
void case_step(const char *format, ...) CONFORM_PRINTF(1, 2);
noreturn void case_fail(const char *format, ...) CONFORM_PRINTF(1, 2);
noreturn void case_skip(const char *format, ...) CONFORM_PRINTF(1, 2);
#define EXPECT(condition, ...) ((condition) ? (void)0 : case_fail(__VA_ARGS__))

/* What each group has; in the order in which they run. */
void symbols_cases(void);
void layout_cases(void);
void calls_cases(void);
void about_cases(void);
void options_cases(void);
void arrays_cases(void);
void partitions_cases(void);
void helping_cases(void);
void callbacks_cases(void);
void objects_cases(void);
void ownership_cases(void);
void pools_cases(void);

/* Runs the cases of one group, or of all for NULL, prints TAP, and writes a report to `json` unless
 * that is NULL. Returns the exit status. */
int cases_run(const char *only, const char *json);
bool group_exists(const char *name);

/* ---- library.c */

/* Loads the library and reads its description, or the one in `abi`. Returns false with a line on
 * stderr. */
bool kit_load(const char *library, const char *abi);

/* Prints `handoff-conform: what went wrong: what to do`. */
void tool_error(const char *format, ...) CONFORM_PRINTF(1, 2);

/* ---- fields.c: values by name */

int64_t constant(const char *name); /* a constant or a status */
const char *status_name(int32_t status);
const abi_struct *struct_named(const char *name);
const abi_field *field_named(const abi_struct *type, const char *field);
uint32_t size_of(const char *type);
/* `at` is where the struct begins. An array's first element. */
uint64_t field_get(const void *at, const char *type, const char *field);
void field_set(void *at, const char *type, const char *field, uint64_t value);
void field_set_at(void *at, const abi_field *field, uint64_t value);

/* ---- call.c: calls through libffi */

ffi_type *ffi_type_of(const abi_type *type);
struct function *function_named(const char *name);

/*
 * Calls a function; arguments are converted to the types of the description. A status that the
 * function does not have, a canary that was touched round the return value or round a room (below)
 * is a fault.
 */
int32_t call_with(const char *name, uint32_t count, const uint64_t *args);
/* The function that this thread is in; "" outside. */
const char *call_running(void);
#define COUNT_OF_ARGS(...) (uint32_t)(sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
#define CALL(name, ...) call_with(name, COUNT_OF_ARGS(__VA_ARGS__), (uint64_t[]){__VA_ARGS__})
#define P(pointer) ((uint64_t)(uintptr_t)(pointer))

/* Calls, and fails unless the status is one of a list. */
#define MUST(statuses, name, ...) must_be(statuses, name, CALL(name, __VA_ARGS__))
int32_t must_be(const char *statuses, const char *name, int32_t status);

/* Memory between canaries, at a multiple of 64 plus `offset`, filled with zeros. */
void *room_at(size_t bytes, size_t offset);
void *room(size_t bytes);
void rooms_check(void);
/* Memory that ends where an unreadable page begins; the begin is a multiple of 8 for that. */
void *page_end(size_t bytes);

/* ---- world.c: something to call with */

struct world {
    void *domain, *arena, *shard, *service, *producer, *consumer, *pool;
    void *object;   /* of the pool, acquired: a ho_obj */
    void *memory;   /* of the arena, allocated */
    uint32_t owner; /* its releases are queued, with a descriptor */
};

void world_make(struct world *world);
void domain_make(void **domain);
/* An arena in the domain, and a shard of it. */
void memory_make(void *domain, void **arena, void **shard);
/* A descriptor each, in a room. */
void *world_loan(const struct world *world);
void *world_taken(const struct world *world);
void *world_foreign(const struct world *world);
/* What a function takes that is called with a descriptor. */
void *world_to_send(const struct world *world, const char *function);
/* Arguments that fit: for each pointer a room (or `bufs` where it is of descriptors). */
void world_args(const struct world *world, const struct function *function, uint64_t *args);
/* An option struct or a result struct with its size set. */
void *struct_make(const abi_struct *type);
/* What a function says to arguments that fit. */
const char *world_status(const char *function);

#endif
