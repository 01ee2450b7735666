/* SPDX-License-Identifier: MIT */
/* Reserving a run of loans in one call. */
#include "rig.h"

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT), NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

/* Each size ends a run otherwise: at the numbers of a word, at a segment's end, in the middle. */
static void many_at_once_are_as_many_one_by_one(void **state)
{
    (void)state;
    enum { COUNT = 75 };
    static ho_buf loans[COUNT];
    uint32_t n;
    for (uint64_t bytes = 1; bytes <= 3000; bytes = bytes * 3 + 1) {
        ho_buf first;
        CHECK_STATUS(ho_reserve(r.shard, bytes, NULL, &first), HO_OK);
        memset(loans, 0xa5, sizeof loans);
        CHECK_STATUS(ho_reserve_many(r.shard, bytes, NULL, loans, COUNT, &n), HO_OK);
        CHECK(n == COUNT);
        for (uint32_t i = 0; i < COUNT; i++) {
            ho_buf like = first;
            like.ptr = loans[i].ptr;
            like.handle = loans[i].handle;
            like.owner = loans[i].owner;
            CHECK(memcmp(&loans[i], &like, sizeof like) == 0);
            CHECK((uintptr_t)loans[i].ptr % 64 == 0);
            memset(loans[i].ptr, (int)i, bytes);
            loans[i].len = bytes;
        }
        CHECK_STATUS(ho_commit(r.producer, loans, COUNT, 0, &n), HO_OK);
        CHECK(n == COUNT);
        for (uint32_t i = 0; i < COUNT; i++) {
            ho_buf buf;
            CHECK_STATUS(ho_take(r.consumer, &buf, 1, &n), HO_OK);
            CHECK(buf.len == bytes && buf.ptr[0] == (uint8_t)i && buf.ptr[bytes - 1] == (uint8_t)i);
            rig_return(r.domain, &buf);
        }
        CHECK_STATUS(ho_abort(r.shard, &first, 1, NULL), HO_OK);
    }
}

static void many_stop_where_the_budget_ends(void **state)
{
    (void)state;
    enum { FIT = 4 * RIG_SEGMENT / 4096 };
    static ho_buf loans[FIT + 9];
    uint32_t n;
    memset(loans, 0xa5, sizeof loans);
    CHECK_STATUS(ho_reserve_many(r.shard, 4096, NULL, loans, FIT + 9, &n), HO_FULL);
    CHECK(n == FIT);
    for (uint32_t i = 0; i < FIT + 9; i++)
        CHECK(loans[i].kind == (i < FIT ? HO_KIND_LOAN : HO_KIND_EMPTY));
    CHECK_EMPTY(&loans[FIT]);
    CHECK_STATUS(ho_reserve_many(r.shard, 4096, NULL, loans + FIT, 9, &n), HO_FULL);
    CHECK(n == 0);
    CHECK_STATUS(ho_abort(r.shard, loans, FIT, &n), HO_OK);
}

static void many_take_options_and_refuse_as_one_does(void **state)
{
    (void)state;
    const ho_reserve_opts *opts = RESERVE_OPTS(.headroom = 8, .tailroom = 24);
    ho_buf loans[3];
    uint32_t n = 7;
    CHECK_STATUS(ho_reserve_many(r.shard, 100, opts, loans, 3, &n), HO_OK);
    CHECK(n == 3 && loans[1].ptr + 100 + 24 + 8 <= loans[2].ptr && loans[2].cap == 100);
    CHECK_STATUS(ho_abort(r.shard, loans, 3, NULL), HO_OK);
    memset(loans, 0xa5, sizeof loans);
    CHECK_STATUS(ho_reserve_many(r.shard, 0, NULL, loans, 3, &n), HO_E_RANGE);
    CHECK(n == 0);
    CHECK_EMPTY(&loans[2]);
    CHECK_STATUS(ho_reserve_many(r.shard, UINT64_MAX, NULL, loans, 3, &n), HO_E_RANGE);
    CHECK_STATUS(ho_reserve_many(r.shard, 1, NULL, loans, 3, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_reserve_many(r.shard, 1, NULL, NULL, 3, &n), HO_E_INVAL);
    CHECK_STATUS(ho_reserve_many(r.shard, 1, NULL, NULL, 0, &n), HO_OK);
    memset(loans, 0xa5, sizeof loans);
    n = 7;
    CHECK_STATUS(ho_reserve_many(NULL, 1, NULL, loans, 3, &n), HO_E_HANDLE);
    CHECK(n == 0);
    CHECK_EMPTY(&loans[0]);
}

static void many_are_refused_when_the_arena_closes(void **state)
{
    (void)state;
    ho_buf first, loans[3];
    uint32_t n = 7;
    CHECK_STATUS(ho_reserve(r.shard, 1, NULL, &first), HO_OK);
    CHECK_STATUS(ho_arena_close(r.arena, 0, NULL), HO_TIMEOUT);
    memset(loans, 0xa5, sizeof loans);
    CHECK_STATUS(ho_reserve_many(r.shard, 1, NULL, loans, 3, &n), HO_E_CLOSED);
    CHECK(n == 0);
    CHECK_EMPTY(&loans[2]);
    for (uint32_t bit = 0; bit < 64;
         bit++) { /* nor does another handle lead to a shard that closes */
        ho_shard *forged = (ho_shard *)((uintptr_t)r.shard ^ (uintptr_t)1 << bit);
        CHECK_STATUS(ho_reserve(forged, 1, NULL, loans), HO_E_HANDLE);
        CHECK_STATUS(ho_reserve_many(forged, 1, NULL, loans, 1, &n), HO_E_HANDLE);
    }
    CHECK_STATUS(ho_commit(r.producer, &first, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &first, 1, &n), HO_OK);
    rig_return(r.domain, &first);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    CHECK_STATUS(ho_arena_close(r.arena, -1, NULL), HO_OK);
    CHECK_STATUS(ho_arena_open(r.domain, NULL, &r.arena), HO_OK);
    CHECK_STATUS(ho_shard_open(r.arena, &r.shard), HO_OK);
    CHECK_STATUS(ho_producer_open(r.service, r.shard, &r.producer), HO_OK);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(many_at_once_are_as_many_one_by_one, open_rig, close_rig),
    cmocka_unit_test_setup_teardown(many_stop_where_the_budget_ends, open_rig, close_rig),
    cmocka_unit_test_setup_teardown(many_take_options_and_refuse_as_one_does, open_rig, close_rig),
    cmocka_unit_test_setup_teardown(many_are_refused_when_the_arena_closes, open_rig, close_rig),
};

HO_TEST_MAIN(tests)
