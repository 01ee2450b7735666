/* SPDX-License-Identifier: MIT */
/* Connection ids of the network entrypoint, for services in C and C++. */
#ifndef HANDOFF_NET_KEY_H
#define HANDOFF_NET_KEY_H

#include "handoff/buf.h"

/*
 * A connection id names one peer of one entrypoint. The upper 10 bits are the network thread that owns it (its
 * partition of the egress service), the next 22 its slot there, and the lower 32 the slot's generation. So an
 * answer to a peer that is gone can't reach the next peer in the slot.
 */
#define HO_NET_THREAD_SHIFT 54
#define HO_NET_SLOT_SHIFT 32
#define HO_NET_SLOT_MASK 0x3fffffu

/* The network thread that owns a connection, which is the partition of the egress service for its answers. */
static inline uint16_t ho_net_to(uint64_t connection)
{
#ifdef __cplusplus
    return static_cast<uint16_t>(connection >> HO_NET_THREAD_SHIFT);
#else
    return (uint16_t)(connection >> HO_NET_THREAD_SHIFT);
#endif
}

/* Makes this buffer an answer to a connection. Commit, give or forward it to the egress service. */
static inline void ho_net_answer(ho_buf *answer, uint64_t connection)
{
    answer->value = connection;
    answer->partition = ho_net_to(connection);
    answer->flags |= HO_BUF_PARTITION;
}

#endif
