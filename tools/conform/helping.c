/* SPDX-License-Identifier: MIT */
/* L2: a shared consumer that helps a producer. */
#include "conform.h"

#define PARTITIONS 4u
#define MESSAGES 16u
#define BUDGET 5u

struct pair {
    struct world world; /* its service has shared consumers */
    void *other;        /* a second consumer */
};

static void *consumer_open(void *service)
{
    void **consumer = room(sizeof *consumer);
    (void)MUST("HO_OK", "ho_consumer_open", P(service), P(NULL), P(consumer));
    return *consumer;
}

static void pair_make(struct pair *pair)
{
    void *taken;
    world_make(&pair->world);
    taken = world_taken(&pair->world);
    (void)MUST("HO_OK", "ho_return", P(pair->world.domain), P(taken), 1, P(NULL));
    (void)MUST("HO_OK", "ho_consumer_yield", P(pair->world.consumer));
    pair->other = consumer_open(pair->world.service);
}

static void send_some(const struct pair *pair)
{
    void *from = room(size_of("ho_buf"));
    for (uint64_t i = 0; i < MESSAGES; i++) {
        field_set(from, "ho_buf", "key", i);
        (void)MUST("HO_OK", "ho_give_copy", P(pair->world.producer), P(from), 1, 0, P(NULL));
    }
}

/* Takes until there is nothing; returns how many there were. */
static uint32_t take_all(const struct pair *pair, void *consumer)
{
    void *bufs = room(MESSAGES * (size_t)size_of("ho_buf"));
    uint32_t *taken = room(sizeof *taken), sum = 0;
    while (MUST("HO_OK HO_EMPTY", "ho_take", P(consumer), P(bufs), MESSAGES, P(taken)) == 0) {
        (void)MUST("HO_OK", "ho_return", P(pair->world.domain), P(bufs), *taken, P(NULL));
        sum += *taken;
    }
    return sum;
}

static void help(const char *status, void *consumer, void *producer)
{
    (void)MUST(status, "ho_consumer_help", P(consumer), P(producer), BUDGET);
}

/* Any consumer can take what the budget leaves. */
static void within_its_budget(uint32_t which)
{
    struct pair pair;
    (void)which;
    pair_make(&pair);
    help("HO_OK", pair.world.consumer, pair.world.producer);
    send_some(&pair);
    const uint32_t mine = take_all(&pair, pair.world.consumer);
    EXPECT(mine > 0 && mine <= BUDGET, "%u were taken in a turn, the budget is %u", mine, BUDGET);
    const uint32_t others = take_all(&pair, pair.other);
    EXPECT(mine + others == MESSAGES, "%u and %u were taken of %u", mine, others, MESSAGES);
}

/* However it ends, sent messages can be taken, and the producer can be helped again. */
static void ends(uint32_t which)
{
    struct pair pair;
    pair_make(&pair);
    help("HO_OK", pair.world.consumer, pair.world.producer);
    help("HO_OK", pair.world.consumer, pair.world.producer); /* again */
    help("HO_E_BUSY", pair.other, pair.world.producer);
    send_some(&pair);
    if (which == 0) {
        help("HO_OK", pair.world.consumer, NULL);
    } else if (which == 1) {
        (void)MUST("HO_OK", "ho_consumer_close", P(pair.world.consumer));
    } else {
        (void)MUST("HO_OK", "ho_producer_close", P(pair.world.producer));
    }
    if (which != 2) {
        help("HO_OK", pair.other, pair.world.producer);
        help("HO_OK", pair.other, NULL);
    }
    EXPECT(take_all(&pair, pair.other) == MESSAGES, "not all of %u can be had", MESSAGES);
}

static void refusals(uint32_t which)
{
    struct pair pair;
    void **made = room(2 * sizeof *made);
    void *opts = struct_make(struct_named("ho_service_opts"));
    (void)which;
    pair_make(&pair);
    field_set(opts, "ho_service_opts", "partitions", PARTITIONS);
    field_set(opts, "ho_service_opts", "consumers", (uint64_t)constant("HO_CONSUMERS_BOUND"));
    (void)MUST("HO_OK", "ho_service_open", P(pair.world.domain), P(opts), P(&made[0]));
    (void)MUST("HO_OK", "ho_producer_open", P(made[0]), P(pair.world.shard), P(&made[1]));
    help("HO_E_INVAL", pair.world.consumer, made[1]);
    help("HO_E_INVAL", consumer_open(made[0]), made[1]);
}

void helping_cases(void)
{
    static const char *const ways[] = {"NULL", "the consumer's close", "the producer's close"};
    case_add("calls", within_its_budget, 0, "helping: within a budget, the rest is everybody's");
    for (uint32_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        case_add("calls", ends, i, "helping: ends with %s", ways[i]);
    }
    case_add("calls", refusals, 0, "helping: only a shared consumer and a producer of one service");
}
