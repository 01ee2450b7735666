/* SPDX-License-Identifier: MIT */
/*
 * Pool: objects of one type and size, in an arena and its budget. Any thread acquires and releases, without opening
 * anything of its own.
 *
 *   open        ho_pool_open
 *   use         ho_pool_acquire, ho_pool_release, or many at once
 *   refer       keep ho_obj.handle (a number, fit for a message's value); ho_pool_resolve gives the pointer, or
 *               HO_E_STALE once the object was released
 *   burst       ho_pool_prepare before it, ho_pool_trim after it
 *   inspect     ho_pool_visit, ho_pool_stats_get
 *   close       ho_pool_close, which reports what was not released
 */
#ifndef HANDOFF_POOL_H
#define HANDOFF_POOL_H

#include "handoff/arena.h"

typedef struct ho_pool ho_pool; /* a handle, like ho_domain */

/* ho_pool_opts.flags: each object begins on a cache line of 64 bytes, so that threads writing to neighbouring objects
 * do not slow each other down. */
#define HO_POOL_LINES 0x00000001u

#define HO_POOL_NAME_BYTES 32u /* size of a name, including the zero at its end */

/*
 * An object that somebody holds. Whoever has it owns it; ho_pool_release empties it. Copying it does not make a second
 * object: of two copies, the second to be released is HO_E_STALE.
 */
typedef struct ho_obj {
    void *ptr;       /* the object: slot_bytes bytes, as the last user left them, or zero */
    uint64_t handle; /* which object of the pool, and which use of its memory; 0 only if empty */
} ho_obj;

/*
 * Constructs an object in its memory, or destroys one before its memory goes back. It runs inside a call, on the
 * calling thread, with no lock of the library held; for different objects it may run on several threads at once. It
 * must not block, throw or longjmp. It may call [any] and [init] functions, also on other pools. Functions that close,
 * destroy or retire return HO_E_REENTRANT, and so does a call on the same pool that would have to construct or destroy
 * an object.
 *   ptr  the object's memory: slot_bytes bytes, not NULL
 *   arg  ho_pool_opts.arg
 */
typedef void (*ho_object_fn)(void *ptr, void *arg);

/* Options of a pool. Zero in any field but slot_bytes means its default. */
typedef struct ho_pool_opts {
    uint32_t size;        /* sizeof this struct as the caller knows it */
    uint32_t flags;       /* HO_POOL_LINES; the high half must be zero */
    uint32_t slot_bytes;  /* of an object, 1 or more; rounded up to the alignment */
    uint32_t align_bytes; /* of an object: power of two, 8 to 4,096, default 8 */
    uint32_t objects_max; /* most objects at once, at most 16,777,215; default: as many as the
                             arena's budget holds. Reserves address space for all of them at once,
                             but no memory */
    uint32_t reserved0;
    uint64_t keep_bytes; /* unused memory to keep, default 64 KiB. Once 1.5 times as much has been
                            unused for hold_ns, releases give the excess back, 64 KiB at a time;
                            so does a consumer of the domain that is about to sleep */
    uint64_t hold_ns;    /* default 1 s */
    const char *name;    /* for reports: the first 31 characters are copied; NULL: none */
    /* Objects stay constructed from a release to the next acquire. construct runs when an object's memory is first
     * used, and again when it is first used after it went back to the system. destruct runs before the memory goes
     * back, or when the pool closes. construct gets zeroed memory, except in parts of pages that the object shares with
     * others; so does destruct in a pool without construct. Both may run for objects that are never acquired. */
    ho_object_fn construct; /* NULL: none. Runs in ho_pool_acquire, ho_pool_acquire_many and
                               ho_pool_prepare */
    ho_object_fn destruct;  /* NULL: none. Runs in ho_pool_release, ho_pool_release_many,
                               ho_pool_trim and ho_pool_close */
    void *arg;              /* passed to both, never read; NULL is fine */
} ho_pool_opts;
#define HO_POOL_OPTS_MIN 48u

