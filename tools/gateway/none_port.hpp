/* SPDX-License-Identifier: MIT */
/* No handoff at all: the network thread answers each message itself. What remains is the cost of
 * sockets, kernel and machine. */
#ifndef HANDOFF_GATEWAY_NONE_PORT_HPP
#define HANDOFF_GATEWAY_NONE_PORT_HPP

#include "backend.hpp"

#include "game/services.h"

namespace gateway {

/* A network thread's game state. A connection stays with its thread, so a session's state does too.
 * The counters change with each message: on separate lines. */
struct alignas(handoff::line_pair_bytes) none_station {
    game_state *states[GAME_SERVICE_COUNT]{};
    std::uint64_t handled = 0;
    std::uint64_t refused = 0;
    std::uint64_t dropped = 0; /* no memory for the session */
    /* Set when the port is destroyed. */
    std::uint64_t held_bytes = 0; /* pools only grow: their maximum */
    std::uint64_t outstanding = 0;

    none_station() = default;
    none_station(const none_station &) = delete;
    none_station &operator=(const none_station &) = delete;
    ~none_station()
    {
        for (auto *each : states)
            game_state_destroy(each);
    }
};

/* The station must outlive the port, and have all its states. */
std::unique_ptr<handoff::net::port> make_none_port(none_station &at,
                                                   const handoff::net::options &with);

} // namespace gateway

#endif
