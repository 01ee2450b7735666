/* SPDX-License-Identifier: MIT */
/*
 * What is due, and when, whatever happens (open loop): each session sends 6.1 messages a second at
 * random times, and every second a raid creates 11,000 objects, evenly over 8 ms.
 */
#ifndef HANDOFF_BENCH_SCHEDULE_HPP
#define HANDOFF_BENCH_SCHEDULE_HPP

#include "traffic.hpp"

#include <cmath>

namespace bench {

inline constexpr std::uint32_t raid_objects = 11000;
inline constexpr double raid_ns = 8e6;
inline constexpr double raid_every_ns = 1e9;
inline constexpr double raid_first_ns = 0.5e9;

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
    std::uint64_t session = 0; /* whose */
    bool object = false;       /* of a raid, else a message */
    bool first_of_raid = false;
    bool last_of_raid = false;
};

class schedule {
  public:
    explicit schedule(std::uint32_t sessions)
        : sessions_(sessions), gap_ns_(1e9 / (messages_a_second * sessions))
    {
    }
    event next()
    {
        event e;
        e.session = (roll_() >> 32) * sessions_ >> 32;
        const auto nth = created_ % raid_objects;
        const auto raid = raid_first_ns + double(created_ / raid_objects) * raid_every_ns +
                          double(nth) * (raid_ns / raid_objects);
        if (raid < due_) {
            ++created_;
            e.at_ns = raid;
            e.object = true;
            e.first_of_raid = nth == 0;
            e.last_of_raid = nth == raid_objects - 1;
        } else {
            e.at_ns = due_;
            due_ -= std::log(double((roll_() >> 11) + 1) * 0x1p-53) * gap_ns_;
        }
        return e;
    }

  private:
    static constexpr double messages_a_second = 128000.0 / 21000.0; /* of a session */
    const std::uint32_t sessions_;
    const double gap_ns_;
    double due_ = 0;
    std::uint64_t created_ = 0;
    dice roll_{11};
};

} // namespace bench

#endif
