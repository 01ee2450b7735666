/* SPDX-License-Identifier: MIT */
/*
 * How evenly keys are spread over a service's partitions, whatever the keys look like. A good hash
 * is no more even than chance, so chi-square and the number of idle partitions are compared with
 * their values for random keys. All keys are fixed, so every run is the same.
 */
#include "cpp_shim/handoff/net_key.h"
#include "rig.h"

#define PARTITIONS_MAX 1000u
#define FEW 16u
#define MANY 1024u

static ho_domain *domain;
static ho_arena *arena;
static ho_shard *shard;
static ho_service *service;
static ho_producer *producer;
static ho_consumer *consumer;

static void open_with(uint32_t partitions)
{
    domain = rig_domain();
    arena = rig_arena(domain, NULL);
    shard = rig_shard(arena);
    service = rig_service(domain, SERVICE_OPTS(.partitions = partitions,
                                               .lane_slots = partitions > 64 ? MANY / 4 : MANY));
    producer = rig_producer(service, shard);
    consumer = rig_consumer(service);
}

static void close_with(void)
{
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
    rig_check_quiet(&(rig){.arena = arena, .service = service});
    CHECK_STATUS(ho_producer_close(producer), HO_OK);
    CHECK_STATUS(ho_shard_close(shard), HO_OK);
    rig_destroy(domain);
}

/* Key `i` of series `series`. No two series of a kind share a key: their results are independent. */
typedef uint64_t (*key_fn)(uint32_t series, uint32_t i, uint32_t count);

/* Commits one message of each key of a series, and counts what comes through each partition. */
static void send_keys(key_fn key, uint32_t series, uint32_t count, uint32_t partitions,
                      uint32_t *load)
{
    ho_buf bufs[64];
    uint32_t taken, sum = 0;
    for (uint32_t i = 0; i < count; i++)
        rig_send(shard, producer, key(series, i, count), 1);
    memset(load, 0, partitions * sizeof *load);
    for (; ho_take(consumer, bufs, 64, &taken) == HO_OK; sum += taken) {
        for (uint32_t i = 0; i < taken; i++) {
            CHECK(bufs[i].partition < partitions);
            load[bufs[i].partition]++;
        }
        CHECK_STATUS(ho_return(domain, bufs, taken, NULL), HO_OK);
    }
    CHECK(sum == count);
}

static const uint32_t sizes[] = {2, 3, 4, 8, 16, 64, PARTITIONS_MAX};
#define SIZES (sizeof sizes / sizeof *sizes)
#define ROUNDS 4u

static uint32_t bits_of(uint32_t value)
{
    uint32_t bits = 0;
    for (; value >> bits; bits++)
        ;
    return bits;
}

/* So many shifts keep all keys within 64 bits. */
static uint32_t shifts_of(uint32_t count)
{
    return 64 - bits_of(2 * count * ROUNDS * (uint32_t)SIZES);
}

/* How far chi-square is from its mean, summed over many series, and the variance of that sum. */
typedef struct sums {
    double off, variance;
} sums;

/* Within `sd` standard deviations of chance, for this is one draw. */
static int by_chance(const sums *s, double sd)
{
    return s->off * s->off < sd * sd * s->variance;
}

static void add_series(sums *s, const uint32_t *load, uint32_t count, uint32_t partitions)
{
    double mean = (double)count / partitions, square = 0;
    for (uint32_t c = 0; c < partitions; c++)
        square += (load[c] - mean) * (load[c] - mean) / mean;
    s->off += square - (partitions - 1);
    s->variance += 2.0 * (partitions - 1) * (count - 1) / count;
}

