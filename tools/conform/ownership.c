/* SPDX-License-Identifier: MIT */
/* L4: seeded random sequences of calls, valid ones (here) and wrong ones, against the ledger. */
#include "ledger.h"

#include <inttypes.h>
#include <string.h>

#define SEEDS 24u
#define STEPS 3000u
#define BYTES_MAX 4000u

static void *domain(void)
{
    return ledger.scene->domain;
}

static uint32_t any_producer(void)
{
    return ledger_random(PRODUCERS);
}

static uint32_t any_shard(void)
{
    return ledger_random(SHARDS);
}

static void on_loan(uint32_t item, uint32_t shard)
{
    ledger.items[item] = (struct item){.place = ON_LOAN,
                                       .kind = "HO_KIND_LOAN",
                                       .shard = shard,
                                       .home = shard_arena(shard),
                                       .token = NO_TOKEN};
}

static bool do_reserve(void)
{
    const uint32_t item = item_any(NOWHERE), shard = any_shard();
    if (item == ITEMS) {
        return false;
    }
    const int32_t status = MUST("HO_OK HO_FULL", "ho_reserve", P(ledger.shards[shard]),
                                1 + ledger_random(BYTES_MAX), P(NULL), P(item_buf(item)));
    if (status == 0) {
        on_loan(item, shard);
    }
    return status == 0;
}

/* Loans that were not reserved are empty, whatever was there before. */
static bool do_reserve_many(void)
{
    struct batch *batch = batch_empty();
    const uint32_t wanted = 1 + ledger_random(BATCH_MAX), shard = any_shard();
    const uint64_t bytes = 1 + ledger_random(BYTES_MAX);
    for (uint32_t item; batch->count < wanted && (item = item_any(NOWHERE)) != ITEMS;) {
        on_loan(item, shard);
        batch->items[batch->count++] = item;
    }
    memset(batch->bufs, 0xa5, (size_t)batch->count * size_of("ho_buf"));
    const int32_t status = MUST("HO_OK HO_FULL", "ho_reserve_many", P(ledger.shards[shard]), bytes,
                                P(NULL), P(batch->bufs), batch->count, P(batch->done));
    EXPECT((status == 0) == (*batch->done == batch->count) && *batch->done <= batch->count,
           "%u of %u were reserved, and it said %s", *batch->done, batch->count,
           status_name(status));
    for (uint32_t i = 0; i < batch->count; i++) {
        char *buf = item_buf(batch->items[i]);
        memcpy(buf, batch->bufs + (size_t)i * size_of("ho_buf"), size_of("ho_buf"));
        if (i < *batch->done) {
            EXPECT(field_get(buf, "ho_buf", "cap") == bytes && field_get(buf, "ho_buf", "len") == 0,
                   "loan %u has not the size that was asked for", i);
            continue;
        }
        for (uint32_t at = 0; at < size_of("ho_buf"); at++) {
            EXPECT(buf[at] == 0, "%u was not reserved, and its descriptor is not empty", i);
        }
        ledger.items[batch->items[i]].place = NOWHERE;
    }
    return *batch->done > 0;
}

static bool do_commit(void)
{
    struct batch *batch = batch_of(ON_LOAN);
    const uint32_t producer = any_producer();
    for (uint32_t i = 0; i < batch->count; i++) {
        void *buf = item_buf(batch->items[i]);
        const uint64_t cap = field_get(buf, "ho_buf", "cap");
        field_set(buf, "ho_buf", "len", ledger_random((uint32_t)cap + 1));
        item_fill(batch->items[i]);
        memcpy(batch->bufs + (size_t)i * size_of("ho_buf"), buf, size_of("ho_buf"));
    }
    batch_label(batch, producer_service(producer));
    const uint64_t flags = ledger_random(4) == 0 ? (uint64_t)constant("HO_MORE") : 0;
    const int32_t status = batch_send("HO_OK HO_FULL", "ho_commit", producer, batch, flags);
    batch_committed(batch, status, producer);
    if (flags == 0 || status != 0) {
        published(producer);
    }
    return *batch->done > 0;
}

