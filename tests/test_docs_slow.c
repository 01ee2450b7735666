/* SPDX-License-Identifier: MIT */
/* The code of docs/eight-workers.md and docs/slow-service.md runs. */
#include "rig.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* test_docs.c uses the rest of the snippets */
#include "docs_slow.h"

static struct server s;
static struct network n;
static struct hand hands[WORKERS];
static uint64_t answers;

static void count_answers(void)
{
    answers += rig_drain_consumer(s.domain, n.answers);
}

static void join_crew(void)
{
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_join(hands[i].thread, NULL) == 0);
}

static void eight_workers_answer_every_message(void **state)
{
    (void)state;
    enum { MESSAGES = 20000, KEYS = 500 };
    uint64_t moves = 0;
    CHECK_STATUS(open_server(&s, 1), HO_OK);
    CHECK_STATUS(open_network(&s, 0, &n), HO_OK);
    CHECK_STATUS(start_crew(&s, hands), HO_OK);
    for (uint64_t i = 0; i < MESSAGES; i++)
        while (rig_copy(n.to_game, "moves", 5, i % KEYS, 0) == HO_FULL)
            count_answers();
    CHECK_STATUS(shut_down(&s, &n, count_answers, join_crew, 0), HO_OK);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        moves += rooms[i].moves;
    CHECK(answers == MESSAGES && moves == MESSAGES);
}

static void what_is_logged_is_how_the_service_does(void **state)
{
    (void)state;
    rig r;
    ho_service_stats last = {0};
    rig_open(&r, SERVICE_OPTS(.lane_slots = 4));
    CHECK(strcmp(how_it_goes(r.service, &last), "keeps up") == 0);
    rig_send(r.shard, r.producer, 1, 10);
    rig_send(r.shard, r.producer, 1, 10);
    CHECK(strncmp(how_it_goes(r.service, &last), "stuck", 5) == 0);
    ho_buf one = rig_take(r.consumer);
    rig_return(r.domain, &one);
    CHECK(strcmp(how_it_goes(r.service, &last), "keeps up") == 0);
    one = rig_take(r.consumer);
    rig_return(r.domain, &one);
    rig_send(r.shard, r.producer, 1, 10);
    rig_send(r.shard, r.producer, 1, 10);
    CHECK(strncmp(how_it_goes(r.service, &last), "behind", 6) == 0);
    while (rig_copy(r.producer, "more", 4, 1, 0) == HO_OK)
        continue;
    rig_drain(&r);
    CHECK(strncmp(how_it_goes(r.service, &last), "overloaded", 10) == 0);
    rig_close(&r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(eight_workers_answer_every_message),
    cmocka_unit_test(what_is_logged_is_how_the_service_does),
};

HO_TEST_MAIN(tests)
