/* SPDX-License-Identifier: MIT */
/* What connects the network threads with the game's services: this project's handoff, or, as
 * servers do without one, string copies through locked queues, or nothing. */
#ifndef HANDOFF_GATEWAY_BACKEND_HPP
#define HANDOFF_GATEWAY_BACKEND_HPP

#include "options.hpp"

#include "game/services.h"

namespace gateway {

/* The results of a run. */
struct figures {
    std::uint64_t handled = 0; /* messages answered */
    std::uint64_t refused = 0; /* messages that the game did not understand */
    std::uint64_t dropped = 0; /* messages without an answer: egress full, or out of memory */
    std::uint64_t copies = 0;  /* of messages and answers, not counting the sockets' */
    std::uint64_t arena_peak_bytes = 0;
    double fragmentation_percent = 0; /* mean of the samples */
    std::uint64_t wakes = 0;
    std::uint64_t late_wakes = 0;
    std::uint64_t outstanding = 0;        /* buffers and session states that were not returned */
    bool conserved = true;                /* the economy's coins add up */
    game_census sessions{};               /* of all services */
    std::uint64_t session_bytes_peak = 0; /* held by the pools of their states */

    /* Adds the census of a state whose parts are destroyed. */
    void add(const game_state *state)
    {
        const auto its = game_state_census(state);
        sessions.begun += its.begun;
        sessions.ended += its.ended;
        sessions.refused += its.refused;
        sessions.stale += its.stale;
        conserved = conserved && game_state_conserved(state) != 0;
    }
};

/* For a service whose sessions use the C library's memory, in one table. */
inline game_options sessions_of(const options &with)
{
    return {with.sessions, 1, with.idle_s, {}};
}

/* How many messages of one network thread a queue to a service holds, or answers for one. */
inline constexpr std::uint32_t queue_slots = 4096;
/* How long a worker waits if the egress is full. */
inline constexpr std::chrono::milliseconds answer_patience{100};

class backend {
  public:
    virtual ~backend() = default;
    /* Starts the workers, if there are any. On failure prints a line on stderr and returns false;
     * there is nothing to close then. */
    virtual bool open(const options &with) = 0;
    virtual std::error_code attach(handoff::net::entrypoint &to,
                                   const handoff::net::options &with) = 0;
    /* Samples memory use; called periodically while the gateway runs. */
    virtual void sample() = 0;
    /* Stops the workers; the entrypoint has already stopped. */
    virtual figures close() = 0;
};

std::unique_ptr<backend> make_handoff_backend();
std::unique_ptr<backend> make_strings_backend();
std::unique_ptr<backend> make_none_backend();

} // namespace gateway

#endif
