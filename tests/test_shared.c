/* SPDX-License-Identifier: MIT */
/* Shared consumers, one step at a time: what a claim keeps from others, and when it ends. Who is woken:
 * test_shared_wake.c; under load: test_shared_load.c. */
#include "rig.h"

#define PARTITIONS 8u
#define EACH 10u /* messages in each partition */
#define MS 1000000

static rig r; /* but for its consumer */
static ho_consumer *a, *b;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, SERVICE_OPTS(.partitions = PARTITIONS, .lane_slots = 64));
    a = r.consumer;
    r.consumer = NULL;
    b = rig_consumer(r.service);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    if (a != NULL)
        CHECK_STATUS(ho_consumer_close(a), HO_OK);
    rig_drain_consumer(r.domain, b);
    CHECK_STATUS(ho_consumer_close(b), HO_OK);
    rig_check_quiet(&r); /* no late wakes among others */
    rig_close(&r);
    return 0;
}

static void send_to(uint16_t partition, uint64_t key)
{
    ho_buf loan = rig_loan(r.shard, key, 16);
    loan.flags = HO_BUF_PARTITION;
    loan.partition = partition;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
}

static void fill(void)
{
    for (uint64_t key = 0; key < EACH; key++)
        for (uint16_t i = 0; i < PARTITIONS; i++)
            send_to(i, key);
}

static void check_nothing(ho_consumer *consumer)
{
    ho_buf none;
    uint32_t taken = 77;
    CHECK_STATUS(ho_take(consumer, &none, 1, &taken), HO_EMPTY);
    CHECK(taken == 0);
}

/* Takes all that it can get, which none of `claimed` is among. */
static uint32_t drain_but(ho_consumer *consumer, uint32_t claimed)
{
    ho_buf bufs[7];
    uint32_t taken, sum = 0;
    for (; ho_take(consumer, bufs, 7, &taken) == HO_OK; sum += taken) {
        for (uint32_t i = 0; i < taken; i++)
            CHECK(bufs[i].partition != claimed);
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
    }
    return sum;
}

static void what_one_has_claimed_no_other_gets(void **state)
{
    (void)state;
    fill();
    ho_buf mine = rig_take(a);
    CHECK(mine.key == 0);
    CHECK(drain_but(b, mine.partition) == (PARTITIONS - 1) * EACH);
    send_to(mine.partition, EACH); /* what comes later is kept from others, too */
    check_nothing(b);
    CHECK_STATUS(ho_wait(b, 1 * MS), HO_TIMEOUT);
    rig_return(r.domain, &mine); /* nor does the return of the buffer end the claim */
    check_nothing(b);
    for (uint64_t key = 1; key <= EACH; key++) {
        mine = rig_take(a);
        CHECK(mine.key == key);
        rig_return(r.domain, &mine);
    }
    check_nothing(a);
}

static void a_claim_of_several_partitions_covers_them_all(void **state)
{
    (void)state;
    ho_buf bufs[3 * EACH];
    uint32_t taken;
    uint32_t claimed = 0, others = 0;
    fill();
    CHECK_STATUS(ho_take(a, bufs, 3 * EACH, &taken), HO_OK);
    CHECK(taken == 3 * EACH);
    for (uint32_t i = 0; i < taken; i++)
        claimed |= 1u << bufs[i].partition;
    for (uint16_t i = 0; i < PARTITIONS; i++)
        send_to(i, EACH);
    CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
    while (ho_take(b, bufs, 1, &taken) == HO_OK) {
        CHECK(!(claimed >> bufs->partition & 1));
        rig_return(r.domain, bufs);
        others++;
    }
    CHECK(others == 5 * (EACH + 1));
    CHECK(rig_drain_consumer(r.domain, a) == 3);
}

enum end { BY_YIELD, BY_CLOSE, ENDS };

/* Either way the claim's rest is another's, in order. */
static void a_yield_or_a_close_gives_up(void **state)
{
    (void)state;
    for (uint32_t end = 0; end < ENDS; end++) {
        fill();
        ho_buf mine = rig_take(a);
        uint32_t claimed = mine.partition;
        CHECK(drain_but(b, claimed) == (PARTITIONS - 1) * EACH);
        if (end == BY_YIELD)
            CHECK_STATUS(ho_consumer_yield(a), HO_OK);
        else
            CHECK_STATUS(ho_consumer_close(a), HO_OK);
        for (uint64_t key = 1; key < EACH; key++) {
            ho_buf rest = rig_take(b);
            CHECK(rest.key == key && rest.partition == claimed);
            rig_return(r.domain, &rest);
        }
        if (end == BY_CLOSE)
            a = NULL;
        else
            check_nothing(a);
        rig_return(r.domain, &mine);
    }
    CHECK_STATUS(ho_consumer_yield(b), HO_OK); /* nothing to give up: no matter */
    CHECK_STATUS(ho_consumer_yield(NULL), HO_E_HANDLE);
}

