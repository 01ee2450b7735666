/* SPDX-License-Identifier: MIT */
/* What an arena gives back to the system: on request, by itself after a burst, and nothing if it
 * should keep it. */
#include <stdio.h>
#include <unistd.h>

#include "rig.h"

#define WHOLE RIG_SEGMENT /* a loan that needs a segment of its own */

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT, .keep_bytes = 1), NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_drain(&r);
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static ho_buf held[4];

static void fill_budget(void)
{
    for (size_t i = 0; i < 4; i++) {
        rig_send(r.shard, r.producer, i, WHOLE);
        held[i] = rig_take(r.consumer);
    }
}

static void trim_gives_back_what_is_unused(void **state)
{
    (void)state;
    uint64_t freed = 77;
    CHECK_STATUS(ho_arena_trim(r.arena, 0, &freed), HO_OK);
    CHECK(freed == 0);
    fill_budget();
    CHECK_STATUS(ho_arena_trim(r.arena, 0, &freed), HO_OK);
    CHECK(freed == 0); /* memory in use stays */
    for (size_t i = 0; i < 4; i++)
        rig_check_pattern(&held[i]);
    CHECK_STATUS(ho_return(r.domain, held, 3, NULL), HO_OK); /* the shard's own is the fourth */
    CHECK(rig_arena_stats(r.arena).segments_held == 4);
    CHECK_STATUS(ho_arena_trim(r.arena, UINT64_MAX, &freed), HO_OK);
    CHECK(freed == 0);
    CHECK_STATUS(ho_arena_trim(r.arena, RIG_SEGMENT + 1, &freed), HO_OK); /* whole ones: two */
    CHECK(freed == RIG_SEGMENT && rig_arena_stats(r.arena).segments_held == 3);
    CHECK_STATUS(ho_arena_trim(r.arena, RIG_SEGMENT, NULL), HO_OK);
    CHECK(rig_arena_stats(r.arena).segments_held == 2);
    CHECK_STATUS(ho_arena_trim(r.arena, 0, &freed), HO_OK);
    CHECK(freed == RIG_SEGMENT && rig_arena_stats(r.arena).segments_held == 1);
    rig_check_pattern(&held[3]);
    rig_return(r.domain, &held[3]);
    CHECK_STATUS(ho_arena_trim(r.arena, 0, &freed), HO_OK);
    CHECK(freed == 0); /* the shard fills it */
    CHECK(rig_arena_stats(r.arena).segments_in_use == 1);
    fill_budget(); /* and it comes again */
    CHECK_STATUS(ho_return(r.domain, held, 4, NULL), HO_OK);
}

static void what_went_back_serves_another_arena(void **state)
{
    (void)state;
    ho_domain *domain;
    CHECK_STATUS(
        ho_domain_create(DOMAIN_OPTS(.max_bytes = 2 * RIG_SEGMENT, .segment_bytes = RIG_SEGMENT),
                         &domain),
        HO_OK);
    ho_arena *arenas[2] = {rig_arena(domain, NULL), rig_arena(domain, NULL)};
    ho_shard *shards[2] = {rig_shard(arenas[0]), rig_shard(arenas[1])};
    ho_buf loans[2], stale;
    for (size_t i = 0; i < 2; i++)
        loans[i] = rig_loan(shards[0], i, WHOLE);
    stale = loans[0];
    CHECK_STATUS(ho_abort(shards[0], loans, 2, NULL), HO_OK);
    CHECK_STATUS(ho_reserve(shards[1], WHOLE, NULL, &loans[0]),
                 HO_FULL); /* the first one has all */
    CHECK_STATUS(ho_arena_trim(arenas[0], 0, NULL), HO_OK);
    loans[0] = rig_loan(shards[1], 7, WHOLE);
    CHECK_STATUS(ho_abort(shards[1], &stale, 1, NULL), HO_E_STALE);
    rig_check_pattern(&loans[0]);
    CHECK_STATUS(ho_abort(shards[1], loans, 1, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(shards[0]), HO_OK);
    CHECK_STATUS(ho_shard_close(shards[1]), HO_OK);
    rig_destroy(domain);
}

#define BURST_SEGMENT (1u << 20)
#define BURST 64u                /* segments */
#define SERVER_BYTES (16u << 20) /* what the process has besides */

static uint8_t server[SERVER_BYTES];

static uint64_t resident_bytes(void)
{
    unsigned long long total, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    CHECK(fscanf(file, "%llu %llu", &total, &resident) == 2);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int open_roomy(uint64_t keep_bytes)
{
    memset(server, 1, sizeof server);
    CHECK_STATUS(ho_domain_create(DOMAIN_OPTS(.segment_bytes = BURST_SEGMENT), &r.domain), HO_OK);
    r.arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = (uint64_t)2 * BURST * BURST_SEGMENT,
                                             .keep_bytes = keep_bytes));
    r.shard = rig_shard(r.arena);
    r.service = rig_service(r.domain, NULL);
    r.producer = rig_producer(r.service, r.shard);
    r.consumer = rig_consumer(r.service);
    return 0;
}

