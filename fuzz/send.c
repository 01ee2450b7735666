/* SPDX-License-Identifier: MIT */
/* Sending: which of a batch go, where to, and which are dropped is foretold to the last one. */
#include "ledger.h"

#include <string.h>

struct batch {
    struct producer *producer;
    struct service *service;
    uint32_t count, flags;
    uint32_t items[BATCH];
    ho_buf bufs[BATCH], before[BATCH];
    bool drops[BATCH];
    uint32_t expected; /* how many are to go */
    int32_t status;    /* and what it then says */
};

static struct producer *any_producer(void)
{
    struct producer *p = &ledger.producers[pick(PRODUCERS)];
    return p->handle ? p : NULL;
}

static uint32_t batch_size(void)
{
    uint32_t size = 1 + pick(BATCH);
    return ledger.stragglers ? 1 : size;
}

/* A value of its own for each message, a key, and now and then a partition by its number. */
static void label(ho_buf *b, const struct service *s)
{
    b->value = ++ledger.serial;
    b->key = (uint64_t)pick(256) * UINT64_C(0x9e3779b97f4a7c15);
    b->flags = pick(256) & 0xf;
    if (one_in(3)) {
        b->flags |= HO_BUF_PARTITION;
        b->partition = (uint16_t)(one_in(12) ? s->partitions + pick(300) : pick(s->partitions));
    }
    if (one_in(40))
        b->flags |= 0x80000000u >> pick(15);
}

static uint32_t in_lane(uint32_t sender, uint32_t partition)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct item *item = &ledger.items[i];
        n += item->place == SENT && item->sender == sender && item->partition == partition;
    }
    return n;
}

/* One message: what the call says of it. HO_DROPPED: it goes, but does not arrive. */
static int32_t foretell_one(struct batch *t, uint32_t i)
{
    const ho_buf *b = &t->bufs[i];
    uint32_t partition = service_of_key(t->service, b), queued;
    if (b->flags & HO_BUF_FLAGS_MUST & ~HO_BUF_PARTITION)
        return HO_E_FLAGS;
    if (b->len > b->cap)
        return HO_E_RANGE;
    if (partition >= t->service->partitions)
        return HO_E_ROUTE;
    queued = in_lane(t->producer->sender, partition);
    for (uint32_t k = 0; k < i; k++)
        queued += !t->drops[k] && service_of_key(t->service, &t->bufs[k]) == partition;
    if (queued < t->service->slots)
        return HO_OK;
    return t->service->policy == HO_POLICY_DROP_NEWEST ? HO_DROPPED : HO_FULL;
}

static void foretell(struct batch *t)
{
    bool dropped = false;
    t->expected = 0;
    t->status = HO_OK;
    if (t->service->closing)
        t->status = HO_E_CLOSED;
    while (!t->status && t->expected < t->count) {
        int32_t status = foretell_one(t, t->expected);
        t->drops[t->expected] = status == HO_DROPPED;
        dropped |= status == HO_DROPPED;
        if (status && status != HO_DROPPED)
            t->status = status;
        else
            t->expected++;
    }
    if (!t->status && dropped)
        t->status = HO_DROPPED;
    memcpy(t->before, t->bufs, sizeof t->bufs);
    t->flags = one_in(4) ? HO_MORE : 0;
}

