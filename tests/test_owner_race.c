/* SPDX-License-Identifier: MIT */
/* Owners under threads: each release once, none forgotten in a queue, none after retiring. */
#include <poll.h>
#include <unistd.h>
#include <stdatomic.h>

#include "rig.h"

#define RETURNERS 2u
#define EACH 100u

static rig r;
static uint8_t memory[64];

static struct {
    uint32_t owner;
    atomic_uint released, retired;
    _Atomic uint8_t seen[RETURNERS * EACH];
    ho_buf bufs[RETURNERS][EACH];
    harness_barrier start;
} w;

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

static void count_release(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    (void)ctx;
    CHECK(w.retired == 0);
    for (uint32_t i = 0; i < count; i++)
        CHECK(recs[i].token < RETURNERS * EACH && w.seen[recs[i].token]++ == 0);
    w.released += count;
}

static void begin(uint32_t mode)
{
    w.released = w.retired = 0;
    memset((void *)(uintptr_t)w.seen, 0, sizeof w.seen);
    CHECK_STATUS(ho_owner_register(r.domain,
                                   OWNER_OPTS(.mode = mode, .release = count_release, .ctx = &w),
                                   &w.owner),
                 HO_OK);
    for (uint32_t i = 0; i < RETURNERS * EACH; i++) {
        ho_buf *buf = &w.bufs[i / EACH][i % EACH];
        uint32_t taken;
        *buf = rig_foreign(w.owner, memory, sizeof memory, i);
        CHECK_STATUS(ho_give(r.producer, buf, 1, 0, NULL), HO_OK);
        CHECK_STATUS(ho_take(r.consumer, buf, 1, &taken), HO_OK);
    }
    harness_barrier_init(&w.start, RETURNERS + 1);
}

static void return_some(void *arg)
{
    ho_buf *bufs = arg;
    harness_barrier_wait(&w.start);
    for (uint32_t i = 0; i < EACH;) {
        uint32_t n = 1 + i % 7 < EACH - i ? 1 + i % 7 : EACH - i;
        CHECK_STATUS(ho_return(r.domain, &bufs[i], n, NULL), HO_OK);
        i += n;
    }
}

static void check_end(void)
{
    harness_barrier_destroy(&w.start);
    CHECK(w.released == RETURNERS * EACH && w.retired == 1);
}

static void race(uint32_t mode, void (*meanwhile)(void))
{
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(0.5) * 1e9);
    do {
        harness_thread threads[RETURNERS];
        begin(mode);
        for (size_t i = 0; i < RETURNERS; i++)
            harness_start(&threads[i], return_some, w.bufs[i]);
        harness_barrier_wait(&w.start);
        meanwhile();
        for (size_t i = 0; i < RETURNERS; i++)
            harness_join(&threads[i]);
        check_end();
    } while (harness_now_ns() < end);
}

static void retire(void)
{
    CHECK_STATUS(ho_owner_retire(r.domain, w.owner, -1), HO_OK);
    CHECK(w.released == RETURNERS * EACH);
    w.retired = 1;
}

static void retiring_races_with_the_last_returns(void **state)
{
    (void)state;
    race(HO_RELEASE_INLINE, retire);
}

/* The owner may go with its last release: then drain says that there is none. */
static void drain_until_gone(void)
{
    int32_t status;
    while ((status = ho_owner_retire(r.domain, w.owner, 0)) == HO_TIMEOUT)
        (void)ho_owner_drain(r.domain, w.owner, 3, NULL);
    CHECK_STATUS(status, HO_OK);
    w.retired = 1;
}

static void draining_races_with_returns(void **state)
{
    (void)state;
    race(HO_RELEASE_DRAIN, drain_until_gone);
}

static void sleep_until_all_came(void)
{
    int32_t fd;
    CHECK_STATUS(ho_owner_fd(r.domain, w.owner, &fd), HO_OK);
    while (w.released < RETURNERS * EACH) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        CHECK(poll(&p, 1, HARNESS_NEVER_S * 1000) == 1); /* else a signal was lost */
        while (ho_owner_drain(r.domain, w.owner, 5, NULL) == HO_OK)
            ;
    }
    CHECK(close(fd) == 0);
    retire();
}

static void no_signal_is_lost_between_returners_and_a_polling_owner(void **state)
{
    (void)state;
    race(HO_RELEASE_EVENT, sleep_until_all_came);
}

/* ---- a domain that is closed calls back no more */

static atomic_uint callbacks_done;

static void release_slowly(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    (void)ctx;
    (void)recs;
    (void)count;
    harness_sleep_ns(20000000);
    callbacks_done++;
}

static void return_later(void *arg)
{
    harness_barrier_wait(&w.start);
    CHECK_STATUS(ho_return(r.domain, arg, 1, NULL), HO_OK);
}

static void a_closed_domain_has_called_everybody_back(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        uint32_t owner, taken;
        rig_open(&r, NULL);
        CHECK_STATUS(ho_owner_register(r.domain, OWNER_OPTS(.release = release_slowly), &owner),
                     HO_OK);
        ho_buf buf = rig_foreign(owner, memory, 1, 0);
        CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
        CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
        CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
        CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
        CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
        callbacks_done = 0;
        harness_thread thread;
        harness_barrier_init(&w.start, 2);
        harness_start(&thread, return_later, &buf);
        harness_barrier_wait(&w.start);
        CHECK_STATUS(ho_domain_close(r.domain, -1, NULL), HO_OK);
        CHECK(callbacks_done == 1);
        harness_join(&thread);
        harness_barrier_destroy(&w.start);
        CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_OK);
    }
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(retiring_races_with_the_last_returns),
    WITH_RIG(draining_races_with_returns),
    WITH_RIG(no_signal_is_lost_between_returners_and_a_polling_owner),
    cmocka_unit_test(a_closed_domain_has_called_everybody_back),
};

HO_TEST_MAIN(tests)