/* What a pool holds. Exact once its threads are quiet. */
typedef struct ho_pool_stats {
    uint32_t size;          /* sizeof this struct as the caller knows it */
    uint32_t slot_bytes;    /* of an object, rounded up */
    uint64_t objects_max;   /* as opened */
    uint64_t live;          /* now: acquired and not released */
    uint64_t free;          /* now: released, and ready for reuse */
    uint64_t bytes_held;    /* now: objects and their states, charged to the arena */
    uint64_t bytes_trimmed; /* given back to the system so far */
    uint64_t refills;       /* times that a processor's cache was empty */
    uint64_t full;          /* times that callers got HO_FULL */
} ho_pool_stats;
#define HO_POOL_STATS_MIN 64u

/* Objects that keep a pool open: a leak report. */
typedef struct ho_pool_leaks {
    uint32_t size; /* sizeof this struct as the caller knows it */
    uint32_t reserved0;
    uint64_t live;                 /* how many objects */
    uint64_t handles[6];           /* of the first ones in memory; 0 beyond the last */
    char name[HO_POOL_NAME_BYTES]; /* ho_pool_opts.name */
} ho_pool_leaks;
#define HO_POOL_LEAKS_MIN 96u

HO_BEGIN_DECLS

/*
 * Opens a pool.
 *   arena  whose budget its memory is charged to, page by page. The arena cannot finish closing before the pool
 *   opts   borrowed for the call
 *   pool   out, not NULL; set to NULL on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE, HO_E_TOO_NEW, HO_E_FLAGS, HO_E_RESERVED, HO_E_RANGE (slot_bytes is 0 or
 *   above the budget, align_bytes, objects_max, hold_ns), HO_E_CLOSED (the arena is closing), HO_E_NOMEM (no
 *   address space), HO_E_LIMIT (255 pools open at once in the process).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_pool_open(ho_arena *arena, const ho_pool_opts *opts, ho_pool **pool) HO_NOEXCEPT;

/*
 * Closes a pool, if every object was released: its memory goes back to the system. No other call on the pool may
 * run at the same time.
 *   leaks  out, may be NULL, its size set by the caller: what is not released
 * Returns HO_OK (the handle is gone), HO_E_BUSY (objects are out; nothing has changed), HO_E_SIZE,
 *   HO_E_REENTRANT.
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_pool_close(ho_pool *pool, ho_pool_leaks *leaks) HO_NOEXCEPT;

/*
 * Acquires an object. Its bytes are as the last user left them, or zero, or as construct left them.
 *   obj  out, not NULL; empty on failure
 * Returns HO_OK, HO_FULL (objects_max or the arena's budget is reached, or all free objects are being trimmed at
 *   this moment), HO_E_INVAL, HO_E_CLOSED (the arena is closing), HO_E_REENTRANT (inside construct or destruct of
 *   this pool, and no object was at hand).
 * Ownership: the caller releases it with ho_pool_release, on any thread.
 * Threads [any]. Progress lock-free. The first use of a page is a page fault, unless ho_pool_prepare made the page
 *   present. A system call only if nothing is free any more, to search other processors' caches and the arena's
 *   unused segments. Since 0.2
 */
HO_API int32_t ho_pool_acquire(ho_pool *pool, ho_obj *obj) HO_NOEXCEPT;

/*
 * Acquires up to `count` objects: fills objs from the front and empties the rest.
 *   objs      out, room for count; NULL only if count is 0
 *   acquired  out, not NULL: how many
 * Returns HO_OK (all), else as ho_pool_acquire; those acquired before are the caller's.
 * Threads [any]. Progress as ho_pool_acquire. Since 0.2
 */
HO_API int32_t ho_pool_acquire_many(ho_pool *pool, ho_obj *objs, uint32_t count,
                                    uint32_t *acquired) HO_NOEXCEPT;