/* What is true of every sending call. */
static void settle(struct batch *t, int32_t status, uint32_t done, bool memory, bool copies)
{
    struct service *s = t->service;
    bool short_of_memory =
        (memory || ledger.stragglers) && status == HO_FULL && done <= t->expected;
    if (ledger.stragglers && status == HO_DROPPED && t->status == HO_OK) {
        t->status = HO_DROPPED; /* no room for a copy */
        t->drops[0] = true;
    }
    if (!t->count && status == HO_OK) /* nothing asked for, nothing refused */
        t->status = HO_OK;
    CHECK(short_of_memory || (status == t->status && done == t->expected),
          "%s and %u of %u, expected %s and %u", status_name(status), done, t->count,
          status_name(t->status), t->expected);
    for (uint32_t i = 0; i < t->count; i++)
        if (copies || i >= done)
            CHECK(!memcmp(&t->bufs[i], &t->before[i], sizeof *t->bufs), "%u was changed", i);
        else
            CHECK(is_empty(&t->bufs[i]), "%u is not empty", i);
    s->full += status == HO_FULL;
    if (status == HO_OK || status == HO_DROPPED)
        t->producer->more = t->count ? (t->flags & HO_MORE) != 0 : t->producer->more;
    for (uint32_t i = 0; i < done; i++) {
        struct item *item = &ledger.items[t->items[i]];
        s->in++;
        s->in_bytes += t->before[i].len;
        s->dropped += t->drops[i];
        s->dropped_bytes += t->drops[i] ? t->before[i].len : 0;
        item->buf = t->before[i];
        item->service = (uint32_t)(s - ledger.services);
        item->partition = service_of_key(s, &t->before[i]);
        item->sender = t->producer->sender;
        item->place = SENT;
        if (t->drops[i])
            item_gone(item, HO_REASON_CANCELLED);
    }
}

/* Was it copied, because the consumers are late? Then the original is gone. */
static void follow_copy(struct batch *t, uint32_t done)
{
    ho_service_stats stats;
    MUST(ho_init(HO_TYPE_SERVICE_STATS, &stats, sizeof stats));
    MUST(ho_service_stats_get(t->service->handle, &stats));
    uint64_t copies = stats.straggler_copies - t->service->copies;
    t->service->copies = stats.straggler_copies;
    if (!copies)
        return;
    CHECK(copies == 1 && done == 1, "%lu copies of %u messages", (unsigned long)copies, done);
    struct item *item = &ledger.items[t->items[0]];
    CHECK(item->place == SENT, "a copy of what was not sent");
    if (item->token != NONE && --ledger.tokens[item->token].parts == 0)
        ledger.tokens[item->token].reason = HO_REASON_CONSUMED;
    item->token = item->home = NONE;
    item->buf.kind = item->buf.len > SEGMENT ? HO_KIND_FOREIGN : HO_KIND_ARENA;
    item->buf.ptr = NULL; /* wherever it was copied to */
}

static bool batch_begin(struct batch *t)
{
    memset(t, 0, sizeof *t);
    t->producer = any_producer();
    if (!t->producer)
        return false;
    t->service = &ledger.services[t->producer->service];
    return true;
}

static void batch_gather(struct batch *t, enum place place)
{
    uint32_t wanted = batch_size(), first = pick(ITEMS);
    for (uint32_t i = 0; i < ITEMS && t->count < wanted; i++) {
        struct item *item = &ledger.items[(first + i) % ITEMS];
        if (item->place != place)
            continue;
        label(&item->buf, t->service);
        t->items[t->count] = (first + i) % ITEMS;
        t->bufs[t->count++] = item->buf;
    }
}

static void do_commit(void)
{
    struct batch t;
    uint32_t done = 99;
    if (!batch_begin(&t))
        return;
    batch_gather(&t, LOAN);
    for (uint32_t i = 0; i < t.count; i++) {
        struct item *item = &ledger.items[t.items[i]];
        ho_buf *b = &t.bufs[i];
        b->len = one_in(30) ? b->cap + 1 + pick(9) : pick((uint32_t)b->cap + 1);
        if (b->len <= b->cap)
            item_fill(item, b->ptr, b->len);
        item->buf.len = b->len;
    }
    foretell(&t);
    int32_t status = ho_commit(t.producer->handle, t.bufs, t.count, t.flags, &done);
    settle(&t, status, done, false, false);
    for (uint32_t i = 0; i < done; i++) {
        ledger.items[t.items[i]].buf.kind = HO_KIND_ARENA;
        ledger.items[t.items[i]].bytes = t.before[i].len;
        keep_stale(&t.before[i], true);
    }
    follow_copy(&t, done);
}

static void do_forward(void)
{
    struct batch t;
    uint32_t done = 99;
    if (!batch_begin(&t))
        return;
    batch_gather(&t, HELD);
    foretell(&t);
    int32_t status = ho_forward(t.producer->handle, t.bufs, t.count, t.flags, &done);
    settle(&t, status, done, false, false);
    follow_copy(&t, done);
}

