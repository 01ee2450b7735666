/* SPDX-License-Identifier: MIT */
/*
 * The end of a segment's generations. The tests set the generation internally: 2^32 openings would
 * take hours. A segment that was reused after its last generation would start with the first again,
 * and accept old copies from it; so stale copies of all generations are tried while the arena keeps
 * working.
 */
#include "rig.h"

#include "src/arena_private.h"

#define SEGMENTS 4u
#define WAIT_NS ((uint64_t)HARNESS_NEVER_NS)

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r,
                ARENA_OPTS(.budget_bytes = SEGMENTS * RIG_SEGMENT, .keep_bytes = RIG_BUDGET,
                           .wait_ns = WAIT_NS),
                NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_close(&r); /* nothing is out: a retired segment counts nowhere */
    return 0;
}

static struct hoi_shard *inside(void)
{
    return hoi_shard_get(r.shard);
}

/* The shard's next segment will be another: what is returned of this one recycles it. */
static void leave(void)
{
    hoi_shard_leave(inside());
}

/* A message of a segment of its own, in the segment that came back last. */
static ho_buf message(void)
{
    leave();
    rig_send(r.shard, r.producer, 7, 100);
    return rig_take(r.consumer);
}

static struct hoi_seg *seg_of(const ho_buf *buf)
{
    return hoi_seg_at(&hoi_domain_get(r.domain)->segs, hoi_buf_seg(buf->handle));
}

/* Lets a segment that nobody has live `more` generations yet. */
static void age(struct hoi_seg *seg, uint32_t more)
{
    CHECK(hoi_get(seg->use) == HOI_SEG_FREE);
    hoi_set(seg->gen, HOI_GEN_LAST - more);
}

static void check_stale(const ho_buf *copy)
{
    ho_buf b = *copy, out;
    CHECK_REFUSED(&r, &b, 1, ho_return(r.domain, &b, 1, NULL), HO_E_STALE);
    CHECK_REFUSED(&r, &b, 1, ho_slice(r.domain, &b, 0, 1, &out), HO_E_STALE);
    CHECK_REFUSED(&r, &b, 1, ho_forward(r.producer, &b, 1, 0, NULL), HO_E_STALE);
    CHECK_REFUSED(&r, &b, 1, ho_compact(r.shard, &b), HO_E_STALE);
}

static void check_stale_loan(const ho_buf *copy)
{
    ho_buf b = *copy, out;
    CHECK_REFUSED(&r, &b, 1, ho_commit(r.producer, &b, 1, 0, NULL), HO_E_STALE);
    CHECK_REFUSED(&r, &b, 1, ho_abort(r.shard, &b, 1, NULL), HO_E_STALE);
    CHECK_REFUSED(&r, &b, 1, ho_split(r.shard, &b, 1, &out), HO_E_STALE);
}

static void a_segment_at_its_last_generation_is_retired(void **state)
{
    (void)state;
    ho_buf copies[4], loans[4], buf;
    for (uint32_t i = 0; i < 4; i++) { /* the first generation, and the last three */
        leave();
        loans[i] = rig_loan(r.shard, 7, 100);
        buf = loans[i];
        CHECK_STATUS(ho_commit(r.producer, &buf, 1, 0, NULL), HO_OK);
        copies[i] = buf = rig_take(r.consumer);
        CHECK(seg_of(&buf) == seg_of(&copies[0]));
        CHECK(hoi_buf_gen(buf.handle) == (i == 0 ? 1 : HOI_GEN_LAST - 3 + i));
        for (uint32_t k = 0; k < i; k++) {
            check_stale(&copies[k]);
            check_stale_loan(&loans[k]);
        }
        leave();
        if (i == 3) /* the last: out until here */
            CHECK(rig_arena_stats(r.arena).segments_held == 1);
        rig_return(r.domain, &buf);
        if (i == 0)
            age(seg_of(&copies[0]), 3);
    }
    struct hoi_seg *old = seg_of(&copies[0]);
    CHECK(rig_arena_stats(r.arena).segments_held == 0);
    CHECK(rig_arena_stats(r.arena).segments_in_use == 0);
    CHECK(*copies[0].ptr == 0); /* its memory went back to the system */
    for (uint32_t i = 0; i < 3 * SEGMENTS; i++) {
        ho_buf held[SEGMENTS - 1];
        for (uint32_t k = 0; k < SEGMENTS - 1; k++) {
            held[k] = message();
            CHECK(seg_of(&held[k]) != old);
        }
        for (uint32_t k = 0; k < 4; k++) {
            check_stale(&copies[k]);
            check_stale_loan(&loans[k]);
        }
        CHECK_STATUS(ho_return(r.domain, held, SEGMENTS - 1, NULL), HO_OK);
    }
    CHECK(hoi_get(old->gen) == HOI_GEN_LAST && hoi_get(old->use) == HOI_SEG_FREE);
}

