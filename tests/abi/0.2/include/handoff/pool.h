/* SPDX-License-Identifier: MIT */
/*
 * Pool: objects of one type, of one size, in an arena and its budget. Any thread acquires and releases, without
 * opening anything of its own.
 *
 *   open        ho_pool_open
 *   use         ho_pool_acquire, ho_pool_release, or many at once
 *   refer       keep ho_obj.handle (a number, fit for a message's value); ho_pool_resolve gives the pointer, or
 *               HO_E_STALE once the object was released
 *   burst       ho_pool_prepare before, ho_pool_trim after it
 *   look        ho_pool_visit, ho_pool_stats_get
 *   close       ho_pool_close, which reports what was not released
 */
#ifndef HANDOFF_POOL_H
#define HANDOFF_POOL_H

#include "handoff/arena.h"

typedef struct ho_pool ho_pool; /* a handle, as ho_domain */

/* ho_pool_opts.flags: each object begins a cache line of 64 bytes, so that threads which write to neighbours do
 * not slow each other down. */
#define HO_POOL_LINES 0x00000001u

#define HO_POOL_NAME_BYTES 32u /* of a name, the zero at its end included */

/*
 * An object that somebody holds. Whoever has it owns it; ho_pool_release empties it. A copy of it is no second
 * object: the second of two copies to be released is HO_E_STALE.
 */
typedef struct ho_obj {
    void *ptr; /* the object: slot_bytes bytes, as the last user left them, or zero */
    uint64_t
        handle; /* never 0 in an object; says which one in the pool, and which use of its memory */
} ho_obj;

/*
 * Makes an object out of its memory, or ends one before its memory goes back. It runs on the thread that makes the call
 * in which it runs, with no lock of the library held, on several threads at once for different objects. It must not
 * block, throw or longjmp. It may call [any] and [init] functions, on other pools too; a call on the same pool that would
 * have to run one again, and what closes, destroys or retires, gets HO_E_REENTRANT.
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
    uint32_t
        objects_max; /* most objects at once, at most 16,777,215; default: what the arena's budget holds.
                             Address space for all of them is reserved at once, memory is not */
    uint32_t reserved0;
    uint64_t
        keep_bytes;   /* unused memory that stays, default 64 KiB. Once there was half as much again
                            above it for hold_ns, releases give it back, 64 KiB at a time, and so
                         does a consumer of the domain that is about to sleep */
    uint64_t hold_ns; /* default 1 s */
    const char *name; /* for reports: 31 characters of it are copied; NULL: none */
    /* Objects stay constructed between a release and the next acquire: construct runs when an object's memory is used
     * for the first time, and for the first time after it went back to the system; destruct runs before it goes back, or the
     * pool closes. The memory that construct gets is zero, but for what it shares pages with; so
     * is what destruct gets where there is no construct. Both may run for objects that are never acquired. */
    ho_object_fn
        construct; /* NULL: none. In ho_pool_acquire, ho_pool_acquire_many, ho_pool_prepare */
    ho_object_fn destruct; /* NULL: none. In ho_pool_release, ho_pool_release_many,
                              ho_pool_trim, ho_pool_close */
    void *arg;             /* passed to both, never read; NULL is fine */
} ho_pool_opts;
#define HO_POOL_OPTS_MIN 48u

/* What a pool holds. Exact once its threads are quiet. */
typedef struct ho_pool_stats {
    uint32_t size;          /* sizeof this struct as the caller knows it */
    uint32_t slot_bytes;    /* of an object, rounded up */
    uint64_t objects_max;   /* as opened */
    uint64_t live;          /* now: acquired and not released */
    uint64_t free;          /* now: released, and ready for reuse */
    uint64_t bytes_held;    /* now: of objects and their states, charged to the arena */
    uint64_t bytes_trimmed; /* gave back to the system, ever */
    uint64_t refills;       /* times that a processor's cache was empty */
    uint64_t full;          /* HO_FULL that callers got */
} ho_pool_stats;
#define HO_POOL_STATS_MIN 64u

/* Objects that keep a pool open: a report of leaks. */
typedef struct ho_pool_leaks {
    uint32_t size; /* sizeof this struct as the caller knows it */
    uint32_t reserved0;
    uint64_t live;                 /* how many */
    uint64_t handles[6];           /* of the first of them in memory; 0 where there is none */
    char name[HO_POOL_NAME_BYTES]; /* ho_pool_opts.name */
} ho_pool_leaks;
#define HO_POOL_LEAKS_MIN 96u

HO_BEGIN_DECLS

/*
 * Opens a pool.
 *   arena  whose budget its memory is charged to, page by page: as long as the pool is open, the arena stays open
 *   opts   borrowed for the call
 *   pool   out, not NULL; NULL in it on failure
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE, HO_E_TOO_NEW, HO_E_FLAGS, HO_E_RESERVED, HO_E_RANGE (slot_bytes is 0 or
 *   above the budget, align_bytes, objects_max, hold_ns), HO_E_CLOSED (the arena closes), HO_E_NOMEM (no address
 *   space), HO_E_LIMIT (255 pools of the process at once).
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_pool_open(ho_arena *arena, const ho_pool_opts *opts, ho_pool **pool) HO_NOEXCEPT;

/*
 * Closes a pool, if every object was released: its memory goes back to the system. No other call on the pool may run
 * meanwhile.
 *   leaks  out, may be NULL, its size set by the caller: what is not released
 * Returns HO_OK (the handle is gone), HO_E_BUSY (objects are out; nothing has changed), HO_E_SIZE,
 *   HO_E_REENTRANT.
 * Threads [init]. Since 0.2
 */
