/* SPDX-License-Identifier: MIT */
/* ABI version: check it once, before any other call. */
#ifndef HANDOFF_ABI_H
#define HANDOFF_ABI_H

#include "handoff/base.h"

/* Describes one side, caller or library. 64 bytes; frozen in all versions. */
typedef struct ho_abi_info {
    uint32_t size;  /* sizeof this struct as the caller knows it, at least 64 */
    uint32_t major; /* if it differs: only return the buffers you hold */
    uint32_t minor;
    uint32_t patch;
    uint64_t features;      /* bits for built-in features; none is defined yet */
    uint64_t layout_hash;   /* hash of the offsets and sizes in all public structs */
    uint32_t line_bytes;    /* cache line size that the library was built for */
    uint32_t pointer_bits;  /* 64 */
    uint32_t little_endian; /* 1 or 0 */
    uint32_t reserved0;
    uint64_t reserved1[2];
} ho_abi_info;
#define HO_ABI_INFO_MIN 64u

/* Struct types for ho_init. */
#define HO_TYPE_ABI_INFO 1u
#define HO_TYPE_DOMAIN_OPTS 2u
#define HO_TYPE_ARENA_OPTS 3u
#define HO_TYPE_SERVICE_OPTS 4u
#define HO_TYPE_CONSUMER_OPTS 5u
#define HO_TYPE_RESERVE_OPTS 6u
#define HO_TYPE_OWNER_OPTS 7u
#define HO_TYPE_ARENA_STATS 8u
#define HO_TYPE_SERVICE_STATS 9u
#define HO_TYPE_OUTSTANDING 10u
#define HO_TYPE_ABI_ROW 11u
#define HO_TYPE_POOL_OPTS 12u
#define HO_TYPE_POOL_STATS 13u
#define HO_TYPE_POOL_LEAKS 14u

/* ho_abi_row.kind */
#define HO_ROW_STRUCT 1u   /* a struct: name, size_bytes */
#define HO_ROW_FIELD 2u    /* a field of a struct: name, field, offset_bytes, size_bytes */
#define HO_ROW_CONSTANT 3u /* a constant or a status: name, size_bytes, value */

/* One row of the layout table, with the values that the library was compiled with. */
typedef struct ho_abi_row {
    uint32_t size;         /* sizeof this struct as the caller knows it */
    uint32_t kind;         /* HO_ROW_* */
    const char *name;      /* of the struct or constant; static storage, never NULL */
    const char *field;     /* HO_ROW_FIELD: of the field; otherwise "" */
    uint64_t offset_bytes; /* HO_ROW_FIELD: of the field in its struct; otherwise 0 */
    uint64_t size_bytes;   /* of the struct, the field, or the constant's type */
    int64_t value;         /* HO_ROW_CONSTANT: its value; otherwise 0 */
} ho_abi_row;
#define HO_ABI_ROW_MIN 48u

HO_BEGIN_DECLS

/*
 * Reports the library's ABI and checks whether it fits a caller built for `mine`.
 *   mine    what the caller was compiled against, not NULL, borrowed. ho_init fills it, with the versions
 *           of the library: overwrite those with HO_ABI_MAJOR, HO_ABI_MINOR and HO_ABI_PATCH
 *   theirs  out, may be NULL, its size set by the caller: the library's own description, up to that size
 * Returns HO_OK, HO_E_VERSION (major differs; minor differs while major is 0; pointer size or byte order
 *   differs), HO_E_INVAL, HO_E_SIZE. `theirs` is written also on HO_E_VERSION.
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_abi_negotiate(const ho_abi_info *mine, ho_abi_info *theirs) HO_NOEXCEPT;

/*
 * Fills an option or result struct with its defaults: all zero, size set. For HO_TYPE_ABI_INFO it also
 * sets the fields that describe the library, versions included.
 *   type  HO_TYPE_*
 *   ptr   the struct, not NULL
 *   size  sizeof the struct as the caller knows it, at least the type's frozen minimum
 * Returns HO_OK, HO_E_INVAL (NULL or unknown type), HO_E_SIZE (below the minimum or above UINT32_MAX).
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_init(uint32_t type, void *ptr, size_t size) HO_NOEXCEPT;

/*
 * Gets the ABI description (abi.md) that the library was built from, for programs that check it.
 *   text   out, not NULL: the text, zero-terminated, static storage; NULL on failure
 *   bytes  out, not NULL: its length without the zero byte; 0 on failure
 * Returns HO_OK, HO_E_INVAL.
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_abi_description(const char **text, uint64_t *bytes) HO_NOEXCEPT;

/*
 * Reads one row of the layout table: the offsets, sizes and values that the library was compiled with.
 * The table has, for each struct, a row for the struct and a row per field; then a row per constant and
 * per status. The order is that of abi.md.
 *   index  of the row, from 0
 *   row    out, may be NULL, its size set by the caller: the row, up to that size; on HO_E_RANGE all zero
 *          except size
 *   count  out, may be NULL: how many rows there are, also on failure
 * Returns HO_OK, HO_E_RANGE (no such row), HO_E_SIZE (row->size is below HO_ABI_ROW_MIN; the row is not
 *   written).
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_abi_layout(uint32_t index, ho_abi_row *row, uint32_t *count) HO_NOEXCEPT;

HO_END_DECLS

#endif
