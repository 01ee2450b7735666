/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#include <stddef.h>

#define SUB_BITS 6
#define SUBS (1u << SUB_BITS)

static size_t bucket_of(uint64_t value)
{
    if (value < 2 * SUBS)
        return (size_t)value;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(value);
    unsigned shift = exponent - SUB_BITS;
    return (size_t)shift * SUBS + (size_t)(value >> shift);
}

static uint64_t upper_edge(size_t bucket)
{
    if (bucket < 2 * SUBS)
        return bucket;
    size_t shift = bucket / SUBS - 1;
    uint64_t first = (uint64_t)(bucket - shift * SUBS) << shift;
    return first + ((UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->buckets[bucket_of(value)]++;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    if (from->max > into->max)
        into->max = from->max;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *histogram, double fraction)
{
    double wanted = fraction * (double)histogram->count;
    uint64_t rank = (uint64_t)wanted;
    uint64_t sum = 0;

    if ((double)rank < wanted || rank == 0)
        rank++; /* the smallest count that reaches the fraction, and at least one value */
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum += histogram->buckets[i];
        if (sum >= rank) {
            uint64_t edge = upper_edge(i);
            return edge < histogram->max ? edge : histogram->max;
        }
    }
    return histogram->max;
}
