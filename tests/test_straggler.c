/* SPDX-License-Identifier: MIT */
/* A late service harms itself, not others: it pins a limited part of a shared arena, beyond that
 * its messages are copied, and when there is no room for copies its policy applies. */
#include <poll.h>
#include <unistd.h>

#include "rig.h"

#define BUDGET_SEGMENTS 64u
#define LANE 256u
#define SMALL 11u

static rig r;    /* a service that is in time */
static rig late; /* one that is not, over the same shard */
static rig_owner owner;
static uint8_t memory[100];

static void open_late(const ho_service_opts *opts)
{
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = BUDGET_SEGMENTS * RIG_SEGMENT), NULL);
    late = (rig){.domain = r.domain, .arena = r.arena, .shard = r.shard};
    late.service = rig_service(r.domain, opts);
    late.producer = rig_producer(late.service, r.shard);
    late.consumer = rig_consumer(late.service);
    owner = (rig_owner){0};
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
}

static void close_late(void)
{
    CHECK(rig_stats(late.service).undelivered == 0);
    CHECK_STATUS(ho_producer_close(late.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(late.consumer), HO_OK);
    rig_close(&r);
}

static int open_all(void **state)
{
    (void)state;
    open_late(SERVICE_OPTS(.lane_slots = LANE, .policy = HO_POLICY_DROP_NEWEST));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    close_late();
    return 0;
}

/* A segment of messages to the service that is in time, each taken and returned. */
static void a_segment_of_others(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        rig_send(r.shard, r.producer, i, RIG_SEGMENT / 4);
        ho_buf buf = rig_take(r.consumer);
        rig_return(r.domain, &buf);
    }
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static uint64_t copies(void)
{
    return rig_stats(late.service).straggler_copies;
}

/* One small message for each segment of the others': the least that can pin the most. */
static void send_sparsely(uint32_t first, uint32_t count, long pause)
{
    for (uint32_t i = 0; i < count; i++) {
        a_segment_of_others();
        ho_buf loan = rig_loan(r.shard, first + i, SMALL);
        int32_t status = ho_commit(late.producer, &loan, 1, 0, NULL);
        CHECK(status == HO_OK || status == HO_DROPPED);
        if (pause)
            pause_ms(pause);
    }
}

/* The keys are `next` and so on, at most `most` of them. Returns the next. */
static uint32_t take_in_order(uint32_t next, uint32_t most)
{
    ho_buf buf;
    uint32_t taken, end = next + most;
    while (next < end && ho_take(late.consumer, &buf, 1, &taken) == HO_OK) {
        CHECK(buf.key == next && buf.len == SMALL && buf.cap >= SMALL);
        rig_check_pattern(&buf);
        rig_return(r.domain, &buf);
        next++;
    }
    return next;
}

static void a_hung_service_stops_nobody_else(void **state)
{
    (void)state;
    send_sparsely(0, 2000, 0);
    ho_service_stats s = rig_stats(late.service), others = rig_stats(r.service);
    CHECK(others.messages_in == 8000 && others.messages_out == 8000 && others.full == 0);
    CHECK(s.straggler_copies > 0 && s.messages_dropped == 2000 - LANE);
    CHECK(s.straggler_bytes > 0 && s.straggler_bytes <= 2 * RIG_SEGMENT);
    ho_arena_stats memory_now = rig_arena_stats(r.arena);
    CHECK(memory_now.segments_peak <= BUDGET_SEGMENTS / 2 + BUDGET_SEGMENTS / 8);
    CHECK(memory_now.full == 0);
    CHECK(take_in_order(0, 2000) == LANE);
}

static void what_waits_for_long_in_many_segments_is_followed_by_copies(void **state)
{
    (void)state;
    send_sparsely(0, 20, 5); /* nowhere near half of the arena */
    CHECK(copies() > 0 && rig_arena_stats(r.arena).segments_peak <= 16);
    CHECK(take_in_order(0, 21) == 20);
}

static void who_has_caught_up_gets_no_copies(void **state)
{
    (void)state;
    send_sparsely(0, 100, 0);
    uint64_t before = copies();
    CHECK(before > 0);
    CHECK(take_in_order(0, 101) == 100);
    for (uint32_t i = 0; i < BUDGET_SEGMENTS; i++) /* what was pinned is used again */
        a_segment_of_others();
    for (uint32_t i = 0; i < 200; i++) {
        send_sparsely(i, 1, 0);
        CHECK(take_in_order(i, 2) == i + 1);
    }
    CHECK(copies() == before);
    CHECK(rig_stats(late.service).straggler_bytes == 0);
}

static void nothing_is_copied_for_a_full_lane_of_long_messages(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        rig_send(r.shard, late.producer, i, RIG_SEGMENT / 2);
        pause_ms(1);
    }
    CHECK(copies() == 0);
    CHECK(rig_drain(&late) == 40);
}

