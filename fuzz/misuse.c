/* SPDX-License-Identifier: MIT */
/* Wrong calls: damaged and stale descriptors, the wrong domain, the wrong kind. They change nothing. */
#include "ledger.h"

#include <string.h>

/* One call on one descriptor, whose kind may be anything. */
static int32_t try_call(ho_buf *b, uint32_t call)
{
    const struct producer *p = &ledger.producers[pick(PRODUCERS)];
    ho_shard *shard = ledger.shards[pick(SHARDS)];
    uint32_t done = 0;
    ho_buf out, before = *b;
    int32_t status = HO_E_HANDLE;
    memset(&out, 0, sizeof out);
    switch (call) {
    case 0: status = ho_return(ledger.domain, b, 1, &done); break;
    case 1:
        if (p->handle)
            status = ho_forward(p->handle, b, 1, 0, &done);
        break;
    case 2: status = ho_slice(ledger.domain, b, 0, 0, &out); break;
    case 3:
        if (shard)
            status = ho_compact(shard, b);
        break;
    case 4:
        if (p->handle)
            status = ho_commit(p->handle, b, 1, 0, &done);
        break;
    case 5:
        if (shard)
            status = ho_abort(shard, b, 1, &done);
        break;
    default:
        if (shard)
            status = ho_split(shard, b, 1, &out);
    }
    CHECK(status < 0, "call %u with a bad descriptor: %s", call, status_name(status));
    CHECK(!done && !memcmp(&before, b, sizeof before) && is_empty(&out),
          "call %u refused it and changed something", call);
    return status;
}

/* One bit of what only the library may change. */
static void do_damage(void)
{
    uint32_t i = item_any(one_in(3) ? LOAN : HELD);
    if (i == NONE)
        return;
    ho_buf b = ledger.items[i].buf;
    switch (pick(5)) {
    case 0: b.kind ^= (uint8_t)(1u << pick(8)); break;
    case 1: b.handle ^= UINT64_C(1) << pick(64); break;
    case 2: b.owner ^= 1u << pick(32); break;
    case 3: b.cap ^= UINT64_C(1) << pick(64); break;
    default: b.ptr = (uint8_t *)((uintptr_t)b.ptr ^ (uintptr_t)1 << pick(64));
    }
    int32_t status = try_call(&b, pick(7));
    CHECK(status == HO_E_STALE || status == HO_E_KIND || status == HO_E_RANGE ||
              status == HO_E_HANDLE || status == HO_E_CLOSED || status == HO_E_FLAGS,
          "%s", status_name(status));
}

/* More bytes than it has. */
static void do_long(void)
{
    uint32_t i = item_any(HELD);
    if (i == NONE)
        return;
    ho_buf b = ledger.items[i].buf;
    b.len = b.cap + 1 + pick(1000);
    b.flags = 0;
    int32_t status = try_call(&b, 1 + pick(3));
    CHECK(status == HO_E_RANGE || status == HO_E_HANDLE || status == HO_E_CLOSED, "%s",
          status_name(status));
}

static void do_stale(void)
{
    bool loan = one_in(2);
    const ho_buf *old = stale_any(loan);
    if (!old)
        return;
    ho_buf b = *old;
    b.flags = 0;
    b.len = b.len > b.cap ? 0 : b.len;
    int32_t status = try_call(&b, loan ? 4 + pick(3) : pick(4));
    CHECK(status == HO_E_STALE || status == HO_E_HANDLE || status == HO_E_CLOSED, "%s",
          status_name(status));
}

static void do_kind(void)
{
    bool loan = one_in(2);
    uint32_t i = item_any(loan ? LOAN : HELD);
    if (i == NONE)
        return;
    ho_buf b = ledger.items[i].buf;
    b.flags = 0;
    int32_t status = try_call(&b, loan ? pick(4) : 4 + pick(3));
    CHECK(status == HO_E_KIND || status == HO_E_HANDLE || status == HO_E_CLOSED, "%s",
          status_name(status));
}

static void do_stranger(void)
{
    bool loan = one_in(3);
    uint32_t i = item_any(loan ? LOAN : HELD), done = 9;
    if (i == NONE)
        return;
    ho_shard *shard = ledger.strange_shard;
    ho_buf b = ledger.items[i].buf, out;
    if (loan) {
        CHECK(ho_abort(shard, &b, 1, &done) == HO_E_STALE && !done, "aborted elsewhere");
        CHECK(ho_split(shard, &b, 1, &out) == HO_E_STALE, "split elsewhere");
    } else {
        CHECK(ho_return(ledger.stranger, &b, 1, &done) == HO_E_STALE && !done,
              "returned elsewhere");
        CHECK(ho_slice(ledger.stranger, &b, 0, 0, &out) == HO_E_STALE, "sliced elsewhere");
        CHECK(ho_compact(shard, &b) == HO_E_STALE, "copied elsewhere");
    }
    CHECK(!memcmp(&b, &ledger.items[i].buf, sizeof b), "changed");
}

/* What is for information only may be anything. */
static void do_harmless(void)
{
    uint32_t i = item_any(HELD);
    if (i == NONE)
        return;
    ho_buf *b = &ledger.items[i].buf;
    b->service = (uint16_t)pick(65536);
    b->align_log2 = (uint8_t)pick(256);
    b->partition = (uint16_t)pick(65536);
    b->key = pick(65536);
    b->value = 0;
}

static void do_bad_give(void)
{
    static uint8_t bytes[8];
    const struct producer *p = &ledger.producers[pick(PRODUCERS)];
    ho_buf b = {.ptr = bytes, .len = 8, .cap = 8, .owner = ledger.owners[0], .handle = TOKENS};
    int32_t expected;
    uint32_t done = 9;
    if (!p->handle)
        return;
    switch (pick(5)) {
    case 0:
        b.kind = (uint8_t)(1 + pick(255));
        expected = HO_E_RESERVED;
        break;
    case 1:
        b.owner ^= 1u << pick(32);
        if (b.owner == ledger.owners[1])
            return;
        expected = HO_E_OWNER;
        break;
    case 2:
        b.len = 9;
        expected = HO_E_RANGE;
        break;
    case 3:
        b.ptr = NULL;
        expected = HO_E_INVAL;
        break;
    default: b.cap = UINT64_MAX - pick(1000); expected = HO_E_INVAL;
    }
    ho_buf before = b;
    int32_t status = ho_give(p->handle, &b, 1, 0, &done);
    CHECK(status == (ledger.services[p->service].closing ? HO_E_CLOSED : expected), "%s",
          status_name(status));
    CHECK(!done && !memcmp(&b, &before, sizeof b), "changed");
}

void fuzz_misuse(void)
{
    static void (*const calls[])(void) = {do_damage, do_damage,   do_long,     do_stale,   do_stale,
                                          do_kind,   do_stranger, do_harmless, do_bad_give};
    calls[pick(sizeof calls / sizeof *calls)]();
    for (uint32_t i = 0; i < PRODUCERS; i++) /* a refusal publishes what is held back, or not */
        (void)(ledger.producers[i].handle && ho_flush(ledger.producers[i].handle));
    for (uint32_t i = 0; i < PRODUCERS; i++)
        ledger.producers[i].more = false;
}
