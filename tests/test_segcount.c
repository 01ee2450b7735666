/* SPDX-License-Identifier: MIT */
/* The segment count in isolation: which returns are legal, and who recycles. */
#include <string.h>

#include "harness.h"

#include "src/os.h"
#include "src/segcount.inl"

#define GEN 5u
#define WORDS 4u

static A_TYPE(uint64_t) words[WORDS];
static A_TYPE(uint64_t) count;

/* As a segment begins: words of older generations, all returned. */
static int open_segment(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < WORDS; i++)
        hoi_set(words[i], hoi_word_pack(GEN - 1, 0));
    hoi_set(count, HOI_COUNT_BIAS);
    return 0;
}

/* Opens as many words as the numbers 0 to issued - 1 need. */
static void issue(uint32_t issued)
{
    for (uint32_t i = 0; i * HOI_WORD_BITS < issued; i++)
        hoi_word_open(&words[i], GEN);
}

/* Whether the return is legal; adds to *recycled if the caller has to recycle. */
static int give_back(uint32_t word, uint32_t mask, unsigned *recycled)
{
    enum hoi_returned done = hoi_word_return(&words[word], hoi_word_pack(GEN, 0), mask);
    if (done == HOI_RETURNED_LAST)
        *recycled += (unsigned)hoi_count_drop(&count, 1);
    return done != HOI_RETURN_STALE;
}

static void a_return_is_legal_once(void **state)
{
    (void)state;
    issue(2);
    CHECK(hoi_word_return(&words[0], hoi_word_pack(GEN, 0), 1) == HOI_RETURNED);
    uint64_t before = hoi_get(words[0]);
    CHECK(hoi_word_return(&words[0], hoi_word_pack(GEN, 0), 1) == HOI_RETURN_STALE);
    CHECK(hoi_get(words[0]) == before);
}

static void another_generation_is_refused(void **state)
{
    (void)state;
    issue(2);
    uint64_t before = hoi_get(words[0]);
    CHECK(hoi_word_return(&words[0], hoi_word_pack(GEN - 1, 0), 1) == HOI_RETURN_STALE);
    CHECK(hoi_word_return(&words[0], hoi_word_pack(GEN + 1, 0), 1) == HOI_RETURN_STALE);
    CHECK(hoi_word_return(&words[1], hoi_word_pack(GEN, 0), 1) ==
          HOI_RETURN_STALE); /* not opened */
    CHECK(hoi_get(words[0]) == before);
}

static void a_batch_with_a_stale_number_changes_nothing(void **state)
{
    (void)state;
    issue(32);
    CHECK(hoi_word_return(&words[0], hoi_word_pack(GEN, 0), 0x10) == HOI_RETURNED);
    uint64_t before = hoi_get(words[0]);
    CHECK(hoi_word_return(&words[0], hoi_word_pack(GEN, 0), 0x31) == HOI_RETURN_STALE);
    CHECK(hoi_get(words[0]) == before);
    CHECK(hoi_word_return(&words[0], hoi_word_pack(GEN, 0), ~0x10u) == HOI_RETURNED_LAST);
}

static void the_last_return_after_sealing_recycles(void **state)
{
    (void)state;
    unsigned recycled = 0;
    issue(34);
    CHECK(give_back(0, 0xffffffff, &recycled));
    CHECK(!hoi_seg_seal_count(words, &count, GEN, 34));
    CHECK(give_back(1, 2, &recycled));
    CHECK(recycled == 0);
    CHECK(give_back(1, 1, &recycled));
    CHECK(recycled == 1);
}

static void numbers_that_were_not_issued_are_stale_after_sealing(void **state)
{
    (void)state;
    unsigned recycled = 0;
    issue(34);
    CHECK(!hoi_seg_seal_count(words, &count, GEN, 34));
    CHECK(!give_back(1, 4, &recycled));
    CHECK(recycled == 0);
}

static void sealing_recycles_when_all_is_back(void **state)
{
    (void)state;
    const uint32_t issued[] = {0, 1, 31, 32, 33, 64, 128};
    for (size_t i = 0; i < sizeof issued / sizeof *issued; i++) {
        unsigned recycled = 0;
        (void)open_segment(NULL);
        issue(issued[i]);
        for (uint32_t n = 0; n < issued[i]; n++)
            CHECK(give_back(n / 32, (uint32_t)1 << n % 32, &recycled));
        CHECK(recycled == 0);
        CHECK(hoi_seg_seal_count(words, &count, GEN, issued[i]));
    }
}

