/* SPDX-License-Identifier: MIT */
/* What docs/ and the docstrings claim and no other test shows: the status of each common mistake, where
 * releases run, what is counted as out. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static rig r;
static uint8_t memory[64];

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_drain(&r);
    rig_close(&r);
    return 0;
}

/* docs/integrating.md, "Common mistakes": one line a row. */
static void each_mistake_with_a_buffer_has_its_status(void **state)
{
    (void)state;
    rig other;
    rig_open(&other, NULL);
    ho_buf loan = rig_loan(r.producer, 1, 10), copy = loan, empty = {0}, buf, part = {0};
    CHECK_STATUS(ho_return(r.domain, &loan, 1, NULL), HO_E_KIND);
    loan.len = loan.cap + 1;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_BY_KEY, 0, NULL), HO_E_RANGE);
    loan.len = 10;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, 0, NULL), HO_E_ROUTE);
    CHECK_STATUS(ho_commit(other.producer, &loan, 1, HO_BY_KEY, 0, NULL), HO_E_DOMAIN);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_BY_KEY, 0, NULL), HO_OK);
    CHECK_STATUS(ho_commit(r.producer, &copy, 1, HO_BY_KEY, 0, NULL), HO_E_STALE);
    buf = rig_take(r.consumer);
    CHECK_STATUS(ho_commit(r.producer, &buf, 1, HO_BY_KEY, 0, NULL), HO_E_KIND);
    part.ptr = buf.ptr, part.len = buf.len, part.cap = buf.cap, part.handle = buf.handle;
    part.kind = buf.kind;
    CHECK_STATUS(ho_return(r.domain, &part, 1, NULL), HO_E_STALE); /* owner was not kept */
    CHECK_STATUS(ho_give(r.producer, &buf, 1, HO_BY_KEY, 0, NULL), HO_E_RESERVED);
    copy = buf;
    CHECK_STATUS(ho_return(r.domain, &buf, 1, NULL), HO_OK);
    CHECK_STATUS(ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
    CHECK_STATUS(ho_return(r.domain, &empty, 1, NULL), HO_OK); /* a no-op */
    CHECK_STATUS(ho_forward(r.producer, &empty, 1, HO_BY_KEY, 0, NULL), HO_E_KIND);
    rig_close(&other);
}

static void each_mistake_with_options_has_its_status(void **state)
{
    (void)state;
    ho_service *service;
    ho_service_opts opts = {0};
    CHECK_STATUS(ho_service_open(r.domain, &opts, &service), HO_E_SIZE);
    opts.size = sizeof opts;
    opts.lane_slots = 1000;
    CHECK_STATUS(ho_service_open(r.domain, &opts, &service), HO_E_RANGE);
    opts.size = 0xa5a5a5a5; /* never set */
    CHECK_STATUS(ho_service_open(r.domain, &opts, &service), HO_E_TOO_NEW);
    ho_buf loan;
    CHECK_STATUS(ho_reserve(r.producer, RIG_SEGMENT + 1, NULL, &loan), HO_E_RANGE);
    CHECK_STATUS(ho_give_copy(r.producer, memory, RIG_SEGMENT + 1, 1, HO_BY_KEY, 0), HO_E_RANGE);
}

static void a_message_held_back_by_more_arrives_with_the_flush(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.producer, 1, 10);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_BY_KEY, HO_MORE, NULL), HO_OK);
    CHECK_STATUS(ho_wait(r.consumer, 10000000), HO_TIMEOUT);
    CHECK_STATUS(ho_flush(r.producer), HO_OK);
    CHECK_STATUS(ho_wait(r.consumer, -1), HO_OK);
}

/* ---- where releases run, and what they may call */

static const char *under_way;
static char released_in[64];

#define IN(call) (under_way = #call, (call))

static void open_everything(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    ho_domain *domain = ctx, *another;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
    uint32_t owner;
    (void)recs;
    (void)count;
    snprintf(released_in, sizeof released_in, "%.*s", (int)strcspn(under_way, "("), under_way);
    CHECK_STATUS(ho_service_open(domain, NULL, &service), HO_OK);
    CHECK_STATUS(ho_producer_open(service, &producer), HO_OK);
    CHECK_STATUS(ho_consumer_open(service, NULL, &consumer), HO_OK);
    CHECK_STATUS(ho_owner_register(domain, OWNER_OPTS(.release = rig_count_release), &owner),
                 HO_OK);
    CHECK_STATUS(ho_owner_retire(domain, owner, 0), HO_E_REENTRANT);
    CHECK_STATUS(ho_domain_create(DOMAIN_OPTS(.max_bytes = 1u << 20), &another), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_domain_destroy(another, NULL), HO_E_REENTRANT);
    *(ho_domain **)memory = another;
    *((ho_producer **)memory + 1) = producer;
    *((ho_consumer **)memory + 2) = consumer;
}

