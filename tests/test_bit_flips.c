/* SPDX-License-Identifier: MIT */
/*
 * Flips each of the 512 bits of a descriptor, of each kind, in each call. In fields that a holder
 * may change, and in informational ones, a flipped bit is harmless; anywhere else it is refused,
 * and nothing has changed.
 */
#include "rig.h"

static rig r;
static rig_owner owner;
static uint8_t foreign_bytes[64];

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

/* A buffer of the kind that the caller holds; of a slice also its parent. */
struct held {
    ho_buf buf, parent;
};

static struct held held_of(uint32_t kind)
{
    struct held h = {.buf = rig_loan(r.shard, 1, 40)};
    uint32_t taken;
    if (kind == HO_KIND_LOAN)
        return h;
    if (kind == HO_KIND_FOREIGN) {
        CHECK_STATUS(ho_abort(r.shard, &h.buf, 1, NULL), HO_OK);
        h.buf = rig_foreign(owner.owner, foreign_bytes, sizeof foreign_bytes, 7);
        CHECK_STATUS(ho_give(r.producer, &h.buf, 1, 0, NULL), HO_OK);
    } else {
        CHECK_STATUS(ho_commit(r.producer, &h.buf, 1, 0, NULL), HO_OK);
    }
    CHECK_STATUS(ho_take(r.consumer, &h.buf, 1, &taken), HO_OK);
    if (kind != HO_KIND_SLICE)
        return h;
    h.parent = h.buf;
    CHECK_STATUS(ho_slice(r.domain, &h.parent, 8, 16, &h.buf), HO_OK);
    return h;
}

enum call { COMMIT, FORWARD, ABORT, SPLIT, RETURN, SLICE, COMPACT, CALLS };
static const char *const call_names[CALLS] = {"commit", "forward", "abort",  "split",
                                              "return", "slice",   "compact"};

/* What a call made is in `made`; empty if it made nothing. */
static int32_t call(enum call which, ho_buf *buf, ho_buf *made)
{
    *made = (ho_buf){0};
    switch (which) {
    case COMMIT: return ho_commit(r.producer, buf, 1, 0, NULL);
    case FORWARD: return ho_forward(r.producer, buf, 1, 0, NULL);
    case ABORT: return ho_abort(r.shard, buf, 1, NULL);
    case SPLIT: return ho_split(r.shard, buf, 1, made);
    case RETURN: return ho_return(r.domain, buf, 1, NULL);
    case SLICE: return ho_slice(r.domain, buf, 0, 1, made);
    default: return ho_compact(r.shard, buf);
    }
}

/* Gives back what is held, whatever a call has made of it. */
static void finish(struct held *h, ho_buf *made)
{
    (void)rig_drain(&r);
    ho_buf *all[] = {made, &h->buf, &h->parent};
    for (size_t i = 0; i < 3; i++)
        if (all[i]->kind == HO_KIND_LOAN)
            CHECK_STATUS(ho_abort(r.shard, all[i], 1, NULL), HO_OK);
        else
            CHECK_STATUS(ho_return(r.domain, all[i], 1, NULL), HO_OK);
}

static int may_change(uint32_t byte)
{
    static const struct {
        size_t from, bytes;
    } fields[] = {
        {offsetof(ho_buf, len), sizeof(((ho_buf *)0)->len)},
        {offsetof(ho_buf, value), sizeof(((ho_buf *)0)->value)},
        {offsetof(ho_buf, service), sizeof(((ho_buf *)0)->service)},
        {offsetof(ho_buf, partition), sizeof(((ho_buf *)0)->partition)},
        {offsetof(ho_buf, flags), sizeof(((ho_buf *)0)->flags)},
        {offsetof(ho_buf, hops), sizeof(((ho_buf *)0)->hops)},
        {offsetof(ho_buf, align_log2), sizeof(((ho_buf *)0)->align_log2)},
        {offsetof(ho_buf, key), sizeof(((ho_buf *)0)->key)},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (byte >= fields[i].from && byte < fields[i].from + fields[i].bytes)
            return 1;
    return 0;
}

static void flip(uint32_t kind, enum call which, uint32_t bit)
{
    struct held h = held_of(kind);
    ho_buf forged = h.buf, made;
    ((uint8_t *)&forged)[bit / 8] ^= (uint8_t)(1u << bit % 8);
    ho_buf before = forged;
    int32_t status = call(which, &forged, &made);
    if (!may_change(bit / 8) && status >= 0)
        fail_msg("%s of kind %u took a descriptor with bit %u flipped", call_names[which], kind,
                 bit);
    if (status < 0) {
        CHECK(memcmp(&forged, &before, sizeof forged) == 0);
        CHECK(made.kind == HO_KIND_EMPTY);
    } else {
        h.buf = forged; /* a call that took it has emptied it, and what is left is the caller's */
    }
    finish(&h, &made);
}

static void a_flipped_bit_is_refused_or_harmless(void **state)
{
    (void)state;
    for (uint32_t kind = HO_KIND_LOAN; kind <= HO_KIND_SLICE; kind++)
        for (uint32_t which = 0; which < CALLS; which++)
            for (uint32_t bit = 0; bit < 8 * sizeof(ho_buf); bit++)
                flip(kind, (enum call)which, bit);
}

static void a_loan_that_lies_elsewhere_by_4_GiB_is_refused(void **state)
{
    (void)state;
    struct held h = held_of(HO_KIND_LOAN);
    ho_buf forged = h.buf, none = {0};
    forged.ptr = (uint8_t *)((uintptr_t)forged.ptr + ((uintptr_t)1 << 32));
    forged.cap--;
    forged.len = 1;
    CHECK(ho_commit(r.producer, &forged, 1, 0, NULL) < 0);
    finish(&h, &none);
}

static void a_return_does_not_release_a_neighbour(void **state)
{
    (void)state;
    ho_buf pair[2], none = {0};
    uint32_t taken, releases = owner.releases;
    for (uint32_t i = 0; i < 2; i++)
        pair[i] = rig_foreign(owner.owner, &foreign_bytes[i], 1, i);
    CHECK_STATUS(ho_give(r.producer, pair, 2, 0, NULL), HO_OK);
    CHECK_STATUS(ho_take(r.consumer, pair, 2, &taken), HO_OK);
    ho_buf forged = pair[0];
    forged.handle = pair[1].handle;
    CHECK_STATUS(ho_return(r.domain, &forged, 1, NULL), HO_E_STALE);
    CHECK(owner.releases == releases);
    struct held h = {.buf = pair[0], .parent = pair[1]};
    finish(&h, &none);
    CHECK(owner.releases == releases + 2 && owner.last.token == 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(a_flipped_bit_is_refused_or_harmless, open_rig, close_rig),
    cmocka_unit_test_setup_teardown(a_loan_that_lies_elsewhere_by_4_GiB_is_refused, open_rig,
                                    close_rig),
    cmocka_unit_test_setup_teardown(a_return_does_not_release_a_neighbour, open_rig, close_rig),
};

HO_TEST_MAIN(tests)
