/* SPDX-License-Identifier: MIT */
/* Pools: the end of a slot's generations, which can't be reached from outside. */
#include "rig.h"

#include "src/pool_private.h"

enum { FEW = 5 };

static ho_domain *domain;
static ho_pool *pool;

static int open_pool(void **state)
{
    (void)state;
    domain = rig_domain();
    pool = rig_pool(rig_arena(domain, NULL), POOL_OPTS(.slot_bytes = 8, .objects_max = FEW));
    return 0;
}

static int close_pool(void **state)
{
    (void)state;
    CHECK_STATUS(ho_pool_close(pool, NULL), HO_OK);
    rig_destroy(domain);
    return 0;
}

/* Makes the generation of an object that is held the last but `left`. */
static void age(ho_obj *obj, uint32_t left)
{
    struct hoi_pool *p = hoi_pool_get(pool);
    uint32_t gen = UINT32_MAX - 2 * left;
    hoi_set(p->state[hoi_obj_index(obj->handle)], gen);
    obj->handle = (uint64_t)gen << 32 | (uint32_t)obj->handle;
}

static void a_slot_is_retired_after_its_last_generation(void **state)
{
    (void)state;
    ho_obj objs[FEW + 1], held[FEW], old;
    uint32_t n;
    void *ptr;
    for (int many = 0; many < 2; many++) {
        /* All others are held: it is the only one that can come again. */
        CHECK_STATUS(ho_pool_acquire_many(pool, held, (uint32_t)(FEW - 1 - many), &n), HO_OK);
        CHECK_STATUS(ho_pool_acquire(pool, &objs[0]), HO_OK);
        ho_obj slot = objs[0];
        age(&objs[0], 2);
        for (int left = 2;; left--) {
            old = objs[0];
            CHECK_STATUS(ho_pool_resolve(pool, old.handle, &ptr), HO_OK);
            if (many)
                CHECK_STATUS(ho_pool_release_many(pool, objs, 1, NULL), HO_OK);
            else
                CHECK_STATUS(ho_pool_release(pool, &objs[0]), HO_OK);
            CHECK_STATUS(ho_pool_resolve(pool, old.handle, &ptr), HO_E_STALE);
            if (!left)
                break;
            CHECK_STATUS(ho_pool_acquire(pool, &objs[0]), HO_OK);
            CHECK(objs[0].ptr == slot.ptr && objs[0].handle >> 32 == (old.handle >> 32) + 2);
        }
        CHECK_STATUS(ho_pool_release(pool, &old), HO_E_STALE);
        CHECK_STATUS(ho_pool_acquire(pool, &objs[0]), HO_FULL);
        CHECK_STATUS(ho_pool_release_many(pool, held, n, NULL), HO_OK);
        CHECK_STATUS(ho_pool_acquire_many(pool, objs, FEW + 1, &n), HO_FULL);
        CHECK(n == (uint32_t)(FEW - 1 - many));
        for (uint32_t i = 0; i < n; i++)
            CHECK(objs[i].ptr != slot.ptr);
        CHECK_STATUS(ho_pool_release_many(pool, objs, n, NULL), HO_OK);
    }
    CHECK_STATUS(ho_pool_trim(pool, 0, NULL), HO_OK);
    CHECK_STATUS(ho_pool_acquire_many(pool, objs, FEW + 1, &n), HO_FULL);
    CHECK(n == FEW - 2);
    CHECK_STATUS(ho_pool_release_many(pool, objs, n, NULL), HO_OK);
    CHECK(rig_pool_stats(pool).live == 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(a_slot_is_retired_after_its_last_generation, open_pool,
                                    close_pool),
};

HO_TEST_MAIN(tests)
