/* SPDX-License-Identifier: MIT */
/* Windows of shared consumers whose outcome shows only in internal state. */
#include <sched.h>
#include <stdatomic.h>

#include "gate.h"
#include "rig.h"

#include "src/service_private.h"

static rig r;

static uint32_t lanes(void)
{
    struct hoi_service *s = hoi_service_lock(r.service);
    uint32_t count = s->lanes;
    hoi_service_unlock(s);
    return count;
}

static void yield(void *arg)
{
    (void)arg;
    CHECK_STATUS(ho_consumer_yield(r.consumer), HO_OK);
}

/* The consumer has seen that all is empty, and will clear the hint that the producer sets as it leaves. */
static void the_lane_of_a_producer_that_leaves_meanwhile_goes(void **state)
{
    (void)state;
    harness_thread consumer;
    gate_set(NULL);
    rig_open(&r, SERVICE_OPTS(.partitions = 2));
    rig_send(r.shard, r.producer, 1, 10);
    ho_buf buf = rig_take(r.consumer);
    rig_return(r.domain, &buf);
    CHECK(lanes() == 1);
    gate_set("shared:before_clear");
    harness_start(&consumer, yield, NULL);
    gate_await();
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    r.producer = NULL;
    gate_open();
    harness_join(&consumer);
    CHECK(rig_drain(&r) == 0);
    CHECK(lanes() == 0);
    rig_close(&r);
}

static int64_t wait_ns;
static atomic_int waited;

static void wait_briefly(void *arg)
{
    int32_t *status = arg;
    *status = ho_wait(r.consumer, wait_ns);
    atomic_store(&waited, 1);
}

/* A partition that is announced and nobody is woken for, as a lost wake-up would leave it. Where the wait is over before
 * that, the next one is longer. */
static void a_lost_wake_up_is_counted(void **state)
{
    (void)state;
    harness_thread waiting;
    int32_t status = HO_OK;
    gate_set(NULL);
    rig_open(&r, SERVICE_OPTS(.partitions = 2));
    CHECK_STATUS(ho_wait(r.consumer, 1000000), HO_TIMEOUT);
    CHECK(rig_stats(r.service).late_wakes == 0);
    for (wait_ns = 50000000; rig_stats(r.service).late_wakes == 0; wait_ns *= 2) {
        CHECK(wait_ns < HARNESS_NEVER_NS);
        atomic_store(&waited, 0);
        gate_set("consumer:waiting");
        harness_start(&waiting, wait_briefly, &status);
        gate_await();
        struct hoi_service *s = hoi_service_lock(r.service);
        gate_open();
        while (!hoi_claim_waiting(&s->claims, 0) && !atomic_load(&waited))
            sched_yield(); /* until it has looked, and found nothing */
        (void)A_OR(s->claims.parts[1].word, HOI_PART_ACTIVE, memory_order_seq_cst);
        hoi_ready_set(&s->claims, 1);
        hoi_service_unlock(s);
        harness_join(&waiting);
        CHECK_STATUS(status, HO_TIMEOUT); /* no message was in it */
        CHECK(rig_drain(&r) == 0);        /* it is not announced any more */
    }
    CHECK(rig_stats(r.service).late_wakes == 1);
    rig_close(&r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_lane_of_a_producer_that_leaves_meanwhile_goes),
    cmocka_unit_test(a_lost_wake_up_is_counted),
};

HO_TEST_MAIN(tests)
