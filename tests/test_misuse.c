/* SPDX-License-Identifier: MIT */
/* Forged and wrong handles and descriptors: a status, never a crash, and nothing changes. */
#include "rig.h"

static rig r, other; /* two domains */

static int open_rigs(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    rig_open(&other, NULL);
    return 0;
}

static int close_rigs(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_check_quiet(&other);
    rig_close(&r);
    rig_close(&other);
    return 0;
}

/* Every call that takes a handle, with this one. All say the same. */
static void check_domain_calls(ho_domain *d, int32_t expected)
{
    ho_buf buf = {0}, slice;
    uint32_t n;
    int32_t fd;
    ho_service *service = NULL;
    ho_arena *arena = NULL;
    CHECK_STATUS(ho_domain_close(d, 0, NULL), expected);
    CHECK_STATUS(ho_domain_destroy(d, NULL), expected);
    CHECK_STATUS(ho_service_open(d, NULL, &service), expected);
    CHECK_STATUS(ho_arena_open(d, NULL, &arena), expected);
    CHECK_STATUS(ho_return(d, &buf, 1, &n), expected);
    CHECK_STATUS(ho_slice(d, &buf, 0, 0, &slice), expected);
    CHECK_STATUS(ho_owner_register(d, OWNER_OPTS(.release = rig_count_release), &n), expected);
    CHECK_STATUS(ho_owner_drain(d, 1, 1, &n), expected);
    CHECK_STATUS(ho_owner_fd(d, 1, &fd), expected);
    CHECK_STATUS(ho_owner_retire(d, 1, 0), expected);
}

static void check_arena_calls(ho_arena *a, int32_t expected)
{
    ho_shard *shard = NULL;
    ho_arena_stats stats = {.size = sizeof stats};
    uint64_t freed;
    CHECK_STATUS(ho_arena_close(a, 0, NULL), expected);
    CHECK_STATUS(ho_arena_trim(a, 0, &freed), expected);
    CHECK_STATUS(ho_arena_stats_get(a, &stats), expected);
    CHECK_STATUS(ho_shard_open(a, &shard), expected);
}

static void check_shard_calls(ho_shard *sh, int32_t expected)
{
    ho_buf buf = {0}, front;
    ho_producer *producer = NULL;
    uint32_t n;
    int32_t fd;
    CHECK_STATUS(ho_reserve(sh, 1, NULL, &front), expected);
    CHECK_STATUS(ho_abort(sh, &buf, 1, &n), expected);
    CHECK_STATUS(ho_split(sh, &buf, 1, &front), expected);
    CHECK_STATUS(ho_compact(sh, &buf), expected);
    CHECK_STATUS(ho_shard_fd(sh, &fd), expected);
    CHECK_STATUS(ho_producer_open(r.service, sh, &producer), expected);
    CHECK_STATUS(ho_shard_close(sh), expected);
}

static void check_service_calls(ho_service *s, int32_t expected)
{
    ho_producer *producer = NULL;
    ho_consumer *consumer = NULL;
    ho_service_stats stats = {.size = sizeof stats};
    CHECK_STATUS(ho_service_close(s, 0, NULL), expected);
    CHECK_STATUS(ho_service_stats_get(s, &stats), expected);
    CHECK_STATUS(ho_producer_open(s, r.shard, &producer), expected);
    CHECK_STATUS(ho_consumer_open(s, NULL, &consumer), expected);
}

static void check_producer_calls(ho_producer *p, int32_t expected)
{
    ho_buf buf = {0};
    uint32_t n;
    CHECK_STATUS(ho_commit(p, &buf, 1, 0, &n), expected);
    CHECK_STATUS(ho_give(p, &buf, 1, 0, &n), expected);
    CHECK_STATUS(ho_give_copy(p, &buf, 1, 0, &n), expected);
    CHECK(n == 0);
    CHECK_STATUS(ho_forward(p, &buf, 1, 0, &n), expected);
    CHECK_STATUS(ho_flush(p), expected);
    CHECK_STATUS(ho_producer_close(p), expected);
}

static void check_consumer_calls(ho_consumer *c, int32_t expected)
{
    ho_buf buf;
    uint32_t n;
    int32_t fd;
    CHECK_STATUS(ho_take(c, &buf, 1, &n), expected);
    CHECK_STATUS(ho_wait(c, -1), expected);
    CHECK_STATUS(ho_consumer_yield(c), expected);
    CHECK_STATUS(ho_consumer_fd(c, &fd), expected);
    CHECK_STATUS(ho_consumer_close(c), expected);
}

