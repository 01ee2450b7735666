/* SPDX-License-Identifier: MIT */
/*
 * Shared by the groups of cases. The library under test is known only through its description: no
 * header of handoff is included here; names are strings that are looked up in the tables.
 *
 * A case runs in a child process, so it need not clean up and may be stopped anywhere: a fault (or
 * a name that the description does not have) ends the case at once.
 */
#ifndef CONFORM_H
#define CONFORM_H

#include "abi_md.h"

#include "elf_read.h"

#include <ffi.h>
#include <stdnoreturn.h>

#define CONFORM_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* A function of the description, ready to be called. */
struct function {
    const abi_function *facts;
    const abi_param *params;
    void (*address)(void); /* NULL if the library does not export it */
    ffi_cif cif;
    ffi_type *types[ABI_PARAMS_MAX];
};

struct kit {
    const abi_doc *doc;
    const abi_doc *own; /* if the library is newer: its own description */
    const char *path;   /* the file that was loaded */
    struct elf exports;
    struct function *functions; /* as many as doc->functions */
    bool newer;                 /* the library's ABI has a later minor than the description */
    uint64_t seed;              /* 0: the default ones */
};

/* Filled before the first case; read-only from then on. */
extern struct kit kit;

/* ---- runner.c: running cases */

typedef void (*case_run)(uint32_t which);

void case_add(const char *group, case_run run, uint32_t which, const char *format, ...)
    CONFORM_PRINTF(4, 5);
/* What the case is doing; prefixed to its message if it fails. */
void case_step(const char *format, ...) CONFORM_PRINTF(1, 2);
noreturn void case_fail(const char *format, ...) CONFORM_PRINTF(1, 2);
noreturn void case_skip(const char *format, ...) CONFORM_PRINTF(1, 2);
#define EXPECT(condition, ...) ((condition) ? (void)0 : case_fail(__VA_ARGS__))

/* One per group, in the order in which they run. */
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

/* Runs the cases of one group, or of all for NULL. Prints TAP, and writes a report to `json` unless
 * that is NULL. Returns the exit status. */
int cases_run(const char *only, const char *json);
bool group_exists(const char *name);

/* ---- library.c */

/* Loads the library and reads its description, or the one in `abi`. On failure prints a line on
 * stderr and returns false. */
bool kit_load(const char *library, const char *abi);

/* Prints `handoff-conform: what went wrong: what to do`. */
void tool_error(const char *format, ...) CONFORM_PRINTF(1, 2);

/* ---- fields.c: values by name */

int64_t constant(const char *name); /* a constant or a status */
const char *status_name(int32_t status);
const abi_struct *struct_named(const char *name);
const abi_field *field_named(const abi_struct *type, const char *field);
uint32_t size_of(const char *type);
/* `at` is the start of the struct. For an array, its first element. */
uint64_t field_get(const void *at, const char *type, const char *field);
void field_set(void *at, const char *type, const char *field, uint64_t value);
void field_set_at(void *at, const abi_field *field, uint64_t value);

/* ---- call.c: calls through libffi */

ffi_type *ffi_type_of(const abi_type *type);
struct function *function_named(const char *name);

/*
 * Calls a function; arguments are converted to the described types. It is a fault if the function
 * returns a status that it does not have, or if a canary around the return value or a room (below)
 * was overwritten.
 */
int32_t call_with(const char *name, uint32_t count, const uint64_t *args);
/* The function that this thread is calling; "" if none. */
const char *call_running(void);
#define COUNT_OF_ARGS(...) (uint32_t)(sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
#define CALL(name, ...) call_with(name, COUNT_OF_ARGS(__VA_ARGS__), (uint64_t[]){__VA_ARGS__})
#define P(pointer) ((uint64_t)(uintptr_t)(pointer))

/* Calls, and fails unless the status is in a list. */
#define MUST(statuses, name, ...) must_be(statuses, name, CALL(name, __VA_ARGS__))
int32_t must_be(const char *statuses, const char *name, int32_t status);

/* Zeroed memory between canaries, at a multiple of 64 plus `offset`. */
void *room_at(size_t bytes, size_t offset);
void *room(size_t bytes);
void rooms_check(void);
/* Memory that ends at an unreadable page; its start is therefore only a multiple of 8. */
void *page_end(size_t bytes);

/* ---- world.c: objects to call with */

struct world {
    void *domain, *arena, *shard, *service, *producer, *consumer, *pool;
    void *object;   /* acquired from the pool: a ho_obj */
    void *memory;   /* allocated from the arena */
    uint32_t owner; /* queues its releases, with a descriptor */
};

void world_make(struct world *world);
void domain_make(void **domain);
/* An arena in the domain, and a shard of it. */
void memory_make(void *domain, void **arena, void **shard);
/* Each makes a descriptor in a room. */
void *world_loan(const struct world *world);
void *world_taken(const struct world *world);
void *world_foreign(const struct world *world);
/* A descriptor that the function accepts. */
void *world_to_send(const struct world *world, const char *function);
/* Valid arguments: a room for each pointer (or `bufs` for descriptors). */
void world_args(const struct world *world, const struct function *function, uint64_t *args);
/* An option struct or a result struct with its size set. */
void *struct_make(const abi_struct *type);
/* The statuses that a function may return for valid arguments. */
const char *world_status(const char *function);

#endif
