/* SPDX-License-Identifier: MIT */
/* Aborting through another shard of the domain, on that shard's thread. */
#include <stdatomic.h>

#include "rig.h"

#define RUN 48u
#define RUNS 400u

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 8 * RIG_SEGMENT), NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

/* One way only: the aborting thread tells the other nothing, but by the memory that comes back. */
static struct {
    ho_buf loans[RUNS][RUN / 2];
    atomic_uint ready; /* runs */
    ho_shard *other;
} w;

static void abort_all(void *arg)
{
    (void)arg;
    for (uint32_t run = 0; run < RUNS; run++) {
        uint32_t done;
        ho_buf own;
        while (atomic_load_explicit(&w.ready, memory_order_acquire) <= run)
            ;
        for (uint32_t i = 0; i < RUN / 2; i++)
            CHECK(w.loans[run][i].ptr[0] == (uint8_t)run);
        CHECK_STATUS(ho_abort(w.other, w.loans[run], RUN / 2, &done), HO_OK);
        CHECK(done == RUN / 2);
        if (ho_reserve(w.other, 100, NULL, &own) == HO_OK) /* it fills a segment meanwhile */
            CHECK_STATUS(ho_abort(w.other, &own, 1, NULL), HO_OK);
    }
}

/* Every second loan goes away to be aborted, while their own shard fills, splits, aborts and sends the others. */
static void another_thread_aborts_what_its_shard_did_not_reserve(void **state)
{
    (void)state;
    harness_thread thread;
    static ho_buf loans[RUN];
    w.ready = 0;
    w.other = rig_shard(r.arena);
    harness_start(&thread, abort_all, NULL);
    for (uint32_t run = 0; run < RUNS; run++) {
        uint32_t reserved = 0, n;
        while (reserved < RUN) { /* HO_FULL: until enough was aborted */
            int32_t status = ho_reserve_many(r.shard, 200 + run % 300, NULL, loans + reserved,
                                             RUN - reserved, &n);
            CHECK(status == HO_OK || status == HO_FULL);
            reserved += n;
        }
        for (uint32_t i = 0; i < RUN; i++) {
            loans[i].ptr[0] = (uint8_t)run;
            loans[i].len = 1;
            if (i % 2)
                w.loans[run][i / 2] = loans[i];
        }
        atomic_store_explicit(&w.ready, run + 1, memory_order_release);
        for (uint32_t i = 0; i < RUN; i += 2) {
            ho_buf front, buf;
            CHECK_STATUS(ho_split(r.shard, &loans[i], 64, &front), HO_OK);
            CHECK_STATUS(ho_commit(r.producer, &front, 1, 0, NULL), HO_OK);
            CHECK_STATUS(ho_take(r.consumer, &buf, 1, &n), HO_OK);
            CHECK(buf.ptr[0] == (uint8_t)run);
            rig_return(r.domain, &buf);
            CHECK_STATUS(ho_abort(r.shard, &loans[i], 1, NULL), HO_OK);
        }
    }
    harness_join(&thread);
    CHECK_STATUS(ho_shard_close(w.other), HO_OK);
    CHECK(rig_arena_stats(r.arena).loans_out == 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(another_thread_aborts_what_its_shard_did_not_reserve, open_rig,
                                    close_rig),
};

HO_TEST_MAIN(tests)