static void a_yield_of_a_bound_consumer_gives_nothing_up(void **state)
{
    (void)state;
    ho_service *bound = rig_service(r.domain, SERVICE_OPTS(.consumers = HO_CONSUMERS_BOUND));
    ho_producer *producer = rig_producer(bound, r.shard);
    ho_consumer *consumer = rig_consumer(bound);
    for (uint64_t key = 0; key < 3; key++)
        rig_send(r.shard, producer, key, 8);
    for (uint64_t key = 0; key < 3; key++) {
        ho_buf buf = rig_take(consumer);
        CHECK(buf.key == key);
        rig_return(r.domain, &buf);
        CHECK_STATUS(ho_consumer_yield(consumer), HO_OK);
    }
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
}

static void a_wait_claims_one_partition_and_keeps_it(void **state)
{
    (void)state;
    fill();
    CHECK_STATUS(ho_wait(a, 0), HO_OK);
    CHECK_STATUS(ho_wait(a, -1), HO_OK); /* the same one */
    CHECK(drain_but(b, PARTITIONS) == (PARTITIONS - 1) * EACH);
    ho_buf buf = rig_take(a);
    CHECK(buf.key == 0);
    rig_return(r.domain, &buf);
    CHECK(rig_drain_consumer(r.domain, a) == EACH - 1);
    send_to(3, 1);
    CHECK_STATUS(ho_wait(a, 0), HO_OK);
    check_nothing(b);
    CHECK_STATUS(ho_consumer_yield(a), HO_OK);
    CHECK(rig_drain_consumer(r.domain, b) == 1);
    CHECK_STATUS(ho_wait(a, 0), HO_TIMEOUT);
}

static void who_gets_nothing_has_claimed_nothing(void **state)
{
    (void)state;
    check_nothing(a);
    CHECK_STATUS(ho_wait(a, 1), HO_TIMEOUT);
    fill();
    CHECK(drain_but(b, PARTITIONS) == PARTITIONS * EACH);
    check_nothing(a); /* nor does the end of a claim lose anything */
    fill();
    CHECK(drain_but(a, PARTITIONS) == PARTITIONS * EACH);
}

static void one_partition_does_not_silence_another(void **state)
{
    (void)state;
    send_to(1, 99);
    int rounds = 0;
    for (uint64_t key = 0; key != 99; rounds++) {
        while (rig_stats(r.service).undelivered <= 60)
            send_to(0, 1);
        ho_buf buf = rig_take(a);
        key = buf.key;
        rig_return(r.domain, &buf);
        CHECK(rounds < 2000);
    }
}

static void one_producer_does_not_silence_another(void **state)
{
    (void)state;
    ho_producer *quiet = rig_producer(r.service, r.shard), *flood = r.producer;
    send_to(0, 1);
    r.producer = quiet;
    send_to(0, 99);
    r.producer = flood;
    int rounds = 0;
    for (uint64_t key = 0; key != 99; rounds++) {
        while (rig_stats(r.service).undelivered <= 60)
            send_to(0, 1);
        ho_buf buf = rig_take(a);
        key = buf.key;
        rig_return(r.domain, &buf);
        CHECK(rounds < 2000);
    }
    CHECK_STATUS(ho_producer_close(quiet), HO_OK);
}

/* So many that some share a hint with the flood's lane; whose messages are counted by key. */
static void nor_does_it_where_there_are_many(void **state)
{
    (void)state;
    enum { MANY = 200 };
    ho_producer *quiet[MANY], *flood = r.producer;
    uint32_t missing = MANY, taken;
    ho_buf bufs[4];
    send_to(0, MANY);
    for (uint64_t i = 0; i < MANY; i++) {
        r.producer = quiet[i] = rig_producer(r.service, r.shard);
        send_to(0, i);
    }
    r.producer = flood;
    for (int rounds = 0; missing; rounds++) {
        while (rig_stats(r.service).undelivered < missing + 60)
            send_to(0, MANY);
        CHECK_STATUS(ho_take(a, bufs, 4, &taken), HO_OK);
        for (uint32_t i = 0; i < taken; i++)
            missing -= bufs[i].key != MANY;
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
        CHECK(rounds < 2 * MANY);
    }
    for (uint32_t i = 0; i < MANY; i++)
        CHECK_STATUS(ho_producer_close(quiet[i]), HO_OK);
    CHECK_STATUS(ho_consumer_yield(a), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(what_one_has_claimed_no_other_gets),
    WITH_RIG(a_claim_of_several_partitions_covers_them_all),
    WITH_RIG(a_yield_or_a_close_gives_up),
    WITH_RIG(a_yield_of_a_bound_consumer_gives_nothing_up),
    WITH_RIG(a_wait_claims_one_partition_and_keeps_it),
    WITH_RIG(who_gets_nothing_has_claimed_nothing),
    WITH_RIG(one_partition_does_not_silence_another),
    WITH_RIG(one_producer_does_not_silence_another),
    WITH_RIG(nor_does_it_where_there_are_many),
};

HO_TEST_MAIN(tests)
