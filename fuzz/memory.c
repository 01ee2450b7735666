/* SPDX-License-Identifier: MIT */
/* Memory: loans, returns, slices and copies. */
#include "ledger.h"

#include <string.h>

static uint32_t any_shard(void)
{
    uint32_t i = pick(SHARDS);
    return ledger.shards[i] ? i : NONE;
}

static void do_reserve(void)
{
    uint32_t shard = any_shard(), i = item_new();
    ho_reserve_opts opts = {.size = sizeof opts};
    bool with = one_in(3);
    uint64_t bytes = one_in(6) ? pick(SEGMENT + 200) : pick(600);
    if (shard == NONE || i == NONE)
        return;
    if (with) {
        opts.headroom = pick(100);
        opts.tailroom = pick(100);
        opts.align_log2 = pick(14);
    }
    uint64_t align = UINT64_C(1) << (with && opts.align_log2 ? opts.align_log2 : 6);
    uint64_t head = (opts.headroom + align - 1) & ~(align - 1);
    bool fits = bytes && align <= 4096 && head + bytes + opts.tailroom <= SEGMENT;
    struct item *item = &ledger.items[i];
    int32_t status = ho_reserve(ledger.shards[shard], bytes, with ? &opts : NULL, &item->buf);
    CHECK(fits ? status == HO_OK || status == HO_FULL : status == HO_E_RANGE, "%s",
          status_name(status));
    CHECK(status == HO_OK || is_empty(&item->buf), "a refused loan is not empty");
    if (status)
        return;
    CHECK(item->buf.cap == bytes && !item->buf.len && item->buf.kind == HO_KIND_LOAN, "a loan");
    CHECK((uintptr_t)item->buf.ptr % align == 0, "not aligned");
    memset(item->buf.ptr - opts.headroom, 0xee, opts.headroom + bytes + opts.tailroom);
    item->place = LOAN;
    item->shard = shard;
    item->home = shard_arena(shard);
    item_check_room(item);
}

static void do_abort(void)
{
    uint32_t i = item_any(LOAN), shard = any_shard(), done = 9;
    if (i == NONE || shard == NONE)
        return;
    ho_buf copy = ledger.items[i].buf;
    MUST(ho_abort(ledger.shards[shard], &ledger.items[i].buf, 1, &done));
    CHECK(done == 1 && is_empty(&ledger.items[i].buf), "not aborted");
    keep_stale(&copy, true);
    item_gone(&ledger.items[i], 0);
}

static void do_split(void)
{
    uint32_t i = item_any(LOAN), shard = any_shard(), k = item_new();
    if (i == NONE || shard == NONE || k == NONE)
        return;
    struct item *loan = &ledger.items[i], *front = &ledger.items[k];
    ho_buf before = loan->buf;
    uint64_t bytes = pick((uint32_t)loan->buf.cap + 2);
    int32_t status = ho_split(ledger.shards[shard], &loan->buf, bytes, &front->buf);
    if (status) {
        CHECK(is_empty(&front->buf) && !memcmp(&before, &loan->buf, sizeof before), "changed");
        bool range = !bytes || bytes > before.cap;
        CHECK((status == HO_E_DOMAIN && loan->shard != shard) ||
                  (status == (range ? HO_E_RANGE : HO_FULL) &&
                   (loan->shard == shard || loan->shard == NONE)),
              "%s", status_name(status));
        return;
    }
    /* A shard that was opened in the place of one that closed may split the loans of that. */
    CHECK((loan->shard == shard || loan->shard == NONE) && bytes && bytes <= before.cap,
          "split what it should not");
    CHECK(front->buf.ptr == before.ptr && front->buf.len == bytes && front->buf.cap == bytes &&
              loan->buf.ptr == before.ptr + bytes && loan->buf.cap == before.cap - bytes,
          "not shared out");
    front->place = LOAN;
    front->shard = loan->shard;
    front->home = loan->home;
}

