/* SPDX-License-Identifier: MIT */
#include "rig.h"

static void create_with_defaults_and_destroy(void **state)
{
    (void)state;
    ho_domain *domain = NULL;
    CHECK_STATUS(ho_domain_create(NULL, &domain), HO_OK);
    assert_non_null(domain);
    CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_OK);
}

static int32_t create_and_destroy(void *ctx, const void *opts)
{
    (void)ctx;
    ho_domain *domain = (ho_domain *)(uintptr_t)1;
    int32_t status = ho_domain_create(opts, &domain);
    if (status == HO_OK)
        CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_OK);
    else
        assert_null(domain);
    return status;
}

static void create_checks_its_options(void **state)
{
    (void)state;
    rig_check_opts(&(rig_opts_case){.valid = DOMAIN_OPTS(.max_bytes = 1u << 20),
                                    .size = sizeof(ho_domain_opts),
                                    .min = HO_DOMAIN_OPTS_MIN,
                                    .call = create_and_destroy,
                                    .flags_at = offsetof(ho_domain_opts, flags),
                                    .reserved_at = offsetof(ho_domain_opts, reserved0)});
}

static void create_refuses_null(void **state)
{
    (void)state;
    CHECK_STATUS(ho_domain_create(NULL, NULL), HO_E_INVAL);
}

static void segments_are_powers_of_two_from_16_kib_to_16_mib(void **state)
{
    (void)state;
    for (uint32_t bytes = 16u << 10; bytes <= 16u << 20; bytes *= 2)
        CHECK_STATUS(create_and_destroy(NULL, DOMAIN_OPTS(.segment_bytes = bytes)), HO_OK);
    static const uint32_t bad[] = {1,         64,        8u << 10, (16u << 10) - 1,
                                   48u << 10, 32u << 20, 1u << 31};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_STATUS(create_and_destroy(NULL, DOMAIN_OPTS(.segment_bytes = bad[i])), HO_E_RANGE);
}

static void address_space_is_limited_to_128_gib(void **state)
{
    (void)state;
    uint64_t most = (uint64_t)128 << 30;
    int32_t status = create_and_destroy(NULL, DOMAIN_OPTS(.max_bytes = most));
    CHECK(status == HO_OK || status == HO_E_NOMEM); /* the system may refuse, not the library */
    CHECK_STATUS(create_and_destroy(NULL, DOMAIN_OPTS(.max_bytes = most + 1)), HO_E_RANGE);
    CHECK_STATUS(create_and_destroy(NULL, DOMAIN_OPTS(.max_bytes = UINT64_MAX)), HO_E_RANGE);
    CHECK_STATUS(create_and_destroy(NULL, DOMAIN_OPTS(.max_bytes = 1)), HO_E_RANGE);
}

static void there_may_be_64_domains(void **state)
{
    (void)state;
    ho_domain *domains[64], *one_more = (ho_domain *)(uintptr_t)1;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 64; i++)
            CHECK_STATUS(ho_domain_create(DOMAIN_OPTS(.max_bytes = 1u << 20), &domains[i]), HO_OK);
        CHECK_STATUS(ho_domain_create(DOMAIN_OPTS(.max_bytes = 1u << 20), &one_more), HO_E_LIMIT);
        assert_null(one_more);
        for (size_t i = 0; i < 64; i++)
            CHECK_STATUS(ho_domain_destroy(domains[i], NULL), HO_OK);
    }
}

static void a_destroyed_domain_has_no_handle(void **state)
{
    (void)state;
    ho_domain *domain = rig_domain();
    rig_destroy(domain);
    ho_arena *arena = (ho_arena *)(uintptr_t)1;
    ho_service *service = (ho_service *)(uintptr_t)1;
    uint32_t owner = 7;
    CHECK_STATUS(ho_domain_close(domain, 0, NULL), HO_E_HANDLE);
    CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_E_HANDLE);
    CHECK_STATUS(ho_arena_open(domain, NULL, &arena), HO_E_HANDLE);
    assert_null(arena);
    CHECK_STATUS(ho_service_open(domain, NULL, &service), HO_E_HANDLE);
    assert_null(service);
    CHECK_STATUS(ho_owner_register(domain, OWNER_OPTS(.release = rig_count_release), &owner),
                 HO_E_HANDLE);
    CHECK(owner == 0);
    CHECK_STATUS(ho_domain_close(NULL, 0, NULL), HO_E_HANDLE);
    CHECK_STATUS(ho_domain_destroy(NULL, NULL), HO_E_HANDLE);
}

static void a_new_domain_has_another_handle_than_the_one_before(void **state)
{
    (void)state;
    ho_domain *before = rig_domain();
    rig_destroy(before);
    ho_domain *after = rig_domain();
    CHECK(before != after);
    CHECK_STATUS(ho_domain_close(before, 0, NULL), HO_E_HANDLE);
    rig_destroy(after);
}

