/* SPDX-License-Identifier: MIT */
/*
 * The game server, live: one network thread, 128 workers in three services that sleep when there is
 * nothing. Messages go back at once, objects of raids when their time has come, on the worker that heard of them.
 * What finds its queue full is lost; so is what the network thread gets round to 100 ms late: by then its socket's buffer
 * has run over.
 */
#ifndef HANDOFF_BENCH_RAID_HPP
#define HANDOFF_BENCH_RAID_HPP

#include "crew.hpp"
#include "story/boss.hpp"
#include "story/locks.hpp"
#include "story/memory.hpp"
#include "story/meter.hpp"
#include "story/objects.hpp"
#include "story/workers.hpp"

#include <chrono>
#include <memory>
#include <sys/resource.h>
#include <utility>

namespace bench {

struct raid_result {
    /* Messages and objects; the messages that tell of objects are not counted. */
    std::uint64_t due = 0;  /* what was not sent of it is lost */
    std::uint64_t late = 0; /* of the lost: the sender came too late, not the queue was full */
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool intact = false;
    double seconds = 0;
    double longest_raid_ns = 0;      /* from its beginning until its last object was handed over */
    double longest_raid_read_ns = 0; /* until its last object was read */
    histogram latency_ns{};          /* of messages, from due to header read */
    histogram allocation_ns{};
    histogram object_ns{};      /* of getting memory for objects */
    lock_count locks;           /* once it has settled ... */
    double settled_seconds = 0; /* ... which was for so long */
    std::uint64_t switches = 0; /* voluntary */
    double cpu_seconds = 0;
    double sender_cpu_seconds = 0;
    /* Of the last second, one raid's time: what is held, over many looks. */
    std::uint64_t looks = 0;
    std::uint64_t live_bytes = 0; /* the sum of the looks */
    std::uint64_t held_bytes = 0;
    std::uint64_t held_most = 0;
    double worst_peak = 0; /* fragmentation when a raid was handed over, the worst of all */
    double dead_share = 0;
};

inline double cpu_of(int whom, std::uint64_t *switches = nullptr)
{
    rusage used{};
    getrusage(whom, &used);
    if (switches)
        *switches = std::uint64_t(used.ru_nvcsw);
    return double(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           double(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

template <class C> class raid {
  public:
    raid(std::uint32_t sessions, std::uint64_t ns)
        : sessions_(sessions), ns_(double(ns)), what_(0), contestant_(story_shape),
          crew_(1 + all_workers), boss_(contestant_, book_, sessions, ns_), received_(all_workers),
          returned_(all_workers), latencies_(all_workers), raids_read_(all_workers),
          meters_(1 + all_workers)
    {
    }

    raid_result run()
    {
        crew_.add([this](auto &ready) { send(ready); });
        for (std::uint32_t i = 0; i < all_workers; ++i)
            crew_.add([this, i](auto &ready) { work(i, ready); });
        look();
        crew_.join();
        std::uint64_t balance = sum_sent_;
        for (const auto &t : received_) {
            r_.received += t.count;
            balance -= t.sum;
        }
        for (const auto &latency : latencies_)
            histogram_merge(&r_.latency_ns, &latency);
        for (const auto &one : meters_)
            histogram_merge(&r_.allocation_ns, &one.cost());
        for (const auto ns : raids_read_)
            r_.longest_raid_read_ns = std::max(r_.longest_raid_read_ns, ns);
        r_.object_ns = boss_.cost().cost();
        r_.intact = balance == 0 && total(returned_) == bytes_sent_;
        return r_;
    }

  private:
    static constexpr double buffered_ns = 100e6;
    static constexpr std::uint32_t at_once = 64; /* messages of one wake-up, as net.hpp receives */
    static constexpr auto unknown = ~std::uint64_t{0};
    /* Until then everybody has found its lanes, or whatever else is done once. */
    static constexpr auto settling = std::chrono::milliseconds(250);

    /* The network thread's ends. */
    struct network {
        std::vector<std::unique_ptr<typename C::sender>> ends;
        std::vector<std::uint8_t *> rooms; /* of a message that was lost: the next one takes it */
        std::uint32_t held = 0;            /* back, until they are flushed */
        void flush()
        {
            if (std::exchange(held, 0))
                for (auto &end : ends)
                    end->flush();
        }
    };

    void send(const std::function<void()> &ready)
    {
        touch_stack();
        network net;
        for (std::uint32_t i = 0; i < story_shape.services; ++i)
            net.ends.push_back(std::make_unique<typename C::sender>(contestant_, i, 0u));
        net.rooms.resize(net.ends.size());
        schedule due(sessions_);
        ready();
        start();
        const auto begin = ticks();
        for (auto e = due.next(); e.at_ns < ns_; e = due.next()) {
            const auto at = begin + std::uint64_t(e.at_ns / scale_);
            if (net.held == at_once) {
                net.flush();
                go_on_with_raid(net, begin);
            }
            while (ticks() < at)
                if (!go_on_with_raid(net, begin)) {
                    net.flush();
                    std::this_thread::yield();
                }
            net.held += hand_over(net, e, at);
        }
        while (go_on_with_raid(net, begin))
            ;
        net.flush();
        stop(since(begin) * 1e-9);
        while (total(received_) != r_.sent)
            std::this_thread::yield();
    }
    double since(std::uint64_t begin) const { return double(ticks() - begin) * scale_; }

    bool hand_over(network &net, const event &e, std::uint64_t at)
    {
        const auto nth = r_.due++;
        if (since(at) > buffered_ns) {
            ++r_.late;
            return false;
        }
        auto &room = net.rooms[nth % net.rooms.size()];
        auto &end = *net.ends[nth % net.ends.size()];
        if (!room)
            room = end.get();
        const auto len = room ? what_.fill(room, nth, at) : 0;
        if (!room || !end.hand_over(len, e.session))
            return false;
        room = nullptr;
        count_sent(1, len, what_.sum(nth, at));
        return true;
    }
    void count_sent(std::uint64_t count, std::uint64_t bytes, std::uint64_t sum)
    {
        r_.sent += count;
        sum_sent_ += sum;
        bytes_sent_.store(bytes_sent_.load(std::memory_order_relaxed) + bytes,
                          std::memory_order_relaxed);
    }

    /* A message's worth of it; false: there is nothing to do now. */
    bool go_on_with_raid(network &net, std::uint64_t begin)
    {
        const auto did = boss_.step(begin, net.ends, net.rooms);
        r_.due += did.due;
        if (did.sent) {
            count_sent(did.sent, did.bytes, did.sum);
            if (++net.held == at_once)
                net.flush();
        }
        if (did.last) {
            net.flush();
            r_.longest_raid_ns = std::max(r_.longest_raid_ns, since(begin) - did.began_ns);
            const auto now = memory_now();
            if (now.held)
                r_.worst_peak = std::max(r_.worst_peak, 1 - double(now.live) / double(now.held));
        }
        return did.worked;
    }

    /* By the sender, when everybody is ready; nothing was allocated for a message yet. */
    void start()
    {
        measuring = &meters_[all_workers];
        resident_before_ = resident_bytes();
        contestant_.open_objects();
        r_.cpu_seconds = -cpu_of(RUSAGE_SELF, &r_.switches);
        r_.sender_cpu_seconds = -cpu_of(RUSAGE_THREAD);
        running_.store(true);
    }
    void stop(double seconds)
    {
        std::uint64_t switches = 0;
        locks_ = locks_so_far();
        running_.store(false);
        r_.seconds = seconds;
        r_.cpu_seconds += cpu_of(RUSAGE_SELF, &switches);
        r_.switches = switches - r_.switches;
        r_.sender_cpu_seconds += cpu_of(RUSAGE_THREAD);
        r_.dead_share = contestant_.dead_share();
        measuring = nullptr;
        sent_.store(r_.sent);
    }

    void work(std::uint32_t index, const std::function<void()> &ready)
    {
        touch_stack();
        const auto per_service = story_shape.receivers;
        typename C::receiver end(contestant_, index / per_service, index % per_service);
        alignas(apart) typename C::message msgs[C::burst];
        objects<C> kept(book_);
        auto &mine = received_[index];
        auto &back = returned_[index].count;
        ready();
        measuring = &meters_[index];
        for (;;) {
            const auto n = end.take(msgs, C::burst);
            std::uint64_t bytes = 0;
            std::uint64_t count = 0;
            for (std::uint32_t i = 0; i < n; ++i) {
                mine.sum += traffic::read(msgs[i].ptr, msgs[i].len);
                bytes += msgs[i].len;
                count += read_one(msgs[i].ptr, index, kept);
            }
            if (n)
                end.give_back(msgs, n);
            const bool over = sent_.load() != unknown && total(received_) == sent_.load();
            bytes += kept.release(contestant_, over ? unknown : ticks());
            back.store(back + bytes, std::memory_order_relaxed);
            mine.count.store(mine.count + count, std::memory_order_release);
            if (over)
                return;
            if (!n)
                end.wait();
        }
    }

    /* How many messages and objects it stands for. */
    std::uint64_t read_one(const std::uint8_t *message, std::uint32_t index, objects<C> &kept)
    {
        const auto now = ticks();
        const auto stamp = traffic::stamp_of(message);
        const auto late_ns = (double(now) - double(stamp)) * scale_;
        const auto count = traffic::number_of(message) & ~raid_mark;
        if (!(traffic::number_of(message) & raid_mark)) {
            histogram_add(&latencies_[index], std::uint64_t(late_ns));
            return 1;
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto one = news_of(message, i);
            const auto type = book_.type_of(one.number);
            const auto object = contestant_.find(type, one.reference);
            received_[index].sum += traffic::read(object.ptr, object_types[type].bytes);
            kept.keep(now + std::uint64_t(life_ns(one.number) / scale_), one.number, object);
        }
        raids_read_[index] = std::max(raids_read_[index], late_ns + raid_ns);
        return count;
    }

    /* By the main thread, which is not one of the crew. */
    void look()
    {
        using namespace std::chrono;
        constexpr auto pause = milliseconds(10);
        while (!running_.load())
            std::this_thread::sleep_for(pause);
        const auto from = steady_clock::now();
        const auto measured_from = from + nanoseconds(std::int64_t(ns_ - raid_every_ns));
        std::this_thread::sleep_for(settling);
        const auto locks = locks_so_far();
        const auto settled = steady_clock::now();
        while (running_.load()) {
            std::this_thread::sleep_for(pause);
            if (steady_clock::now() > measured_from)
                look_at_memory();
        }
        r_.settled_seconds = duration<double>(steady_clock::now() - settled).count();
        r_.locks = {locks_.taken - locks.taken, locks_.contended - locks.contended};
    }
    struct memory {
        std::uint64_t live;
        std::uint64_t held;
    };
    memory memory_now() const
    {
        const auto back = total(returned_); /* first, so that it is not more than was sent */
        const auto grown = std::max(resident_bytes(), resident_before_) - resident_before_;
        std::uint64_t rings = 0; /* as far as they have been written */
        std::uint64_t of_service[story_shape.services] = {};
        for (std::uint32_t i = 0; i < all_workers; ++i)
            of_service[i / story_shape.receivers] += received_[i].count;
        for (const auto count : of_service)
            rings += std::min(count, C::slots_for(story_shape.receivers)) * C::slot_bytes;
        return {bytes_sent_.load(std::memory_order_relaxed) - back, grown - std::min(grown, rings)};
    }
    void look_at_memory()
    {
        const auto now = memory_now();
        ++r_.looks;
        r_.live_bytes += now.live;
        r_.held_bytes += now.held;
        r_.held_most = std::max(r_.held_most, now.held);
    }

    const std::uint32_t sessions_;
    const double ns_;
    const double scale_ = ns_per_tick();
    const traffic what_;
    const object_book book_;
    raid_result r_;
    C contestant_;
    crew crew_;
    boss<C> boss_;
    std::vector<tally> received_;
    std::vector<tally> returned_; /* bytes */
    std::vector<histogram> latencies_;
    std::vector<double> raids_read_;
    std::vector<clock_meter> meters_; /* the last is the sender's */
    std::uint64_t sum_sent_ = 0;
    std::uint64_t resident_before_ = 0;
    lock_count locks_; /* at the end */
    alignas(apart) std::atomic<std::uint64_t> bytes_sent_{0};
    alignas(apart) std::atomic<std::uint64_t> sent_{unknown};
    alignas(apart) std::atomic<bool> running_{false};
};

} // namespace bench

#endif
