/* SPDX-License-Identifier: MIT */
/* Opening and closing services, their ends and the memory that they send; their options and
 * limits. */
#include "rig.h"

static ho_domain *domain;

static int open_domain(void **state)
{
    (void)state;
    domain = rig_domain();
    return 0;
}

static int destroy_domain(void **state)
{
    (void)state;
    rig_destroy(domain);
    return 0;
}

static int32_t open_and_close(void *ctx, const void *opts)
{
    (void)ctx;
    ho_service *service = (ho_service *)(uintptr_t)1;
    int32_t status = ho_service_open(domain, opts, &service);
    if (status == HO_OK)
        CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
    else
        assert_null(service);
    return status;
}

static void service_opens_with_defaults(void **state)
{
    (void)state;
    CHECK_STATUS(open_and_close(NULL, NULL), HO_OK);
    CHECK_STATUS(open_and_close(NULL, SERVICE_OPTS(0)), HO_OK);
}

static void service_options_are_checked(void **state)
{
    (void)state;
    rig_check_opts(&(rig_opts_case){.valid = SERVICE_OPTS(.lane_slots = 16),
                                    .size = sizeof(ho_service_opts),
                                    .min = HO_SERVICE_OPTS_MIN,
                                    .call = open_and_close,
                                    .flags_at = offsetof(ho_service_opts, flags)});
}

static void unknown_policies_and_consumers_are_refused(void **state)
{
    (void)state;
    for (uint32_t policy = HO_POLICY_FAIL; policy <= HO_POLICY_DROP_NEWEST; policy++)
        for (uint32_t kind = HO_CONSUMERS_SHARED; kind <= HO_CONSUMERS_BOUND; kind++)
            CHECK_STATUS(open_and_close(NULL, SERVICE_OPTS(.policy = policy, .consumers = kind)),
                         HO_OK);
    CHECK_STATUS(open_and_close(NULL, SERVICE_OPTS(.policy = HO_POLICY_DROP_NEWEST + 1)),
                 HO_E_INVAL);
    CHECK_STATUS(open_and_close(NULL, SERVICE_OPTS(.policy = UINT32_MAX)), HO_E_INVAL);
    CHECK_STATUS(open_and_close(NULL, SERVICE_OPTS(.consumers = HO_CONSUMERS_BOUND + 1)),
                 HO_E_INVAL);
    CHECK_STATUS(open_and_close(NULL, SERVICE_OPTS(.consumers = UINT32_MAX)), HO_E_INVAL);
}

static void lane_slots_are_powers_of_two_from_2_to_65536(void **state)
{
    (void)state;
    for (uint32_t slots = 2; slots <= 65536; slots *= 2)
        CHECK_STATUS(open_and_close(NULL, SERVICE_OPTS(.lane_slots = slots)), HO_OK);
    static const uint32_t bad[] = {1, 3, 6, 1000, 65535, 65537, 131072, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_STATUS(open_and_close(NULL, SERVICE_OPTS(.lane_slots = bad[i])), HO_E_RANGE);
}

static void there_are_1024_partitions_at_most(void **state)
{
    (void)state;
    for (uint32_t kind = HO_CONSUMERS_SHARED; kind <= HO_CONSUMERS_BOUND; kind++) {
        static const uint32_t good[] = {1, 2, 3, 63, 64, 65, 1000, 1023, 1024};
        static const uint32_t bad[] = {1025, 2048, 65536, UINT32_MAX};
        for (size_t i = 0; i < sizeof good / sizeof *good; i++)
            CHECK_STATUS(
                open_and_close(NULL, SERVICE_OPTS(.partitions = good[i], .consumers = kind)),
                HO_OK);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            CHECK_STATUS(
                open_and_close(NULL, SERVICE_OPTS(.partitions = bad[i], .consumers = kind)),
                HO_E_RANGE);
    }
}

static int32_t open_and_close_arena(void *ctx, const void *opts)
{
    (void)ctx;
    ho_arena *arena = (ho_arena *)(uintptr_t)1;
    int32_t status = ho_arena_open(domain, opts, &arena);
    if (status == HO_OK)
        CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    else
        assert_null(arena);
    return status;
}

static void a_budget_below_one_segment_is_refused(void **state)
{
    (void)state;
    CHECK_STATUS(open_and_close_arena(NULL, NULL), HO_OK);
    CHECK_STATUS(open_and_close_arena(NULL, ARENA_OPTS(.budget_bytes = 1)), HO_E_RANGE);
    CHECK_STATUS(open_and_close_arena(NULL, ARENA_OPTS(.budget_bytes = RIG_SEGMENT - 1)),
                 HO_E_RANGE);
    CHECK_STATUS(open_and_close_arena(NULL, ARENA_OPTS(.budget_bytes = RIG_SEGMENT)), HO_OK);
}

static void service_open_refuses_null(void **state)
{
    (void)state;
    ho_service *service = (ho_service *)(uintptr_t)1;
    CHECK_STATUS(ho_service_open(domain, NULL, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_service_open(NULL, NULL, &service), HO_E_HANDLE);
    assert_null(service);
}

static void there_may_be_256_services(void **state)
{
    (void)state;
    ho_service *services[256], *one_more = (ho_service *)(uintptr_t)1;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 256; i++)
            services[i] = rig_service(domain, NULL);
        CHECK_STATUS(ho_service_open(domain, NULL, &one_more), HO_E_LIMIT);
        assert_null(one_more);
        for (size_t i = 0; i < 256; i++)
            CHECK_STATUS(ho_service_close(services[i], 0, NULL), HO_OK);
    }
}

