/* SPDX-License-Identifier: MIT */
/* Claims in isolation: which consumer gets a partition, which is woken for it, and threads. */
#include <sched.h>
#include <string.h>

#include "harness.h"

#include "src/claim.h"
#include "src/lane.h"

#define PARTS 128u
#define NONE HOI_CLAIM_NONE

static struct hoi_claim_part parts[PARTS];
static struct hoi_claim_group g;

static int open_group(void **state)
{
    (void)state;
    memset(parts, 0, sizeof parts);
    memset(&g, 0, sizeof g);
    g.parts = parts;
    g.part_words = PARTS / 64;
    hoi_claim_join(&g, 127);
    return 0;
}

static uint32_t publish(uint32_t part)
{
    return hoi_claim_published(&g, part, hoi_part_hint(0));
}

/* Takes everything and gives the claim up. */
static void drain(uint32_t part)
{
    hoi_claim_hints_clear(&g, part, hoi_claim_hints(&g, part));
    CHECK(hoi_claim_idle(&g, part));
}

static uint32_t claim(uint32_t chosen)
{
    uint32_t ring;
    uint32_t part = hoi_claim_next(&g, chosen, &ring);
    CHECK(ring == NONE);
    return part;
}

static void a_partition_is_claimed_once(void **state)
{
    (void)state;
    CHECK(claim(HOI_CHOSEN_NOT) == NONE);
    CHECK(publish(70) == NONE);
    CHECK(publish(70) == NONE);
    CHECK(claim(HOI_CHOSEN_NOT) == 70);
    CHECK(claim(HOI_CHOSEN_NOT) == NONE && !hoi_claim_try(&g, 70));
    CHECK(hoi_claim_hints(&g, 70) == hoi_part_hint(0));
    drain(70);
    CHECK(hoi_get(parts[70].word) == 0);
    CHECK(publish(70) == NONE);
    CHECK(claim(HOI_CHOSEN_NOT) == 70);
}

static void a_partition_with_a_hint_does_not_go_idle(void **state)
{
    (void)state;
    (void)publish(3);
    CHECK(claim(HOI_CHOSEN_NOT) == 3);
    hoi_claim_hints_clear(&g, 3, HOI_PART_HINTS);
    CHECK(hoi_claim_published(&g, 3, hoi_part_hint(61)) == NONE);
    CHECK(!hoi_claim_idle(&g, 3));
    CHECK(hoi_claim_hints(&g, 3) == hoi_part_hint(61));
    CHECK(hoi_claim_give_back(&g, 3) == NONE);
    CHECK(claim(HOI_CHOSEN_NOT) == 3);
}

static void lanes_beyond_62_share_the_hints(void **state)
{
    (void)state;
    CHECK(hoi_part_hint(62) == hoi_part_hint(0));
    for (uint32_t lane = 0; lane < 200; lane++)
        CHECK((hoi_part_hint(lane) & (HOI_PART_ACTIVE | HOI_PART_SILENT)) == 0);
}

static void claims_go_round(void **state)
{
    (void)state;
    static const uint32_t ready[] = {0, 1, 63, 64, 127};
    for (uint32_t i = 0; i < 5; i++)
        (void)publish(ready[i]);
    for (uint32_t i = 0; i < 12; i++) {
        CHECK(claim(HOI_CHOSEN_NOT) == ready[i % 5]);
        (void)hoi_claim_give_back(&g, ready[i % 5]);
    }
}

static void one_sleeper_is_woken_at_a_time(void **state)
{
    (void)state;
    uint32_t ring;
    CHECK(hoi_claim_prepare_wait(&g, 5, HOI_WAIT_SLEEPING));
    CHECK(hoi_claim_prepare_wait(&g, 100, HOI_WAIT_SLEEPING));
    CHECK(publish(1) == 5);
    CHECK(publish(2) == NONE); /* 5 is searching */
    CHECK(hoi_claim_finish_wait(&g, 5, HOI_WAIT_SLEEPING) == HOI_CHOSEN_SEARCHER);
    CHECK(hoi_claim_next(&g, HOI_CHOSEN_SEARCHER, &ring) == 1 && ring == 100);
    CHECK(hoi_claim_finish_wait(&g, 100, HOI_WAIT_SLEEPING) == HOI_CHOSEN_SEARCHER);
    CHECK(claim(HOI_CHOSEN_SEARCHER) == 2);
    CHECK(hoi_get(g.searching) == 0);
}

