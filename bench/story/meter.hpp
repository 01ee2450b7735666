/* SPDX-License-Identifier: MIT */
/*
 * What allocations cost, each by itself. A contestant puts `measured` around the call that gets memory
 * for a message; it costs nothing but a look where the thread has set no meter.
 */
#ifndef HANDOFF_BENCH_METER_HPP
#define HANDOFF_BENCH_METER_HPP

#include "machine.hpp"
#include "shape.hpp"

#include <common/histogram.h>

namespace bench {

class meter {
  public:
    virtual ~meter() = default;
    virtual void begin() = 0;
    virtual void end() = 0;
};

/* Of this thread, while it is to be measured. */
inline thread_local meter *measuring = nullptr;

class measured {
  public:
    measured() : by_(measuring)
    {
        if (by_)
            by_->begin();
    }
    ~measured()
    {
        if (by_)
            by_->end();
    }
    measured(const measured &) = delete;
    measured &operator=(const measured &) = delete;

  private:
    meter *const by_;
};

/* In ns. */
class alignas(apart) clock_meter final : public meter {
  public:
    void begin() override { from_ = ticks(); }
    void end() override { histogram_add(&cost_, std::uint64_t(double(ticks() - from_) * scale_)); }
    const histogram &cost() const { return cost_; }

  private:
    const double scale_ = ns_per_tick();
    std::uint64_t from_ = 0;
    histogram cost_{};
};

/*
 * In instructions of the program, libraries included, the kernel not: the processor traps after each
 * one. Counts too how many of them lock memory. A thread's first allocation, which sets the thread up,
 * is left out. x86-64 only.
 */
class alignas(apart) step_meter final : public meter {
  public:
    step_meter();
    void begin() override;
    void end() override;
    const histogram &cost() const { return cost_; }
    const histogram &locked() const { return locked_; }

  private:
    std::uint32_t left_out_ = 2; /* an empty one, and the thread's first */
    std::uint64_t empty_ = 0;    /* what begin and end themselves come to */
    histogram cost_{};
    histogram locked_{};
};

} // namespace bench

#endif
