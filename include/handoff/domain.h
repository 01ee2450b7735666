/* SPDX-License-Identifier: MIT */
/* Domain: the root of everything. A process usually has one, and may have several. */
#ifndef HANDOFF_DOMAIN_H
#define HANDOFF_DOMAIN_H

#include "handoff/base.h"

/* A handle, not an address. The library checks its generation before it reads anything through it, so a closed or
 * forged handle is HO_E_HANDLE. The type only lets the compiler tell handles apart. */
typedef struct ho_domain ho_domain;

/* Options of a domain. Zero in any field means its default. */
typedef struct ho_domain_opts {
    uint32_t size;          /* sizeof this struct as the caller knows it */
    uint32_t flags;         /* none defined; the high half must be zero */
    uint64_t max_bytes;     /* address space for all segments, default 4 GiB, at most 128 GiB and
                               1,048,575 segments; reserved at once, committed segment by segment.
                               It includes segments for records of slices, which no budget counts */
    uint32_t segment_bytes; /* power of two, 16 KiB to 16 MiB, default 256 KiB; no loan is larger */
    uint32_t reserved0;
} ho_domain_opts;
#define HO_DOMAIN_OPTS_MIN 24u

/* What keeps a close or a destroy from finishing. An arena reports its shards, pools, buffers, loans, foreign buffers
 * and allocations; a service its producers, its consumers and what is undelivered; a domain the sums. Slices belong to
 * the domain: ho_arena_close does not count them, but waits for slices of its memory. */
typedef struct ho_outstanding {
    uint32_t size;        /* sizeof this struct as the caller knows it */
    uint32_t handles;     /* shards, pools, producers and consumers that are still open */
    uint64_t buffers;     /* committed, foreign or sliced, and not yet returned or released */
    uint64_t loans;       /* reserved and neither committed nor aborted */
    uint64_t foreign;     /* foreign buffers not yet released to their owner (part of buffers) */
    uint64_t undelivered; /* committed and not taken (part of buffers) */
    uint64_t oldest[3];   /* handles of buffers that are out, in memory order; 0 beyond the last */
    uint64_t allocs;      /* from ho_alloc and not freed, and copies by ho_compact (these are part
                             of buffers) */
} ho_outstanding;
#define HO_OUTSTANDING_MIN 64u

HO_BEGIN_DECLS

/*
 * Creates a domain and reserves its address space.
 *   opts    NULL for the defaults; borrowed for the call
 *   domain  out, not NULL; set to NULL on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE, HO_E_TOO_NEW, HO_E_FLAGS, HO_E_RESERVED,
 *   HO_E_RANGE (max_bytes or segment_bytes), HO_E_NOMEM, HO_E_LIMIT (64 domains open at once),
 *   HO_E_SYSTEM (the kernel lacks MADV_WIPEONFORK, which came with Linux 4.14, or refused getrandom).
 * Ownership: the caller destroys it with ho_domain_destroy.
 * Threads [any]. Progress: takes a mutex, makes system calls. Since 0.2
 */
HO_API int32_t ho_domain_create(const ho_domain_opts *opts, ho_domain **domain) HO_NOEXCEPT;

/*
 * Closes every service and arena of the domain and retires every owner, each as its own call does. From the
 * first call on, nothing can be opened, registered or given. It does not drain owners: a buffer queued for an
 * owner of mode DRAIN or EVENT stays out until somebody calls ho_owner_drain. Call it again until it returns
 * HO_OK.
 *   timeout_ns   for the whole call; 0 polls, negative waits forever
 *   outstanding  out, may be NULL, its size set by the caller: the sums over all of them
 * Returns HO_OK (nothing is out, nothing is open, no release is running; the handle stays valid until
 *   ho_domain_destroy), HO_TIMEOUT, HO_E_SIZE, HO_E_REENTRANT.
 * Threads [init]. Progress may block for timeout_ns. Since 0.2
 */
HO_API int32_t ho_domain_close(ho_domain *domain, int64_t timeout_ns,
                               ho_outstanding *outstanding) HO_NOEXCEPT;

/*
 * Frees the domain. No other thread may be in a call on anything of this domain.
 *   outstanding  out, may be NULL, its size set by the caller
 * Returns HO_OK (the handle is gone), HO_E_BUSY (something is out or open; nothing was freed), HO_E_SIZE,
 *   HO_E_REENTRANT.
 * Threads [init], and alone. Progress: takes a mutex, makes system calls. Since 0.2
 */
HO_API int32_t ho_domain_destroy(ho_domain *domain, ho_outstanding *outstanding) HO_NOEXCEPT;

HO_END_DECLS

#endif
