/* SPDX-License-Identifier: MIT */
/*
 * handoff, a loan for each message. HANDOFF_BURST 1: each commit publishes; 16: commits say HO_MORE
 * and one ho_flush publishes them.
 */
#ifndef HANDOFF_BENCH_HANDOFF_LOAN_HPP
#define HANDOFF_BENCH_HANDOFF_LOAN_HPP

#include "handoff_ends.hpp"

namespace bench {

class handoff_loan : public handoff_base {
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
        ~sender() { ok(ho_abort(producer_.shard(), &loan_, loan_.kind == HO_KIND_LOAN, nullptr)); }
        sender(const sender &) = delete;
        sender &operator=(const sender &) = delete;

        std::uint8_t *get()
        {
            return ho_reserve(producer_.shard(), bytes_, nullptr, &loan_) == HO_OK ? loan_.ptr
                                                                                   : nullptr;
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            loan_.len = len;
            loan_.key = key;
            return ho_commit(producer_, &loan_, 1, burst > 1 ? HO_MORE : 0, nullptr) == HO_OK;
        }
        void flush()
        {
            if (burst > 1)
                ho_flush(producer_);
        }
        std::uint32_t pass_on(ho_buf *msgs, std::uint32_t n) { return producer_.pass_on(msgs, n); }

      private:
        alignas(apart) ho_buf loan_{};
        const std::uint64_t bytes_;
        handoff_producer producer_;
    };
};

using contestant = handoff_loan;

} // namespace bench

#endif
