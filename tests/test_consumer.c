/* SPDX-License-Identifier: MIT */
/* Taking, and opening and closing consumers. Sleeping is in test_wake.c. */
#include <sched.h>
#include <stdatomic.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "rig.h"

#define LANE 64u

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, SERVICE_OPTS(.lane_slots = LANE));
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    if (r.consumer != NULL)
        rig_drain(&r);
    rig_close(&r);
    return 0;
}

static void take_gives_at_most_what_was_asked_for(void **state)
{
    (void)state;
    ho_buf bufs[17];
    uint32_t taken = 77;
    for (uint64_t key = 0; key < 40; key++)
        rig_send(r.shard, r.producer, key, 16);
    uint64_t next = 0;
    for (uint32_t max = 1; next < 40; max = max % 16 + 1) {
        memset(bufs, 0xa5, sizeof bufs);
        ho_buf behind = bufs[max];
        CHECK_STATUS(ho_take(r.consumer, bufs, max, &taken), HO_OK);
        CHECK(taken >= 1 && taken <= max);
        assert_memory_equal(&behind, &bufs[max], sizeof behind);
        for (uint32_t i = 0; i < taken; i++)
            CHECK(bufs[i].key == next++);
        CHECK_STATUS(ho_return(r.domain, bufs, taken, NULL), HO_OK);
    }
    CHECK_STATUS(ho_take(r.consumer, bufs, 16, &taken), HO_EMPTY);
    CHECK(taken == 0);
}

static void take_refuses_null_and_loses_nothing(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 1, 16);
    ho_buf buf;
    uint32_t taken = 77;
    CHECK_REFUSED(&r, NULL, 0, ho_take(r.consumer, NULL, 1, &taken), HO_E_INVAL);
    CHECK(taken == 0);
    CHECK_REFUSED(&r, NULL, 0, ho_take(r.consumer, &buf, 1, NULL), HO_E_INVAL);
    taken = 77;
    CHECK_STATUS(ho_take(NULL, &buf, 1, &taken), HO_E_HANDLE);
    CHECK(taken == 0);
    taken = 77;
    int32_t status = ho_take(r.consumer, NULL, 0, &taken);
    CHECK(status == HO_OK || status == HO_EMPTY);
    CHECK(taken == 0);
    buf = rig_take(r.consumer);
    rig_return(r.domain, &buf);
}

static void take_collects_from_every_producer(void **state)
{
    (void)state;
    ho_producer *more[5];
    for (size_t i = 0; i < 5; i++)
        more[i] = rig_producer(r.service, r.shard);
    for (uint64_t seq = 0; seq < 10; seq++)
        for (uint64_t i = 0; i < 5; i++)
            rig_send(r.shard, more[i], i << 8 | seq, 16);
    uint64_t next[5] = {0};
    for (int n = 0; n < 50; n++) {
        ho_buf buf = rig_take(r.consumer);
        CHECK((buf.key & 0xff) == next[buf.key >> 8]++);
        rig_return(r.domain, &buf);
    }
    for (size_t i = 0; i < 5; i++)
        CHECK_STATUS(ho_producer_close(more[i]), HO_OK);
}

static void a_flooding_producer_does_not_silence_another(void **state)
{
    (void)state;
    ho_producer *quiet = rig_producer(r.service, r.shard);
    rig_send(r.shard, quiet, 99, 16);
    int rounds = 0;
    for (uint64_t key = 0; key != 99; rounds++) {
        while (rig_stats(r.service).undelivered <= LANE)
            rig_send(r.shard, r.producer, 1, 16);
        ho_buf buf = rig_take(r.consumer);
        key = buf.key;
        rig_return(r.domain, &buf);
        CHECK(rounds < (int)(4 * LANE));
    }
    CHECK_STATUS(ho_producer_close(quiet), HO_OK);
}

static void a_closed_consumer_has_no_handle(void **state)
{
    (void)state;
    ho_buf buf;
    uint32_t taken = 77;
    int32_t fd = 77;
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_E_HANDLE);
    CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_E_HANDLE);
    CHECK(taken == 0);
    CHECK_STATUS(ho_wait(r.consumer, 0), HO_E_HANDLE);
    CHECK_STATUS(ho_wait(r.consumer, -1), HO_E_HANDLE);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_E_HANDLE);
    CHECK(fd == -1);
    r.consumer = NULL;
}

static void what_was_taken_outlives_the_consumer(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 1, 5000);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    r.consumer = NULL;
    for (int i = 0; i < 300; i++) { /* the memory around it is used again and again */
        ho_buf loan = rig_loan(r.shard, 7, 5000);
        CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    }
    rig_check_pattern(&buf);
    rig_return(r.domain, &buf);
    rig_check_quiet(&r);
}