HO_API int32_t ho_pool_close(ho_pool *pool, ho_pool_leaks *leaks) HO_NOEXCEPT;

/*
 * Acquires an object. Its bytes are what the last user left there, or zero, or as construct left them.
 *   obj  out, not NULL; empty on failure
 * Returns HO_OK, HO_FULL (objects_max, or the arena's budget; or all that is free is being trimmed just now),
 *   HO_E_INVAL, HO_E_CLOSED (the arena closes), HO_E_REENTRANT (inside construct or destruct of this pool, and no
 *   object was at hand).
 * Ownership: the caller releases it with ho_pool_release, on any thread.
 * Threads [any]. Progress lock-free. The first use of a page is a page fault, unless ho_pool_prepare had it; a
 *   system call only where nothing is free any more, to look into other processors' caches and at the arena's
 *   unused segments. Since 0.2
 */
HO_API int32_t ho_pool_acquire(ho_pool *pool, ho_obj *obj) HO_NOEXCEPT;

/*
 * Acquires up to `count` objects: a prefix of objs is filled, the rest is emptied.
 *   objs      out, room for count; NULL only if count is 0
 *   acquired  out, not NULL: how many
 * Returns HO_OK (all), else as ho_pool_acquire, and what was acquired before is the caller's.
 * Threads [any]. Progress as ho_pool_acquire. Since 0.2
 */
HO_API int32_t ho_pool_acquire_many(ho_pool *pool, ho_obj *objs, uint32_t count,
                                    uint32_t *acquired) HO_NOEXCEPT;

/*
 * Releases an object: its handle is stale from now on. An empty one is a no-op.
 *   obj  emptied on success; not NULL
 * Returns HO_OK, HO_E_INVAL (NULL, or ptr is not where the handle's object is), HO_E_STALE (released before, or
 *   another pool's).
 * Threads [any]. Progress lock-free, a system call when unused memory goes back (ho_pool_opts.keep_bytes). Since 0.2
 */
HO_API int32_t ho_pool_release(ho_pool *pool, ho_obj *obj) HO_NOEXCEPT;

/*
 * Releases objects, in the order of the array; stops at the first that is refused.
 *   objs      a prefix is released and emptied; NULL only if count is 0
 *   released  out, may be NULL: how many are gone
 * Returns as ho_pool_release.
 * Threads [any]. Progress as ho_pool_release. Since 0.2
 */
HO_API int32_t ho_pool_release_many(ho_pool *pool, ho_obj *objs, uint32_t count,
                                    uint32_t *released) HO_NOEXCEPT;

/*
 * Gives the pointer to the object of a handle. It is valid as long as nobody releases the object, which the program must
 * see to.
 *   handle  any number: ho_obj.handle, from a message, ...
 *   ptr     out, not NULL; NULL on failure
 * Returns HO_OK, HO_E_STALE (released, another pool's, never given out), HO_E_INVAL.
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_pool_resolve(ho_pool *pool, uint64_t handle, void **ptr) HO_NOEXCEPT;

/*
 * Makes memory present for `count` objects beyond those that are live, so that acquiring and writing them causes
 * neither page faults nor system calls.
 *   prepared  out, may be NULL: for how many there is, `count` on success
 * Returns HO_OK, HO_FULL (objects_max, or the arena's budget: for fewer), HO_E_NOMEM, HO_E_CLOSED, HO_E_REENTRANT
 *   (inside construct or destruct of this pool).
 * Threads [any]. Progress lock-free, makes system calls. Since 0.2
 */
HO_API int32_t ho_pool_prepare(ho_pool *pool, uint32_t count, uint32_t *prepared) HO_NOEXCEPT;

/*
 * Lists the live objects, some at a time. Others may acquire and release meanwhile, the caller too: an object that is
 * live all the time is listed once; one that comes or goes meanwhile may be listed or not.
 *   cursor   0 at first; the call moves it on
 *   handles  out, room for max: resolve them to get at the objects; NULL only if max is 0
 *   count    out, not NULL: how many
 * Returns HO_OK, HO_EMPTY (the end: count is 0), HO_E_INVAL, HO_E_RANGE (no call left such a cursor).
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_pool_visit(ho_pool *pool, uint64_t *cursor, uint64_t *handles, uint32_t max,
                             uint32_t *count) HO_NOEXCEPT;

/*
 * Gives unused memory back to the system: pages of which every object is free, in the caches of processors, too. A pool
 * does it by itself, a little at a time, as objects are released, and, if it has no destruct, before a consumer of the
 * domain sleeps in ho_wait. This call is for when neither happens any more: after a burst.
 *   keep_bytes  how much unused memory stays; 0: none
 *   freed       out, may be NULL: bytes that went back
 * Returns HO_OK, HO_E_REENTRANT (inside construct or destruct of this pool).
 * Threads [any]. Progress lock-free, a system call for each 64 KiB. Since 0.2
 */
HO_API int32_t ho_pool_trim(ho_pool *pool, uint64_t keep_bytes, uint64_t *freed) HO_NOEXCEPT;

/*
 * Reads the counters of a pool. It looks at every object's state: suitable for a few calls a second.
 *   stats  out, not NULL, its size set by the caller; fields beyond that size are left alone
 * Returns HO_OK, HO_E_INVAL, HO_E_SIZE.
 * Threads [any]. Progress wait-free. Since 0.2
 */
HO_API int32_t ho_pool_stats_get(ho_pool *pool, ho_pool_stats *stats) HO_NOEXCEPT;

HO_END_DECLS

#endif
