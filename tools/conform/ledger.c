/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <inttypes.h>
#include <string.h>

#define SLOTS 16u

struct ledger ledger;

uint32_t ledger_random(uint32_t below)
{
    uint64_t z = ledger.random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) % below);
}

uint32_t producer_service(uint32_t producer)
{
    static const uint32_t services[PRODUCERS] = {0, 0, 1, 2, 2, 3};
    return services[producer];
}

uint32_t producer_shard(uint32_t producer)
{
    return producer % SHARDS;
}

uint32_t consumer_service(uint32_t consumer)
{
    static const uint32_t services[CONSUMERS] = {0, 1, 2, 2, 2, 3, 3};
    return services[consumer];
}

uint32_t service_partitions(uint32_t service)
{
    static const uint32_t partitions[SERVICES] = {1, 1, SEVERAL, 2};
    return partitions[service];
}

uint32_t shard_arena(uint32_t shard)
{
    return shard == SHARDS - 1 ? 1 : 0;
}

/* `stats` is NULL at first: allocated once, then reused. */
static const void *read_into(void **stats, const char *type, const char *get, const void *handle)
{
    if (*stats == NULL) {
        *stats = struct_make(struct_named(type));
    }
    (void)MUST("HO_OK", get, P(handle), P(*stats));
    return *stats;
}

static const void *messages_read(uint32_t service)
{
    static void *stats[SERVICES];
    return read_into(&stats[service], "ho_service_stats", "ho_service_stats_get",
                     ledger.services[service]);
}

static const void *memory_read(uint32_t arena)
{
    static void *stats[ARENAS];
    return read_into(&stats[arena], "ho_arena_stats", "ho_arena_stats_get", ledger.arenas[arena]);
}

/* Opens an object through a room, and keeps its handle at `handle`. */
static void open_handle(const char *open, const void *in, const void *how, void **handle)
{
    static void **made;
    made = made != NULL ? made : room(sizeof *made);
    if (strcmp(open, "ho_shard_open") == 0) {
        (void)MUST("HO_OK", open, P(in), P(made));
    } else {
        (void)MUST("HO_OK", open, P(in), P(how), P(made));
    }
    *handle = *made;
}

void producer_make(uint32_t producer)
{
    open_handle("ho_producer_open", ledger.services[producer_service(producer)],
                ledger.shards[producer_shard(producer)], &ledger.producers[producer]);
    ledger.lanes[producer] = ++ledger.lane_count;
}

void consumer_make(uint32_t consumer)
{
    static void *opts;
    opts = opts != NULL ? opts : struct_make(struct_named("ho_consumer_opts"));
    field_set(opts, "ho_consumer_opts", "partition", consumer == CONSUMERS - 1);
    open_handle("ho_consumer_open", ledger.services[consumer_service(consumer)], opts,
                &ledger.consumers[consumer]);
    ledger.helps[consumer] = NOBODY;
}

