/* SPDX-License-Identifier: MIT */
/*
 * One message at a time to a receiver that sleeps: from before it is written until it is taken. The
 * sender sleeps in between as well, so that both cores are free for others, or for nobody.
 */
#ifndef HANDOFF_BENCH_SLEEPER_HPP
#define HANDOFF_BENCH_SLEEPER_HPP

#include "crew.hpp"
#include "scenarios/flow.hpp"
#include "scenarios/scenario.hpp"
#include "traffic.hpp"

#include <chrono>
#include <sys/prctl.h>

namespace bench {

/* Busy threads, one on each core, while it lives. */
class competition {
  public:
    explicit competition(std::uint32_t threads)
    {
        for (std::uint32_t core = 0; core < threads; ++core)
            busy_.emplace_back([this, core] {
                pin_to(core);
                while (!over_.load(std::memory_order_relaxed))
                    ;
            });
    }
    ~competition()
    {
        over_.store(true);
        for (auto &thread : busy_)
            thread.join();
    }
    competition(const competition &) = delete;
    competition &operator=(const competition &) = delete;

  private:
    std::atomic<bool> over_{false};
    std::vector<std::thread> busy_;
};

template <class C> class sleeper {
  public:
    static constexpr std::chrono::microseconds gap{200};

    sleeper(const scenario &s, const limits &l)
        : limits_(l), what_(s.length), contestant_(s.form), crew_(2)
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
        const auto allowed = std::uint64_t(double(limits_.ns) / ns_per_tick());
        const auto most = limits_.messages;
        prctl(PR_SET_TIMERSLACK, 1UL); /* in ns: the gap is not stretched */
        ready();
        const auto begin = ticks();
        for (auto now = begin; most ? r.sent < most : now - begin < allowed; now = ticks()) {
            send_one(end, what_, r.sent, now, pause{false});
            end.flush();
            sum_sent_ += what_.sum(r.sent++, now);
            std::this_thread::sleep_for(gap);
        }
        sent_.store(r.sent);
    }

    void receive(result &r, const std::function<void()> &ready)
    {
        typename C::receiver end(contestant_, 0, 0);
        alignas(apart) typename C::message msgs[C::burst];
        const double scale = ns_per_tick();
        ready();
        while (r.received != sent_.load(std::memory_order_relaxed)) {
            const auto n = end.take(msgs, C::burst);
            if (n == 0) {
                end.wait();
                continue;
            }
            const auto now = ticks();
            for (std::uint32_t i = 0; i < n; ++i) {
                const auto took = double(now - traffic::stamp_of(msgs[i].ptr)) * scale;
                histogram_add(&r.latency_ns, std::uint64_t(took));
                sum_received_ += traffic::read(msgs[i].ptr, msgs[i].len);
            }
            r.received += n;
            end.give_back(msgs, n);
        }
    }

    const limits limits_;
    const traffic what_;
    C contestant_;
    crew crew_;
    std::uint64_t sum_sent_ = 0;
    alignas(apart) std::uint64_t sum_received_ = 0;
    alignas(apart) std::atomic<std::uint64_t> sent_{~std::uint64_t{0}};
};

} // namespace bench

#endif
