/* SPDX-License-Identifier: MIT */
/* Memory of any size: right and wrong calls. */
#include "ledger.h"

#include <string.h>

#define BUDGET (8 * SEGMENT)
#define LARGEST (3 * SEGMENT)
#define PAGE 4096u

static uint32_t alloc_any(bool live)
{
    uint32_t first = pick(ALLOCS);
    for (uint32_t i = 0; i < ALLOCS; i++)
        if ((ledger.allocs[(first + i) % ALLOCS].ptr != NULL) == live)
            return (first + i) % ALLOCS;
    return NONE;
}

static uint64_t up(uint64_t bytes, uint64_t step)
{
    return (bytes + step - 1) / step * step;
}

/* alloc.h: multiples of 8 bytes up to 128, then eight classes to a doubling up to half a segment, then whole pages. */
static uint64_t rounded(uint64_t bytes, uint64_t align)
{
    uint64_t least = up(bytes, align ? align : 16), step = 8;
    if (bytes > SEGMENT / 2)
        return up(bytes, PAGE);
    while (least > step * 16)
        step *= 2;
    return up(least, step);
}

static uint64_t any_size(void)
{
    return 1 + (one_in(6) ? pick(LARGEST) : pick(one_in(3) ? 9000 : 300));
}

static uint64_t any_align(void)
{
    return one_in(3) ? (uint64_t)1 << pick(13) : 0;
}

static uint8_t byte_of(uint32_t content, uint64_t at)
{
    return (uint8_t)(content * 29 + at * 5 + (at >> 8));
}

static void alloc_check(const struct alloc *a)
{
    for (uint64_t i = 0; i < a->bytes; i++)
        CHECK(a->ptr[i] == byte_of(a->content, i), "byte %lu is another", (unsigned long)i);
}

static void alloc_gone(struct alloc *a)
{
    ledger.stale_allocs[ledger.stale_allocs_count++ % STALE] = *a;
    a->ptr = NULL;
    ledger.allocs_live--;
}

/* Frees it, with its size or without. */
static void alloc_free(struct alloc *a)
{
    alloc_check(a);
    MUST(one_in(2) ? ho_free(ledger.allocs_arena, a->ptr)
                   : ho_free_sized(ledger.allocs_arena, a->ptr, a->bytes, a->align));
    alloc_gone(a);
}

/* ---- right calls */

static void do_alloc(void)
{
    uint32_t i = alloc_any(false);
    void *ptr = &ptr;
    if (i == NONE)
        return;
    struct alloc *a = &ledger.allocs[i];
    uint64_t bytes = any_size(), align = any_align();
    int32_t status = ho_alloc(ledger.allocs_arena, bytes, align, &ptr);
    CHECK(status == HO_OK || (status == HO_FULL && ledger.allocs_live && !ptr), "%s",
          status_name(status));
    if (status)
        return;
    CHECK(ptr && (uintptr_t)ptr % (align ? align : 16) == 0, "not aligned");
    *a = (struct alloc){.bytes = bytes, .align = align, .content = ++ledger.contents};
    for (uint32_t k = 0; k < ALLOCS; k++) {
        const struct alloc *other = &ledger.allocs[k];
        CHECK(!other->ptr || (uint8_t *)ptr + bytes <= other->ptr ||
                  other->ptr + other->bytes <= (uint8_t *)ptr,
              "two pieces have the same room");
    }
    a->ptr = ptr;
    for (uint64_t at = 0; at < bytes; at++)
        a->ptr[at] = byte_of(a->content, at);
    ledger.allocs_live++;
}

static void do_free(void)
{
    uint32_t i = alloc_any(true);
    MUST(ho_free(ledger.allocs_arena, NULL));
    if (i != NONE)
        alloc_free(&ledger.allocs[i]);
}

static void do_trim(void)
{
    uint64_t freed = 99;
    MUST(ho_arena_trim(ledger.allocs_arena, pick(4) * (uint64_t)SEGMENT, &freed));
    for (uint32_t i = 0; i < ALLOCS; i++)
        if (ledger.allocs[i].ptr)
            alloc_check(&ledger.allocs[i]);
}

/* ---- wrong calls */

static void do_wrong_size(void)
{
    uint32_t i = alloc_any(true);
    if (i == NONE)
        return;
    struct alloc *a = &ledger.allocs[i];
    uint64_t bytes = any_size(), align = any_align();
    bool fits = rounded(bytes, align) == rounded(a->bytes, a->align);
    alloc_check(a);
    int32_t status = ho_free_sized(ledger.allocs_arena, a->ptr, bytes, align);
    CHECK(status == (fits ? HO_OK : HO_E_RANGE), "%s: %lu for %lu", status_name(status),
          (unsigned long)bytes, (unsigned long)a->bytes);
    if (fits)
        alloc_gone(a);
    else
        alloc_check(a);
}

