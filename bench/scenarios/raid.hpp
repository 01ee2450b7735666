/* SPDX-License-Identifier: MIT */
/*
 * The game server: sessions send 6.1 messages a second each, at times that do not depend on how it
 * goes, to three services with sleeping workers; and every second a raid creates 11,000 objects
 * within 8 ms. A message that finds its queue full is lost; so is one that the sender gets round to
 * 100 ms late: by then its socket's buffer has run over.
 */
#ifndef HANDOFF_BENCH_RAID_HPP
#define HANDOFF_BENCH_RAID_HPP

#include "flow.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

template <class C> class raid {
  public:
    raid(const scenario &s, const limits &l)
        : s_(s), limits_(l), what_(0), contestant_(s.form), crew_(1 + s.form.all_receivers()),
          received_(s.form.all_receivers()), latencies_(s.form.all_receivers())
    {
    }

    result run()
    {
        result r;
        crew_.add([&](auto &ready) { send(r, ready); });
        for (std::uint32_t i = 0; i < s_.form.all_receivers(); ++i)
            crew_.add([this, i](auto &ready) { receive(i, ready); });
        crew_.join();
        std::uint64_t balance = sum_sent_;
        for (const auto &t : received_) {
            r.received += t.count;
            balance -= t.sum;
        }
        for (const auto &latency : latencies_)
            histogram_merge(&r.latency_ns, &latency);
        r.intact = balance == 0;
        r.per_second = double(r.received) / (double(limits_.ns) * 1e-9);
        return r;
    }

  private:
    static constexpr double per_session = 128000.0 / 21000.0; /* messages a second */
    static constexpr std::uint32_t objects = 11000;           /* of a raid */
    static constexpr double raid_ns = 8e6;
    static constexpr double raid_every_ns = 1e9;
    static constexpr double buffered_ns = 100e6;
    static constexpr double raid_first_ns = 0.3e9;

    /* When the next message is due, in ns since the start: of the sessions or of a raid. */
    class schedule {
      public:
        explicit schedule(std::uint32_t sessions) : gap_ns_(1e9 / (per_session * sessions)) {}
        double next()
        {
            const auto raid = raid_first_ns + double(created_ / objects) * raid_every_ns +
                              double(created_ % objects) * (raid_ns / objects);
            if (raid < due_) {
                ++created_;
                return raid;
            }
            const auto now = due_;
            due_ -= std::log(double((roll_() >> 11) + 1) * 0x1p-53) * gap_ns_;
            return now;
        }

      private:
        const double gap_ns_;
        double due_ = 0;
        std::uint64_t created_ = 0;
        dice roll_{11};
    };

    void send(result &r, const std::function<void()> &ready)
    {
        std::vector<std::unique_ptr<typename C::sender>> ends;
        for (std::uint32_t i = 0; i < s_.form.services; ++i)
            ends.push_back(std::make_unique<typename C::sender>(contestant_, i, 0u));
        std::vector<std::uint8_t *> rooms(ends.size());
        schedule due(limits_.sessions);
        const double scale = ns_per_tick();
        ready();
        const auto begin = ticks();
        for (double at_ns = 0; at_ns < double(limits_.ns); at_ns = due.next()) {
            const auto at = begin + std::uint64_t(at_ns / scale);
            while (ticks() < at)
                std::this_thread::yield();
            const auto number = r.tried++;
            const auto from = ticks();
            if (double(from - at) * scale > buffered_ns)
                continue;
            const auto service = number % ends.size();
            auto &end = *ends[service];
            auto &room = rooms[service]; /* of a message that was lost: the next one takes it */
            if (!room)
                room = end.get();
            const bool gone =
                room && end.hand_over(what_.fill(room, number, at), number / ends.size());
            end.flush();
            histogram_add(&r.call_ns, std::uint64_t(double(ticks() - from) * scale));
            if (gone) {
                room = nullptr;
                sum_sent_ += what_.sum(number, at);
                ++r.sent;
            }
        }
        sent_.store(r.sent);
        while (total(received_) != r.sent)
            std::this_thread::yield();
    }

    void receive(std::uint32_t index, const std::function<void()> &ready)
    {
        const auto per_service = s_.form.receivers;
        typename C::receiver end(contestant_, index / per_service, index % per_service);
        alignas(apart) typename C::message msgs[C::burst];
        const double scale = ns_per_tick();
        auto &mine = received_[index];
        ready();
        for (;;) {
            const auto n = end.take(msgs, C::burst);
            for (std::uint32_t i = 0; i < n; ++i) {
                const auto took = double(ticks() - traffic::stamp_of(msgs[i].ptr)) * scale;
                histogram_add(&latencies_[index], std::uint64_t(took));
                mine.sum += traffic::read(msgs[i].ptr, msgs[i].len);
            }
            if (n) {
                end.give_back(msgs, n);
                mine.count.store(mine.count + n, std::memory_order_release);
            } else if (sent_.load() != unknown && total(received_) == sent_.load()) {
                return;
            } else {
                end.wait();
            }
        }
    }

    static constexpr auto unknown = ~std::uint64_t{0};

    const scenario s_;
    const limits limits_;
    const traffic what_;
    C contestant_;
    crew crew_;
    std::vector<tally> received_;
    std::vector<histogram> latencies_;
    std::uint64_t sum_sent_ = 0;
    alignas(apart) std::atomic<std::uint64_t> sent_{unknown};
};

} // namespace bench

#endif
