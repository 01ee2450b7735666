/* SPDX-License-Identifier: MIT */
#ifndef EPOLL_C_SERVICE_H
#define EPOLL_C_SERVICE_H

#include <handoff/handoff.h>

#define PARTITIONS 16u

/* A frame is a 4-byte little-endian length and that many bytes. A message is all complete frames of
 * one read from a connection, back to back. */
#define HEADER_BYTES 4u

/* The service's state for the connections whose ids map to one partition. */
struct world {
    uint64_t frames, bytes;
    uint64_t alone[14]; /* so that no two threads write to one pair of cache lines */
};

/* Works on messages in place, and turns each into its answer: here, the message itself. `worlds`
 * has one entry per partition. No lock is needed: a thread that took a message has its partition
 * until it takes again. */
void work_on(struct world *worlds, ho_buf *messages, uint32_t count);

struct worker {
    ho_domain *domain;
    ho_consumer *requests; /* of the service */
    ho_shard *shard;       /* in an arena for answers */
    ho_producer *answers;  /* of egress, uses the shard */
    struct world *worlds;
};

/* A worker's thread: runs until the service is closed and empty, then closes its ends. */
void *serve(void *worker);

#endif
