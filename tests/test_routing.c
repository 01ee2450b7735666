/* SPDX-License-Identifier: MIT */
/* How a message finds its consumer. Under traffic: test_churn.c. */
#include "rig.h"

#define CONSUMERS 4u
#define KEYS 4096u

static rig r; /* but for its consumers */
static ho_consumer *consumer[CONSUMERS + 1];

static void open_with(uint32_t routing, uint32_t consumers)
{
    rig_open(&r, SERVICE_OPTS(.routing = routing, .lane_slots = 8192));
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    r.consumer = NULL;
    for (size_t i = 0; i < consumers; i++)
        consumer[i] = rig_consumer(r.service);
}

static void close_with(uint32_t consumers)
{
    for (size_t i = 0; i < consumers; i++)
        if (consumer[i] != NULL) {
            rig_drain_consumer(r.domain, consumer[i]);
            CHECK_STATUS(ho_consumer_close(consumer[i]), HO_OK);
        }
    rig_check_quiet(&r);
    rig_close(&r);
}

/* Sends one message of each key and notes which consumer gets it. */
static void map_keys(const uint64_t *keys, uint32_t consumers, uint8_t *to)
{
    static uint8_t seen[KEYS];
    memset(seen, 0, sizeof seen);
    for (uint64_t i = 0; i < KEYS; i++) {
        ho_buf loan = rig_loan(r.shard, keys[i], 8);
        loan.token = i;
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_BY_KEY, 0, NULL), HO_OK);
    }
    for (uint32_t c = 0; c < consumers; c++) {
        ho_buf buf;
        uint32_t taken;
        while (ho_take(consumer[c], &buf, 1, &taken) == HO_OK) {
            CHECK(buf.key == keys[buf.token]);
            seen[buf.token]++;
            to[buf.token] = (uint8_t)c;
            rig_return(r.domain, &buf);
        }
    }
    for (uint64_t i = 0; i < KEYS; i++)
        CHECK(seen[i] == 1);
}

static uint64_t keys[KEYS];
static uint8_t first[KEYS], second[KEYS];

static void fill_keys(uint64_t begin, uint64_t step)
{
    for (uint64_t i = 0; i < KEYS; i++)
        keys[i] = begin + i * step;
}

static void a_key_stays_with_one_consumer(void **state)
{
    (void)state;
    open_with(HO_ROUTE_KEY, CONSUMERS);
    fill_keys(0, 1);
    map_keys(keys, CONSUMERS, first);
    for (int again = 0; again < 3; again++) {
        map_keys(keys, CONSUMERS, second);
        assert_memory_equal(first, second, sizeof first);
    }
    close_with(CONSUMERS);
}

static void every_producer_routes_a_key_alike(void **state)
{
    (void)state;
    open_with(HO_ROUTE_KEY, CONSUMERS);
    ho_producer *other = rig_producer(r.service, r.shard), *mine = r.producer;
    fill_keys(77, 13);
    map_keys(keys, CONSUMERS, first);
    r.producer = other;
    map_keys(keys, CONSUMERS, second);
    assert_memory_equal(first, second, sizeof first);
    CHECK_STATUS(ho_producer_close(mine), HO_OK);
    close_with(CONSUMERS);
}

static void keys_spread_evenly_whatever_they_look_like(void **state)
{
    (void)state;
    open_with(HO_ROUTE_KEY, CONSUMERS);
    const uint64_t steps[] = {1, 2, 64, 1024, 4096, 65536, (uint64_t)1 << 32, (uint64_t)1 << 48};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        uint32_t load[CONSUMERS] = {0};
        fill_keys(1000000007, steps[s]);
        map_keys(keys, CONSUMERS, first);
        for (size_t i = 0; i < KEYS; i++)
            load[first[i]]++;
        for (size_t c = 0; c < CONSUMERS; c++) {
            CHECK(load[c] > KEYS / CONSUMERS * 7 / 10);
            CHECK(load[c] < KEYS / CONSUMERS * 13 / 10);
        }
    }
    close_with(CONSUMERS);
}

static void a_new_consumer_gets_a_fair_share_and_no_more_keys_move(void **state)
{
    (void)state;
    open_with(HO_ROUTE_KEY, CONSUMERS);
    fill_keys(5, 1);
    map_keys(keys, CONSUMERS, first);
    consumer[CONSUMERS] = rig_consumer(r.service);
    map_keys(keys, CONSUMERS + 1, second);
    uint32_t moved = 0, astray = 0;
    for (size_t i = 0; i < KEYS; i++) {
        moved += second[i] == CONSUMERS;
        astray += second[i] != first[i] && second[i] != CONSUMERS;
    }
    CHECK(astray < KEYS / 100); /* a few may change hands to make the shares even */
    CHECK(moved > KEYS / (CONSUMERS + 1) * 7 / 10);
    CHECK(moved < KEYS / (CONSUMERS + 1) * 13 / 10);
    CHECK_STATUS(ho_consumer_close(consumer[CONSUMERS]), HO_OK);
    consumer[CONSUMERS] = NULL;
    map_keys(keys, CONSUMERS, second);
    for (size_t i = 0; i < KEYS; i++)
        CHECK(second[i] < CONSUMERS);
    close_with(CONSUMERS);
}

