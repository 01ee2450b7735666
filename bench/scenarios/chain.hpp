/* SPDX-License-Identifier: MIT */
/*
 * Through three services, read by each: sender, then three receivers of which the first two pass on
 * what they took. On two threads, so that every hop goes from one core to the other: this one sends
 * and serves the second service, that one serves the first and the third.
 */
#ifndef HANDOFF_BENCH_CHAIN_HPP
#define HANDOFF_BENCH_CHAIN_HPP

#include "flow.hpp"

#include <optional>

namespace bench {

template <class C> class chain {
  public:
    chain(const scenario &s, const limits &l)
        : s_(s), limits_(l), what_(s.length), contestant_(s.form), crew_(2)
    {
    }

    result run()
    {
        result r;
        crew_.add([&](auto &ready) { here(r, ready); });
        crew_.add([&](auto &ready) { there(r, ready); });
        crew_.join();
        r.intact = sum_received_ == 3 * sum_sent_;
        return r;
    }

  private:
    /* Takes from one service; reads; passes on to the next, or gives back. */
    struct stage {
        stage(C &c, std::uint32_t service, bool last) : from(c, service, 0)
        {
            if (!last)
                to.emplace(c, service + 1, 0u);
        }
        std::uint32_t step(std::uint64_t &sum)
        {
            if (left == 0) {
                first = 0;
                left = from.take(msgs, C::burst);
                for (std::uint32_t i = 0; i < left; ++i)
                    sum += traffic::read(msgs[i].ptr, msgs[i].len);
            }
            const auto before = left;
            if (!to)
                from.give_back(msgs, left);
            const auto gone = to ? to->pass_on(msgs + first, left) : before;
            if (to)
                to->flush();
            first += gone;
            left -= gone;
            return gone;
        }
        alignas(apart) typename C::message msgs[C::burst];
        std::uint32_t first = 0;
        std::uint32_t left = 0;
        typename C::receiver from;
        std::optional<typename C::sender> to;
    };

    void here(result &r, const std::function<void()> &ready)
    {
        typename C::sender source(contestant_, 0, 0);
        stage second(contestant_, 1, false);
        const pause rest{crew_.crowded()};
        const auto allowed = std::uint64_t(double(limits_.ns) / ns_per_tick());
        std::uint64_t sum = 0;
        std::uint64_t heard = 0;
        std::uint64_t uncounted = 0;
        ready();
        const auto begin = ticks();
        auto counted_from = begin;
        std::uint64_t n = 0;
        for (; limits_.messages ? n < limits_.messages : ticks() - begin < allowed;) {
            if (n - done_.load(std::memory_order_relaxed) < queue_slots / 2) {
                for (std::uint32_t i = 0; i < 16; ++i, ++n) {
                    send_one(source, what_, n, 0, rest);
                    sum += what_.sum(n, 0);
                    if (n % C::burst == C::burst - 1)
                        source.flush();
                }
            }
            if (counted_from == begin && ticks() - begin > allowed / 5) {
                counted_from = ticks();
                uncounted = n;
            }
            second.step(heard);
        }
        r.sent = n;
        while (done_.load(std::memory_order_acquire) != n) {
            source.flush();
            second.step(heard);
        }
        r.per_second =
            double(n - uncounted) / (double(ticks() - counted_from) * ns_per_tick()) * 1e9;
        sum_sent_ = sum;
        sum_received_ += heard;
        ended_.store(true);
    }

    void there(result &r, const std::function<void()> &ready)
    {
        stage first(contestant_, 0, false);
        stage third(contestant_, 2, true);
        const pause rest{crew_.crowded()};
        std::uint64_t heard = 0;
        ready();
        while (!ended_.load(std::memory_order_relaxed)) {
            const auto in = first.step(heard);
            const auto out = third.step(heard);
            r.received += out;
            done_.store(r.received, std::memory_order_release);
            if (in + out == 0)
                rest();
        }
        sum_received_ += heard;
    }

    const scenario s_;
    const limits limits_;
    const traffic what_;
    C contestant_;
    crew crew_;
    std::uint64_t sum_sent_ = 0;
    alignas(apart) std::atomic<std::uint64_t> sum_received_{0};
    alignas(apart) std::atomic<std::uint64_t> done_{0};
    std::atomic<bool> ended_{false};
};

} // namespace bench

#endif