void ledger_open(uint64_t seed)
{
    static const char *const modes[] = {"HO_RELEASE_INLINE", "HO_RELEASE_DRAIN"};
    struct scene *scene = scene_make(modes[seed % 2], "HO_POLICY_FAIL", SLOTS);
    ledger.scene = scene;
    ledger.random = seed;
    ledger.bufs = room(ITEMS * (size_t)size_of("ho_buf"));
    ledger.arenas[0] = scene->arena;
    ledger.shards[0] = scene->shard;
    ledger.services[0] = scene->service;
    ledger.producers[0] = scene->producer;
    ledger.consumers[0] = scene->consumer;
    open_handle("ho_shard_open", scene->arena, NULL, &ledger.shards[1]);
    open_handle("ho_arena_open", scene->domain, NULL, &ledger.arenas[1]);
    open_handle("ho_shard_open", ledger.arenas[1], NULL, &ledger.shards[2]);
    for (uint32_t i = 0; i < SERVICES; i++) {
        void *opts = struct_make(struct_named("ho_service_opts"));
        field_set(opts, "ho_service_opts", "lane_slots", SLOTS);
        field_set(opts, "ho_service_opts", "partitions", service_partitions(i));
        field_set(opts, "ho_service_opts", "consumers",
                  (uint64_t)constant(i == 3 ? "HO_CONSUMERS_BOUND" : "HO_CONSUMERS_SHARED"));
        if (i > 0) {
            open_handle("ho_service_open", scene->domain, opts, &ledger.services[i]);
        }
        ledger.numbers[i] = (uint32_t)field_get(messages_read(i), "ho_service_stats", "service");
        for (uint32_t k = 0; k < KEYS; k++) {
            ledger.keys[i][k] = service_partitions(i) == 1 ? 0 : NO_PARTITION;
        }
    }
    for (uint32_t i = 0; i < SEVERAL; i++) {
        ledger.claims[i] = NOBODY;
    }
    for (uint32_t i = 1; i < PRODUCERS; i++) {
        producer_make(i);
    }
    ledger.helps[0] = NOBODY;
    for (uint32_t i = 1; i < CONSUMERS; i++) {
        consumer_make(i);
    }
}

/* ---- items */

uint32_t item_any(enum place place)
{
    const uint32_t first = ledger_random(ITEMS);
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (ledger.items[(first + i) % ITEMS].place == place) {
            return (first + i) % ITEMS;
        }
    }
    return ITEMS;
}

void *item_buf(uint32_t item)
{
    return ledger.bufs + (size_t)item * size_of("ho_buf");
}

void item_gone(uint32_t item)
{
    const uint32_t token = ledger.items[item].token;
    if (token != NO_TOKEN) {
        ledger.parts[token]--;
    }
    ledger.items[item].place = NOWHERE;
}

static unsigned char byte_of(uint32_t content, uint64_t at)
{
    return (unsigned char)(content * 37 + at * 7 + (at >> 8));
}

static unsigned char *bytes_of(uint32_t item)
{
    return (unsigned char *)(uintptr_t)field_get(item_buf(item), "ho_buf", "ptr");
}

void item_fill(uint32_t item)
{
    unsigned char *bytes = bytes_of(item);
    const uint64_t len = field_get(item_buf(item), "ho_buf", "len");
    ledger.items[item].content = ++ledger.contents;
    ledger.items[item].offset = 0;
    for (uint64_t i = 0; i < len; i++) {
        bytes[i] = byte_of(ledger.contents, i);
    }
}

void item_check(uint32_t item)
{
    const struct item *of = &ledger.items[item];
    const unsigned char *bytes = bytes_of(item);
    const uint64_t len = field_get(item_buf(item), "ho_buf", "len");
    EXPECT(field_get(item_buf(item), "ho_buf", "kind") == (uint64_t)constant(of->kind),
           "a buffer is of kind %u, expected %s",
           (unsigned)field_get(item_buf(item), "ho_buf", "kind"), of->kind);
    EXPECT(bytes != NULL, "a buffer was handed out with ptr NULL");
    for (uint64_t i = 0; i < len; i++) {
        EXPECT(bytes[i] == byte_of(of->content, of->offset + i),
               "byte %" PRIu64 " of a buffer is not what was sent", i);
    }
}

/* ---- comparing */

void ledger_check_releases(void)
{
    (void)scene_drain(ledger.scene);
    for (uint32_t i = 0; i < ledger.tokens; i++) {
        const uint32_t times = atomic_load(&ledger.scene->tokens[i].times);
        EXPECT(times == (ledger.parts[i] == 0),
               "token %u was released %u times, with %u of its buffers out", i, times,
               ledger.parts[i]);
    }
}

static void compare(const void *stats, const char *type, const char *field, uint64_t expected)
{
    const uint64_t found = field_get(stats, type, field);
    EXPECT(found == expected, "%s.%s is %" PRIu64 ", the ledger has %" PRIu64, type, field, found,
           expected);
}

