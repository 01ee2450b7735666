/* SPDX-License-Identifier: MIT */
#ifndef ASIO_SESSION_SERVICE_H
#define ASIO_SESSION_SERVICE_H

#include <handoff/handoff.h>

#define PARTITIONS 16

/* A frame is a 4-byte little-endian length and so many bytes. A message is whole frames of one connection, one behind the
 * other: all that a read has brought. */
#define HEADER_BYTES 4u

/* What the service knows of the connections whose ids fall into one partition. */
struct world {
    uint64_t frames, bytes;
    uint64_t alone[14]; /* so that no two threads write to one pair of cache lines */
};

HO_BEGIN_DECLS

/* Works on messages where they lie, and leaves the answer to each in its place: here, the message itself. `worlds` has one
 * for each partition. It needs no lock: whoever took a message has its partition until it takes again. */
void work_on(struct world *worlds, ho_buf *messages, uint32_t count) HO_NOEXCEPT;

HO_END_DECLS

#endif
