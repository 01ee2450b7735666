/* SPDX-License-Identifier: MIT */
/* Opening and closing, at the two ends of an input and in the middle of it. */
#include "ledger.h"

#include <unistd.h>

static void released(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    const uint32_t *owner = ctx;
    CHECK(count >= 1 && count <= 32, "%u at once", count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(recs[i].token < TOKENS, "token");
        struct token *t = &ledger.tokens[recs[i].token];
        CHECK(t->released++ == 0, "released twice");
        CHECK(recs[i].base == t->base && recs[i].size == t->size && recs[i].owner == *owner &&
                  ledger.owners[t->owner] == *owner,
              "another record");
        CHECK(t->owner == 0 || recs[i].reason == t->reason, "reason");
        free(t->base);
    }
}

static void service_open(struct service *s)
{
    static const uint32_t numbers[] = {1, 2, 3, 7, 16, 64, 65, 70};
    ho_service_opts opts = {.size = sizeof opts, .wait_ns = 1000};
    ho_service_stats stats = {.size = sizeof stats};
    opts.partitions = s->partitions = numbers[pick(8)];
    opts.lane_slots = s->slots = 2u << pick(4);
    opts.policy = s->policy = pick(3);
    opts.consumers = pick(2);
    s->bound = opts.consumers == HO_CONSUMERS_BOUND || s->partitions == 1;
    MUST(ho_service_open(ledger.domain, &opts, &s->handle));
    MUST(ho_service_stats_get(s->handle, &stats));
    s->number = stats.service;
}

static void stranger_open(const ho_domain_opts *opts)
{
    ho_buf *loans = ledger.strange_loans;
    ho_arena *arena;
    MUST(ho_domain_create(opts, &ledger.stranger));
    MUST(ho_arena_open(ledger.stranger, NULL, &arena));
    MUST(ho_shard_open(arena, &ledger.strange_shard));
    for (uint32_t i = 0; i < STRANGE; i++)
        MUST(ho_reserve(ledger.strange_shard, SEGMENT / 90, NULL, &loans[i]));
}

static void stranger_close(void)
{
    uint32_t done = 0;
    MUST(ho_abort(ledger.strange_shard, ledger.strange_loans, STRANGE, &done));
    CHECK(done == STRANGE, "%u of the stranger's loans were out", done);
    MUST(ho_shard_close(ledger.strange_shard));
    MUST(ho_domain_close(ledger.stranger, 0, NULL));
    MUST(ho_domain_destroy(ledger.stranger, NULL));
}

void world_open(void)
{
    ho_domain_opts opts = {
        .size = sizeof opts, .max_bytes = 64 * SEGMENT, .segment_bytes = SEGMENT};
    ledger.stragglers = one_in(4);
    MUST(ho_domain_create(&opts, &ledger.domain));
    stranger_open(&opts);
    for (uint32_t i = 0; i < ARENAS; i++) {
        struct arena *a = &ledger.arenas[i];
        ho_arena_opts arena = {.size = sizeof arena};
        a->budget = arena.budget_bytes =
            (uint64_t)((ledger.stragglers ? 8 : 2) + pick(6)) * SEGMENT;
        arena.keep_bytes = (uint64_t)pick(4) * SEGMENT;
        MUST(ho_arena_open(ledger.domain, &arena, &a->handle));
    }
    pools_open();
    allocs_open();
    for (uint32_t i = 0; i < SHARDS; i++)
        MUST(ho_shard_open(ledger.arenas[shard_arena(i)].handle, &ledger.shards[i]));
    for (uint32_t i = 0; i < SERVICES; i++)
        service_open(&ledger.services[i]);
    for (uint32_t i = 0; i < OWNERS; i++) {
        ho_owner_opts owner = {.size = sizeof owner, .release = released};
        owner.mode = i ? HO_RELEASE_DRAIN : HO_RELEASE_INLINE;
        owner.ctx = &ledger.owners[i];
        MUST(ho_owner_register(ledger.domain, &owner, &ledger.owners[i]));
    }
}