static bool do_abort(void)
{
    struct batch *batch = batch_of(ON_LOAN);
    batch_begin(batch);
    (void)MUST("HO_OK", "ho_abort", P(ledger.shards[any_shard()]), P(batch->bufs), batch->count,
               P(batch->done));
    batch_settle(batch);
    EXPECT(*batch->done == batch->count, "%u of %u were aborted", *batch->done, batch->count);
    for (uint32_t i = 0; i < batch->count; i++) {
        item_gone(batch->items[i]);
    }
    batch_keep_stale(batch, true);
    return batch->count > 0;
}

static bool do_split(void)
{
    const uint32_t loan = item_any(ON_LOAN), front = item_any(NOWHERE);
    if (loan == ITEMS || front == ITEMS) {
        return false;
    }
    const struct item *of = &ledger.items[loan];
    const uint64_t cap = field_get(item_buf(loan), "ho_buf", "cap");
    if (cap < 2) {
        return false;
    }
    const uint64_t bytes = 1 + ledger_random((uint32_t)cap - 1);
    const int32_t status = MUST("HO_OK HO_FULL", "ho_split", P(ledger.shards[of->shard]),
                                P(item_buf(loan)), bytes, P(item_buf(front)));
    if (status == 0) {
        ledger.items[front] = *of;
        EXPECT(field_get(item_buf(loan), "ho_buf", "cap") == cap - bytes &&
                   field_get(item_buf(front), "ho_buf", "cap") == bytes,
               "ho_split did not share the room out");
    }
    return status == 0;
}

static bool do_give(void)
{
    struct batch *batch = batch_of(NOWHERE);
    const uint32_t producer = any_producer(), first = ledger.tokens;
    const uint32_t count = 1 + ledger_random(BATCH_MAX);
    for (uint32_t i = 0; i < count && ledger.tokens < SCENE_TOKENS; i++) {
        const uint32_t item = item_any(NOWHERE);
        if (item == ITEMS) {
            break;
        }
        char *made = item_buf(item);
        memset(made, 0, size_of("ho_buf"));
        field_set(made, "ho_buf", "ptr", P(ledger.scene->memory + ledger.tokens * SCENE_BYTES));
        field_set(made, "ho_buf", "len", 1 + ledger_random(SCENE_BYTES));
        field_set(made, "ho_buf", "cap", SCENE_BYTES);
        field_set(made, "ho_buf", "owner", ledger.scene->owner);
        field_set(made, "ho_buf", "handle", ledger.tokens);
        ledger.items[item] = (struct item){.place = HELD,
                                           .kind = "HO_KIND_FOREIGN",
                                           .home = shard_arena(producer_shard(producer)),
                                           .token = ledger.tokens};
        item_fill(item);
        ledger.parts[ledger.tokens] = 1;
        ledger.token_home[ledger.tokens++] = shard_arena(producer_shard(producer));
        batch->items[batch->count] = item;
        batch_add(batch, made);
    }
    batch_label(batch, producer_service(producer));
    const int32_t status = batch_send("HO_OK HO_FULL", "ho_give", producer, batch, 0);
    batch_sent(batch, status, producer);
    published(producer);
    for (uint32_t i = *batch->done; i < batch->count; i++) {
        ledger.items[batch->items[i]].place = NOWHERE; /* the caller still has it: given later */
    }
    ledger.tokens = first + *batch->done;
    return *batch->done > 0;
}

