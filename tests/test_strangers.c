/* SPDX-License-Identifier: MIT */
/* Buffers of another domain. Two domains issue the same handles, so each of these names a buffer
 * that is outstanding here, too. */
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

/* One of each kind, of a domain that has just been created. */
struct held {
    rig_owner owner;
    ho_buf loan, bufs[3];
};

static uint8_t given[2];

static void hold(const rig *from, uint8_t *byte, struct held *h)
{
    uint32_t taken;
    rig_owner_register(from->domain, HO_RELEASE_INLINE, &h->owner);
    h->loan = rig_loan(from->shard, 1, 100);
    rig_send(from->shard, from->producer, 2, 100);
    h->bufs[0] = rig_take(from->consumer);
    h->bufs[1] = rig_foreign(h->owner.owner, byte, 1, 1);
    CHECK_STATUS(ho_give(from->producer, &h->bufs[1], 1, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(from->consumer, &h->bufs[1], 1, &taken), HO_OK);
    CHECK_STATUS(ho_slice(from->domain, &h->bufs[0], 0, 1, &h->bufs[2]), HO_OK);
}

static void let_go(const rig *to, struct held *h)
{
    CHECK(h->owner.releases == 0);
    CHECK_STATUS(ho_return(to->domain, h->bufs, 3, NULL), HO_OK);
    CHECK_STATUS(ho_abort(to->shard, &h->loan, 1, NULL), HO_OK);
    CHECK(h->owner.releases == 1);
    CHECK_STATUS(ho_owner_retire(to->domain, h->owner.owner, 0), HO_OK);
}

/* None of the other domain's may be taken for these. */
static void buffers_of_another_domain_are_refused(void **state)
{
    (void)state;
    struct held mine, theirs;
    ho_buf slice, front;
    hold(&r, &given[0], &mine);
    hold(&other, &given[1], &theirs);
    ho_buf *loan = &mine.loan;
    CHECK(loan->handle == theirs.loan.handle);
    CHECK_REFUSED(&other, loan, 1, ho_commit(other.producer, loan, 1, 0, NULL), HO_E_STALE);
    CHECK_REFUSED(&other, loan, 1, ho_abort(other.shard, loan, 1, NULL), HO_E_STALE);
    CHECK_REFUSED(&other, loan, 1, ho_split(other.shard, loan, 1, &front), HO_E_STALE);
    CHECK_EMPTY(&front);
    for (size_t i = 0; i < 3; i++) {
        ho_buf *b = &mine.bufs[i];
        uint32_t n = 77;
        CHECK(b->handle == theirs.bufs[i].handle);
        CHECK_REFUSED(&other, b, 1, ho_return(other.domain, b, 1, &n), HO_E_STALE);
        CHECK(n == 0);
        CHECK_REFUSED(&other, b, 1, ho_slice(other.domain, b, 0, 1, &slice), HO_E_STALE);
        CHECK_EMPTY(&slice);
        CHECK_REFUSED(&other, b, 1, ho_forward(other.producer, b, 1, 0, NULL), HO_E_STALE);
        CHECK_REFUSED(&other, b, 1, ho_compact(other.shard, b), HO_E_STALE);
    }
    let_go(&r, &mine);
    let_go(&other, &theirs);
}

/* Two messages and a slice of each. */
static void hold_pairs(const rig *from, ho_buf pairs[4])
{
    for (uint32_t i = 0; i < 2; i++) {
        rig_send(from->shard, from->producer, i, 100);
        pairs[i] = rig_take(from->consumer);
        CHECK_STATUS(ho_slice(from->domain, &pairs[i], 0, 1, &pairs[2 + i]), HO_OK);
    }
}

/* The first of each pair is the domain's, the second has the handle of its neighbour. */
static void a_batch_stops_at_a_buffer_of_another_domain(void **state)
{
    (void)state;
    ho_buf mine[4], theirs[4];
    hold_pairs(&r, mine);
    hold_pairs(&other, theirs);
    for (uint32_t i = 0; i < 4; i += 2) {
        ho_buf mixed[2] = {theirs[i], mine[i + 1]};
        uint32_t n = 77;
        CHECK(mixed[1].handle == theirs[i + 1].handle);
        CHECK_STATUS(ho_return(other.domain, mixed, 2, &n), HO_E_STALE);
        CHECK(n == 1);
        CHECK_EMPTY(&mixed[0]);
        CHECK(memcmp(&mixed[1], &mine[i + 1], sizeof mixed[1]) == 0);
        CHECK_STATUS(ho_return(other.domain, &theirs[i + 1], 1, NULL), HO_OK);
    }
    CHECK_STATUS(ho_return(r.domain, mine, 4, NULL), HO_OK);
}

#define WITH_RIGS(test) cmocka_unit_test_setup_teardown(test, open_rigs, close_rigs)

static const struct CMUnitTest tests[] = {
    WITH_RIGS(buffers_of_another_domain_are_refused),
    WITH_RIGS(a_batch_stops_at_a_buffer_of_another_domain),
};

HO_TEST_MAIN(tests)
