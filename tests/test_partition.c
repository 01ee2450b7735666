/* SPDX-License-Identifier: MIT */
/* Partitions: which one a message goes to, what waits there, and who takes it. */
#include "rig.h"

#define LANE 16u
#define KEYS 512u

static rig r; /* but for the services of the tests */
static ho_service *service;
static ho_producer *producer;

static int open_rig(void **state)
{
    (void)state;
    r = (rig){0};
    r.domain = rig_domain();
    r.arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = 64 * RIG_BUDGET));
    r.shard = rig_shard(r.arena);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    CHECK(rig_arena_stats(r.arena).buffers_out == 0);
    rig_close(&r);
    return 0;
}

static void open_service(uint32_t partitions, uint32_t consumers, uint32_t slots)
{
    service = rig_service(r.domain, SERVICE_OPTS(.partitions = partitions, .consumers = consumers,
                                                 .lane_slots = slots));
    producer = rig_producer(service, r.shard);
}

static void close_service(void)
{
    rig_check_quiet(&(rig){.arena = r.arena, .service = service});
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static ho_buf take(ho_consumer *consumer)
{
    ho_buf buf;
    uint32_t taken;
    CHECK_STATUS(ho_take(consumer, &buf, 1, &taken), HO_OK);
    CHECK(taken == 1 && buf.flags == 0);
    return buf;
}

static ho_buf loan_to(uint16_t partition, uint64_t key)
{
    ho_buf loan = rig_loan(r.shard, key, 8);
    loan.flags = HO_BUF_PARTITION;
    loan.partition = partition;
    return loan;
}

static int32_t send_to(ho_producer *from, uint16_t partition, uint64_t key)
{
    ho_buf loan = loan_to(partition, key);
    int32_t status = ho_commit(from, &loan, 1, 0, NULL);
    if (status != HO_OK)
        CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    return status;
}

/* As the documentation has it. */
static uint32_t partition_of(uint64_t key, uint32_t partitions)
{
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
    key = (key ^ key >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((key >> 32) * partitions >> 32);
}

static void send_keys(ho_producer *from)
{
    uint64_t seed = 7;
    for (uint64_t i = 0; i < KEYS; i++)
        rig_send(r.shard, from, i % 2 ? i : rig_random(&seed), 8);
}

static void check_keys(ho_consumer *consumer, uint32_t partitions, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ho_buf buf = take(consumer);
        CHECK(buf.partition == partition_of(buf.key, partitions));
        rig_return(r.domain, &buf);
    }
    CHECK(rig_drain_consumer(r.domain, consumer) == 0);
}

static void a_key_stays_in_its_partition_whoever_comes_and_goes(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {2, 3, 7, 16, 100, 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        open_service(sizes[i], HO_CONSUMERS_SHARED, 1024);
        ho_producer *other = rig_producer(service, r.shard);
        send_keys(producer);
        ho_consumer *first = rig_consumer(service);
        check_keys(first, sizes[i], KEYS);
        ho_consumer *second = rig_consumer(service);
        send_keys(other);
        check_keys(second, sizes[i], KEYS);
        send_keys(producer);
        CHECK_STATUS(ho_consumer_close(first), HO_OK);
        check_keys(second, sizes[i], KEYS);
        CHECK_STATUS(ho_consumer_close(second), HO_OK);
        CHECK_STATUS(ho_producer_close(other), HO_OK);
        close_service();
    }
}

static void a_bound_consumer_gets_its_partition_and_nothing_else(void **state)
{
    (void)state;
    enum { PARTITIONS = 5 };
    uint32_t load[PARTITIONS] = {0};
    open_service(PARTITIONS, HO_CONSUMERS_BOUND, 1024);
    for (uint32_t i = 0; i < 3 * KEYS; i++)
        load[partition_of(i, PARTITIONS)]++;
    for (uint32_t i = 0; i < 3 * KEYS; i++)
        rig_send(r.shard, producer, i, 8);
    for (uint32_t i = PARTITIONS; i-- > 0;) {
        ho_consumer *consumer = rig_consumer_of(service, i);
        uint64_t last = 0;
        for (; load[i] != 0; load[i]--) {
            ho_buf buf = take(consumer);
            CHECK(buf.partition == i && partition_of(buf.key, PARTITIONS) == i);
            CHECK(buf.key >= last); /* the order over all of its keys */
            last = buf.key;
            rig_return(r.domain, &buf);
        }
        CHECK(rig_drain_consumer(r.domain, consumer) == 0);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    }
    close_service();
}

static void every_call_sends_to_the_partition_that_is_named(void **state)
{
    (void)state;
    static uint8_t bytes[8];
    rig_owner owner;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    open_service(1000, HO_CONSUMERS_SHARED, LANE);
    ho_consumer *consumer = rig_consumer(service);
    for (uint32_t call = 0; call < 4; call++)
        for (uint32_t n = 0; n < 1000; n += 333) {
            ho_buf buf = call == 1   ? rig_foreign(owner.owner, bytes, 8, n)
                         : call == 2 ? (ho_buf){.ptr = bytes, .len = 8}
                                     : rig_loan(r.shard, 0, 8);
            if (call == 3) {
                CHECK_STATUS(ho_commit(producer, &buf, 1, 0, NULL), HO_OK);
                buf = take(consumer);
            }
            buf.key = 12345 + call;
            buf.value = ~(uint64_t)n;
            buf.flags = HO_BUF_PARTITION | 5;
            buf.partition = (uint16_t)n;
            CHECK_STATUS(call == 0   ? ho_commit(producer, &buf, 1, 0, NULL)
                         : call == 1 ? ho_give(producer, &buf, 1, 0, NULL)
                         : call == 2 ? ho_give_copy(producer, &buf, 1, 0, NULL)
                                     : ho_forward(producer, &buf, 1, 0, NULL),
                         HO_OK);
            uint32_t taken;
            CHECK_STATUS(ho_take(consumer, &buf, 1, &taken), HO_OK);
            CHECK(buf.partition == n && buf.flags == 5);
            CHECK(buf.key == 12345 + call && buf.value == ~(uint64_t)n);
            CHECK(buf.service == rig_stats(service).service);
            rig_return(r.domain, &buf);
        }
    ho_buf loan = rig_loan(r.shard, 77, 8); /* without the flag it counts for nothing */
    loan.partition = 999;
    CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), HO_OK);
    loan = take(consumer);
    CHECK(loan.partition == partition_of(77, 1000));
    rig_return(r.domain, &loan);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    close_service();
}

