/* SPDX-License-Identifier: MIT */
/* Owners: registering, the three modes of release, retiring, and callbacks that call back. */
#include <poll.h>
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
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

/* Gives `count` buffers, takes and returns them. */
static void pass_through(uint32_t owner, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        ho_buf buf = rig_foreign(owner, memory, sizeof memory, i);
        uint32_t taken;
        CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
        CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
        rig_return(r.domain, &buf);
    }
}

static int32_t register_and_retire(void *ctx, const void *opts)
{
    (void)ctx;
    uint32_t owner = 77;
    int32_t status = ho_owner_register(r.domain, opts, &owner);
    if (status == HO_OK) {
        CHECK(owner != 0);
        CHECK_STATUS(ho_owner_retire(r.domain, owner, 0), HO_OK);
    } else {
        CHECK(owner == 0);
    }
    return status;
}

static void register_checks_its_options(void **state)
{
    (void)state;
    rig_check_opts(&(rig_opts_case){.valid = OWNER_OPTS(.release = rig_count_release),
                                    .size = sizeof(ho_owner_opts),
                                    .min = HO_OWNER_OPTS_MIN,
                                    .call = register_and_retire});
    for (uint32_t mode = HO_RELEASE_INLINE; mode <= HO_RELEASE_EVENT; mode++)
        CHECK_STATUS(
            register_and_retire(NULL, OWNER_OPTS(.mode = mode, .release = rig_count_release)),
            HO_OK);
    CHECK_STATUS(register_and_retire(NULL, OWNER_OPTS(.mode = 3, .release = rig_count_release)),
                 HO_E_INVAL);
    CHECK_STATUS(
        register_and_retire(NULL, OWNER_OPTS(.mode = UINT32_MAX, .release = rig_count_release)),
        HO_E_INVAL);
    CHECK_STATUS(register_and_retire(NULL, OWNER_OPTS(.release = NULL)), HO_E_INVAL);
    CHECK_STATUS(register_and_retire(NULL, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_owner_register(r.domain, OWNER_OPTS(.release = rig_count_release), NULL),
                 HO_E_INVAL);
    uint32_t owner = 77;
    CHECK_STATUS(ho_owner_register(NULL, OWNER_OPTS(.release = rig_count_release), &owner),
                 HO_E_HANDLE);
    CHECK(owner == 0);
}

static void there_may_be_1024_owners(void **state)
{
    (void)state;
    static uint32_t owners[1024];
    uint32_t more = 77;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 1024; i++)
            CHECK_STATUS(
                ho_owner_register(r.domain, OWNER_OPTS(.release = rig_count_release), &owners[i]),
                HO_OK);
        CHECK_STATUS(ho_owner_register(r.domain, OWNER_OPTS(.release = rig_count_release), &more),
                     HO_E_LIMIT);
        CHECK(more == 0);
        for (size_t i = 0; i < 1024; i++)
            CHECK_STATUS(ho_owner_retire(r.domain, owners[i], 0), HO_OK);
    }
}

static void a_retired_number_does_not_come_back_at_once(void **state)
{
    (void)state;
    rig_owner first, second;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &first);
    CHECK_STATUS(ho_owner_retire(r.domain, first.owner, 0), HO_OK);
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &second);
    CHECK(first.owner != second.owner);
    ho_buf buf = rig_foreign(first.owner, memory, 1, 0);
    CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_E_OWNER);
    CHECK_STATUS(ho_owner_retire(r.domain, second.owner, 0), HO_OK);
}

static void inline_releases_inside_the_return(void **state)
{
    (void)state;
    rig_owner owner;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    pass_through(owner.owner, 10);
    CHECK(owner.releases == 10);
    int32_t fd = 77;
    uint32_t drained = 77;
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 10, &drained), HO_E_KIND);
    CHECK(drained == 0);
    CHECK_STATUS(ho_owner_fd(r.domain, owner.owner, &fd), HO_E_KIND);
    CHECK(fd == -1);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void drain_releases_only_when_drained_and_at_most_max(void **state)
{
    (void)state;
    rig_owner owner;
    rig_owner_register(r.domain, HO_RELEASE_DRAIN, &owner);
    uint32_t drained = 77;
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 10, &drained), HO_EMPTY);
    CHECK(drained == 0);
    pass_through(owner.owner, 25);
    CHECK(owner.releases == 0);
    CHECK(rig_arena_stats(r.arena).foreign_out == 25);
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 10, &drained), HO_OK);
    CHECK(drained == 10 && owner.releases == 10);
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 1, NULL), HO_OK);
    CHECK(owner.releases == 11);
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, UINT32_MAX, &drained), HO_OK);
    CHECK(drained == 14 && owner.releases == 25);
    CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, UINT32_MAX, &drained), HO_EMPTY);
    CHECK(drained == 0);
    CHECK(rig_arena_stats(r.arena).foreign_out == 0);
    int32_t fd = 77;
    CHECK_STATUS(ho_owner_fd(r.domain, owner.owner, &fd), HO_E_KIND);
    CHECK(fd == -1);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static int readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, 0);
    CHECK(n >= 0);
    return n == 1;
}

