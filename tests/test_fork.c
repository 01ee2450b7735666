/* SPDX-License-Identifier: MIT */
/* A forked child: every call on the parent's handles reports it, and a domain of its own works. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static rig r;
static ho_buf held, loan;
static rig_owner owner;
static void *allocated;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    rig_owner_register(r.domain, HO_RELEASE_EVENT, &owner);
    rig_send(r.shard, r.producer, 1, 100);
    held = rig_take(r.consumer);
    loan = rig_loan(r.shard, 2, 100);
    CHECK_STATUS(ho_alloc(r.arena, 8, 0, &allocated), HO_OK);
    rig_send(r.shard, r.producer, 3, 100);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_pattern(&held); /* the child had no part in it */
    CHECK(rig_stats(r.service).undelivered == 1);
    rig_return(r.domain, &held);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    CHECK_STATUS(ho_free(r.arena, allocated), HO_OK);
    CHECK(rig_drain(&r) == 1);
    rig_close(&r);
    return 0;
}

/* In a child nothing of cmocka may run: the first wrong status ends it with the line's number. */
#define EXPECT(call, expected)                                                                     \
    do {                                                                                           \
        if ((call) != (expected)) {                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #call);                             \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void run_in_child(void (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(200); /* a hang ends; long enough for a busy machine */
        body();
        _exit(0);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void call_everything(void)
{
    ho_buf buf = held, out;
    ho_buf empty = {0};
    ho_service_stats stats = {.size = sizeof stats};
    ho_arena_stats memory = {.size = sizeof memory};
    ho_arena *arena = (ho_arena *)(uintptr_t)1;
    ho_shard *shard = (ho_shard *)(uintptr_t)1;
    ho_service *service = (ho_service *)(uintptr_t)1;
    ho_producer *producer = (ho_producer *)(uintptr_t)1;
    ho_consumer *consumer = (ho_consumer *)(uintptr_t)1;
    uint64_t freed = 77;
    uint32_t n = 77;
    int32_t fd = 77;
    EXPECT(ho_arena_open(r.domain, NULL, &arena), HO_E_FORKED);
    EXPECT(ho_shard_open(r.arena, &shard), HO_E_FORKED);
    EXPECT(ho_service_open(r.domain, NULL, &service), HO_E_FORKED);
    EXPECT(ho_producer_open(r.service, r.shard, &producer), HO_E_FORKED);
    EXPECT(ho_consumer_open(r.service, NULL, &consumer), HO_E_FORKED);
    EXPECT(arena == NULL && shard == NULL, 1);
    EXPECT(service == NULL && producer == NULL && consumer == NULL, 1);
    EXPECT(ho_owner_register(r.domain, OWNER_OPTS(.release = rig_count_release), &n), HO_E_FORKED);
    EXPECT(n, 0);
    EXPECT(ho_owner_drain(r.domain, owner.owner, 1, &n), HO_E_FORKED);
    EXPECT(ho_owner_fd(r.domain, owner.owner, &fd), HO_E_FORKED);
    EXPECT(fd, -1);
    EXPECT(ho_owner_retire(r.domain, owner.owner, 0), HO_E_FORKED);
    EXPECT(ho_service_stats_get(r.service, &stats), HO_E_FORKED);
    EXPECT(ho_arena_stats_get(r.arena, &memory), HO_E_FORKED);
    EXPECT(ho_arena_trim(r.arena, 0, &freed), HO_E_FORKED);
    EXPECT(freed, 0);
    void *ptr = &ptr;
    EXPECT(ho_alloc(r.arena, 1, 0, &ptr), HO_E_FORKED);
    EXPECT(ptr == NULL, 1);
    EXPECT(ho_free(r.arena, allocated), HO_E_FORKED);
    EXPECT(ho_free_sized(r.arena, allocated, 8, 0), HO_E_FORKED);
    EXPECT(ho_shard_fd(r.shard, &fd), HO_E_FORKED);
    EXPECT(fd, -1);
    EXPECT(ho_reserve(r.shard, 1, NULL, &out), HO_E_FORKED);
    EXPECT(rig_is_empty(&out), 1);
    EXPECT(ho_commit(r.producer, &loan, 1, 0, &n), HO_E_FORKED);
    EXPECT(n, 0);
    EXPECT(ho_reserve_many(r.shard, 1, NULL, &out, 1, &n), HO_E_FORKED);
    EXPECT(ho_split(r.shard, &loan, 1, &out), HO_E_FORKED);
    EXPECT(ho_abort(r.shard, &loan, 1, &n), HO_E_FORKED);
    EXPECT(ho_give(r.producer, &empty, 1, 0, &n), HO_E_FORKED);
    EXPECT(rig_copy(r.producer, "a", 1, 1, 0), HO_E_FORKED);
    EXPECT(ho_forward(r.producer, &buf, 1, 0, &n), HO_E_FORKED);
    EXPECT(ho_compact(r.shard, &buf), HO_E_FORKED);
    EXPECT(ho_flush(r.producer), HO_E_FORKED);
    EXPECT(ho_take(r.consumer, &out, 1, &n), HO_E_FORKED);
    EXPECT(ho_wait(r.consumer, -1), HO_E_FORKED);
    EXPECT(ho_consumer_fd(r.consumer, &fd), HO_E_FORKED);
    EXPECT(ho_return(r.domain, &buf, 1, &n), HO_E_FORKED);
    EXPECT(ho_slice(r.domain, &buf, 0, 1, &out), HO_E_FORKED);
    EXPECT(memcmp(&buf, &held, sizeof buf), 0);
    EXPECT(ho_consumer_close(r.consumer), HO_E_FORKED);
    EXPECT(ho_producer_close(r.producer), HO_E_FORKED);
    EXPECT(ho_shard_close(r.shard), HO_E_FORKED);
    EXPECT(ho_service_close(r.service, -1, NULL), HO_E_FORKED);
    EXPECT(ho_arena_close(r.arena, -1, NULL), HO_E_FORKED);
    EXPECT(ho_domain_close(r.domain, -1, NULL), HO_E_FORKED);
    EXPECT(ho_domain_destroy(r.domain, NULL), HO_E_FORKED);
}

static void the_child_is_told_by_every_call(void **state)
{
    (void)state;
    run_in_child(call_everything);
}

static void use_own_domain(void)
{
    ho_domain *domain;
    ho_arena *arena;
    ho_shard *shard;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
    ho_buf buf;
    uint32_t taken;
    EXPECT(ho_domain_create(NULL, &domain), HO_OK);
    EXPECT(ho_arena_open(domain, NULL, &arena), HO_OK);
    EXPECT(ho_shard_open(arena, &shard), HO_OK);
    EXPECT(ho_service_open(domain, NULL, &service), HO_OK);
    EXPECT(ho_producer_open(service, shard, &producer), HO_OK);
    EXPECT(ho_consumer_open(service, NULL, &consumer), HO_OK);
    for (int i = 0; i < 1000; i++) {
        EXPECT(rig_copy(producer, "child", 5, 1, 0), HO_OK);
        EXPECT(ho_take(consumer, &buf, 1, &taken), HO_OK);
        EXPECT(memcmp(buf.ptr, "child", 5), 0);
        EXPECT(ho_return(domain, &buf, 1, NULL), HO_OK);
    }
    EXPECT(ho_reserve(r.shard, 1, NULL, &buf) < 0, 1); /* the parent's stay refused */
    EXPECT(ho_return(r.domain, &held, 1, NULL) < 0, 1);
    EXPECT(ho_return(domain, &held, 1, NULL) < 0, 1);
    EXPECT(ho_producer_close(producer), HO_OK);
    EXPECT(ho_shard_close(shard), HO_OK);
    EXPECT(ho_consumer_close(consumer), HO_OK);
    EXPECT(ho_domain_close(domain, 0, NULL), HO_OK);
    EXPECT(ho_domain_destroy(domain, NULL), HO_OK);
}

static void a_child_may_have_a_domain_of_its_own(void **state)
{
    (void)state;
    run_in_child(use_own_domain);
}

static void fork_again(void)
{
    ho_domain *domain;
    EXPECT(ho_domain_create(NULL, &domain), HO_OK);
    pid_t grandchild = fork();
    if (grandchild == 0) {
        EXPECT(ho_domain_close(domain, 0, NULL), HO_E_FORKED);
        use_own_domain();
        _exit(0);
    }
    int status = -1;
    EXPECT(waitpid(grandchild, &status, 0), grandchild);
    EXPECT(status, 0);
    EXPECT(ho_domain_destroy(domain, NULL), HO_OK);
}

static void a_child_may_fork_in_its_turn(void **state)
{
    (void)state;
    run_in_child(fork_again);
}

static void the_parent_goes_on_as_before(void **state)
{
    (void)state;
    run_in_child(call_everything);
    for (uint64_t key = 0; key < 100; key++)
        rig_send(r.shard, r.producer, key, 100);
    for (uint64_t i = 0; i < 100; i++) {
        ho_buf buf = rig_take(r.consumer);
        rig_return(r.domain, &buf);
    }
}

static void create_one(void)
{
    ho_domain *domain;
    EXPECT(ho_domain_create(DOMAIN_OPTS(.max_bytes = 1u << 20), &domain), HO_OK);
    EXPECT(ho_domain_destroy(domain, NULL), HO_OK);
}

static void the_parents_domains_do_not_count_in_the_child(void **state)
{
    (void)state;
    ho_domain *domains[63];
    for (size_t i = 0; i < 63; i++) /* and the rig's: all 64 */
        CHECK_STATUS(ho_domain_create(DOMAIN_OPTS(.max_bytes = 1u << 20), &domains[i]), HO_OK);
    run_in_child(create_one);
    for (size_t i = 0; i < 63; i++)
        CHECK_STATUS(ho_domain_destroy(domains[i], NULL), HO_OK);
}

static void create_and_destroy(void *arg)
{
    volatile int *stop = arg;
    while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
        ho_domain *domain;
        CHECK_STATUS(ho_domain_create(DOMAIN_OPTS(.max_bytes = 1u << 20), &domain), HO_OK);
        CHECK_STATUS(ho_domain_destroy(domain, NULL), HO_OK);
    }
}

static void a_child_of_a_busy_process_can_create_a_domain(void **state)
{
    (void)state;
    int stop = 0;
    harness_thread
        thread; /* creates and destroys: a mutex is often held at the moment of the fork */
    harness_start(&thread, create_and_destroy, &stop);
    for (int i = 0; i < 50; i++)
        run_in_child(use_own_domain);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    harness_join(&thread);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(the_child_is_told_by_every_call),
    WITH_RIG(a_child_may_have_a_domain_of_its_own),
    WITH_RIG(a_child_may_fork_in_its_turn),
    WITH_RIG(the_parent_goes_on_as_before),
    WITH_RIG(the_parents_domains_do_not_count_in_the_child),
    WITH_RIG(a_child_of_a_busy_process_can_create_a_domain),
};

HO_TEST_MAIN(tests)
