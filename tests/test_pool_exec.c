/* SPDX-License-Identifier: MIT */
/* Pools and exec: handles that a program remembers from before exec name nothing. */
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define OLD "HANDOFF_TEST_OLD" /* handles of pool and object, of the program before */

static ho_domain *domain;

static ho_pool *open_pool(void)
{
    domain = rig_domain();
    return rig_pool(rig_arena(domain, NULL), POOL_OPTS(.slot_bytes = 32));
}

static void close_pool(ho_pool *pool)
{
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    rig_destroy(domain);
}

static void after_exec(const char *old)
{
    char *end;
    ho_pool *was = (ho_pool *)(uintptr_t)strtoull(old, &end, 10);
    uint64_t handle = strtoull(end + 1, NULL, 10);
    ho_obj obj = {0};
    void *ptr = &ptr;
    CHECK(was != NULL && handle != 0);
    CHECK_STATUS(ho_pool_acquire(was, &obj), HO_E_HANDLE);
    CHECK_STATUS(ho_pool_resolve(was, handle, &ptr), HO_E_HANDLE);
    CHECK_STATUS(ho_pool_close(was, NULL), HO_E_HANDLE);
    ho_pool *pool = open_pool();
    CHECK_STATUS(ho_pool_resolve(pool, handle, &ptr), HO_E_STALE);
    CHECK(!ptr && rig_pool_stats(pool).live == 0);
    close_pool(pool);
}

static void the_next_program_has_none_of_it(void **state)
{
    (void)state;
    const char *old = getenv(OLD);
    if (old) {
        after_exec(old);
        return;
    }
    ho_pool *pool = open_pool();
    ho_obj obj;
    char numbers[64];
    int status;
    CHECK_STATUS(ho_pool_acquire(pool, &obj), HO_OK);
    (void)snprintf(numbers, sizeof numbers, "%" PRIu64 " %" PRIu64, (uint64_t)(uintptr_t)pool,
                   obj.handle);
    pid_t child = fork();
    if (child == 0) {
        static char name[] = "test_pool_exec";
        (void)setenv(OLD, numbers, 1);
        (void)execv("/proc/self/exe", (char *[]){name, NULL});
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_STATUS(ho_pool_release(pool, &obj), HO_OK); /* here it is as it was */
    close_pool(pool);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_next_program_has_none_of_it),
};

HO_TEST_MAIN(tests)