static void a_partition_that_is_not_there_is_refused(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 1024};
    for (size_t i = 0; i < 3; i++) {
        open_service(sizes[i], HO_CONSUMERS_SHARED, LANE);
        const rig seen = {.arena = r.arena, .service = service};
        const uint16_t bad[] = {(uint16_t)sizes[i], 0x8000, UINT16_MAX};
        for (size_t k = 0; k < 3; k++) {
            ho_buf loan = loan_to(bad[k], 1);
            CHECK_REFUSED(&seen, &loan, 1, ho_commit(producer, &loan, 1, 0, NULL), HO_E_ROUTE);
            CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
        }
        ho_buf three[] = {loan_to((uint16_t)(sizes[i] - 1), 1), loan_to(UINT16_MAX, 2),
                          loan_to(0, 3)};
        uint32_t accepted = 77;
        CHECK_STATUS(ho_commit(producer, three, 3, 0, &accepted), HO_E_ROUTE);
        CHECK(accepted == 1);
        CHECK_STATUS(ho_abort(r.shard, &three[1], 2, NULL), HO_OK);
        ho_consumer *consumer = rig_consumer(service);
        CHECK(rig_drain_consumer(r.domain, consumer) == 1);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
        close_service();
    }
}

/* Nobody takes until the lanes are full; a closed producer's messages are among them. */
static void messages_wait_for_their_first_consumer(void **state)
{
    (void)state;
    for (uint32_t consumers = HO_CONSUMERS_SHARED; consumers <= HO_CONSUMERS_BOUND; consumers++) {
        open_service(2, consumers, LANE);
        ho_producer *gone = rig_producer(service, r.shard);
        for (uint64_t i = 0; i < LANE; i++) {
            CHECK_STATUS(send_to(gone, 0, i), HO_OK);
            CHECK_STATUS(send_to(producer, 0, 1000 + i), HO_OK);
        }
        CHECK_STATUS(send_to(gone, 0, 1), HO_FULL);
        CHECK_STATUS(send_to(producer, 0, 1), HO_FULL);
        CHECK_STATUS(send_to(producer, 1, 1), HO_OK); /* another lane is none of its business */
        CHECK_STATUS(ho_producer_close(gone), HO_OK);
        CHECK(rig_stats(service).undelivered == 2 * LANE + 1);
        uint64_t next[2] = {0, 1000};
        ho_consumer *consumer = rig_consumer(service); /* bound: to the first one */
        for (uint32_t n = 0; n < 2 * LANE;) {
            ho_buf buf = take(consumer);
            if (buf.partition == 0) {
                CHECK(buf.key == next[buf.key / 1000]++);
                n++;
            }
            rig_return(r.domain, &buf);
        }
        if (consumers == HO_CONSUMERS_BOUND) {
            CHECK(rig_drain_consumer(r.domain, consumer) == 0);
            CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
            consumer = rig_consumer_of(service, 1);
        }
        (void)rig_drain_consumer(r.domain, consumer);
        CHECK(rig_stats(service).messages_out == 2 * LANE + 1);
        CHECK_STATUS(send_to(producer, 0, 1), HO_OK); /* there is room again */
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
        consumer = rig_consumer(service);
        CHECK(rig_drain_consumer(r.domain, consumer) == 1);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
        close_service();
    }
}

