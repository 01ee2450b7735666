/* SPDX-License-Identifier: MIT */
/* The network entrypoint from the installed package: listens and stops. */
#include <handoff/handoff.hpp>
#include <handoff/net.hpp>

int main()
{
    handoff::service_options bound;
    bound.consumers = HO_CONSUMERS_BOUND;
    auto domain = handoff::domain::create();
    auto received = handoff::arena::open(*domain);
    auto game = handoff::service::open(*domain);
    auto egress = handoff::service::open(*domain, bound);
    handoff::net::options options;
    options.routing = [](handoff::const_bytes, std::uint64_t connection) {
        return handoff::net::route{0, connection};
    };
    handoff::net::entrypoint entry;
    if (entry.start(options, handoff::net::services{
                                 domain->raw(), received->raw(), egress->raw(), {game->raw()}}))
        return 1;
    const bool listened = entry.port_number() != 0;
    return !entry.stop(std::chrono::seconds(1)) && listened ? 0 : 1;
}