/* A run of loans: each as one alone, and the first that does not fit ends it. */
static void do_reserve_many(void)
{
    uint32_t shard = any_shard(), items[2 * BATCH], count = 0, done = 99, wanted = pick(2 * BATCH);
    ho_buf loans[2 * BATCH];
    ho_reserve_opts opts = {.size = sizeof opts, .headroom = pick(100), .tailroom = pick(100)};
    bool with = one_in(4);
    uint64_t bytes = one_in(6) ? pick(SEGMENT + 200) : pick(600);
    if (shard == NONE)
        return;
    for (uint32_t i; count < wanted && (i = item_new()) != NONE; items[count++] = i)
        ledger.items[i].place = LOAN;
    memset(loans, 0xa5, sizeof loans);
    uint64_t head = with ? (opts.headroom + 63) & ~63u : 0, tail = with ? opts.tailroom : 0;
    bool fits = bytes && head + bytes + tail <= SEGMENT;
    int32_t status =
        ho_reserve_many(ledger.shards[shard], bytes, with ? &opts : NULL, loans, count, &done);
    CHECK(status == HO_OK ? done == count && (fits || !count)
                          : done < count && status == (fits ? HO_FULL : HO_E_RANGE),
          "%s, %u of %u", status_name(status), done, count);
    for (uint32_t i = 0; i < count; i++) {
        struct item *item = &ledger.items[items[i]];
        CHECK(i < done || is_empty(&loans[i]), "loan %u is not empty", i);
        if (i >= done) {
            item->place = NOWHERE;
            continue;
        }
        item->buf = loans[i];
        item->shard = shard;
        item->home = shard_arena(shard);
        CHECK(loans[i].cap == bytes && !loans[i].len && loans[i].kind == HO_KIND_LOAN, "a loan");
        CHECK((uintptr_t)loans[i].ptr % 64 == 0, "not aligned");
        memset(loans[i].ptr - (with ? opts.headroom : 0), 0xee,
               (with ? opts.headroom : 0) + bytes + tail);
        item_check_room(item);
    }
}

/* A holder may move the front of what he holds. */
static void do_move(void)
{
    uint32_t i = item_any(one_in(2) ? LOAN : HELD);
    if (i == NONE)
        return;
    struct item *item = &ledger.items[i];
    uint64_t most = item->place == LOAN ? item->buf.cap : item->buf.len;
    uint64_t by = pick((uint32_t)most + 1);
    item->buf.ptr += by;
    item->buf.cap -= by;
    item->buf.len -= item->buf.len < by ? item->buf.len : by;
    item->offset += item->place == LOAN ? 0 : by;
    if (item->place == HELD)
        item->buf.len -= pick((uint32_t)item->buf.len + 1);
}

/* A batch, with empty ones, and now and then a stale one in the middle that stops it. */
static void do_return(void)
{
    ho_buf bufs[2 * BATCH] = {{0}}, before[2 * BATCH];
    uint32_t items[2 * BATCH], count = 0, stop = NONE, done = 99, wanted = 1 + pick(BATCH);
    uint32_t first = pick(ITEMS);
    for (uint32_t i = 0; i < ITEMS && count < wanted; i++) {
        struct item *item = &ledger.items[(first + i) % ITEMS];
        if (item->place != HELD)
            continue;
        item_check(item);
        items[count] = (first + i) % ITEMS;
        bufs[count++] = item->buf;
        if (one_in(8))
            items[count++] = NONE;
        if (stop == NONE && one_in(16)) { /* the same again */
            stop = count;
            items[count] = NONE;
            bufs[count] = bufs[stop - 1].kind ? bufs[stop - 1] : bufs[0];
            count++;
        }
    }
    memcpy(before, bufs, sizeof bufs);
    int32_t status = ho_return(ledger.domain, bufs, count, &done);
    CHECK(status == (stop == NONE ? HO_OK : HO_E_STALE) && done == (stop == NONE ? count : stop),
          "%s, %u of %u", status_name(status), done, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(i < done ? is_empty(&bufs[i]) : !memcmp(&bufs[i], &before[i], sizeof *bufs),
              "descriptor %u", i);
        if (i >= done || items[i] == NONE)
            continue;
        keep_stale(&before[i], false);
        item_gone(&ledger.items[items[i]], HO_REASON_CONSUMED);
    }
}