static void destroy_refuses_while_something_is_out_and_frees_nothing(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, NULL);
    rig_send(r.shard, r.producer, 5, 100);
    ho_outstanding out = {.size = sizeof out};
    CHECK_REFUSED(&r, NULL, 0, ho_domain_destroy(r.domain, &out), HO_E_BUSY);
    CHECK(out.size == sizeof out);
    CHECK(out.handles == 3 && out.buffers == 1 && out.undelivered == 1);
    CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_E_BUSY);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK_STATUS(ho_domain_destroy(r.domain, &out), HO_E_BUSY);
    CHECK(out.handles == 0 && out.buffers == 1 && out.undelivered == 0);
    CHECK(out.oldest[0] == buf.handle && out.oldest[1] == 0 && out.oldest[2] == 0);
    rig_check_pattern(&buf);
    rig_return(r.domain, &buf);
    rig_destroy(r.domain);
}

static void destroy_refuses_while_a_service_is_open(void **state)
{
    (void)state;
    ho_domain *domain = rig_domain();
    ho_service *service = rig_service(domain, NULL);
    CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_E_BUSY);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
    CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_OK);
}

static void destroy_refuses_while_an_arena_is_open(void **state)
{
    (void)state;
    ho_domain *domain = rig_domain();
    ho_arena *arena = rig_arena(domain, NULL);
    CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_E_BUSY);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
    CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_OK);
}

static void close_closes_services_and_arenas_and_retires_owners(void **state)
{
    (void)state;
    ho_domain *domain = rig_domain();
    ho_service *service = rig_service(domain, NULL);
    ho_arena *arena = rig_arena(domain, NULL);
    rig_owner owner;
    rig_owner_register(domain, HO_RELEASE_INLINE, &owner);
    CHECK_STATUS(ho_domain_close(domain, 0, NULL), HO_OK);
    ho_producer *producer = (ho_producer *)(uintptr_t)1;
    ho_shard *shard = (ho_shard *)(uintptr_t)1;
    CHECK_STATUS(ho_producer_open(service, NULL, &producer), HO_E_HANDLE);
    assert_null(producer);
    CHECK_STATUS(ho_shard_open(arena, &shard), HO_E_HANDLE);
    assert_null(shard);
    CHECK_STATUS(ho_domain_close(domain, 0, NULL), HO_OK);
    CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_OK);
}

static void a_closing_domain_takes_nothing_new(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, NULL);
    CHECK_STATUS(ho_domain_close(r.domain, 0, NULL), HO_TIMEOUT);
    ho_arena *arena = (ho_arena *)(uintptr_t)1;
    ho_shard *shard = (ho_shard *)(uintptr_t)1;
    ho_service *service = (ho_service *)(uintptr_t)1;
    ho_producer *producer = (ho_producer *)(uintptr_t)1;
    ho_consumer *consumer = (ho_consumer *)(uintptr_t)1;
    uint32_t owner = 7;
    CHECK_STATUS(ho_arena_open(r.domain, NULL, &arena), HO_E_CLOSED);
    CHECK_STATUS(ho_shard_open(r.arena, &shard), HO_E_CLOSED);
    CHECK_STATUS(ho_service_open(r.domain, NULL, &service), HO_E_CLOSED);
    CHECK_STATUS(ho_producer_open(r.service, r.shard, &producer), HO_E_CLOSED);
    CHECK_STATUS(ho_consumer_open(r.service, NULL, &consumer), HO_E_CLOSED);
    CHECK_STATUS(ho_owner_register(r.domain, OWNER_OPTS(.release = rig_count_release), &owner),
                 HO_E_CLOSED);
    assert_null(arena);
    assert_null(shard);
    assert_null(service);
    assert_null(producer);
    assert_null(consumer);
    CHECK(owner == 0);
    rig_close(&r);
}

static void close_reports_what_is_outstanding(void **state)
{
    (void)state;
    rig r;
    rig_owner owner;
    uint8_t memory[64];
    rig_open(&r, NULL);
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    ho_buf foreign = rig_foreign(owner.owner, memory, sizeof memory, 9);
    CHECK_STATUS(ho_give(r.producer, &foreign, 1, 0, NULL), HO_OK);
    rig_send(r.shard, r.producer, 1, 10);
    rig_send(r.shard, r.producer, 2, 10);
    ho_buf loans[2] = {rig_loan(r.shard, 0, 8), rig_loan(r.shard, 0, 8)};
    ho_buf taken;
    uint32_t count;
    CHECK_STATUS(ho_take(r.consumer, &taken, 1, &count), HO_OK);
    ho_outstanding out = rig_outstanding(r.domain);
    CHECK(out.size == sizeof out);
    CHECK(out.handles == 3);
    CHECK(out.buffers == 3);
    CHECK(out.loans == 2);
    CHECK(out.foreign == 1);
    CHECK(out.undelivered == 2);
    CHECK(out.oldest[0] != 0 && out.oldest[1] != 0 && out.oldest[2] != 0);
    CHECK_STATUS(ho_return(r.domain, &taken, 1, NULL), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, loans, 2, NULL), HO_OK);
    CHECK(rig_drain(&r) == 2);
    CHECK(owner.releases == 1);
    out = rig_outstanding(r.domain);
    CHECK(out.handles == 3 && out.buffers == 0 && out.loans == 0 && out.foreign == 0);
    CHECK(out.undelivered == 0 && out.oldest[0] == 0);
    rig_close(&r);
}

