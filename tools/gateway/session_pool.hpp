/* SPDX-License-Identifier: MIT */
/* The states of a service's sessions, in a pool in the service's own arena, so that it can't use up
 * other services' memory. A released state is stale: its number finds nothing. */
#ifndef HANDOFF_GATEWAY_SESSION_POOL_HPP
#define HANDOFF_GATEWAY_SESSION_POOL_HPP

#include "game/services.h"

#include "handoff/handoff.hpp"

namespace gateway {

class session_pool {
  public:
    /* Room for this many sessions at once, and a few that are restarting. */
    std::error_code open(const handoff::domain &in, std::uint32_t service, std::uint32_t sessions);

    /* Valid while this is open and not moved. */
    game_memory memory();
    handoff::pool_stats read() const;

    /* Returns how many states were not released; 0: it is closed. */
    std::uint64_t close();

    session_pool() = default;
    session_pool(const session_pool &) = delete;
    session_pool &operator=(const session_pool &) = delete;
    ~session_pool() { close(); }

  private:
    handoff::arena arena_;
    ho_pool *pool_ = nullptr;
};

} // namespace gateway

#endif
