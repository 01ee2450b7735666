/* SPDX-License-Identifier: MIT */
/* What servers do without a handoff: one std::string copy into a locked queue, one out of it. */
#ifndef HANDOFF_BENCH_STRINGS_HPP
#define HANDOFF_BENCH_STRINGS_HPP

#include "bursts.hpp"
#include "string_queue.hpp"

#include <vector>

namespace bench {

class strings {
  public:
    using message = string_message;
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can =
        can_many | can_wait | can_pass | can_keep | can_any_order | can_large;

    explicit strings(const shape &s) : shape_(s), queues_(s.all_receivers()) {}

    class alignas(apart) sender {
      public:
        sender(strings &c, std::uint32_t service, std::uint32_t)
            : receivers_(c.shape_.receivers), first_(&c.queues_[service * receivers_]),
              received_(c.shape_.bytes)
        {
        }
        std::uint8_t *get() { return received_.data(); }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            return first_[key % receivers_].push(received_.data(), len);
        }
        void flush() {}
        std::uint32_t pass_on(string_message *msgs, std::uint32_t n)
        {
            return one_by_one(msgs, n, [this](string_message &m) {
                const bool gone = first_->push(m.ptr, m.len);
                if (gone)
                    m = {};
                return gone;
            });
        }

      private:
        const std::uint32_t receivers_;
        string_queue *const first_;
        std::vector<std::uint8_t> received_;
    };

    class alignas(apart) receiver {
      public:
        receiver(strings &c, std::uint32_t service, std::uint32_t index)
            : queue_(c.queues_[service * c.shape_.receivers + index])
        {
        }
        std::uint32_t take(string_message *msgs, std::uint32_t max)
        {
            return one_by_one(msgs, max, [this](string_message &m) { return queue_.pop(m); });
        }
        void give_back(string_message *msgs, std::uint32_t n)
        {
            std::fill(msgs, msgs + n, string_message{});
        }
        void wait() { queue_.wait(); }

      private:
        string_queue &queue_;
    };

  private:
    const shape shape_;
    std::vector<string_queue> queues_;
};

using contestant = strings;

} // namespace bench

#endif