static void services_have_numbers_of_their_own(void **state)
{
    (void)state;
    ho_service *services[8];
    uint32_t numbers[8];
    for (size_t i = 0; i < 8; i++) {
        services[i] = rig_service(domain, NULL);
        numbers[i] = rig_stats(services[i]).service;
        CHECK(numbers[i] != 0); /* 0 in ho_buf.service means: not delivered yet */
        for (size_t j = 0; j < i; j++)
            CHECK(numbers[i] != numbers[j]);
    }
    for (size_t i = 0; i < 8; i++)
        CHECK_STATUS(ho_service_close(services[i], 0, NULL), HO_OK);
}

static void a_closed_service_has_no_handle(void **state)
{
    (void)state;
    ho_service *service = rig_service(domain, NULL);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
    ho_producer *producer = (ho_producer *)(uintptr_t)1;
    ho_consumer *consumer = (ho_consumer *)(uintptr_t)1;
    ho_service_stats stats = {.size = sizeof stats};
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_E_HANDLE);
    ho_arena *arena = rig_arena(domain, NULL);
    ho_shard *shard = rig_shard(arena);
    CHECK_STATUS(ho_producer_open(service, shard, &producer), HO_E_HANDLE);
    CHECK_STATUS(ho_consumer_open(service, NULL, &consumer), HO_E_HANDLE);
    CHECK_STATUS(ho_service_stats_get(service, &stats), HO_E_HANDLE);
    assert_null(producer);
    assert_null(consumer);
    CHECK_STATUS(ho_service_close(NULL, 0, NULL), HO_E_HANDLE);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
}

