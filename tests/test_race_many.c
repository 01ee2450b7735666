/* SPDX-License-Identifier: MIT */
/* A run of loans that waits for memory: what comes meanwhile, and what the call then returns. */
#include "gate.h"
#include "rig.h"

#define LONG_NS ((uint64_t)HARNESS_NEVER_NS)
#define BYTES 4096u
#define FIT 32u /* of BYTES in the budget */
#define COUNT (FIT + 8u)

static rig r;
static ho_buf loans[COUNT];
static struct {
    int32_t status;
    uint32_t reserved;
} said;

static void reserve_many(void *arg)
{
    (void)arg;
    said.status = ho_reserve_many(r.shard, BYTES, NULL, loans, COUNT, &said.reserved);
}

/* It has used up the budget, has found nothing, and has not said yet that it sleeps. */
static void stop_before_it_waits(harness_thread *thread)
{
    gate_set(NULL);
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 2 * RIG_SEGMENT, .wait_ns = LONG_NS), NULL);
    memset(loans, 0xa5, sizeof loans);
    gate_set("shard:before_wait");
    harness_start(thread, reserve_many, NULL);
    gate_await();
}

static void many_end_when_the_arena_begins_to_close(void **state)
{
    (void)state;
    harness_thread thread;
    stop_before_it_waits(&thread);
    CHECK_STATUS(ho_arena_close(r.arena, 0, NULL), HO_TIMEOUT);
    gate_open();
    harness_join(&thread);
    CHECK_STATUS(said.status, HO_E_CLOSED);
    CHECK(said.reserved == FIT);
    for (uint32_t i = FIT; i < COUNT; i++)
        CHECK_EMPTY(&loans[i]);
    CHECK_STATUS(ho_abort(r.shard, loans, FIT, NULL), HO_OK);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    CHECK_STATUS(ho_arena_close(r.arena, 0, NULL), HO_OK);
    r.producer = NULL, r.shard = NULL, r.arena = NULL;
    rig_close(&r);
}

/* By another shard: that of its own is in a call. Its first two segments are loans of this one. */
static void many_go_on_with_memory_that_comes_back(void **state)
{
    (void)state;
    harness_thread thread;
    stop_before_it_waits(&thread);
    ho_shard *other = rig_shard(r.arena);
    CHECK_STATUS(ho_abort(other, loans, FIT / 2, NULL), HO_OK);
    gate_open();
    harness_join(&thread);
    CHECK_STATUS(said.status, HO_OK);
    CHECK(said.reserved == COUNT);
    for (uint32_t i = FIT / 2; i < COUNT; i++) {
        CHECK(loans[i].kind == HO_KIND_LOAN && loans[i].cap == BYTES);
        memset(loans[i].ptr, (int)i, BYTES);
    }
    CHECK_STATUS(ho_abort(other, loans + FIT / 2, COUNT - FIT / 2, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(other), HO_OK);
    rig_check_quiet(&r);
    rig_close(&r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(many_end_when_the_arena_begins_to_close),
    cmocka_unit_test(many_go_on_with_memory_that_comes_back),
};

HO_TEST_MAIN(tests)
