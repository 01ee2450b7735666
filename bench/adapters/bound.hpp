/* SPDX-License-Identifier: MIT */
/*
 * The physical bound: length and bytes written in place in one ring, cursors shared in batches. No
 * allocation, no descriptors, and so one sender, one receiver, and room that comes back in order.
 */
#ifndef HANDOFF_BENCH_BOUND_HPP
#define HANDOFF_BENCH_BOUND_HPP

#include "machine.hpp"
#include "mesh.hpp"

#include <atomic>
#include <cstring>

namespace bench {

class bound {
  public:
    using message = parcel;
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can = can_keep | can_large;

    explicit bound(const shape &s)
        : room_(8 + s.bytes), size_(size_for(s)), mask_(size_ - 1), ring_(size_)
    {
    }

    class alignas(apart) sender {
      public:
        sender(bound &c, std::uint32_t, std::uint32_t) : c_(c) {}
        std::uint8_t *get()
        {
            if (written_ + c_.room_ - consumed_ > c_.size_) {
                consumed_ = c_.consumed_.load(std::memory_order_acquire);
                if (written_ + c_.room_ - consumed_ > c_.size_)
                    return nullptr;
            }
            return c_.ring_.base() + (written_ & c_.mask_) + 8;
        }
        bool hand_over(std::uint32_t len, std::uint64_t)
        {
            const std::uint64_t length = len;
            std::memcpy(c_.ring_.base() + (written_ & c_.mask_), &length, sizeof length);
            written_ += size_of(len);
            return true;
        }
        void flush() { c_.produced_.store(written_, std::memory_order_release); }

      private:
        bound &c_;
        std::uint64_t written_ = 0;
        std::uint64_t consumed_ = 0;
    };

    class alignas(apart) receiver {
      public:
        receiver(bound &c, std::uint32_t, std::uint32_t) : c_(c) {}
        std::uint32_t take(parcel *msgs, std::uint32_t max)
        {
            if (read_ == produced_)
                produced_ = c_.produced_.load(std::memory_order_acquire);
            std::uint32_t n = 0;
            for (; n < max && read_ != produced_; ++n) {
                auto *at = c_.ring_.base() + (read_ & c_.mask_);
                std::memcpy(&msgs[n].len, at, sizeof msgs[n].len);
                msgs[n].ptr = at + 8;
                read_ += size_of(msgs[n].len);
            }
            return n;
        }
        void give_back(parcel *msgs, std::uint32_t n)
        {
            for (std::uint32_t i = 0; i < n; ++i)
                done_ += msgs[i].ptr ? size_of(msgs[i].len) : 0;
            c_.consumed_.store(done_, std::memory_order_release);
        }
        void wait() {}

      private:
        bound &c_;
        std::uint64_t read_ = 0;
        std::uint64_t produced_ = 0;
        std::uint64_t done_ = 0;
    };

  private:
    static std::uint64_t size_of(std::uint64_t len) { return 8 + ((len + 7) & ~std::uint64_t{7}); }
    /* Small enough for a cache; twice what is kept, at the mean length of the traffic that keeps. */
    static std::size_t size_for(const shape &s)
    {
        std::size_t size = 512u << 10;
        while (size < 2 * (s.keep * std::size_t{192} + 2 * std::size_t{s.bytes}))
            size *= 2;
        return size;
    }

    const std::uint64_t room_;
    const std::size_t size_;
    const std::uint64_t mask_;
    mirror ring_;
    alignas(apart) std::atomic<std::uint64_t> produced_{0};
    alignas(apart) std::atomic<std::uint64_t> consumed_{0};
};

using contestant = bound;

} // namespace bench

#endif
