/* SPDX-License-Identifier: MIT */
/*
 * What the library itself needs for each end that is open, in bytes, the rings of descriptors and the
 * memory of messages aside. Counted from outside, over many of a kind: mapped is what the address space
 * grew by, resident what of it lies in memory after every slot of every ring was used. Prints one JSON
 * object.
 */
#include "ok.h"

#include <handoff/handoff.h>

#include <common/json.h>
#include <common/tool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDS 1000u /* of one kind; a service can have 1,024 */
#define WORKERS 128u
#define FAN 8u /* producers, each with a lane to every worker */
#define LANE_SLOTS 1024u
#define RING_BYTES (LANE_SLOTS * sizeof(ho_buf))
#define SEGMENT_BYTES (256u << 10)
#define SEGMENTS 8u
#define NUMBERS 4096u /* loans in a segment, of 64 bytes each */

struct memory {
    double mapped, resident; /* bytes */
};

/* One field that the kernel gives in KiB. */
static double field(const char *file, const char *form)
{
    FILE *in = fopen(file, "re");
    char line[256];
    unsigned long kib = 0;
    int found = 0;

    while (in && !found && fgets(line, sizeof line, in))
        found = sscanf(line, form, &kib) == 1;
    if (in)
        fclose(in);
    if (!found) {
        tool_error("%s does not say what is needed: run it on Linux 4.14 or later", file);
        exit(1);
    }
    return (double)kib * 1024;
}

static struct memory now(void)
{
    return (struct memory){field("/proc/self/status", "VmSize: %lu"),
                           field("/proc/self/smaps_rollup", "Rss: %lu")};
}

/* What came on top of `before`, but for these bytes. */
static struct memory growth(struct memory before, double aside_bytes)
{
    struct memory after = now();

    return (struct memory){after.mapped - before.mapped - aside_bytes,
                           after.resident - before.resident - aside_bytes};
}

static struct memory minus(struct memory a, struct memory b, double times)
{
    return (struct memory){a.mapped - b.mapped * times, a.resident - b.resident * times};
}

static struct memory by(struct memory a, double count)
{
    return (struct memory){a.mapped / count, a.resident / count};
}

/* A service and its ends; the bytes of messages lie in the first shard, which all producers are over. */
struct room {
    ho_domain *domain;
    ho_arena *arena;
    ho_service *service;
    uint32_t shard_count, producer_count, consumer_count;
    ho_shard *shards[ENDS];
    ho_producer *producers[ENDS];
    ho_consumer *consumers[ENDS];
};

static void shards_open(struct room *r, uint32_t count)
{
    for (; r->shard_count < count; r->shard_count++)
        ok(ho_shard_open(r->arena, &r->shards[r->shard_count]));
}

/* Of a service with so many partitions; its consumers are bound, so that each lane is used. */
static void room_open(struct room *r, uint32_t partitions)
{
    ho_service_opts opts;

    memset(r, 0xff, sizeof *r); /* so that it is resident before anything is counted */
    r->shard_count = r->producer_count = r->consumer_count = 0;
    ok(ho_init(HO_TYPE_SERVICE_OPTS, &opts, sizeof opts));
    opts.partitions = partitions;
    opts.consumers = HO_CONSUMERS_BOUND;
    opts.lane_slots = LANE_SLOTS;
    ok(ho_domain_create(NULL, &r->domain));
    ok(ho_service_open(r->domain, &opts, &r->service));
    ok(ho_arena_open(r->domain, NULL, &r->arena));
    shards_open(r, 1);
}

static void room_close(struct room *r)
{
    for (uint32_t i = 0; i < r->producer_count; i++)
        ok(ho_producer_close(r->producers[i]));
    for (uint32_t i = 0; i < r->consumer_count; i++)
        ok(ho_consumer_close(r->consumers[i]));
    for (uint32_t i = 0; i < r->shard_count; i++)
        ok(ho_shard_close(r->shards[i]));
    ok(ho_domain_close(r->domain, 0, NULL));
    ok(ho_domain_destroy(r->domain, NULL));
}

/* Once round the ring of a lane. */
static void use_lane(const struct room *r, uint32_t producer, uint32_t consumer)
{
    static ho_buf bufs[LANE_SLOTS];
    uint32_t count = 0;

    for (uint32_t i = 0; i < LANE_SLOTS; i++) {
        ok(ho_reserve(r->shards[0], 64, NULL, &bufs[i]));
        bufs[i].len = 64;
        bufs[i].partition = (uint16_t)consumer;
        bufs[i].flags = HO_BUF_PARTITION;
    }
    ok(ho_commit(r->producers[producer], bufs, LANE_SLOTS, 0, NULL));
    ok(ho_take(r->consumers[consumer], bufs, LANE_SLOTS, &count));
    if (count != LANE_SLOTS) {
        tool_error("%u of %u messages came: this library can't be measured", count, LANE_SLOTS);
        exit(1);
    }
    ok(ho_return(r->domain, bufs, count, NULL));
}

