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

    /* Of the ring between a sender and a receiver: it is no memory for messages. */
    static constexpr std::uint64_t slot_bytes = sizeof(ho_buf);

    class sender : public handoff_loan::sender {
      public:
        using handoff_loan::sender::sender;
        std::uint8_t *get()
        {
            const measured allocation;
            return handoff_loan::sender::get();
        }
    };

    /* How much of the segments that the services hold is dead: behind the cursor, returned, and
     * waiting for the last buffer of its segment. */
    double dead_share() const
    {
        std::uint64_t dead = 0;
        std::uint64_t held = 0;
        for (std::uint32_t i = 0; i < of_shape().services; ++i) {
            ho_stats stats;
            ok(ho_init(HO_TYPE_STATS, &stats, sizeof stats));
            ok(ho_stats_get(service(i), &stats));
            dead += stats.bytes_dead;
            held += stats.segments_held * segment_bytes;
        }
        return held ? double(dead) / double(held) : 0;
    }

  private:
    static constexpr std::uint64_t segment_bytes = 262144; /* the default */
};

} // namespace bench

#endif
