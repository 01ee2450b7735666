/* SPDX-License-Identifier: MIT */
/* What lies between the network threads and the game's services: this project's handoff, or copies
 * in strings through locked queues, as servers do without one, or nothing. */
#ifndef HANDOFF_GATEWAY_BACKEND_HPP
#define HANDOFF_GATEWAY_BACKEND_HPP

#include "options.hpp"

#include "game/services.h"

namespace gateway {

/* What a run came to. */
struct figures {
    std::uint64_t handled = 0; /* messages that were answered */
    std::uint64_t refused = 0; /* messages that the game did not understand */
    std::uint64_t dropped = 0; /* messages without an answer: the way back was full, or no memory */
    std::uint64_t copies = 0;  /* of a message or an answer, the sockets' own aside */
    std::uint64_t arena_peak_bytes = 0;
    double fragmentation_percent = 0; /* mean of the samples */
    std::uint64_t wakes = 0;
    std::uint64_t late_wakes = 0;
    std::uint64_t outstanding = 0; /* buffers and states of sessions that did not come back */
    bool conserved = true;         /* the economy's coins add up */
    game_census sessions{};        /* of all services */
    std::uint64_t session_bytes_peak = 0; /* that the pools of their states held */

    /* What became of a state's sessions; its parts are gone. */
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

/* Of a service whose sessions lie in the C library's memory, in one table. */
inline game_options sessions_of(const options &with)
{
    return {with.sessions, 1, with.idle_s, {}};
}

/* Messages of one network thread that may wait in a queue to a service, or answers for one. */
inline constexpr std::uint32_t queue_slots = 4096;
/* How long a worker waits when the way back is full. */
inline constexpr std::chrono::milliseconds answer_patience{100};

class backend {
  public:
    virtual ~backend() = default;
    /* Starts the workers, if it has any; false after a line on stderr, and nothing is to be closed. */
    virtual bool open(const options &with) = 0;
    virtual std::error_code attach(handoff::net::entrypoint &to,
                                   const handoff::net::options &with) = 0;
    /* Looks at the memory; called now and then while the gateway runs. */
    virtual void sample() = 0;
    /* Ends the workers; the entrypoint has stopped. */
    virtual figures close() = 0;
};

std::unique_ptr<backend> make_handoff_backend();
std::unique_ptr<backend> make_strings_backend();
std::unique_ptr<backend> make_none_backend();

} // namespace gateway

#endif
