/* SPDX-License-Identifier: MIT */
/*
 * An hour of a game in a few seconds: objects of 12 types come and go at random (seeded), most of
 * them soon, some late, released by another thread than the one that acquired them; raids come on
 * top. The memory that pools hold must not grow: the last quarter's peak is that of the first. A
 * second of the game is a step that all threads take together. Without HANDOFF_SOAK_SECONDS it is
 * four minutes.
 */
#define _GNU_SOURCE
#include "rig.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 3u
#define TYPES 12u
#define HORIZON 64u /* seconds that an object lives at most, and one more */
#define BORN 300u   /* of a thread in a second, on average */
#define RAID 11000u
#define RAID_LIVES 4u
#define LIST_MOST 2048u
#define WARM 120u /* seconds before the first quarter: then as many live as ever */

static const uint32_t bytes_of[TYPES] = {24, 32, 48, 64, 96, 128, 176, 256, 384, 512, 768, 1024};

/* Objects that one thread acquired and another releases when their second comes. */
struct list {
    uint32_t count;
    struct {
        ho_obj obj;
        uint32_t type;
    } of[LIST_MOST];
};

static struct {
    ho_pool *pools[TYPES];
    struct list *lists; /* [second % HORIZON][from][to] */
    pthread_barrier_t step;
    uint32_t seconds;
    _Atomic(uint64_t) born, gone;
} game;

static struct list *list_of(uint32_t second, uint32_t from, uint32_t to)
{
    return &game.lists[((second % HORIZON) * THREADS + from) * THREADS + to];
}

/* Each word of an object is its handle. */
static void mark(const ho_obj *obj, uint32_t type)
{
    uint64_t *words = obj->ptr;
    for (uint32_t i = 0; i < bytes_of[type] / 8; i++)
        words[i] = obj->handle;
}

static void check_mark(const ho_obj *obj, uint32_t type)
{
    const uint64_t *words = obj->ptr;
    for (uint32_t i = 0; i < bytes_of[type] / 8; i++)
        CHECK(words[i] == obj->handle);
}

static void be_born(uint32_t from, uint32_t now, uint32_t lives, uint64_t random)
{
    uint32_t type = (uint32_t)(random % TYPES), to = (uint32_t)(random >> 8) % THREADS;
    struct list *list = list_of(now + lives, from, to);
    ho_obj obj;
    if (list->count == LIST_MOST)
        return;
    CHECK_STATUS(ho_pool_acquire(game.pools[type], &obj), HO_OK);
    mark(&obj, type);
    list->of[list->count].obj = obj;
    list->of[list->count++].type = type;
}

static void release_due(uint32_t self, uint32_t now)
{
    for (uint32_t from = 0; from < THREADS; from++) {
        struct list *list = list_of(now, from, self);
        for (uint32_t i = 0; i < list->count; i++) {
            check_mark(&list->of[i].obj, list->of[i].type);
            CHECK_STATUS(ho_pool_release(game.pools[list->of[i].type], &list->of[i].obj), HO_OK);
        }
        game.gone += list->count;
        list->count = 0;
    }
}

/* How many are born in a second goes up and down four times in the game, so that each quarter has the same. */
static uint32_t births(uint32_t now, uint64_t random)
{
    uint32_t quarter = game.seconds / 4, at = now % quarter;
    uint32_t rise = at < quarter / 2 ? at : quarter - at;
    return BORN / 2 + BORN * 2 * rise / quarter + (uint32_t)(random % 50);
}

static void play(void *arg)
{
    uint32_t self = (uint32_t)(uintptr_t)arg;
    uint64_t seed = self;
    for (uint32_t now = 0; now < WARM + game.seconds; now++) {
        (void)pthread_barrier_wait(&game.step);
        release_due(self, now);
        for (uint32_t n = births(now, rig_random(&seed)); n--;) {
            uint64_t random = rig_random(&seed);
            uint32_t lives = 1 + (uint32_t)(random >> 40) % 8;
            if (random >> 32 & 15)
                be_born(self, now, lives, random);
            else /* one in sixteen stays */
                be_born(self, now, 1 + (uint32_t)(random >> 40) % (HORIZON - 1), random);
        }
        for (uint32_t n = now % 60 == 30 ? RAID / THREADS : 0; n--;)
            be_born(self, now, RAID_LIVES, rig_random(&seed));
        (void)pthread_barrier_wait(&game.step); /* until all have their second behind them */
    }
}