/* Consecutive descriptors of bytes that the caller keeps. */
static bool do_give_copy(void)
{
    static unsigned char *bytes;
    static char *from, *before;
    const uint32_t producer = any_producer(), wanted = 1 + ledger_random(BATCH_MAX);
    const size_t each = size_of("ho_buf");
    uint32_t items[BATCH_MAX], count = 0, *accepted = batch_of(NOWHERE)->done;
    bytes = bytes != NULL ? bytes : room(BATCH_MAX * BYTES_MAX);
    from = from != NULL ? from : room(BATCH_MAX * each);
    before = before != NULL ? before : room(BATCH_MAX * each);
    while (count < wanted && (items[count] = item_any(NOWHERE)) != ITEMS) {
        const uint64_t len = ledger_random(8) == 0 ? 0 : ledger_random(BYTES_MAX);
        void *buf = item_buf(items[count]);
        memset(buf, 0, each);
        field_set(buf, "ho_buf", "ptr", P(bytes + (size_t)count * BYTES_MAX));
        field_set(buf, "ho_buf", "len", len);
        ledger.items[items[count]] = (struct item){.place = HELD,
                                                   .kind = "HO_KIND_ARENA",
                                                   .home = shard_arena(producer_shard(producer)),
                                                   .token = NO_TOKEN,
                                                   .bytes = len};
        item_fill(items[count]);
        field_set(buf, "ho_buf", "ptr", len == 0 ? 0 : P(bytes + (size_t)count * BYTES_MAX));
        label(buf, producer_service(producer));
        memcpy(from + count++ * each, buf, each);
    }
    memcpy(before, from, count * each);
    const int32_t status = MUST("HO_OK HO_FULL", "ho_give_copy", P(ledger.producers[producer]),
                                P(from), count, 0, P(accepted));
    EXPECT(*accepted <= count && (status == 0) == (*accepted == count),
           "%u of %u were accepted, and it said %s", *accepted, count, status_name(status));
    EXPECT(memcmp(before, from, count * each) == 0, "a borrowed descriptor was changed");
    ledger.partly += *accepted > 0 && *accepted < count;
    for (uint32_t i = 0; i < count; i++) {
        ledger.items[items[i]].place = NOWHERE;
        if (i < *accepted) {
            item_sent(items[i], producer);
            field_set(item_buf(items[i]), "ho_buf", "ptr", 0); /* the copy may be anywhere */
        }
    }
    published(producer);
    return *accepted > 0;
}

static bool do_return(void)
{
    struct batch *batch = batch_of(HELD);
    const uint32_t held = batch->count;
    for (uint32_t i = 0; i < held; i++) {
        item_check(batch->items[i]);
    }
    if (ledger_random(2) == 0) {
        memset(batch->bufs + (size_t)batch->count++ * size_of("ho_buf"), 0, size_of("ho_buf"));
    }
    batch_begin(batch);
    (void)MUST("HO_OK", "ho_return", P(domain()), P(batch->bufs), batch->count, P(batch->done));
    EXPECT(*batch->done == batch->count, "%u of %u were returned", *batch->done, batch->count);
    batch_settle(batch);
    for (uint32_t i = 0; i < held; i++) {
        item_gone(batch->items[i]);
    }
    *batch->done = held;
    batch_keep_stale(batch, false);
    return held > 0;
}

static bool do_slice(void)
{
    const uint32_t source = item_any(HELD), slice = item_any(NOWHERE);
    if (source == ITEMS || slice == ITEMS) {
        return false;
    }
    const uint32_t len = (uint32_t)field_get(item_buf(source), "ho_buf", "len");
    const uint32_t offset = ledger_random(len + 1),
                   bytes = ledger_random(4) == 0 ? 0 : ledger_random(len - offset + 1);
    (void)MUST("HO_E_RANGE", "ho_slice", P(domain()), P(item_buf(source)), offset, len - offset + 1,
               P(item_buf(slice)));
    (void)MUST("HO_OK", "ho_slice", P(domain()), P(item_buf(source)), offset, bytes,
               P(item_buf(slice)));
    ledger.items[slice] = ledger.items[source];
    ledger.items[slice].kind = "HO_KIND_SLICE";
    ledger.items[slice].home = NO_HOME;
    ledger.items[slice].offset += offset;
    if (ledger.items[slice].token != NO_TOKEN) {
        ledger.parts[ledger.items[slice].token]++;
    }
    EXPECT(field_get(item_buf(slice), "ho_buf", "len") == bytes, "a slice has another length");
    for (uint32_t i = 0; i < 3; i++) {
        static const char *const kept[] = {"key", "value", "flags"};
        EXPECT(field_get(item_buf(slice), "ho_buf", kept[i]) ==
                   field_get(item_buf(source), "ho_buf", kept[i]),
               "a slice has other %s", kept[i]);
    }
    item_check(slice);
    return true;
}

static bool do_forward(void)
{
    struct batch *batch = batch_of(HELD);
    const uint32_t producer = any_producer();
    batch_label(batch, producer_service(producer));
    batch_sent(batch, batch_send("HO_OK HO_FULL", "ho_forward", producer, batch, 0), producer);
    published(producer);
    return *batch->done > 0;
}

