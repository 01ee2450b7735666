/* SPDX-License-Identifier: MIT */
/*
 * Memory that objects of all types hold, by the resident anonymous memory of the process: bookkeeping of every kind is in it, what the
 * program itself keeps of its objects is touched before.
 *   fragmentation MIB   so much is live, each object was replaced once, in random order: resident beyond live, of live
 *   burst MIB           so much is live; 5.5 times as much comes and goes, then unused memory is given back: resident of before.
 *                       `survivors`: of the burst on 6 MiB a random hundredth stays; bytes more than before for each of it
 *   trim                unused memory of 33 MiB given back: ns a MiB, longest single step
 */
#define _GNU_SOURCE
#include "pools/pools.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BURST 5.5
#define SURVIVES 100u
#define OBJECTS 800000u
#define TRIM_MIB 33u
#define BUDGET(objects) ((uint64_t)((objects)*mean_bytes * 1.5)) /* room for half as much again */

static way_obj objects[OBJECTS];
static uint64_t longest; /* that was given back at once */

/* In the place of libc's: everybody's calls are seen. */
__attribute__((visibility("default"))) int madvise(void *from, size_t bytes, int advice)
{
    if (advice == MADV_DONTNEED && bytes > longest)
        longest = bytes;
    return (int)syscall(SYS_madvise, from, bytes, advice);
}

/* Huge pages would count what nobody uses; without them all are counted by the page. */
static void begin_counting(void)
{
    pin(0);
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* refused by kernels that have none */
    memset(objects, 1, sizeof objects);
    memset(objects, 0, sizeof objects);
}

static void acquire(uint32_t i)
{
    way_get(&objects[i], i % TYPES);
    memset(objects[i].ptr, 1, sizes[i % TYPES]);
}

static uint32_t count_of(double mib)
{
    const uint32_t count = (uint32_t)(mib * (1 << 20) / mean_bytes) / TYPES * TYPES;

    must(count <= OBJECTS, "too many objects");
    return count;
}

static void release_all(uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++)
        if (objects[i].ptr)
            way_put(&objects[i], i % TYPES);
}

void fragmentation(struct json *json, const char *mib, uint32_t times)
{
    const uint32_t count = count_of(atof(mib));
    uint64_t state = 5;

    (void)times;
    begin_counting();
    const uint64_t before = anonymous_bytes();
    way_open(0, BUDGET(count));
    for (uint32_t i = 0; i < count; i++)
        acquire(i);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t other = (uint32_t)(next_random(&state) % count);
        way_put(&objects[other], other % TYPES);
        acquire(other);
    }
    const double held = (double)(anonymous_bytes() - before), live = count * mean_bytes;
    release_all(0, count);
    way_close();
    json_real(json, "held_bytes", held);
    json_real(json, "live_bytes", live);
    json_real(json, "fragmentation", held / live - 1);
}

void burst(struct json *json, const char *mib, uint32_t times)
{
    const int surviving = strcmp(mib, "survivors") == 0;
    const uint32_t base = count_of(surviving ? 6 : atof(mib));
    const uint32_t end = base + (uint32_t)(base * BURST);
    uint32_t survivors = 0;
    uint64_t state = 11;

    (void)times;
    begin_counting();
    const uint64_t empty = anonymous_bytes();
    way_open(0, BUDGET(end));
    for (uint32_t i = 0; i < base; i++)
        acquire(i);
    const double before = (double)(anonymous_bytes() - empty);
    for (uint32_t i = base; i < end; i++)
        acquire(i);
    const double most = (double)(anonymous_bytes() - empty);
    for (uint32_t i = base; i < end; i++)
        if (!surviving || next_random(&state) % SURVIVES)
            way_put(&objects[i], i % TYPES);
        else
            survivors++;
    way_trim();
    const double after = (double)(anonymous_bytes() - empty);
    release_all(0, end);
    way_close();
    json_real(json, "before_bytes", before);
    json_real(json, "most_bytes", most);
    json_real(json, "after_bytes", after);
    json_real(json, "of_before", after / before);
    if (survivors)
        json_real(json, "survivor_bytes", (after - before) / survivors);
}

void trim(struct json *json, const char *name, uint32_t times)
{
    const uint32_t count = count_of(TRIM_MIB);

    (void)name, (void)times;
    begin_counting();
    way_open((uint64_t)1 << 30, BUDGET(count)); /* nothing goes back before */
    for (uint32_t i = 0; i < count; i++)
        acquire(i);
    release_all(0, count);
    const double before = (double)anonymous_bytes();
    longest = 0;
    const uint64_t from = tool_now_ns();
    way_trim();
    const uint64_t end = tool_now_ns();
    const double mib = (before - (double)anonymous_bytes()) / (1 << 20);
    must(mib > TRIM_MIB / 2, "memory did not go back");
    way_close();
    json_real(json, "ns_each_mib", (double)(end - from) / mib);
    json_count(json, "longest_bytes", longest);
}
