/* SPDX-License-Identifier: MIT */
/* ZeroMQ inproc, PUSH to PULL, without a copy: zmq_msg_init_data over malloc and free. */
#ifndef HANDOFF_BENCH_ZMQ_HPP
#define HANDOFF_BENCH_ZMQ_HPP

#include "bursts.hpp"
#include "zmq_ends.hpp"

#include <cstdlib>

namespace bench {

class zmq : public zmq_ends {
  public:
    using message = zmq_message;
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can =
        can_many | can_wait | can_pass | can_keep | can_any_order | can_large;
    using zmq_ends::zmq_ends;

    class sender {
      public:
        sender(zmq &c, std::uint32_t service, std::uint32_t)
            : bytes_(c.of_shape().bytes), pushes_(c.pushes_to(service))
        {
        }
        ~sender()
        {
            for (auto push : pushes_)
                zmq_close(push);
        }
        std::uint8_t *get() { return room_ = static_cast<std::uint8_t *>(std::malloc(bytes_)); }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            if (room_)
                zmq_msg_init_data(
                    &pending_, std::exchange(room_, nullptr), len,
                    [](void *data, void *) { std::free(data); }, nullptr);
            return zmq_msg_send(&pending_, pushes_[key % pushes_.size()], ZMQ_DONTWAIT) >= 0;
        }
        void flush() {}
        std::uint32_t pass_on(zmq_message *msgs, std::uint32_t n)
        {
            return one_by_one(msgs, n, [to = pushes_[0]](zmq_message &m) {
                const bool gone = zmq_msg_send(&m.msg, to, ZMQ_DONTWAIT) >= 0;
                if (gone)
                    m = {};
                return gone;
            });
        }

      private:
        const std::size_t bytes_;
        const std::vector<void *> pushes_;
        std::uint8_t *room_ = nullptr;
        zmq_msg_t pending_;
    };

    class receiver {
      public:
        receiver(zmq &c, std::uint32_t service, std::uint32_t index) : pull_(c.pull(service, index))
        {
        }
        std::uint32_t take(zmq_message *msgs, std::uint32_t max)
        {
            return one_by_one(msgs, max, [this](zmq_message &m) {
                const bool came = zmq_msg_recv(&m.msg, pull_, ZMQ_DONTWAIT) >= 0;
                m.ptr = static_cast<std::uint8_t *>(came ? zmq_msg_data(&m.msg) : nullptr);
                m.len = zmq_msg_size(&m.msg);
                return came;
            });
        }
        void give_back(zmq_message *msgs, std::uint32_t n)
        {
            for (std::uint32_t i = 0; i < n; ++i)
                msgs[i] = {};
        }
        void wait()
        {
            zmq_pollitem_t item{pull_, 0, ZMQ_POLLIN, 0};
            zmq_poll(&item, 1, longest_wait_ms);
        }

      private:
        void *const pull_;
    };
};

using contestant = zmq;

} // namespace bench

#endif
