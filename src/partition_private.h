/* SPDX-License-Identifier: MIT */
/* Partition: a share of a service's keys, and the lanes that lead to it, one from each producer
 * that has sent to it. */
#ifndef HOI_PARTITION_PRIVATE_H
#define HOI_PARTITION_PRIVATE_H

#include "claim.h"
#include "lane.h"

struct hoi_consumer;

/* A partition's lanes, 62 per chunk: the n-th of each chunk has the n-th hint. A chunk stays
 * until the service closes. Lanes are added under the mutex. A closed producer's lane is removed
 * by whoever empties it: the bound consumer or the claimant. */
struct hoi_lane_chunk {
    A_TYPE(struct hoi_lane_chunk *) next;
    _Atomic(struct hoi_lane *) lanes[HOI_PART_HINT_COUNT];
};

struct hoi_partition {
    struct hoi_lane_chunk first;
    /* The claimant's: the hint to start with and, among its lanes, the chunk, for fairness. */
    uint32_t turn;
    struct hoi_lane_chunk *turn_chunk; /* NULL: the first */
    struct hoi_consumer *consumer;     /* bound: the open one; under the mutex */
};

#endif
