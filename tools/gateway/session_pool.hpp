/* SPDX-License-Identifier: MIT */
/* The states of a service's sessions, in a pool of an arena of the service's own: it can't take what another service
 * needs. A state that was released is stale: who has its number finds nothing. */
#ifndef HANDOFF_GATEWAY_SESSION_POOL_HPP
#define HANDOFF_GATEWAY_SESSION_POOL_HPP

#include "game/services.h"

#include "handoff/handoff.hpp"

namespace gateway {

class session_pool {
  public:
    /* For so many sessions at once, and a few that begin anew just now. */
    std::error_code open(const handoff::domain &in, std::uint32_t service, std::uint32_t sessions);

    /* Good as long as this is open, and stays where it is. */
    game_memory memory();
    handoff::pool_stats read() const;

    /* How many states were not released; 0: it is closed. */
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
