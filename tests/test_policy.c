/* SPDX-License-Identifier: MIT */
/* What happens when a lane or the budget is full: fail, wait, drop the newest. The budget itself is in
 * test_budget.c. */
#include <poll.h>
#include <unistd.h>

#include "rig.h"

#define LANE 4u
#define WAIT_NS 20000000u
#define LONG_NS ((uint64_t)HARNESS_NEVER_NS)

static rig r;

static int open_with(uint32_t policy, uint64_t wait_ns, uint64_t memory_wait_ns)
{
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = 4 * RIG_SEGMENT, .wait_ns = memory_wait_ns),
                SERVICE_OPTS(.lane_slots = LANE, .policy = policy, .wait_ns = wait_ns));
    return 0;
}

static int open_fail(void **state)
{
    (void)state;
    return open_with(HO_POLICY_FAIL, LONG_NS, 0);
}

static int open_wait(void **state)
{
    (void)state;
    return open_with(HO_POLICY_WAIT, WAIT_NS, 0);
}

static int open_long_wait(void **state)
{
    (void)state;
    return open_with(HO_POLICY_WAIT, LONG_NS, 0);
}

static int open_memory_wait(void **state)
{
    (void)state;
    return open_with(HO_POLICY_FAIL, LONG_NS, WAIT_NS);
}

static int open_long_memory_wait(void **state)
{
    (void)state;
    return open_with(HO_POLICY_FAIL, LONG_NS, LONG_NS);
}

static int open_drop(void **state)
{
    (void)state;
    return open_with(HO_POLICY_DROP_NEWEST, LONG_NS, 0);
}

static int close_rig(void **state)
{
    (void)state;
    rig_drain(&r);
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

static int32_t commit(ho_buf *loan)
{
    return ho_commit(r.producer, loan, 1, 0, NULL);
}

static void fill_lane(void)
{
    for (uint64_t key = 0; key < LANE; key++)
        rig_send(r.shard, r.producer, key, 100);
}

static void fill_budget(ho_buf loans[4])
{
    for (size_t i = 0; i < 4; i++)
        CHECK_STATUS(ho_reserve(r.shard, RIG_SEGMENT, NULL, &loans[i]), HO_OK);
}

static void fail_says_full_at_once(void **state)
{
    (void)state;
    fill_lane();
    ho_buf loan = rig_loan(r.shard, 9, 100);
    uint64_t before = harness_now_ns();
    for (int i = 0; i < 10; i++)
        CHECK_REFUSED(&r, &loan, 1, commit(&loan), HO_FULL);
    CHECK(harness_now_ns() - before < LONG_NS);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
}

static void wait_says_full_after_its_time(void **state)
{
    (void)state;
    fill_lane();
    ho_buf loan = rig_loan(r.shard, 9, 100);
    uint64_t before = harness_now_ns();
    CHECK_REFUSED(&r, &loan, 1, commit(&loan), HO_FULL);
    uint64_t waited = harness_now_ns() - before;
    CHECK(waited >= WAIT_NS && waited < LONG_NS);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
}

static void an_arena_says_full_after_its_time(void **state)
{
    (void)state;
    ho_buf loans[4], more;
    fill_budget(loans);
    uint64_t before = harness_now_ns();
    CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, RIG_SEGMENT, NULL, &more), HO_FULL);
    uint64_t waited = harness_now_ns() - before;
    CHECK(waited >= WAIT_NS && waited < LONG_NS);
    CHECK_STATUS(ho_abort(r.shard, loans, 4, NULL), HO_OK);
}

static void wait_is_for_lanes_and_not_for_memory(void **state)
{
    (void)state;
    ho_buf loans[4], more;
    uint8_t bytes[100] = {0};
    fill_budget(loans);
    uint64_t before = harness_now_ns();
    for (int i = 0; i < 100; i++) {
        CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, RIG_SEGMENT, NULL, &more), HO_FULL);
        CHECK_REFUSED(&r, NULL, 0, rig_copy(r.producer, bytes, sizeof bytes, 1, 0), HO_FULL);
    }
    CHECK(harness_now_ns() - before < LONG_NS);
    CHECK_STATUS(ho_abort(r.shard, loans, 4, NULL), HO_OK);
}

static void an_arena_waits_for_memory_and_not_for_room(void **state)
{
    (void)state;
    fill_lane();
    ho_buf loan = rig_loan(r.shard, 9, 100);
    uint64_t before = harness_now_ns();
    for (int i = 0; i < 100; i++)
        CHECK_REFUSED(&r, &loan, 1, commit(&loan), HO_FULL);
    CHECK(harness_now_ns() - before < LONG_NS);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
}