/* The one that comes to the end is the one that a shard fills, and it is idle: the budget is another's. */
static void a_shards_own_segment_is_retired_when_it_goes_on(void **state)
{
    (void)state;
    ho_buf buf = message();
    struct hoi_seg *old = seg_of(&buf);
    leave();
    rig_return(r.domain, &buf);
    age(old, 1);
    buf = message();
    CHECK(seg_of(&buf) == old && hoi_buf_gen(buf.handle) == HOI_GEN_LAST);
    rig_return(r.domain, &buf); /* the shard has it still */
    CHECK(rig_arena_stats(r.arena).segments_in_use == 1);
    buf = message();
    CHECK(seg_of(&buf) != old && rig_arena_stats(r.arena).segments_held == 1);
    rig_return(r.domain, &buf);
}

static void records_of_foreign_buffers_too(void **state)
{
    (void)state;
    static uint8_t byte;
    rig_owner owner;
    uint32_t taken;
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    ho_buf first = message(), buf, copy;
    struct hoi_seg *old = seg_of(&first);
    leave();
    rig_return(r.domain, &first);
    age(old, 1);
    for (uint32_t i = 1; i < 4; i++) {
        buf = rig_foreign(owner.owner, &byte, 1, i);
        CHECK_STATUS(ho_give(r.producer, &buf, 1, 0, NULL), HO_OK);
        CHECK_STATUS(ho_take(r.consumer, &buf, 1, &taken), HO_OK);
        CHECK((seg_of(&buf) == old) == (i == 1));
        leave();
        if (i == 1)
            copy = buf;
        else
            check_stale(&copy);
        rig_return(r.domain, &buf);
        CHECK(owner.releases == i && owner.last.token == i);
        CHECK(rig_arena_stats(r.arena).segments_held == (i == 1 ? 0 : 1));
    }
    CHECK_STATUS(ho_owner_retire(r.domain, owner.owner, 0), HO_OK);
}

/* The segment of a domain's slices belongs to no arena. */
static void slices_too(void **state)
{
    (void)state;
    struct hoi_domain *d = hoi_domain_get(r.domain);
    ho_buf buf = message(), slice, copy = {0};
    struct hoi_seg *old = NULL;
    for (uint32_t i = 0; i < 3 * d->slice_numbers; i++) {
        CHECK_STATUS(ho_slice(r.domain, &buf, 0, 1, &slice), HO_OK);
        struct hoi_seg *seg = seg_of(&slice);
        if (i == 0) {
            old = seg;
        } else if (i == d->slice_numbers) { /* opened again, for the last time */
            CHECK(seg == old && hoi_buf_gen(slice.handle) == HOI_GEN_LAST);
            copy = slice;
        } else if (i == 2 * d->slice_numbers) {
            CHECK(seg != old);
        }
        rig_return(r.domain, &slice);
        if (i == d->slice_numbers - 1)
            age(old, 1);
        if (copy.handle)
            CHECK_STATUS(ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
    }
    CHECK(hoi_get(old->gen) == HOI_GEN_LAST);
    check_stale(&copy);
    rig_return(r.domain, &buf);
}

static void return_later(void *arg)
{
    harness_sleep_ns(50000000);
    rig_return(r.domain, arg);
}

/* Whoever waits for memory gets another segment: the retired one is off the budget. */
static void whoever_waits_for_memory_is_woken(void **state)
{
    (void)state;
    harness_thread returner;
    ho_buf held[SEGMENTS];
    for (uint32_t i = 0; i < SEGMENTS; i++)
        held[i] = message();
    struct hoi_seg *old = seg_of(&held[0]);
    rig_return(r.domain, &held[0]);
    age(old, 1);
    held[0] = message();
    CHECK(seg_of(&held[0]) == old);
    harness_start(&returner, return_later, &held[0]);
    uint64_t began_ns = harness_now_ns();
    ho_buf loan = rig_loan(r.shard, 1, RIG_SEGMENT), copy = loan;
    CHECK(harness_now_ns() - began_ns < WAIT_NS); /* not by itself, when its time was over */
    CHECK(seg_of(&loan) != old);
    harness_join(&returner);
    CHECK(rig_arena_stats(r.arena).segments_held == SEGMENTS);
    CHECK_STATUS(ho_abort(r.shard, &loan, 1, NULL), HO_OK);
    check_stale_loan(&copy);
    CHECK_STATUS(ho_return(r.domain, held + 1, SEGMENTS - 1, NULL), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_segment_at_its_last_generation_is_retired),
    WITH_RIG(a_shards_own_segment_is_retired_when_it_goes_on),
    WITH_RIG(records_of_foreign_buffers_too),
    WITH_RIG(slices_too),
    WITH_RIG(whoever_waits_for_memory_is_woken),
};

HO_TEST_MAIN(tests)