static void a_searcher_that_finds_nothing_drops_the_token(void **state)
{
    (void)state;
    CHECK(hoi_claim_prepare_wait(&g, 5, HOI_WAIT_SLEEPING));
    CHECK(publish(1) == 5);
    CHECK(claim(HOI_CHOSEN_NOT) == 1); /* somebody awake was faster */
    CHECK(claim(hoi_claim_finish_wait(&g, 5, HOI_WAIT_SLEEPING)) == NONE);
    CHECK(hoi_claim_prepare_wait(&g, 5, HOI_WAIT_SLEEPING));
    CHECK(publish(2) == 5);
}

static void nobody_sleeps_while_something_is_ready(void **state)
{
    (void)state;
    uint32_t ring;
    CHECK(hoi_claim_published_silent(&g, 9, hoi_part_hint(0), &ring) && ring == NONE);
    CHECK(!hoi_claim_prepare_wait(&g, 0, HOI_WAIT_SLEEPING));
    CHECK(hoi_claim_finish_wait(&g, 0, HOI_WAIT_SLEEPING) == HOI_CHOSEN_NOT);
    CHECK(claim(HOI_CHOSEN_NOT) == 9);
}

static void a_helper_wakes_when_it_settles(void **state)
{
    (void)state;
    uint32_t ring;
    CHECK(hoi_claim_prepare_wait(&g, 0, HOI_WAIT_SLEEPING));
    CHECK(hoi_claim_published_silent(&g, 9, hoi_part_hint(0), &ring) && ring == NONE);
    CHECK(hoi_claim_published_silent(&g, 9, hoi_part_hint(1), &ring) && ring == NONE);
    CHECK(hoi_claim_settle(&g, 9) == 0);
    CHECK(hoi_claim_settle(&g, 9) == NONE);
}

static void what_the_helper_claims_needs_no_settling(void **state)
{
    (void)state;
    uint32_t ring;
    CHECK(hoi_claim_prepare_wait(&g, 0, HOI_WAIT_SLEEPING));
    CHECK(hoi_claim_published_silent(&g, 9, hoi_part_hint(0), &ring));
    CHECK(hoi_claim_try(&g, 9));
    CHECK(hoi_claim_settle(&g, 9) == NONE && publish(9) == NONE);
    drain(9);
    CHECK(hoi_claim_settle(&g, 9) == NONE);
}

static void a_second_publisher_wakes_for_a_silent_partition(void **state)
{
    (void)state;
    uint32_t ring;
    CHECK(hoi_claim_prepare_wait(&g, 0, HOI_WAIT_SLEEPING));
    CHECK(hoi_claim_published_silent(&g, 9, hoi_part_hint(0), &ring));
    CHECK(hoi_claim_published(&g, 9, hoi_part_hint(1)) == 0);
    CHECK(hoi_claim_settle(&g, 9) == NONE);
}

static void a_silent_partition_is_no_reason_to_wake_another(void **state)
{
    (void)state;
    uint32_t ring;
    CHECK(hoi_claim_prepare_wait(&g, 0, HOI_WAIT_SLEEPING));
    CHECK(hoi_claim_prepare_wait(&g, 1, HOI_WAIT_SLEEPING));
    CHECK(hoi_claim_published_silent(&g, 9, hoi_part_hint(0), &ring));
    CHECK(publish(3) == 0);
    CHECK(claim(hoi_claim_finish_wait(&g, 0, HOI_WAIT_SLEEPING)) == 3);
}

