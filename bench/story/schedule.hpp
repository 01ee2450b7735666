/* SPDX-License-Identifier: MIT */
/*
 * What is due, and when, whatever happens (open loop): each session sends 6.1 messages a second at
 * random times; every second a raid begins, and 8 ms later its 11,000 objects are to be there.
 */
#ifndef HANDOFF_BENCH_SCHEDULE_HPP
#define HANDOFF_BENCH_SCHEDULE_HPP

#include "story/types.hpp"
#include "story/workers.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace bench {

inline constexpr std::uint32_t raid_objects = 11000;
inline constexpr double raid_ns = 8e6;
inline constexpr double raid_every_ns = 1e9;
inline constexpr double raid_first_ns = 0.5e9;
inline constexpr double raid_announced_ns = 10e6; /* before it begins */

/* An object lives for a random time up to 2 s, always the same for its number: half of a raid's objects
 * are still there when the next raid creates its own. */
inline double life_ns(std::uint64_t number)
{
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15u;
    const auto mixed = number * odd;
    return double((mixed ^ mixed >> 32) * odd >> 11) * 0x1p-53 * 2e9;
}

struct event {
    double at_ns = 0;          /* since the start */
    std::uint64_t session = 0; /* whose message */
};

class schedule {
  public:
    explicit schedule(std::uint32_t sessions)
        : sessions_(sessions), gap_ns_(1e9 / (messages_a_second * sessions))
    {
    }
    event next()
    {
        const event e{due_, (roll_() >> 32) * sessions_ >> 32};
        due_ -= std::log(double((roll_() >> 11) + 1) * 0x1p-53) * gap_ns_;
        return e;
    }

  private:
    static constexpr double messages_a_second = 128000.0 / 21000.0; /* of a session */
    const std::uint32_t sessions_;
    const double gap_ns_;
    double due_ = 0;
    dice roll_{11};
};

/* An object of a raid, of a random session. */
struct planned {
    std::uint64_t number;
    std::uint64_t session;
    std::uint32_t service;
    std::uint32_t queue; /* of the service's: where that session's messages go */
    std::uint32_t type;
};

/* The objects of raid n, those of a queue together, of these those of a type. */
template <class C>
std::vector<planned> plan_of(std::uint64_t n, std::uint32_t sessions, const object_book &book)
{
    std::vector<planned> all;
    all.reserve(
        raid_objects); /* what is freed here would be memory that an allocator has already */
    dice roll(n + 1);
    for (std::uint64_t i = 0; i < raid_objects; ++i) {
        const auto number = n * raid_objects + i;
        const auto session = (roll() >> 32) * sessions >> 32;
        const auto service = std::uint32_t(number % story_shape.services);
        all.push_back({number, session, service,
                       C::queue_of(session, workers_of(story_shape, service)),
                       book.type_of(number)});
    }
    std::sort(all.begin(), all.end(), [](const planned &a, const planned &b) {
        return std::tie(a.service, a.queue, a.type, a.number) <
               std::tie(b.service, b.queue, b.type, b.number);
    });
    return all;
}

} // namespace bench

#endif