/* So many ends of each kind, all their lanes used. */
static void room_fill(struct room *r, uint32_t producers, uint32_t consumers)
{
    uint32_t had_producers = r->producer_count, had_consumers = r->consumer_count;

    for (; r->producer_count < producers; r->producer_count++)
        ok(ho_producer_open(r->service, r->shards[0], &r->producers[r->producer_count]));
    for (; r->consumer_count < consumers; r->consumer_count++) {
        ho_consumer_opts opts;
        ok(ho_init(HO_TYPE_CONSUMER_OPTS, &opts, sizeof opts));
        opts.partition = r->consumer_count;
        ok(ho_consumer_open(r->service, &opts, &r->consumers[r->consumer_count]));
    }
    for (uint32_t p = 0; p < producers; p++)
        for (uint32_t c = p < had_producers ? had_consumers : 0; c < consumers; c++)
            use_lane(r, p, c);
}

/* What `more_producers` and `more_consumers` need beside one producer and `consumers`, in all. */
static struct memory ends(uint32_t consumers, uint32_t more_producers, uint32_t more_consumers)
{
    static struct room r;
    uint32_t all = consumers + more_consumers;

    room_open(&r, all);
    room_fill(&r, 1, consumers);
    struct memory before = now();
    room_fill(&r, 1 + more_producers, all);
    uint32_t lanes = (1 + more_producers) * all - consumers;
    struct memory found = growth(before, (double)lanes * RING_BYTES);
    room_close(&r);
    return found;
}

/* Partitions that are shared and that nothing is sent to. */
static struct memory partitions(uint32_t more)
{
    static struct room r;
    ho_service *service;
    ho_service_opts opts;

    room_open(&r, 1);
    ok(ho_init(HO_TYPE_SERVICE_OPTS, &opts, sizeof opts));
    opts.partitions = 1 + more;
    ok(ho_service_open(r.domain, NULL, &service));
    struct memory first = now();
    ok(ho_service_open(r.domain, NULL, &service));
    struct memory before = now();
    ok(ho_service_open(r.domain, &opts, &service));
    struct memory one = {before.mapped - first.mapped, before.resident - first.resident};
    struct memory found = minus(growth(before, 0), one, 1);
    room_close(&r);
    return found;
}

/* Shards that hold no memory. */
static struct memory shards(uint32_t more)
{
    static struct room r;

    room_open(&r, 1);
    struct memory before = now();
    shards_open(&r, 1 + more);
    struct memory found = growth(before, 0);
    room_close(&r);
    return found;
}

/* The bookkeeping of a segment whose numbers are all given out. */
static struct memory segment(void)
{
    static ho_buf loans[SEGMENTS * NUMBERS];
    static struct room r;

    memset(loans, 0xff, sizeof loans);
    room_open(&r, 1);
    struct memory before = now();
    for (uint32_t i = 0; i < SEGMENTS * NUMBERS; i++) {
        ok(ho_reserve(r.shards[0], SEGMENT_BYTES / NUMBERS, NULL, &loans[i]));
        loans[i].ptr[0] = 1;
    }
    struct memory found = growth(before, (double)SEGMENTS * SEGMENT_BYTES);
    ok(ho_abort(r.shards[0], loans, SEGMENTS * NUMBERS, NULL));
    room_close(&r);
    return by(found, SEGMENTS);
}

static void put(struct json *json, const char *what, struct memory m)
{
    char key[64];

    snprintf(key, sizeof key, "%s_mapped_bytes", what);
    json_real(json, key, m.mapped);
    snprintf(key, sizeof key, "%s_resident_bytes", what);
    json_real(json, key, m.resident);
}

int main(void)
{
    struct json *json;

    tool_name("bench-state");
    struct memory shard = by(shards(ENDS - 1), ENDS - 1);
    struct memory partition = by(partitions(ENDS - 1), ENDS - 1);
    struct memory producer = by(ends(1, ENDS - 1, 0), ENDS - 1);
    struct memory consumer = by(ends(1, 0, ENDS - 1), ENDS - 1);
    /* Of each of these producers one lane is counted already. */
    struct memory lane = by(minus(ends(WORKERS, FAN, 0), producer, FAN), FAN * (WORKERS - 1));

    json = json_new();
    put(json, "shard", shard);
    put(json, "partition", partition);
    put(json, "producer", producer);
    put(json, "consumer", consumer);
    put(json, "lane", lane);
    json_count(json, "segment_bytes", SEGMENT_BYTES);
    json_real(json, "segment_resident_bytes", segment().resident);
    return json_write(json, "-") == 0 ? 0 : 1;
}
