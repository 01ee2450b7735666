/* SPDX-License-Identifier: MIT */
/*
 * The physical bound: length and bytes written in place in one ring, cursors shared in batches. No
 * allocation, no descriptors, and so one sender, one receiver, and room that comes back in order.
 */
#ifndef HANDOFF_BENCH_BOUND_HPP
#define HANDOFF_BENCH_BOUND_HPP

#include "byte_ring.hpp"

#include <algorithm>

namespace bench {

class bound {
  public:
    using message = parcel;
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can = can_keep | can_large;

    explicit bound(const shape &s) : ring_(s) {}

    class alignas(apart) sender {
      public:
        sender(bound &c, std::uint32_t, std::uint32_t) : ring_(c.ring_) {}
        std::uint8_t *get() { return ring_.room_at(written_, consumed_); }
        bool hand_over(std::uint32_t len, std::uint64_t)
        {
            ring_.set_length(written_, len);
            written_ += ring_.stride(len);
            if (written_ - shared_ >= ring_.share_bytes())
                flush();
            return true;
        }
        void flush()
        {
            shared_ = written_;
            ring_.produced.store(written_, std::memory_order_release);
        }

      private:
        byte_ring &ring_;
        std::uint64_t written_ = 0;
        std::uint64_t shared_ = 0;
        std::uint64_t consumed_ = 0;
    };

    class alignas(apart) receiver {
      public:
        receiver(bound &c, std::uint32_t, std::uint32_t) : ring_(c.ring_) {}
        std::uint32_t take(parcel *msgs, std::uint32_t max)
        {
            if (read_ == produced_)
                produced_ = ring_.produced.load(std::memory_order_acquire);
            const auto end = std::min(produced_, read_ + ring_.share_bytes());
            std::uint32_t n = 0;
            for (; n < max && read_ < end; ++n) {
                msgs[n] = ring_.message_at(read_);
                read_ += ring_.stride(msgs[n].len);
            }
            return n;
        }
        void give_back(parcel *msgs, std::uint32_t n)
        {
            for (std::uint32_t i = 0; i < n; ++i)
                done_ += msgs[i].ptr ? ring_.stride(msgs[i].len) : 0;
            ring_.consumed.store(done_, std::memory_order_release);
        }

      private:
        byte_ring &ring_;
        std::uint64_t read_ = 0;
        std::uint64_t produced_ = 0;
        std::uint64_t done_ = 0;
    };

  private:
    byte_ring ring_;
};

using contestant = bound;

} // namespace bench

#endif
