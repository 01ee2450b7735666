/* SPDX-License-Identifier: MIT */
#include "doorbell.h"

int hoi_bell_wake_sleeper(struct hoi_bell *b)
{
    uint32_t state = hoi_bell_ring(&b->core);
    if (state == HOI_BELL_AWAKE)
        return 0;
    HO_HOOK("doorbell:before_wake");
    if (state == HOI_BELL_SLEEPING)
        hoi_os_futex_wake(&b->core.word);
    else
        hoi_os_eventfd_write(A_LOAD(b->fd, memory_order_relaxed) - 1); /* set before it was armed */
    return 1;
}