static void producer_open(uint32_t number)
{
    struct producer *p = &ledger.producers[number];
    uint32_t service = pick(SERVICES), shard = pick(SHARDS);
    if (!ledger.shards[shard])
        return;
    int32_t status =
        ho_producer_open(ledger.services[service].handle, ledger.shards[shard], &p->handle);
    CHECK(status == (ledger.services[service].closing ? HO_E_CLOSED : HO_OK), "%s",
          status_name(status));
    if (status)
        return;
    p->service = service;
    p->shard = shard;
    p->sender = ++ledger.senders;
    p->more = false;
}

void producer_close(struct producer *p)
{
    MUST(ho_producer_close(p->handle));
    p->handle = NULL;
    for (uint32_t i = 0; i < CONSUMERS; i++)
        if (ledger.consumers[i].helps == (uint32_t)(p - ledger.producers))
            ledger.consumers[i].helps = NONE;
}

static void consumer_open(struct consumer *c)
{
    uint32_t number = pick(SERVICES);
    const struct service *s = &ledger.services[number];
    ho_consumer_opts opts = {.size = sizeof opts};
    int32_t expected = s->closing ? HO_E_CLOSED : HO_OK;
    if (s->bound)
        opts.partition = pick(s->partitions);
    for (uint32_t i = 0; i < CONSUMERS && s->bound && !expected; i++) {
        const struct consumer *other = &ledger.consumers[i];
        if (other->handle && other->service == number && other->partition == opts.partition)
            expected = HO_E_BUSY;
    }
    int32_t status = ho_consumer_open(s->handle, &opts, &c->handle);
    CHECK(status == expected, "%s, expected %s", status_name(status), status_name(expected));
    if (status)
        return;
    c->service = number;
    c->partition = opts.partition;
    c->helps = NONE;
    c->claims = false;
    c->armed = false;
    c->fd = -1;
}

void consumer_close(struct consumer *c)
{
    MUST(ho_consumer_close(c->handle));
    if (c->helps != NONE)
        ledger.producers[c->helps].more = false;
    c->helps = NONE;
    c->handle = NULL;
    c->armed = false;
    if (c->fd >= 0)
        (void)close(c->fd);
}

static void shard_toggle(uint32_t shard)
{
    bool busy = false;
    if (!ledger.shards[shard]) {
        MUST(ho_shard_open(ledger.arenas[shard_arena(shard)].handle, &ledger.shards[shard]));
        return;
    }
    for (uint32_t i = 0; i < PRODUCERS; i++)
        busy |= ledger.producers[i].handle && ledger.producers[i].shard == shard;
    CHECK(ho_shard_close(ledger.shards[shard]) == (busy ? HO_E_BUSY : HO_OK), "busy: %d", busy);
    if (busy)
        return;
    ledger.shards[shard] = NULL;
    for (uint32_t i = 0; i < ITEMS; i++) /* its loans may be committed and aborted, not split */
        if (ledger.items[i].place == LOAN && ledger.items[i].shard == shard)
            ledger.items[i].shard = NONE;
}

static void drain(void)
{
    uint32_t drained = 99, most = 1 + pick(40);
    int32_t status = ho_owner_drain(ledger.domain, ledger.owners[1], most, &drained);
    CHECK(status == (drained ? HO_OK : HO_EMPTY) && drained <= most, "%s", status_name(status));
}

/* With one of its ends open: it only begins. */
static void service_begin_close(uint32_t number)
{
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        const struct producer *p = &ledger.producers[i];
        if (!p->handle || p->service != number)
            continue;
        CHECK(ho_service_close(ledger.services[number].handle, 0, NULL) == HO_TIMEOUT, "closed");
        ledger.services[number].closing = true;
        return;
    }
}

void fuzz_life(void)
{
    uint32_t p = pick(PRODUCERS), c = pick(CONSUMERS);
    switch (pick(8)) {
    case 0:
    case 1:
        if (!ledger.producers[p].handle)
            producer_open(p);
        else if (one_in(4))
            producer_close(&ledger.producers[p]);
        break;
    case 2:
    case 3:
        if (!ledger.consumers[c].handle)
            consumer_open(&ledger.consumers[c]);
        else if (one_in(4))
            consumer_close(&ledger.consumers[c]);
        break;
    case 4:
        if (one_in(4))
            shard_toggle(pick(SHARDS));
        break;
    case 5:
        if (one_in(16))
            service_begin_close(pick(SERVICES));
        break;
    default: drain();
    }
}

