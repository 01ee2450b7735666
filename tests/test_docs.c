/* SPDX-License-Identifier: MIT */
/* Runs the C snippets of the guides. What the guides say about misuse: test_docs_claims.c. */
#include "rig.h"

#include "docs_parts.h"

static struct server s;
static struct network n;
static struct worker w;
static uint32_t owner;
static int pair[2];
static uint32_t handled;

static void echo(const ho_buf *message)
{
    handled++;
    CHECK_STATUS(answer(&w, 0, message->key, message->ptr, message->len), HO_OK);
}

static void work(void *arg)
{
    (void)arg;
    serve(s.domain, w.requests, echo);
    close_worker(&w);
}

static harness_thread worker_thread;

static void join_worker(void)
{
    harness_join(&worker_thread);
}

static void nobody(void) {}

static void open_all(int type)
{
    handled = 0;
    CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
    CHECK_STATUS(open_server(&s, 1), HO_OK);
    CHECK_STATUS(open_network(&s, 0, &n), HO_OK);
    CHECK_STATUS(register_packets(s.domain, NULL, &owner), HO_OK);
    CHECK_STATUS(open_worker(&s, &w), HO_OK);
    harness_start(&worker_thread, work, NULL);
}

static void send_back(void);

static void close_all(void)
{
    CHECK_STATUS(shut_down(&s, &n, send_back, join_worker, owner), HO_OK);
    close(pair[0]);
    close(pair[1]);
}

static int to_peer(uint64_t key)
{
    CHECK(key == 7);
    return pair[0];
}

static void send_back(void)
{
    send_answers(&n, s.domain, to_peer);
}

static uint32_t seen;

static int read_datagrams(void)
{
    while (receive_datagram(&n, pair[0], 7))
        seen++;
    return seen <= 100;
}

static void play_peer(void *arg)
{
    uint8_t back[64];
    (void)arg;
    for (int i = 0; i < 100; i++) {
        CHECK(send(pair[1], "walks north", 11, 0) == 11);
        CHECK(recv(pair[1], back, sizeof back, 0) == 11 && memcmp(back, "walks north", 11) == 0);
    }
    CHECK(send(pair[1], "that is all", 11, 0) == 11); /* ends the loop */
}

static void a_datagram_goes_through_the_loop_and_its_answer_comes_back(void **state)
{
    (void)state;
    open_all(SOCK_DGRAM);
    seen = 0;
    int sockets = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event want = {.events = EPOLLIN, .data.fd = pair[0]};
    CHECK(sockets >= 0 && epoll_ctl(sockets, EPOLL_CTL_ADD, pair[0], &want) == 0);
    harness_thread peer;
    harness_start(&peer, play_peer, NULL);
    CHECK_STATUS(run_loop(&n, sockets, read_datagrams, send_back), HO_OK);
    harness_join(&peer);
    CHECK(seen == 101);
    close(sockets);
    close_all();
}

static uint32_t calls;

/* The first datagram finds the lane full; then a late worker makes room, and only its call is left. */
static int read_once(void)
{
    ho_buf bufs[64];
    uint32_t count;
    CHECK(!receive_datagram(&n, pair[0], 7));
    if (calls++)
        return 0;
    CHECK_STATUS(ho_take(w.requests, bufs, 64, &count), HO_OK);
    CHECK_STATUS(ho_return(s.domain, bufs, count, NULL), HO_OK);
    return 1;
}

static void no_answers(void) {}