static void take_one_later(void *arg)
{
    ho_buf *buf = arg;
    uint32_t taken;
    harness_sleep_ns(WAIT_NS / 8);
    CHECK_STATUS(ho_take(r.consumer, buf, 1, &taken), HO_OK);
}

static void wait_ends_when_the_consumer_makes_room(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        fill_lane();
        ho_buf loan = rig_loan(r.shard, 9, 100), buf;
        harness_thread thread;
        harness_start(&thread, take_one_later, &buf);
        int32_t status; /* a busy machine may let one wait run out, not a hundred */
        for (int i = 0; (status = commit(&loan)) == HO_FULL && i < 100; i++)
            ;
        CHECK_STATUS(status, HO_OK);
        harness_join(&thread);
        rig_return(r.domain, &buf);
        CHECK(rig_drain(&r) == LANE);
    }
    CHECK(rig_stats(r.service).late_wakes == 0);
}

static void return_later(void *arg)
{
    ho_buf *buf = arg;
    harness_sleep_ns(WAIT_NS / 8);
    CHECK_STATUS(ho_return(r.domain, buf, 1, NULL), HO_OK);
}

static void an_arenas_wait_ends_when_memory_comes_back(void **state)
{
    (void)state;
    ho_buf loans[4], more;
    fill_budget(loans);
    CHECK_STATUS(commit(&loans[0]), HO_OK);
    ho_buf buf = rig_take(r.consumer);
    harness_thread thread;
    harness_start(&thread, return_later, &buf);
    int32_t status;
    for (int i = 0; i < 100; i++)
        if ((status = ho_reserve(r.shard, RIG_SEGMENT, NULL, &more)) != HO_FULL)
            break;
    CHECK_STATUS(status, HO_OK);
    harness_join(&thread);
    CHECK_STATUS(ho_abort(r.shard, &more, 1, NULL), HO_OK);
    CHECK_STATUS(ho_abort(r.shard, &loans[1], 3, NULL), HO_OK);
}

static void drop_newest_takes_and_releases_what_does_not_fit(void **state)
{
    (void)state;
    fill_lane();
    ho_buf loans[3] = {rig_loan(r.shard, 7, 100), rig_loan(r.shard, 8, 100),
                       rig_loan(r.shard, 9, 100)};
    uint32_t accepted = 77;
    CHECK_STATUS(ho_commit(r.producer, loans, 3, 0, &accepted), HO_DROPPED);
    CHECK(accepted == 3);
    for (size_t i = 0; i < 3; i++)
        CHECK_EMPTY(&loans[i]);
    ho_service_stats s = rig_stats(r.service);
    CHECK(s.messages_dropped == 3 && s.bytes_dropped == 300);
    CHECK(s.undelivered == LANE && rig_arena_stats(r.arena).buffers_out == LANE);
    for (uint64_t key = 0; key < LANE; key++) { /* the oldest are the ones that stay */
        ho_buf buf = rig_take(r.consumer);
        CHECK(buf.key == key);
        rig_return(r.domain, &buf);
    }
    CHECK(rig_drain(&r) == 0);
}

static void drop_newest_drops_copies_too(void **state)
{
    (void)state;
    fill_lane();
    for (int i = 0; i < 10000; i++)
        CHECK_STATUS(rig_copy(r.producer, "abc", 3, 1, 0), HO_DROPPED);
    CHECK(rig_stats(r.service).messages_dropped == 10000);
    CHECK(rig_arena_stats(r.arena).buffers_out == LANE);
}