static void check_all_calls(const void *handle, int32_t expected)
{
    check_domain_calls((ho_domain *)(uintptr_t)handle, expected);
    check_arena_calls((ho_arena *)(uintptr_t)handle, expected);
    check_shard_calls((ho_shard *)(uintptr_t)handle, expected);
    check_service_calls((ho_service *)(uintptr_t)handle, expected);
    check_producer_calls((ho_producer *)(uintptr_t)handle, expected);
    check_consumer_calls((ho_consumer *)(uintptr_t)handle, expected);
}

static void a_handle_of_the_wrong_kind_is_refused(void **state)
{
    (void)state;
    const void *handles[] = {r.domain, r.arena, r.shard, r.service, r.producer, r.consumer};
    for (size_t i = 0; i < 6; i++) {
        if (i != 0)
            check_domain_calls((ho_domain *)(uintptr_t)handles[i], HO_E_HANDLE);
        if (i != 1)
            check_arena_calls((ho_arena *)(uintptr_t)handles[i], HO_E_HANDLE);
        if (i != 2)
            check_shard_calls((ho_shard *)(uintptr_t)handles[i], HO_E_HANDLE);
        if (i != 3)
            check_service_calls((ho_service *)(uintptr_t)handles[i], HO_E_HANDLE);
        if (i != 4)
            check_producer_calls((ho_producer *)(uintptr_t)handles[i], HO_E_HANDLE);
        if (i != 5)
            check_consumer_calls((ho_consumer *)(uintptr_t)handles[i], HO_E_HANDLE);
    }
}

static void forged_handles_are_refused(void **state)
{
    (void)state;
    uint64_t seed = 1;
    check_all_calls(NULL, HO_E_HANDLE);
    check_all_calls((void *)UINTPTR_MAX, HO_E_HANDLE);
    check_all_calls(&seed, HO_E_HANDLE);
    for (int i = 0; i < 20000; i++)
        check_all_calls((void *)(uintptr_t)rig_random(&seed), HO_E_HANDLE);
}

static void handles_close_to_a_real_one_are_refused(void **state)
{
    (void)state;
    uintptr_t real[] = {
        (uintptr_t)r.domain,      (uintptr_t)r.arena,        (uintptr_t)r.shard,
        (uintptr_t)r.service,     (uintptr_t)r.producer,     (uintptr_t)r.consumer,
        (uintptr_t)other.domain,  (uintptr_t)other.arena,    (uintptr_t)other.shard,
        (uintptr_t)other.service, (uintptr_t)other.producer, (uintptr_t)other.consumer};
    for (size_t i = 0; i < 12; i++)
        for (uint32_t bit = 0; bit < 64; bit++) {
            uintptr_t forged = real[i] ^ (uintptr_t)1 << bit;
            int is_real = 0;
            for (size_t j = 0; j < 12; j++)
                is_real |= forged == real[j];
            if (!is_real)
                check_all_calls((void *)forged, HO_E_HANDLE);
        }
}

static void closed_handles_stay_refused_when_their_places_are_taken_again(void **state)
{
    (void)state;
    rig closed;
    rig_open(&closed, NULL);
    rig_close(&closed);
    for (int i = 0; i < 20; i++) {
        rig next;
        rig_open(&next, NULL);
        check_domain_calls(closed.domain, HO_E_HANDLE);
        check_arena_calls(closed.arena, HO_E_HANDLE);
        check_shard_calls(closed.shard, HO_E_HANDLE);
        check_service_calls(closed.service, HO_E_HANDLE);
        check_producer_calls(closed.producer, HO_E_HANDLE);
        check_consumer_calls(closed.consumer, HO_E_HANDLE);
        rig_close(&next);
    }
}

/* Every call that takes a buffer, with this one: each says no, none changes it. */
static void check_buffer_refused(const ho_buf *forged)
{
    ho_buf buf = *forged, out;
    uint32_t n = 77;
    CHECK(ho_return(r.domain, &buf, 1, &n) < 0 && n == 0);
    CHECK(ho_slice(r.domain, &buf, 0, 0, &out) < 0);
    CHECK(ho_forward(r.producer, &buf, 1, 0, &n) < 0);
    CHECK(ho_compact(r.shard, &buf) < 0);
    CHECK(ho_commit(r.producer, &buf, 1, 0, &n) < 0);
    CHECK(ho_abort(r.shard, &buf, 1, &n) < 0);
    CHECK(ho_split(r.shard, &buf, 1, &out) < 0);
    CHECK(memcmp(&buf, forged, sizeof buf) == 0);
}

