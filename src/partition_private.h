/* SPDX-License-Identifier: MIT */
/* Partition: a share of a service's keys, and the lanes that lead to it, one from each producer that has sent
 * something there. */
#ifndef HOI_PARTITION_PRIVATE_H
#define HOI_PARTITION_PRIVATE_H

#include "claim.h"
#include "lane.h"

struct hoi_consumer;

/* Lanes of a partition, 62 by 62: the n-th of each chunk has the n-th hint. A chunk stays until the service is
 * closed. Lanes come under the mutex; those of closed producers go with whoever empties them: the bound consumer
 * or the claimant. */
struct hoi_lane_chunk {
    A_TYPE(struct hoi_lane_chunk *) next;
    _Atomic(struct hoi_lane *) lanes[HOI_PART_HINT_COUNT];
};

struct hoi_partition {
    struct hoi_lane_chunk first;
    /* The claimant's: the hint and, of its lanes, the chunk to begin with, so that none starves. */
    uint32_t turn;
    struct hoi_lane_chunk *turn_chunk; /* NULL: the first */
    struct hoi_consumer *consumer;     /* bound: who is opened for it; under the mutex */
};

#endif
