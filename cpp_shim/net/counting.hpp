/* SPDX-License-Identifier: MIT */
/* The live counters: each network thread writes its own, any thread may read them. */
#ifndef HANDOFF_NET_COUNTING_HPP
#define HANDOFF_NET_COUNTING_HPP

#include "handoff/net.hpp"

#include <atomic>

namespace handoff::net {

/* Relaxed, because a counter orders nothing. Load and store rather than an atomic add, because there is one writer. */
class counter {
  public:
    void add(std::uint64_t count = 1) noexcept
    {
        value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }
    void take(std::uint64_t count = 1) noexcept
    {
        value_.store(value_.load(std::memory_order_relaxed) - count, std::memory_order_relaxed);
    }
    std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

struct alignas(line_pair_bytes) live_counters {
#define HANDOFF_NET_FIELD(name, meaning) counter name;
    HANDOFF_NET_COUNTERS(HANDOFF_NET_FIELD)
#undef HANDOFF_NET_FIELD

    void add_to(counters &sums) const noexcept
    {
#define HANDOFF_NET_FIELD(name, meaning) sums.name += name.read();
        HANDOFF_NET_COUNTERS(HANDOFF_NET_FIELD)
#undef HANDOFF_NET_FIELD
    }
};

/* How many more connections or peers all threads together may take. */
class room {
  public:
    explicit room(std::uint32_t limit) noexcept : free_(limit) {}

    bool take() noexcept
    {
        auto seen = free_.load(std::memory_order_relaxed);
        while (seen != 0)
            if (free_.compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed))
                return true;
        return false;
    }
    void put() noexcept { free_.fetch_add(1, std::memory_order_relaxed); }

  private:
    std::atomic<std::uint32_t> free_;
};

} // namespace handoff::net

#endif
