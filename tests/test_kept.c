/* SPDX-License-Identifier: MIT */
/* Copies made by ho_compact: they take only as much memory as they need, and the numbers of their
 * records are reused. */
#include "rig.h"

#include <sched.h>

#define BUDGET (64 * RIG_SEGMENT)
#define LANE 4096u

static rig r;
static rig_owner owner;

static int open_rig(void **state)
{
    (void)state;
    rig_open_in(&r, ARENA_OPTS(.budget_bytes = BUDGET), SERVICE_OPTS(.lane_slots = LANE));
    rig_owner_register(r.domain, HO_RELEASE_INLINE, &owner);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_drain(&r);
    rig_check_quiet(&r);
    CHECK(rig_arena_stats(r.arena).allocs_out == 0);
    rig_close(&r);
    return 0;
}

/* A message that was sent, taken and compacted. */
static ho_buf compacted(uint64_t key, uint64_t len)
{
    rig_send(r.shard, r.producer, key, len);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_compact(r.shard, &buf), HO_OK);
    CHECK(buf.kind == HO_KIND_FOREIGN && buf.len == len && buf.cap == len && buf.key == key);
    CHECK((uintptr_t)buf.ptr % 16 == 0 && 1u << buf.align_log2 == 16);
    return buf;
}

/* One frame of a hundred is kept, for good: 64 bytes each, a record each, and no segments. */
static void a_kept_frame_pins_its_bytes(void **state)
{
    (void)state;
    enum { FRAMES = 60000, EACH = 100, KEPT = FRAMES / EACH };
    static ho_buf kept[KEPT];
    for (uint64_t i = 0; i < FRAMES; i++)
        if (i % EACH == 0) {
            kept[i / EACH] = compacted(i, 64);
        } else {
            rig_send(r.shard, r.producer, i, 64);
            ho_buf buf = rig_take(r.consumer);
            rig_return(r.domain, &buf);
        }
    ho_arena_stats stats = rig_arena_stats(r.arena);
    CHECK(stats.alloc_bytes_live == KEPT * 64 && stats.foreign_out == KEPT);
    CHECK(stats.alloc_bytes_held <= KEPT * 68 + 3 * 4096);
    CHECK(stats.segments_in_use <= 2); /* one that is filled, one of records */
    for (uint32_t i = 0; i < KEPT; i++) {
        rig_check_pattern(&kept[i]);
        rig_return(r.domain, &kept[i]);
    }
}

/* Some stay for very long, most go soon: the numbers of these come again. */
static void records_come_again(void **state)
{
    (void)state;
    enum { COPIES = 200000, SHORT = 100, LONG = 64 };
    static ho_buf soon[SHORT], late[LONG];
    uint64_t most = 0;
    for (uint32_t i = 0; i < COPIES; i++) {
        int stays = i % (COPIES / LONG) == 0;
        ho_buf *at = stays ? &late[i / (COPIES / LONG)] : &soon[i % SHORT];
        if (at->ptr)
            rig_return(r.domain, at);
        *at = compacted(i, 1 + i % 300);
        if (i % 1000 == 0) {
            uint64_t used = rig_arena_stats(r.arena).segments_in_use;
            most = used > most ? used : most;
        }
    }
    CHECK(most <= 1 + 1 + (LONG + SHORT / 32 + 8) / (RIG_SEGMENT / 40 / 32));
    for (uint32_t i = 0; i < LONG; i++) {
        rig_check_pattern(&late[i]);
        rig_return(r.domain, &late[i]);
    }
    for (uint32_t i = 0; i < SHORT; i++)
        rig_return(r.domain, &soon[i]);
}

/* After numbers of theirs came again, too. */
static void they_are_as_good_as_any_buffer(void **state)
{
    (void)state;
    enum { N = 100 };
    ho_buf held[N], slices[N];
    for (int round = 0; round < 200; round++) {
        uint32_t n = 1 + (uint32_t)round * 7 % N;
        for (uint32_t i = 0; i < n; i++)
            held[i] = compacted(i, 200);
        for (uint32_t i = 0; i < n; i++)
            CHECK_STATUS(ho_slice(r.domain, &held[i], 0, 100, &slices[i]), HO_OK);
        for (uint32_t i = 0; i < n; i++)
            CHECK_STATUS(ho_compact(r.shard, &held[i]), HO_OK);
        CHECK_STATUS(ho_forward(r.producer, held, n, 0, NULL), HO_OK);
        for (uint32_t i = 0; i < n; i++) {
            held[i] = rig_take(r.consumer);
            CHECK(held[i].key == i && held[i].hops == 1);
            rig_check_pattern(&held[i]);
            rig_check_pattern(&slices[i]);
        }
        ho_arena_stats stats = rig_arena_stats(r.arena);
        CHECK(stats.foreign_out == 2 * n && stats.allocs_out == 2 * n);
        CHECK_STATUS(ho_return(r.domain, slices, n, NULL), HO_OK);
        CHECK_STATUS(ho_return(r.domain, held, n, NULL), HO_OK);
        CHECK(rig_arena_stats(r.arena).allocs_out == 0);
    }
    CHECK(rig_arena_stats(r.arena).segments_in_use <= 3);
}