static int open_frugal(void **state)
{
    (void)state;
    return open_roomy(1);
}

static int open_lavish(void **state)
{
    (void)state;
    return open_roomy((uint64_t)2 * BURST * BURST_SEGMENT);
}

static void send_some(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        ho_buf loan;
        CHECK_STATUS(ho_reserve(r.shard, 100000, NULL, &loan), HO_OK);
        memset(loan.ptr, 1, 100000);
        loan.len = 100000;
        CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    }
}

static void some_light_traffic(void)
{
    send_some(4);
    CHECK(rig_drain(&r) == 4);
    harness_sleep_ns(2000000);
}

static void light_traffic(double seconds)
{
    uint64_t end = harness_now_ns() + (uint64_t)(seconds * 1e9);
    do
        some_light_traffic();
    while (harness_now_ns() < end);
}

/* 64 MiB at once, all written, all returned. */
static void burst(void)
{
    send_some(BURST * (BURST_SEGMENT / 100000));
    CHECK(rig_arena_stats(r.arena).segments_in_use >= BURST);
    (void)rig_drain(&r);
    CHECK(rig_arena_stats(r.arena).segments_held >= BURST);
}

/* Within 10 % of before, which is much less than the burst. */
static int is_back_at(uint64_t before, uint64_t after)
{
    return after <= before + before / 10 ||
           HARNESS_SANITIZED; /* sanitizers keep books of their own */
}

static void check_resident(uint64_t before)
{
    uint64_t after = resident_bytes();
    if (!is_back_at(before, after))
        fail_msg("%llu bytes resident before, %llu after", (unsigned long long)before,
                 (unsigned long long)after);
}

static void after_a_burst_the_memory_goes_back_by_itself(void **state)
{
    (void)state;
    light_traffic(0.1);
    uint64_t before = resident_bytes();
    burst();
    CHECK(resident_bytes() > before + (uint64_t)BURST / 2 * BURST_SEGMENT);
    uint64_t deadline =
        harness_now_ns() + (uint64_t)HARNESS_NEVER_NS; /* three seconds, where nothing else runs */
    while ((rig_arena_stats(r.arena).segments_held > 4 || !is_back_at(before, resident_bytes())) &&
           harness_now_ns() < deadline)
        some_light_traffic();
    CHECK(rig_arena_stats(r.arena).segments_held <= 4);
    check_resident(before);
}

static void trim_gives_a_burst_back_at_once(void **state)
{
    (void)state;
    light_traffic(0.1);
    uint64_t before = resident_bytes(), freed;
    burst();
    CHECK_STATUS(ho_arena_trim(r.arena, 0, &freed), HO_OK);
    CHECK(freed >= (uint64_t)(BURST - 1) * BURST_SEGMENT);
    CHECK(rig_arena_stats(r.arena).segments_held == 1);
    check_resident(before);
}

static void a_closed_arena_has_given_everything_back(void **state)
{
    (void)state;
    uint64_t before = resident_bytes();
    burst();
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    CHECK_STATUS(ho_arena_close(r.arena, 0, NULL), HO_OK);
    check_resident(before);
    r.arena = rig_arena(r.domain, NULL); /* for the teardown */
    r.shard = rig_shard(r.arena);
    r.producer = rig_producer(r.service, r.shard);
}

static void an_arena_that_keeps_its_budget_gives_nothing_back(void **state)
{
    (void)state;
    burst();
    uint64_t held_before = rig_arena_stats(r.arena).segments_held, before = resident_bytes();
    light_traffic(2.6);
    CHECK(rig_arena_stats(r.arena).segments_held == held_before);
    CHECK(resident_bytes() > before - before / 10);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)
#define FRUGAL(test) cmocka_unit_test_setup_teardown(test, open_frugal, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(trim_gives_back_what_is_unused),
    WITH_RIG(what_went_back_serves_another_arena),
    FRUGAL(after_a_burst_the_memory_goes_back_by_itself),
    FRUGAL(trim_gives_a_burst_back_at_once),
    FRUGAL(a_closed_arena_has_given_everything_back),
    cmocka_unit_test_setup_teardown(an_arena_that_keeps_its_budget_gives_nothing_back, open_lavish,
                                    close_rig),
};

HO_TEST_MAIN(tests)