static void after_full_the_loop_hears_when_there_is_room(void **state)
{
    (void)state;
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    CHECK_STATUS(open_server(&s, 1), HO_OK);
    CHECK_STATUS(open_worker(&s, &w), HO_OK);
    CHECK_STATUS(open_network(&s, 0, &n), HO_OK);
    CHECK_STATUS(register_packets(s.domain, NULL, &owner), HO_OK);
    calls = 0;
    while (rig_copy(n.to_game, "full", 4, 7, 0) == HO_OK)
        continue;
    int sockets = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event want = {.events = EPOLLIN, .data.fd = pair[0]};
    CHECK(sockets >= 0 && epoll_ctl(sockets, EPOLL_CTL_ADD, pair[0], &want) == 0);
    CHECK(send(pair[1], "walks north", 11, 0) == 11);
    CHECK_STATUS(run_loop(&n, sockets, read_once, no_answers), HO_OK);
    CHECK(calls == 2);
    close(sockets);
    (void)rig_drain_consumer(s.domain, w.requests);
    close_worker(&w);
    CHECK_STATUS(shut_down(&s, &n, nobody, nobody, owner), HO_OK);
    close(pair[0]);
    close(pair[1]);
}

static void frames_are_split_off_wherever_reads_end(void **state)
{
    (void)state;
    open_all(SOCK_STREAM);
    struct stream stream = {.fd = pair[0], .connection = 7};
    uint8_t frame[4 + 100] = {100};
    memset(frame + 4, 'a', 100);
    for (size_t cut = 1; cut < sizeof frame; cut++)
        for (int part = 0; part < 2; part++) {
            size_t bytes = part ? sizeof frame - cut : cut;
            CHECK(send(pair[1], part ? frame + cut : frame, bytes, 0) == (ssize_t)bytes);
            CHECK_STATUS(read_stream(&n, &stream), HO_OK);
            CHECK(stream.have == (part ? 0 : cut));
        }
    uint8_t long_one[4] = {0, 0, 0, 1};
    CHECK(send(pair[1], long_one, 4, 0) == 4);
    CHECK_STATUS(read_stream(&n, &stream), HO_E_RANGE);
    CHECK_STATUS(ho_abort(n.shard, &stream.room, 1, NULL), HO_OK);
    close_all();
    CHECK(handled == sizeof frame - 1);
}

static void a_stream_that_nobody_takes_from_loses_nothing(void **state)
{
    (void)state;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK_STATUS(open_server(&s, 1), HO_OK);
    CHECK_STATUS(open_network(&s, 0, &n), HO_OK);
    CHECK_STATUS(register_packets(s.domain, NULL, &owner), HO_OK);
    struct stream stream = {.fd = pair[0], .connection = 7};
    static uint8_t frames[5000][5];
    for (size_t i = 0; i < 5000; i++)
        frames[i][0] = 1, frames[i][4] = (uint8_t)i;
    size_t sent = 0, taken = 0;
    ho_consumer *late = NULL;
    while (taken < 5000) { /* no consumer at first, then one that is slower than the peer */
        if (sent < sizeof frames) {
            ssize_t put = send(pair[1], frames[0] + sent, sizeof frames - sent, MSG_DONTWAIT);
            sent += put > 0 ? (size_t)put : 0;
        }
        int32_t status = read_stream(&n, &stream);
        CHECK(status == HO_OK || status == HO_FULL || status == HO_EMPTY);
        if (!late)
            CHECK_STATUS(ho_consumer_open(s.game, NULL, &late), HO_OK);
        ho_buf bufs[32];
        uint32_t count;
        (void)ho_take(late, bufs, 32, &count);
        for (uint32_t i = 0; i < count; i++)
            CHECK(bufs[i].len == 1 && bufs[i].ptr[0] == (uint8_t)taken++);
        CHECK_STATUS(ho_return(s.domain, bufs, count, NULL), HO_OK);
    }
    CHECK_STATUS(ho_abort(n.shard, &stream.room, 1, NULL), HO_OK);
    CHECK_STATUS(ho_consumer_close(late), HO_OK);
    CHECK_STATUS(shut_down(&s, &n, nobody, nobody, owner), HO_OK);
    close(pair[0]);
    close(pair[1]);
}

static void packets_are_given_and_freed(void **state)
{
    (void)state;
    open_all(SOCK_DGRAM);
    for (int i = 0; i < 10; i++) {
        struct packet *packet = malloc(sizeof *packet);
        CHECK(packet != NULL);
        packet->len = 100;
        packet->bytes = calloc(1, packet->len);
        CHECK(packet->bytes != NULL);
        CHECK(what_next(give_packet(n.to_game, owner, packet, 7)) == GO_ON);
    }
    close_all(); /* the leak check sees whether all were freed */
    CHECK(handled == 10);
}

