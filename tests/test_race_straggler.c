/* SPDX-License-Identifier: MIT */
/* A sender about to sleep until there is room for a copy, and the consumer that catches up first;
 * two threads that both claim to hold a buffer while it is copied. */
#include "gate.h"
#include "rig.h"

#define LONG_NS (2 * HARNESS_NEVER_NS)
#define ROUNDS 40u

static rig r;    /* a service that is in time */
static rig late; /* one that is not, over the same shard */

static void send_half_a_segment(void *arg)
{
    (void)arg;
    rig_send(r.shard, late.producer, 1, RIG_SEGMENT / 2 + 1); /* of such a segment takes one */
}

/* It is late by what waits in its lane, not by what it pins of the arena, and there is room for one copy. */
static void make_late(void)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        for (uint32_t k = 0; k < 4; k++) {
            rig_send(r.shard, r.producer, k, RIG_SEGMENT / 4);
            CHECK(rig_drain(&r) == 1);
        }
        rig_send(r.shard, late.producer, i, 11);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    CHECK(rig_stats(late.service).straggler_copies > 0);
}

static void who_needs_no_copy_any_more_does_not_wait_for_room(void **state)
{
    (void)state;
    ho_buf bufs[ROUNDS + 2];
    uint32_t taken;
    harness_thread sender;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 256 * RIG_SEGMENT), NULL);
    late = (rig){.domain = r.domain, .arena = r.arena, .shard = r.shard};
    late.service =
        rig_service(r.domain, SERVICE_OPTS(.straggler_bytes = RIG_SEGMENT, .policy = HO_POLICY_WAIT,
                                           .wait_ns = (uint64_t)LONG_NS));
    late.producer = rig_producer(late.service, r.shard);
    late.consumer = rig_consumer(late.service);
    make_late();
    send_half_a_segment(NULL);
    gate_set("producer:before_wait");
    harness_start(&sender, send_half_a_segment, NULL);
    gate_await();
    CHECK_STATUS(ho_take(late.consumer, bufs, ROUNDS + 2, &taken), HO_OK);
    CHECK(taken == ROUNDS + 1); /* and keeps them, so that no copy comes back */
    uint64_t before = harness_now_ns();
    gate_open();
    harness_join(&sender);
    CHECK(harness_now_ns() - before < (uint64_t)LONG_NS / 2);
    CHECK(rig_drain(&late) == 1);
    CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
    CHECK_STATUS(ho_producer_close(late.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(late.consumer), HO_OK);
    rig_close(&r);
}

static ho_buf both[2];

static void forward_one(void *status)
{
    *(int32_t *)status = ho_forward(late.producer, &both[0], 1, 0, NULL);
}

/* The second holder's return is the legal one; but the memory must not go while it is read. */
static void what_is_being_copied_is_not_released(void **state)
{
    (void)state;
    static uint8_t memory[100];
    rig_owner owner;
    int32_t status;
    uint32_t taken;
    harness_thread other;
    gate_set(NULL);
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 256 * RIG_SEGMENT), NULL);
    late = (rig){.domain = r.domain, .arena = r.arena, .shard = r.shard};
    late.service = rig_service(r.domain, NULL);
    late.producer = rig_producer(late.service, r.shard);
    late.consumer = rig_consumer(late.service);
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    make_late();
    ho_buf given = rig_foreign(owner.owner, memory, sizeof memory, 1);
    CHECK_STATUS(ho_give(r.producer, &given, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, both, 1, &taken), HO_OK);
    both[1] = both[0];
    gate_set("copy:before_bytes");
    harness_start(&other, forward_one, &status);
    gate_await();
    CHECK_STATUS(ho_return(r.domain, &both[1], 1, NULL), HO_OK);
    CHECK(owner.releases == 0);
    gate_open();
    harness_join(&other);
    CHECK_STATUS(status, HO_E_STALE);
    CHECK(owner.releases == 1 && owner.last.token == 1);
    CHECK(rig_drain(&late) == ROUNDS);
    CHECK_STATUS(ho_producer_close(late.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(late.consumer), HO_OK);
    rig_close(&r);
}

static void forward_slice(void *status)
{
    *(int32_t *)status = ho_forward(r.producer, &both[0], 1, 0, NULL);
}

/* The record of a slice that its second holder returns meanwhile is a user's byte next, and no handle. */
static void a_record_that_is_no_more_leads_nowhere(void **state)
{
    (void)state;
    enum { SLICES = 4096 };
    static ho_buf slices[SLICES];
    uint32_t n;
    int32_t status;
    harness_thread other;
    gate_set(NULL);
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 256 * RIG_SEGMENT), NULL);
    rig_send(r.shard, r.producer, 1, 100);
    ho_buf buf = rig_take(r.consumer);
    for (n = 0; n < SLICES; n++)
        CHECK_STATUS(ho_slice(r.domain, &buf, 0, 100, &slices[n]), HO_OK);
    both[0] = slices[0];
    CHECK_STATUS(ho_return(r.domain, slices + 1, SLICES - 1, NULL), HO_OK);
    gate_set("slice:before_parent");
    harness_start(&other, forward_slice, &status);
    gate_await();
    CHECK_STATUS(ho_return(r.domain, &slices[0], 1, NULL), HO_OK); /* the segment of records goes */
    for (n = 0; n < 3; n++) {
        ho_buf loan = rig_loan(r.shard, 1, RIG_SEGMENT);
        memset(loan.ptr, 0xff, loan.cap);
        CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    }
    gate_open();
    harness_join(&other);
    CHECK_STATUS(status, HO_E_STALE);
    rig_return(r.domain, &buf);
    rig_close(&r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_record_that_is_no_more_leads_nowhere),
    cmocka_unit_test(what_is_being_copied_is_not_released),
    cmocka_unit_test(who_needs_no_copy_any_more_does_not_wait_for_room),
};

HO_TEST_MAIN(tests)
