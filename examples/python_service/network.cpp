/* SPDX-License-Identifier: MIT */
/* The network entrypoint behind a C interface of two calls, for programs that are not C++. The
 * caller opens its services. */
#include <handoff/net.hpp>

#include <iostream>
#include <memory>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace net = handoff::net;

/* Listens on `*port`; 0: any free one, which it sets. Its network thread takes the answers of
 * partition `egress_partition`. NULL: it has printed why. */
EXPORT net::entrypoint *network_start(ho_domain *domain, ho_arena *received, ho_service *echo,
                                      ho_service *egress, std::uint32_t egress_partition, bool tcp,
                                      std::uint16_t *port)
{
    auto entry = std::make_unique<net::entrypoint>();
    net::options with;
    with.kind = tcp ? net::transport::tcp : net::transport::udp;
    with.port = *port;
    with.first_partition = egress_partition;
    with.routing = [](handoff::const_bytes, std::uint64_t connection) {
        return net::route{0, connection};
    };
    if (const auto error = entry->start(with, net::services{domain, received, egress, {echo}})) {
        std::cerr << "network: " << error.message() << '\n';
        return nullptr;
    }
    *port = entry->port_number();
    return entry.release();
}

/* Answers what was received, and stops. HO_OK: every answer was sent. Adds what was received,
 * answered and refused to `counts`. */
EXPORT std::int32_t network_stop(net::entrypoint *entry, std::int64_t timeout_ns,
                                 std::uint64_t *counts)
{
    const std::unique_ptr<net::entrypoint> last(entry);
    const auto left = last->stop(std::chrono::nanoseconds(timeout_ns));
    const auto of = last->read();
    counts[0] += of.received;
    counts[1] += of.answered;
    counts[2] += of.dropped_full + of.dropped_length + of.closed_length;
    return left.value();
}
