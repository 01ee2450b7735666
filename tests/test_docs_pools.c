/* SPDX-License-Identifier: MIT */
/* docs/pools.md: its code and its claims. */
#include "rig.h"

#include <pthread.h>

struct monster {
    uint64_t id;
    int32_t hp;
};

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

/* snippet: open a pool */
static ho_pool *open_monsters(ho_arena *arena)
{
    ho_pool_opts opts;
    ho_pool *pool = NULL;
    ho_init(HO_TYPE_POOL_OPTS, &opts, sizeof opts);
    opts.slot_bytes = sizeof(struct monster);
    opts.name = "monsters";
    ho_pool_open(arena, &opts, &pool); /* NULL on failure; acquire then says HO_E_HANDLE */
    return pool;
}
/* snippet end */

/* snippet: attack by message */
static int32_t attack(ho_producer *out, ho_shard *shard, const ho_obj *target)
{
    ho_buf loan;
    int32_t status = ho_reserve(shard, 1, NULL, &loan);
    if (status)
        return status;
    loan.len = 1;
    loan.value = target->handle; /* travels as a number, and holds nothing */
    status = ho_commit(out, &loan, 1, 0, NULL);
    if (status)
        ho_abort(shard, &loan, 1, NULL);
    return status;
}

static int32_t on_attack(ho_pool *monsters, const ho_buf *message)
{
    void *target;
    int32_t status = ho_pool_resolve(monsters, message->value, &target);
    if (status) /* HO_E_STALE: it died meanwhile */
        return status;
    ((struct monster *)target)->hp -= 10;
    return HO_OK;
}
/* snippet end */

static void a_handle_travels_and_a_stale_one_is_refused(void **state)
{
    (void)state;
    ho_pool *monsters = open_monsters(r.arena);
    ho_obj boss;
    CHECK_STATUS(ho_pool_acquire(monsters, &boss), HO_OK);
    *(struct monster *)boss.ptr = (struct monster){.id = 1, .hp = 100};
    for (int dead = 0; dead < 2; dead++) {
        CHECK_STATUS(attack(r.producer, r.shard, &boss), HO_OK);
        if (dead)
            CHECK_STATUS(ho_pool_release(monsters, &boss), HO_OK);
        ho_buf message;
        uint32_t n;
        CHECK_STATUS(ho_take(r.consumer, &message, 1, &n), HO_OK);
        CHECK_STATUS(on_attack(monsters, &message), dead ? HO_E_STALE : HO_OK);
        if (!dead)
            CHECK(((struct monster *)boss.ptr)->hp == 90);
        rig_return(r.domain, &message);
    }
    CHECK_STATUS(ho_pool_close(monsters, NULL), HO_OK);
}

/* snippet: a raid */
static uint32_t begin_raid(ho_pool *monsters, ho_obj *raid, uint32_t count)
{
    uint32_t acquired;
    ho_pool_prepare(monsters, count, NULL); /* before the raid is due: page faults happen here */
    ho_pool_acquire_many(monsters, raid, count, &acquired);
    for (uint32_t i = 0; i < acquired; i++)
        *(struct monster *)raid[i].ptr = (struct monster){.id = i, .hp = 100};
    return acquired;
}

static void end_raid(ho_pool *monsters, ho_obj *raid, uint32_t count)
{
    ho_pool_release_many(monsters, raid, count, NULL); /* on any thread */
    ho_pool_trim(monsters, 64 << 10, NULL);            /* now, and not a second later */
}
/* snippet end */

/* snippet: what is left */
static uint64_t release_all(ho_pool *monsters)
{
    uint64_t cursor = 0, handles[32], released = 0;
    uint32_t n;
    while (ho_pool_visit(monsters, &cursor, handles, 32, &n) == HO_OK)
        for (uint32_t i = 0; i < n; i++) {
            ho_obj left = {.handle = handles[i]};
            if (ho_pool_resolve(monsters, left.handle, &left.ptr) == HO_OK)
                released += ho_pool_release(monsters, &left) == HO_OK;
        }
    return released;
}
/* snippet end */

static void a_raid_comes_and_goes(void **state)
{
    (void)state;
    enum { RAID = 11000 };
    static ho_obj raid[RAID];
    ho_pool *monsters = open_monsters(r.arena);
    CHECK(begin_raid(monsters, raid, RAID) == RAID);
    uint64_t peak = rig_pool_stats(monsters).bytes_held;
    CHECK(peak <= RAID * (sizeof(struct monster) + 4) + 6 * 4096); /* "4 bytes an object" */
    end_raid(monsters, raid, RAID - 100);
    CHECK(rig_pool_stats(monsters).bytes_held < peak);
    CHECK(release_all(monsters) == 100);
    CHECK_STATUS(ho_pool_close(monsters, NULL), HO_OK);
}

struct session {
    pthread_mutex_t mutex;
};

/* snippet: objects that stay constructed */
static void construct_session(void *ptr, void *arg)
{
    struct session *session = ptr;
    (void)arg;
    pthread_mutex_init(&session->mutex, NULL);
}

static void destruct_session(void *ptr, void *arg)
{
    struct session *session = ptr;
    (void)arg;
    pthread_mutex_destroy(&session->mutex);
}

static ho_pool *open_sessions(ho_arena *arena)
{
    ho_pool_opts opts;
    ho_pool *pool = NULL;
    ho_init(HO_TYPE_POOL_OPTS, &opts, sizeof opts);
    opts.slot_bytes = sizeof(struct session);
    opts.construct = construct_session;
    opts.destruct = destruct_session;
    ho_pool_open(arena, &opts, &pool);
    return pool;
}
/* snippet end */

static void a_session_is_ready_when_it_is_acquired(void **state)
{
    (void)state;
    ho_pool *sessions = open_sessions(r.arena);
    ho_obj obj;
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(ho_pool_acquire(sessions, &obj), HO_OK);
        struct session *session = obj.ptr;
        CHECK(pthread_mutex_trylock(&session->mutex) == 0);
        CHECK(pthread_mutex_unlock(&session->mutex) == 0);
        CHECK_STATUS(ho_pool_release(sessions, &obj), HO_OK);
    }
    CHECK_STATUS(ho_pool_close(sessions, NULL), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_handle_travels_and_a_stale_one_is_refused),
    WITH_RIG(a_raid_comes_and_goes),
    WITH_RIG(a_session_is_ready_when_it_is_acquired),
};

HO_TEST_MAIN(tests)
