/* SPDX-License-Identifier: MIT */
/* The lane in isolation: what is visible when, room, wrapping, and two threads. */
#include <sched.h>
#include <string.h>

#include "harness.h"

#include "src/lane.h"

#define SLOTS 4u

static struct hoi_lane_stock stock;
static struct hoi_lane *lane;

static int open_lane(void **state)
{
    (void)state;
    lane = hoi_lane_new(&stock, SLOTS);
    return lane == NULL;
}

static int close_lane(void **state)
{
    (void)state;
    hoi_lane_delete(&stock, lane);
    hoi_lane_stock_free(&stock);
    stock.spare = NULL;
    stock.pages = NULL;
    return 0;
}

/* A descriptor whose every field tells its number; `service` is not carried. */
static ho_buf descriptor(uint64_t n)
{
    return (ho_buf){.ptr = (uint8_t *)(uintptr_t)(n * 64),
                    .len = n + 1,
                    .handle = n + 2,
                    .value = n + 3,
                    .cap = n + 4,
                    .owner = (uint32_t)n + 5,
                    .flags = ((uint32_t)n + 6) & ~HO_BUF_PARTITION,
                    .hops = (uint16_t)(n + 7),
                    .align_log2 = (uint8_t)(n + 8),
                    .kind = (uint8_t)(n + 9),
                    .key = n + 10};
}

static void push(uint64_t n)
{
    ho_buf b = descriptor(n);
    CHECK(hoi_lane_room(&lane->core));
    hoi_lane_push(&lane->core, &b);
}

static uint32_t take(ho_buf *bufs, uint32_t max)
{
    struct hoi_taking taking = {0};
    uint32_t n = hoi_lane_take(&lane->core, bufs, max, &taking);
    for (uint32_t i = 0; i < n; i++)
        bufs[i].service = 0;
    return n;
}

static void check_descriptor(const ho_buf *b, uint64_t n)
{
    ho_buf expected = descriptor(n);
    CHECK(memcmp(b, &expected, sizeof expected) == 0);
}

static void an_empty_lane_gives_nothing(void **state)
{
    (void)state;
    ho_buf b;
    CHECK(!hoi_lane_ready(&lane->core));
    CHECK(!hoi_lane_recheck(&lane->core));
    CHECK(take(&b, 1) == 0);
    CHECK(!hoi_lane_publish(&lane->core));
}

static void a_message_is_invisible_until_it_is_published(void **state)
{
    (void)state;
    ho_buf b;
    push(1);
    CHECK(take(&b, 1) == 0);
    CHECK(hoi_lane_publish(&lane->core));
    CHECK(hoi_lane_recheck(&lane->core));
    CHECK(take(&b, 1) == 1);
    check_descriptor(&b, 1);
    CHECK(!hoi_lane_publish(&lane->core));
}

static void a_burst_becomes_visible_at_once(void **state)
{
    (void)state;
    ho_buf bufs[SLOTS];
    for (uint64_t n = 0; n < SLOTS; n++) {
        push(n);
        CHECK(!hoi_lane_ready(&lane->core));
    }
    CHECK(hoi_lane_publish(&lane->core));
    CHECK(take(bufs, SLOTS) == SLOTS);
    for (uint64_t n = 0; n < SLOTS; n++)
        check_descriptor(&bufs[n], n);
}

static void take_gives_at_most_max_and_goes_on_behind_it(void **state)
{
    (void)state;
    ho_buf bufs[SLOTS];
    for (uint64_t n = 0; n < 3; n++)
        push(n);
    hoi_lane_publish(&lane->core);
    CHECK(take(bufs, 0) == 0);
    CHECK(take(bufs, 2) == 2);
    CHECK(take(bufs, 2) == 1);
    check_descriptor(&bufs[0], 2);
}

static void a_full_lane_has_room_again_when_slots_are_freed(void **state)
{
    (void)state;
    ho_buf bufs[SLOTS];
    for (uint64_t n = 0; n < SLOTS; n++)
        push(n);
    hoi_lane_publish(&lane->core);
    CHECK(!hoi_lane_room(&lane->core));
    CHECK(take(bufs, 1) == 1);
    CHECK(!hoi_lane_room(&lane->core)); /* taken is not free */
    CHECK(!hoi_lane_reroom(&lane->core));
    hoi_lane_free(&lane->core);
    CHECK(hoi_lane_room(&lane->core));
    push(SLOTS);
    CHECK(!hoi_lane_room(&lane->core));
    CHECK(take(bufs, 2) == 2);
    hoi_lane_free_ring(&lane->core);
    CHECK(hoi_lane_reroom(&lane->core));
}

