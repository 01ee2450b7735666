/* SPDX-License-Identifier: MIT */
#ifndef HOI_CONSUMER_PRIVATE_H
#define HOI_CONSUMER_PRIVATE_H

#include "service_private.h"

#include "handoff/consumer.h"

/* This many lanes fit in the object; taking allocates memory only beyond that. */
#define HOI_CONSUMER_FEW 368u

/* A publisher may be between its store and its wake-up: a message found by a wait that timed out
 * counts as a late wake only after this long. */
#define HOI_LATE_GRACE_NS 2000000

/* A claim is given back after this many messages if other partitions are ready. */
#define HOI_CLAIM_MOST 256u

struct hoi_producer;

struct hoi_consumer {
    /* Owned by the consumer's thread. Bound: its lanes. */
    /* The only lane, if a take need check nothing else; else NULL. Setting `changed` also clears
     * it. */
    _Atomic(struct hoi_lane *) only;
    struct hoi_lane **lanes;
    uint32_t lanes_count;
    uint32_t lanes_room;
    uint32_t turn;            /* lane to look at first, for fairness */
    uint32_t closing;         /* the service was closing at the last refresh */
    uint32_t armable;         /* ho_consumer_fd was called */
    A_TYPE(uint32_t) changed; /* set under the mutex: refresh the lanes and the service's state */
    uint32_t from;            /* bound: HOI_FROM */
    uint32_t bound;
    struct hoi_service *service;
    uint64_t handle;
    uint32_t number;
    uint32_t open; /* under the mutex */
    /* Shared: its claims. */
    uint32_t claimed;
    uint32_t fresh; /* from a wait: nothing was taken from it yet */
    uint32_t run;   /* messages taken since the claim, if there is only one */
    uint32_t armed; /* announced as waiting, by a descriptor */
    /* Helping: takes what this producer, of the same thread, sends. */
    struct hoi_producer *helped;
    uint32_t help_budget;                /* messages per turn */
    uint32_t help_left;                  /* left of this turn */
    uint32_t help_taken;                 /* by the last take */
    uint32_t help_trial;                 /* the last message was slow, or this is the first */
    int64_t help_cost_ns;                /* per message, on average */
    int64_t help_at_ns;                  /* when that was measured */
    int64_t help_probe_ns;               /* slow: when to try again */
    uint64_t help_owed[HOI_CLAIM_WORDS]; /* partitions that nobody was woken for */
    HOI_COUNTER(uint64_t) messages;
    HOI_COUNTER(uint64_t) bytes;
    HOI_COUNTER(uint64_t) late;
    struct hoi_bell bell;
    union {
        struct hoi_lane *few[HOI_CONSUMER_FEW]; /* bound: lanes, up to this many */
        uint16_t claims[HOI_PARTITIONS_MAX];    /* shared: partitions */
    };
};
_Static_assert(sizeof(struct hoi_consumer) <= 4096, "a page");

static inline struct hoi_consumer *hoi_consumer_get(const ho_consumer *handle)
{
    return hoi_handle_get(HOI_CONSUMER, handle);
}

/* Bound: refreshes lanes and state. HO_OK or HO_E_NOMEM. */
int32_t hoi_consumer_refresh(struct hoi_consumer *c);

/* Under the mutex: lanes or state have changed; the consumer looks again before it sleeps or
 * takes. */
void hoi_consumer_change(struct hoi_consumer *c);

/* The next lane of a hint, starting at a chunk; NULL: no more. */
static inline struct hoi_lane *hoi_partition_next(struct hoi_lane_chunk **chunk, uint32_t index)
{
    while (*chunk) {
        struct hoi_lane *lane =
            A_LOAD((*chunk)->lanes[index], memory_order_acquire); /* edge CHUNK: acquire */
        *chunk = A_LOAD((*chunk)->next, memory_order_acquire);    /* edge CHUNK: acquire */
        if (lane)
            return lane;
    }
    return NULL;
}

/* Claimant: removes an empty lane whose producer has closed. Returns whether it did. */
int hoi_partition_retire(struct hoi_lane *lane);

/* Gives the taken slots back to the producer. */
void hoi_lane_give_slots(struct hoi_lane *lane);

/* shared.c: as ho_take and ho_wait. */
int32_t hoi_shared_take(struct hoi_consumer *c, ho_buf *bufs, uint32_t max, uint32_t *taken);
int32_t hoi_shared_wait(struct hoi_consumer *c, int64_t timeout_ns);
/* Claimant: takes from a partition. */
uint32_t hoi_shared_take_from(struct hoi_consumer *c, uint32_t number, ho_buf *bufs, uint32_t max);
/* Claimant: is anything left in it? */
int hoi_shared_any(struct hoi_consumer *c, uint32_t number);
/* Announces that it waits, by its descriptor. */
void hoi_shared_arm(struct hoi_consumer *c);
/* helping.c: as ho_take. */
int32_t hoi_help_take(struct hoi_consumer *c, ho_buf *bufs, uint32_t max, uint32_t *taken);
/* Notes a partition that it will take from before others are told. */
void hoi_help_owe(struct hoi_consumer *c, uint32_t part);
/* Announces everything that it owes. */
void hoi_help_settle(struct hoi_consumer *c);
/* Unpairs the helper and its producer. */
void hoi_help_end(struct hoi_consumer *c);
/* Gives up every claim. */
void hoi_shared_yield(struct hoi_consumer *c);
/* It stops waiting: if it was chosen, another consumer must be. */
void hoi_shared_leave(struct hoi_consumer *c);

#endif