static void event_makes_the_descriptor_readable_while_something_is_queued(void **state)
{
    (void)state;
    rig_owner owner;
    rig_owner_register(r.domain, HO_RELEASE_EVENT, &owner);
    int32_t fd = 77;
    CHECK_STATUS(ho_owner_fd(r.domain, owner.owner, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_owner_fd(r.domain, owner.owner, &fd), HO_OK);
    CHECK(fd >= 0);
    for (int round = 0; round < 20; round++) {
        uint32_t before = owner.releases, drained;
        CHECK(!readable(fd));
        pass_through(owner.owner, 5);
        CHECK(readable(fd));
        CHECK(owner.releases == before);
        CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 3, &drained), HO_OK);
        CHECK(readable(fd));
        while (ho_owner_drain(r.domain, owner.owner, 3, &drained) == HO_OK)
            ;
        CHECK(owner.releases == before + 5);
    }
    CHECK(!readable(fd));
    CHECK(close(fd) == 0);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void a_descriptor_closed_by_the_user_is_written_no_more(void **state)
{
    (void)state;
    rig_owner owner;
    int32_t fd;
    int ends[2];
    rig_owner_register(r.domain, HO_RELEASE_EVENT, &owner);
    CHECK_STATUS(ho_owner_fd(r.domain, owner.owner, &fd), HO_OK);
    CHECK(pipe(ends) == 0);
    CHECK(dup2(ends[1], fd) == fd); /* closed, and the number goes to a pipe */
    for (int i = 0; i < 10; i++) {
        pass_through(owner.owner, 5);
        CHECK(!readable(ends[0]));
        CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 5, NULL), HO_OK);
    }
    CHECK(close(fd) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void a_descriptor_outlives_its_owner_and_stays_silent(void **state)
{
    (void)state;
    rig_owner first, second;
    int32_t old, fd;
    rig_owner_register(r.domain, HO_RELEASE_EVENT, &first);
    CHECK_STATUS(ho_owner_fd(r.domain, first.owner, &old), HO_OK);
    CHECK_STATUS(ho_owner_retire(r.domain, first.owner, 0), HO_OK);
    rig_owner_register(r.domain, HO_RELEASE_EVENT, &second); /* in the same place */
    CHECK_STATUS(ho_owner_fd(r.domain, second.owner, &fd), HO_OK);
    pass_through(second.owner, 5);
    CHECK(readable(fd) && !readable(old));
    CHECK_STATUS(ho_owner_drain(r.domain, second.owner, 5, NULL), HO_OK);
    CHECK(close(fd) == 0 && close(old) == 0);
    CHECK_STATUS(ho_owner_retire(r.domain, second.owner, 0), HO_OK);
}

static void unknown_owners_are_refused(void **state)
{
    (void)state;
    rig_owner owner;
    rig_owner_register(r.domain, HO_RELEASE_EVENT, &owner);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
    uint32_t bad[] = {0, owner.owner, owner.owner + 1, UINT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        uint32_t drained = 77;
        int32_t fd = 77;
        CHECK_STATUS(ho_owner_drain(r.domain, bad[i], 1, &drained), HO_E_OWNER);
        CHECK(drained == 0);
        CHECK_STATUS(ho_owner_fd(r.domain, bad[i], &fd), HO_E_OWNER);
        CHECK(fd == -1);
        CHECK_STATUS(ho_owner_retire(r.domain, bad[i], 0), HO_E_OWNER);
    }
    CHECK_STATUS(ho_owner_drain(NULL, 1, 1, NULL), HO_E_HANDLE);
    CHECK_STATUS(ho_owner_retire(NULL, 1, 0), HO_E_HANDLE);
}

static void retire_waits_for_the_last_release(void **state)
{
    (void)state;
    for (uint32_t mode = HO_RELEASE_INLINE; mode <= HO_RELEASE_EVENT; mode++) {
        rig_owner owner;
        ho_buf bufs[3];
        rig_owner_register(r.domain, mode, &owner);
        for (uint64_t i = 0; i < 3; i++) {
            uint32_t taken;
            bufs[i] = rig_foreign(owner.owner, memory, sizeof memory, i);
            CHECK_STATUS(ho_give(r.producer, &bufs[i], 1, 0, NULL), HO_OK);
            CHECK_STATUS(ho_take(r.consumer, &bufs[i], 1, &taken), HO_OK);
        }
        rig_return(r.domain, &bufs[0]);
        CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_TIMEOUT);
        CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 1000000), HO_TIMEOUT);
        CHECK_STATUS(ho_return(r.domain, &bufs[1], 2, NULL), HO_OK);
        if (mode != HO_RELEASE_INLINE) {
            uint32_t drained;
            CHECK(owner.releases == 0);
            CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 2, &drained), HO_OK);
            CHECK(drained == 2);
            CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_TIMEOUT);
            CHECK_STATUS(ho_owner_drain(r.domain, owner.owner, 2, &drained), HO_OK);
            CHECK(drained == 1);
        }
        CHECK(owner.releases == 3);
        CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, -1), HO_OK);
        CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_E_OWNER);
    }
}

