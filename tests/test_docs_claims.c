/* SPDX-License-Identifier: MIT */
/* Claims of docs/ and of docstrings that no other test covers: the status of each common mistake,
 * where releases run. Claims about memory: test_docs_memory.c. */
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

/* docs/troubleshooting.md, "By status" and "Common mistakes". */
static void each_mistake_with_a_buffer_has_its_status(void **state)
{
    (void)state;
    rig other;
    rig_open(&other, NULL);
    ho_buf loan = rig_loan(r.shard, 1, 10), copy = loan, empty = {0}, buf, part = {0};
    CHECK_STATUS(ho_return(r.domain, &loan, 1, NULL), HO_E_KIND);
    loan.len = loan.cap + 1;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_E_RANGE);
    loan.len = 10;
    loan.flags = HO_BUF_PARTITION;
    loan.partition = 1;
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_E_ROUTE);
    loan.flags = 0;
    CHECK_STATUS(ho_commit(other.producer, &loan, 1, 0, NULL), HO_E_STALE);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_commit(r.producer, &copy, 1, 0, NULL), HO_E_STALE);
    buf = rig_take(r.consumer);
    CHECK_STATUS(ho_commit(r.producer, &buf, 1, 0, NULL), HO_E_KIND);
    part.ptr = buf.ptr, part.len = buf.len, part.cap = buf.cap, part.handle = buf.handle;
    part.kind = buf.kind;
    CHECK_STATUS(ho_return(r.domain, &part, 1, NULL), HO_E_STALE); /* owner was not kept */
    CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_E_RESERVED);
    copy = buf;
    CHECK_STATUS(ho_return(r.domain, &buf, 1, NULL), HO_OK);
    CHECK_STATUS(ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
    CHECK_STATUS(ho_return(r.domain, &empty, 1, NULL), HO_OK); /* a no-op */
    CHECK_STATUS(ho_forward(r.producer, &empty, 1, 0, NULL), HO_E_KIND);
    CHECK_STATUS(ho_shard_close(r.shard), HO_E_BUSY); /* a producer is over it */
    int32_t fd;
    CHECK_STATUS(ho_shard_fd(r.shard, &fd), HO_E_BUSY);
    ho_producer *stranger;
    CHECK_STATUS(ho_producer_open(r.service, other.shard, &stranger), HO_E_DOMAIN);
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
    CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT + 1, NULL, &loan), HO_E_RANGE);
    CHECK_STATUS(rig_copy(r.producer, memory, RIG_BUDGET + 1, 1, 0), HO_E_RANGE);
    ho_consumer *consumer;
    CHECK_STATUS(ho_consumer_open(r.service, NULL, &consumer), HO_E_BUSY); /* of one partition */
    service = rig_service(r.domain, SERVICE_OPTS(.partitions = 2, .consumers = HO_CONSUMERS_BOUND));
    consumer = rig_consumer_of(service, 1);
    ho_consumer *second;
    CHECK_STATUS(ho_consumer_open(service, CONSUMER_OPTS(.partition = 1), &second), HO_E_BUSY);
    CHECK_STATUS(ho_consumer_open(service, CONSUMER_OPTS(.partition = 2), &second), HO_E_RANGE);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    service = rig_service(r.domain, SERVICE_OPTS(.partitions = 2));
    CHECK_STATUS(ho_consumer_open(service, CONSUMER_OPTS(.partition = 1), &second), HO_E_RANGE);
}

static void a_message_held_back_by_more_arrives_with_the_flush(void **state)
{
    (void)state;
    ho_buf loan = rig_loan(r.shard, 1, 10);
    CHECK_STATUS(ho_commit(r.producer, &loan, 1, HO_MORE, NULL), HO_OK);
    CHECK_STATUS(ho_wait(r.consumer, 10000000), HO_TIMEOUT);
    CHECK_STATUS(ho_flush(r.producer), HO_OK);
    CHECK_STATUS(ho_wait(r.consumer, -1), HO_OK);
}

