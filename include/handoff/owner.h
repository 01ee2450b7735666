/* SPDX-License-Identifier: MIT */
/*
 * Owner: where foreign memory comes from, and how it is given back.
 *
 *   register    ho_owner_register, once per kind of memory, with a release function
 *   give        ho_give (producer.h) with ho_buf.owner set; from then on the memory is not the caller's
 *   release     the function runs once per buffer, after the last holder returned it: inside that call or, for
 *               modes DRAIN and EVENT, in ho_owner_drain on a thread of the owner's choice
 *   retire      ho_owner_retire: nothing new is given; HO_OK once every buffer is back
 */
#ifndef HANDOFF_OWNER_H
#define HANDOFF_OWNER_H

#include "handoff/domain.h"

/* ho_release_rec.reason */
#define HO_REASON_CONSUMED 1u  /* its last holder returned it, or a copy was sent (straggler) */
#define HO_REASON_CANCELLED 2u /* dropped by policy, or never delivered */

/* One foreign buffer on its way back. */
typedef struct ho_release_rec {
    uint64_t token; /* as given */
    void *base;     /* ptr as given, even if it was moved or sliced since */
    uint64_t size;  /* cap as given */
    uint32_t owner;
    uint32_t reason; /* HO_REASON_* */
} ho_release_rec;

/* Takes back `count` (at least 1) buffers. The records are borrowed for the call. It runs inside a library call, on the
 * calling thread (see the modes below), with no lock of the library held. It must not block, throw or longjmp. It may
 * call [any] and [init] functions: returning, registering, opening. Closing, destroying, ho_owner_retire and
 * ho_owner_drain return HO_E_REENTRANT. It must not use a producer or consumer that might be the one whose call it
 * runs in. */
typedef void (*ho_release_fn)(void *ctx, const ho_release_rec *recs, uint32_t count);

/*
 * Where the release runs.
 *   INLINE  inside the call that ends the last hold. Consumed: ho_return, ho_compact, or the sending call that
 *           sent a copy because a consumer was late. Cancelled: the sending call that dropped it by policy,
 *           ho_service_close, ho_domain_close
 *   DRAIN   always queued, and run by ho_owner_drain on the thread that calls it
 *   EVENT   as DRAIN, and ho_owner_fd becomes readable
 */
#define HO_RELEASE_INLINE 0u
#define HO_RELEASE_DRAIN 1u
#define HO_RELEASE_EVENT 2u

/* Options of an owner. */
typedef struct ho_owner_opts {
    uint32_t size;         /* sizeof this struct as the caller knows it */
    uint32_t mode;         /* HO_RELEASE_* */
    ho_release_fn release; /* not NULL */
    void *ctx;             /* passed to release, never read; NULL is fine */
} ho_owner_opts;
#define HO_OWNER_OPTS_MIN 24u

HO_BEGIN_DECLS

/*
 * Registers an owner of foreign memory, once, not per buffer.
 *   opts   not NULL, borrowed for the call
 *   owner  out, not NULL: the number for ho_buf.owner in ho_give, never 0; 0 on failure
 * Returns HO_OK, HO_E_INVAL (also: release is NULL, unknown mode), HO_E_SIZE, HO_E_TOO_NEW, HO_E_CLOSED, HO_E_NOMEM,
 *   HO_E_LIMIT (1,024 owners of the domain at once, or about 2^31 over its life), HO_E_SYSTEM (mode EVENT: no
 *   descriptor).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_owner_register(ho_domain *domain, const ho_owner_opts *opts,
                                 uint32_t *owner) HO_NOEXCEPT;

/*
 * Runs the releases that are queued for an owner of mode DRAIN or EVENT, on this thread.
 *   max      at most how many
 *   drained  out, may be NULL: how many
 * Returns HO_OK (at least one), HO_EMPTY (none), HO_E_OWNER, HO_E_KIND (mode is INLINE), HO_E_REENTRANT.
 * Threads [owner]. Progress lock-free; for mode EVENT a system call. Since 0.2
 */
HO_API int32_t ho_owner_drain(ho_domain *domain, uint32_t owner, uint32_t max,
                              uint32_t *drained) HO_NOEXCEPT;

/*
 * Gets a descriptor (eventfd) for an owner of mode EVENT that is readable while releases are queued. Drain until
 * HO_EMPTY; never read or write it. Once the owner is gone it stays open and is never readable again.
 *   fd  out, not NULL: the descriptor, a new one at each call; -1 on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_OWNER, HO_E_KIND, HO_E_SYSTEM (no descriptor is available).
 * Ownership: the caller closes it, before or after ho_owner_retire. Remove it from any epoll set first, as with
 *   ho_consumer_fd.
 * Threads [any]. Progress lock-free; a system call. Since 0.2
 */
HO_API int32_t ho_owner_fd(ho_domain *domain, uint32_t owner, int32_t *fd) HO_NOEXCEPT;

/*
 * Retires an owner: from the first call on, nothing can be given for it. It does not drain: a buffer queued for an
 * owner of mode DRAIN or EVENT stays out until somebody calls ho_owner_drain. Call it again until it returns HO_OK.
 *   timeout_ns  0 polls, negative waits forever
 * Returns HO_OK (every buffer was released, and no release of this owner is running or will run on any thread: its
 *   code and data may be unloaded), HO_TIMEOUT (something is out or running), HO_E_OWNER (there is none, or it is
 *   gone), HO_E_REENTRANT.
 * Threads [init]. Progress may block for timeout_ns. Since 0.2
 */
HO_API int32_t ho_owner_retire(ho_domain *domain, uint32_t owner, int64_t timeout_ns) HO_NOEXCEPT;

HO_END_DECLS

#endif
