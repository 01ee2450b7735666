/* SPDX-License-Identifier: MIT */
/* The usual port: a network thread's shard, producers and consumer, over the C ABI. */
#ifndef HANDOFF_NET_SERVICE_PORT_HPP
#define HANDOFF_NET_SERVICE_PORT_HPP

#include "handoff/net.hpp"

namespace handoff::net {

/* A factory for ports to these services. */
port_factory service_ports(const services &behind, std::uint32_t first_partition);

} // namespace handoff::net

#endif
