/* SPDX-License-Identifier: MIT */
/* Common to all headers: linkage, versions, and how to read the comments. */
#ifndef HANDOFF_BASE_H
#define HANDOFF_BASE_H

#include <stddef.h>
#include <stdint.h>

/* The version of the ABI that this header describes. Until major is 1 a new minor may change it. */
#define HO_ABI_MAJOR 0u
#define HO_ABI_MINOR 2u
#define HO_ABI_PATCH 0u

#ifdef __cplusplus
#define HO_BEGIN_DECLS extern "C" {
#define HO_END_DECLS }
#define HO_NOEXCEPT noexcept
#else
#define HO_BEGIN_DECLS
#define HO_END_DECLS
#define HO_NOEXCEPT
#endif

#if defined(__GNUC__)
#define HO_API __attribute__((visibility("default")))
#else
#define HO_API
#endif

/*
 * How to read the docstrings
 *
 * Threads. Every function bears one tag:
 *   [producer]  one thread at a time per producer; which thread may change from call to call, if the
 *               caller orders the calls (a mutex, a join, a queue: any happens-before edge does)
 *   [shard]     the same per shard. A producer stands over a shard: one thread at a time makes all calls on
 *               the shard and on the producers over it
 *   [consumer]  the same per consumer
 *   [owner]     the same per owner
 *   [any]       any thread, any number of them at once
 *   [init]      any thread; takes a mutex of the domain, may allocate and make system calls: not for
 *               the hot path
 *
 * Progress. "wait-free": a bounded number of own steps. "lock-free": at least one thread makes progress.
 *   "may block": waits for others, for as long as the docstring says.
 *   A function makes no system call unless its Progress line or its tag says so. Three things are the
 *   same for all and not repeated:
 *   - The first message of a producer to a partition takes the domain's mutex and may allocate; so does,
 *     once, the next ho_take or ho_wait of whoever takes from there, when a producer came so or has
 *     closed, or when the service began to close.
 *   - A call that gives memory or room back (ho_return, ho_abort, ho_take, ...) makes a system call when
 *     a shard or producer waits for it.
 *   - What a callback does inside a call is up to its author.
 *
 * Ownership. A buffer (ho_buf) has one holder. A call that takes ownership empties the caller's
 *   descriptor (all bytes zero) exactly when it succeeds. When it fails, nothing has changed and the
 *   caller still holds the buffer. Batch calls report a count: that prefix is gone, the rest is still
 *   the caller's.
 *
 * Returns. Every function returns an int32_t status: 0 (HO_OK) is done, positive is a flow outcome,
 *   negative is an error (status.h). Not repeated: every call that takes a handle can return HO_E_HANDLE
 *   (NULL, closed, forged) and, in a forked child, HO_E_FORKED: no handle of the parent is valid there.
 *   Once the child has created a domain of its own it gets HO_E_HANDLE for the parent's.
 */

#endif