static void order_is_kept_for_each_producer_in_a_partition(void **state)
{
    (void)state;
    enum { PARTITIONS = 4, PRODUCERS = 70, EACH = 40 }; /* more lanes than hints */
    static uint64_t next[PRODUCERS][PARTITIONS], sent[PRODUCERS][PARTITIONS];
    ho_producer *producers[PRODUCERS];
    uint64_t seed = 3;
    memset(next, 0, sizeof next);
    memset(sent, 0, sizeof sent);
    open_service(PARTITIONS, HO_CONSUMERS_SHARED, 64);
    ho_consumer *consumers[2] = {rig_consumer(service), rig_consumer(service)};
    for (size_t i = 0; i < PRODUCERS; i++)
        producers[i] = rig_producer(service, r.shard);
    for (uint32_t n = 0; n < PRODUCERS * EACH; n++) {
        ho_buf loan = rig_loan(r.shard, rig_random(&seed), 8);
        uint32_t from = n % PRODUCERS, to = partition_of(loan.key, PARTITIONS);
        loan.value = (uint64_t)from << 32 | sent[from][to]++;
        CHECK_STATUS(ho_commit(producers[from], &loan, 1, n % 3 ? HO_MORE : 0, NULL), HO_OK);
    }
    for (size_t i = 0; i < PRODUCERS; i++)
        CHECK_STATUS(ho_producer_close(producers[i]), HO_OK);
    ho_buf bufs[7];
    uint32_t taken, sum = 0;
    for (uint32_t turn = 0; ho_take(consumers[turn], bufs, 7, &taken) == HO_OK; turn ^= 1) {
        for (uint32_t i = 0; i < taken; i++)
            CHECK((uint32_t)bufs[i].value == next[bufs[i].value >> 32][bufs[i].partition]++);
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
        CHECK_STATUS(ho_consumer_yield(consumers[turn]), HO_OK);
        sum += taken;
    }
    CHECK(sum == PRODUCERS * EACH);
    for (size_t i = 0; i < 2; i++)
        CHECK_STATUS(ho_consumer_close(consumers[i]), HO_OK);
    close_service();
}

