/* SPDX-License-Identifier: MIT */
/* No handoff at all: the network thread answers each message itself, and sends the answer. What is left
 * is what sockets, kernel and machine cost. */
#ifndef HANDOFF_GATEWAY_NONE_PORT_HPP
#define HANDOFF_GATEWAY_NONE_PORT_HPP

#include "backend.hpp"

#include "game/services.h"

namespace gateway {

/* What one network thread answers with. A connection stays with its thread, so a session's state does
 * too. The figures change with each message: on lines of their own. */
struct alignas(handoff::line_pair_bytes) none_station {
    game_state *states[GAME_SERVICE_COUNT]{};
    std::uint64_t handled = 0;
    std::uint64_t refused = 0;
    std::uint64_t dropped = 0; /* no memory for the session */
    /* Set when the port goes. */
    std::uint64_t held_bytes = 0; /* pools only grow: the most that they held */
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

/* The station outlives the port, and has all its states. */
std::unique_ptr<handoff::net::port> make_none_port(none_station &at,
                                                   const handoff::net::options &with);

} // namespace gateway

#endif
