/* SPDX-License-Identifier: MIT */
/* handoff, the loans of a batch reserved by one call, each of the largest size, and sent by one commit. */
#ifndef HANDOFF_BENCH_HANDOFF_MANY_HPP
#define HANDOFF_BENCH_HANDOFF_MANY_HPP

#include "handoff_ends.hpp"

namespace bench {

class handoff_many : public handoff_base {
  public:
    static constexpr std::uint32_t burst = HANDOFF_BURST;
    static constexpr std::uint32_t can =
        can_many | can_wait | can_pass | can_any_order | can_keep | can_large;
    using handoff_base::handoff_base;

    class alignas(apart) sender {
      public:
        sender(handoff_base &c, std::uint32_t service, std::uint32_t)
            : bytes_(c.of_shape().bytes), producer_(c, service)
        {
        }
        ~sender() { ok(ho_abort(producer_.shard(), loans_, reserved_, nullptr)); }
        sender(const sender &) = delete;
        sender &operator=(const sender &) = delete;

        std::uint8_t *get()
        {
            if (filled_ == reserved_) {
                std::uint32_t more = 0;
                ho_reserve_many(producer_.shard(), bytes_, nullptr, loans_ + reserved_,
                                burst - reserved_, &more);
                reserved_ += more;
            }
            return filled_ < reserved_ ? loans_[filled_].ptr : nullptr;
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            loans_[filled_].len = len;
            loans_[filled_].key = key;
            ++filled_;
            return true;
        }
        void flush()
        {
            std::uint32_t gone = 0;
            ho_commit(producer_, loans_, filled_, 0, &gone);
            if (gone > 0 && gone < reserved_)
                std::copy(loans_ + gone, loans_ + reserved_, loans_);
            filled_ -= gone;
            reserved_ -= gone;
        }
        std::uint32_t pass_on(ho_buf *msgs, std::uint32_t n) { return producer_.pass_on(msgs, n); }

      private:
        alignas(apart) ho_buf loans_[burst]{};
        std::uint32_t filled_ = 0;
        std::uint32_t reserved_ = 0;
        const std::uint64_t bytes_;
        handoff_producer producer_;
    };
};

using contestant = handoff_many;

} // namespace bench

#endif