static void the_next_consumer_gets_what_the_closed_one_left(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 20; key++)
        rig_send(r.shard, r.producer, key, 16);
    ho_buf buf = rig_take(r.consumer);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK(rig_stats(r.service).messages_dropped == 0);
    r.consumer = rig_consumer(r.service);
    for (uint64_t key = 1; key < 20; key++) {
        buf = rig_take(r.consumer);
        CHECK(buf.key == key);
        rig_return(r.domain, &buf);
    }
    rig_check_quiet(&r);
}

static void another_consumer_gets_what_the_closed_one_left(void **state)
{
    (void)state;
    ho_service *shared = rig_service(r.domain, SERVICE_OPTS(.partitions = 8));
    ho_producer *producer = rig_producer(shared, r.shard);
    ho_consumer *first = rig_consumer(shared), *other = rig_consumer(shared);
    for (uint64_t key = 0; key < 20; key++)
        for (int i = 0; i < 2; i++)
            rig_send(r.shard, producer, key, 16);
    ho_buf buf = rig_take(first);
    CHECK(rig_stats(shared).undelivered == 39);
    CHECK_STATUS(ho_consumer_close(first), HO_OK);
    CHECK(rig_drain_consumer(r.domain, other) == 39);
    CHECK(rig_stats(shared).messages_dropped == 0);
    rig_return(r.domain, &buf);
    rig_check_quiet(&(rig){.arena = r.arena, .service = shared});
    CHECK_STATUS(ho_consumer_close(other), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
}

static void what_a_bound_consumer_left_waits_and_goes_with_the_service(void **state)
{
    (void)state;
    ho_service *bound =
        rig_service(r.domain, SERVICE_OPTS(.partitions = 3, .consumers = HO_CONSUMERS_BOUND));
    ho_producer *producer = rig_producer(bound, r.shard);
    ho_consumer *consumer = rig_consumer_of(bound, 2);
    rig_owner owner;
    uint8_t byte = 1;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    for (uint64_t i = 0; i < 10; i++) {
        ho_buf both[] = {rig_loan(r.shard, i, 100), rig_foreign(owner.owner, &byte, 1, i)};
        both[0].flags = both[1].flags = HO_BUF_PARTITION;
        both[0].partition = both[1].partition = 2;
        CHECK_STATUS(ho_commit(producer, &both[0], 1, 0, NULL), HO_OK);
        CHECK_STATUS(ho_give(producer, &both[1], 1, 0, NULL), HO_OK);
    }
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    ho_buf loan = rig_loan(r.shard, 10, 10); /* accepted without a consumer, too */
    loan.flags = HO_BUF_PARTITION;
    loan.partition = 2;
    CHECK_STATUS(ho_commit(producer, &loan, 1, 0, NULL), HO_OK);
    CHECK(rig_stats(bound).undelivered == 21 && owner.releases == 0);
    consumer = rig_consumer_of(bound, 2);
    for (uint64_t i = 0; i < 6; i++) {
        uint32_t taken;
        ho_buf buf;
        CHECK_STATUS(ho_take(consumer, &buf, 1, &taken), HO_OK);
        CHECK(buf.partition == 2 && (i % 2 || buf.key == i / 2));
        rig_return(r.domain, &buf);
    }
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK(owner.releases == 3 && owner.cancelled == 0);
    CHECK(rig_stats(bound).undelivered == 15 && rig_stats(bound).messages_dropped == 0);
    CHECK_STATUS(ho_service_close(bound, 0, NULL), HO_OK);
    CHECK(owner.releases == 10 && owner.cancelled == 7);
    CHECK(rig_arena_stats(r.arena).buffers_out == 0);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void each_descriptor_is_the_callers_own_and_close_on_exec(void **state)
{
    (void)state;
    int32_t fd = 77, again = 78;
    CHECK_STATUS(ho_consumer_fd(r.consumer, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &again), HO_OK);
    CHECK(fd >= 0 && again >= 0 && fd != again);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(close(fd) == 0 && close(again) == 0);
    fd = 77;
    CHECK_STATUS(ho_consumer_fd(NULL, &fd), HO_E_HANDLE);
    CHECK(fd == -1);
}

static void descriptors_of_closed_consumers_do_not_pile_up(void **state)
{
    (void)state;
    int32_t fd;
    ho_service *shared = rig_service(r.domain, SERVICE_OPTS(.partitions = 8));
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    for (int i = 0; i < 3000; i++) {
        ho_consumer *consumer = rig_consumer(i % 2 ? shared : r.service);
        CHECK_STATUS(ho_consumer_fd(consumer, &fd), HO_OK);
        CHECK(fd < 100);
        CHECK(close(fd) == 0);
        CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    }
    r.consumer = rig_consumer(r.service);
}

static int readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void arm(ho_consumer *consumer)
{
    ho_buf none;
    uint32_t taken;
    CHECK_STATUS(ho_take(consumer, &none, 1, &taken), HO_EMPTY);
}

static void a_descriptor_closed_by_the_user_is_written_no_more(void **state)
{
    (void)state;
    int32_t fd;
    int ends[2];
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    arm(r.consumer);
    CHECK(pipe(ends) == 0);
    CHECK(dup2(ends[1], fd) == fd); /* closed, and the number goes to a pipe */
    for (int i = 0; i < 10; i++) {
        rig_send(r.shard, r.producer, 1, 10);
        CHECK(rig_drain(&r) == 1);
        CHECK(!readable(ends[0]));
    }
    CHECK(close(fd) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    arm(r.consumer);
    rig_send(r.shard, r.producer, 1, 10);
    CHECK(readable(fd));
    CHECK(rig_drain(&r) == 1);
    CHECK(close(fd) == 0);
}

static void every_message_of_a_later_producer_rings(void **state)
{
    (void)state;
    int32_t fd;
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    for (int i = 0; i < 10; i++) {
        ho_producer *producer = rig_producer(r.service, r.shard);
        for (int k = 0; k < 3; k++) {
            arm(r.consumer);
            CHECK(!readable(fd));
            rig_send(r.shard, producer, 1, 10);
            CHECK(readable(fd));
            CHECK(rig_drain(&r) == 1);
        }
        CHECK_STATUS(ho_producer_close(producer), HO_OK);
        CHECK(rig_drain(&r) == 0);
    }
    CHECK(close(fd) == 0);
}

static void a_descriptor_outlives_its_consumer_and_stays_silent(void **state)
{
    (void)state;
    int32_t old, fd;
    CHECK_STATUS(ho_consumer_fd(r.consumer, &old), HO_OK);
    arm(r.consumer);
    rig_send(r.shard, r.producer, 1, 10);
    CHECK(readable(old));
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK(!readable(old));
    r.consumer = rig_consumer(r.service);
    CHECK(rig_drain(&r) == 1);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    arm(r.consumer);
    rig_send(r.shard, r.producer, 1, 10);
    CHECK(readable(fd) && !readable(old));
    CHECK(rig_drain(&r) == 1);
    CHECK(close(fd) == 0 && close(old) == 0);
}

static atomic_int turn; /* relaxed, so that nothing but the kernel orders the two */

static void wait_for_turn(int now)
{
    while (atomic_load_explicit(&turn, memory_order_relaxed) != now)
        sched_yield();
}

static void open_and_close_a_descriptor(void *consumer)
{
    int32_t fd;
    wait_for_turn(1);
    CHECK_STATUS(ho_consumer_fd(consumer, &fd), HO_OK);
    CHECK(close(fd) == 0);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    atomic_store_explicit(&turn, 2, memory_order_relaxed);
}

/* For the thread sanitizer, which knows numbers of descriptors. */
static void a_number_of_a_descriptor_goes_to_another_thread(void **state)
{
    (void)state;
    int32_t fd;
    harness_thread other;
    ho_service *service = rig_service(r.domain, NULL);
    turn = 0;
    harness_start(&other, open_and_close_a_descriptor, rig_consumer(service));
    atomic_store_explicit(&turn, 1, memory_order_relaxed);
    wait_for_turn(2);
    CHECK_STATUS(ho_consumer_fd(r.consumer, &fd), HO_OK);
    CHECK(close(fd) == 0);
    harness_join(&other);
    CHECK_STATUS(ho_service_close(service, 0, NULL), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(take_gives_at_most_what_was_asked_for),
    WITH_RIG(take_refuses_null_and_loses_nothing),
    WITH_RIG(take_collects_from_every_producer),
    WITH_RIG(a_flooding_producer_does_not_silence_another),
    WITH_RIG(a_closed_consumer_has_no_handle),
    WITH_RIG(what_was_taken_outlives_the_consumer),
    WITH_RIG(the_next_consumer_gets_what_the_closed_one_left),
    WITH_RIG(another_consumer_gets_what_the_closed_one_left),
    WITH_RIG(what_a_bound_consumer_left_waits_and_goes_with_the_service),
    WITH_RIG(each_descriptor_is_the_callers_own_and_close_on_exec),
    WITH_RIG(descriptors_of_closed_consumers_do_not_pile_up),
    WITH_RIG(a_number_of_a_descriptor_goes_to_another_thread),
    WITH_RIG(a_descriptor_closed_by_the_user_is_written_no_more),
    WITH_RIG(every_message_of_a_later_producer_rings),
    WITH_RIG(a_descriptor_outlives_its_consumer_and_stays_silent),
};

HO_TEST_MAIN(tests)
