/* SPDX-License-Identifier: MIT */
/*
 * Preloaded: counts the calls of pthread_mutex_lock and pthread_mutex_trylock of the whole process that
 * get the mutex, and the attempts that find it taken. std::mutex is one; so are jemalloc's locks. What
 * libc locks within itself is not seen: a condition variable that takes its mutex back, malloc's arenas.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

typedef int (*mutex_call)(pthread_mutex_t *);

static _Alignas(128) _Atomic(uint64_t) taken;
static _Alignas(128) _Atomic(uint64_t) contended;
static _Alignas(128) _Atomic(mutex_call) real_lock;
static _Atomic(mutex_call) real_trylock;

static mutex_call real(_Atomic(mutex_call) *known, const char *name)
{
    mutex_call call = atomic_load_explicit(known, memory_order_relaxed);

    if (!call) {
        *(void **)&call = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(known, call, memory_order_relaxed);
    }
    return call;
}

__attribute__((visibility("default"))) int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    int result = real(&real_trylock, "pthread_mutex_trylock")(mutex);

    atomic_fetch_add_explicit(result == 0 ? &taken : &contended, 1, memory_order_relaxed);
    return result;
}

__attribute__((visibility("default"))) int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    int result;

    if (pthread_mutex_trylock(mutex) == 0)
        return 0;
    result = real(&real_lock, "pthread_mutex_lock")(mutex);
    atomic_fetch_add_explicit(&taken, 1, memory_order_relaxed);
    return result;
}

__attribute__((visibility("default"))) void bench_locks(uint64_t *all, uint64_t *waited)
{
    *all = atomic_load_explicit(&taken, memory_order_relaxed);
    *waited = atomic_load_explicit(&contended, memory_order_relaxed);
}