static void drop_newest_releases_foreign_memory_as_cancelled(void **state)
{
    (void)state;
    fill_lane();
    rig_owner owner;
    uint8_t memory[8];
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    ho_buf foreign = rig_foreign(owner.owner, memory, sizeof memory, 5);
    CHECK_STATUS(ho_give(r.producer, &foreign, 1, 0, NULL), HO_DROPPED);
    CHECK_EMPTY(&foreign);
    CHECK(owner.releases == 1 && owner.cancelled == 1);
    CHECK(owner.last.token == 5 && owner.last.base == memory && owner.last.size == sizeof memory);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void drop_newest_drops_what_is_forwarded(void **state)
{
    (void)state;
    ho_service *origin = rig_service(r.domain, NULL);
    ho_producer *producer = rig_producer(origin, r.shard);
    ho_consumer *consumer = rig_consumer(origin);
    rig_owner owner;
    uint8_t memory[8];
    ho_buf bufs[3] = {{0}};
    uint32_t taken, accepted = 77;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    rig_send(r.shard, producer, 1, 100);
    bufs[0] = rig_take(consumer);
    bufs[1] = rig_foreign(owner.owner, memory, sizeof memory, 5);
    CHECK_STATUS(ho_give(producer, &bufs[1], 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(consumer, &bufs[1], 1, &taken), HO_OK);
    CHECK_STATUS(ho_slice(r.domain, &bufs[1], 0, 4, &bufs[2]), HO_OK);
    fill_lane();
    CHECK_STATUS(ho_forward(r.producer, bufs, 3, 0, &accepted), HO_DROPPED);
    CHECK(accepted == 3);
    CHECK(owner.releases == 1 && owner.cancelled == 1); /* by the last part of it */
    CHECK(rig_stats(r.service).messages_dropped == 3);
    ho_arena_stats s = rig_arena_stats(r.arena);
    CHECK(s.buffers_out == LANE && s.foreign_out == 0 && s.bytes_pinned == 0);
    CHECK(rig_stats(origin).undelivered == 0);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    CHECK_STATUS(ho_service_close(origin, 0, NULL), HO_OK);
}

static void drop_newest_can_not_drop_a_reservation(void **state)
{
    (void)state;
    ho_buf loans[4], more;
    fill_budget(loans);
    memset(&more, 0xa5, sizeof more);
    CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, RIG_SEGMENT, NULL, &more), HO_FULL);
    CHECK_EMPTY(&more);
    CHECK_STATUS(ho_abort(r.shard, loans, 4, NULL), HO_OK);
}

/* ---- the descriptor of a shard */

static int readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static void read_it(int fd)
{
    uint64_t times;
    CHECK(read(fd, &times, sizeof times) == sizeof times);
}

/* Lanes ring only where it was asked for before they were made. */
static int32_t descriptor(void)
{
    int32_t fd = 77;
    CHECK_STATUS(ho_shard_fd(r.shard, &fd), HO_E_BUSY);
    CHECK(fd == -1);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_shard_fd(r.shard, &fd), HO_OK);
    r.producer = rig_producer(r.service, r.shard);
    CHECK(fd >= 0 && !readable(fd));
    return fd;
}

static void the_descriptor_tells_of_memory(void **state)
{
    (void)state;
    int32_t fd = descriptor();
    ho_buf loans[4], more;
    for (int round = 0; round < 3; round++) {
        fill_budget(loans);
        CHECK_REFUSED(&r, NULL, 0, ho_reserve(r.shard, RIG_SEGMENT, NULL, &more), HO_FULL);
        CHECK(!readable(fd));
        CHECK_STATUS(ho_abort(r.shard, loans, 4, NULL), HO_OK);
        CHECK(readable(fd));
        read_it(fd);
        CHECK(!readable(fd)); /* once, until somebody is told HO_FULL again */
    }
    CHECK(close(fd) == 0);
}

static void the_descriptor_tells_of_room_in_a_lane(void **state)
{
    (void)state;
    int32_t fd = descriptor();
    for (int round = 0; round < 3; round++) {
        fill_lane();
        ho_buf loan = rig_loan(r.shard, 9, 100);
        CHECK(!readable(fd));
        CHECK_REFUSED(&r, &loan, 1, commit(&loan), HO_FULL);
        CHECK(!readable(fd));
        CHECK(rig_drain(&r) == LANE);
        CHECK(readable(fd));
        read_it(fd);
        CHECK_STATUS(commit(&loan), HO_OK);
        CHECK(rig_drain(&r) == 1);
        CHECK(!readable(fd));
    }
    CHECK(close(fd) == 0);
}

#define WITH(open, test) cmocka_unit_test_setup_teardown(test, open, close_rig)

static const struct CMUnitTest tests[] = {
    WITH(open_fail, fail_says_full_at_once),
    WITH(open_wait, wait_says_full_after_its_time),
    WITH(open_long_wait, wait_is_for_lanes_and_not_for_memory),
    WITH(open_memory_wait, an_arena_says_full_after_its_time),
    WITH(open_long_memory_wait, an_arena_waits_for_memory_and_not_for_room),
    WITH(open_wait, wait_ends_when_the_consumer_makes_room),
    WITH(open_memory_wait, an_arenas_wait_ends_when_memory_comes_back),
    WITH(open_drop, drop_newest_takes_and_releases_what_does_not_fit),
    WITH(open_drop, drop_newest_drops_copies_too),
    WITH(open_drop, drop_newest_releases_foreign_memory_as_cancelled),
    WITH(open_drop, drop_newest_drops_what_is_forwarded),
    WITH(open_drop, drop_newest_can_not_drop_a_reservation),
    WITH(open_fail, the_descriptor_tells_of_memory),
    WITH(open_fail, the_descriptor_tells_of_room_in_a_lane),
};

HO_TEST_MAIN(tests)
