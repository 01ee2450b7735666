/* SPDX-License-Identifier: MIT */
/* The batch of one call: descriptors as passed, as they were before, and their outcome. */
#include "ledger.h"

#include <string.h>

#define STALE 32u

struct batch *batch_empty(void)
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

void label(void *buf, uint32_t service)
{
    uint64_t flags = ledger_random(0x10000);
    if (ledger_random(3) == 0) {
        flags |= (uint64_t)constant("HO_BUF_PARTITION");
        field_set(buf, "ho_buf", "partition", ledger_random(service_partitions(service)));
    }
    field_set(buf, "ho_buf", "flags", flags);
    field_set(buf, "ho_buf", "key", ledger_random(KEYS));
    field_set(buf, "ho_buf", "value", ~++ledger.values);
}

void batch_label(struct batch *batch, uint32_t service)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        label(batch->bufs + (size_t)i * size_of("ho_buf"), service);
    }
}

void published(uint32_t producer)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        struct item *item = &ledger.items[i];
        item->published |= item->place == SENT && item->lane == ledger.lanes[producer];
    }
}

void item_sent(uint32_t index, uint32_t producer)
{
    struct item *item = &ledger.items[index];
    const void *buf = item_buf(index);
    const uint64_t named =
        field_get(buf, "ho_buf", "flags") & (uint64_t)constant("HO_BUF_PARTITION");
    item->place = SENT;
    item->to = producer_service(producer);
    item->partition = named != 0 ? (uint32_t)field_get(buf, "ho_buf", "partition")
                                 : ledger.keys[item->to][field_get(buf, "ho_buf", "key") % KEYS];
    item->lane = ledger.lanes[producer];
    item->sequence = ++ledger.sequence;
    item->published = false;
}

int32_t batch_send(const char *statuses, const char *name, uint32_t producer, struct batch *batch,
                   uint64_t flags)
{
    batch_begin(batch);
    const int32_t status = MUST(statuses, name, P(ledger.producers[producer]), P(batch->bufs),
                                batch->count, flags, P(batch->done));
    batch_settle(batch);
    return status;
}

void batch_sent(const struct batch *batch, int32_t status, uint32_t producer)
{
    EXPECT((status == 0) == (*batch->done == batch->count),
           "%u of %u were accepted, and it said %s", *batch->done, batch->count,
           status_name(status));
    for (uint32_t i = 0; i < *batch->done; i++) {
        memcpy(item_buf(batch->items[i]), batch->before + (size_t)i * size_of("ho_buf"),
               size_of("ho_buf"));
        item_sent(batch->items[i], producer);
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
    batch_keep_stale(batch, true);
}

/* ---- stale descriptors: loans, and the rest */

static char *stale[2];
static uint32_t stale_count[2];

void batch_keep_stale(const struct batch *batch, bool loans)
{
    if (stale[loans] == NULL) {
        stale[loans] = room(STALE * (size_t)size_of("ho_buf"));
    }
    for (uint32_t i = 0; i < *batch->done; i++) {
        memcpy(stale[loans] + (size_t)(stale_count[loans]++ % STALE) * size_of("ho_buf"),
               batch->before + (size_t)i * size_of("ho_buf"), size_of("ho_buf"));
    }
}

const void *stale_any(bool loans)
{
    const uint32_t count = stale_count[loans] < STALE ? stale_count[loans] : STALE;
    return count == 0 ? NULL : stale[loans] + (size_t)ledger_random(count) * size_of("ho_buf");
}
