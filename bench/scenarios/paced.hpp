/* SPDX-License-Identifier: MIT */
/*
 * One way, at a given pace: messages are due at random times that do not depend on how it goes (open
 * loop), and the latency is counted from when a message was due until its receiver has its header.
 */
#ifndef HANDOFF_BENCH_PACED_HPP
#define HANDOFF_BENCH_PACED_HPP

#include "crew.hpp"
#include "flow.hpp"

#include <cmath>

namespace bench {

template <class C> class paced {
  public:
    paced(const scenario &s, const limits &l)
        : s_(s), limits_(l), what_(s.length), contestant_(s.form), crew_(2)
    {
    }

    result run()
    {
        result r;
        crew_.add([&](auto &ready) { send(r, ready); });
        crew_.add([&](auto &ready) { receive(r, ready); });
        crew_.join();
        r.intact = sum_sent_ == sum_received_;
        return r;
    }

  private:
    void send(result &r, const std::function<void()> &ready)
    {
        typename C::sender end(contestant_, 0, 0);
        const pause rest{crew_.crowded()};
        const auto mean = s_.gap_ns / ns_per_tick();
        const auto most = limits_.messages ? limits_.messages : limits_.ns / s_.gap_ns + 1;
        dice roll(7);
        ready();
        const auto begin = double(ticks());
        double due = 0;
        for (std::uint64_t n = 0; n < most; ++n) {
            due -= std::log(double((roll() >> 11) + 1) * 0x1p-53) * mean;
            const auto at = std::uint64_t(begin + due);
            while (ticks() < at)
                if (s_.gap_ns > spin_below_ns)
                    rest();
            send_one(end, what_, n, at, rest);
            end.flush();
            sum_sent_ += what_.sum(n, at);
        }
        r.sent = most;
        sent_.store(most);
        while (received_.load() != most) { /* where a queue was full, something was held back */
            end.flush();
            rest();
        }
    }

    void receive(result &r, const std::function<void()> &ready)
    {
        typename C::receiver end(contestant_, 0, 0);
        alignas(apart) typename C::message msgs[C::burst];
        const double scale = ns_per_tick();
        ready();
        while (r.received != sent_.load(std::memory_order_relaxed)) {
            const auto n = end.take(msgs, C::burst);
            for (std::uint32_t i = 0; i < n; ++i) {
                const auto took = double(ticks() - traffic::stamp_of(msgs[i].ptr)) * scale;
                histogram_add(&r.latency_ns, std::uint64_t(took));
                sum_received_ += traffic::read(msgs[i].ptr, msgs[i].len);
            }
            r.received += n;
            if (n)
                end.give_back(msgs, n);
            else if constexpr (C::can & can_wait)
                if (s_.blocking)
                    end.wait();
        }
        received_.store(r.received);
    }

    static constexpr std::uint32_t spin_below_ns = 10000;

    const scenario s_;
    const limits limits_;
    const traffic what_;
    C contestant_;
    crew crew_;
    std::uint64_t sum_sent_ = 0;
    std::uint64_t sum_received_ = 0;
    alignas(apart) std::atomic<std::uint64_t> sent_{~std::uint64_t{0}};
    std::atomic<std::uint64_t> received_{0};
};

} // namespace bench

#endif
