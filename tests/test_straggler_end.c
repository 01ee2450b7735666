/* SPDX-License-Identifier: MIT */
/* Stragglers: copies are dense wherever the original lies, a service that has caught up is no
 * longer late, and what several at once cost others. */
#include "rig.h"

#define BUDGET_SEGMENTS 256u
#define SMALL 11u

static rig r;           /* a service that is in time */
static rig late;        /* one that is not, over the same shard */
static rig_owner owner; /* of memory that is given to it */

static void open_all(uint64_t room)
{
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = BUDGET_SEGMENTS * RIG_SEGMENT), NULL);
    late = (rig){.domain = r.domain, .arena = r.arena, .shard = r.shard};
    late.service = rig_service(r.domain, SERVICE_OPTS(.straggler_bytes = room));
    late.producer = rig_producer(late.service, r.shard);
    late.consumer = rig_consumer(late.service);
    owner = (rig_owner){0};
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
}

static int open_with_little_room(void **state)
{
    (void)state;
    open_all(RIG_SEGMENT);
    return 0;
}

static int open_with_room(void **state)
{
    (void)state;
    open_all(4 * RIG_SEGMENT);
    return 0;
}

static int close_late(void **state)
{
    (void)state;
    CHECK(rig_stats(late.service).undelivered == 0);
    CHECK_STATUS(ho_producer_close(late.producer), HO_OK);
    CHECK_STATUS(ho_consumer_close(late.consumer), HO_OK);
    rig_close(&r);
    return 0;
}

/* A segment of messages to the service that is in time, each taken and returned. */
static void a_segment_of_others(ho_shard *shard, ho_producer *producer)
{
    for (uint32_t i = 0; i < 4; i++) {
        rig_send(shard, producer, i, RIG_SEGMENT / 4);
        ho_buf buf = rig_take(r.consumer);
        rig_return(r.domain, &buf);
    }
}

/* One small message in each segment of the others'. Returns how many of `count` went. */
static uint32_t send_sparsely(ho_producer *producer, uint32_t count)
{
    uint32_t sent = 0;
    for (uint32_t i = 0; i < count; i++) {
        a_segment_of_others(r.shard, r.producer);
        ho_buf loan = rig_loan(r.shard, i, SMALL);
        if (ho_commit(producer, &loan, 1, 0, NULL) == HO_OK)
            sent++;
        else
            CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    }
    return sent;
}

/* A producer over a shard of its own sends loans of another arena's shard. */
static void copies_of_loans_of_another_arena_lie_densely(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, NULL);
    ho_shard *shard = rig_shard(arena);
    ho_producer *producer = rig_producer(late.service, shard);
    CHECK(send_sparsely(producer, 3 * BUDGET_SEGMENTS) == 3 * BUDGET_SEGMENTS);
    CHECK(rig_stats(late.service).straggler_copies > BUDGET_SEGMENTS);
    CHECK(rig_stats(late.service).straggler_bytes == RIG_SEGMENT);
    CHECK(rig_drain(&late) == 3 * BUDGET_SEGMENTS);
    CHECK(send_sparsely(producer, 2) == 2);
    CHECK(rig_drain(&late) == 2);
    CHECK(rig_stats(late.service).straggler_bytes == 0);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

/* A segment of others' messages, and a small one to the late service. Returns whether it was refused. */
static uint32_t send_after_others(ho_shard *shard, ho_producer *others, ho_producer *producer)
{
    a_segment_of_others(shard, others);
    ho_buf loan = rig_loan(shard, 1, SMALL);
    int32_t status = ho_commit(producer, &loan, 1, 0, NULL);
    CHECK(status == HO_OK || status == HO_FULL);
    if (status)
        CHECK_STATUS(ho_abort(shard, &loan, 1, NULL), HO_OK);
    return status != HO_OK;
}

/* Two send to a lane each, which nobody empties; whichever is late first has the only segment for copies. It sends no
 * more, so it keeps that. */