static void close_what_was_opened(void)
{
    CHECK_STATUS(ho_producer_close(*((ho_producer **)memory + 1)), HO_OK);
    CHECK_STATUS(ho_consumer_close(*((ho_consumer **)memory + 2)), HO_OK);
    CHECK_STATUS(ho_domain_destroy(*(ho_domain **)memory, NULL), HO_OK);
}

/* What was sent to a consumer that went without having looked is released by its producer's next call. */
static void an_inline_release_runs_in_the_next_call_after_a_consumer_has_gone(void **state)
{
    (void)state;
    static const char *const expected[] = {"ho_reserve", "ho_give_copy", "ho_producer_close"};
    for (int which = 0; which < 3; which++) {
        ho_domain *domain = rig_domain();
        ho_service *service = rig_service(domain, SERVICE_OPTS(.routing = HO_ROUTE_NUMBER));
        ho_consumer *consumer = rig_consumer(service);
        ho_producer *producer = rig_producer(service);
        uint32_t owner;
        ho_buf loan;
        CHECK_STATUS(ho_owner_register(
                         domain, OWNER_OPTS(.release = open_everything, .ctx = domain), &owner),
                     HO_OK);
        ho_buf buf = rig_foreign(owner, memory, sizeof memory, 1);
        CHECK_STATUS(ho_give(producer, &buf, 1, 0, 0, NULL), HO_OK);
        released_in[0] = 0;
        CHECK_STATUS(IN(ho_consumer_close(consumer)), HO_OK);
        CHECK(released_in[0] == 0);
        if (which == 0) {
            CHECK_STATUS(IN(ho_reserve(producer, 10, NULL, &loan)), HO_OK);
            CHECK_STATUS(ho_abort(producer, &loan, 1, NULL), HO_OK);
        } else if (which == 1) {
            CHECK_STATUS(IN(ho_give_copy(producer, "a", 1, 1, 0, 0)), HO_E_ROUTE);
        }
        CHECK_STATUS(IN(ho_producer_close(producer)), HO_OK);
        assert_string_equal(released_in, expected[which]);
        close_what_was_opened();
        rig_destroy(domain);
    }
}

/* ---- what is out */

static void only_the_domain_counts_slices(void **state)
{
    (void)state;
    ho_buf slice;
    ho_outstanding out = {.size = sizeof out};
    rig_send(r.producer, 1, 100);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_ref(r.domain, &buf, 0, 10, &slice), HO_OK);
    rig_return(r.domain, &buf);
    CHECK(rig_stats(r.service).bytes_pinned == RIG_SEGMENT);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK_STATUS(ho_service_close(r.service, 0, &out), HO_TIMEOUT);
    CHECK(out.buffers == 0);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_TIMEOUT);
    CHECK(out.buffers == 1 && out.oldest[0] == slice.handle);
    rig_return(r.domain, &slice);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_OK);
    CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_OK);
    open_rig(state);
}

static void a_closing_domain_waits_for_its_drainer(void **state)
{
    (void)state;
    rig_owner owner;
    ho_outstanding out = {.size = sizeof out};
    rig_owner_register(r.domain, HO_RELEASE_DRAIN, &owner);
    ho_buf buf = rig_foreign(owner.owner, memory, sizeof memory, 1);
    CHECK_STATUS(ho_give(r.producer, &buf, 1, HO_BY_KEY, 0, NULL), HO_OK);
    CHECK(rig_drain(&r) == 1);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_TIMEOUT);
    CHECK(out.foreign == 1 && out.handles == 0);
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 10, NULL), HO_OK);
    CHECK(owner.releases == 1);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_OK);
    CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_OK);
    open_rig(state);
}