static void a_moved_key_is_held_back_until_the_former_consumer_is_through(void **state)
{
    (void)state;
    open_with(HO_ROUTE_KEY, 1);
    for (uint64_t key = 0; key < 100; key++)
        rig_send(r.shard, r.producer, key, 8);
    consumer[1] = rig_consumer(r.service);
    uint32_t held = 0;
    ho_buf loans[100];
    for (uint64_t key = 0; key < 100; key++) {
        loans[key] = rig_loan(r.shard, key, 8);
        int32_t status = ho_commit(r.producer, &loans[key], 1, HO_BY_KEY, 0, NULL);
        CHECK(status == HO_OK || status == HO_FULL);
        held += status == HO_FULL;
    }
    CHECK(held > 20 && held < 80); /* one of two consumers' share */
    CHECK(rig_drain_consumer(r.domain, consumer[1]) == 0);
    CHECK(rig_drain_consumer(r.domain, consumer[0]) == 100 + (100 - held));
    for (uint64_t key = 0; key < 100; key++)
        if (loans[key].handle != 0)
            CHECK_STATUS(ho_commit(r.producer, &loans[key], 1, HO_BY_KEY, 0, NULL), HO_OK);
    CHECK(rig_drain_consumer(r.domain, consumer[1]) == held);
    close_with(2);
}

/* Sends key 7 until the service is full for it; gives the next sequence number. */
static uint64_t send_in_sequence(uint64_t seq, uint64_t end)
{
    for (; seq < end; seq++) {
        ho_buf loan = rig_loan(r.shard, 7, 8);
        loan.token = seq;
        if (ho_commit(r.producer, &loan, 1, HO_BY_KEY, 0, NULL) != HO_OK) {
            CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
            break;
        }
    }
    return seq;
}

static uint64_t take_in_sequence(uint32_t c, uint64_t seq)
{
    ho_buf buf;
    uint32_t taken;
    while (ho_take(consumer[c], &buf, 1, &taken) == HO_OK) {
        CHECK(buf.token == seq++);
        rig_return(r.domain, &buf);
    }
    return seq;
}

static void a_key_stays_in_order_when_its_consumer_is_replaced(void **state)
{
    (void)state;
    open_with(HO_ROUTE_KEY, 1);
    uint64_t sent = send_in_sequence(0, 5);
    CHECK(sent == 5);
    CHECK_STATUS(ho_consumer_close(consumer[0]), HO_OK);
    consumer[0] = rig_consumer(r.service); /* the same number */
    sent = send_in_sequence(sent, 10);
    uint64_t taken = take_in_sequence(0, 0);
    CHECK(taken == sent);
    sent = send_in_sequence(sent, 20);
    CHECK(sent == 20 && take_in_sequence(0, taken) == 20);
    close_with(1);
}

static void a_key_stays_in_order_when_its_consumer_leaves_to_an_heir_and_comes_back(void **state)
{
    (void)state;
    for (uint32_t leaver = 0; leaver < 2; leaver++) {
        open_with(HO_ROUTE_KEY, 2);
        uint64_t sent = send_in_sequence(0, 5), taken = 0;
        CHECK(sent == 5);
        CHECK_STATUS(ho_consumer_close(consumer[leaver]), HO_OK);
        consumer[leaver] = rig_consumer(r.service);
        sent = send_in_sequence(sent, 10);
        for (int round = 0; round < 3; round++) {
            taken = take_in_sequence(leaver, taken); /* the new one looks first */
            taken = take_in_sequence(!leaver, taken);
        }
        CHECK(taken == sent);
        close_with(2);
    }
}

static void without_a_consumer_a_keyed_service_is_full(void **state)
{
    (void)state;
    open_with(HO_ROUTE_KEY, 0);
    ho_buf loan = rig_loan(r.shard, 1, 10);
    CHECK_REFUSED(&r, &loan, 1, ho_commit(r.producer, &loan, 1, HO_BY_KEY, 0, NULL), HO_FULL);
    consumer[0] = rig_consumer(r.service);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_BY_KEY, 0, NULL), HO_OK);
    CHECK(rig_drain_consumer(r.domain, consumer[0]) == 1);
    close_with(1);
}

