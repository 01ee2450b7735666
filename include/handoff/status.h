/* SPDX-License-Identifier: MIT */
/* Status values: what calls return, each with its name and advice, from a single list. */
#ifndef HANDOFF_STATUS_H
#define HANDOFF_STATUS_H

#include "handoff/base.h"

/* X(name, value, "meaning: advice"). 0 is done, positive is a flow outcome, negative is an error. */
#define HO_STATUS_MAP(X)                                                                           \
    X(HO_OK, 0, "done")                                                                            \
    X(HO_EMPTY, 1, "nothing to take: wait with ho_wait or on the consumer's descriptor")           \
    X(HO_FULL, 2, "no room or memory now: keep the buffer and try again, see ho_shard_fd")         \
    X(HO_TIMEOUT, 3, "the time ran out first: call again, or raise the time-out")                  \
    X(HO_CLOSED, 4, "the service is closing and nothing is left to take: close the consumer")      \
    X(HO_DROPPED, 5, "some buffers were dropped and released, as the service's policy asks")       \
    X(HO_E_INVAL, -1, "an argument is NULL or has no such value: see the function's docstring")    \
    X(HO_E_SIZE, -2, "a struct's size is below its minimum: initialise it with ho_init")           \
    X(HO_E_TOO_NEW, -3, "a newer caller asks for what this library does not know: update it")      \
    X(HO_E_FLAGS, -4, "an unknown flag that must be understood: clear it, or update the library")  \
    X(HO_E_RESERVED, -5, "a reserved field is not zero: initialise the struct with ho_init")       \
    X(HO_E_HANDLE, -6, "no open object has this handle: it was closed, or never opened")           \
    X(HO_E_STALE, -7,                                                                              \
      "returned or committed before, or another domain's buffer: drop it, or use its domain")      \
    X(HO_E_DOMAIN, -8, "the shard is another domain's, or the loan another shard's: use its own")  \
    X(HO_E_RANGE, -9, "a length, offset, option or number is out of range: see the docstring")     \
    X(HO_E_KIND, -10, "the call does not fit this kind of buffer: commit loans, return the rest")  \
    X(HO_E_CLOSED, -11, "the object is closing and takes nothing new: stop, keep what you hold")   \
    X(HO_E_BUSY, -12, "in use: return or close what is open, or give the service more partitions") \
    X(HO_E_NOMEM, -13, "the system gave no memory: free some or raise the limit (ulimit, cgroup)") \
    X(HO_E_LIMIT, -14, "a fixed limit is reached (see abi.md, Limits): close what is unused")      \
    X(HO_E_OWNER, -15, "no such owner, or it is retired: register one")                            \
    X(HO_E_ROUTE, -16,                                                                             \
      "the service has no such partition: name a lower one, or open it with more")                 \
    X(HO_E_FORKED, -17, "this is a forked child: create a domain of its own here")                 \
    X(HO_E_REENTRANT, -18, "called from inside a callback: call it after the callback returned")   \
    X(HO_E_SYSTEM, -19, "the system refused a call: raise the process's limits (ulimit -n, -v)")   \
    X(HO_E_VERSION, -20, "the ABI versions do not fit: only return what you hold, then stop")

enum {
#define HO_STATUS_ENUM_(name, value, text) name = (value),
    HO_STATUS_MAP(HO_STATUS_ENUM_)
#undef HO_STATUS_ENUM_
};

HO_BEGIN_DECLS

/*
 * Gets the name of a status, its meaning and what to do about it.
 *   status  any value; an unknown one gives "HO_UNKNOWN" and HO_E_INVAL
 *   name    out, may be NULL: the constant's name; static storage, never NULL
 *   text    out, may be NULL: the meaning and the advice; static storage, never NULL
 * Returns HO_OK, HO_E_INVAL.
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_strerror(int32_t status, const char **name, const char **text) HO_NOEXCEPT;

HO_END_DECLS

#endif
