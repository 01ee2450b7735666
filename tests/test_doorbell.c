/* SPDX-License-Identifier: MIT */
/* The doorbell in isolation: who wakes whom, the descriptor, and two threads. */
#include <poll.h>
#include <sched.h>

#include "harness.h"

#include "src/lane.h"

#define SLOTS 4u
#define SECOND_NS 1000000000

static struct hoi_lane_stock stock;
static struct hoi_lane *lane;
static struct hoi_bell bell;

static int open_bell(void **state)
{
    (void)state;
    lane = hoi_lane_new(&stock, SLOTS);
    bell = (struct hoi_bell){0};
    int fd = hoi_os_eventfd();
    hoi_set(bell.fd, fd + 1);
    return lane == NULL || fd < 0;
}

static int close_bell(void **state)
{
    (void)state;
    hoi_os_close(hoi_get(bell.fd) - 1);
    hoi_lane_delete(&stock, lane);
    hoi_lane_stock_free(&stock);
    stock.spare = NULL;
    stock.pages = NULL;
    return 0;
}

static int readable(int timeout_ms)
{
    struct pollfd p = {.fd = hoi_get(bell.fd) - 1, .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static void nobody_is_woken_who_does_not_sleep(void **state)
{
    (void)state;
    CHECK(hoi_bell_ring(&bell.core) == HOI_BELL_AWAKE);
    CHECK(!hoi_bell_wake(&bell));
    CHECK(!hoi_bell_reset(&bell.core));
}

static void one_publisher_of_several_wakes_the_sleeper(void **state)
{
    (void)state;
    hoi_bell_prepare_wait(&bell.core, HOI_BELL_SLEEPING);
    CHECK(hoi_bell_ring(&bell.core) == HOI_BELL_SLEEPING);
    CHECK(hoi_bell_ring(&bell.core) == HOI_BELL_AWAKE);
    CHECK(!hoi_bell_reset(&bell.core)); /* no write of the descriptor is due */
    hoi_bell_prepare_wait(&bell.core, HOI_BELL_ARMED);
    CHECK(hoi_bell_ring(&bell.core) == HOI_BELL_ARMED);
    CHECK(hoi_bell_ring(&bell.core) == HOI_BELL_AWAKE);
    CHECK(hoi_bell_reset(&bell.core));
    CHECK(!hoi_bell_reset(&bell.core));
}

static void a_sleeper_that_gets_up_by_itself_is_owed_nothing(void **state)
{
    (void)state;
    hoi_bell_prepare_wait(&bell.core, HOI_BELL_ARMED);
    hoi_bell_finish_wait(&bell);
    CHECK(bell.owed == 0);
    CHECK(!hoi_bell_wake(&bell));
    CHECK(!readable(0));
}

static void an_armed_descriptor_is_readable_until_the_sleeper_gets_up(void **state)
{
    (void)state;
    hoi_bell_prepare_wait(&bell.core, HOI_BELL_ARMED);
    CHECK(!readable(0));
    CHECK(hoi_bell_wake(&bell));
    CHECK(readable(0));
    hoi_bell_finish_wait(&bell);
    CHECK(!readable(0) && bell.owed == 0);
}

/* The publisher is between its exchange and its write. */
static void a_write_that_comes_late_is_read_the_next_time(void **state)
{
    (void)state;
    hoi_bell_prepare_wait(&bell.core, HOI_BELL_ARMED);
    CHECK(hoi_bell_ring(&bell.core) == HOI_BELL_ARMED);
    hoi_bell_finish_wait(&bell);
    CHECK(bell.owed == 1);
    hoi_os_eventfd_write(hoi_get(bell.fd) - 1);
    CHECK(readable(0));
    hoi_bell_finish_wait(&bell);
    CHECK(!readable(0) && bell.owed == 0);
}

#define MESSAGES 20000u

/* One message at a time, so that the consumer is about to sleep as often as can be. */
static void send_one_by_one(void *arg)
{
    (void)arg;
    for (uint64_t n = 0; n < MESSAGES; n++) {
        while (!hoi_lane_room(&lane->core))
            sched_yield();
        ho_buf b = {.key = n};
        hoi_lane_push(&lane->core, &b);
        hoi_lane_publish(&lane->core);
        hoi_bell_wake(&bell);
    }
}

/* Sleeps unless there is something. 0: nothing woke it for a long time. */
static int sleep_in(uint32_t state)
{
    int woken = 1;
    hoi_bell_prepare_wait(&bell.core, state);
    if (!hoi_lane_recheck(&lane->core))
        woken = state == HOI_BELL_ARMED
                    ? readable(20 * 1000)
                    : hoi_os_futex_wait(&bell.core.word, state,
                                        hoi_os_deadline((int64_t)20 * SECOND_NS)) >= 0;
    hoi_bell_finish_wait(&bell);
    return woken;
}

static void receive_sleeping_in(uint32_t state)
{
    harness_thread producer;
    harness_start(&producer, send_one_by_one, NULL);
    for (uint64_t next = 0; next < MESSAGES;) {
        ho_buf b;
        struct hoi_taking taking = {0};
        if (hoi_lane_take(&lane->core, &b, 1, &taking)) {
            CHECK(b.key == next++);
            hoi_lane_free(&lane->core);
        } else {
            CHECK(sleep_in(state));
        }
    }
    harness_join(&producer);
    hoi_bell_finish_wait(&bell);
    CHECK(!readable(0) && bell.owed == 0);
}

static void a_sleeper_on_the_futex_gets_every_message(void **state)
{
    (void)state;
    receive_sleeping_in(HOI_BELL_SLEEPING);
}

static void a_sleeper_on_the_descriptor_gets_every_message(void **state)
{
    (void)state;
    receive_sleeping_in(HOI_BELL_ARMED);
}

#define ON_A_BELL(test) cmocka_unit_test_setup_teardown(test, open_bell, close_bell)

static const struct CMUnitTest tests[] = {
    ON_A_BELL(nobody_is_woken_who_does_not_sleep),
    ON_A_BELL(one_publisher_of_several_wakes_the_sleeper),
    ON_A_BELL(a_sleeper_that_gets_up_by_itself_is_owed_nothing),
    ON_A_BELL(an_armed_descriptor_is_readable_until_the_sleeper_gets_up),
    ON_A_BELL(a_write_that_comes_late_is_read_the_next_time),
    ON_A_BELL(a_sleeper_on_the_futex_gets_every_message),
    ON_A_BELL(a_sleeper_on_the_descriptor_gets_every_message),
};

HO_TEST_MAIN(tests)