static void a_hold_outlives_the_numbers(void **state)
{
    (void)state;
    unsigned recycled = 0;
    issue(1);
    hoi_count_hold(&count, HOI_COUNT_HOLD);
    CHECK(!hoi_seg_seal_count(words, &count, GEN, 1));
    CHECK(give_back(0, 1, &recycled));
    CHECK(recycled == 0);
    CHECK(hoi_count_try_hold(&count, HOI_COUNT_HOLD));
    CHECK(!hoi_count_drop(&count, HOI_COUNT_HOLD));
    CHECK(hoi_count_drop(&count, HOI_COUNT_HOLD));
    CHECK(!hoi_count_try_hold(&count, HOI_COUNT_HOLD));
    CHECK(hoi_get(count) == 0);
}

/* Into a word in use, an emptied one, and one that this generation has not opened. */
static void a_number_issued_late_has_to_come_back(void **state)
{
    (void)state;
    unsigned recycled = 0;
    issue(1);
    hoi_count_hold(&count, HOI_COUNT_HOLD);
    CHECK(!hoi_seg_seal_count(words, &count, GEN, 1));
    hoi_seg_issue_late(words, &count, GEN, 1);
    CHECK(give_back(0, 3, &recycled));
    hoi_seg_issue_late(words, &count, GEN, 2);
    hoi_seg_issue_late(words, &count, GEN, 32);
    CHECK(!hoi_count_drop(&count, HOI_COUNT_HOLD));
    CHECK(give_back(0, 4, &recycled));
    CHECK(recycled == 0);
    CHECK(give_back(1, 1, &recycled));
    CHECK(recycled == 1);
}

#define ROUNDS 3000u

/* Two threads return every number, both of them: each number is legal once, one recycles. */
struct returner {
    harness_barrier *barrier;
    uint32_t from;
    unsigned legal;
    unsigned recycled;
};

static void return_all_numbers(void *arg)
{
    struct returner *r = arg;
    for (unsigned round = 0; round < ROUNDS; round++) {
        harness_barrier_wait(r->barrier);
        for (uint32_t i = 0; i < WORDS * 32; i++) {
            uint32_t n = r->from ? WORDS * 32 - 1 - i : i;
            r->legal += (unsigned)give_back(n / 32, (uint32_t)1 << n % 32, &r->recycled);
        }
        harness_barrier_wait(r->barrier);
    }
}

static void of_two_racing_returns_one_is_legal_and_one_thread_recycles(void **state)
{
    (void)state;
    harness_barrier barrier;
    harness_barrier_init(&barrier, 3);
    struct returner returners[2] = {{.barrier = &barrier}, {.barrier = &barrier, .from = 1}};
    harness_thread threads[2];
    unsigned sealed_last = 0;
    for (int i = 0; i < 2; i++)
        harness_start(&threads[i], return_all_numbers, &returners[i]);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        (void)open_segment(NULL);
        issue(WORDS * 32);
        harness_barrier_wait(&barrier);
        sealed_last += (unsigned)hoi_seg_seal_count(words, &count, GEN, WORDS * 32);
        harness_barrier_wait(&barrier);
        CHECK(hoi_get(count) == 0);
    }
    for (int i = 0; i < 2; i++)
        harness_join(&threads[i]);
    harness_barrier_destroy(&barrier);
    CHECK(returners[0].legal + returners[1].legal == ROUNDS * WORDS * 32);
    CHECK(returners[0].recycled + returners[1].recycled + sealed_last == ROUNDS);
}

#define ON_A_SEGMENT(test) cmocka_unit_test_setup(test, open_segment)

static const struct CMUnitTest tests[] = {
    ON_A_SEGMENT(a_return_is_legal_once),
    ON_A_SEGMENT(another_generation_is_refused),
    ON_A_SEGMENT(a_batch_with_a_stale_number_changes_nothing),
    ON_A_SEGMENT(the_last_return_after_sealing_recycles),
    ON_A_SEGMENT(numbers_that_were_not_issued_are_stale_after_sealing),
    ON_A_SEGMENT(sealing_recycles_when_all_is_back),
    ON_A_SEGMENT(a_hold_outlives_the_numbers),
    ON_A_SEGMENT(a_number_issued_late_has_to_come_back),
    ON_A_SEGMENT(of_two_racing_returns_one_is_legal_and_one_thread_recycles),
};

HO_TEST_MAIN(tests)
