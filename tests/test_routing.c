/* SPDX-License-Identifier: MIT */
/* How a message finds its partition, and a partition its consumer. Under traffic: test_churn.c. */
#include "rig.h"

#define PARTITIONS 4u
#define KEYS 4096u

static rig r; /* but for its consumers */
static ho_consumer *consumer[PARTITIONS];

/* Bound consumers of the first `count` partitions. */
static void open_with(uint32_t partitions, uint32_t count)
{
    rig_open(&r, SERVICE_OPTS(.partitions = partitions, .consumers = HO_CONSUMERS_BOUND,
                              .lane_slots = 8192));
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    r.consumer = NULL;
    memset(consumer, 0, sizeof consumer);
    for (uint32_t i = 0; i < count; i++)
        consumer[i] = rig_consumer_of(r.service, i);
}

static void close_all(void)
{
    for (size_t i = 0; i < PARTITIONS; i++)
        if (consumer[i] != NULL) {
            rig_drain_consumer(r.domain, consumer[i]);
            CHECK_STATUS(ho_consumer_close(consumer[i]), HO_OK);
        }
    rig_check_quiet(&r);
    rig_close(&r);
}

static int32_t send_to(uint32_t partition, uint64_t value)
{
    ho_buf loan = rig_loan(r.shard, 1234, 10);
    loan.flags = HO_BUF_PARTITION;
    loan.partition = (uint16_t)partition;
    loan.value = value;
    int32_t status = ho_commit(r.producer, &loan, 1, 0, NULL);
    if (status != HO_OK)
        CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    return status;
}