static void each_partition_wakes_another_armed_consumer(void **state)
{
    (void)state;
    CHECK(hoi_claim_prepare_wait(&g, 0, HOI_WAIT_ARMED));
    CHECK(hoi_claim_prepare_wait(&g, 1, HOI_WAIT_ARMED));
    CHECK(publish(3) == 0);
    CHECK(publish(4) == 1);
    CHECK(publish(5) == NONE);
    CHECK(hoi_claim_finish_wait(&g, 0, HOI_WAIT_ARMED) == HOI_CHOSEN_ARMED);
}

static void a_sleeper_is_chosen_before_an_armed_one(void **state)
{
    (void)state;
    CHECK(hoi_claim_prepare_wait(&g, 0, HOI_WAIT_ARMED));
    CHECK(hoi_claim_prepare_wait(&g, 1, HOI_WAIT_SLEEPING));
    CHECK(publish(3) == 1);
}

static void a_consumer_that_leaves_passes_its_wake_on(void **state)
{
    (void)state;
    CHECK(hoi_claim_prepare_wait(&g, 0, HOI_WAIT_ARMED));
    CHECK(hoi_claim_prepare_wait(&g, 1, HOI_WAIT_ARMED));
    CHECK(publish(3) == 0);
    CHECK(hoi_claim_pass_on(&g, hoi_claim_finish_wait(&g, 0, HOI_WAIT_ARMED)) == 1);
    CHECK(hoi_claim_pass_on(&g, HOI_CHOSEN_NOT) == NONE);
}

static void nobody_waits_after_the_end(void **state)
{
    (void)state;
    CHECK(hoi_claim_prepare_wait(&g, 0, HOI_WAIT_ARMED));
    CHECK(hoi_claim_prepare_wait(&g, 70, HOI_WAIT_SLEEPING));
    CHECK(!hoi_claim_ended(&g));
    hoi_claim_end(&g);
    CHECK(hoi_claim_waiting(&g, 0) == 1 && hoi_claim_waiting(&g, 1) == 1u << 6);
    CHECK(hoi_claim_finish_wait(&g, 70, HOI_WAIT_SLEEPING) == HOI_CHOSEN_NOT);
    CHECK(hoi_claim_ended(&g) && !hoi_claim_prepare_wait(&g, 70, HOI_WAIT_SLEEPING));
}

/* Threads: two publishers with a lane to each of a few partitions, three consumers. */
#define BUSY 4u
#define PUBLISHERS 2u
#define CONSUMERS 3u
#define SLOTS 8u
#define MESSAGES 20000u
#define SECOND_NS 1000000000

static struct hoi_lane_stock stock;
static struct hoi_lane *lanes[BUSY][PUBLISHERS];
static uint64_t next[BUSY][PUBLISHERS]; /* plain: only a claimant touches it */
static struct hoi_bell bells[CONSUMERS];
static _Atomic uint32_t left;

static void ring(uint32_t who)
{
    if (who != NONE)
        (void)hoi_bell_wake_sleeper(&bells[who]);
}

static void send(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    for (uint64_t n = 0; n < MESSAGES; n++) {
        uint32_t part = (uint32_t)(n % BUSY);
        struct hoi_lane *lane = lanes[part][me];
        while (!hoi_lane_room(&lane->core))
            sched_yield();
        ho_buf b = {.key = n / BUSY};
        hoi_lane_push(&lane->core, &b);
        hoi_lane_publish(&lane->core);
        ring(hoi_claim_published(&g, part, hoi_part_hint(me)));
    }
}

static uint32_t take(uint32_t part)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < PUBLISHERS; p++) {
        ho_buf b[2];
        struct hoi_taking taking = {0};
        uint32_t got = hoi_lane_take(&lanes[part][p]->core, b, 2, &taking);
        for (uint32_t i = 0; i < got; i++)
            CHECK(b[i].key == next[part][p]++);
        hoi_lane_free(&lanes[part][p]->core);
        n += got;
    }
    return n;
}

static void release(uint32_t part)
{
    hoi_claim_hints_clear(&g, part, HOI_PART_HINTS);
    for (uint32_t p = 0; p < PUBLISHERS; p++)
        if (hoi_lane_recheck(&lanes[part][p]->core))
            hoi_claim_hints_set(&g, part, hoi_part_hint(p));
    if (!hoi_claim_idle(&g, part))
        ring(hoi_claim_give_back(&g, part));
}

