/* SPDX-License-Identifier: MIT */
/* Doorbell and what it sleeps on: a futex, or an eventfd for waiters in an event loop of their
 * own. */
#ifndef HOI_DOORBELL_H
#define HOI_DOORBELL_H

#include "hooks.h"
#include "os.h"

#include "doorbell.inl"

struct hoi_bell {
    HOI_APART struct hoi_bell_core core;
    A_TYPE(int32_t)
    fd;            /* the sleeper's, plus 1; 0 = none. The library's own: users get duplicates */
    uint32_t owed; /* the sleeper's: writes to the descriptor that it has not read yet */
};

/* Bells of nobody. none never sleeps: for a lane without a sleeper. many always seems asleep:
 * the publisher must look at more than one word. */
extern struct hoi_bell hoi_bell_none, hoi_bell_many;

/* Publisher, when the other side sleeps: wakes it, unless another thread did first. Returns
 * whether it did. */
HOI_COLD int hoi_bell_wake_sleeper(struct hoi_bell *b);

/* Publisher, after a seq_cst publish: wakes the other side if it sleeps. Returns whether it did. */
static inline int hoi_bell_wake(struct hoi_bell *b)
{
    return hoi_unlikely(hoi_bell_asleep(&b->core)) ? hoi_bell_wake_sleeper(b) : 0;
}

/* Sleeper, awake again: reads what publishers have written, or are about to write, to the
 * descriptor. */
static inline void hoi_bell_finish_wait(struct hoi_bell *b)
{
    if (hoi_get(b->core.word) != HOI_BELL_AWAKE)
        b->owed += (uint32_t)hoi_bell_reset(&b->core);
    if (hoi_unlikely(b->owed))
        b->owed -= (uint32_t)hoi_os_eventfd_read(hoi_get(b->fd) - 1);
}

/* Sleeper, awake again, if the descriptor's holder reads it himself. */
static inline void hoi_bell_disarm(struct hoi_bell *b)
{
    if (hoi_get(b->core.word) != HOI_BELL_AWAKE)
        (void)hoi_bell_reset(&b->core);
}

/* Sleeper that will not sleep again: closes the descriptor once no publisher has a write
 * pending. */
void hoi_bell_close(struct hoi_bell *b);

/* Sleeper, awake again, if the descriptor was already armed before this sleep: a ring meanwhile
 * may have been meant for the descriptor. Between the two the word is AWAKE only if somebody
 * rang. */
static inline void hoi_bell_rearm(struct hoi_bell *b)
{
    uint32_t word = HOI_BELL_SLEEPING;
    if (!A_CAS(b->core.word, word, HOI_BELL_ARMED, memory_order_relaxed, memory_order_relaxed))
        hoi_os_eventfd_write(hoi_get(b->fd) - 1);
}

#endif
