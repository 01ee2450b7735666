/* SPDX-License-Identifier: MIT */
/* ZeroMQ's surroundings: a context without threads of its own, a PULL socket for each receiver. */
#ifndef HANDOFF_BENCH_ZMQ_ENDS_HPP
#define HANDOFF_BENCH_ZMQ_ENDS_HPP

#include "machine.hpp"
#include "shape.hpp"

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

class zmq_ends {
  public:
    explicit zmq_ends(const shape &s) : shape_(s), context_(zmq_ctx_new())
    {
        zmq_ctx_set(context_, ZMQ_IO_THREADS, 0);
        zmq_ctx_set(context_, ZMQ_MAX_SOCKETS, 4096);
        for (std::uint32_t i = 0; i < s.all_receivers(); ++i) {
            pulls_.push_back(zmq_socket(context_, ZMQ_PULL));
            must(zmq_bind(pulls_[i], name(i).c_str()) == 0, "ZeroMQ does not bind");
        }
    }
    ~zmq_ends()
    {
        for (auto pull : pulls_)
            zmq_close(pull);
        zmq_ctx_term(context_);
    }
    zmq_ends(const zmq_ends &) = delete;
    zmq_ends &operator=(const zmq_ends &) = delete;

    const shape &of_shape() const { return shape_; }
    void *pull(std::uint32_t service, std::uint32_t receiver) const
    {
        return pulls_[service * shape_.receivers + receiver];
    }
    /* PUSH sockets, one to each receiver of a service. */
    std::vector<void *> pushes_to(std::uint32_t service) const
    {
        std::vector<void *> pushes;
        for (std::uint32_t i = 0; i < shape_.receivers; ++i) {
            pushes.push_back(zmq_socket(context_, ZMQ_PUSH));
            const auto to = name(service * shape_.receivers + i);
            must(zmq_connect(pushes[i], to.c_str()) == 0, "ZeroMQ does not connect");
        }
        return pushes;
    }

  private:
    static std::string name(std::uint32_t receiver)
    {
        return "inproc://" + std::to_string(receiver);
    }

    const shape shape_;
    void *const context_;
    std::vector<void *> pulls_;
};

} // namespace bench

#endif