static void do_give(void)
{
    struct batch t;
    uint32_t done = 99, wanted = batch_size();
    if (!batch_begin(&t))
        return;
    for (; t.count < wanted && ledger.tokens_used < TOKENS; t.count++) {
        uint32_t i = item_new(), owner = pick(OWNERS);
        if (i == NONE)
            break;
        uint64_t cap = 1 + pick(300);
        ho_buf *b = &t.bufs[t.count];
        b->ptr = malloc(cap);
        CHECK(b->ptr, "no memory");
        b->len = pick((uint32_t)cap + 1);
        b->cap = cap;
        b->owner = ledger.owners[owner];
        b->handle = ledger.tokens_used;
        ledger.items[i].place = HELD;
        item_fill(&ledger.items[i], b->ptr, b->len);
        ledger.items[i].token = token_new(b->ptr, cap, owner, shard_arena(t.producer->shard));
        label(b, t.service);
        t.items[t.count] = i;
    }
    foretell(&t);
    int32_t status = ho_give(t.producer->handle, t.bufs, t.count, t.flags, &done);
    settle(&t, status, done, true, false);
    for (uint32_t i = 0; i < t.count; i++) {
        struct item *item = &ledger.items[t.items[i]];
        item->buf.kind = HO_KIND_FOREIGN;
        if (i >= done) {
            free(t.bufs[i].ptr);
            item->place = NOWHERE;
            ledger.tokens_used--; /* they are the last ones */
        }
    }
    follow_copy(&t, done);
}

static void do_give_copy(void)
{
    static uint8_t bytes[BATCH][4 * SEGMENT];
    struct batch t;
    uint32_t done = 99, wanted = batch_size(), arena;
    uint64_t budget;
    if (!batch_begin(&t))
        return;
    arena = shard_arena(t.producer->shard);
    budget = ledger.arenas[arena].budget;
    for (; t.count < wanted && ledger.tokens_used + BATCH < TOKENS; t.count++) {
        uint32_t i = item_new();
        ho_buf *b = &t.bufs[t.count];
        if (i == NONE)
            break;
        b->len = one_in(8) ? pick(4 * SEGMENT) : pick(400);
        b->cap = b->len;
        b->ptr = b->len ? bytes[t.count] : NULL;
        ledger.items[i].place = HELD;
        item_fill(&ledger.items[i], bytes[t.count], b->len);
        label(b, t.service);
        t.items[t.count] = i;
    }
    foretell(&t);
    int32_t status = ho_give_copy(t.producer->handle, t.bufs, t.count, t.flags, &done);
    if (done < t.count && done <= t.expected && too_long(t.before[done].len, budget)) {
        CHECK(status == HO_E_RANGE || status == t.status || status == HO_FULL, "%s",
              status_name(status));
        t.status = status;
        t.expected = done;
    } else if (done < t.count && done == t.expected && t.status < 0 && status == HO_FULL) {
        t.status = status; /* memory is asked for first */
    }
    for (uint32_t i = 0; i < done; i++) {
        struct item *item = &ledger.items[t.items[i]];
        if (t.before[i].len > SEGMENT) {
            item->token = token_new(NULL, t.before[i].len, BLOCK, arena);
        } else {
            item->home = arena;
            item->bytes = t.before[i].len;
        }
        ledger.arenas[arena].copies++;
    }
    settle(&t, status, done, true, true);
    for (uint32_t i = 0; i < t.count; i++) {
        struct item *item = &ledger.items[t.items[i]];
        item->buf.kind = item->token != NONE ? HO_KIND_FOREIGN : HO_KIND_ARENA;
        item->buf.ptr = NULL; /* wherever it was copied to */
        if (i >= done)
            item->place = NOWHERE;
    }
    follow_copy(&t, done);
}

static void do_flush(void)
{
    struct producer *p = any_producer();
    if (!p)
        return;
    MUST(ho_flush(p->handle));
    p->more = false;
}

void fuzz_send(void)
{
    static void (*const calls[])(void) = {do_commit, do_commit,    do_forward,
                                          do_give,   do_give_copy, do_flush};
    calls[pick(sizeof calls / sizeof *calls)]();
}
