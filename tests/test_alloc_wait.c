/* SPDX-License-Identifier: MIT */
/* Memory that comes back to the arena by other means than a message's return reaches a shard that
 * waits for it. */
#include <poll.h>
#include <unistd.h>

#include "rig.h"

#define SEGMENTS 4u
#define WHOLE RIG_SEGMENT /* a loan that needs a segment of its own */
#define MANY 40000u
#define SMALL 96u

static ho_domain *domain;
static ho_arena *arena;
static ho_shard *shard;
static int32_t fd;
static void *blocks[MANY];
static ho_obj objs[MANY];

static int open_all(void **state)
{
    (void)state;
    domain = rig_domain();
    arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = SEGMENTS * RIG_SEGMENT));
    shard = rig_shard(arena);
    CHECK_STATUS(ho_shard_fd(shard, &fd), HO_OK);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK(close(fd) == 0);
    rig_destroy(domain);
    return 0;
}

static int is_readable(void)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, 0);
    CHECK(n >= 0);
    return n == 1;
}

/* There is no segment left, and the shard has been told. */
static void wait_for_memory(void)
{
    ho_buf loan;
    CHECK_STATUS(ho_reserve(shard, WHOLE, NULL, &loan), HO_FULL);
    CHECK(!is_readable());
}

/* It is worth trying again. */
static void check_fired(void)
{
    ho_buf loan;
    uint64_t count;
    CHECK(is_readable() && read(fd, &count, 8) == 8);
    CHECK_STATUS(ho_reserve(shard, WHOLE, NULL, &loan), HO_OK);
    CHECK_STATUS(ho_abort(shard, &loan, 1, NULL), HO_OK);
}

static uint32_t allocate(uint64_t bytes)
{
    uint32_t n = 0;
    while (n < MANY && ho_alloc(arena, bytes, 0, &blocks[n]) == HO_OK)
        n++;
    CHECK(n && n < MANY);
    return n;
}

static void free_until_it_fires(int sized)
{
    uint32_t n = allocate(SMALL), i = 0;
    wait_for_memory();
    for (; i < n && !is_readable(); i++)
        CHECK_STATUS(sized ? ho_free_sized(arena, blocks[i], SMALL, 0) : ho_free(arena, blocks[i]),
                     HO_OK);
    CHECK(i * (uint64_t)SMALL < 2 * RIG_SEGMENT); /* not only once it is all free */
    check_fired();
    for (; i < n; i++)
        CHECK_STATUS(ho_free(arena, blocks[i]), HO_OK);
}

static void small_memory_that_is_freed_fires_it(void **state)
{
    (void)state;
    free_until_it_fires(0);
}

static void small_memory_that_is_freed_by_its_size_fires_it(void **state)
{
    (void)state;
    free_until_it_fires(1);
}

static void large_memory_that_is_freed_fires_it(void **state)
{
    (void)state;
    uint32_t n = allocate(RIG_SEGMENT);
    wait_for_memory();
    CHECK_STATUS(ho_free(arena, blocks[0]), HO_OK);
    check_fired();
    for (uint32_t i = 1; i < n; i++)
        CHECK_STATUS(ho_free(arena, blocks[i]), HO_OK);
}

/* A pool keeps what it has: shards are told once it gives some back. */
static ho_pool *waited_for(void)
{
    ho_pool *pool = rig_pool(arena, POOL_OPTS(.slot_bytes = SMALL));
    uint32_t n;
    CHECK_STATUS(ho_pool_acquire_many(pool, objs, MANY, &n), HO_FULL);
    wait_for_memory();
    CHECK_STATUS(ho_pool_release_many(pool, objs, n, NULL), HO_OK);
    CHECK(!is_readable());
    return pool;
}

static void a_pool_that_is_trimmed_fires_it(void **state)
{
    (void)state;
    ho_pool *pool = waited_for();
    CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    check_fired();
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
}

static void a_pool_that_closes_fires_it(void **state)
{
    (void)state;
    CHECK_STATUS(ho_pool_close(waited_for(), NULL), HO_OK);
    check_fired();
}

#define WITH_ALL(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

static const struct CMUnitTest tests[] = {
    WITH_ALL(small_memory_that_is_freed_fires_it),
    WITH_ALL(small_memory_that_is_freed_by_its_size_fires_it),
    WITH_ALL(large_memory_that_is_freed_fires_it),
    WITH_ALL(a_pool_that_is_trimmed_fires_it),
    WITH_ALL(a_pool_that_closes_fires_it),
};

HO_TEST_MAIN(tests)
