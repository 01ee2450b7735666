/* SPDX-License-Identifier: MIT */
/*
 * The same messages without the hurry: one service, where no more than a few messages are under way at
 * any time, so that what happens hangs on nothing but the contestant. For counting instructions, and
 * for what a further thread costs in memory.
 */
#ifndef HANDOFF_BENCH_LOCKSTEP_HPP
#define HANDOFF_BENCH_LOCKSTEP_HPP

#include "crew.hpp"
#include "scenarios/flow.hpp"
#include "story/memory.hpp"
#include "story/meter.hpp"

#include <chrono>
#include <memory>
#include <mutex>

namespace bench {

struct lockstep_result {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool intact = false;
    std::uint64_t grown_bytes = 0; /* resident, from threads without ends until all has come back */
    histogram steps{};             /* of each allocation, if they were counted */
    histogram locked{};
};

template <class C> class lockstep {
  public:
    lockstep(const shape &s, std::uint32_t messages, bool counted)
        : shape_(s), messages_(messages), counted_(counted), what_(0), contestant_(s),
          crew_(s.senders + s.receivers), sent_(s.senders), received_(s.receivers)
    {
    }

    lockstep_result run()
    {
        lockstep_result r;
        for (std::uint32_t i = 0; i < shape_.senders; ++i)
            crew_.add([this, i](auto &ready) { send(i, ready); });
        for (std::uint32_t i = 0; i < shape_.receivers; ++i)
            crew_.add([this, i](auto &ready) { work(i, ready); });
        await(standing_);
        const auto before = resident_bytes();
        stage_.store(1);
        await(done_);
        r.grown_bytes = resident_bytes() - before;
        stage_.store(2);
        crew_.join();
        r.sent = total(sent_);
        r.received = total(received_);
        std::uint64_t balance = 0;
        for (const auto &t : sent_)
            balance += t.sum;
        for (const auto &t : received_)
            balance -= t.sum;
        r.intact = balance == 0;
        r.steps = steps_;
        r.locked = locked_;
        return r;
    }

  private:
    static constexpr std::uint64_t under_way = 16;

    void await(const std::atomic<std::uint32_t> &threads) const
    {
        while (threads.load() != shape_.senders + shape_.receivers)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    void stand(std::atomic<std::uint32_t> &where, std::uint32_t until) const
    {
        where.fetch_add(1);
        while (stage_.load() < until)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::unique_ptr<step_meter> counter() const
    {
        return counted_ ? std::make_unique<step_meter>() : nullptr;
    }
    void keep_counts(const step_meter *counted)
    {
        measuring = nullptr;
        if (!counted)
            return;
        const std::lock_guard lock(counts_);
        histogram_merge(&steps_, &counted->cost());
        histogram_merge(&locked_, &counted->locked());
    }

    void send(std::uint32_t index, const std::function<void()> &ready)
    {
        touch_stack();
        stand(standing_, 1);
        typename C::sender end(contestant_, 0, index);
        const auto counted = counter();
        auto &mine = sent_[index];
        ready();
        measuring = counted.get();
        for (std::uint32_t n = 0; n < messages_; ++n) {
            while (total(sent_) - total(received_) >= under_way)
                std::this_thread::yield();
            send_one(end, what_, n, 0, pause{true});
            end.flush();
            mine.sum += what_.sum(n, 0);
            mine.count.store(n + 1);
        }
        keep_counts(counted.get());
        sending_.fetch_sub(1);
        stand(done_, 2);
    }

    void work(std::uint32_t index, const std::function<void()> &ready)
    {
        touch_stack();
        stand(standing_, 1);
        typename C::receiver end(contestant_, 0, index);
        alignas(apart) typename C::message msgs[C::burst];
        window<C> kept(shape_.keep);
        const auto counted = counter();
        auto &mine = received_[index];
        ready();
        measuring = counted.get();
        while (sending_.load() || total(received_) != total(sent_)) {
            const auto n = end.take(msgs, C::burst);
            if (n == 0) {
                end.wait();
                continue;
            }
            for (std::uint32_t i = 0; i < n; ++i)
                mine.sum += traffic::read(msgs[i].ptr, msgs[i].len);
            kept.trade(msgs, n);
            end.give_back(msgs, n);
            mine.count.store(mine.count + n);
        }
        kept.empty(end);
        keep_counts(counted.get());
        stand(done_, 2);
    }

    const shape shape_;
    const std::uint32_t messages_; /* of each sender */
    const bool counted_;
    const traffic what_;
    C contestant_;
    crew crew_;
    std::vector<tally> sent_;
    std::vector<tally> received_;
    std::atomic<std::uint32_t> sending_{shape_.senders};
    std::atomic<std::uint32_t> standing_{0};
    std::atomic<std::uint32_t> done_{0};
    std::atomic<std::uint32_t> stage_{0};
    std::mutex counts_;
    histogram steps_{};
    histogram locked_{};
};

} // namespace bench

#endif
