/* SPDX-License-Identifier: MIT */
/* What a worker keeps: the objects of raids, each until its time has come. */
#ifndef HANDOFF_BENCH_OBJECTS_HPP
#define HANDOFF_BENCH_OBJECTS_HPP

#include "machine.hpp"
#include "schedule.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace bench {

template <class C> class objects {
  public:
    objects()
    {
        alive_.resize(reserved); /* touched now, so that it does not grow later */
        alive_.clear();
    }
    void keep(typename C::message &m, std::uint64_t number)
    {
        const auto life = std::uint64_t(life_ns(number) / scale_);
        alive_.push_back({ticks() + life, std::exchange(m, {})});
        std::push_heap(alive_.begin(), alive_.end(), later);
    }
    /* Gives back those whose time has come; returns how many bytes they were. */
    template <class Receiver> std::uint64_t release(Receiver &to, std::uint64_t now)
    {
        std::uint64_t bytes = 0;
        while (!alive_.empty() && alive_.front().ends <= now) {
            std::pop_heap(alive_.begin(), alive_.end(), later);
            bytes += alive_.back().message.len;
            to.give_back(&alive_.back().message, 1);
            alive_.pop_back();
        }
        return bytes;
    }

  private:
    static constexpr std::size_t reserved = 1024; /* about four times what comes */
    struct object {
        std::uint64_t ends = 0; /* ticks */
        typename C::message message{};
    };
    static bool later(const object &a, const object &b) { return a.ends > b.ends; }

    const double scale_ = ns_per_tick();
    std::vector<object> alive_;
};

} // namespace bench

#endif
