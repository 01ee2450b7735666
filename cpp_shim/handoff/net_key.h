/* SPDX-License-Identifier: MIT */
/* The connection id of the network entrypoint, for services in C and in C++. */
#ifndef HANDOFF_NET_KEY_H
#define HANDOFF_NET_KEY_H

#include "handoff/buf.h"

/*
 * A connection id names one peer of one entrypoint: the network thread that owns it (its partition of
 * the egress service) in the upper 10 bits, its slot there in the next 22, and in the lower 32 how
 * often that slot was used before. So an answer for a peer that has gone can't reach the next one.
 */
#define HO_NET_THREAD_SHIFT 54
#define HO_NET_SLOT_SHIFT 32
#define HO_NET_SLOT_MASK 0x3fffffu

/* The network thread that owns a connection: the partition of the egress service that answers go to. */
static inline uint16_t ho_net_to(uint64_t connection)
{
#ifdef __cplusplus
    return static_cast<uint16_t>(connection >> HO_NET_THREAD_SHIFT);
#else
    return (uint16_t)(connection >> HO_NET_THREAD_SHIFT);
#endif
}

/* Makes this buffer an answer to a connection, to be committed, given or forwarded to egress. */
static inline void ho_net_answer(ho_buf *answer, uint64_t connection)
{
    answer->value = connection;
    answer->partition = ho_net_to(connection);
    answer->flags |= HO_BUF_PARTITION;
}

#endif
