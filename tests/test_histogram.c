/* SPDX-License-Identifier: MIT */
/* The histogram against exact percentiles of the same values. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "common/histogram.h"

#define VALUES 20000

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* The exact one: the smallest value that at least `fraction` of all do not exceed. */
static uint64_t exact(const uint64_t *sorted, size_t count, double fraction)
{
    size_t rank = (size_t)(fraction * (double)count);

    if ((double)rank < fraction * (double)count || rank == 0)
        rank++;
    return sorted[rank - 1];
}

static void compare(const struct histogram *histogram, uint64_t *values, size_t count)
{
    static const double fractions[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};

    qsort(values, count, sizeof *values, by_value);
    for (size_t i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
        uint64_t wanted = exact(values, count, fractions[i]);
        uint64_t got = histogram_percentile(histogram, fractions[i]);
        CHECK(got >= wanted);
        CHECK(got - wanted <= wanted / 64);
    }
    CHECK(histogram_percentile(histogram, 1) == values[count - 1]);
    CHECK(histogram->max == values[count - 1]);
    CHECK(histogram->count == count);
}

/* Values of all magnitudes below 2^bits. */
static void fill(struct histogram *histogram, uint64_t *values, size_t count, unsigned bits)
{
    for (size_t i = 0; i < count; i++) {
        unsigned magnitude = 1 + (unsigned)(next_random() % bits);
        values[i] = next_random() >> (64 - magnitude);
        histogram_add(histogram, values[i]);
    }
}

static void percentiles_are_within_a_64th_of_the_exact_ones(void **state)
{
    static uint64_t values[VALUES];

    (void)state;
    for (unsigned bits = 1; bits <= 64; bits++) {
        struct histogram histogram = {0};
        fill(&histogram, values, VALUES, bits);
        compare(&histogram, values, VALUES);
    }
}

static void small_values_are_exact(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    for (uint64_t value = 0; value < 128; value++)
        histogram_add(&histogram, value);
    for (uint64_t value = 0; value < 128; value++)
        CHECK(histogram_percentile(&histogram, (double)(value + 1) / 128) == value);
}

static void every_edge_of_a_bucket_is_held(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        for (uint64_t off = 0; off < 3; off++) {
            uint64_t value = (UINT64_C(1) << shift) + off - 1;
            struct histogram histogram = {0};
            histogram_add(&histogram, value);
            histogram_add(&histogram, UINT64_MAX);
            uint64_t got = histogram_percentile(&histogram, 0.5);
            CHECK(got >= value && got - value <= value / 64);
        }
    }
}

static void merging_is_the_same_as_adding_to_one(void **state)
{
    static uint64_t values[2 * VALUES];
    struct histogram left = {0};
    struct histogram right = {0};

    (void)state;
    fill(&left, values, VALUES, 30);
    fill(&right, values + VALUES, VALUES, 36);
    histogram_merge(&left, &right);
    compare(&left, values, 2 * VALUES);
}

static void an_empty_one_says_zero(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    CHECK(histogram_percentile(&histogram, 0.5) == 0);
    CHECK(histogram_percentile(&histogram, 1) == 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(percentiles_are_within_a_64th_of_the_exact_ones),
    cmocka_unit_test(small_values_are_exact),
    cmocka_unit_test(every_edge_of_a_bucket_is_held),
    cmocka_unit_test(merging_is_the_same_as_adding_to_one),
    cmocka_unit_test(an_empty_one_says_zero),
};

HO_TEST_MAIN(tests)