static uint32_t played;

static void play_until_all_were(const ho_buf *message)
{
    play(message);
    __atomic_add_fetch(&played, 1, __ATOMIC_RELAXED);
}

static void play_worlds(void *consumer)
{
    serve(s.domain, consumer, play_until_all_were);
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
}

static void what_a_worker_knows_by_partition_needs_no_lock(void **state)
{
    (void)state;
    enum { WORKERS = 4, MESSAGES = 20000 };
    harness_thread threads[WORKERS];
    uint64_t moves = 0;
    CHECK_STATUS(open_server(&s, 1), HO_OK);
    CHECK_STATUS(open_network(&s, 0, &n), HO_OK);
    played = 0;
    for (int i = 0; i < WORKERS; i++) {
        ho_consumer *consumer;
        CHECK_STATUS(ho_consumer_open(s.game, NULL, &consumer), HO_OK);
        harness_start(&threads[i], play_worlds, consumer);
    }
    for (uint64_t key = 0; key < MESSAGES; key++)
        while (rig_copy(n.to_game, "moves", 5, key % 500, 0) == HO_FULL)
            continue;
    CHECK_STATUS(ho_service_close(s.game, 0, NULL), HO_TIMEOUT);
    for (int i = 0; i < WORKERS; i++)
        harness_join(&threads[i]);
    for (int i = 0; i < (int)PARTITIONS; i++)
        moves += worlds[i].moves;
    CHECK(played == MESSAGES && moves == MESSAGES);
    CHECK_STATUS(shut_down(&s, &n, nobody, nobody, 0), HO_OK);
}

/* Whether the thread helps or leaves it to a worker depends on how long messages take: both is right. */
static void a_network_thread_that_helps_leaves_the_rest_to_workers(void **state)
{
    (void)state;
    ho_consumer *helper, *worker;
    CHECK_STATUS(open_server(&s, 1), HO_OK);
    CHECK_STATUS(open_network(&s, 0, &n), HO_OK);
    CHECK_STATUS(ho_consumer_open(s.game, NULL, &worker), HO_OK);
    CHECK_STATUS(begin_to_help(&s, &n, &helper), HO_OK);
    played = 0;
    for (uint64_t key = 0; key < 100; key++)
        CHECK_STATUS(rig_copy(n.to_game, "moves", 5, key, 0), HO_OK);
    help(s.domain, helper, play_until_all_were);
    CHECK(played <= 64 + 16); /* its budget */
    CHECK(played + rig_drain_consumer(s.domain, worker) == 100);
    CHECK_STATUS(ho_consumer_close(helper), HO_OK);
    CHECK_STATUS(ho_consumer_close(worker), HO_OK);
    CHECK_STATUS(shut_down(&s, &n, nobody, nobody, 0), HO_OK);
}

static uint64_t counted;

static void count_answers(void)
{
    counted += rig_drain_consumer(s.domain, n.answers);
}

/* 5,000 messages wait for the worker when the one network thread stops; a lane of egress has 1,024 slots. */
static void a_stop_loses_no_answer(void **state)
{
    (void)state;
    enum { MESSAGES = 5000 };
    handled = 0;
    counted = 0;
    CHECK_STATUS(open_server(&s, 1), HO_OK);
    CHECK_STATUS(open_network(&s, 0, &n), HO_OK);
    CHECK_STATUS(open_worker(&s, &w), HO_OK);
    for (uint64_t key = 0; key < MESSAGES; key++)
        CHECK_STATUS(rig_copy(n.to_game, "moves", 5, key, 0), HO_OK);
    harness_start(&worker_thread, work, NULL);
    CHECK_STATUS(shut_down(&s, &n, count_answers, join_worker, 0), HO_OK);
    CHECK(handled == MESSAGES && counted == MESSAGES);
}

/* ---- messages of several parts */

