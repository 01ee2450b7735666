/* SPDX-License-Identifier: MIT */
/*
 * The doorbell's dangerous moment, on real hardware: two threads meet, then one publishes and reads
 * the word while the other writes the word and looks for a message. With relaxed orders both can
 * miss each other; the rounds with the shipped orders mean something only on a machine that shows
 * this.
 */
#include <inttypes.h>
#include <sched.h>

#include "harness.h"

#define LITMUS litmus_shipped
#include "doorbell_litmus.inl"

#define LOST_ENOUGH 10u /* so many, and that as many rounds show none is no luck */
#define ROUNDS_MIN 20000u
#define LOOK_NS 5000000000u /* how long to look for them */

struct meeting {
    const struct litmus *litmus;
    struct hoi_lane *lane;
    struct hoi_bell_core bell;
    uint8_t pad0[HOI_LINE];
    A_TYPE(uint64_t) publisher_at;
    uint8_t pad1[HOI_LINE];
    A_TYPE(uint64_t) sleeper_at;
    uint8_t pad2[HOI_LINE];
    A_TYPE(uint32_t) woke; /* by the publisher, in this round */
    A_TYPE(uint32_t) stop;
};

/* Comes to the meeting point number `at`, and goes on when the other has come too. */
static void meet(A_TYPE(uint64_t) * mine, A_TYPE(uint64_t) * theirs, uint64_t at)
{
    A_STORE(*mine, at, memory_order_release);
    for (unsigned spins = 1; A_LOAD(*theirs, memory_order_acquire) < at; spins++)
        if (spins % 4096 == 0)
            sched_yield();
}

/* So that the two come at each distance from each other. */
static void linger(uint64_t turns)
{
    for (volatile uint64_t i = turns; i; i--)
        continue;
}

/* Both look at what the other will write: then each finds its own copy of it there, and misses what
 * the other side's stores are still on the way to. */
static void publish_each_round(void *arg)
{
    struct meeting *m = arg;
    for (uint64_t at = 1;; at += 3) {
        ho_buf b = {.key = at};
        hoi_lane_push(&m->lane->core, &b);
        meet(&m->publisher_at, &m->sleeper_at, at);
        if (hoi_get(m->stop))
            return;
        (void)hoi_get(m->bell.word);
        meet(&m->publisher_at, &m->sleeper_at, at + 1);
        linger(at % 8);
        hoi_set(m->woke, (uint32_t)m->litmus->publish(m->lane, &m->bell));
        meet(&m->publisher_at, &m->sleeper_at, at + 2);
        while (!hoi_lane_room(&m->lane->core))
            sched_yield();
    }
}

/* Did both miss each other? Leaves lane and word as they were. */
static int sleep_one_round(struct meeting *m, uint64_t at)
{
    ho_buf b;
    meet(&m->sleeper_at, &m->publisher_at, at);
    CHECK(!hoi_lane_ready(&m->lane->core));
    meet(&m->sleeper_at, &m->publisher_at, at + 1);
    linger(at / 8 % 8);
    int found = m->litmus->prepare(m->lane, &m->bell);
    meet(&m->sleeper_at, &m->publisher_at, at + 2);
    int lost = !found && !hoi_get(m->woke);
    (void)hoi_bell_reset(&m->bell);
    struct hoi_taking taking = {0};
    CHECK(hoi_lane_take(&m->lane->core, &b, 1, &taking) == 1);
    hoi_lane_free(&m->lane->core);
    return lost;
}

/* How many wake-ups are lost until there are enough, or the rounds or the time are over. */
static unsigned run(const struct litmus *litmus, uint64_t rounds_max, uint64_t deadline_ns,
                    uint64_t *rounds)
{
    struct hoi_lane_stock stock = {0};
    struct meeting m = {.litmus = litmus, .lane = hoi_lane_new(&stock, 2)};
    harness_thread thread;
    unsigned lost = 0;
    CHECK(m.lane != NULL);
    harness_start(&thread, publish_each_round, &m);
    *rounds = 0;
    while (lost < LOST_ENOUGH && *rounds < rounds_max && harness_now_ns() < deadline_ns)
        lost += (unsigned)sleep_one_round(&m, 3 * (*rounds)++ + 1);
    hoi_set(m.stop, 1);
    meet(&m.sleeper_at, &m.publisher_at, 3 * *rounds + 1);
    harness_join(&thread);
    hoi_lane_delete(&stock, m.lane);
    hoi_lane_stock_free(&stock);
    return lost;
}

static void wake_ups_are_lost_without_the_orders_and_none_with_them(void **state)
{
    (void)state;
    uint64_t rounds, again;
    unsigned lost = run(&litmus_relaxed, UINT64_MAX, harness_now_ns() + LOOK_NS, &rounds);
    print_message("without the orders: %u lost in %" PRIu64 " rounds\n", lost, rounds);
    if (lost < LOST_ENOUGH) {
        print_message("too few for their absence to mean anything: left out\n");
        skip();
    }
    if (rounds < ROUNDS_MIN)
        rounds = ROUNDS_MIN;
    CHECK(run(&litmus_shipped, rounds, UINT64_MAX, &again) == 0);
    CHECK(again == rounds);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(wake_ups_are_lost_without_the_orders_and_none_with_them),
};

HO_TEST_MAIN(tests)
