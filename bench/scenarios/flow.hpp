/* SPDX-License-Identifier: MIT */
/*
 * Flat out: every sender sends as fast as it can, every receiver reads, keeps for a while, and gives
 * back. The first fifth is not counted.
 */
#ifndef HANDOFF_BENCH_FLOW_HPP
#define HANDOFF_BENCH_FLOW_HPP

#include "crew.hpp"
#include "scenario.hpp"
#include "traffic.hpp"

#include <algorithm>
#include <memory>

namespace bench {

/* Sends one message, however long it takes. */
template <class Sender>
std::uint64_t send_one(Sender &to, const traffic &what, std::uint64_t number, std::uint64_t stamp,
                       const pause &rest)
{
    std::uint8_t *room;
    while (!(room = to.get())) {
        to.flush();
        rest();
    }
    const auto len = what.fill(room, number, stamp);
    while (!to.hand_over(len, number)) {
        to.flush();
        rest();
    }
    return len;
}

/* What a receiver keeps: each message takes the place of a random one, or of the oldest where the
 * contestant needs its messages back in order. */
template <class C> class window {
  public:
    explicit window(std::uint32_t size) : kept_(size) {}

    /* Leaves in msgs what is to be given back. */
    void trade(typename C::message *msgs, std::uint32_t n)
    {
        if (kept_.empty())
            return;
        for (std::uint32_t i = 0; i < n; ++i) {
            auto place = turn_ < kept_.size() || !(C::can & can_any_order)
                             ? turn_ % kept_.size()
                             : (roll_() >> 32) * kept_.size() >> 32;
            ++turn_;
            std::swap(msgs[i], kept_[place]);
        }
    }
    template <class Receiver> void empty(Receiver &to)
    {
        if (kept_.empty())
            return;
        const auto from = std::ptrdiff_t(turn_ % kept_.size());
        if (!(C::can & can_any_order))
            std::rotate(kept_.begin(), kept_.begin() + from, kept_.end());
        to.give_back(kept_.data(), std::uint32_t(kept_.size()));
    }

  private:
    std::vector<typename C::message> kept_;
    std::uint64_t turn_ = 0;
    dice roll_{42};
};

template <class C> class flow {
  public:
    flow(const scenario &s, const limits &l)
        : s_(s), limits_(l), what_(s.length), contestant_(s.form),
          crew_(s.form.senders + s.form.all_receivers()), sent_(s.form.senders),
          received_(s.form.all_receivers())
    {
    }

    result run()
    {
        for (std::uint32_t i = 0; i < s_.form.senders; ++i)
            crew_.add([this, i](auto &ready) { send(i, ready); });
        for (std::uint32_t i = 0; i < s_.form.all_receivers(); ++i)
            crew_.add([this, i](auto &ready) { receive(i, ready); });
        crew_.join();
        result r;
        std::uint64_t last = 0;
        std::uint64_t balance = 0;
        for (const auto &t : received_) {
            r.received += t.count;
            balance -= t.sum;
            last = std::max(last, t.last);
        }
        for (const auto &t : sent_) {
            r.sent += t.count;
            balance += t.sum;
        }
        r.intact = balance == 0;
        r.per_second =
            double(r.sent - uncounted_) / (double(last - counted_from_) * ns_per_tick()) * 1e9;
        return r;
    }

  private:
    static constexpr std::uint64_t look_every = 256; /* messages between two looks at the clock */

    /* Each sending thread has an end at every service and serves them in turn. */
    void send(std::uint32_t index, const std::function<void()> &ready)
    {
        std::vector<std::unique_ptr<typename C::sender>> ends;
        for (std::uint32_t i = 0; i < s_.form.services; ++i)
            ends.push_back(std::make_unique<typename C::sender>(contestant_, i, index));
        const pause rest{crew_.crowded()};
        const auto allowed = std::uint64_t(double(limits_.ns) / ns_per_tick());
        const auto most = limits_.messages;
        ready();
        const auto begin = ticks();
        std::uint64_t sum = 0;
        std::uint64_t n = 0;
        bool warming = true;
        for (;; ++n) {
            if (n % look_every == 0) {
                const auto now = ticks();
                const auto past = now - begin;
                if (warming && (most ? n >= most / 5 : past > allowed / 5)) {
                    warming = false;
                    start_counting(index, now, n);
                } else if (most ? n >= most : past > allowed) {
                    break;
                }
                sent_[index].count.store(n, std::memory_order_relaxed);
            }
            auto &end = *ends[n % ends.size()];
            send_one(end, what_, n / ends.size(), 0, rest);
            sum += s_.header_only ? n / ends.size() : what_.sum(n / ends.size(), 0);
            if (n / ends.size() % C::burst == C::burst - 1)
                end.flush();
        }
        sent_[index].sum = sum;
        sent_[index].count.store(n, std::memory_order_relaxed);
        sending_.fetch_sub(1);
        while (total(received_) != total(sent_)) {
            for (auto &end : ends)
                end->flush();
            rest();
        }
    }

    /* The first sender's clock counts; the others' messages of that moment are known well enough. */
    void start_counting(std::uint32_t index, std::uint64_t now, std::uint64_t own)
    {
        if (index != 0)
            return;
        sent_[0].count.store(own, std::memory_order_relaxed);
        uncounted_ = total(sent_);
        counted_from_ = now;
    }

    void receive(std::uint32_t index, const std::function<void()> &ready)
    {
        const auto per_service = s_.form.receivers;
        typename C::receiver end(contestant_, index / per_service, index % per_service);
        alignas(apart) typename C::message msgs[C::burst];
        window<C> kept(s_.form.keep);
        const pause rest{crew_.crowded()};
        auto &mine = received_[index];
        std::uint64_t count = 0;
        std::uint64_t sum = 0;
        bool busy = true;
        ready();
        for (;;) {
            const auto n = end.take(msgs, C::burst);
            if (n == 0) {
                if (busy)
                    mine.last = ticks();
                busy = false;
                mine.count.store(count, std::memory_order_release);
                if (sending_.load() == 0 && total(received_) == total(sent_))
                    break;
                if constexpr (C::can & can_wait)
                    s_.blocking ? end.wait() : rest();
                else
                    rest();
                continue;
            }
            for (std::uint32_t i = 0; i < n; ++i)
                sum += s_.header_only
                           ? traffic::number_of(msgs[i].ptr) + traffic::stamp_of(msgs[i].ptr)
                           : traffic::read(msgs[i].ptr, msgs[i].len);
            count += n;
            busy = true;
            kept.trade(msgs, n);
            end.give_back(msgs, n);
        }
        mine.sum = sum;
        kept.empty(end);
    }

    const scenario s_;
    const limits limits_;
    const traffic what_;
    C contestant_;
    crew crew_;
    std::vector<tally> sent_;
    std::vector<tally> received_;
    std::atomic<std::uint32_t> sending_{s_.form.senders};
    std::uint64_t uncounted_ = 0;
    std::uint64_t counted_from_ = 0;
};

} // namespace bench

#endif
