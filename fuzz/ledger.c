/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <stdarg.h>
#include <string.h>

struct ledger ledger;

void fail(int line, const char *condition, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "fuzz_calls: step %u, %s, line %d: %s: ", ledger.steps, ledger.step, line,
            condition);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    abort();
}

const char *status_name(int32_t status)
{
    const char *name;
    (void)ho_strerror(status, &name, NULL);
    return name;
}

static uint32_t next_byte(void)
{
    if (!ledger.left)
        return 0;
    ledger.left--;
    return *ledger.input++;
}

uint32_t pick(uint32_t below)
{
    uint32_t value = next_byte();
    if (below > 256)
        value = value << 8 | next_byte();
    return value % below;
}

bool one_in(uint32_t n)
{
    return pick(n) == n - 1;
}

/* ---- items */

uint32_t item_any(enum place place)
{
    uint32_t first = pick(ITEMS);
    for (uint32_t i = 0; i < ITEMS; i++)
        if (ledger.items[(first + i) % ITEMS].place == place)
            return (first + i) % ITEMS;
    return NONE;
}

uint32_t item_new(void)
{
    for (uint32_t i = 0; i < ITEMS; i++)
        if (ledger.items[i].place == NOWHERE) {
            ledger.items[i] = (struct item){.home = NONE, .token = NONE};
            return i;
        }
    return NONE;
}

static uint8_t byte_of(uint32_t content, uint64_t at)
{
    return (uint8_t)(content * 37 + at * 7 + (at >> 8));
}

void item_fill(struct item *item, uint8_t *bytes, uint64_t len)
{
    item->content = ++ledger.contents;
    item->offset = 0;
    for (uint64_t i = 0; i < len; i++)
        bytes[i] = byte_of(item->content, i);
}

void item_check(const struct item *item)
{
    const ho_buf *b = &item->buf;
    CHECK(b->ptr && b->len <= b->cap, "a descriptor without memory");
    for (uint64_t i = 0; i < b->len; i++)
        CHECK(b->ptr[i] == byte_of(item->content, item->offset + i), "byte %lu is another",
              (unsigned long)i);
}

void item_check_room(const struct item *item)
{
    uintptr_t at = (uintptr_t)item->buf.ptr, end = at + item->buf.cap;
    for (uint32_t i = 0; i < ITEMS && item->home != NONE && item->buf.cap; i++) {
        const struct item *other = &ledger.items[i];
        uintptr_t from = (uintptr_t)other->buf.ptr;
        if (other == item || other->home == NONE || !other->buf.cap ||
            (other->place != LOAN && other->place != HELD))
            continue;
        CHECK(end <= from || from + other->buf.cap <= at,
              "two buffers have the same room: %p, %lu and %p, %lu; kinds %u, %u",
              (void *)item->buf.ptr, (unsigned long)item->buf.cap, (void *)other->buf.ptr,
              (unsigned long)other->buf.cap, item->buf.kind, other->buf.kind);
    }
}

void item_gone(struct item *item, uint32_t reason)
{
    if (item->token != NONE) {
        struct token *t = &ledger.tokens[item->token];
        if (--t->parts == 0)
            t->reason = reason;
    }
    item->place = NOWHERE;
}

void keep_stale(const ho_buf *buf, bool loan)
{
    ledger.stale[loan][ledger.stale_count[loan]++ % STALE] = *buf;
}

const ho_buf *stale_any(bool loan)
{
    uint32_t n = ledger.stale_count[loan] < STALE ? ledger.stale_count[loan] : STALE;
    return n ? &ledger.stale[loan][pick(n)] : NULL;
}

bool is_empty(const ho_buf *buf)
{
    static const ho_buf empty;
    return !memcmp(buf, &empty, sizeof empty);
}

uint32_t shard_arena(uint32_t shard)
{
    return shard == SHARDS - 1 ? 1 : 0;
}

/* docs/tuning.md has the hash. */
uint32_t service_of_key(const struct service *service, const ho_buf *buf)
{
    uint64_t h = buf->key;
    if (buf->flags & HO_BUF_PARTITION)
        return buf->partition;
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((h >> 32) * service->partitions >> 32);
}

uint32_t token_new(uint8_t *base, uint64_t size, uint32_t owner, uint32_t home)
{
    ledger.tokens[ledger.tokens_used] =
        (struct token){.base = base, .size = size, .owner = owner, .home = home, .parts = 1};
    return ledger.tokens_used++;
}

/* ---- comparing */

void check_releases(void)
{
    for (uint32_t i = 0; i < ledger.tokens_used; i++) {
        const struct token *t = &ledger.tokens[i];
        CHECK(t->released <= (t->parts == 0), "token %u: %u times, %u parts", i, t->released,
              t->parts);
        CHECK(t->owner != 0 || t->parts || t->released, "token %u was not released", i);
    }
}

static void same(uint64_t found, uint64_t expected, const char *what)
{
    CHECK(found == expected, "%s is %lu, expected %lu", what, (unsigned long)found,
          (unsigned long)expected);
}

static void check_service(const struct service *s)
{
    ho_service_stats t;
    MUST(ho_init(HO_TYPE_SERVICE_STATS, &t, sizeof t));
    MUST(ho_service_stats_get(s->handle, &t));
    same(t.messages_in, s->in, "messages_in");
    same(t.bytes_in, s->in_bytes, "bytes_in");
    same(t.messages_out, s->out, "messages_out");
    same(t.bytes_out, s->out_bytes, "bytes_out");
    same(t.messages_dropped, s->dropped, "messages_dropped");
    same(t.bytes_dropped, s->dropped_bytes, "bytes_dropped");
    same(t.undelivered, s->in - s->out - s->dropped, "undelivered");
    same(t.full, s->full, "full");
    same(t.late_wakes, 0, "late_wakes");
}

static void check_arena(uint32_t arena)
{
    uint64_t loans = 0, buffers = 0, live = 0, foreign = 0;
    ho_arena_stats t;
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct item *item = &ledger.items[i];
        if (item->place == NOWHERE || item->home != arena)
            continue;
        loans += item->place == LOAN;
        buffers += item->place != LOAN;
        live += item->place != LOAN ? item->bytes : 0;
    }
    for (uint32_t i = 0; i < ledger.tokens_used; i++) {
        const struct token *k = &ledger.tokens[i];
        foreign += k->home == arena && (k->parts || (k->owner != BLOCK && !k->released));
    }
    MUST(ho_init(HO_TYPE_ARENA_STATS, &t, sizeof t));
    MUST(ho_arena_stats_get(ledger.arenas[arena].handle, &t));
    same(t.loans_out, loans, "loans_out");
    same(t.buffers_out, buffers, "buffers_out");
    same(t.bytes_live, live, "bytes_live");
    same(t.foreign_out, foreign, "foreign_out");
    same(t.copies, ledger.arenas[arena].copies, "copies");
    CHECK(t.segments_held * SEGMENT <= ledger.arenas[arena].budget, "over the budget");
    CHECK(t.segments_in_use <= t.segments_peak, "in_use above peak");
}

void check_stats(void)
{
    for (uint32_t i = 0; i < SERVICES; i++)
        check_service(&ledger.services[i]);
    for (uint32_t i = 0; i < ARENAS; i++)
        check_arena(i);
    pools_check();
    allocs_check();
}