/*
 * Releases an object: its handle is stale from now on. Releasing an empty one is a no-op.
 *   obj  emptied on success; not NULL
 * Returns HO_OK, HO_E_INVAL (NULL, or ptr is not that of the handle's object), HO_E_STALE (released before, or
 *   another pool's).
 * Threads [any]. Progress lock-free, a system call when unused memory goes back (ho_pool_opts.keep_bytes). Since 0.2
 */
HO_API int32_t ho_pool_release(ho_pool *pool, ho_obj *obj) HO_NOEXCEPT;

/*
 * Releases objects in array order and stops at the first that is refused.
 *   objs      those released, from the front, are emptied; NULL only if count is 0
 *   released  out, may be NULL: how many
 * Returns as ho_pool_release.
 * Threads [any]. Progress as ho_pool_release. Since 0.2
 */
HO_API int32_t ho_pool_release_many(ho_pool *pool, ho_obj *objs, uint32_t count,
                                    uint32_t *released) HO_NOEXCEPT;

/*
 * Gets the pointer to a handle's object. It is valid until somebody releases the object; the program must prevent
 * a release during use.
 *   handle  any number: ho_obj.handle, from a message, ...
 *   ptr     out, not NULL; set to NULL on failure
 * Returns HO_OK, HO_E_STALE (released, another pool's, never given out), HO_E_INVAL.
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_pool_resolve(ho_pool *pool, uint64_t handle, void **ptr) HO_NOEXCEPT;

/*
 * Makes memory present for `count` more objects than are live, so that acquiring and writing them causes neither
 * page faults nor system calls.
 *   prepared  out, may be NULL: for how many memory is present, `count` on success
 * Returns HO_OK, HO_FULL (objects_max or the arena's budget: present for fewer), HO_E_NOMEM, HO_E_CLOSED,
 *   HO_E_REENTRANT (inside construct or destruct of this pool).
 * Threads [any]. Progress lock-free, makes system calls. Since 0.2
 */
HO_API int32_t ho_pool_prepare(ho_pool *pool, uint32_t count, uint32_t *prepared) HO_NOEXCEPT;

/*
 * Lists the live objects, some at a time. Any thread, the caller included, may acquire and release in between. An
 * object that is live throughout is listed once; one that comes or goes may be listed or not.
 *   cursor   0 at first; each call advances it
 *   handles  out, room for max: resolve them to get the objects; NULL only if max is 0
 *   count    out, not NULL: how many
 * Returns HO_OK, HO_EMPTY (the end: count is 0), HO_E_INVAL, HO_E_RANGE (not a cursor that a call left).
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_pool_visit(ho_pool *pool, uint64_t *cursor, uint64_t *handles, uint32_t max,
                             uint32_t *count) HO_NOEXCEPT;

/*
 * Gives unused memory back to the system: pages with only free objects, including those in processors' caches. A
 * pool also does this by itself, a little at a time, as objects are released and, if it has no destruct, before a
 * consumer of the domain sleeps in ho_wait. Call this when neither happens any more: after a burst.
 *   keep_bytes  how much unused memory to keep; 0: none
 *   freed       out, may be NULL: bytes given back
 * Returns HO_OK, HO_E_REENTRANT (inside construct or destruct of this pool).
 * Threads [any]. Progress lock-free, a system call per 64 KiB. Since 0.2
 */
HO_API int32_t ho_pool_trim(ho_pool *pool, uint64_t keep_bytes, uint64_t *freed) HO_NOEXCEPT;

/*
 * Reads the counters of a pool. It looks at every object's state: suitable for a few calls a second.
 *   stats  out, not NULL, its size set by the caller; fields beyond that size are not written
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE.
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_pool_stats_get(ho_pool *pool, ho_pool_stats *stats) HO_NOEXCEPT;

HO_END_DECLS

#endif