/* docs/threads.md: what was taken is dealt with before the next take. */
static void a_claim_lasts_until_the_next_take_wait_yield_or_close(void **state)
{
    (void)state;
    ho_service *service = rig_service(r.domain, SERVICE_OPTS(.partitions = 2));
    ho_consumer *one = rig_consumer(service), *other = rig_consumer(service);
    ho_producer *producer = rig_producer(service, r.shard);
    ho_buf buf, none;
    uint32_t count;
    for (uint64_t i = 0; i < 3; i++)
        rig_send(r.shard, producer, 7, 10 + i);
    buf = rig_take(one);
    CHECK(buf.len == 10);
    CHECK_STATUS(ho_take(other, &none, 1, &count), HO_EMPTY);
    CHECK_STATUS(ho_wait(other, 0), HO_TIMEOUT);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_consumer_yield(one), HO_OK);
    CHECK_STATUS(ho_wait(other, 0), HO_OK); /* a wait claims, too */
    CHECK_STATUS(ho_take(one, &none, 1, &count), HO_EMPTY);
    buf = rig_take(other);
    CHECK(buf.len == 11);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_consumer_close(other), HO_OK);
    buf = rig_take(one);
    CHECK(buf.len == 12);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_consumer_close(one), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
}

/* docs/ownership.md: nothing is cancelled while the service is open. */
static void messages_wait_for_whoever_works_on_their_partition(void **state)
{
    (void)state;
    for (uint32_t consumers = HO_CONSUMERS_SHARED; consumers <= HO_CONSUMERS_BOUND; consumers++) {
        ho_service *service =
            rig_service(r.domain, SERVICE_OPTS(.partitions = 2, .consumers = consumers));
        ho_producer *producer = rig_producer(service, r.shard);
        uint32_t partition = 0;
        rig_send(r.shard, producer, 7, 10);
        rig_send(r.shard, producer, 7, 11);
        ho_consumer *first = rig_consumer(service);
        if (consumers == HO_CONSUMERS_BOUND && ho_wait(first, 0) != HO_OK) {
            CHECK_STATUS(ho_consumer_close(first), HO_OK);
            partition = 1;
            first = rig_consumer_of(service, partition);
        }
        ho_buf buf = rig_take(first);
        CHECK(buf.len == 10);
        CHECK_STATUS(ho_consumer_close(first), HO_OK);
        CHECK_STATUS(ho_producer_close(producer), HO_OK);
        rig_return(r.domain, &buf);
        first = rig_consumer_of(service, partition);
        buf = rig_take(first);
        CHECK(buf.len == 11);
        rig_return(r.domain, &buf);
        CHECK_STATUS(ho_consumer_close(first), HO_OK);
    }
}

/* ---- where releases run, and what they may call */

static const char *under_way;
static char released_in[64];

#define IN(call) (under_way = #call, (call))

static void open_everything(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    ho_domain *domain = ctx, *another;
    ho_arena *arena;
    ho_shard *shard;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
    uint32_t owner;
    (void)recs;
    (void)count;
    snprintf(released_in, sizeof released_in, "%.*s", (int)strcspn(under_way, "("), under_way);
    CHECK_STATUS(ho_service_open(domain, NULL, &service), HO_OK);
    CHECK_STATUS(ho_arena_open(domain, NULL, &arena), HO_OK);
    CHECK_STATUS(ho_shard_open(arena, &shard), HO_OK);
    CHECK_STATUS(ho_producer_open(service, shard, &producer), HO_OK);
    CHECK_STATUS(ho_consumer_open(service, NULL, &consumer), HO_OK);
    CHECK_STATUS(ho_owner_register(domain, OWNER_OPTS(.release = rig_count_release), &owner),
                 HO_OK);
    CHECK_STATUS(ho_owner_retire(domain, owner, 0), HO_E_REENTRANT);
    CHECK_STATUS(ho_domain_create(DOMAIN_OPTS(.max_bytes = 1u << 20), &another), HO_OK);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_shard_close(shard), HO_E_REENTRANT);
    CHECK_STATUS(ho_domain_destroy(another, NULL), HO_E_REENTRANT);
    *(ho_domain **)memory = another;
    *((ho_producer **)memory + 1) = producer;
    *((ho_consumer **)memory + 2) = consumer;
    *((ho_shard **)memory + 3) = shard;
}