static void a_keeper_gets_copies(void **state)
{
    (void)state;
    ho_buf kept[BUDGET_SEGMENTS];
    for (uint32_t i = 0; i < BUDGET_SEGMENTS; i++) {
        send_sparsely(i, 1, 0);
        kept[i] = rig_take(late.consumer);
    }
    CHECK(copies() > 0);
    CHECK(rig_arena_stats(r.arena).segments_peak <= BUDGET_SEGMENTS / 2 + BUDGET_SEGMENTS / 8);
    for (uint32_t i = 0; i < BUDGET_SEGMENTS; i++) {
        rig_check_pattern(&kept[i]);
        rig_return(r.domain, &kept[i]);
    }
}

static void make_late(void)
{
    send_sparsely(0, BUDGET_SEGMENTS, 0);
    CHECK(copies() > 0);
}

static void what_is_given_is_released_at_once(void **state)
{
    (void)state;
    make_late();
    for (uint32_t i = 0; i < 3; i++) {
        a_segment_of_others();
        ho_buf given = rig_foreign(owner.owner, memory, sizeof memory, 7 + i);
        given.key = 1;
        given.value = 55 + i;
        memset(memory, (int)i, sizeof memory);
        CHECK_STATUS(ho_give(late.producer, &given, 1, 0, NULL), HO_OK);
        CHECK_EMPTY(&given);
        CHECK(owner.releases == i + 1 && owner.last.token == 7 + i && owner.cancelled == 0);
        CHECK(owner.last.base == memory && owner.last.size == sizeof memory);
    }
    CHECK(take_in_order(0, BUDGET_SEGMENTS) == BUDGET_SEGMENTS);
    for (uint32_t i = 0; i < 3; i++) {
        ho_buf buf;
        uint32_t taken;
        CHECK_STATUS(ho_take(late.consumer, &buf, 1, &taken), HO_OK);
        CHECK(buf.value == 55 + i && buf.len == sizeof memory && buf.ptr[50] == i);
        rig_return(r.domain, &buf);
    }
    CHECK(owner.releases == 3);
}

static void what_is_forwarded_is_returned_at_once(void **state)
{
    (void)state;
    make_late();
    ho_buf slice, buf;
    rig_send(r.shard, r.producer, 9, 300);
    buf = rig_take(r.consumer);
    CHECK_STATUS(ho_slice(r.domain, &buf, 100, 50, &slice), HO_OK);
    uint64_t out = rig_arena_stats(r.arena).buffers_out;
    CHECK_STATUS(ho_forward(late.producer, &buf, 1, 0, NULL), HO_OK);
    CHECK(rig_arena_stats(r.arena).buffers_out == out - 1);
    CHECK_STATUS(ho_forward(late.producer, &slice, 1, 0, NULL), HO_OK);
    CHECK(rig_arena_stats(r.arena).bytes_pinned == 0);
    CHECK(take_in_order(0, BUDGET_SEGMENTS) == BUDGET_SEGMENTS);
    buf = rig_take(late.consumer);
    CHECK(buf.len == 300 && buf.hops == 0);
    rig_return(r.domain, &buf);
    CHECK(rig_drain(&late) == 1);
}