/* ---- the end */

/* Everything that can be taken is taken; without a helper and with nothing held back that is all. */
static void take_all(void)
{
    for (uint32_t i = 0; i < CONSUMERS; i++)
        if (ledger.consumers[i].handle) {
            MUST(ho_consumer_yield(ledger.consumers[i].handle));
            MUST(ho_consumer_help(ledger.consumers[i].handle, NULL, 0));
            ledger.consumers[i].helps = NONE;
            ledger.consumers[i].claims = false;
        }
    for (uint32_t i = 0; i < CONSUMERS; i++)
        if (ledger.consumers[i].handle)
            while (take(&ledger.consumers[i], 1 + pick(16)))
                ;
}

static void let_go(struct item *item)
{
    if (item->place == LOAN)
        MUST(ho_abort(ledger.shards[0], &item->buf, 1, NULL));
    else if (item->place == HELD)
        MUST(ho_return(ledger.domain, &item->buf, 1, NULL));
    if (item->place == LOAN || item->place == HELD)
        item_gone(item, HO_REASON_CONSUMED);
}

static void cancelled(struct service *s)
{
    for (uint32_t i = 0; i < ITEMS; i++)
        if (ledger.items[i].place == SENT && &ledger.services[ledger.items[i].service] == s)
            item_gone(&ledger.items[i], HO_REASON_CANCELLED);
}

void world_close(void)
{
    ho_outstanding out = {.size = sizeof out};
    if (!ledger.shards[0])
        shard_toggle(0);
    for (uint32_t i = 0; i < PRODUCERS; i++)
        if (ledger.producers[i].handle) {
            MUST(ho_flush(ledger.producers[i].handle));
            ledger.producers[i].more = false;
        }
    if (one_in(2))
        take_all();
    for (uint32_t i = 0; i < ITEMS; i++)
        let_go(&ledger.items[i]);
    check_stats();
    for (uint32_t i = 0; i < PRODUCERS; i++)
        if (ledger.producers[i].handle)
            producer_close(&ledger.producers[i]);
    for (uint32_t i = 0; i < CONSUMERS; i++)
        if (ledger.consumers[i].handle)
            consumer_close(&ledger.consumers[i]);
    for (uint32_t i = 0; i < SHARDS; i++)
        if (ledger.shards[i])
            MUST(ho_shard_close(ledger.shards[i]));
    for (uint32_t i = 0; i < SERVICES; i++) {
        cancelled(&ledger.services[i]);
        MUST(ho_service_close(ledger.services[i].handle, 0, &out));
    }
    check_releases();
    while (ho_owner_drain(ledger.domain, ledger.owners[1], 7, NULL) == HO_OK)
        ;
    for (uint32_t i = 0; i < ledger.tokens_used; i++)
        CHECK(ledger.tokens[i].owner == BLOCK || ledger.tokens[i].released == 1, "token %u", i);
    for (uint32_t i = 0; i < ITEMS; i++)
        CHECK(ledger.items[i].place == NOWHERE, "item %u is left", i);
    for (uint32_t i = 0; i < OWNERS; i++)
        MUST(ho_owner_retire(ledger.domain, ledger.owners[i], 0));
    for (uint32_t i = 0; i < ARENAS; i++) {
        ho_arena_stats stats = {.size = sizeof stats};
        MUST(ho_arena_trim(ledger.arenas[i].handle, 0, NULL));
        MUST(ho_arena_stats_get(ledger.arenas[i].handle, &stats));
        CHECK(!stats.segments_held && !stats.segments_in_use, "%lu segments held, %lu in use",
              (unsigned long)stats.segments_held, (unsigned long)stats.segments_in_use);
    }
    pools_close();
    allocs_close();
    for (uint32_t i = 0; i < ARENAS; i++)
        MUST(ho_arena_close(ledger.arenas[i].handle, 0, &out));
    MUST(ho_domain_close(ledger.domain, 0, &out));
    CHECK(!out.buffers && !out.loans && !out.handles && !out.undelivered, "something is left");
    MUST(ho_domain_destroy(ledger.domain, NULL));
    stranger_close();
}