static void copies_of_descriptors_go_stale(void **state)
{
    (void)state;
    enum { N = 2000 };
    static ho_buf old[N], held[N];
    for (int round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < N; i++) {
            held[i] = compacted(i, 32);
            if (!round)
                continue;
            ho_buf slice; /* of an earlier use of some number, maybe this one's */
            CHECK_REFUSED(&r, &old[i], 1, ho_return(r.domain, &old[i], 1, NULL), HO_E_STALE);
            CHECK_STATUS(ho_slice(r.domain, &old[i], 0, 1, &slice), HO_E_STALE);
            CHECK_STATUS(ho_forward(r.producer, &old[i], 1, 0, NULL), HO_E_STALE);
            CHECK_STATUS(ho_compact(r.shard, &old[i]), HO_E_STALE);
        }
        memcpy(old, held, sizeof old);
        CHECK_STATUS(ho_return(r.domain, held, N, NULL), HO_OK);
    }
}

static void segments_of_records_come_and_go(void **state)
{
    (void)state;
    enum { N = 12000 };
    static ho_buf held[N];
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < N; i++)
            held[i] = compacted(i, 16);
        uint64_t used = rig_arena_stats(r.arena).segments_in_use;
        CHECK(used >= N / (RIG_SEGMENT / 40) && used <= N / (RIG_SEGMENT / 40) + 3);
        for (uint32_t i = 0; i < N; i++)
            if (i % 4000 || round == 2)
                rig_return(r.domain, &held[i]);
        for (uint32_t i = 0; i < 2000; i++) { /* what is idle goes at such occasions */
            ho_buf buf = compacted(i, 16);
            rig_return(r.domain, &buf);
        }
        CHECK(rig_arena_stats(r.arena).segments_in_use <= (round == 2 ? 3 : 6));
        for (uint32_t i = 0; i < N && round < 2; i += 4000)
            rig_return(r.domain, &held[i]);
    }
}

/* A shard that closes seals its segments of records: the last return recycles them. */
static void they_outlive_their_shard(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = 16 * RIG_SEGMENT));
    for (uint32_t count = 1; count < 70; count += 17) { /* words that are open, or just full */
        ho_shard *shard = rig_shard(arena);
        ho_buf held[70];
        for (uint32_t i = 0; i < count; i++) {
            rig_send(r.shard, r.producer, i, 100);
            held[i] = rig_take(r.consumer);
            CHECK_STATUS(ho_compact(shard, &held[i]), HO_OK);
        }
        CHECK_STATUS(ho_shard_close(shard), HO_OK);
        CHECK(rig_arena_stats(arena).segments_in_use == 1);
        for (uint32_t i = 0; i < count; i++) {
            rig_check_pattern(&held[i]);
            rig_return(r.domain, &held[i]);
        }
        CHECK(rig_arena_stats(arena).segments_in_use == 0);
    }
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

/* "In an arena of fewer than eight segments": what it always was. */
static void small_arenas_copy_into_segments(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = 7 * RIG_SEGMENT));
    ho_shard *shard = rig_shard(arena);
    rig_send(r.shard, r.producer, 1, 100);
    ho_buf buf = rig_take(r.consumer);
    CHECK_STATUS(ho_compact(shard, &buf), HO_OK);
    CHECK(buf.kind == HO_KIND_ARENA && rig_arena_stats(arena).allocs_out == 0);
    rig_check_pattern(&buf);
    rig_return(r.domain, &buf);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

/* Copies until nothing is left anywhere; gives how many. */
static uint32_t copy_until_full(ho_shard *shard, ho_buf *held, uint32_t most, uint64_t len)
{
    for (uint32_t i = 0; i < most; i++) {
        rig_send(r.shard, r.producer, i, len);
        held[i] = rig_take(r.consumer);
        int32_t status = ho_compact(shard, &held[i]);
        if (status) {
            CHECK_STATUS(status, HO_FULL);
            rig_return(r.domain, &held[i]);
            return i;
        }
    }
    return most;
}