/* A second free, unless the memory is in use again. What is larger than a class may be the inside of another piece by then. */
static void do_stale(void)
{
    uint32_t n = ledger.stale_allocs_count < STALE ? ledger.stale_allocs_count : STALE;
    if (!n)
        return;
    const struct alloc *a = &ledger.stale_allocs[pick(n)];
    for (uint32_t i = 0; i < ALLOCS; i++)
        if (ledger.allocs[i].ptr == a->ptr)
            return;
    int32_t status = one_in(2) ? ho_free(ledger.allocs_arena, a->ptr)
                               : ho_free_sized(ledger.allocs_arena, a->ptr, a->bytes, a->align);
    CHECK(status == HO_E_STALE || (a->bytes > SEGMENT / 2 && status == HO_E_INVAL), "%s",
          status_name(status));
}

static void refused(ho_arena *arena, void *ptr)
{
    int32_t status = ho_free(arena, ptr),
            sized = ho_free_sized(arena, ptr, any_size(), any_align());
    CHECK(status == HO_E_INVAL && sized == HO_E_INVAL, "%s, %s", status_name(status),
          status_name(sized));
}

static void do_foreign(void)
{
    uint32_t i = alloc_any(true), object = pick(OBJECTS);
    refused(ledger.allocs_arena, &ledger);
    if (ledger.objects[object].pool != NONE)
        refused(ledger.allocs_arena, ledger.objects[object].obj.ptr);
    if (i == NONE)
        return;
    const struct alloc *a = &ledger.allocs[i];
    refused(ledger.pools_arena, a->ptr);
    if (a->bytes > 1) /* inside of a piece */
        refused(ledger.allocs_arena, a->ptr + 1 + pick((uint32_t)a->bytes - 1));
    alloc_check(a);
}

static void do_out_of_range(void)
{
    static const uint64_t sizes[] = {0, BUDGET + 1, UINT64_MAX}, aligns[] = {3, 8192, UINT64_MAX};
    uint32_t i = alloc_any(true), wrong = pick(6);
    uint64_t bytes = wrong < 3 ? sizes[wrong] : any_size();
    uint64_t align = wrong < 3 ? any_align() : aligns[wrong - 3];
    void *ptr = &ptr;
    CHECK(ho_alloc(ledger.allocs_arena, bytes, align, &ptr) == HO_E_RANGE && !ptr, "allocated");
    CHECK(ho_alloc(ledger.allocs_arena, 1, 0, NULL) == HO_E_INVAL, "allocated nowhere");
    if (i != NONE)
        CHECK(ho_free_sized(ledger.allocs_arena, ledger.allocs[i].ptr, bytes, align) == HO_E_RANGE,
              "freed");
}

/* ---- opening and closing */

void allocs_open(void)
{
    ho_arena_opts arena = {.size = sizeof arena, .budget_bytes = BUDGET};
    MUST(ho_arena_open(ledger.domain, &arena, &ledger.allocs_arena));
}

void allocs_check(void)
{
    ho_arena_stats stats = {.size = sizeof stats};
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < ALLOCS; i++)
        if (ledger.allocs[i].ptr)
            bytes += rounded(ledger.allocs[i].bytes, ledger.allocs[i].align);
    MUST(ho_arena_stats_get(ledger.allocs_arena, &stats));
    CHECK(stats.allocs_out == ledger.allocs_live && stats.alloc_bytes_live == bytes,
          "%lu pieces, %lu bytes; the ledger has %u, %lu", (unsigned long)stats.allocs_out,
          (unsigned long)stats.alloc_bytes_live, ledger.allocs_live, (unsigned long)bytes);
    CHECK(stats.alloc_bytes_held >= bytes && stats.alloc_bytes_held <= BUDGET &&
              stats.segments_held <= BUDGET / SEGMENT,
          "%lu bytes are held", (unsigned long)stats.alloc_bytes_held);
}

/* While it closes memory is freed, and none allocated. */
void allocs_close(void)
{
    void *ptr;
    allocs_check();
    if (ledger.allocs_live) {
        ho_outstanding out = {.size = sizeof out};
        CHECK(ho_arena_close(ledger.allocs_arena, 0, &out) == HO_TIMEOUT, "closed");
        CHECK(out.allocs == ledger.allocs_live, "%lu are out", (unsigned long)out.allocs);
        CHECK(ho_alloc(ledger.allocs_arena, 1, 0, &ptr) == HO_E_CLOSED, "allocated");
    }
    for (uint32_t i = 0; i < ALLOCS; i++)
        if (ledger.allocs[i].ptr)
            alloc_free(&ledger.allocs[i]);
    MUST(ho_arena_close(ledger.allocs_arena, 0, NULL));
}

void fuzz_allocs(void)
{
    static void (*const calls[])(void) = {do_alloc,      do_alloc,       do_alloc, do_free,
                                          do_free,       do_trim,        do_stale, do_foreign,
                                          do_wrong_size, do_out_of_range};
    calls[pick(sizeof calls / sizeof *calls)]();
}