/* Sends one message of each key and notes which partition it comes through. */
static void map_keys(const uint64_t *keys, uint8_t *to)
{
    static uint8_t seen[KEYS];
    memset(seen, 0, sizeof seen);
    for (uint64_t i = 0; i < KEYS; i++) {
        ho_buf loan = rig_loan(r.shard, keys[i], 8);
        loan.value = i;
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    }
    for (uint32_t c = 0; c < PARTITIONS; c++) {
        ho_buf buf;
        uint32_t taken;
        while (ho_take(consumer[c], &buf, 1, &taken) == HO_OK) {
            CHECK(buf.key == keys[buf.value] && buf.partition == c);
            seen[buf.value]++;
            to[buf.value] = (uint8_t)c;
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

static void a_key_stays_in_its_partition_whoever_comes_and_goes(void **state)
{
    (void)state;
    open_with(PARTITIONS, PARTITIONS);
    fill_keys(0, 1);
    map_keys(keys, first);
    for (uint32_t again = 0; again < PARTITIONS; again++) {
        CHECK_STATUS(ho_consumer_close(consumer[again]), HO_OK);
        consumer[again] = rig_consumer_of(r.service, again);
        map_keys(keys, second);
        assert_memory_equal(first, second, sizeof first);
    }
    close_all();
    open_with(PARTITIONS, PARTITIONS); /* another service, in another domain */
    map_keys(keys, second);
    assert_memory_equal(first, second, sizeof first);
    close_all();
}

static void every_producer_sends_a_key_alike(void **state)
{
    (void)state;
    open_with(PARTITIONS, PARTITIONS);
    ho_producer *other = rig_producer(r.service, r.shard), *mine = r.producer;
    fill_keys(77, 13);
    map_keys(keys, first);
    r.producer = other;
    map_keys(keys, second);
    assert_memory_equal(first, second, sizeof first);
    CHECK_STATUS(ho_producer_close(mine), HO_OK);
    close_all();
}

static void keys_spread_evenly_whatever_they_look_like(void **state)
{
    (void)state;
    open_with(PARTITIONS, PARTITIONS);
    const uint64_t steps[] = {1, 2, 64, 1024, 4096, 65536, (uint64_t)1 << 32, (uint64_t)1 << 48};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        uint32_t load[PARTITIONS] = {0};
        fill_keys(1000000007, steps[s]);
        map_keys(keys, first);
        for (size_t i = 0; i < KEYS; i++)
            load[first[i]]++;
        for (size_t c = 0; c < PARTITIONS; c++) {
            CHECK(load[c] > KEYS / PARTITIONS * 7 / 10);
            CHECK(load[c] < KEYS / PARTITIONS * 13 / 10);
        }
    }
    close_all();
}

/* Sends key 7; gives the next sequence number. */
static uint64_t send_in_sequence(uint64_t seq, uint64_t end)
{
    for (; seq < end; seq++) {
        ho_buf loan = rig_loan(r.shard, 7, 8);
        loan.value = seq;
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    }
    return seq;
}

static uint64_t take_in_sequence(ho_consumer *from, uint64_t seq, uint32_t most)
{
    ho_buf buf;
    uint32_t taken;
    while (most-- > 0 && ho_take(from, &buf, 1, &taken) == HO_OK) {
        CHECK(buf.value == seq++);
        rig_return(r.domain, &buf);
    }
    return seq;
}

static void a_key_stays_in_order_when_its_consumer_is_replaced(void **state)
{
    (void)state;
    open_with(1, 1);
    uint64_t sent = send_in_sequence(0, 5), taken = take_in_sequence(consumer[0], 0, 2);
    CHECK(taken == 2);
    CHECK_STATUS(ho_consumer_close(consumer[0]), HO_OK);
    sent = send_in_sequence(sent, 10); /* nobody is there */
    consumer[0] = rig_consumer(r.service);
    sent = send_in_sequence(sent, 20);
    CHECK(take_in_sequence(consumer[0], taken, UINT32_MAX) == sent);
    CHECK(rig_stats(r.service).messages_dropped == 0);
    close_all();
}

static void shared_consumers_keep_the_order_too(void **state)
{
    (void)state;
    rig_open(&r, SERVICE_OPTS(.partitions = PARTITIONS));
    consumer[0] = r.consumer;
    r.consumer = NULL;
    for (uint32_t i = 1; i < PARTITIONS; i++)
        consumer[i] = rig_consumer(r.service);
    uint64_t sent = send_in_sequence(0, 100), taken = 0;
    for (uint32_t c = 0; taken < sent; c = (c + 1) % PARTITIONS) {
        taken = take_in_sequence(consumer[c], taken, 7);
        if (c % 2)
            CHECK_STATUS(ho_consumer_yield(consumer[c]), HO_OK);
        else {
            CHECK_STATUS(ho_consumer_close(consumer[c]), HO_OK);
            consumer[c] = rig_consumer(r.service);
        }
    }
    close_all();
}

static void without_a_consumer_messages_wait_until_the_lane_is_full(void **state)
{
    (void)state;
    for (uint32_t kind = HO_CONSUMERS_SHARED; kind <= HO_CONSUMERS_BOUND; kind++) {
        rig_open(&r, SERVICE_OPTS(.partitions = 2, .consumers = kind, .lane_slots = 4));
        CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
        r.consumer = NULL;
        for (uint64_t i = 0; i < 4; i++)
            CHECK_STATUS(send_to(0, i), HO_OK);
        ho_buf loan = rig_loan(r.shard, 1, 10);
        loan.flags = HO_BUF_PARTITION;
        CHECK_REFUSED(&r, &loan, 1, ho_commit(r.producer, &loan, 1, 0, NULL), HO_FULL);
        loan.partition = 1; /* another lane */
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
        r.consumer = rig_consumer(r.service);
        CHECK(rig_drain(&r) == (kind == HO_CONSUMERS_SHARED ? 5 : 4));
        CHECK_STATUS(send_to(0, 4), HO_OK);
        CHECK(rig_drain(&r) == 1);
        if (kind == HO_CONSUMERS_BOUND) {
            CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
            r.consumer = rig_consumer_of(r.service, 1);
            CHECK(rig_drain(&r) == 1);
        }
        rig_check_quiet(&r);
        rig_close(&r);
    }
}

static void a_partition_is_its_consumers_and_nobody_elses(void **state)
{
    (void)state;
    open_with(PARTITIONS, PARTITIONS);
    for (uint64_t i = 0; i < 40; i++)
        CHECK_STATUS(send_to(i % PARTITIONS, i), HO_OK);
    for (uint64_t c = 0; c < PARTITIONS; c++)
        for (uint64_t i = c; i < 40; i += PARTITIONS) {
            ho_buf buf = rig_take(consumer[c]);
            CHECK(buf.value == i && buf.key == 1234 && buf.partition == c && buf.flags == 0);
            rig_return(r.domain, &buf);
        }
    close_all();
}

static void a_partition_that_is_not_there_is_no_route(void **state)
{
    (void)state;
    open_with(PARTITIONS, 0);
    ho_buf loan = rig_loan(r.shard, 1, 10);
    const uint16_t bad[] = {PARTITIONS, PARTITIONS + 1, 1023, 1024, UINT16_MAX};
    loan.flags = HO_BUF_PARTITION;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        loan.partition = bad[i];
        CHECK_REFUSED(&r, &loan, 1, ho_commit(r.producer, &loan, 1, 0, NULL), HO_E_ROUTE);
    }
    loan.flags = 0; /* goes by its key */
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        consumer[i] = rig_consumer_of(r.service, i);
    close_all();
}

static void a_producer_reaches_every_partition_whoever_opens_later(void **state)
{
    (void)state;
    enum { MANY = 200 };
    ho_consumer *many[MANY];
    open_with(MANY, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        many[i] = rig_consumer_of(r.service, i);
        for (uint32_t to = 0; to <= i; to += i / 4 + 1) {
            CHECK_STATUS(send_to(to, i), HO_OK);
            CHECK(rig_drain_consumer(r.domain, many[to]) == 1);
        }
    }
    for (uint32_t i = 0; i < MANY; i++)
        CHECK_STATUS(ho_consumer_close(many[i]), HO_OK);
    close_all();
}

static void a_consumer_gets_what_the_one_before_it_left(void **state)
{
    (void)state;
    open_with(2, 1);
    for (uint64_t round = 0; round < 50; round++) {
        for (uint64_t i = 0; i < 5; i++)
            CHECK_STATUS(send_to(0, i), HO_OK);
        CHECK_STATUS(ho_consumer_close(consumer[0]), HO_OK);
        consumer[0] = rig_consumer_of(r.service, 0);
        CHECK(take_in_sequence(consumer[0], 0, UINT32_MAX) == 5);
    }
    CHECK(rig_stats(r.service).messages_dropped == 0);
    close_all();
}

static void messages_outlive_their_producer(void **state)
{
    (void)state;
    open_with(2, 1);
    for (uint64_t i = 0; i < 5; i++)
        CHECK_STATUS(send_to(0, i), HO_OK);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    r.producer = rig_producer(r.service, r.shard);
    CHECK(take_in_sequence(consumer[0], 0, UINT32_MAX) == 5);
    CHECK(rig_stats(r.service).messages_dropped == 0);
    close_all();
}

/* Producers, shard and arena have gone; what they forwarded lies in another arena, and in their lane. */
static void messages_outlive_the_arena_of_their_producer(void **state)
{
    (void)state;
    const uint32_t kinds[] = {HO_CONSUMERS_SHARED, HO_CONSUMERS_BOUND};
    for (size_t k = 0; k < 2; k++) {
        rig_open(&r, NULL);
        ho_service *service =
            rig_service(r.domain, SERVICE_OPTS(.partitions = 2, .consumers = kinds[k],
                                               .policy = HO_POLICY_WAIT));
        ho_arena *arena = rig_arena(r.domain, NULL);
        ho_shard *shard = rig_shard(arena);
        ho_producer *onward = rig_producer(service, shard);
        rig_send(r.shard, r.producer, 3, 100);
        ho_buf buf = rig_take(r.consumer);
        buf.flags = HO_BUF_PARTITION;
        CHECK_STATUS(ho_forward(onward, &buf, 1, 0, NULL), HO_OK);
        CHECK_STATUS(ho_producer_close(onward), HO_OK);
        CHECK_STATUS(ho_shard_close(shard), HO_OK);
        CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
        ho_consumer *late = rig_consumer(service);
        buf = rig_take(late);
        rig_return(r.domain, &buf);
        CHECK(rig_drain_consumer(r.domain, late) == 0);
        CHECK_STATUS(ho_consumer_close(late), HO_OK);
        CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
        rig_check_quiet(&r);
        rig_close(&r);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_key_stays_in_its_partition_whoever_comes_and_goes),
    cmocka_unit_test(every_producer_sends_a_key_alike),
    cmocka_unit_test(keys_spread_evenly_whatever_they_look_like),
    cmocka_unit_test(a_key_stays_in_order_when_its_consumer_is_replaced),
    cmocka_unit_test(shared_consumers_keep_the_order_too),
    cmocka_unit_test(without_a_consumer_messages_wait_until_the_lane_is_full),
    cmocka_unit_test(a_partition_is_its_consumers_and_nobody_elses),
    cmocka_unit_test(a_partition_that_is_not_there_is_no_route),
    cmocka_unit_test(a_producer_reaches_every_partition_whoever_opens_later),
    cmocka_unit_test(a_consumer_gets_what_the_one_before_it_left),
    cmocka_unit_test(messages_outlive_their_producer),
    cmocka_unit_test(messages_outlive_the_arena_of_their_producer),
};

HO_TEST_MAIN(tests)
