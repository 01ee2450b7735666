/* SPDX-License-Identifier: MIT */
/* handoff in the story: a message's memory is what ho_reserve gives. */
#ifndef HANDOFF_BENCH_STORY_HANDOFF_HPP
#define HANDOFF_BENCH_STORY_HANDOFF_HPP

#include "adapters/handoff_loan.hpp"
#include "story/meter.hpp"

namespace bench {

class story_contestant : public handoff_loan {
  public:
    using handoff_loan::handoff_loan;

    /* Of the rings between a sender and a service: they are no memory for messages. */
    static constexpr std::uint64_t slot_bytes = sizeof(ho_buf);
    static constexpr std::uint64_t slots_for(std::uint32_t receivers)
    {
        return std::uint64_t{partitions_for(receivers)} * partition_slots(receivers);
    }

    class sender : public handoff_loan::sender {
      public:
        using handoff_loan::sender::sender;
        std::uint8_t *get()
        {
            const measured allocation;
            return handoff_loan::sender::get();
        }
    };

    /* How much of the segments that the arena holds is dead: behind the cursor, returned, and
     * waiting for the last buffer of its segment. */
    double dead_share() const
    {
        ho_arena_stats stats;
        ok(ho_init(HO_TYPE_ARENA_STATS, &stats, sizeof stats));
        ok(ho_arena_stats_get(arena(), &stats));
        const auto held = double(stats.segments_held * segment_bytes);
        return held > 0 ? double(stats.bytes_dead) / held : 0;
    }

  private:
    static constexpr std::uint64_t segment_bytes = 262144; /* the default */
};

} // namespace bench

#endif
