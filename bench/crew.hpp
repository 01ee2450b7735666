/* SPDX-License-Identifier: MIT */
/* The threads of a run: they start together, and one thing that each of them may say about itself. */
#ifndef HANDOFF_BENCH_CREW_HPP
#define HANDOFF_BENCH_CREW_HPP

#include "machine.hpp"
#include "shape.hpp"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace bench {

/* A figure that one thread writes and others add up. */
struct alignas(apart) tally {
    std::atomic<std::uint64_t> count{0};
    std::uint64_t sum = 0;  /* of the words; read after the threads have ended */
    std::uint64_t last = 0; /* ticks: when its last message was done */
};

inline std::uint64_t total(const std::vector<tally> &tallies)
{
    std::uint64_t all = 0;
    for (const auto &t : tallies)
        all += t.count.load(std::memory_order_acquire);
    return all;
}

class crew {
  public:
    /* One thread per core if they fit, else wherever the kernel puts them. */
    explicit crew(std::uint32_t threads)
        : threads_(threads), crowded_(threads > cores()), missing_(threads)
    {
    }
    bool crowded() const { return crowded_; }

    /* The job's set-up is done when it calls the function that it is given. */
    void add(std::function<void(const std::function<void()> &)> job)
    {
        const auto core = std::uint32_t(running_.size());
        running_.emplace_back([this, core, job = std::move(job)] {
            if (crowded_)
                unpin();
            else
                pin_to(core);
            job([this] { meet(); });
        });
    }
    void join()
    {
        for (auto &thread : running_)
            thread.join();
    }

  private:
    void meet()
    {
        missing_.fetch_sub(1);
        while (missing_.load() != 0)
            std::this_thread::yield();
    }

    const std::uint32_t threads_;
    const bool crowded_;
    std::atomic<std::uint32_t> missing_;
    std::vector<std::thread> running_;
};

} // namespace bench

#endif