static void a_short_report_is_refused_and_nothing_begins_to_close(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, NULL);
    ho_outstanding out = {.size = HO_OUTSTANDING_MIN - 1};
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_E_SIZE);
    CHECK_STATUS(ho_domain_destroy(r.domain, &out), HO_E_SIZE);
    out.size = 0;
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_E_SIZE);
    CHECK_STATUS(ho_domain_destroy(r.domain, &out), HO_E_SIZE);
    rig_send(r.shard, r.producer, 1, 10); /* still open */
    CHECK(rig_drain(&r) == 1);
    rig_close(&r);
}

static void a_longer_report_is_written_as_far_as_it_is_known(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, NULL);
    struct {
        ho_outstanding known;
        uint64_t tail[8];
    } out = {.known.size = sizeof out};
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out.known), HO_TIMEOUT);
    CHECK(out.known.size == sizeof out);
    CHECK(out.known.handles == 3);
    for (size_t i = 0; i < 8; i++)
        CHECK(out.tail[i] == 0);
    rig_close(&r);
}

static void close_waits_as_long_as_it_was_told(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, NULL);
    uint64_t before = harness_now_ns();
    CHECK_STATUS(ho_domain_close(r.domain, 30000000, NULL), HO_TIMEOUT);
    uint64_t waited = harness_now_ns() - before;
    CHECK(waited >= 30000000u);
    CHECK(waited < (uint64_t)HARNESS_NEVER_NS);
    rig_close(&r);
}

static void close_the_ends_later(void *arg)
{
    rig *r = arg;
    harness_sleep_ns(20000000);
    CHECK_STATUS(ho_producer_close(r->producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r->shard), HO_OK);
    CHECK_STATUS(ho_consumer_close(r->consumer), HO_OK);
}

static void close_waits_for_ever_when_told_so(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, NULL);
    harness_thread thread;
    harness_start(&thread, close_the_ends_later, &r);
    CHECK_STATUS(ho_domain_close(r.domain, -1, NULL), HO_OK);
    harness_join(&thread);
    CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_OK);
}

static void close_the_ends_now(void *arg)
{
    rig *r = arg;
    CHECK_STATUS(ho_producer_close(r->producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r->shard), HO_OK);
    CHECK_STATUS(ho_consumer_close(r->consumer), HO_OK);
}

static void destroy_follows_a_close_that_said_ok(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        rig r;
        int32_t status;
        harness_thread thread;
        rig_open(&r, NULL);
        harness_start(&thread, close_the_ends_now, &r);
        while ((status = ho_domain_close(r.domain, 0, NULL)) != HO_OK)
            CHECK_STATUS(status, HO_TIMEOUT);
        harness_join(&thread);
        CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_OK);
    }
}

static void two_domains_live_side_by_side(void **state)
{
    (void)state;
    rig a, b;
    rig_open(&a, NULL);
    rig_open(&b, NULL);
    rig_send(a.shard, a.producer, 1, 100);
    rig_send(b.shard, b.producer, 2, 200);
    ho_buf from_a = rig_take(a.consumer), from_b = rig_take(b.consumer);
    CHECK(from_a.len == 100 && from_b.len == 200);
    rig_return(a.domain, &from_a);
    rig_close(&a);
    rig_check_pattern(&from_b);
    rig_return(b.domain, &from_b);
    rig_close(&b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(create_with_defaults_and_destroy),
    cmocka_unit_test(create_checks_its_options),
    cmocka_unit_test(create_refuses_null),
    cmocka_unit_test(segments_are_powers_of_two_from_16_kib_to_16_mib),
    cmocka_unit_test(address_space_is_limited_to_128_gib),
    cmocka_unit_test(there_may_be_64_domains),
    cmocka_unit_test(a_destroyed_domain_has_no_handle),
    cmocka_unit_test(a_new_domain_has_another_handle_than_the_one_before),
    cmocka_unit_test(destroy_refuses_while_something_is_out_and_frees_nothing),
    cmocka_unit_test(destroy_refuses_while_a_service_is_open),
    cmocka_unit_test(destroy_refuses_while_an_arena_is_open),
    cmocka_unit_test(close_closes_services_and_arenas_and_retires_owners),
    cmocka_unit_test(a_closing_domain_takes_nothing_new),
    cmocka_unit_test(close_reports_what_is_outstanding),
    cmocka_unit_test(a_short_report_is_refused_and_nothing_begins_to_close),
    cmocka_unit_test(a_longer_report_is_written_as_far_as_it_is_known),
    cmocka_unit_test(close_waits_as_long_as_it_was_told),
    cmocka_unit_test(close_waits_for_ever_when_told_so),
    cmocka_unit_test(destroy_follows_a_close_that_said_ok),
    cmocka_unit_test(two_domains_live_side_by_side),
};

HO_TEST_MAIN(tests)