static void who_has_caught_up_needs_no_room_for_copies(void **state)
{
    (void)state;
    ho_shard *shards[2] = {r.shard, rig_shard(r.arena)};
    ho_producer *others[2] = {r.producer, rig_producer(r.service, shards[1])};
    ho_producer *producers[2] = {late.producer, rig_producer(late.service, shards[1])};
    uint32_t refused[2] = {0};
    for (uint32_t i = 0; i < 40; i++) {
        for (uint32_t k = 0; k < 2; k++)
            refused[k] += send_after_others(shards[k], others[k], producers[k]);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    uint32_t k = refused[1] != 0;
    CHECK(refused[k] > 0 && refused[1 - k] == 0);
    (void)rig_drain(&late);
    for (uint32_t i = 0; i < 10;
         i++) { /* none waits for the next: on a busy machine it would be late again */
        CHECK(send_after_others(shards[k], others[k], producers[k]) == 0);
        CHECK(rig_drain(&late) == 1);
    }
    CHECK_STATUS(ho_producer_close(producers[1]), HO_OK);
    CHECK_STATUS(ho_producer_close(others[1]), HO_OK);
    CHECK_STATUS(ho_shard_close(shards[1]), HO_OK);
}

/* Its record would have no room. */
static void what_fills_all_the_room_for_copies_goes_as_it_is(void **state)
{
    (void)state;
    static uint8_t big[4 * RIG_SEGMENT];
    CHECK(send_sparsely(late.producer, BUDGET_SEGMENTS / 2) == BUDGET_SEGMENTS / 2);
    uint64_t before = rig_stats(late.service).straggler_copies;
    ho_buf given = rig_foreign(owner.owner, big, sizeof big, 1);
    CHECK_STATUS(ho_give(late.producer, &given, 1, 0, NULL), HO_OK);
    CHECK(owner.releases == 0 && rig_stats(late.service).straggler_copies == before);
    CHECK(rig_drain(&late) == BUDGET_SEGMENTS / 2 + 1);
    CHECK(owner.releases == 1);
}

/* A message that fills a segment but for a little, taken and returned; nobody writes it, so that all is over before a
 * message is late. */
static void a_fast_segment_of_others(ho_shard *shard, ho_producer *producer)
{
    ho_buf buf;
    CHECK_STATUS(ho_reserve(shard, RIG_SEGMENT - 4096, NULL, &buf), HO_OK);
    buf.len = buf.cap;
    CHECK_STATUS(ho_commit(producer, &buf, 1, 0, NULL), HO_OK);
    CHECK(rig_drain(&r) == 1);
}

/* Each of several that hang pins less than would be too much of one alone, and together they leave room. */
static void several_that_hang_stop_nobody_else(void **state)
{
    (void)state;
    enum { HUNG = 3, SEGMENTS = 64 };
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = SEGMENTS * RIG_SEGMENT));
    ho_shard *shard = rig_shard(arena);
    ho_producer *others = rig_producer(r.service, shard);
    ho_service *services[HUNG];
    ho_producer *producers[HUNG];
    for (uint32_t k = 0; k < HUNG; k++) {
        services[k] = rig_service(r.domain, NULL);
        producers[k] = rig_producer(services[k], shard);
    }
    for (uint32_t i = 0; i < 4 * SEGMENTS; i++) {
        a_fast_segment_of_others(shard, others);
        rig_send(shard, producers[i % HUNG], i, SMALL);
    }
    CHECK(rig_arena_stats(arena).full == 0);
    CHECK(rig_arena_stats(arena).segments_in_use <= SEGMENTS / 8 * 7);
    CHECK(rig_stats(r.service).straggler_copies == 0);
    CHECK_STATUS(ho_producer_close(others), HO_OK);
    for (uint32_t k = 0; k < HUNG; k++) {
        CHECK(rig_stats(services[k]).straggler_copies > 0);
        CHECK_STATUS(ho_producer_close(producers[k]), HO_OK);
        CHECK_STATUS(ho_service_close(services[k], 0, NULL), HO_OK);
    }
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

