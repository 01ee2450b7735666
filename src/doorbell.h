/* SPDX-License-Identifier: MIT */
/* Doorbell with what it sleeps on: a futex, and an eventfd for those who wait in a loop of theirs. */
#ifndef HOI_DOORBELL_H
#define HOI_DOORBELL_H

#include "hooks.h"
#include "os.h"

#include "doorbell.inl"

struct hoi_bell {
    HOI_APART struct hoi_bell_core core;
    A_TYPE(int32_t)
    fd;            /* of the sleeper, plus 1; 0 = none. The library's own: users get duplicates */
    uint32_t owed; /* the sleeper's: writes of the descriptor that it has not read yet */
};

/* Of nobody. One never sleeps: where there is no sleeper. One always seems to: where a look at one word is not
 * enough, and who publishes has to look further. */
extern struct hoi_bell hoi_bell_none, hoi_bell_many;

/* Publisher, when the other side sleeps: wakes it, unless somebody else was faster. Returns whether it did. */
HOI_COLD int hoi_bell_wake_sleeper(struct hoi_bell *b);

/* Publisher, after a seq_cst publish: wakes the other side if it sleeps. Returns whether it did. */
static inline int hoi_bell_wake(struct hoi_bell *b)
{
    return hoi_unlikely(hoi_bell_asleep(&b->core)) ? hoi_bell_wake_sleeper(b) : 0;
}

/* Sleeper: awake again; takes what publishers have written into the descriptor, or will. */
static inline void hoi_bell_finish_wait(struct hoi_bell *b)
{
    if (hoi_get(b->core.word) != HOI_BELL_AWAKE)
        b->owed += (uint32_t)hoi_bell_reset(&b->core);
    if (hoi_unlikely(b->owed))
        b->owed -= (uint32_t)hoi_os_eventfd_read(hoi_get(b->fd) - 1);
}

/* Sleeper: awake again, where the descriptor is one that its holder reads himself. */
static inline void hoi_bell_disarm(struct hoi_bell *b)
{
    if (hoi_get(b->core.word) != HOI_BELL_AWAKE)
        (void)hoi_bell_reset(&b->core);
}

/* Sleeper, who will not sleep again: closes the descriptor, after every publisher that has to write it. */
void hoi_bell_close(struct hoi_bell *b);

/* The same, when the descriptor was armed before this sleep on the word began: whoever rang meanwhile may have been
 * who it was armed for. From there to here the word was never AWAKE unless somebody rang. */
static inline void hoi_bell_rearm(struct hoi_bell *b)
{
    uint32_t word = HOI_BELL_SLEEPING;
    if (!A_CAS(b->core.word, word, HOI_BELL_ARMED, memory_order_relaxed, memory_order_relaxed))
        hoi_os_eventfd_write(hoi_get(b->fd) - 1);
}

#endif
