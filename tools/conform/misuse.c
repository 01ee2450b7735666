/* SPDX-License-Identifier: MIT */
/* L4: wrong calls: each returns its own error and changes nothing. */
#include "ledger.h"

#include <string.h>

static uint32_t any_producer(void)
{
    return ledger_random(PRODUCERS);
}

static uint32_t any_shard(void)
{
    return ledger_random(SHARDS);
}

static void expect_done(const struct batch *batch, uint32_t done)
{
    EXPECT(*batch->done == done, "%u of %u were done, expected %u", *batch->done, batch->count,
           done);
}

static void send_refused(const char *status, const char *name, struct batch *batch, uint64_t flags)
{
    (void)batch_send(status, name, any_producer(), batch, flags);
    expect_done(batch, 0);
}

static void give_back(const char *status, struct batch *batch, uint32_t done)
{
    batch_begin(batch);
    (void)MUST(status, "ho_return", P(ledger.scene->domain), P(batch->bufs), batch->count,
               P(batch->done));
    batch_settle(batch);
    expect_done(batch, done);
}

static void abort_refused(const char *status, struct batch *batch)
{
    batch_begin(batch);
    (void)MUST(status, "ho_abort", P(ledger.shards[any_shard()]), P(batch->bufs), batch->count,
               P(batch->done));
    batch_settle(batch);
    expect_done(batch, 0);
}

static struct batch *batch_with(const void *buf)
{
    struct batch *batch = batch_of(NOWHERE);
    batch_add(batch, buf);
    return batch;
}

/* ho_commit and ho_abort accept only loans, the other calls everything but loans. */
static void all_refuse(const char *status, struct batch *batch)
{
    static void *slice;
    slice = slice != NULL ? slice : room(size_of("ho_buf"));
    send_refused(status, "ho_forward", batch, 0);
    give_back(status, batch, 0);
    batch_begin(batch);
    (void)MUST(status, "ho_compact", P(ledger.shards[any_shard()]), P(batch->bufs));
    (void)MUST(status, "ho_slice", P(ledger.scene->domain), P(batch->bufs), 0, 0, P(slice));
    *batch->done = 0;
    batch_settle(batch);
}

static bool stale_loan(void)
{
    const void *grave = stale_any(true);
    if (grave == NULL) {
        return false;
    }
    send_refused("HO_E_STALE", "ho_commit", batch_with(grave), 0);
    abort_refused("HO_E_STALE", batch_with(grave));
    return true;
}

static bool stale_buffer(void)
{
    const void *grave = stale_any(false);
    if (grave == NULL) {
        return false;
    }
    all_refuse("HO_E_STALE", batch_with(grave));
    return true;
}

static bool double_return(void)
{
    const uint32_t item = item_any(HELD);
    if (item == ITEMS) {
        return false;
    }
    struct batch *batch = batch_with(item_buf(item));
    batch_add(batch, item_buf(item));
    give_back("HO_E_STALE", batch, 1);
    item_gone(item);
    batch_keep_stale(batch, false);
    return true;
}

static bool stale_in_the_middle(void)
{
    const uint32_t first = item_any(HELD);
    const void *grave = stale_any(false);
    if (first == ITEMS || grave == NULL) {
        return false;
    }
    struct batch *batch = batch_with(item_buf(first));
    batch_add(batch, grave);
    batch_add(batch, item_buf(first));
    give_back("HO_E_STALE", batch, 1);
    item_gone(first);
    batch_keep_stale(batch, false);
    return true;
}

static bool stale_behind_a_loan(void)
{
    struct batch *batch = batch_of(ON_LOAN);
    const void *grave = stale_any(true);
    const uint32_t good = batch->count, producer = any_producer();
    if (good == 0 || grave == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < good; i++) { /* empty messages */
        item_fill(batch->items[i]);
    }
    batch_label(batch, producer_service(producer));
    batch_add(batch, grave);
    const int32_t status = batch_send("HO_E_STALE HO_FULL", "ho_commit", producer, batch, 0);
    batch_committed(batch, status, producer);
    return *batch->done == good;
}

static bool wrong_kind(void)
{
    struct batch *loans = batch_of(ON_LOAN);
    if (loans->count == 0) {
        return false;
    }
    all_refuse("HO_E_KIND", loans);
    struct batch *held = batch_of(HELD);
    if (held->count == 0) {
        return false;
    }
    send_refused("HO_E_KIND", "ho_commit", held, 0);
    abort_refused("HO_E_KIND", held);
    return true;
}

static bool unknown_flag(void)
{
    static const char *const names[] = {"ho_commit", "ho_forward", "ho_give"};
    const uint32_t which = ledger_random(3);
    struct batch *batch = batch_of(which == 0 ? ON_LOAN : HELD);
    send_refused("HO_E_FLAGS", names[which], batch, UINT32_C(1) << 31);
    return batch->count > 0;
}

/* To a partition that no service of the ledger has. */
static void nowhere(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        void *buf = batch->bufs + (size_t)i * size_of("ho_buf");
        field_set(buf, "ho_buf", "flags", (uint64_t)constant("HO_BUF_PARTITION"));
        field_set(buf, "ho_buf", "partition", SEVERAL + ledger_random(2000));
    }
}

