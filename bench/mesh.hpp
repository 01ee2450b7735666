/* SPDX-License-Identifier: MIT */
/*
 * Contestants that hand over pointers: some memory and some queue for one sender and one receiver,
 * one queue for each such pair.
 *
 *   Memory::message, Memory(shape)
 *     message get(sender)          ptr is NULL if there is no room now
 *     void put(message, receiver)
 *   Queue(slots)                   holds at least `slots`
 *     bool push(message)           its len is set; again with the same one after it said no
 *     bool pop(message &)
 *     void wait(ms)                if it can (More: can_wait)
 */
#ifndef HANDOFF_BENCH_MESH_HPP
#define HANDOFF_BENCH_MESH_HPP

#include "bursts.hpp"
#include "shape.hpp"

#include <memory>
#include <vector>

namespace bench {

struct parcel {
    std::uint8_t *ptr = nullptr;
    std::uint64_t len = 0;
};

/* One queue for each pair of two kinds of ends. */
template <class Queue> class mesh {
  public:
    mesh(std::uint32_t rows, std::uint32_t columns, std::uint32_t slots) : columns_(columns)
    {
        for (std::uint32_t i = 0; i < rows * columns; ++i)
            queues_.push_back(std::make_unique<Queue>(slots));
    }
    Queue &at(std::uint32_t row, std::uint32_t column) { return *queues_[row * columns_ + column]; }

  private:
    const std::uint32_t columns_;
    std::vector<std::unique_ptr<Queue>> queues_;
};

template <class Memory, class Queue, std::uint32_t More = 0> class by_pointer {
  public:
    using message = typename Memory::message;
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can =
        can_many | can_pass | can_any_order | can_keep | can_large | More;

    explicit by_pointer(const shape &s)
        : shape_(s), memory_(s), queues_(s.all_senders(), s.receivers, queue_slots)
    {
    }

    class alignas(apart) sender {
      public:
        sender(by_pointer &c, std::uint32_t service, std::uint32_t index)
            : c_(c), row_(service * c.shape_.senders + index)
        {
        }
        std::uint8_t *get()
        {
            room_ = c_.memory_.get(row_);
            return room_.ptr;
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            room_.len = len;
            return push(room_, key);
        }
        void flush() {}
        std::uint32_t pass_on(message *msgs, std::uint32_t n)
        {
            return one_by_one(msgs, n, [this](message &m) {
                const bool gone = push(m, 0);
                if (gone)
                    m = {};
                return gone;
            });
        }

      private:
        bool push(const message &m, std::uint64_t key)
        {
            return c_.queues_.at(row_, std::uint32_t(key % c_.shape_.receivers)).push(m);
        }
        by_pointer &c_;
        const std::uint32_t row_;
        message room_;
    };

    class alignas(apart) receiver {
      public:
        receiver(by_pointer &c, std::uint32_t service, std::uint32_t index)
            : c_(c), service_(service), index_(index)
        {
        }
        std::uint32_t take(message *msgs, std::uint32_t max)
        {
            std::uint32_t n = 0;
            for (std::uint32_t looked = 0; looked < c_.shape_.senders && n == 0; ++looked) {
                n = one_by_one(msgs, max,
                               [&queue = from(turn_)](message &m) { return queue.pop(m); });
                turn_ = turn_ + 1 < c_.shape_.senders ? turn_ + 1 : 0;
            }
            return n;
        }
        void give_back(message *msgs, std::uint32_t n)
        {
            for (std::uint32_t i = 0; i < n; ++i)
                if (msgs[i].ptr) {
                    c_.memory_.put(msgs[i], service_ * c_.shape_.receivers + index_);
                    msgs[i] = {};
                }
        }
        void wait() { from(0).wait(longest_wait_ms); }

      private:
        Queue &from(std::uint32_t sender)
        {
            return c_.queues_.at(service_ * c_.shape_.senders + sender, index_);
        }
        by_pointer &c_;
        const std::uint32_t service_;
        const std::uint32_t index_;
        std::uint32_t turn_ = 0;
    };

  private:
    const shape shape_;
    Memory memory_;
    mesh<Queue> queues_;
};

} // namespace bench

#endif
