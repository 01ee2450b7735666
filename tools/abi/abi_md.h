/* SPDX-License-Identifier: MIT */
/*
 * The tables of abi.md as data. abi.md itself defines the grammar. A document that this parser
 * accepts is consistent: names are known and unique, fields fill their structs, words are in the
 * vocabulary. Needs only libc, and no header of handoff.
 */
#ifndef ABI_MD_H
#define ABI_MD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ABI_PARAMS_MAX 6u

typedef enum abi_base {
    ABI_VOID,
    ABI_CHAR,
    ABI_U8,
    ABI_U16,
    ABI_U32,
    ABI_U64,
    ABI_I32,
    ABI_I64,
    ABI_SIZE,
    ABI_HANDLE,
    ABI_STRUCT,
    ABI_CALLBACK
} abi_base;

typedef struct abi_type {
    abi_base base;
    uint32_t index; /* of the handle, struct or callback */
    uint32_t stars;
    uint32_t count; /* elements of an array, otherwise 1 */
    uint32_t size;  /* bytes of all elements; 0 for types used only behind a pointer */
    uint32_t align;
    bool is_const;
    bool is_array;
} abi_type;

typedef enum abi_zero { ABI_ZERO_NO, ABI_ZERO_YES, ABI_ZERO_HIGH_HALF } abi_zero;
typedef enum abi_use { ABI_USE_VALUE, ABI_USE_OPTIONS, ABI_USE_RESULT } abi_use;
typedef enum abi_direction { ABI_IN, ABI_OUT, ABI_INOUT } abi_direction;
typedef enum abi_null { ABI_NULL_NA, ABI_NULL_NO, ABI_NULL_YES, ABI_NULL_IF_EMPTY } abi_null;
typedef enum abi_transfer {
    ABI_TRANSFER_NONE,
    ABI_TRANSFER_CALL,
    ABI_TRANSFER_FULL,
    ABI_TRANSFER_HELD
} abi_transfer;
typedef enum abi_thread {
    ABI_THREAD_SHARD,
    ABI_THREAD_PRODUCER,
    ABI_THREAD_CONSUMER,
    ABI_THREAD_OWNER,
    ABI_THREAD_ANY,
    ABI_THREAD_INIT
} abi_thread;
typedef enum abi_progress { ABI_WAIT_FREE, ABI_LOCK_FREE, ABI_MUTEX, ABI_MAY_BLOCK } abi_progress;
typedef enum abi_syscalls { ABI_SYSCALLS_NEVER, ABI_SYSCALLS_SOMETIMES } abi_syscalls;
typedef enum abi_times { ABI_ONCE_PER_BUFFER, ABI_ONCE_PER_OBJECT } abi_times;

/* `line` is the line in the document; for an item with a heading, the heading's. Lists are names
 * separated by single spaces. */
typedef struct abi_handle {
    const char *name, *opened_by, *closed_by, *meaning;
    uint32_t line;
} abi_handle;

typedef struct abi_constant {
    const char *name, *type_text, *meaning;
    abi_type type;
    int64_t value;
    uint32_t line;
} abi_constant;

typedef struct abi_status {
    const char *name, *text;
    int32_t value;
    uint32_t line;
} abi_status;

typedef struct abi_field {
    const char *name, *type_text, *meaning;
    abi_type type;
    uint32_t offset, size;
    abi_zero zero;
    uint32_t line;
} abi_field;

typedef struct abi_struct {
    const char *name;
    const char *init; /* a constant, or NULL */
    uint32_t size, align;
    uint32_t minimum; /* 0 if the use is value */
    abi_use use;
    uint32_t first_field, field_count; /* in abi_doc.fields */
    uint32_t line, facts_line;
} abi_struct;

typedef struct abi_param {
    const char *name, *type_text, *meaning;
    const char *length_of; /* the parameter that this one counts, or NULL */
    abi_type type;
    abi_direction direction;
    abi_null null;
    abi_transfer transfer;
    uint32_t line;
} abi_param;

typedef struct abi_function {
    const char *name, *returns, *since, *version;
    abi_thread thread;
    abi_progress progress;
    abi_syscalls syscalls;
    uint32_t first_param, param_count; /* in abi_doc.params */
    uint32_t line, facts_line;
} abi_function;

/* Where a callback runs if its owner has this mode; "-": it has no mode. */
typedef struct abi_mode {
    const char *mode, *runs_in;
    uint32_t line;
} abi_mode;

typedef struct abi_callback {
    const char *name, *inside, *since;
    abi_times times;
    uint32_t first_mode, mode_count; /* in abi_doc.modes */
    uint32_t first_param, param_count;
    uint32_t line, facts_line;
} abi_callback;

typedef struct abi_limit {
    const char *name, *beyond, *meaning;
    int64_t value;
    uint32_t line;
} abi_limit;

typedef struct abi_frozen {
    const char *name, *why;
    uint32_t bytes; /* 0 if it is not a struct */
    uint32_t line;
} abi_frozen;

typedef struct abi_doc {
    abi_handle *handles;
    abi_constant *constants;
    abi_status *statuses;
    abi_struct *structs;
    abi_field *fields;
    abi_function *functions;
    abi_param *params;
    abi_callback *callbacks;
    abi_mode *modes;
    abi_limit *limits;
    abi_frozen *frozen;
    uint32_t handle_count, constant_count, status_count, struct_count, field_count, function_count,
        param_count, callback_count, mode_count, limit_count, frozen_count;
    char *source; /* the text as read, zero-terminated */
    size_t source_bytes;
    char *cut; /* the same, cut into the strings above */
} abi_doc;

/* The first error. `line` is 0 if the file could not be read. */
typedef struct abi_error {
    uint32_t line;
    char text[256]; /* "what: expected ..." */
} abi_error;

/*
 * Parses and checks a document. On success the caller owns *doc and frees it with abi_md_free. On
 * failure returns false with *error filled and *doc NULL.
 */
bool abi_md_parse(const char *text, size_t bytes, abi_doc **doc, abi_error *error);
bool abi_md_load(const char *path, abi_doc **doc, abi_error *error);
void abi_md_free(abi_doc *doc); /* NULL is fine */

/* Lookups; NULL if the document has no such name. */
const abi_constant *abi_md_constant(const abi_doc *doc, const char *name);
const abi_status *abi_md_status(const abi_doc *doc, const char *name);
const abi_struct *abi_md_struct(const abi_doc *doc, const char *name);
const abi_function *abi_md_function(const abi_doc *doc, const char *name);

/* abi_list_has: whether a list has this name. abi_list_next: copies the next name to `name`,
 * advances *list, and returns false at the end. A name that does not fit is truncated, and so
 * matches nothing. */
bool abi_list_has(const char *list, const char *name);
bool abi_list_next(const char **list, char *name, size_t bytes);

#endif