static ho_buf held; /* what the callback below returns */
static uint32_t reentered;

static void call_everything(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    const uint32_t *owner = ctx;
    ho_outstanding out = {.size = sizeof out};
    CHECK(count == 1 && recs[0].owner == *owner);
    CHECK_STATUS(ho_domain_close(r.domain, 0, &out), HO_E_REENTRANT);
    CHECK_STATUS(ho_domain_destroy(r.domain, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_service_close(r.service, -1, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_arena_close(r.arena, -1, NULL), HO_E_REENTRANT);
    CHECK_STATUS(ho_producer_close(r.producer), HO_E_REENTRANT);
    CHECK_STATUS(ho_shard_close(r.shard), HO_E_REENTRANT);
    CHECK_STATUS(ho_consumer_close(r.consumer), HO_E_REENTRANT);
    CHECK_STATUS(ho_owner_retire(r.domain, *owner, -1), HO_E_REENTRANT);
    ho_buf slice;
    CHECK_STATUS(ho_slice(r.domain, &held, 0, 5, &slice), HO_OK);
    rig_return(r.domain, &slice);
    rig_return(r.domain, &held);
    reentered++;
}

static void drain_again(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    call_everything(ctx, recs, count);
    uint32_t drained = 77;
    CHECK_STATUS(ho_owner_drain(r.domain, *(uint32_t *)ctx, 1, &drained), HO_E_REENTRANT);
    CHECK(drained == 0);
}

static void a_release_may_return_but_not_close(void **state)
{
    (void)state;
    reentered = 0;
    for (uint32_t mode = HO_RELEASE_INLINE; mode <= HO_RELEASE_EVENT; mode++) {
        uint32_t owner;
        CHECK_STATUS(
            ho_owner_register(
                r.domain,
                OWNER_OPTS(.mode = mode,
                           .release = mode == HO_RELEASE_INLINE ? call_everything : drain_again,
                           .ctx = &owner),
                &owner),
            HO_OK);
        rig_send(r.shard, r.producer, 1, 100);
        held = rig_take(r.consumer);
        pass_through(owner, 1);
        if (mode != HO_RELEASE_INLINE)
            CHECK_STATUS(ho_owner_drain(r.domain, owner, 5, NULL), HO_OK);
        CHECK(reentered == mode + 1);
        CHECK_EMPTY(&held);
        CHECK_STATUS(ho_owner_retire(r.domain, owner, 0), HO_OK);
        rig_send(r.shard, r.producer, 1, 100); /* nothing was closed */
        CHECK(rig_drain(&r) == 1);
    }
}

static void a_release_that_returns_foreign_memory_releases_that_too(void **state)
{
    (void)state;
    rig_owner inner;
    uint32_t outer, taken;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &inner);
    CHECK_STATUS(
        ho_owner_register(r.domain, OWNER_OPTS(.release = call_everything, .ctx = &outer), &outer),
        HO_OK);
    held = rig_foreign(inner.owner, memory, sizeof memory, 3);
    CHECK_STATUS(ho_give(r.producer, &held, 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &held, 1, &taken), HO_OK);
    pass_through(outer, 1);
    CHECK(inner.releases == 1);
    CHECK_STATUS(ho_owner_retire(r.domain, outer, 0), HO_OK);
    CHECK_STATUS(ho_owner_retire(r.domain, inner.owner, 0), HO_OK);
}

static void a_retired_id_never_comes_back(void **state)
{
    (void)state;
    ho_domain *domain = rig_domain();
    uint32_t first, id = 0;
    CHECK_STATUS(ho_owner_register(domain, OWNER_OPTS(.release = rig_count_release), &first),
                 HO_OK);
    CHECK_STATUS(ho_owner_retire(domain, first, 0), HO_OK);
    for (uint32_t i = 0; i < (1u << 21) + 10; i++) { /* more than a slot has generations */
        CHECK_STATUS(ho_owner_register(domain, OWNER_OPTS(.release = rig_count_release), &id),
                     HO_OK);
        CHECK(id != first);
        CHECK_STATUS(ho_owner_retire(domain, id, 0), HO_OK);
    }
    CHECK_STATUS(ho_owner_retire(domain, first, 0), HO_E_OWNER);
    rig_destroy(domain);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(register_checks_its_options),
    WITH_RIG(there_may_be_1024_owners),
    WITH_RIG(a_retired_number_does_not_come_back_at_once),
    WITH_RIG(inline_releases_inside_the_return),
    WITH_RIG(drain_releases_only_when_drained_and_at_most_max),
    WITH_RIG(event_makes_the_descriptor_readable_while_something_is_queued),
    WITH_RIG(a_descriptor_closed_by_the_user_is_written_no_more),
    WITH_RIG(a_descriptor_outlives_its_owner_and_stays_silent),
    WITH_RIG(unknown_owners_are_refused),
    WITH_RIG(retire_waits_for_the_last_release),
    WITH_RIG(a_release_may_return_but_not_close),
    cmocka_unit_test(a_retired_id_never_comes_back),
    WITH_RIG(a_release_that_returns_foreign_memory_releases_that_too),
};

HO_TEST_MAIN(tests)