static uint64_t held(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < TYPES; i++)
        sum += rig_pool_stats(game.pools[i]).bytes_held;
    return sum;
}

static uint64_t resident(void)
{
    unsigned long all, pages;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm && fscanf(statm, "%lu %lu", &all, &pages) == 2);
    (void)fclose(statm);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Looks once a second, between the two barriers of the players: the highest of each quarter. */
static void watch(uint64_t *held_peaks, uint64_t *resident_peaks)
{
    for (uint32_t now = 0; now < WARM + game.seconds; now++) {
        (void)pthread_barrier_wait(&game.step);
        (void)pthread_barrier_wait(&game.step);
        if (now < WARM)
            continue;
        uint32_t quarter = (now - WARM) / (game.seconds / 4);
        uint64_t of_pools = held(), of_all = resident();
        held_peaks[quarter] = of_pools > held_peaks[quarter] ? of_pools : held_peaks[quarter];
        resident_peaks[quarter] =
            of_all > resident_peaks[quarter] ? of_all : resident_peaks[quarter];
    }
}

/* Few processors: what a cache of each may hold at most would be all that there is to see. */
static void run_on_few(void)
{
    cpu_set_t all, few;
    uint32_t n = 0;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    CPU_ZERO(&few);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && n < 4; cpu++)
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &few);
            n++;
        }
    CHECK(sched_setaffinity(0, sizeof few, &few) == 0);
}

static void let_the_rest_go(void)
{
    for (uint32_t second = 0; second < HORIZON; second++)
        for (uint32_t to = 0; to < THREADS; to++)
            release_due(to, second);
}

static void an_hour_of_coming_and_going_holds_no_more_at_its_end(void **state)
{
    (void)state;
    uint64_t held_peaks[4] = {0}, resident_peaks[4] = {0};
    harness_thread threads[THREADS];
    ho_domain *domain = rig_domain();
    ho_arena *arena = rig_arena(domain, ARENA_OPTS(.budget_bytes = 64u << 20));
    run_on_few();
    size_t lists = (size_t)HORIZON * THREADS * THREADS * sizeof *game.lists;
    game.seconds = rig_soak_seconds(0) > 0 ? 3600 : 240;
    game.lists = calloc(1, lists);
    CHECK(game.lists != NULL);
    memset(game.lists, 0x5a, lists); /* all of it is resident from now on */
    for (uint32_t i = 0; i < HORIZON * THREADS * THREADS; i++)
        game.lists[i].count = 0;
    for (uint32_t i = 0; i < TYPES; i++)
        game.pools[i] = rig_pool(arena, POOL_OPTS(.slot_bytes = bytes_of[i], .hold_ns = 1));
    CHECK(pthread_barrier_init(&game.step, NULL, THREADS + 1) == 0);
    for (uintptr_t t = 0; t < THREADS; t++)
        harness_start(&threads[t], play, (void *)t);
    watch(held_peaks, resident_peaks);
    for (uint32_t t = 0; t < THREADS; t++)
        harness_join(&threads[t]);
    let_the_rest_go();
    printf("%u s: %lu objects; peaks of quarters: pools %lu %lu %lu %lu KiB, resident %lu %lu %lu "
           "%lu KiB\n",
           game.seconds, (unsigned long)game.gone, (unsigned long)held_peaks[0] >> 10,
           (unsigned long)held_peaks[1] >> 10, (unsigned long)held_peaks[2] >> 10,
           (unsigned long)held_peaks[3] >> 10, (unsigned long)resident_peaks[0] >> 10,
           (unsigned long)resident_peaks[1] >> 10, (unsigned long)resident_peaks[2] >> 10,
           (unsigned long)resident_peaks[3] >> 10);
    CHECK(held_peaks[3] <= held_peaks[0] + held_peaks[0] / 20);
    CHECK(HARNESS_SANITIZED ||
          resident_peaks[3] <= resident_peaks[0] + held_peaks[0] / 20 + (256u << 10));
    for (uint32_t i = 0; i < TYPES; i++)
        CHECK_STATUS(ho_pool_close(game.pools[i], NULL), HO_OK);
    CHECK(pthread_barrier_destroy(&game.step) == 0);
    free(game.lists);
    rig_destroy(domain);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_hour_of_coming_and_going_holds_no_more_at_its_end),
};

HO_TEST_MAIN(tests)
