/* SPDX-License-Identifier: MIT */
/*
 * Raids alone, in simulated time, so that what happens hangs on nothing but the contestant: one thread creates their
 * objects, and the workers end each when its time has come. What has become resident, of whatever use, is compared with
 * the live objects at each raid's peak, when its last object was created.
 */
#ifndef HANDOFF_BENCH_RAIDS_HPP
#define HANDOFF_BENCH_RAIDS_HPP

#include "story/memory.hpp"
#include "story/objects.hpp"
#include "story/schedule.hpp"

#include <memory>
#include <pthread.h>
#include <thread>

namespace bench {

struct raids_result {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool intact = false;          /* objects that changed end the run */
    std::uint64_t live_bytes = 0; /* of the worst peak */
    std::uint64_t held_bytes = 0;
    double worst = 0; /* fragmentation */
};

template <class C> class raids {
  public:
    explicit raids(std::uint32_t count) : contestant_(story_shape), received_(all_workers)
    {
        for (std::uint32_t n = 0; n < count; ++n)
            plans_.push_back(plan_of<C>(n, sessions, book_));
        for (auto &each : received_) {
            each.resize(reserved); /* touched now */
            each.clear();
        }
        pthread_barrier_init(&step_, nullptr, all_workers + 1);
    }
    ~raids() { pthread_barrier_destroy(&step_); }
    raids(const raids &) = delete;
    raids &operator=(const raids &) = delete;

    raids_result run()
    {
        std::vector<std::thread> workers;
        for (std::uint32_t i = 0; i < all_workers; ++i)
            workers.emplace_back([this, i] { work(i); });
        touch_stack();
        pass_step(); /* now all of them stand ready */
        before_ = anonymous_bytes();
        contestant_.open_objects();
        for (const auto &plan : plans_) {
            create(plan);
            look();
            for (std::uint32_t i = 0; i < steps; ++i) {
                now_ns_ += std::uint64_t(raid_every_ns / steps);
                pass_step();
                pass_step();
            }
        }
        now_ns_ = ~std::uint64_t{0};
        pass_step();
        pass_step();
        for (auto &each : workers)
            each.join();
        r_.received = r_.sent - live_objects_;
        r_.intact = live_bytes_ == 0;
        return r_;
    }

  private:
    static constexpr std::uint32_t sessions = 21000;
    static constexpr std::uint32_t steps = 20; /* from one raid to the next */
    static constexpr std::size_t reserved = 1024;

    struct created {
        std::uint64_t ends;
        std::uint64_t number;
        live_object object;
    };

    void pass_step() { pthread_barrier_wait(&step_); }

    void create(const std::vector<planned> &plan)
    {
        for (std::uint32_t type = 0; type < types; ++type)
            contestant_.expect(type, std::uint32_t(std::count_if(
                                         plan.begin(), plan.end(),
                                         [type](const planned &p) { return p.type == type; })));
        for (const auto &each : plan) {
            live_object made;
            must(contestant_.create(each.type, 1, &made), "no memory for an object");
            book_.fill(made.ptr, each.number, 0);
            const auto worker = each.service * story_shape.receivers +
                                each.session % workers_of(story_shape, each.service);
            received_[worker].push_back(
                {now_ns_ + std::uint64_t(life_ns(each.number)), each.number, made});
            live_bytes_ += object_types[each.type].bytes;
        }
        r_.sent += plan.size();
        live_objects_ += plan.size();
    }
    void look()
    {
        const auto held = anonymous_bytes() - before_;
        const auto fragmented = 1 - double(live_bytes_) / double(held);
        if (r_.held_bytes && fragmented <= r_.worst)
            return;
        r_.worst = fragmented;
        r_.live_bytes = live_bytes_;
        r_.held_bytes = held;
    }

    void work(std::uint32_t index)
    {
        touch_stack();
        objects<C> kept(book_);
        pass_step();
        for (bool over = false; !over;) {
            pass_step();
            over = now_ns_ == ~std::uint64_t{0};
            for (const auto &each : received_[index])
                kept.keep(each.ends, each.number, each.object);
            const auto before = kept.size();
            received_[index].clear();
            live_bytes_ -= kept.release(contestant_, now_ns_);
            live_objects_ -= before - kept.size();
            pass_step();
        }
    }

    const object_book book_;
    C contestant_;
    std::vector<std::vector<planned>> plans_;
    std::vector<std::vector<created>> received_; /* by each worker, in the step to come */
    pthread_barrier_t step_;
    std::uint64_t now_ns_ = 0; /* changed between steps */
    std::uint64_t before_ = 0;
    std::atomic<std::uint64_t> live_bytes_{0};
    std::atomic<std::uint64_t> live_objects_{0};
    raids_result r_;
};

} // namespace bench

#endif
