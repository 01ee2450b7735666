/* SPDX-License-Identifier: MIT */
/*
 * Objects of 64 bytes on their own way.
 *   pair, lifo, fifo, random  one thread: an object at a time, 16 on a stack, 1,000 in a queue, 16,384 at random; ns a pair
 *   cross fifo, random        acquired by one thread and released by another, in the same order, or each in the place of
 *                             one of 4,096 before it; pairs a second
 * Mixed: objects of 16 to 4,096 bytes, small ones most, in the same two ways.
 *   one thread                16,384, each in the place of a random one; ns a pair
 *   cross                     as cross random; pairs a second
 */
#define _GNU_SOURCE
#include "pools/pools.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define OPERATIONS 200000u /* for each of `times` */
#define LIVE 16384u
#define RING 4096u
#define CHUNK 64u /* objects that are handed over at once: what is measured is not the ring */

static way_obj objects[LIVE];
static uint16_t drawn[LIVE]; /* sizes, mixed: their logarithms are even */

static void draw(void)
{
    uint64_t state = 17;

    for (uint32_t i = 0; i < LIVE; i++) {
        const uint32_t least = 16u << next_random(&state) % 8;
        drawn[i] = (uint16_t)(least + next_random(&state) % least);
    }
}

/* Of 64 bytes, or mixed. */
static inline void get(way_obj *object, uint32_t number, int is_mixed)
{
#if WAY_SIZES
    if (is_mixed) {
        way_alloc(object, drawn[number % LIVE]);
        begin(object);
        return;
    }
#else
    (void)number, (void)is_mixed;
#endif
    way_get(object, TYPE_64);
    begin(object);
}

static void queue(uint32_t live, int stack, uint32_t operations)
{
    for (uint32_t done = 0; done < operations; done += live) {
        for (uint32_t i = 0; i < live; i++)
            get(&objects[i], 0, 0);
        for (uint32_t i = 0; i < live; i++)
            way_put(&objects[stack ? live - 1 - i : i], TYPE_64);
    }
}

static void at_random(uint32_t operations, uint64_t *state, int is_mixed)
{
    for (uint32_t done = 0; done < operations; done++) {
        way_obj *object = &objects[next_random(state) % LIVE];
        way_put(object, TYPE_64);
        get(object, done, is_mixed);
    }
}

static void play(const char *order, uint32_t operations, uint64_t *state)
{
    if (strcmp(order, "random") == 0 || strcmp(order, "mixed") == 0)
        at_random(operations, state, strcmp(order, "mixed") == 0);
    else if (strcmp(order, "pair") == 0)
        queue(1, 1, operations);
    else if (strcmp(order, "lifo") == 0)
        queue(16, 1, operations);
    else
        queue(1000, 0, operations);
}

void one_thread(struct json *json, const char *order, uint32_t times)
{
    const int is_mixed = strcmp(order, "mixed") == 0;
    const int random = is_mixed || strcmp(order, "random") == 0;
    uint64_t state = 7;

    pin(0);
    way_open(KEEP_BYTES, BUDGET_BYTES);
    draw();
    for (uint32_t i = 0; random && i < LIVE; i++)
        get(&objects[i], i, is_mixed);
    play(order, OPERATIONS, &state);
    const uint64_t from = tool_now_ns();
    play(order, times * OPERATIONS, &state);
    const uint64_t end = tool_now_ns();
    for (uint32_t i = 0; random && i < LIVE; i++)
        way_put(&objects[i], TYPE_64);
    way_close();
    json_real(json, "ns", (double)(end - from) / (times * OPERATIONS));
}

static struct {
    way_obj objects[RING];
    _Alignas(128) atomic_uint produced;
    _Alignas(128) atomic_uint consumed;
    uint32_t operations;
    int shuffled;
} ring;

static void wait_for(atomic_uint *cursor, uint32_t passed)
{
    while ((int32_t)(atomic_load_explicit(cursor, memory_order_acquire) - passed) < 0)
        sched_yield();
}

static void *release_all(void *unused)
{
    static way_obj held[RING];
    uint64_t state = 3;

    (void)unused;
    pin(1);
    for (uint32_t i = 0; i < ring.operations; i++) {
        if (i % CHUNK == 0)
            wait_for(&ring.produced, i + CHUNK);
        way_obj *place = &ring.objects[i % RING], object = *place;
        if (ring.shuffled) { /* another one, from before */
            way_obj *other = &held[next_random(&state) % RING];
            object = *other;
            *other = *place;
        }
        if (object.ptr)
            way_put(&object, TYPE_64);
        if (i % CHUNK == CHUNK - 1)
            atomic_store_explicit(&ring.consumed, i + 1, memory_order_release);
    }
    for (uint32_t i = 0; i < RING; i++)
        if (held[i].ptr)
            way_put(&held[i], TYPE_64);
    return NULL;
}

void cross(struct json *json, const char *order, uint32_t times)
{
    pthread_t thread;
    uint64_t from = 0;
    const int is_mixed = strcmp(order, "mixed") == 0;

    ring.shuffled = is_mixed || strcmp(order, "random") == 0;
    ring.operations = (times + 1) * OPERATIONS / CHUNK * CHUNK;
    draw();
    pin(0);
    way_open(KEEP_BYTES, BUDGET_BYTES);
    must(pthread_create(&thread, NULL, release_all, NULL) == 0, "no thread");
    for (uint32_t i = 0; i < ring.operations; i++) {
        if (i % CHUNK == 0)
            wait_for(&ring.consumed, i + CHUNK - RING);
        if (i == OPERATIONS) /* until here it is warming up */
            from = tool_now_ns();
        get(&ring.objects[i % RING], i, is_mixed);
        if (i % CHUNK == CHUNK - 1)
            atomic_store_explicit(&ring.produced, i + 1, memory_order_release);
    }
    wait_for(&ring.consumed, ring.operations);
    const uint64_t end = tool_now_ns();
    pthread_join(thread, NULL);
    way_close();
    json_real(json, "per_second", (ring.operations - OPERATIONS) * 1e9 / (double)(end - from));
}