/* Sequence numbers have 32 bits, positions 64: begin a lap before the numbers wrap. */
static void a_lane_goes_on_where_sequence_numbers_wrap(void **state)
{
    (void)state;
    uint64_t begin = ((uint64_t)1 << 32) - SLOTS;
    struct hoi_lane_core *l = &lane->core;
    l->produced = l->published = l->taken = begin;
    l->room_end = begin + l->mask + 1;
    hoi_set(l->consumed, begin);
    for (uint64_t pos = begin - SLOTS; pos < begin; pos++)
        hoi_set(l->slots[pos & l->mask].seq, (uint32_t)(pos + 1));
    for (uint64_t n = 0; n < 3 * SLOTS; n++) {
        ho_buf b;
        CHECK(take(&b, 1) == 0);
        push(n);
        hoi_lane_publish(l);
        CHECK(take(&b, 1) == 1);
        check_descriptor(&b, n);
        hoi_lane_free(l);
    }
}

#define MESSAGES 200000u

/* Bursts of 1 to 4, as long as there is room. */
static void produce(void *arg)
{
    (void)arg;
    struct hoi_lane_core *l = &lane->core;
    for (uint64_t n = 0; n < MESSAGES; n++) {
        while (!hoi_lane_room(l)) {
            hoi_lane_publish(l);
            sched_yield();
        }
        ho_buf b = descriptor(n);
        hoi_lane_push(l, &b);
        if (n * 7 % 5 < 3)
            hoi_lane_publish(l);
    }
    hoi_lane_publish(l);
}

static void two_threads_lose_reorder_and_tear_nothing(void **state)
{
    (void)state;
    harness_thread producer;
    harness_start(&producer, produce, NULL);
    for (uint64_t next = 0; next < MESSAGES;) {
        ho_buf bufs[SLOTS];
        uint32_t n = take(bufs, 1 + (uint32_t)next % SLOTS);
        for (uint32_t i = 0; i < n; i++)
            check_descriptor(&bufs[i], next + i);
        next += n;
        if (n)
            hoi_lane_free(&lane->core);
        else
            sched_yield();
    }
    harness_join(&producer);
    CHECK(!hoi_lane_ready(&lane->core));
}

/* More than a page of them: each is by itself, and a lane that is made again is as new. */
static void lanes_of_a_stock_are_their_own(void **state)
{
    struct hoi_lane *lanes[20];
    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        lanes[i] = hoi_lane_new(&stock, SLOTS);
        CHECK(lanes[i] != NULL);
        lanes[i]->partition = i;
    }
    for (uint32_t i = 0; i < 20; i++)
        CHECK(lanes[i]->partition == i);
    ho_buf b = descriptor(1);
    hoi_lane_push(&lanes[19]->core, &b);
    (void)hoi_lane_publish(&lanes[19]->core);
    hoi_lane_delete(&stock, lanes[19]);
    struct hoi_lane *again = hoi_lane_new(&stock, SLOTS);
    CHECK(again == lanes[19]);
    CHECK(!hoi_lane_ready(&again->core) && !again->partition && !again->core.produced);
    for (uint32_t i = 0; i < 20; i++)
        hoi_lane_delete(&stock, lanes[i]);
}

#define ON_A_LANE(test) cmocka_unit_test_setup_teardown(test, open_lane, close_lane)

static const struct CMUnitTest tests[] = {
    ON_A_LANE(an_empty_lane_gives_nothing),
    ON_A_LANE(a_message_is_invisible_until_it_is_published),
    ON_A_LANE(a_burst_becomes_visible_at_once),
    ON_A_LANE(take_gives_at_most_max_and_goes_on_behind_it),
    ON_A_LANE(a_full_lane_has_room_again_when_slots_are_freed),
    ON_A_LANE(a_lane_goes_on_where_sequence_numbers_wrap),
    ON_A_LANE(lanes_of_a_stock_are_their_own),
    ON_A_LANE(two_threads_lose_reorder_and_tear_nothing),
};

HO_TEST_MAIN(tests)
