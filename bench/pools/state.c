/* SPDX-License-Identifier: MIT */
/*
 * What a way keeps of its own once objects of all types were acquired, written and released.
 *   threads     bytes for each of 96 threads more that did so, one after the other, after 16; all of them are there from the beginning
 *   processors  bytes for each processor more that did so, and each of 64 pools
 */
#define _GNU_SOURCE
#include "pools/pools.h"

#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>

#define FIRST 16u
#define CREW 112u
#define OBJECTS 64u
#define ROUNDS 20u

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t there, allowed, done;
    int over;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0};

/* So that a thread's stack does not grow later. */
static __attribute__((noinline)) void touch_stack(void)
{
    volatile char room[64 * 1024];

    for (size_t i = 0; i < sizeof room; i += 1024)
        room[i] = 0;
}

static void use_all(void)
{
    way_obj objects[OBJECTS];

    for (uint32_t round = 0; round < ROUNDS; round++)
        for (uint32_t type = 0; type < TYPES; type++) {
            for (uint32_t i = 0; i < OBJECTS; i++) {
                way_get(&objects[i], type);
                memset(objects[i].ptr, 1, sizes[type]);
            }
            for (uint32_t i = 0; i < OBJECTS; i++)
                way_put(&objects[i], type);
        }
}

static void *member(void *unused)
{
    (void)unused;
    touch_stack();
    pthread_mutex_lock(&gate.mutex);
    const uint32_t number = gate.there++;
    pthread_cond_broadcast(&gate.changed);
    while (gate.allowed <= number || gate.done != number)
        pthread_cond_wait(&gate.changed, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
    use_all();
    pthread_mutex_lock(&gate.mutex);
    gate.done++;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.over)
        pthread_cond_wait(&gate.changed, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
    return NULL;
}

static uint64_t resident_after(uint32_t members)
{
    pthread_mutex_lock(&gate.mutex);
    gate.allowed = members;
    pthread_cond_broadcast(&gate.changed);
    while (gate.there != CREW || gate.done != members)
        pthread_cond_wait(&gate.changed, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
    return anonymous_bytes();
}

void threads(struct json *json, const char *name, uint32_t times)
{
    pthread_t crew[CREW];

    (void)name, (void)times;
    pin(0); /* all of them: what a processor has is another figure */
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    way_open(0, BUDGET_BYTES);
    for (uint32_t i = 0; i < CREW; i++)
        must(pthread_create(&crew[i], NULL, member, NULL) == 0, "no thread");
    const double none = (double)resident_after(0);
    const double few = (double)resident_after(FIRST), many = (double)resident_after(CREW);
    pthread_mutex_lock(&gate.mutex);
    gate.over = 1;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.mutex);
    for (uint32_t i = 0; i < CREW; i++)
        pthread_join(crew[i], NULL);
    way_close();
    json_real(json, "thread_bytes", (many - few) / (CREW - FIRST));
    json_real(json, "resident_bytes", many - none);
}

#if WAY_TYPES
#define POOLS 64u

static uint64_t used_by(uint32_t processor, ho_pool **pools)
{
    ho_obj object;

    pin(processor);
    for (uint32_t i = 0; i < POOLS; i++) {
        ok(ho_pool_acquire(pools[i], &object));
        *(volatile char *)object.ptr = 1;
        ok(ho_pool_release(pools[i], &object));
    }
    return anonymous_bytes();
}

void processors(struct json *json, const char *name, uint32_t times)
{
    ho_pool *pools[POOLS];
    ho_pool_opts opts;
    const uint32_t count = processors_count();

    (void)name, (void)times;
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    way_open(0, BUDGET_BYTES);
    ok(ho_init(HO_TYPE_POOL_OPTS, &opts, sizeof opts));
    opts.slot_bytes = 64;
    opts.objects_max = 65536;
    for (uint32_t i = 0; i < POOLS; i++)
        ok(ho_pool_open(way_arena, &opts, &pools[i]));
    uint64_t first = used_by(0, pools), last = first;
    for (uint32_t i = 1; i < count; i++)
        last = used_by(i, pools);
    for (uint32_t i = 0; i < POOLS; i++)
        ok(ho_pool_close(pools[i], NULL));
    way_close();
    json_count(json, "processors", count);
    json_real(json, "processor_bytes",
              count > 1 ? (double)(last - first) / ((count - 1) * POOLS) : 0);
}
#else
void processors(struct json *json, const char *name, uint32_t times)
{
    (void)json, (void)name, (void)times;
}
#endif
