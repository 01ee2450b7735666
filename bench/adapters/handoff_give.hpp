/* SPDX-License-Identifier: MIT */
/*
 * handoff, foreign memory in batches of 16: buffers of the sender's own pool are given, and their
 * owner gets them back inline, on the receiver's thread, or (HANDOFF_DRAIN) drains them on its own.
 */
#ifndef HANDOFF_BENCH_HANDOFF_GIVE_HPP
#define HANDOFF_BENCH_HANDOFF_GIVE_HPP

#include "handoff_ends.hpp"

#include <algorithm>
#include <atomic>
#include <memory>

namespace bench {

class handoff_give : public handoff_base {
  public:
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can = can_wait | can_any_order | can_keep | can_large;

    explicit handoff_give(const shape &s) : handoff_base(s), stride_((s.bytes + 63) & ~63u)
    {
        while (slots_ < queue_slots + s.keep + 2 * burst)
            slots_ *= 2;
        memory_.reset(new (std::align_val_t{64}) std::uint8_t[std::size_t{slots_} * stride_]);
        free_ = std::make_unique<std::uint8_t *[]>(slots_);
        for (; freed_ < slots_; ++freed_)
            free_[freed_] = &memory_[std::size_t{freed_} * stride_];
        ho_owner_opts opts{};
        ok(ho_init(HO_TYPE_OWNER_OPTS, &opts, sizeof opts));
        opts.mode = HANDOFF_DRAIN ? HO_RELEASE_DRAIN : HO_RELEASE_INLINE;
        opts.release = release;
        opts.ctx = this;
        ok(ho_owner_register(domain(), &opts, &owner_));
    }
    ~handoff_give()
    {
        if (HANDOFF_DRAIN) /* what came back last */
            while (ho_owner_drain(domain(), owner_, slots_, nullptr) == HO_OK) {
            }
    }

    class alignas(apart) sender {
      public:
        sender(handoff_give &c, std::uint32_t service, std::uint32_t) : c_(c), producer_(c, service)
        {
        }
        std::uint8_t *get()
        {
            if (used_ == seen_) {
                if (HANDOFF_DRAIN)
                    ho_owner_drain(c_.domain(), c_.owner_, c_.slots_, nullptr);
                seen_ = c_.freed_.load(std::memory_order_acquire);
            }
            return used_ == seen_ ? nullptr : c_.free_[used_ % c_.slots_];
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            if (count_ == burst)
                return false; /* flush finds no room */
            auto &buf = bufs_[count_++];
            buf.ptr = c_.free_[used_++ % c_.slots_];
            buf.len = len;
            buf.cap = c_.stride_;
            buf.key = key;
            buf.owner = c_.owner_;
            return true;
        }
        void flush()
        {
            std::uint32_t gone = 0;
            ho_give(producer_, bufs_, count_, HO_BY_KEY, 0, &gone);
            std::copy(bufs_ + gone, bufs_ + count_, bufs_);
            std::fill(bufs_ + count_ - gone, bufs_ + count_, ho_buf{});
            count_ -= gone;
        }

      private:
        alignas(apart) ho_buf bufs_[burst]{};
        handoff_give &c_;
        std::uint32_t count_ = 0;
        std::uint64_t used_ = 0;
        std::uint64_t seen_ = 0;
        handoff_producer producer_;
    };

  private:
    static void release(void *ctx, const ho_release_rec *recs, std::uint32_t count)
    {
        auto &c = *static_cast<handoff_give *>(ctx);
        auto freed = c.freed_.load(std::memory_order_relaxed);
        for (std::uint32_t i = 0; i < count; ++i)
            c.free_[freed++ % c.slots_] = static_cast<std::uint8_t *>(recs[i].base);
        c.freed_.store(freed, std::memory_order_release);
    }

    struct aligned_delete {
        void operator()(std::uint8_t *p) const { ::operator delete[](p, std::align_val_t{64}); }
    };
    const std::uint32_t stride_;
    std::uint32_t slots_ = 64; /* power of two: buffers in the pool, and places for free ones */
    std::uint32_t owner_ = 0;
    std::unique_ptr<std::uint8_t[], aligned_delete> memory_;
    std::unique_ptr<std::uint8_t *[]> free_;
    alignas(apart) std::atomic<std::uint64_t> freed_{0};
};

using contestant = handoff_give;

} // namespace bench

#endif
