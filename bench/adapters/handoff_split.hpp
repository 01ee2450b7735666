/* SPDX-License-Identifier: MIT */
/* handoff, batches of 16 out of one large loan: each message is split off, one commit takes all. */
#ifndef HANDOFF_BENCH_HANDOFF_SPLIT_HPP
#define HANDOFF_BENCH_HANDOFF_SPLIT_HPP

#include "bursts.hpp"
#include "handoff_ends.hpp"

namespace bench {

class handoff_split : public handoff_base {
  public:
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can =
        can_many | can_wait | can_pass | can_any_order | can_keep | can_large;
    using handoff_base::handoff_base;

    class alignas(apart) sender {
      public:
        sender(handoff_base &c, std::uint32_t service, std::uint32_t)
            : bytes_(c.of_shape().bytes), producer_(c, service)
        {
        }
        ~sender() { drop_block(); }
        sender(const sender &) = delete;
        sender &operator=(const sender &) = delete;

        std::uint8_t *get()
        {
            if (block_.cap < bytes_) {
                drop_block();
                if (ho_reserve(producer_.shard(), std::max(bytes_, block_bytes), nullptr,
                               &block_) != HO_OK)
                    return nullptr;
            }
            return block_.ptr;
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            if (ready_.full())
                return false; /* flush finds no room */
            const auto line = std::min<std::uint64_t>((len + 63) & ~std::uint64_t{63}, block_.cap);
            auto &front = ready_.add();
            if (ho_split(producer_.shard(), &block_, line, &front) != HO_OK) {
                /* The segment has no numbers left: the rest of the loan carries this message. */
                front = block_;
                block_ = {};
            }
            front.len = len;
            front.key = key;
            return true;
        }
        void flush()
        {
            std::uint32_t gone = 0;
            ho_commit(producer_, ready_.items(), ready_.count(), 0, &gone);
            ready_.sent(gone);
        }
        std::uint32_t pass_on(ho_buf *msgs, std::uint32_t n) { return producer_.pass_on(msgs, n); }

      private:
        static constexpr std::uint64_t block_bytes = 64u << 10;
        void drop_block()
        {
            ok(ho_abort(producer_.shard(), &block_, block_.kind != HO_KIND_EMPTY, nullptr));
        }

        alignas(apart) ho_buf block_{};
        alignas(apart) held_back<ho_buf, burst> ready_;
        const std::uint64_t bytes_;
        handoff_producer producer_;
    };
};

using contestant = handoff_split;

} // namespace bench

#endif