static void the_budget_holds_and_what_was_freed_makes_way(void **state)
{
    (void)state;
    enum { MOST = 20000 };
    static ho_buf held[MOST];
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = 8 * RIG_SEGMENT));
    ho_shard *shard = rig_shard(arena);
    static const uint64_t lens[] = {64, 5000, 300, RIG_SEGMENT / 2, RIG_SEGMENT, 64};
    for (size_t k = 0; k < sizeof lens / sizeof *lens; k++) {
        uint32_t n = copy_until_full(shard, held, MOST, lens[k]);
        CHECK(n < MOST && n * (lens[k] + 64) >= 5 * RIG_SEGMENT);
        ho_arena_stats stats = rig_arena_stats(arena);
        CHECK(stats.segments_held <= 8 && stats.full == k + 1);
        for (uint32_t i = 0; i < n; i++) {
            rig_check_pattern(&held[i]);
            rig_return(r.domain, &held[i]);
        }
    }
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

static ho_buf waited_for[8192];
static uint32_t waited_count;

static void return_all(void *arg)
{
    (void)arg;
    harness_sleep_ns(10000000);
    for (uint32_t i = 0; i < waited_count; i++)
        rig_return(r.domain, &waited_for[i]);
}

/* A reservation that waits for memory gets that of copies. Their records are another shard's, which holds on to them. */
static void whoever_waits_is_woken_by_their_return(void **state)
{
    (void)state;
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = 8 * RIG_SEGMENT,
                                                     .wait_ns = (uint64_t)HARNESS_NEVER_NS));
    ho_shard *shard = rig_shard(arena);
    for (int round = 0; round < 5; round++) {
        harness_thread other;
        ho_buf loan;
        ho_shard *waits = rig_shard(arena);
        for (waited_count = 0; /* all but a segment of records */
             rig_arena_stats(arena).alloc_bytes_held < 7 * RIG_SEGMENT - 8192; waited_count++) {
            rig_send(r.shard, r.producer, waited_count, 2000);
            waited_for[waited_count] = rig_take(r.consumer);
            CHECK_STATUS(ho_compact(shard, &waited_for[waited_count]), HO_OK);
        }
        harness_start(&other, return_all, NULL);
        CHECK_STATUS(ho_reserve(waits, RIG_SEGMENT, NULL, &loan), HO_OK);
        harness_join(&other);
        CHECK_STATUS(ho_abort(waits, &loan, 1, NULL), HO_OK);
        CHECK_STATUS(ho_shard_close(waits), HO_OK);
        CHECK_STATUS(ho_arena_trim(arena, 0, NULL), HO_OK);
    }
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

/* One thread compacts, two return, slice and try copies of descriptors, while numbers come again. */
#define MAIL 64u
#define PASSED (HARNESS_SANITIZED ? 40000u : 200000u)
static struct {
    ho_buf bufs[MAIL];
    _Atomic(uint32_t) full[MAIL];
    _Atomic(uint32_t) next;
} mail;

static void return_mail(void *arg)
{
    uint64_t seed = (uintptr_t)arg;
    for (uint32_t i; (i = mail.next++) < PASSED;) {
        while (mail.full[i % MAIL] != i + 1)
            sched_yield();
        ho_buf buf = mail.bufs[i % MAIL], copy = buf, slice;
        mail.full[i % MAIL] = 0;
        CHECK(buf.key == i);
        rig_check_pattern(&buf);
        if (rig_random(&seed) % 8 == 0) {
            CHECK_STATUS(ho_slice(r.domain, &buf, 0, 1, &slice), HO_OK);
            rig_return(r.domain, &buf);
            CHECK(slice.ptr[0] == (uint8_t)(i * 31 + 1));
            rig_return(r.domain, &slice);
        } else {
            rig_return(r.domain, &buf);
        }
        CHECK_STATUS(ho_return(r.domain, &copy, 1, NULL), HO_E_STALE);
    }
}

static void others_return_while_numbers_come_again(void **state)
{
    (void)state;
    harness_thread threads[2];
    mail.next = 0;
    for (uintptr_t t = 0; t < 2; t++)
        harness_start(&threads[t], return_mail, (void *)(t + 1));
    for (uint32_t i = 0; i < PASSED; i++) {
        ho_buf buf = compacted(i, 1 + i % 200);
        while (mail.full[i % MAIL])
            sched_yield();
        mail.bufs[i % MAIL] = buf;
        mail.full[i % MAIL] = i + 1;
    }
    for (uint32_t t = 0; t < 2; t++)
        harness_join(&threads[t]);
    CHECK(rig_arena_stats(r.arena).segments_in_use <= 4);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(a_kept_frame_pins_its_bytes),
    WITH_RIG(records_come_again),
    WITH_RIG(they_are_as_good_as_any_buffer),
    WITH_RIG(copies_of_descriptors_go_stale),
    WITH_RIG(segments_of_records_come_and_go),
    WITH_RIG(they_outlive_their_shard),
    WITH_RIG(small_arenas_copy_into_segments),
    WITH_RIG(the_budget_holds_and_what_was_freed_makes_way),
    WITH_RIG(whoever_waits_is_woken_by_their_return),
    WITH_RIG(others_return_while_numbers_come_again),
};

HO_TEST_MAIN(tests)
