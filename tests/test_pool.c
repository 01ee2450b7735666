/* SPDX-License-Identifier: MIT */
/* Pools: objects acquired and released, handles, visits, closing. Misuse is in test_pool_bad.c, memory in
 * test_pool_memory.c. */
#include "rig.h"

#include <sys/wait.h>
#include <unistd.h>

static ho_domain *domain;
static ho_arena *arena;

static int open_arena(void **state)
{
    (void)state;
    domain = rig_domain();
    arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = 8u << 20));
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    CHECK(rig_arena_stats(arena).segments_held == 0);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    rig_destroy(domain);
    return 0;
}

static void objects_are_aligned_writable_and_apart(void **state)
{
    (void)state;
    static const struct {
        uint32_t bytes, align, flags, slot;
    } kinds[] = {{1, 0, 0, 8},
                 {24, 0, 0, 24},
                 {40, 16, 0, 48},
                 {100, 64, 0, 128},
                 {100, 4096, 0, 4096},
                 {1000, 0, 0, 1000},
                 {24, 0, HO_POOL_LINES, 64},
                 {70000, 8, 0, 70000}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        enum { N = 100 };
        ho_obj objs[N];
        ho_pool *pool =
            rig_pool(arena, POOL_OPTS(.slot_bytes = kinds[k].bytes, .align_bytes = kinds[k].align,
                                      .flags = kinds[k].flags));
        uint32_t slot = rig_pool_stats(pool).slot_bytes;
        CHECK(slot == kinds[k].slot);
        for (uint32_t i = 0; i < N; i++) {
            CHECK_STATUS(ho_pool_acquire(pool, &objs[i]), HO_OK);
            CHECK((uintptr_t)objs[i].ptr % (kinds[k].align ? kinds[k].align : 8) == 0);
            CHECK(objs[i].handle != 0);
            memset(objs[i].ptr, (int)i + 1, kinds[k].bytes);
        }
        for (uint32_t i = 0; i < N; i++) {
            const uint8_t *bytes = objs[i].ptr;
            CHECK(bytes[0] == i + 1 && bytes[kinds[k].bytes - 1] == i + 1);
        }
        CHECK(rig_pool_stats(pool).live == N);
        for (uint32_t i = 0; i < N; i++) {
            CHECK_STATUS(ho_pool_release(pool, &objs[i]), HO_OK);
            CHECK(!objs[i].ptr && !objs[i].handle);
        }
        CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    }
}

static void batches_are_a_prefix(void **state)
{
    (void)state;
    enum { N = 1000, MOST = 900 };
    static ho_obj objs[N];
    uint32_t n = 77;
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = 24, .objects_max = MOST));
    for (int round = 0; round < 5; round++) {
        memset(objs, 0xa5, sizeof objs);
        CHECK_STATUS(ho_pool_acquire_many(pool, objs, N, &n), HO_FULL);
        CHECK(n == MOST);
        for (uint32_t i = 0; i < N; i++)
            CHECK(i < MOST ? objs[i].ptr != NULL : !objs[i].ptr && !objs[i].handle);
        for (uint32_t i = 0; i < MOST; i++)
            memset(objs[i].ptr, 1, 24);
        ho_obj one = objs[500];
        CHECK_STATUS(ho_pool_release(pool, &one), HO_OK);
        CHECK_STATUS(ho_pool_release_many(pool, objs, N, &n), HO_E_STALE);
        CHECK(n == 500);
        objs[500] = (ho_obj){0};
        CHECK_STATUS(ho_pool_release_many(pool, objs, N, &n), HO_OK);
        CHECK(n == N && rig_pool_stats(pool).live == 0);
    }
    CHECK_STATUS(ho_pool_acquire_many(pool, NULL, 0, &n), HO_OK);
    CHECK_STATUS(ho_pool_release_many(pool, NULL, 0, NULL), HO_OK);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

static void a_handle_resolves_as_long_as_the_object_lives(void **state)
{
    (void)state;
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = 64));
    ho_obj obj, again;
    void *ptr;
    CHECK_STATUS(ho_pool_acquire(pool, &obj), HO_OK);
    uint64_t handle = obj.handle;
    void *was = obj.ptr;
    CHECK_STATUS(ho_pool_resolve(pool, handle, &ptr), HO_OK);
    CHECK(ptr == was);
    CHECK_STATUS(ho_pool_release(pool, &obj), HO_OK);
    for (int i = 0; i < 1000; i++) { /* the same memory in another use: stale all the same */
        CHECK_STATUS(ho_pool_acquire(pool, &again), HO_OK);
        CHECK(again.handle != handle);
        CHECK_STATUS(ho_pool_resolve(pool, handle, &ptr), HO_E_STALE);
        CHECK(ptr == NULL);
        CHECK_STATUS(ho_pool_release(pool, &again), HO_OK);
    }
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    ho_pool *next = rig_pool(arena, POOL_OPTS(.slot_bytes = 64));
    CHECK_STATUS(ho_pool_acquire(next, &again), HO_OK);
    CHECK_STATUS(ho_pool_resolve(next, handle, &ptr), HO_E_STALE);
    CHECK_STATUS(ho_pool_release(next, &again), HO_OK);
    CHECK_STATUS(ho_pool_close(next, NULL), HO_OK);
}

