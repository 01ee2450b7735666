/* SPDX-License-Identifier: MIT */
#ifndef HOI_CONSUMER_PRIVATE_H
#define HOI_CONSUMER_PRIVATE_H

#include "service_private.h"

#include "handoff/consumer.h"

/* Part of the object, so that taking needs memory only past this many lanes. */
#define HOI_CONSUMER_FEW 448u

struct hoi_consumer {
    /* The consumer thread's own. */
    struct hoi_lane *only; /* the one lane, if nothing but a look at it is to be done; else NULL */
    struct hoi_lane **lanes;
    uint32_t lanes_count;
    uint32_t lanes_room;
    uint32_t turn;            /* the lane to look at first, so that none starves */
    uint32_t closing;         /* the service was closing when the lanes were last looked up */
    uint32_t armable;         /* ho_consumer_fd was called */
    A_TYPE(uint32_t) changed; /* set under the mutex: look at the service again */
    uint32_t service_number;
    struct hoi_service *service;
    uint64_t handle;
    uint32_t number;
    uint32_t open; /* under the mutex */
    HOI_COUNTER(uint64_t) messages;
    HOI_COUNTER(uint64_t) bytes;
    HOI_COUNTER(uint64_t) late;
    struct hoi_bell bell;
    struct hoi_lane *few[HOI_CONSUMER_FEW]; /* lanes, until there are more */
};
_Static_assert(sizeof(struct hoi_consumer) <= 4096, "a page");

static inline struct hoi_consumer *hoi_consumer_get(const ho_consumer *handle)
{
    return hoi_handle_get(HOI_CONSUMER, handle);
}

/* Looks again at lanes and state. HO_OK or HO_E_NOMEM. */
int32_t hoi_consumer_refresh(struct hoi_consumer *c);

#endif
