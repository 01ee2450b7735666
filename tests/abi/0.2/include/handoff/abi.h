/* SPDX-License-Identifier: MIT */
/* ABI version: check it once, before anything else. */
#ifndef HANDOFF_ABI_H
#define HANDOFF_ABI_H

#include "handoff/base.h"

/* Who is on the other side. 64 bytes, frozen in all versions. */
typedef struct ho_abi_info {
    uint32_t size;  /* of this struct as the caller knows it, at least 64 */
    uint32_t major; /* another major: return what you hold, nothing else */
    uint32_t minor;
    uint32_t patch;
    uint64_t features;      /* bits of what is built in; none is defined yet */
    uint64_t layout_hash;   /* over the offsets and sizes of every public struct */
    uint32_t line_bytes;    /* cache line the library was built for */
    uint32_t pointer_bits;  /* 64 */
    uint32_t little_endian; /* 1 or 0 */
    uint32_t reserved0;
    uint64_t reserved1[2];
} ho_abi_info;
#define HO_ABI_INFO_MIN 64u

/* Types that ho_init knows. */
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

/* One row of the layout table, with the figures that the library was compiled with. */
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
 *   mine    what the caller was compiled against (ho_init fills it), not NULL, borrowed
 *   theirs  out, may be NULL: the library's own description, as far as theirs->size reaches, which
 *           the caller sets
 * Returns HO_OK, HO_E_VERSION (another major; another minor while major is 0; another pointer size
 *   or byte order), HO_E_INVAL, HO_E_SIZE. `theirs` is also written with HO_E_VERSION.
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_abi_negotiate(const ho_abi_info *mine, ho_abi_info *theirs) HO_NOEXCEPT;

/*
 * Fills an option or result struct with its defaults: all zero, size set. For HO_TYPE_ABI_INFO also
 * the versions of the *library*; a caller that wants its own overwrites them with HO_ABI_MAJOR, ...
 *   type  HO_TYPE_*
 *   ptr   the struct, not NULL
 *   size  sizeof the struct as the caller knows it, at least the type's frozen minimum
 * Returns HO_OK, HO_E_INVAL (NULL or unknown type), HO_E_SIZE (also above UINT32_MAX).
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_init(uint32_t type, void *ptr, size_t size) HO_NOEXCEPT;

/*
 * The description of the ABI (abi.md) that the library was built from: for programs that check it.
 *   text   out, not NULL: the text, ended by a zero byte, static storage; NULL on failure
 *   bytes  out, not NULL: its length without the zero byte; 0 on failure
 * Returns HO_OK, HO_E_INVAL.
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_abi_description(const char **text, uint64_t *bytes) HO_NOEXCEPT;

/*
 * Reads one row of the layout table: what the compiler of the library made of the description. For
 * each struct a row of its own and a row for each field, then a row for each constant and each
 * status, in the order of abi.md.
 *   index  from 0 on
 *   row    out, may be NULL, its size set by the caller: the row, as far as row->size reaches; all
 *          zero but for size on HO_E_RANGE
 *   count  out, may be NULL: how many rows there are, also on failure
 * Returns HO_OK, HO_E_RANGE (no such row), HO_E_SIZE (row->size below HO_ABI_ROW_MIN: the row is
 *   left alone).
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_abi_layout(uint32_t index, ho_abi_row *row, uint32_t *count) HO_NOEXCEPT;

HO_END_DECLS

#endif
