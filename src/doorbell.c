/* SPDX-License-Identifier: MIT */
#include "doorbell.h"

#define WRITE_PAUSE_NS 50000
#define WRITE_PAUSES 1000

struct hoi_bell hoi_bell_none, hoi_bell_many = {.core = {HOI_BELL_SLEEPING}};

int hoi_bell_wake_sleeper(struct hoi_bell *b)
{
    uint32_t state = hoi_bell_ring(&b->core);
    if (state == HOI_BELL_AWAKE)
        return 0;
    HO_HOOK("doorbell:before_wake");
    if (state == HOI_BELL_SLEEPING)
        hoi_os_futex_wake(&b->core.word);
    else
        hoi_os_eventfd_write(A_LOAD(b->fd, memory_order_relaxed) - 1); /* set before arming */
    return 1;
}

void hoi_bell_close(struct hoi_bell *b)
{
    hoi_bell_finish_wait(b);
    for (int i = 0; b->owed; i++) { /* a publisher is about to write */
        if (i == WRITE_PAUSES)
            return; /* or the user has read it, against the rules: it goes with the service */
        hoi_os_sleep_ns(WRITE_PAUSE_NS);
        hoi_bell_finish_wait(b);
    }
    hoi_os_close(hoi_get(b->fd) - 1);
    hoi_set(b->fd, 0);
}