static void a_message_above_a_segment_is_copied_too(void **state)
{
    (void)state;
    make_late();
    static uint8_t big[3 * RIG_SEGMENT];
    ho_buf buf, given = rig_foreign(owner.owner, big, sizeof big, 1);
    uint32_t taken;
    memset(big, 0x5a, sizeof big);
    CHECK_STATUS(ho_give(late.producer, &given, 1, 0, NULL), HO_OK);
    CHECK(owner.releases == 1);
    memset(big, 0, sizeof big);
    CHECK(take_in_order(0, BUDGET_SEGMENTS) == BUDGET_SEGMENTS);
    CHECK_STATUS(ho_take(late.consumer, &buf, 1, &taken), HO_OK);
    CHECK(buf.len == sizeof big && buf.ptr[0] == 0x5a && buf.ptr[sizeof big - 1] == 0x5a);
    rig_return(r.domain, &buf);
}

/* Where copies have little room: fills it. Returns how many messages went. */
static uint32_t fill_copies(void)
{
    uint32_t sent = BUDGET_SEGMENTS;
    make_late();
    for (;; sent++) {
        ho_buf loan = rig_loan(r.shard, sent, 1000);
        int32_t status = ho_commit(late.producer, &loan, 1, 0, NULL);
        if (status == HO_OK)
            continue;
        CHECK_STATUS(status, HO_FULL);
        CHECK_REFUSED(&late, &loan, 1, ho_commit(late.producer, &loan, 1, 0, NULL), HO_FULL);
        CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
        return sent;
    }
}

static void where_copies_have_no_room_the_policy_speaks(void **state)
{
    (void)state;
    static const uint32_t policies[] = {HO_POLICY_FAIL, HO_POLICY_WAIT};
    for (uint32_t i = 0; i < 2; i++) {
        open_late(SERVICE_OPTS(.straggler_bytes = RIG_SEGMENT, .policy = policies[i]));
        uint32_t sent = fill_copies();
        CHECK(sent > BUDGET_SEGMENTS && sent < 200);
        CHECK(rig_stats(late.service).straggler_bytes == RIG_SEGMENT);
        a_segment_of_others(); /* they have room as ever */
        CHECK(rig_drain(&late) == sent);
        close_late();
    }
    open_late(SERVICE_OPTS(.straggler_bytes = RIG_SEGMENT, .policy = HO_POLICY_DROP_NEWEST));
    make_late();
    uint32_t sent = 0, given = 0;
    for (int32_t status = HO_OK; status != HO_DROPPED; sent++) {
        ho_buf loan = rig_loan(r.shard, 0, 1000);
        CHECK((status = ho_commit(late.producer, &loan, 1, 0, NULL)) >= 0);
        CHECK_EMPTY(&loan);
        CHECK(sent < 200);
    }
    for (; given < 3; given++) { /* dropped, and so cancelled, not consumed */
        ho_buf buf = rig_foreign(owner.owner, memory, 2000, given);
        CHECK_STATUS(ho_give(late.producer, &buf, 1, 0, NULL), HO_DROPPED);
        CHECK(owner.cancelled == given + 1);
    }
    CHECK(rig_stats(late.service).messages_dropped == 1 + given);
    CHECK(rig_drain(&late) == BUDGET_SEGMENTS + sent - 1);
    close_late();
}

static ho_buf held[512];

/* It takes what came and keeps it, so that nothing but a return is a reason to try again. */
static uint32_t keep(uint32_t count)
{
    uint32_t taken;
    (void)ho_take(late.consumer, held + count, 1, &taken);
    return count + taken;
}

/* It has kept so much that what comes next is copied. */
static uint32_t make_keeper(void)
{
    uint32_t count = 0;
    while (copies() == 0) {
        send_sparsely(count, 1, 0);
        count = keep(count);
        CHECK(count < BUDGET_SEGMENTS);
    }
    return count;
}

/* Of such a segment takes one. */
static void send_one(void *arg)
{
    (void)arg;
    rig_send(r.shard, late.producer, 1, RIG_SEGMENT / 2 + 1);
}

