/* SPDX-License-Identifier: MIT */
/* Which ABI is this: asked once, before anything else. */
#ifndef HANDOFF_ABI_H
#define HANDOFF_ABI_H

#include "handoff/base.h"

/* Who is on the other side. 64 bytes; this much is frozen for ever. */
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

/* Types that ho_init knows. */
#define HO_TYPE_ABI_INFO 1u
#define HO_TYPE_DOMAIN_OPTS 2u
#define HO_TYPE_SERVICE_OPTS 3u
#define HO_TYPE_CONSUMER_OPTS 4u
#define HO_TYPE_RESERVE_OPTS 5u
#define HO_TYPE_OWNER_OPTS 6u
#define HO_TYPE_STATS 7u
#define HO_TYPE_OUTSTANDING 8u

HO_BEGIN_DECLS

/*
 * Tells the library's ABI and says whether a caller built for `mine` fits it.
 *   mine    what the caller was compiled against (ho_init fills it), not NULL, borrowed
 *   theirs  out, may be NULL: the library's own description, as far as theirs->size reaches, which
 *           the caller sets
 * Returns HO_OK, HO_E_VERSION (another major; another minor while major is 0; another pointer size
 *   or byte order), HO_E_INVAL, HO_E_SIZE. `theirs` is written in the case of HO_E_VERSION too.
 * Threads [any]. Progress wait-free. Since 0.1
 */
HO_API int32_t ho_abi_negotiate(const ho_abi_info *mine, ho_abi_info *theirs) HO_NOEXCEPT;

/*
 * Fills an option or result struct with its defaults: all zero, size set. For HO_TYPE_ABI_INFO also
 * the versions of the *library*; a caller that wants its own overwrites them with HO_ABI_MAJOR, ...
 *   type  HO_TYPE_*
 *   ptr   the struct, not NULL
 *   size  sizeof the struct as the caller knows it, at least the type's frozen minimum
 * Returns HO_OK, HO_E_INVAL (NULL or unknown type), HO_E_SIZE.
 * Threads [any]. Progress wait-free. Since 0.1
 */
HO_API int32_t ho_init(uint32_t type, void *ptr, size_t size) HO_NOEXCEPT;

HO_END_DECLS

#endif