static bool do_compact(void)
{
    const uint32_t held = item_any(HELD), shard = any_shard();
    const uint64_t value = held == ITEMS ? 0 : field_get(item_buf(held), "ho_buf", "value");
    if (held == ITEMS || ledger.copies == COPIES ||
        MUST("HO_OK HO_FULL", "ho_compact", P(ledger.shards[shard]), P(item_buf(held))) != 0) {
        return false;
    }
    struct item *item = &ledger.items[held];
    item_gone(held);
    item->place = HELD;
    item->home = shard_arena(shard);
    item->token = NO_TOKEN;
    item->kind = "HO_KIND_ARENA";
    if (field_get(item_buf(held), "ho_buf", "kind") == (uint64_t)constant("HO_KIND_FOREIGN")) {
        item->kind = "HO_KIND_FOREIGN"; /* in memory of its own */
        item->token = SCENE_TOKENS + ledger.copies++;
        ledger.parts[item->token] = 1;
        ledger.token_home[item->token] = shard_arena(shard);
    }
    item->bytes = field_get(item_buf(held), "ho_buf", "len");
    EXPECT(field_get(item_buf(held), "ho_buf", "value") == value, "ho_compact lost the value");
    item_check(held);
    return true;
}

static bool do_flush(void)
{
    const uint32_t producer = any_producer();
    (void)MUST("HO_OK", "ho_flush", P(ledger.producers[producer]));
    published(producer);
    return true;
}

/* ---- sequences */

static const struct op right[] = {
    {"ho_reserve", do_reserve},
    {"ho_reserve_many", do_reserve_many},
    {"ho_commit", do_commit},
    {"ho_abort", do_abort},
    {"ho_split", do_split},
    {"ho_give", do_give},
    {"ho_give_copy", do_give_copy},
    {"ho_take", do_take},
    {"ho_return", do_return},
    {"ho_slice", do_slice},
    {"ho_forward", do_forward},
    {"ho_compact", do_compact},
    {"ho_flush", do_flush},
    {"ho_take", do_take},
    {"ho_wait", do_wait},
    {"ho_consumer_yield", do_yield},
    {"ho_consumer_help", do_help},
    {"ho_consumer_close", do_replace_consumer},
    {"ho_producer_close", do_replace_producer},
};
#define RIGHT (uint32_t)(sizeof right / sizeof *right)

/* Four of five calls are valid. */
static const struct op *any_op(uint32_t *index)
{
    if (ledger_random(5) != 0) {
        *index = ledger_random(RIGHT);
        return &right[*index];
    }
    *index = ledger_random(MISUSES);
    const struct op *found = &misuses[*index];
    *index += RIGHT;
    return found;
}

/* A sequence that never did something has tested less than it claims. */
static void expect_all(const uint32_t *times)
{
    for (uint32_t i = 0; i < RIGHT + MISUSES; i++) {
        EXPECT(times[i] > 0, "never came to: %s", (i < RIGHT ? right[i] : misuses[i - RIGHT]).name);
    }
    EXPECT(ledger.partly > 0, "no batch was accepted in part");
}

static void sequence(uint32_t which)
{
    const uint64_t seed = kit.seed != 0 ? kit.seed : which;
    uint32_t times[RIGHT + MISUSES] = {0}, index;
    ledger_open(seed);
    for (uint32_t i = 0; i < STEPS; i++) {
        const struct op *op = any_op(&index);
        case_step("--seed %" PRIu64 ", step %u, %s", seed, i, op->name);
        times[index] += op->run();
        ledger_check_releases();
        if (i % 32 == 0) {
            ledger_check_stats();
        }
    }
    case_step("--seed %" PRIu64 ", at the end", seed);
    expect_all(times);
    ledger_close();
}

void ownership_cases(void)
{
    if (kit.seed != 0) {
        case_add("ownership", sequence, 0, "random calls, seed %" PRIu64, kit.seed);
        return;
    }
    case_add("ownership", forged_handles, 0, "a handle with a flipped bit is refused");
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        case_add("ownership", sequence, seed, "random calls, seed %u", seed);
    }
}
