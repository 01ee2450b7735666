/* SPDX-License-Identifier: MIT */
/* ZeroMQ inproc, PUSH to PULL, without a copy: zmq_msg_init_data over malloc and free. */
#ifndef HANDOFF_BENCH_ZMQ_HPP
#define HANDOFF_BENCH_ZMQ_HPP

#include "machine.hpp"
#include "shape.hpp"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>
#include <zmq.h>

namespace bench {

/* ptr and len are those of msg; what is moved from holds nothing. */
struct zmq_message {
    zmq_message() { zmq_msg_init(&msg); }
    zmq_message(zmq_message &&other) : zmq_message() { *this = std::move(other); }
    zmq_message &operator=(zmq_message &&other)
    {
        zmq_msg_move(&msg, &other.msg);
        ptr = std::exchange(other.ptr, nullptr);
        len = std::exchange(other.len, 0);
        return *this;
    }
    ~zmq_message() { zmq_msg_close(&msg); }
    zmq_msg_t msg;
    std::uint8_t *ptr = nullptr;
    std::uint64_t len = 0;
};

class zmq {
  public:
    using message = zmq_message;
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can =
        can_many | can_wait | can_pass | can_keep | can_any_order | can_large;

    explicit zmq(const shape &s) : shape_(s), context_(zmq_ctx_new())
    {
        zmq_ctx_set(context_, ZMQ_IO_THREADS, 0);
        zmq_ctx_set(context_, ZMQ_MAX_SOCKETS, 4096);
        for (std::uint32_t i = 0; i < s.all_receivers(); ++i) {
            pulls_.push_back(zmq_socket(context_, ZMQ_PULL));
            must(zmq_bind(pulls_[i], name(i).c_str()) == 0, "ZeroMQ does not bind");
        }
    }
    ~zmq()
    {
        for (auto pull : pulls_)
            zmq_close(pull);
        zmq_ctx_term(context_);
    }

    class sender {
      public:
        sender(zmq &c, std::uint32_t service, std::uint32_t) : bytes_(c.shape_.bytes)
        {
            for (std::uint32_t i = 0; i < c.shape_.receivers; ++i) {
                pushes_.push_back(zmq_socket(c.context_, ZMQ_PUSH));
                const auto to = name(service * c.shape_.receivers + i);
                must(zmq_connect(pushes_[i], to.c_str()) == 0, "ZeroMQ does not connect");
            }
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
            std::uint32_t gone = 0;
            for (; gone < n && zmq_msg_send(&msgs[gone].msg, pushes_[0], ZMQ_DONTWAIT) >= 0; ++gone)
                msgs[gone].ptr = nullptr;
            return gone;
        }

      private:
        const std::size_t bytes_;
        std::uint8_t *room_ = nullptr;
        zmq_msg_t pending_;
        std::vector<void *> pushes_;
    };

    class receiver {
      public:
        receiver(zmq &c, std::uint32_t service, std::uint32_t index)
            : pull_(c.pulls_[service * c.shape_.receivers + index])
        {
        }
        std::uint32_t take(zmq_message *msgs, std::uint32_t max)
        {
            std::uint32_t n = 0;
            for (; n < max && zmq_msg_recv(&msgs[n].msg, pull_, ZMQ_DONTWAIT) >= 0; ++n) {
                msgs[n].ptr = static_cast<std::uint8_t *>(zmq_msg_data(&msgs[n].msg));
                msgs[n].len = zmq_msg_size(&msgs[n].msg);
            }
            return n;
        }
        void give_back(zmq_message *msgs, std::uint32_t n)
        {
            for (std::uint32_t i = 0; i < n; ++i)
                msgs[i] = {};
        }
        void wait()
        {
            zmq_pollitem_t item{pull_, 0, ZMQ_POLLIN, 0};
            zmq_poll(&item, 1, 10);
        }

      private:
        void *const pull_;
    };

  private:
    static std::string name(std::uint32_t receiver)
    {
        return "inproc://" + std::to_string(receiver);
    }

    const shape shape_;
    void *const context_;
    std::vector<void *> pulls_;
};

using contestant = zmq;

} // namespace bench

#endif