static void end(void)
{
    hoi_claim_end(&g);
    for (uint32_t c = 0; c < CONSUMERS; c++)
        if (hoi_claim_waiting(&g, 0) >> c & 1)
            ring(c);
}

static uint32_t wait_for_one(uint32_t me)
{
    hoi_bell_prepare_wait(&bells[me].core, HOI_BELL_SLEEPING);
    if (hoi_claim_prepare_wait(&g, me, HOI_WAIT_SLEEPING))
        CHECK(hoi_os_futex_wait(&bells[me].core.word, HOI_BELL_SLEEPING,
                                hoi_os_deadline((int64_t)20 * SECOND_NS)) >= 0);
    (void)hoi_bell_reset(&bells[me].core);
    return hoi_claim_finish_wait(&g, me, HOI_WAIT_SLEEPING);
}

static void receive(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    for (uint32_t chosen = HOI_CHOSEN_NOT;;) {
        uint32_t wake;
        uint32_t part = hoi_claim_next(&g, chosen, &wake);
        chosen = HOI_CHOSEN_NOT;
        ring(wake);
        if (part != NONE) {
            uint32_t got = take(part);
            release(part);
            if (got && atomic_fetch_sub(&left, got) == got)
                end();
        } else if (hoi_claim_ended(&g)) {
            return;
        } else {
            chosen = wait_for_one(me);
        }
    }
}

static void consumers_get_every_message_in_order(void **state)
{
    (void)state;
    harness_thread threads[PUBLISHERS + CONSUMERS];
    atomic_store(&left, PUBLISHERS * MESSAGES);
    for (uint32_t i = 0; i < BUSY * PUBLISHERS; i++)
        lanes[i / PUBLISHERS][i % PUBLISHERS] = hoi_lane_new(&stock, SLOTS);
    for (uintptr_t i = 0; i < CONSUMERS; i++)
        harness_start(&threads[i], receive, (void *)i);
    for (uintptr_t i = 0; i < PUBLISHERS; i++)
        harness_start(&threads[CONSUMERS + i], send, (void *)i);
    for (uint32_t i = 0; i < PUBLISHERS + CONSUMERS; i++)
        harness_join(&threads[i]);
    for (uint32_t i = 0; i < BUSY; i++)
        CHECK(hoi_get(parts[i].word) == 0);
    CHECK(hoi_get(g.searching) == 0);
    for (uint32_t i = 0; i < BUSY * PUBLISHERS; i++)
        hoi_lane_delete(&stock, lanes[i / PUBLISHERS][i % PUBLISHERS]);
    hoi_lane_stock_free(&stock);
}

#define ON_A_GROUP(test) cmocka_unit_test_setup(test, open_group)

static const struct CMUnitTest tests[] = {
    ON_A_GROUP(a_partition_is_claimed_once),
    ON_A_GROUP(a_partition_with_a_hint_does_not_go_idle),
    ON_A_GROUP(lanes_beyond_62_share_the_hints),
    ON_A_GROUP(claims_go_round),
    ON_A_GROUP(one_sleeper_is_woken_at_a_time),
    ON_A_GROUP(a_searcher_that_finds_nothing_drops_the_token),
    ON_A_GROUP(nobody_sleeps_while_something_is_ready),
    ON_A_GROUP(a_helper_wakes_when_it_settles),
    ON_A_GROUP(what_the_helper_claims_needs_no_settling),
    ON_A_GROUP(a_second_publisher_wakes_for_a_silent_partition),
    ON_A_GROUP(a_silent_partition_is_no_reason_to_wake_another),
    ON_A_GROUP(each_partition_wakes_another_armed_consumer),
    ON_A_GROUP(a_sleeper_is_chosen_before_an_armed_one),
    ON_A_GROUP(a_consumer_that_leaves_passes_its_wake_on),
    ON_A_GROUP(nobody_waits_after_the_end),
    ON_A_GROUP(consumers_get_every_message_in_order),
};

HO_TEST_MAIN(tests)