/* 1,000 objects are live; while they are told, every third is released and others come. */
static void a_visit_tells_each_live_object_once_and_may_release_it(void **state)
{
    (void)state;
    enum { N = 3000 };
    static ho_obj objs[N];
    static uint8_t told[N];
    uint64_t cursor = 0, handles[7];
    uint32_t n, count = 0, more = 0;
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = 16));
    CHECK_STATUS(ho_pool_acquire_many(pool, objs, N, &n), HO_OK);
    for (uint64_t i = 0; i < N; i++)
        *(uint64_t *)objs[i].ptr = i;
    memset(told, 0, sizeof told);
    for (;;) {
        int32_t status = ho_pool_visit(pool, &cursor, handles, 7, &n);
        if (status == HO_EMPTY)
            break;
        CHECK_STATUS(status, HO_OK);
        CHECK(n > 0 && n <= 7);
        for (uint32_t i = 0; i < n; i++) {
            ho_obj obj = {.handle = handles[i]};
            CHECK_STATUS(ho_pool_resolve(pool, obj.handle, &obj.ptr), HO_OK);
            uint64_t number = *(uint64_t *)obj.ptr;
            if (number == UINT64_MAX)
                continue; /* came meanwhile */
            CHECK(!told[number]++);
            count++;
            if (number % 3 == 0)
                CHECK_STATUS(ho_pool_release(pool, &obj), HO_OK);
            if (number % 9 == 0) {
                CHECK_STATUS(ho_pool_acquire(pool, &obj), HO_OK);
                *(uint64_t *)obj.ptr = UINT64_MAX;
                more++;
            }
        }
    }
    CHECK(n == 0 && count == N);
    CHECK_STATUS(ho_pool_visit(pool, &cursor, handles, 7, &n), HO_EMPTY);
    CHECK(rig_pool_stats(pool).live == N - N / 3 + more);
    cursor = 0;
    while (ho_pool_visit(pool, &cursor, handles, 7, &n) == HO_OK)
        for (uint32_t i = 0; i < n; i++) {
            ho_obj obj = {.handle = handles[i]};
            CHECK_STATUS(ho_pool_resolve(pool, obj.handle, &obj.ptr), HO_OK);
            CHECK_STATUS(ho_pool_release(pool, &obj), HO_OK);
        }
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

static void a_close_reports_what_is_out(void **state)
{
    (void)state;
    ho_obj objs[10];
    uint32_t n;
    ho_pool_leaks leaks = {.size = sizeof leaks};
    ho_pool *pool =
        rig_pool(arena, POOL_OPTS(.slot_bytes = 32,
                                  .name = "a monster with a name of more than 31 characters"));
    CHECK_STATUS(ho_pool_acquire_many(pool, objs, 10, &n), HO_OK);
    CHECK_STATUS(ho_pool_close(pool, &leaks), HO_E_BUSY);
    CHECK(leaks.live == 10 && !strcmp(leaks.name, "a monster with a name of more t"));
    for (int i = 0; i < 6; i++) {
        void *ptr;
        CHECK_STATUS(ho_pool_resolve(pool, leaks.handles[i], &ptr), HO_OK);
    }
    CHECK_STATUS(ho_pool_release_many(pool, objs, 9, NULL), HO_OK);
    CHECK_STATUS(ho_pool_close(pool, &leaks), HO_E_BUSY);
    CHECK(leaks.live == 1 && leaks.handles[0] == objs[9].handle && !leaks.handles[1]);
    CHECK_STATUS(ho_pool_release(pool, &objs[9]), HO_OK);
    CHECK_STATUS(ho_pool_close(pool, &leaks), HO_OK);
    CHECK(leaks.live == 0 && !leaks.handles[0]);
    CHECK_STATUS(ho_pool_close(pool, &leaks), HO_E_HANDLE);
}

