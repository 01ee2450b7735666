/* SPDX-License-Identifier: MIT */
/* Preloaded: counts calls of pthread_mutex_lock, and those of them that find the mutex taken. Prints
 * both on stderr at the end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

typedef int (*lock_call)(pthread_mutex_t *);

static _Atomic(lock_call) real_lock;
static _Alignas(128) atomic_ullong locks;
static _Alignas(128) atomic_ullong contended;

static lock_call real(void)
{
    lock_call call = atomic_load(&real_lock);

    if (!call) {
        *(void **)&call = dlsym(RTLD_NEXT, "pthread_mutex_lock");
        atomic_store(&real_lock, call);
    }
    return call;
}

__attribute__((visibility("default"))) int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    atomic_fetch_add_explicit(&locks, 1, memory_order_relaxed);
    if (pthread_mutex_trylock(mutex) == 0)
        return 0;
    atomic_fetch_add_explicit(&contended, 1, memory_order_relaxed);
    return real()(mutex);
}

__attribute__((destructor)) static void report(void)
{
    fprintf(stderr, "locks %llu contended %llu\n", atomic_load(&locks), atomic_load(&contended));
}
