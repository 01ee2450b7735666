/* SPDX-License-Identifier: MIT */
/*
 * handoff, foreign memory in batches of 16: buffers of the sender's own pool are given, and their
 * owner gets them back inline, on the receiver's thread, or (HANDOFF_DRAIN) drains them on its own.
 */
#ifndef HANDOFF_BENCH_HANDOFF_GIVE_HPP
#define HANDOFF_BENCH_HANDOFF_GIVE_HPP

#include "bursts.hpp"
#include "foreign_pool.hpp"
#include "handoff_ends.hpp"

namespace bench {

class handoff_give : public handoff_base {
  public:
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can = can_wait | can_any_order | can_keep | can_large;

    explicit handoff_give(const shape &s)
        : handoff_base(s), pool_(domain(), s.bytes, s.pooled() + s.keep + 2 * burst,
                                 HANDOFF_DRAIN ? HO_RELEASE_DRAIN : HO_RELEASE_INLINE)
    {
    }

    class alignas(apart) sender {
      public:
        sender(handoff_give &c, std::uint32_t service, std::uint32_t)
            : pool_(c.pool_), producer_(c, service)
        {
        }
        std::uint8_t *get() { return room_ = pool_.get(); }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            if (ready_.full())
                return false; /* flush finds no room */
            auto &buf = ready_.add();
            buf.ptr = room_;
            buf.len = len;
            buf.cap = pool_.stride();
            buf.key = key;
            buf.owner = pool_.owner();
            return true;
        }
        void flush()
        {
            std::uint32_t gone = 0;
            ho_give(producer_, ready_.items(), ready_.count(), 0, &gone);
            ready_.sent(gone);
        }

      private:
        alignas(apart) held_back<ho_buf, burst> ready_;
        foreign_pool &pool_;
        std::uint8_t *room_ = nullptr;
        handoff_producer producer_;
    };

  private:
    foreign_pool pool_;
};

using contestant = handoff_give;

} // namespace bench

#endif