static void producer_open_refuses_null_and_a_shard_of_another_domain(void **state)
{
    (void)state;
    ho_service *service = rig_service(domain, NULL);
    ho_shard *shard = rig_shard(rig_arena(domain, NULL));
    ho_producer *producer = (ho_producer *)(uintptr_t)1;
    CHECK_STATUS(ho_producer_open(service, shard, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_producer_open(NULL, shard, &producer), HO_E_HANDLE);
    assert_null(producer);
    producer = (ho_producer *)(uintptr_t)1;
    CHECK_STATUS(ho_producer_open(service, NULL, &producer), HO_E_HANDLE);
    assert_null(producer);
    producer = (ho_producer *)(uintptr_t)1;
    rig other;
    rig_open(&other, NULL);
    CHECK_STATUS(ho_producer_open(service, other.shard, &producer), HO_E_DOMAIN);
    assert_null(producer);
    CHECK_STATUS(ho_producer_open(other.service, shard, &producer), HO_E_DOMAIN);
    rig_close(&other);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static int32_t open_and_close_consumer(void *ctx, const void *opts)
{
    ho_consumer *consumer = (ho_consumer *)(uintptr_t)1;
    int32_t status = ho_consumer_open(ctx, opts, &consumer);
    if (status == HO_OK)
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    else
        assert_null(consumer);
    return status;
}

static void consumer_options_are_checked(void **state)
{
    (void)state;
    ho_service *service =
        rig_service(domain, SERVICE_OPTS(.partitions = 4, .consumers = HO_CONSUMERS_BOUND));
    rig_check_opts(&(rig_opts_case){.valid = CONSUMER_OPTS(.partition = 3),
                                    .size = sizeof(ho_consumer_opts),
                                    .min = HO_CONSUMER_OPTS_MIN,
                                    .call = open_and_close_consumer,
                                    .ctx = service,
                                    .flags_at = offsetof(ho_consumer_opts, flags),
                                    .reserved_at = offsetof(ho_consumer_opts, reserved0)});
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void a_bound_consumer_has_a_partition_for_itself(void **state)
{
    (void)state;
    ho_service *service =
        rig_service(domain, SERVICE_OPTS(.partitions = 1024, .consumers = HO_CONSUMERS_BOUND));
    CHECK_STATUS(open_and_close_consumer(service, NULL), HO_OK);
    CHECK_STATUS(open_and_close_consumer(service, CONSUMER_OPTS(.partition = 1023)), HO_OK);
    CHECK_STATUS(open_and_close_consumer(service, CONSUMER_OPTS(.partition = 1024)), HO_E_RANGE);
    CHECK_STATUS(open_and_close_consumer(service, CONSUMER_OPTS(.partition = UINT32_MAX)),
                 HO_E_RANGE);
    ho_consumer *consumer;
    CHECK_STATUS(ho_consumer_open(service, CONSUMER_OPTS(.partition = 8), &consumer), HO_OK);
    CHECK_STATUS(open_and_close_consumer(service, CONSUMER_OPTS(.partition = 8)), HO_E_BUSY);
    CHECK_STATUS(open_and_close_consumer(service, CONSUMER_OPTS(.partition = 7)), HO_OK);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    CHECK_STATUS(open_and_close_consumer(service, CONSUMER_OPTS(.partition = 8)), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void a_shared_consumer_names_no_partition(void **state)
{
    (void)state;
    ho_service *service = rig_service(domain, SERVICE_OPTS(.partitions = 4));
    CHECK_STATUS(open_and_close_consumer(service, CONSUMER_OPTS(.partition = 0)), HO_OK);
    CHECK_STATUS(open_and_close_consumer(service, CONSUMER_OPTS(.partition = 1)), HO_E_RANGE);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void one_partition_takes_one_consumer(void **state)
{
    (void)state;
    for (uint32_t kind = HO_CONSUMERS_SHARED; kind <= HO_CONSUMERS_BOUND; kind++) {
        ho_service *service = rig_service(domain, SERVICE_OPTS(.consumers = kind));
        ho_consumer *consumer = rig_consumer(service);
        CHECK_STATUS(open_and_close_consumer(service, NULL), HO_E_BUSY);
        CHECK_STATUS(open_and_close_consumer(service, CONSUMER_OPTS(.partition = 1)), HO_E_RANGE);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
        CHECK_STATUS(open_and_close_consumer(service, NULL), HO_OK);
        CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
    }
}

static void there_may_be_65536_lanes(void **state)
{
    (void)state;
    enum { PARTITIONS = 1024, PRODUCERS = 65536 / PARTITIONS };
    ho_service *service =
        rig_service(domain, SERVICE_OPTS(.lane_slots = 2, .partitions = PARTITIONS));
    ho_shard *shard = rig_shard(rig_arena(domain, ARENA_OPTS(.budget_bytes = 128u << 20)));
    ho_producer *producers[PRODUCERS + 1];
    ho_buf from = {.flags = HO_BUF_PARTITION};
    uint32_t accepted = 77;
    for (uint32_t i = 0; i <= PRODUCERS; i++) {
        producers[i] = rig_producer(service, shard);
        for (uint32_t part = 0; part < PARTITIONS && i < PRODUCERS; part++) {
            from.partition = (uint16_t)part;
            CHECK_STATUS(ho_give_copy(producers[i], &from, 1, 0, NULL), HO_OK);
        }
    }
    CHECK_STATUS(ho_give_copy(producers[PRODUCERS], &from, 1, 0, &accepted), HO_E_LIMIT);
    CHECK(accepted == 0);
    CHECK_STATUS(ho_give_copy(producers[0], &from, 1, 0, &accepted), HO_OK); /* has one */
    ho_consumer *consumer = rig_consumer(service);
    CHECK(rig_drain_consumer(domain, consumer) == 65536 + 1);
    CHECK_STATUS(ho_producer_close(producers[0]), HO_OK); /* its lanes go as they are found empty */
    CHECK(rig_drain_consumer(domain, consumer) == 0);
    CHECK_STATUS(ho_give_copy(producers[PRODUCERS], &from, 1, 0, &accepted), HO_OK);
    CHECK(rig_drain_consumer(domain, consumer) == 1);
    for (uint32_t i = 1; i <= PRODUCERS; i++)
        CHECK_STATUS(ho_producer_close(producers[i]), HO_OK);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void consumer_open_refuses_null(void **state)
{
    (void)state;
    ho_service *service = rig_service(domain, NULL);
    ho_consumer *consumer = (ho_consumer *)(uintptr_t)1;
    CHECK_STATUS(ho_consumer_open(service, NULL, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_consumer_open(NULL, NULL, &consumer), HO_E_HANDLE);
    assert_null(consumer);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void there_may_be_1024_producers_or_1024_consumers(void **state)
{
    (void)state;
    static ho_producer *producers[1024];
    static ho_consumer *consumers[1024];
    ho_service *service = rig_service(domain, SERVICE_OPTS(.lane_slots = 2, .partitions = 2));
    ho_shard *shard = rig_shard(rig_arena(domain, NULL));
    ho_producer *producer_more = (ho_producer *)(uintptr_t)1;
    ho_consumer *consumer_more = (ho_consumer *)(uintptr_t)1;
    for (size_t i = 0; i < 1024; i++)
        producers[i] = rig_producer(service, shard);
    CHECK_STATUS(ho_producer_open(service, shard, &producer_more), HO_E_LIMIT);
    assert_null(producer_more);
    CHECK_STATUS(ho_shard_close(shard), HO_E_BUSY);
    for (size_t i = 0; i < 1024; i++)
        CHECK_STATUS(ho_producer_close(producers[i]), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    for (size_t i = 0; i < 1024; i++)
        consumers[i] = rig_consumer(service);
    CHECK_STATUS(ho_consumer_open(service, NULL, &consumer_more), HO_E_LIMIT);
    assert_null(consumer_more);
    for (size_t i = 0; i < 1024; i++)
        CHECK_STATUS(ho_consumer_close(consumers[i]), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void ends_that_open_and_close_leave_nothing(void **state)
{
    (void)state;
    ho_service *service = rig_service(domain, NULL);
    ho_arena *arena = rig_arena(domain, NULL);
    for (int i = 0; i < 1100; i++) { /* more than there are numbers */
        ho_shard *shard = rig_shard(arena);
        ho_producer *producer = rig_producer(service, shard);
        ho_consumer *consumer = rig_consumer(service);
        rig_send(shard, producer, (uint64_t)i, 64);
        ho_buf buf = rig_take(consumer);
        rig_return(domain, &buf);
        CHECK_STATUS(ho_producer_close(producer), HO_OK);
        CHECK_STATUS(ho_shard_close(shard), HO_OK);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    }
    rig_check_quiet(&(rig){.service = service, .arena = arena});
    ho_arena_stats stats = rig_arena_stats(arena);
    CHECK(stats.segments_held <= RIG_BUDGET / RIG_SEGMENT);
    CHECK(stats.segments_in_use == 0 && stats.shards == 0);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

static void arenas_that_open_and_close_give_their_memory_back(void **state)
{
    (void)state;
    for (int i = 0; i < 600; i++) { /* 300 MiB, where the domain has 256 */
        ho_arena *arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = 8 * RIG_SEGMENT));
        ho_shard *shard = rig_shard(arena);
        ho_buf loans[8];
        for (int j = 0; j < 8; j++)
            CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT / 2 + 1, NULL, &loans[j]), HO_OK);
        CHECK_STATUS(ho_abort(shard, loans, 8, NULL), HO_OK);
        CHECK_STATUS(ho_shard_close(shard), HO_OK);
        CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    }
}

#define IN_A_DOMAIN(test) cmocka_unit_test_setup_teardown(test, open_domain, destroy_domain)

static const struct CMUnitTest tests[] = {
    IN_A_DOMAIN(service_opens_with_defaults),
    IN_A_DOMAIN(service_options_are_checked),
    IN_A_DOMAIN(unknown_policies_and_consumers_are_refused),
    IN_A_DOMAIN(lane_slots_are_powers_of_two_from_2_to_65536),
    IN_A_DOMAIN(there_are_1024_partitions_at_most),
    IN_A_DOMAIN(a_budget_below_one_segment_is_refused),
    IN_A_DOMAIN(service_open_refuses_null),
    IN_A_DOMAIN(there_may_be_256_services),
    IN_A_DOMAIN(services_have_numbers_of_their_own),
    IN_A_DOMAIN(a_closed_service_has_no_handle),
    IN_A_DOMAIN(producer_open_refuses_null_and_a_shard_of_another_domain),
    IN_A_DOMAIN(consumer_options_are_checked),
    IN_A_DOMAIN(a_bound_consumer_has_a_partition_for_itself),
    IN_A_DOMAIN(a_shared_consumer_names_no_partition),
    IN_A_DOMAIN(one_partition_takes_one_consumer),
    IN_A_DOMAIN(there_may_be_65536_lanes),
    IN_A_DOMAIN(consumer_open_refuses_null),
    IN_A_DOMAIN(there_may_be_1024_producers_or_1024_consumers),
    IN_A_DOMAIN(ends_that_open_and_close_leave_nothing),
    IN_A_DOMAIN(arenas_that_open_and_close_give_their_memory_back),
};

HO_TEST_MAIN(tests)