static bool wrong_route(void)
{
    struct batch *batch = batch_of(ON_LOAN);
    nowhere(batch);
    send_refused(batch->count > 0 ? "HO_E_ROUTE" : "HO_OK", "ho_commit", batch, 0);
    batch = batch_of(HELD);
    nowhere(batch);
    send_refused(batch->count > 0 ? "HO_E_ROUTE" : "HO_OK", "ho_forward", batch, 0);
    return batch->count > 0;
}

static bool longer_than_the_loan(void)
{
    const uint32_t item = item_any(ON_LOAN);
    if (item == ITEMS) {
        return false;
    }
    struct batch *batch = batch_with(item_buf(item));
    field_set(batch->bufs, "ho_buf", "len", field_get(batch->bufs, "ho_buf", "cap") + 1);
    send_refused("HO_E_RANGE", "ho_commit", batch, 0);
    return true;
}

/* Buffers of another domain: one of each kind, held for the whole sequence. */
static bool foreign_domain(void)
{
    static struct world world;
    static void *taken, *loan;
    if (taken == NULL) {
        world_make(&world);
        taken = world_taken(&world);
        loan = world_loan(&world);
    }
    all_refuse("HO_E_STALE", batch_with(taken));
    send_refused("HO_E_STALE", "ho_commit", batch_with(loan), 0);
    abort_refused("HO_E_STALE", batch_with(loan));
    return true;
}

static bool nothing_at_all(void)
{
    static void *empty;
    empty = empty != NULL ? empty : room(size_of("ho_buf"));
    struct batch *batch = batch_with(empty);
    send_refused("HO_E_KIND", "ho_commit", batch, 0);
    send_refused("HO_E_KIND", "ho_forward", batch, 0);
    abort_refused("HO_E_KIND", batch);
    give_back("HO_OK", batch, 1);
    return true;
}

/* The library's descriptors have a seal in `owner`. */
static bool broken_seal(void)
{
    const uint32_t item = item_any(HELD);
    if (item == ITEMS) {
        return false;
    }
    struct batch *batch = batch_with(item_buf(item));
    const uint64_t seal = field_get(batch->bufs, "ho_buf", "owner");
    field_set(batch->bufs, "ho_buf", "owner", seal ^ UINT64_C(1) << ledger_random(32));
    all_refuse("HO_E_STALE", batch);
    return true;
}

static void give_refused(const char *status, const char *field, uint64_t value)
{
    static void *memory;
    memory = memory != NULL ? memory : room(SCENE_BYTES);
    struct batch *batch = batch_of(NOWHERE);
    memset(batch->bufs, 0, size_of("ho_buf"));
    field_set(batch->bufs, "ho_buf", "ptr", P(memory));
    field_set(batch->bufs, "ho_buf", "len", SCENE_BYTES);
    field_set(batch->bufs, "ho_buf", "owner", ledger.scene->owner);
    field_set(batch->bufs, "ho_buf", field, value);
    batch->count = 1;
    send_refused(status, "ho_give", batch, 0);
}

static bool impossible_gift(void)
{
    give_refused("HO_E_OWNER", "owner", 0);
    give_refused("HO_E_OWNER", "owner", ledger.scene->owner ^ UINT32_C(1) << 30);
    give_refused("HO_E_INVAL", "ptr", 0);
    give_refused("HO_E_INVAL", "ptr", UINT64_MAX);
    give_refused("HO_E_RANGE", "cap", SCENE_BYTES - 1);
    give_refused("HO_E_RESERVED", "kind", 1);
    give_refused("HO_E_RESERVED", "service", 1);
    return true;
}

const struct op misuses[MISUSES] = {
    {"a loan that is stale", stale_loan},
    {"a buffer that is stale", stale_buffer},
    {"a buffer twice in a batch", double_return},
    {"a stale buffer in the middle", stale_in_the_middle},
    {"a stale loan behind good ones", stale_behind_a_loan},
    {"the wrong kind", wrong_kind},
    {"an unknown flag", unknown_flag},
    {"the wrong route", wrong_route},
    {"longer than the loan", longer_than_the_loan},
    {"another domain's", foreign_domain},
    {"nothing at all", nothing_at_all},
    {"a broken seal", broken_seal},
    {"an impossible gift", impossible_gift},
};

/* Flips each bit of the handle of an arena buffer, and of a slice of it. */
void forged_handles(uint32_t which)
{
    struct world world;
    (void)which;
    world_make(&world);
    void *arena = world_taken(&world), *slice = room(size_of("ho_buf"));
    (void)MUST("HO_OK", "ho_slice", P(world.domain), P(arena), 0, 1, P(slice));
    for (uint32_t i = 0; i < 128; i++) {
        void *forged = room(size_of("ho_buf"));
        memcpy(forged, i < 64 ? arena : slice, size_of("ho_buf"));
        const uint64_t handle = field_get(forged, "ho_buf", "handle");
        field_set(forged, "ho_buf", "handle", handle ^ UINT64_C(1) << i % 64);
        case_step("bit %u of a handle", i % 64);
        (void)MUST("HO_E_STALE", "ho_return", P(world.domain), P(forged), 1, P(NULL));
    }
    (void)MUST("HO_OK", "ho_return", P(world.domain), P(arena), 1, P(NULL));
    (void)MUST("HO_OK", "ho_return", P(world.domain), P(slice), 1, P(NULL));
}
