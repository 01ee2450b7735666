/* SPDX-License-Identifier: MIT */
/* Common to all headers: linkage, versions, and how to read the comments. */
#ifndef HANDOFF_BASE_H
#define HANDOFF_BASE_H

#include <stddef.h>
#include <stdint.h>

/* The ABI version that this header describes. While major is 0, a new minor may change the ABI. */
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
 * Threads. Every function has one tag:
 *   [producer]  one thread at a time per producer. Another thread may take over if the program orders the
 *               two (a mutex, a join, a queue: any happens-before edge)
 *   [shard]     the same, per shard together with the producers over it: one thread at a time calls any of
 *               them
 *   [consumer]  the same, per consumer
 *   [owner]     the same, per owner
 *   [any]       any thread, and any number of threads at once
 *   [init]      any thread; takes a mutex of the domain and may allocate and make system calls: not for
 *               the hot path
 *
 * Progress. "wait-free": finishes in a bounded number of its own steps. "lock-free": at least one thread
 *   makes progress. "may block": waits for other threads, for as long as the docstring says.
 *   A function makes a system call only if its Progress line or its tag says so. Three exceptions hold for
 *   all functions and are not repeated:
 *   - The first message from a producer to a partition takes the domain's mutex and may allocate. So does,
 *     once, the consumer's next ho_take or ho_wait after such a message, after a producer closes, or after
 *     the service begins to close.
 *   - A call that gives back memory or room (ho_return, ho_abort, ho_take, ...) makes a system call if a
 *     shard or producer is waiting for it.
 *   - What a callback does inside a call is up to its author.
 *
 * Ownership. A buffer (ho_buf) has one holder. A call that takes ownership empties the caller's
 *   descriptor (all bytes zero) if and only if it succeeds. If it fails, nothing has changed and the caller
 *   still holds the buffer. A batch call reports a count: that many buffers, from the front, have changed
 *   hands; the caller still holds the rest.
 *
 * Returns. Every function returns an int32_t status: 0 (HO_OK) is success, positive is a flow outcome,
 *   negative is an error (status.h). Not repeated below: every call that takes a handle can return
 *   HO_E_HANDLE (NULL, closed or forged) and, in a forked child, HO_E_FORKED, because the parent's handles
 *   are not valid there. Once the child has created its own domain, the parent's handles give HO_E_HANDLE.
 */

#endif
