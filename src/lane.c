/* SPDX-License-Identifier: MIT */
/*
 * Lanes are allocated several to a page; each ring is a mapping of its own.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  SPARE | spare_put | spare_take | the last reads and writes of the lane | written after reuse
 */
#include "lane.h"

#define PAGE_BYTES 4096u

struct hoi_lane_page {
    struct hoi_lane_page *next;
    HOI_APART struct hoi_lane lanes[(PAGE_BYTES - HOI_LINE) / sizeof(struct hoi_lane)];
};
_Static_assert(sizeof(struct hoi_lane_page) <= PAGE_BYTES, "a page of lanes");

static size_t ring_bytes(const struct hoi_lane *lane)
{
    return (lane->core.mask + 1) * sizeof(struct hoi_slot);
}

static void spare_put(struct hoi_lane_stock *stock, struct hoi_lane *lane)
{
    lane->next = A_LOAD(stock->spare, memory_order_relaxed);
    while (!A_CAS(stock->spare, lane->next, lane, memory_order_release, /* edge SPARE: release */
                  memory_order_relaxed))
        ;
}

/* Only one thread takes at a time, so the top that it read can't have been popped and pushed
 * again. */
static struct hoi_lane *spare_take(struct hoi_lane_stock *stock)
{
    struct hoi_lane *lane = A_LOAD(stock->spare, memory_order_acquire); /* edge SPARE: acquire */
    while (lane && !A_CAS(stock->spare, lane, lane->next, memory_order_acquire,
                          memory_order_acquire)) /* edge SPARE: acquire */
        ;
    return lane;
}

static int stock_grow(struct hoi_lane_stock *stock)
{
    struct hoi_lane_page *page = hoi_os_alloc(sizeof *page);
    if (!page)
        return -1;
    page->next = stock->pages;
    stock->pages = page;
    for (size_t i = 0; i < sizeof page->lanes / sizeof page->lanes[0]; i++)
        spare_put(stock, &page->lanes[i]);
    return 0;
}

struct hoi_lane *hoi_lane_new(struct hoi_lane_stock *stock, uint32_t slots)
{
    /* All sequence numbers are zero, which no slot expects in its first lap. */
    struct hoi_slot *ring = hoi_os_alloc(slots * sizeof *ring);
    struct hoi_lane *lane = ring ? spare_take(stock) : NULL;
    if (ring && !lane && !stock_grow(stock))
        lane = spare_take(stock);
    if (!lane) {
        hoi_os_free(ring, slots * sizeof *ring);
        return NULL;
    }
    *lane = (struct hoi_lane){.core = {.slots = ring, .mask = slots - 1, .room_end = slots},
                              .bell = &hoi_bell_none};
    return lane;
}

void hoi_lane_delete(struct hoi_lane_stock *stock, struct hoi_lane *lane)
{
    hoi_os_free(lane->core.slots, ring_bytes(lane));
    spare_put(stock, lane);
}

void hoi_lane_stock_free(struct hoi_lane_stock *stock)
{
    for (struct hoi_lane_page *page = stock->pages, *next; page; page = next) {
        next = page->next;
        hoi_os_free(page, sizeof *page);
    }
}