static void a_keyed_service_takes_no_numbers(void **state)
{
    (void)state;
    open_with(HO_ROUTE_KEY, 2);
    ho_buf loan = rig_loan(r.shard, 1, 10);
    uint32_t bad[] = {0, 1, 2, 1024, HO_BY_KEY - 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_REFUSED(&r, &loan, 1, ho_commit(r.producer, &loan, 1, bad[i], 0, NULL), HO_E_ROUTE);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    close_with(2);
}

static void a_number_names_its_consumer_and_nobody_else(void **state)
{
    (void)state;
    open_with(HO_ROUTE_NUMBER, 3); /* numbers 0, 1, 2: the lowest free */
    CHECK_STATUS(ho_consumer_open(r.service, CONSUMER_OPTS(.number_plus_1 = 1024), &consumer[3]),
                 HO_OK);
    uint32_t number[] = {0, 1, 2, 1023};
    for (uint64_t i = 0; i < 40; i++) {
        ho_buf loan = rig_loan(r.shard, 1234, 10);
        loan.token = i;
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, number[i % 4], 0, NULL), HO_OK);
    }
    for (uint64_t c = 0; c < 4; c++)
        for (uint64_t i = c; i < 40; i += 4) {
            ho_buf buf = rig_take(consumer[c]);
            CHECK(buf.token == i && buf.key == 1234);
            rig_return(r.domain, &buf);
        }
    close_with(4);
}

static void a_number_that_nobody_has_is_no_route(void **state)
{
    (void)state;
    open_with(HO_ROUTE_NUMBER, 2);
    ho_buf loan = rig_loan(r.shard, 1, 10);
    uint32_t bad[] = {2, 3, 1023, 1024, 65536, HO_BY_KEY - 1, HO_BY_KEY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_REFUSED(&r, &loan, 1, ho_commit(r.producer, &loan, 1, bad[i], 0, NULL), HO_E_ROUTE);
    CHECK_STATUS(ho_consumer_close(consumer[0]), HO_OK);
    CHECK_REFUSED(&r, &loan, 1, ho_commit(r.producer, &loan, 1, 0, 0, NULL), HO_E_ROUTE);
    consumer[0] = rig_consumer(r.service); /* the lowest free number: 0 again */
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, 0, NULL), HO_OK);
    CHECK(rig_drain_consumer(r.domain, consumer[0]) == 1);
    close_with(2);
}

static void a_producer_reaches_every_number_that_opens_later(void **state)
{
    (void)state;
    ho_consumer *many[200];
    open_with(HO_ROUTE_NUMBER, 0);
    for (uint32_t i = 0; i < 200; i++) {
        many[i] = rig_consumer(r.service);
        for (uint32_t to = 0; to <= i; to += i / 4 + 1) {
            ho_buf loan = rig_loan(r.shard, 7, 10);
            CHECK_STATUS(ho_commit(r.producer, &loan, 1, to, 0, NULL), HO_OK);
            CHECK(rig_drain_consumer(r.domain, many[to]) == 1);
        }
    }
    for (uint32_t i = 0; i < 200; i++)
        CHECK_STATUS(ho_consumer_close(many[i]), HO_OK);
    close_with(0);
}

static void a_consumer_does_not_get_what_its_number_left_behind(void **state)
{
    (void)state;
    open_with(HO_ROUTE_NUMBER, 1);
    for (int round = 0; round < 50; round++) {
        for (uint64_t key = 0; key < 5; key++) {
            ho_buf loan = rig_loan(r.shard, key, 10);
            CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, 0, NULL), HO_OK);
        }
        CHECK_STATUS(ho_consumer_close(consumer[0]), HO_OK);
        consumer[0] = rig_consumer(r.service);
        CHECK(rig_drain_consumer(r.domain, consumer[0]) == 0);
    }
    CHECK(rig_stats(r.service).messages_dropped == 250);
    close_with(1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_key_stays_with_one_consumer),
    cmocka_unit_test(every_producer_routes_a_key_alike),
    cmocka_unit_test(keys_spread_evenly_whatever_they_look_like),
    cmocka_unit_test(a_new_consumer_gets_a_fair_share_and_no_more_keys_move),
    cmocka_unit_test(a_moved_key_is_held_back_until_the_former_consumer_is_through),
    cmocka_unit_test(a_key_stays_in_order_when_its_consumer_is_replaced),
    cmocka_unit_test(a_key_stays_in_order_when_its_consumer_leaves_to_an_heir_and_comes_back),
    cmocka_unit_test(without_a_consumer_a_keyed_service_is_full),
    cmocka_unit_test(a_keyed_service_takes_no_numbers),
    cmocka_unit_test(a_number_names_its_consumer_and_nobody_else),
    cmocka_unit_test(a_number_that_nobody_has_is_no_route),
    cmocka_unit_test(a_producer_reaches_every_number_that_opens_later),
    cmocka_unit_test(a_consumer_does_not_get_what_its_number_left_behind),
};

HO_TEST_MAIN(tests)