static void an_arena_stays_while_a_pool_is_open(void **state)
{
    (void)state;
    ho_outstanding out = {.size = sizeof out};
    ho_arena *other = rig_arena(domain, ARENA_OPTS(.budget_bytes = 1u << 20));
    ho_pool *pool = rig_pool(other, POOL_OPTS(.slot_bytes = 32)), *late = pool;
    ho_obj obj, more;
    uint32_t n = 77;
    void *ptr;
    CHECK_STATUS(ho_pool_acquire(pool, &obj), HO_OK);
    CHECK_STATUS(ho_arena_close(other, 0, &out), HO_TIMEOUT);
    CHECK(out.handles == 1);
    CHECK_STATUS(ho_pool_acquire(pool, &more), HO_E_CLOSED);
    CHECK(!more.ptr);
    CHECK_STATUS(ho_pool_acquire_many(pool, &more, 1, &n), HO_E_CLOSED);
    CHECK(n == 0);
    CHECK_STATUS(ho_pool_prepare(pool, 10, NULL), HO_E_CLOSED);
    CHECK_STATUS(ho_pool_open(other, POOL_OPTS(.slot_bytes = 32), &late), HO_E_CLOSED);
    CHECK(!late);
    CHECK_STATUS(ho_pool_resolve(pool, obj.handle, &ptr), HO_OK);
    CHECK_STATUS(ho_pool_release(pool, &obj), HO_OK);
    CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    CHECK_STATUS(ho_arena_close(other, 0, NULL), HO_OK);
}

static void there_may_be_255_pools(void **state)
{
    (void)state;
    static ho_pool *pools[255];
    ho_pool *more = (ho_pool *)(uintptr_t)1;
    ho_obj objs[255];
    void *ptr;
    for (size_t i = 0; i < 255; i++) {
        pools[i] = rig_pool(arena, POOL_OPTS(.slot_bytes = 8, .objects_max = 100));
        CHECK_STATUS(ho_pool_acquire(pools[i], &objs[i]), HO_OK);
    }
    CHECK_STATUS(ho_pool_open(arena, POOL_OPTS(.slot_bytes = 8), &more), HO_E_LIMIT);
    CHECK(!more);
    for (size_t i = 0; i < 255; i++)
        for (size_t k = 0; k < 255; k++) /* each knows its own alone */
            CHECK_STATUS(ho_pool_resolve(pools[i], objs[k].handle, &ptr),
                         i == k ? HO_OK : HO_E_STALE);
    for (size_t i = 0; i < 255; i++) {
        CHECK_STATUS(ho_pool_release(pools[i], &objs[i]), HO_OK);
        CHECK_STATUS(ho_pool_close(pools[i], NULL), HO_OK);
    }
}

static void a_forked_child_has_none_of_it(void **state)
{
    (void)state;
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = 32));
    ho_obj obj;
    int status;
    CHECK_STATUS(ho_pool_acquire(pool, &obj), HO_OK);
    pid_t child = fork();
    if (child == 0) {
        ho_obj mine = obj, more;
        uint64_t cursor = 0, handle;
        uint32_t n;
        void *ptr;
        ho_pool_stats stats = {.size = sizeof stats};
        int bad = ho_pool_acquire(pool, &more) != HO_E_FORKED ||
                  ho_pool_acquire_many(pool, &more, 1, &n) != HO_E_FORKED ||
                  ho_pool_release(pool, &mine) != HO_E_FORKED || mine.handle != obj.handle ||
                  ho_pool_release_many(pool, &mine, 1, &n) != HO_E_FORKED ||
                  ho_pool_resolve(pool, obj.handle, &ptr) != HO_E_FORKED ||
                  ho_pool_prepare(pool, 1, &n) != HO_E_FORKED ||
                  ho_pool_visit(pool, &cursor, &handle, 1, &n) != HO_E_FORKED ||
                  ho_pool_trim(pool, 0, NULL) != HO_E_FORKED ||
                  ho_pool_stats_get(pool, &stats) != HO_E_FORKED ||
                  ho_pool_close(pool, NULL) != HO_E_FORKED;
        ho_domain *own = rig_domain();
        ho_arena *of_own = rig_arena(own, ARENA_OPTS(.budget_bytes = 1u << 20));
        ho_pool *used = rig_pool(of_own, POOL_OPTS(.slot_bytes = 32));
        bad |= ho_pool_acquire(used, &more) != HO_OK || ho_pool_release(used, &more) != HO_OK ||
               ho_pool_release(used, &mine) != HO_E_STALE || ho_pool_close(used, NULL) != HO_OK;
        _exit(bad);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_STATUS(ho_pool_release(pool, &obj), HO_OK);
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, open_arena, close_arena)

static const struct CMUnitTest tests[] = {
    WITH_ARENA(objects_are_aligned_writable_and_apart),
    WITH_ARENA(batches_are_a_prefix),
    WITH_ARENA(a_handle_resolves_as_long_as_the_object_lives),
    WITH_ARENA(a_visit_tells_each_live_object_once_and_may_release_it),
    WITH_ARENA(a_close_reports_what_is_out),
    WITH_ARENA(an_arena_stays_while_a_pool_is_open),
    WITH_ARENA(there_may_be_255_pools),
    WITH_ARENA(a_forked_child_has_none_of_it),
};

HO_TEST_MAIN(tests)
