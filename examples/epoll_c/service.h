/* SPDX-License-Identifier: MIT */
#ifndef EPOLL_C_SERVICE_H
#define EPOLL_C_SERVICE_H

#include <handoff/handoff.h>

#define PARTITIONS 16u

/* A frame is a 4-byte little-endian length and so many bytes. A message is whole frames of one connection, one behind the
 * other: all that a read has brought. */
#define HEADER_BYTES 4u

/* What the service knows of the connections whose ids fall into one partition. */
struct world {
    uint64_t frames, bytes;
    uint64_t alone[14]; /* so that no two threads write to one pair of cache lines */
};

/* Works on messages where they lie, and leaves the answer to each in its place: here, the message itself. `worlds` has one
 * for each partition. It needs no lock: whoever took a message has its partition until it takes again. */
void work_on(struct world *worlds, ho_buf *messages, uint32_t count);

struct worker {
    ho_domain *domain;
    ho_consumer *requests; /* of the service */
    ho_shard *shard;       /* of an arena for answers */
    ho_producer *answers;  /* of egress, over the shard */
    struct world *worlds;
};

/* A worker's thread, until the service is closed and empty. Closes its ends. */
void *serve(void *worker);

#endif
