/* SPDX-License-Identifier: MIT */
/* The window between a claimant that gives up and a producer that leaves. */
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_lane_of_a_producer_that_leaves_meanwhile_goes),
};

HO_TEST_MAIN(tests)