static int32_t send_two_slices(const rig *r, uint32_t lists, const ho_buf *whole, ho_buf parts[2])
{
    CHECK_STATUS(ho_slice(r->domain, whole, 0, 10, &parts[0]), HO_OK);
    CHECK_STATUS(ho_slice(r->domain, whole, 10, 20, &parts[1]), HO_OK);
    return send_parts(r->producer, lists, parts, 2, 7);
}

/* The lane has room for two: the first is read, the second is never taken, the third finds it full. */
static void parts_come_back_under(uint32_t policy)
{
    rig r;
    uint32_t lists;
    ho_buf parts[2];
    rig_open(&r, SERVICE_OPTS(.lane_slots = 2, .policy = policy));
    CHECK_STATUS(register_lists(r.domain, &lists), HO_OK);
    rig_send(r.shard, r.producer, 1, 100);
    ho_buf whole = rig_take(r.consumer);
    CHECK_STATUS(send_two_slices(&r, lists, &whole, parts), HO_OK);
    CHECK(rig_is_empty(&parts[0]) && rig_is_empty(&parts[1]));
    CHECK_STATUS(send_two_slices(&r, lists, &whole, parts), HO_OK);
    int32_t status = send_two_slices(&r, lists, &whole, parts);
    CHECK(status == (policy == HO_POLICY_DROP_NEWEST ? HO_DROPPED : HO_FULL));
    CHECK_STATUS(ho_return(r.domain, parts, 2, NULL), HO_OK); /* dropped: they are empty */
    ho_buf message;
    uint32_t count;
    CHECK_STATUS(ho_take(r.consumer, &message, 1, &count), HO_OK);
    CHECK(message.len == 2 * sizeof(ho_buf));
    ho_buf kept = take_part(&message, 1);
    rig_return(r.domain, &message);
    CHECK(kept.len == 20 && kept.ptr == whole.ptr + 10);
    rig_return(r.domain, &kept);
    rig_return(r.domain, &whole);
    CHECK_STATUS(ho_producer_close(r.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_OK);
    CHECK(rig_arena_stats(r.arena).bytes_pinned > 0); /* by the parts of the second */
    CHECK_STATUS(ho_service_close(r.service, 0, NULL), HO_OK);
    CHECK(rig_arena_stats(r.arena).bytes_pinned == 0);
    r.producer = NULL;
    r.consumer = NULL;
    r.service = NULL;
    rig_close(&r); /* nothing is out */
}

static void parts_come_back_whatever_becomes_of_their_message(void **state)
{
    (void)state;
    parts_come_back_under(HO_POLICY_FAIL);
    parts_come_back_under(HO_POLICY_WAIT);
    parts_come_back_under(HO_POLICY_DROP_NEWEST);
}

static void every_outcome_has_an_answer(void **state)
{
    (void)state;
    CHECK(what_next(HO_DROPPED) == GO_ON && what_next(HO_FULL) == TRY_LATER);
    CHECK(what_next(HO_E_NOMEM) == TRY_LATER && what_next(HO_E_CLOSED) == STOP_SENDING);
    CHECK(what_next(HO_E_OWNER) == STOP_SENDING && what_next(HO_E_STALE) == BUG);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_datagram_goes_through_the_loop_and_its_answer_comes_back),
    cmocka_unit_test(after_full_the_loop_hears_when_there_is_room),
    cmocka_unit_test(frames_are_split_off_wherever_reads_end),
    cmocka_unit_test(a_stream_that_nobody_takes_from_loses_nothing),
    cmocka_unit_test(packets_are_given_and_freed),
    cmocka_unit_test(what_a_worker_knows_by_partition_needs_no_lock),
    cmocka_unit_test(a_network_thread_that_helps_leaves_the_rest_to_workers),
    cmocka_unit_test(a_stop_loses_no_answer),
    cmocka_unit_test(parts_come_back_whatever_becomes_of_their_message),
    cmocka_unit_test(every_outcome_has_an_answer),
};

HO_TEST_MAIN(tests)
