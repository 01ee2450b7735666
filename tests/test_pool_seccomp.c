/* SPDX-License-Identifier: MIT */
/*
 * The usual ways of a pool make no system call: two threads enter strict seccomp, where any call but read, write and exit
 * kills, and acquire and release a million objects, each half of them the other's.
 */
#include "rig.h"

#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OBJECTS 1000000u
#define RING 1024u
#define HELD 8192u

static struct {
    ho_pool *pool;
    _Atomic(uint64_t) ring[RING]; /* handles on their way to the other thread; 0: none */
    _Atomic(uint32_t) ready, sent, done;
} * w;

static void enter_strict(void)
{
    w->ready++;
    while (w->ready < 2)
        ;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
        _exit(2);
}

static void *release_all(void *arg)
{
    (void)arg;
    enter_strict();
    for (uint32_t i = 0; i < OBJECTS; i++) {
        ho_obj obj = {0};
        while (!(obj.handle = w->ring[i % RING]))
            ;
        w->ring[i % RING] = 0;
        if (ho_pool_resolve(w->pool, obj.handle, &obj.ptr) == HO_OK &&
            ho_pool_release(w->pool, &obj) == HO_OK)
            w->done++;
    }
    syscall(SYS_exit, 0);
    return NULL;
}

static void acquire_all(void)
{
    for (uint32_t i = 0; i < OBJECTS; i++) {
        ho_obj obj, mine;
        while (ho_pool_acquire(w->pool, &obj) != HO_OK)
            ;
        if (ho_pool_acquire(w->pool, &mine) == HO_OK)
            (void)ho_pool_release(w->pool, &mine);
        while (w->ring[i % RING])
            ;
        w->ring[i % RING] = obj.handle;
    }
}

static void child(void)
{
    static ho_obj held[HELD];
    pthread_t thread;
    uint32_t n;
    ho_domain *domain = rig_domain();
    w->pool = rig_pool(rig_arena(domain, NULL),
                       POOL_OPTS(.slot_bytes = 64, .keep_bytes = 1u << 30)); /* nothing goes back */
    if (ho_pool_acquire_many(w->pool, held, HELD, &n) ||
        ho_pool_release_many(w->pool, held, n, NULL) ||
        pthread_create(&thread, NULL, release_all, NULL))
        _exit(3);
    enter_strict();
    acquire_all();
    while (w->done < OBJECTS)
        ;
    syscall(SYS_exit, 0);
}

static void the_usual_ways_make_no_system_call(void **state)
{
    (void)state;
    int status;
    if (HARNESS_SANITIZED)
        skip(); /* sanitizers make calls of their own */
    w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(w != MAP_FAILED);
    pid_t pid = fork();
    if (pid == 0)
        child();
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(w->done == OBJECTS);
    CHECK(munmap(w, sizeof *w) == 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_usual_ways_make_no_system_call),
};

HO_TEST_MAIN(tests)
