/* SPDX-License-Identifier: MIT */
#ifndef ASIO_SESSION_SERVICE_H
#define ASIO_SESSION_SERVICE_H

#include <handoff/handoff.h>

#define PARTITIONS 16

/* A frame is a 4-byte little-endian length and that many bytes. A message is all complete frames of
 * one read from a connection, back to back. */
#define HEADER_BYTES 4u

/* The service's state for the connections whose ids map to one partition. */
struct world {
    uint64_t frames, bytes;
    uint64_t alone[14]; /* so that no two threads write to one pair of cache lines */
};

HO_BEGIN_DECLS

/* Works on messages in place, and turns each into its answer: here, the message itself. `worlds`
 * has one entry per partition. No lock is needed: a thread that took a message has its partition
 * until it takes again. */
void work_on(struct world *worlds, ho_buf *messages, uint32_t count) HO_NOEXCEPT;

HO_END_DECLS

#endif