static void close_what_was_opened(void)
{
    CHECK_STATUS(ho_producer_close(*((ho_producer **)memory + 1)), HO_OK);
    CHECK_STATUS(ho_consumer_close(*((ho_consumer **)memory + 2)), HO_OK);
    CHECK_STATUS(ho_shard_close(*((ho_shard **)memory + 3)), HO_OK);
    CHECK_STATUS(ho_domain_destroy(*(ho_domain **)memory, NULL), HO_OK);
}

static ho_buf take_one(ho_consumer *consumer)
{
    ho_buf buf;
    uint32_t count;
    CHECK_STATUS(ho_take(consumer, &buf, 1, &count), HO_OK);
    return buf;
}

static void what_nobody_took_is_released_by_the_close_of_its_service(uint32_t consumers)
{
    ho_domain *domain = rig_domain();
    ho_service *service =
        rig_service(domain, SERVICE_OPTS(.partitions = 2, .lane_slots = 2, .consumers = consumers,
                                         .policy = HO_POLICY_DROP_NEWEST));
    ho_consumer *consumer = rig_consumer(service);
    ho_shard *shard = rig_shard(rig_arena(domain, NULL));
    ho_producer *producer = rig_producer(service, shard);
    uint32_t owner;
    ho_owner_opts *opts = OWNER_OPTS(.release = open_everything, .ctx = domain);
    CHECK_STATUS(ho_owner_register(domain, opts, &owner), HO_OK);
    ho_buf bufs[3];
    for (int i = 0; i < 3; i++)
        bufs[i] = rig_foreign(owner, memory, sizeof memory, 1), bufs[i].flags = HO_BUF_PARTITION;
    released_in[0] = 0;
    CHECK_STATUS(IN(ho_give(producer, bufs, 2, 0, NULL)), HO_OK);
    CHECK(released_in[0] == 0);
    CHECK_STATUS(IN(ho_give(producer, &bufs[2], 1, 0, NULL)), HO_DROPPED);
    assert_string_equal(released_in, "ho_give");
    close_what_was_opened();
    ho_buf taken = take_one(consumer);
    released_in[0] = 0;
    CHECK_STATUS(IN(ho_consumer_close(consumer)), HO_OK);
    CHECK_STATUS(IN(ho_producer_close(producer)), HO_OK);
    CHECK_STATUS(IN(ho_shard_close(shard)), HO_OK);
    CHECK(released_in[0] == 0);
    CHECK_STATUS(IN(ho_service_close(service, 0, NULL)), HO_OK);
    assert_string_equal(released_in, "ho_service_close");
    close_what_was_opened();
    CHECK_STATUS(IN(ho_return(domain, &taken, 1, NULL)), HO_OK);
    assert_string_equal(released_in, "ho_return");
    close_what_was_opened();
    rig_destroy(domain);
}

static void an_inline_release_runs_in_the_call_that_ends_the_last_hold(void **state)
{
    (void)state;
    what_nobody_took_is_released_by_the_close_of_its_service(HO_CONSUMERS_SHARED);
    what_nobody_took_is_released_by_the_close_of_its_service(HO_CONSUMERS_BOUND);
}

/* ---- draining */

static void a_closing_domain_waits_for_its_drainer(void **state)
{
    (void)state;
    rig_owner owner;
    ho_outstanding out = {.size = sizeof out};
    rig_owner_register(r.domain, HO_RELEASE_DRAIN, &owner);
    ho_buf buf = rig_foreign(owner.owner, memory, sizeof memory, 1);
    CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
    CHECK(rig_drain(&r) == 1);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_close(r.shard), HO_OK);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_TIMEOUT);
    CHECK(out.foreign == 1 && out.handles == 0);
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 10, NULL), HO_OK);
    CHECK(owner.releases == 1);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_OK);
    CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_OK);
    open_rig(state);
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
    rig_send(r.shard, r.producer, 1, 100);
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
    WITH_RIG(a_claim_lasts_until_the_next_take_wait_yield_or_close),
    WITH_RIG(messages_wait_for_whoever_works_on_their_partition),
    cmocka_unit_test(an_inline_release_runs_in_the_call_that_ends_the_last_hold),
    WITH_RIG(a_closing_domain_waits_for_its_drainer),
    WITH_RIG(a_child_has_neither_the_handles_nor_the_memory),
};

HO_TEST_MAIN(tests)