static void check_spread_of(key_fn key, uint32_t count)
{
    uint32_t runs = ROUNDS * shifts_of(count);
    sums all = {0};
    for (uint32_t k = 0; k < SIZES; k++) {
        sums one = {0};
        open_with(sizes[k]);
        for (uint32_t run = 0; run < runs; run++) {
            uint32_t load[PARTITIONS_MAX];
            send_keys(key, k * runs + run, count, sizes[k], load);
            add_series(&one, load, count, sizes[k]);
        }
        close_with();
        if (!by_chance(&one, 4)) /* one of many numbers: the farthest of them may be farther */
            fail_msg("%u keys over %u partitions: %f from chance, variance %f", count, sizes[k],
                     one.off, one.variance);
        all.off += one.off;
        all.variance += one.variance;
    }
    if (!by_chance(&all, 2))
        fail_msg("%u keys: %f from chance, variance %f", count, all.off, all.variance);
}

static void check_spread(key_fn key)
{
    check_spread_of(key, FEW);
    check_spread_of(key, MANY);
}

static uint64_t sequential(uint32_t series, uint32_t i, uint32_t count)
{
    return (uint64_t)series * count + i;
}

static void sequential_keys_fall_like_lots(void **state)
{
    (void)state;
    check_spread(sequential);
}

/* Odd numbers alone, as the even ones are those of the next shift. */
static uint64_t shifted(uint32_t series, uint32_t i, uint32_t count)
{
    uint64_t block = series / shifts_of(count), shift = series % shifts_of(count);
    return (2 * (block * count + i) + 1) << shift;
}

static void shifted_keys_fall_like_lots(void **state)
{
    (void)state;
    check_spread(shifted);
}

/* What tells them apart is in the highest bits alone. */
static uint64_t high(uint32_t series, uint32_t i, uint32_t count)
{
    return (uint64_t)i << (65 - bits_of(count)) | series;
}

static void keys_that_differ_in_high_bits_alone_fall_like_lots(void **state)
{
    (void)state;
    check_spread(high);
}

static uint64_t drawn(uint32_t series, uint32_t i, uint32_t count)
{
    uint64_t seed = (uint64_t)series * count + i;
    return rig_random(&seed);
}

static void random_keys_fall_like_lots(void **state)
{
    (void)state;
    check_spread(drawn);
}

/* Ids as the network entrypoint makes them: of one, two or four network threads, slot after slot, each
 * slot used as often as the others. A use is an odd generation, as UDP counts. */
static uint64_t connection(uint32_t series, uint32_t i, uint32_t count)
{
    (void)count;
    uint64_t threads = (uint64_t)1 << series % 3, generation = 2 * (uint64_t)series + 1;
    return i % threads << HO_NET_THREAD_SHIFT | i / threads << HO_NET_SLOT_SHIFT | generation;
}

static void connection_ids_fall_like_lots(void **state)
{
    (void)state;
    check_spread(connection);
}

static void eight_connections_leave_no_more_of_four_partitions_idle_than_lots_would(void **state)
{
    (void)state;
    enum { PARTITIONS = 4, CONNECTIONS = 8, SERIES = 300 };
    /* Of one draw: 4 (3/4)^8 partitions idle, and 4 * 3 (2/4)^8 pairs of them. */
    const double idle_mean = 0.400452, idle_variance = idle_mean + 0.046875 - idle_mean * idle_mean;
    uint32_t idle = 0, load[PARTITIONS];
    open_with(PARTITIONS);
    for (uint32_t series = 0; series < SERIES; series++) {
        send_keys(connection, series, CONNECTIONS, PARTITIONS, load);
        for (uint32_t c = 0; c < PARTITIONS; c++)
            idle += !load[c];
        CHECK(series || !idle); /* the first eight of a server with one network thread */
    }
    close_with();
    double over = idle - SERIES * idle_mean;
    if (over > 0 && over * over > 4 * SERIES * idle_variance)
        fail_msg("%u idle in %u draws", idle, (uint32_t)SERIES);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(sequential_keys_fall_like_lots),
    cmocka_unit_test(shifted_keys_fall_like_lots),
    cmocka_unit_test(keys_that_differ_in_high_bits_alone_fall_like_lots),
    cmocka_unit_test(random_keys_fall_like_lots),
    cmocka_unit_test(connection_ids_fall_like_lots),
    cmocka_unit_test(eight_connections_leave_no_more_of_four_partitions_idle_than_lots_would),
};

HO_TEST_MAIN(tests)
