/* SPDX-License-Identifier: MIT */
/* handoff in the story: a message's memory is what ho_reserve gives, an object's comes from the pool of its type.
 * Both are of one arena. */
#ifndef HANDOFF_BENCH_STORY_HANDOFF_HPP
#define HANDOFF_BENCH_STORY_HANDOFF_HPP

#include "adapters/handoff_loan.hpp"
#include "story/meter.hpp"
#include "story/schedule.hpp"

#include <array>

namespace bench {

class story_contestant : public handoff_loan {
  public:
    using handoff_loan::handoff_loan;
    ~story_contestant()
    {
        for (auto *each : pools_)
            if (each)
                ok(ho_pool_close(each, nullptr)); /* no object is left, or the run fails */
    }

    /* Which of a service's queues a session's messages go to: the partition of its key (docs/tuning.md). */
    static std::uint32_t queue_of(std::uint64_t key, std::uint32_t receivers)
    {
        key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
        key = (key ^ key >> 27) * 0x94d049bb133111ebu;
        return std::uint32_t((key >> 32) * partitions_for(receivers) >> 32);
    }

    void open_objects()
    {
        ho_pool_opts opts;
        ok(ho_init(HO_TYPE_POOL_OPTS, &opts, sizeof opts));
        for (std::uint32_t type = 0; type < types; ++type) {
            opts.objects_max = 3 * raid_objects * object_types[type].percent / 100;
            opts.slot_bytes = object_types[type].bytes;
            ok(ho_pool_open(arena(), &opts, &pools_[type]));
        }
    }
    void expect(std::uint32_t type, std::uint32_t count)
    {
        ho_pool_prepare(pools_[type], count, nullptr);
    }
    bool create(std::uint32_t type, std::uint32_t count, live_object *into)
    {
        std::array<ho_obj, most_at_once> made;
        std::uint32_t n = 0;
        {
            const measured allocation;
            ho_pool_acquire_many(pools_[type], made.data(), count, &n);
        }
        if (n != count)
            ok(ho_pool_release_many(pools_[type], made.data(), n, nullptr));
        else
            for (std::uint32_t i = 0; i < n; ++i)
                into[i] = {static_cast<std::uint8_t *>(made[i].ptr), made[i].handle};
        return n == count;
    }
    live_object find(std::uint32_t type, std::uint64_t reference) const
    {
        void *ptr = nullptr;
        ok(ho_pool_resolve(pools_[type], reference, &ptr));
        return {static_cast<std::uint8_t *>(ptr), reference};
    }
    void end(std::uint32_t type, const live_object &object)
    {
        ho_obj raw{object.ptr, object.reference};
        ok(ho_pool_release(pools_[type], &raw));
    }

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

    /* How much of what the arena holds, pools included, is dead: behind the cursor, returned, and
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
    static constexpr std::uint32_t most_at_once = 128;
    std::array<ho_pool *, types> pools_{};
};

} // namespace bench

#endif