static void check_messages(uint32_t service)
{
    const void *stats = messages_read(service);
    uint64_t sent = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        sent += ledger.items[i].place == SENT && ledger.items[i].to == service;
    }
    compare(stats, "ho_service_stats", "undelivered", sent);
    compare(stats, "ho_service_stats", "late_wakes", 0);
}

static void check_memory(uint32_t arena)
{
    const void *stats = memory_read(arena);
    uint64_t buffers = 0, loans = 0, bytes = 0, foreign = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct item *item = &ledger.items[i];
        if (item->place == NOWHERE || item->home != arena || item->token != NO_TOKEN) {
            continue;
        }
        loans += item->place == ON_LOAN;
        buffers += item->place != ON_LOAN;
        bytes += item->place != ON_LOAN ? item->bytes : 0;
    }
    for (uint32_t i = 0; i < ledger.tokens; i++) {
        foreign += ledger.parts[i] != 0 && ledger.token_home[i] == arena;
    }
    for (uint32_t i = SCENE_TOKENS; i < SCENE_TOKENS + ledger.copies; i++) {
        foreign += ledger.parts[i] != 0 && ledger.token_home[i] == arena;
    }
    compare(stats, "ho_arena_stats", "buffers_out", buffers);
    compare(stats, "ho_arena_stats", "loans_out", loans);
    compare(stats, "ho_arena_stats", "bytes_live", bytes);
    compare(stats, "ho_arena_stats", "foreign_out", foreign);
}

void ledger_check_stats(void)
{
    for (uint32_t i = 0; i < SERVICES; i++) {
        check_messages(i);
    }
    for (uint32_t i = 0; i < ARENAS; i++) {
        check_memory(i);
    }
}

/* Takes the rest without comparing: such bytes were compared often enough. */
static void take_all(uint32_t consumer)
{
    struct batch *batch = batch_empty();
    while (MUST("HO_OK HO_EMPTY", "ho_take", P(ledger.consumers[consumer]), P(batch->bufs),
                BATCH_MAX, P(batch->done)) == (int32_t)constant("HO_OK")) {
        (void)MUST("HO_OK", "ho_return", P(ledger.scene->domain), P(batch->bufs), *batch->done,
                   P(NULL));
    }
}

static void let_go(uint32_t item)
{
    if (ledger.items[item].place == ON_LOAN) {
        (void)MUST("HO_OK", "ho_abort", P(ledger.shards[0]), P(item_buf(item)), 1, P(NULL));
    } else if (ledger.items[item].place == HELD) {
        scene_return(ledger.scene, item_buf(item), 1);
    }
    if (ledger.items[item].place != NOWHERE) {
        item_gone(item);
    }
}

void ledger_close(void)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        let_go(i);
    }
    for (uint32_t i = 0; i < PRODUCERS; i++) { /* what HO_MORE held back */
        (void)MUST("HO_OK", "ho_flush", P(ledger.producers[i]));
    }
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        (void)MUST("HO_OK", "ho_consumer_help", P(ledger.consumers[i]), P(NULL), 0);
        (void)MUST("HO_OK", "ho_consumer_yield", P(ledger.consumers[i]));
    }
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        take_all(i);
    }
    ledger_check_releases();
    ledger_check_stats();
    for (uint32_t i = 0; i < ARENAS; i++) { /* before the first call there was nothing either */
        compare(memory_read(i), "ho_arena_stats", "bytes_pinned", 0);
    }
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        (void)MUST("HO_OK", "ho_consumer_close", P(ledger.consumers[i]));
    }
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        (void)MUST("HO_OK", "ho_producer_close", P(ledger.producers[i]));
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        (void)MUST("HO_OK", "ho_shard_close", P(ledger.shards[i]));
    }
    void *outstanding = struct_make(struct_named("ho_outstanding"));
    (void)MUST("HO_OK", "ho_domain_close", P(ledger.scene->domain), 0, P(outstanding));
    scene_expect(ledger.scene, ledger.tokens);
    (void)MUST("HO_OK", "ho_domain_destroy", P(ledger.scene->domain), P(outstanding));
}
