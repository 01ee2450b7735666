/* SPDX-License-Identifier: MIT */
#include "lane.h"

static size_t lane_bytes(uint64_t slots)
{
    size_t slot = sizeof(struct hoi_slot);
    return (sizeof(struct hoi_lane) + slot - 1) / slot * slot + slots * slot;
}

struct hoi_lane *hoi_lane_new(uint32_t slots)
{
    size_t bytes = lane_bytes(slots);
    struct hoi_lane *lane = hoi_os_alloc(bytes);
    if (!lane)
        return NULL;
    /* All sequence numbers are zero, which no slot of the first lap expects. */
    lane->core.slots =
        (struct hoi_slot *)((uint8_t *)lane + bytes - slots * sizeof(struct hoi_slot));
    lane->core.mask = slots - 1;
    return lane;
}

void hoi_lane_delete(struct hoi_lane *lane)
{
    hoi_os_free(lane, lane_bytes(lane->core.mask + 1));
}