static void a_partition_has_one_bound_consumer(void **state)
{
    (void)state;
    ho_consumer *refused = (ho_consumer *)(uintptr_t)1;
    for (uint32_t consumers = HO_CONSUMERS_SHARED; consumers <= HO_CONSUMERS_BOUND; consumers++) {
        open_service(1, consumers, LANE);
        for (int again = 0; again < 3; again++) {
            ho_consumer *only = rig_consumer(service);
            CHECK_STATUS(ho_consumer_open(service, NULL, &refused), HO_E_BUSY);
            assert_null(refused);
            CHECK_STATUS(ho_consumer_open(service, CONSUMER_OPTS(.partition = 1), &refused),
                         HO_E_RANGE);
            CHECK_STATUS(ho_consumer_close(only), HO_OK);
        }
        close_service();
    }
    open_service(1024, HO_CONSUMERS_BOUND, LANE);
    static ho_consumer *all[1024];
    for (uint32_t i = 0; i < 1024; i++)
        all[i] = rig_consumer_of(service, i);
    for (uint32_t i = 0; i < 1024; i += 341)
        CHECK_STATUS(ho_consumer_open(service, CONSUMER_OPTS(.partition = i), &refused), HO_E_BUSY);
    CHECK_STATUS(ho_consumer_open(service, CONSUMER_OPTS(.partition = 1024), &refused), HO_E_RANGE);
    for (uint16_t i = 0; i < 1024; i++) {
        CHECK_STATUS(send_to(producer, i, 1), HO_OK);
        CHECK(rig_drain_consumer(r.domain, all[i]) == 1);
    }
    for (uint32_t i = 0; i < 1024; i++)
        CHECK_STATUS(ho_consumer_close(all[i]), HO_OK);
    close_service();
    open_service(2, HO_CONSUMERS_SHARED, LANE);
    CHECK_STATUS(ho_consumer_open(service, CONSUMER_OPTS(.partition = 1), &refused), HO_E_RANGE);
    close_service();
}

static void the_lanes_of_a_service_are_limited(void **state)
{
    (void)state;
    enum { PARTITIONS = 1024, PRODUCERS = 64 };
    ho_producer *producers[PRODUCERS];
    open_service(PARTITIONS, HO_CONSUMERS_BOUND, 2);
    const rig seen = {.arena = r.arena, .service = service};
    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i] = rig_producer(service, r.shard);
        for (uint16_t n = 0; n < PARTITIONS; n++)
            CHECK_STATUS(send_to(producers[i], n, i), HO_OK);
    }
    ho_buf loan = loan_to(5, 99);
    CHECK_REFUSED(&seen, &loan, 1, ho_commit(producer, &loan, 1, 0, NULL), HO_E_LIMIT);
    CHECK_STATUS(send_to(producers[0], 5, 100), HO_OK); /* it has its lane */
    ho_consumer *consumer = rig_consumer_of(service, 5);
    CHECK(rig_drain_consumer(r.domain, consumer) == PRODUCERS + 1);
    CHECK_STATUS(ho_producer_close(producers[PRODUCERS - 1]), HO_OK); /* and an empty lane goes */
    CHECK(rig_drain_consumer(r.domain, consumer) == 0);
    CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), HO_OK);
    CHECK(rig_drain_consumer(r.domain, consumer) == 1);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    for (size_t i = 0; i < PRODUCERS - 1; i++)
        CHECK_STATUS(ho_producer_close(producers[i]), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK(rig_stats(service).undelivered == PRODUCERS * (PARTITIONS - 1));
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_key_stays_in_its_partition_whoever_comes_and_goes),
    WITH_RIG(a_bound_consumer_gets_its_partition_and_nothing_else),
    WITH_RIG(every_call_sends_to_the_partition_that_is_named),
    WITH_RIG(a_partition_that_is_not_there_is_refused),
    WITH_RIG(messages_wait_for_their_first_consumer),
    WITH_RIG(order_is_kept_for_each_producer_in_a_partition),
    WITH_RIG(a_partition_has_one_bound_consumer),
    WITH_RIG(the_lanes_of_a_service_are_limited),
};

HO_TEST_MAIN(tests)
