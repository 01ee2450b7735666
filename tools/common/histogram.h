/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram of 64-bit values: values below 128 exactly, above that 64 buckets per
 * power of two, so a value is off by at most 1/64. Plain data without pointers: it may live in
 * shared memory, and merging adds buckets.
 */
#ifndef HANDOFF_TOOLS_HISTOGRAM_H
#define HANDOFF_TOOLS_HISTOGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HISTOGRAM_BUCKETS 3776 /* 64 below 64, then 64 for each of 58 powers of two */

struct histogram {
    uint64_t count;
    uint64_t max; /* exact */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Empty is all zero. One thread at a time per histogram; wait-free. */
void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

/*
 * The smallest bucket edge that `fraction` (0 to 1) of the values do not exceed: at most 1/64 above
 * the exact value, never above max. 0 if empty.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double fraction);

#ifdef __cplusplus
}
#endif
#endif