static void random_descriptors_are_refused(void **state)
{
    (void)state;
    uint64_t seed = 9;
    rig_send(r.shard, r.producer, 1, 100); /* some state to be hit */
    ho_buf real = rig_take(r.consumer), slice;
    CHECK_STATUS(ho_slice(r.domain, &real, 0, 10, &slice), HO_OK);
    rig_mark mark;
    rig_mark_take(&mark, &r, NULL, 0);
    for (int i = 0; i < 20000; i++) {
        ho_buf forged;
        uint64_t words[8];
        for (size_t w = 0; w < 8; w++)
            words[w] = rig_random(&seed);
        memcpy(&forged, words, sizeof forged);
        forged.flags &= 0xffff;
        forged.kind = (uint8_t)(1 + i % 6);
        if (i % 2) /* the right generation and segment, anything else wrong */
            forged.handle = (real.handle & ~(uint64_t)0xfff) | (forged.handle & 0xfff);
        if (forged.handle != real.handle && forged.handle != slice.handle)
            check_buffer_refused(&forged);
    }
    rig_mark_check(&mark, 0, __FILE__, __LINE__);
    rig_return(r.domain, &slice);
    rig_return(r.domain, &real);
}

static void handles_close_to_a_real_buffer_are_refused(void **state)
{
    (void)state;
    rig_owner owner;
    uint8_t byte = 1;
    uint32_t taken;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    ho_buf real[3];
    rig_send(r.shard, r.producer, 1, 100);
    real[0] = rig_take(r.consumer);
    real[1] = rig_foreign(owner.owner, &byte, 1, 1);
    CHECK_STATUS(ho_give(r.producer, &real[1], 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, &real[1], 1, &taken), HO_OK);
    CHECK_STATUS(ho_slice(r.domain, &real[0], 0, 1, &real[2]), HO_OK);
    for (size_t i = 0; i < 3; i++)
        for (uint32_t bit = 0; bit < 64; bit++) {
            ho_buf forged = real[i];
            forged.handle ^= (uint64_t)1 << bit;
            int is_real = 0;
            for (size_t j = 0; j < 3; j++)
                is_real |= forged.handle == real[j].handle;
            if (!is_real)
                check_buffer_refused(&forged);
        }
    CHECK(owner.releases == 0);
    CHECK_STATUS(ho_return(r.domain, real, 3, NULL), HO_OK);
    CHECK(owner.releases == 1);
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

static void a_broken_seal_is_refused(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 1, 100);
    ho_buf bufs[2] = {rig_take(r.consumer)};
    CHECK_STATUS(ho_slice(r.domain, &bufs[0], 0, 10, &bufs[1]), HO_OK);
    for (size_t i = 0; i < 2; i++)
        for (uint32_t bit = 0; bit < 32; bit++) {
            ho_buf forged = bufs[i];
            forged.owner ^= 1u << bit;
            check_buffer_refused(&forged);
        }
    CHECK_STATUS(ho_return(r.domain, bufs, 2, NULL), HO_OK);
}

static void a_kind_that_does_not_fit_the_handle_does_no_harm(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 256; kind++) {
        rig_send(r.shard, r.producer, 1, 100);
        ho_buf real = rig_take(r.consumer), forged = real, slice = {0};
        forged.kind = (uint8_t)kind;
        if (ho_slice(r.domain, &forged, 0, 10, &slice) != HO_OK)
            CHECK_EMPTY(&slice);
        if (ho_return(r.domain, &forged, 1, NULL) == HO_OK)
            CHECK_STATUS(ho_return(r.domain, &real, 1, NULL), HO_E_STALE);
        else
            rig_return(r.domain, &real);
        CHECK_STATUS(ho_return(r.domain, &slice, 1, NULL), HO_OK);
    }
}

static void a_destroyed_domains_buffers_mean_nothing_to_the_next(void **state)
{
    (void)state;
    rig_send(r.shard, r.producer, 1, 100);
    ho_buf stale = rig_take(r.consumer), copy = stale;
    rig_return(r.domain, &copy);
    rig_close(&r);
    rig_open(&r, NULL);
    rig_send(r.shard, r.producer, 1, 100);
    ho_buf fresh = rig_take(r.consumer);
    CHECK(fresh.handle == stale.handle); /* the seal alone tells them apart */
    check_buffer_refused(&stale);
    rig_return(r.domain, &fresh);
}

#define WITH_RIGS(test) cmocka_unit_test_setup_teardown(test, open_rigs, close_rigs)

static const struct CMUnitTest tests[] = {
    WITH_RIGS(a_handle_of_the_wrong_kind_is_refused),
    WITH_RIGS(forged_handles_are_refused),
    WITH_RIGS(handles_close_to_a_real_one_are_refused),
    WITH_RIGS(closed_handles_stay_refused_when_their_places_are_taken_again),
    WITH_RIGS(random_descriptors_are_refused),
    WITH_RIGS(handles_close_to_a_real_buffer_are_refused),
    WITH_RIGS(a_broken_seal_is_refused),
    WITH_RIGS(a_kind_that_does_not_fit_the_handle_does_no_harm),
    WITH_RIGS(a_destroyed_domains_buffers_mean_nothing_to_the_next),
};

HO_TEST_MAIN(tests)