static void who_waits_for_copies_to_come_back_is_woken(void **state)
{
    (void)state;
    harness_thread sender;
    open_late(SERVICE_OPTS(.straggler_bytes = RIG_SEGMENT, .policy = HO_POLICY_WAIT,
                           .wait_ns = (uint64_t)HARNESS_NEVER_NS));
    uint32_t count = make_keeper();
    send_one(NULL);
    count = keep(count);
    harness_start(&sender, send_one, NULL);
    pause_ms(20);
    CHECK_STATUS(ho_return(r.domain, held, count, NULL), HO_OK);
    harness_join(&sender);
    CHECK(rig_drain(&late) == 1 && rig_stats(late.service).full == 0);
    close_late();
}

static void a_descriptor_tells_when_copies_have_come_back(void **state)
{
    (void)state;
    int32_t fd;
    uint64_t read_count;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = BUDGET_SEGMENTS * RIG_SEGMENT), NULL);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_fd(r.shard, &fd), HO_OK);
    r.producer = rig_producer(r.service, r.shard);
    late = (rig){.domain = r.domain, .arena = r.arena, .shard = r.shard};
    late.service = rig_service(r.domain, SERVICE_OPTS(.straggler_bytes = RIG_SEGMENT));
    late.producer = rig_producer(late.service, r.shard);
    late.consumer = rig_consumer(late.service);
    struct pollfd at = {.fd = fd, .events = POLLIN};
    uint32_t count = make_keeper();
    send_one(NULL);
    count = keep(count);
    ho_buf loan = rig_loan(r.shard, 1, RIG_SEGMENT / 2 + 1);
    CHECK_STATUS(ho_commit(late.producer, &loan, 1, 0, NULL), HO_FULL);
    CHECK(poll(&at, 1, 0) == 0);
    CHECK_STATUS(ho_return(r.domain, held, count, NULL), HO_OK);
    CHECK(poll(&at, 1, 0) == 1);
    CHECK(read(fd, &read_count, sizeof read_count) == sizeof read_count);
    CHECK_STATUS(ho_commit(late.producer, &loan, 1, 0, NULL), HO_OK);
    CHECK(rig_drain(&late) == 1);
    close(fd);
    close_late();
}

static void copies_outlive_their_service(void **state)
{
    (void)state;
    ho_buf kept = {0}, buf;
    uint32_t taken, n = 0;
    make_late();
    while (ho_take(late.consumer, &buf, 1, &taken) == HO_OK)
        if (++n == BUDGET_SEGMENTS)
            kept = buf; /* the last: a copy */
        else
            rig_return(r.domain, &buf);
    CHECK_STATUS(ho_producer_close(late.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(late.consumer), HO_OK);
    CHECK_STATUS(ho_service_close(late.service, 0, NULL), HO_OK);
    late.service = rig_service(r.domain, NULL); /* the same number, and so the same arena */
    late.producer = rig_producer(late.service, r.shard);
    late.consumer = rig_consumer(late.service);
    CHECK(rig_stats(late.service).straggler_bytes == RIG_SEGMENT);
    CHECK(rig_outstanding(r.domain).buffers == 1); /* begins to close the domain */
    rig_check_pattern(&kept);
    rig_return(r.domain, &kept);
    CHECK(rig_stats(late.service).straggler_bytes == 0);
}

#define WITH_LATE(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

static const struct CMUnitTest tests[] = {
    WITH_LATE(a_hung_service_stops_nobody_else),
    WITH_LATE(what_waits_for_long_in_many_segments_is_followed_by_copies),
    WITH_LATE(who_has_caught_up_gets_no_copies),
    WITH_LATE(nothing_is_copied_for_a_full_lane_of_long_messages),
    WITH_LATE(a_keeper_gets_copies),
    WITH_LATE(what_is_given_is_released_at_once),
    WITH_LATE(what_is_forwarded_is_returned_at_once),
    WITH_LATE(a_message_above_a_segment_is_copied_too),
    cmocka_unit_test(where_copies_have_no_room_the_policy_speaks),
    cmocka_unit_test(who_waits_for_copies_to_come_back_is_woken),
    cmocka_unit_test(a_descriptor_tells_when_copies_have_come_back),
    WITH_LATE(copies_outlive_their_service),
};

HO_TEST_MAIN(tests)