static void records_of_foreign_buffers_take_a_segment_and_never_wait(void **state)
{
    (void)state;
    rig_owner owner;
    ho_buf loan;
    ho_service *service =
        rig_service(r.domain, SERVICE_OPTS(.budget_bytes = RIG_SEGMENT, .policy = HO_POLICY_WAIT,
                                           .wait_ns = 3600000000000));
    ho_producer *producer = rig_producer(service);
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    CHECK_STATUS(ho_reserve(producer, 1, NULL, &loan), HO_OK); /* the only segment */
    ho_buf buf = rig_foreign(owner.owner, memory, sizeof memory, 1);
    CHECK_STATUS(ho_give(producer, &buf, 1, HO_BY_KEY, 0, NULL), HO_FULL);
    CHECK_STATUS(ho_abort(producer, &loan, 1, NULL), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

/* How many messages of 200 bytes in loans of 1,500 one segment takes, `ahead` reserved before they are
 * committed. */
static uint32_t messages_per_segment(uint32_t ahead)
{
    ho_buf loans[16];
    uint32_t sent = 0;
    while (rig_stats(r.service).segments_in_use < 2) {
        for (uint32_t i = 0; i < ahead; i++)
            CHECK_STATUS(ho_reserve(r.producer, 1500, NULL, &loans[i]), HO_OK);
        for (uint32_t i = 0; i < ahead; i++)
            loans[i].len = 200;
        CHECK_STATUS(ho_commit(r.producer, loans, ahead, HO_BY_KEY, 0, NULL), HO_OK);
        sent += ahead;
    }
    return sent;
}

static void loans_that_are_reserved_ahead_keep_their_unused_room(void **state)
{
    uint32_t one_by_one = messages_per_segment(1);
    close_rig(state);
    open_rig(state);
    uint32_t ahead = messages_per_segment(16);
    CHECK(one_by_one >= RIG_SEGMENT / 256 - 8);
    CHECK(ahead <= RIG_SEGMENT / 1536 + 16);
}

static void one_kept_buffer_keeps_its_whole_segment(void **state)
{
    (void)state;
    ho_buf kept = {0};
    for (uint64_t i = 0; i < 2 * RIG_SEGMENT / 1024; i++) {
        rig_send(r.producer, i, 1000);
        ho_buf buf = rig_take(r.consumer);
        if (i == 0)
            kept = buf;
        else
            rig_return(r.domain, &buf);
    }
    ho_stats stats = rig_stats(r.service);
    CHECK(stats.segments_in_use == 2 && stats.bytes_live == 1000);
    CHECK(stats.bytes_dead >= RIG_SEGMENT - 1000);
    CHECK_STATUS(ho_compact(r.producer, &kept), HO_OK);
    CHECK(rig_stats(r.service).segments_in_use == 1);
    rig_return(r.domain, &kept);
}

/* ---- fork */

static void run_in_child(void (*body)(void), int *status)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, status, 0) == child);
}

static ho_buf held;

static void return_before_and_after_a_domain(void)
{
    ho_domain *mine;
    if (ho_return(r.domain, &held, 1, NULL) != HO_E_FORKED || ho_domain_create(NULL, &mine) ||
        ho_return(r.domain, &held, 1, NULL) != HO_E_HANDLE)
        _exit(1);
}

static void read_the_bytes(void)
{
    signal(SIGSEGV, SIG_DFL); /* not the test framework's */
    (void)*(volatile uint8_t *)held.ptr;
}

static void a_child_has_neither_the_handles_nor_the_memory(void **state)
{
    (void)state;
    int status = -1;
    rig_send(r.producer, 1, 100);
    held = rig_take(r.consumer);
    run_in_child(return_before_and_after_a_domain, &status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    run_in_child(read_the_bytes, &status);
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0); /* a fault; a sanitizer's exit */
    rig_return(r.domain, &held);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(each_mistake_with_a_buffer_has_its_status),
    WITH_RIG(each_mistake_with_options_has_its_status),
    WITH_RIG(a_message_held_back_by_more_arrives_with_the_flush),
    cmocka_unit_test(an_inline_release_runs_in_the_next_call_after_a_consumer_has_gone),
    WITH_RIG(only_the_domain_counts_slices),
    WITH_RIG(a_closing_domain_waits_for_its_drainer),
    WITH_RIG(records_of_foreign_buffers_take_a_segment_and_never_wait),
    WITH_RIG(loans_that_are_reserved_ahead_keep_their_unused_room),
    WITH_RIG(one_kept_buffer_keeps_its_whole_segment),
    WITH_RIG(a_child_has_neither_the_handles_nor_the_memory),
};

HO_TEST_MAIN(tests)