static void do_slice(void)
{
    uint32_t i = item_any(HELD), k = item_new();
    if (i == NONE || k == NONE)
        return;
    struct item *of = &ledger.items[i], *slice = &ledger.items[k];
    uint64_t len = of->buf.len, offset = pick((uint32_t)len + 2), bytes = pick((uint32_t)len + 2);
    int32_t status = ho_slice(ledger.domain, &of->buf, offset, bytes, &slice->buf);
    if (offset > len || bytes > len - offset)
        CHECK(status == HO_E_RANGE, "%s", status_name(status));
    else
        CHECK(status == HO_OK || status == HO_E_NOMEM, "%s", status_name(status));
    CHECK(!status || is_empty(&slice->buf), "not empty");
    if (status)
        return;
    ho_buf made = slice->buf;
    CHECK(made.kind == HO_KIND_SLICE && made.len == bytes && made.cap == bytes &&
              made.ptr == of->buf.ptr + offset && made.key == of->buf.key &&
              made.value == of->buf.value && made.flags == of->buf.flags,
          "another slice");
    *slice = *of;
    slice->buf = made;
    slice->home = NONE;
    slice->offset += offset;
    if (slice->token != NONE)
        ledger.tokens[slice->token].parts++;
}

static void do_compact(void)
{
    uint32_t i = item_any(HELD), shard = any_shard();
    if (i == NONE || shard == NONE || ledger.tokens_used == TOKENS)
        return;
    struct item *item = &ledger.items[i];
    struct arena *arena = &ledger.arenas[shard_arena(shard)];
    ho_buf before = item->buf;
    int32_t status = ho_compact(ledger.shards[shard], &item->buf);
    if (status) {
        CHECK(status == HO_FULL || (status == HO_E_RANGE && too_long(before.len, arena->budget)),
              "%s", status_name(status));
        CHECK(!memcmp(&before, &item->buf, sizeof before), "changed");
        return;
    }
    item_gone(item, HO_REASON_CONSUMED);
    keep_stale(&before, false);
    item->place = HELD;
    item->token = NONE;
    item->home = NONE;
    item->bytes = before.len;
    CHECK(item->buf.cap == before.len && item->buf.len == before.len &&
              item->buf.key == before.key && item->buf.value == before.value &&
              item->buf.flags == before.flags && item->buf.partition == before.partition,
          "another copy");
    bool apart = item->buf.kind == HO_KIND_FOREIGN; /* it is where there is memory for that */
    if (apart)
        item->token = token_new(NULL, before.len, BLOCK, shard_arena(shard));
    else
        item->home = shard_arena(shard);
    CHECK(apart ? before.len > SEGMENT || before.len <= SEGMENT / 2
                : before.len <= SEGMENT && item->buf.kind == HO_KIND_ARENA,
          "kind");
    arena->copies++;
    item_check_room(item);
    item_check(item);
}

static void do_trim(void)
{
    uint64_t freed;
    MUST(ho_arena_trim(ledger.arenas[pick(ARENAS)].handle, (uint64_t)pick(4) * SEGMENT,
                       one_in(2) ? NULL : &freed));
}

void fuzz_memory(void)
{
    static void (*const calls[])(void) = {do_reserve, do_reserve, do_reserve_many, do_abort,
                                          do_split,   do_move,    do_return,       do_return,
                                          do_slice,   do_compact, do_trim};
    calls[pick(sizeof calls / sizeof *calls)]();
}
