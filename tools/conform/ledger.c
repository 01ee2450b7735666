/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <inttypes.h>
#include <string.h>

#define SLOTS 16u
#define GRAVES 32u

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
    return producer == PRODUCERS - 1 ? 1 : 0;
}

uint32_t shard_arena(uint32_t shard)
{
    return shard == SHARDS - 1 ? 1 : 0;
}

/* `stats` is NULL at first: made once, read again and again. */
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

void ledger_open(uint64_t seed)
{
    static const char *const modes[] = {"HO_RELEASE_INLINE", "HO_RELEASE_DRAIN"};
    void **made = room(7 * sizeof *made);
    struct scene *scene = scene_make(modes[seed % 2], "HO_POLICY_FAIL", SLOTS);
    (void)MUST("HO_OK", "ho_shard_open", P(scene->arena), P(&made[4]));
    memory_make(scene->domain, &made[5], &made[6]);
    (void)MUST("HO_OK", "ho_producer_open", P(scene->service), P(made[4]), P(&made[0]));
    (void)MUST("HO_OK", "ho_service_open", P(scene->domain), P(NULL), P(&made[1]));
    (void)MUST("HO_OK", "ho_producer_open", P(made[1]), P(made[6]), P(&made[2]));
    (void)MUST("HO_OK", "ho_consumer_open", P(made[1]), P(NULL), P(&made[3]));
    ledger.scene = scene;
    ledger.random = seed;
    ledger.arenas[0] = scene->arena;
    ledger.arenas[1] = made[5];
    ledger.shards[0] = scene->shard;
    ledger.shards[1] = made[4];
    ledger.shards[2] = made[6];
    ledger.services[0] = scene->service;
    ledger.services[1] = made[1];
    ledger.producers[0] = scene->producer;
    ledger.producers[1] = made[0];
    ledger.producers[2] = made[2];
    ledger.consumers[0] = scene->consumer;
    ledger.consumers[1] = made[3];
    ledger.bufs = room(ITEMS * (size_t)size_of("ho_buf"));
    for (uint32_t i = 0; i < SERVICES; i++) {
        ledger.numbers[i] = (uint32_t)field_get(messages_read(i), "ho_service_stats", "service");
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

/* ---- batches */

static struct batch *batch_empty(void)
{
    static struct batch batch;
    const size_t bytes = 2 * BATCH_MAX * (size_t)size_of("ho_buf");
    if (batch.bufs == NULL) {
        batch.bufs = room(bytes);
        batch.before = room(bytes);
        batch.done = room(sizeof *batch.done);
    }
    batch.count = 0;
    return &batch;
}

void batch_add(struct batch *batch, const void *buf)
{
    memcpy(batch->bufs + (size_t)batch->count * size_of("ho_buf"), buf, size_of("ho_buf"));
    batch->count++;
}

struct batch *batch_of(enum place place)
{
    struct batch *batch = batch_empty();
    const uint32_t wanted = 1 + ledger_random(BATCH_MAX), first = ledger_random(ITEMS);
    for (uint32_t i = 0; i < ITEMS && batch->count < wanted && place != NOWHERE; i++) {
        const uint32_t item = (first + i) % ITEMS;
        if (ledger.items[item].place == place) {
            batch->items[batch->count] = item;
            batch_add(batch, item_buf(item));
        }
    }
    return batch;
}

void batch_begin(struct batch *batch)
{
    *batch->done = UINT32_MAX;
    memcpy(batch->before, batch->bufs, (size_t)batch->count * size_of("ho_buf"));
}

void batch_settle(const struct batch *batch)
{
    EXPECT(*batch->done <= batch->count, "%u of %u were done", *batch->done, batch->count);
    const size_t gone = (size_t)*batch->done * size_of("ho_buf");
    const size_t all = (size_t)batch->count * size_of("ho_buf");
    for (size_t i = 0; i < gone; i++) {
        EXPECT(batch->bufs[i] == 0, "a buffer changed hands, and its descriptor is not empty");
    }
    EXPECT(memcmp(batch->bufs + gone, batch->before + gone, all - gone) == 0,
           "a buffer stayed, and its descriptor was changed");
    ledger.partly += *batch->done > 0 && *batch->done < batch->count;
}

int32_t batch_send(const char *statuses, const char *name, uint32_t producer, struct batch *batch,
                   uint64_t to, uint64_t flags)
{
    batch_begin(batch);
    const int32_t status = MUST(statuses, name, P(ledger.producers[producer]), P(batch->bufs),
                                batch->count, to, flags, P(batch->done));
    batch_settle(batch);
    return status;
}

void batch_sent(const struct batch *batch, int32_t status, uint32_t producer)
{
    EXPECT((status == 0) == (*batch->done == batch->count),
           "%u of %u were accepted, and it said %s", *batch->done, batch->count,
           status_name(status));
    for (uint32_t i = 0; i < *batch->done; i++) {
        struct item *item = &ledger.items[batch->items[i]];
        item->place = SENT;
        item->to = producer_service(producer);
        memcpy(item_buf(batch->items[i]), batch->before + (size_t)i * size_of("ho_buf"),
               size_of("ho_buf"));
    }
}

void batch_committed(const struct batch *batch, int32_t status, uint32_t producer)
{
    batch_sent(batch, status, producer);
    for (uint32_t i = 0; i < *batch->done; i++) {
        struct item *item = &ledger.items[batch->items[i]];
        item->kind = "HO_KIND_ARENA";
        item->bytes = field_get(item_buf(batch->items[i]), "ho_buf", "len");
    }
    batch_bury(batch, true);
}

/* ---- graves: of loans, and of the rest */

static char *graves[2];
static uint32_t grave_count[2];

void batch_bury(const struct batch *batch, bool loans)
{
    if (graves[loans] == NULL) {
        graves[loans] = room(GRAVES * (size_t)size_of("ho_buf"));
    }
    for (uint32_t i = 0; i < *batch->done; i++) {
        memcpy(graves[loans] + (size_t)(grave_count[loans]++ % GRAVES) * size_of("ho_buf"),
               batch->before + (size_t)i * size_of("ho_buf"), size_of("ho_buf"));
    }
}

const void *grave_any(bool loans)
{
    const uint32_t count = grave_count[loans] < GRAVES ? grave_count[loans] : GRAVES;
    return count == 0 ? NULL : graves[loans] + (size_t)ledger_random(count) * size_of("ho_buf");
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

/* Takes what is left unseen: its bytes were compared often enough. */
static void take_all(uint32_t service)
{
    struct batch *batch = batch_empty();
    while (MUST("HO_OK HO_EMPTY", "ho_take", P(ledger.consumers[service]), P(batch->bufs),
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
    take_all(0);
    take_all(1);
    ledger_check_releases();
    ledger_check_stats();
    for (uint32_t i = 0; i < ARENAS; i++) { /* before the first call there was nothing either */
        compare(memory_read(i), "ho_arena_stats", "bytes_pinned", 0);
    }
    for (uint32_t i = 0; i < SERVICES; i++) {
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