/* Who keeps a slice of each message, and returns the message, keeps its memory all the same. */
static void a_keeper_of_slices_gets_copies(void **state)
{
    (void)state;
    enum { SEGMENTS = 64 };
    ho_buf kept[2 * SEGMENTS];
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = SEGMENTS * RIG_SEGMENT));
    ho_shard *shard = rig_shard(arena);
    ho_producer *others = rig_producer(r.service, shard);
    ho_producer *producer = rig_producer(late.service, shard);
    for (uint32_t i = 0; i < 2 * SEGMENTS; i++) {
        a_fast_segment_of_others(shard, others);
        rig_send(shard, producer, i, SMALL);
        ho_buf buf = rig_take(late.consumer), passing;
        CHECK_STATUS(ho_slice(r.domain, &buf, 0, SMALL, &kept[i]), HO_OK);
        rig_return(r.domain, &buf);
        rig_send(shard, others, i, SMALL); /* the others slice, too, and return it */
        buf = rig_take(r.consumer);
        CHECK_STATUS(ho_slice(r.domain, &buf, 0, SMALL, &passing), HO_OK);
        rig_return(r.domain, &buf);
        rig_return(r.domain, &passing);
    }
    CHECK(rig_arena_stats(arena).full == 0);
    CHECK(rig_arena_stats(arena).segments_peak <= SEGMENTS / 2 + SEGMENTS / 8);
    CHECK(rig_stats(late.service).straggler_copies > 0);
    CHECK(rig_stats(r.service).straggler_copies == 0);
    for (uint32_t i = 0; i < 2 * SEGMENTS; i++) {
        rig_check_pattern(&kept[i]);
        rig_return(r.domain, &kept[i]);
    }
    CHECK_STATUS(ho_producer_close(others), HO_OK);
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

/* What it catches up with it forwards, the copies too, to one that hangs: and still has room for the next ones. */
static void who_hangs_behind_a_straggler_pins_a_part_of_its_copies(void **state)
{
    (void)state;
    enum { SEGMENTS = 64, ROOM = 16, ROUNDS = 12, EACH = 8, LEN = RIG_SEGMENT / 4 };
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = SEGMENTS * RIG_SEGMENT));
    ho_shard *shard = rig_shard(arena);
    ho_service *slow = rig_service(r.domain, SERVICE_OPTS(.straggler_bytes = ROOM * RIG_SEGMENT));
    ho_service *hung = rig_service(r.domain, NULL);
    ho_producer *others = rig_producer(r.service, shard), *to_slow = rig_producer(slow, shard),
                *to_hung = rig_producer(hung, shard);
    ho_consumer *from_slow = rig_consumer(slow), *from_hung = rig_consumer(hung);
    uint64_t sent = 0, taken = 0, copies = 0;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (; copies < round * EACH; copies = rig_stats(slow).straggler_copies) {
            a_fast_segment_of_others(shard, others);
            rig_send(shard, to_slow, sent++, LEN); /* which HO_FULL would fail */
        }
        for (; taken < sent; taken++) {
            ho_buf buf = rig_take(from_slow);
            if (taken < sent - EACH)
                rig_return(r.domain, &buf);
            else
                CHECK_STATUS(ho_forward(to_hung, &buf, 1, 0, NULL), HO_OK);
        }
    }
    CHECK(rig_stats(hung).straggler_copies > 0);
    CHECK(rig_stats(slow).straggler_bytes <= (ROOM / 2 + ROOM / 8) * RIG_SEGMENT);
    CHECK(rig_drain_consumer(r.domain, from_hung) == ROUNDS * EACH);
    CHECK_STATUS(ho_producer_close(others), HO_OK);
    CHECK_STATUS(ho_producer_close(to_slow), HO_OK);
    CHECK_STATUS(ho_producer_close(to_hung), HO_OK);
    CHECK_STATUS(ho_consumer_close(from_slow), HO_OK);
    CHECK_STATUS(ho_consumer_close(from_hung), HO_OK);
    CHECK_STATUS(ho_service_close(slow, 0, NULL), HO_OK);
    CHECK_STATUS(ho_service_close(hung, 0, NULL), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

#define WITH(open, test) cmocka_unit_test_setup_teardown(test, open, close_late)

static const struct CMUnitTest tests[] = {
    WITH(open_with_room, copies_of_loans_of_another_arena_lie_densely),
    WITH(open_with_little_room, who_has_caught_up_needs_no_room_for_copies),
    WITH(open_with_room, several_that_hang_stop_nobody_else),
    WITH(open_with_room, a_keeper_of_slices_gets_copies),
    WITH(open_with_room, who_hangs_behind_a_straggler_pins_a_part_of_its_copies),
    WITH(open_with_room, what_fills_all_the_room_for_copies_goes_as_it_is),
};

HO_TEST_MAIN(tests)
