/* SPDX-License-Identifier: MIT */
/* nng inproc: a pair of sockets between each sender and each receiver, messages without a copy. */
#ifndef HANDOFF_BENCH_NNG_HPP
#define HANDOFF_BENCH_NNG_HPP

#include "machine.hpp"
#include "shape.hpp"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <poll.h>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct nng_message {
    nng_msg *msg = nullptr;
    std::uint8_t *ptr = nullptr;
    std::uint64_t len = 0;
};

class nng {
  public:
    using message = nng_message;
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can =
        can_many | can_wait | can_pass | can_keep | can_any_order | can_large;

    explicit nng(const shape &s) : shape_(s)
    {
        for (std::uint32_t i = 0; i < s.all_senders() * s.receivers; ++i) {
            in_.push_back(open());
            must(nng_listen(in_[i], name(i).c_str(), nullptr, 0) == 0, "nng does not listen");
            out_.push_back(open());
            must(nng_dial(out_[i], name(i).c_str(), nullptr, 0) == 0, "nng does not dial");
        }
    }
    ~nng()
    {
        for (auto sockets : {&out_, &in_})
            for (auto socket : *sockets)
                nng_close(socket);
    }

    class sender {
      public:
        sender(nng &c, std::uint32_t service, std::uint32_t index)
            : c_(c), first_((service * c.shape_.senders + index) * c.shape_.receivers)
        {
        }
        std::uint8_t *get()
        {
            filled_ = false;
            must(nng_msg_alloc(&msg_, c_.shape_.bytes) == 0, "nng has no memory");
            return static_cast<std::uint8_t *>(nng_msg_body(msg_));
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            if (!std::exchange(filled_, true))
                nng_msg_chop(msg_, c_.shape_.bytes - len);
            return nng_sendmsg(to(key), msg_, NNG_FLAG_NONBLOCK) == 0;
        }
        void flush() {}
        std::uint32_t pass_on(nng_message *msgs, std::uint32_t n)
        {
            std::uint32_t gone = 0;
            for (; gone < n && nng_sendmsg(to(0), msgs[gone].msg, NNG_FLAG_NONBLOCK) == 0; ++gone)
                msgs[gone] = {};
            return gone;
        }

      private:
        nng_socket to(std::uint64_t key) const
        {
            return c_.out_[first_ + key % c_.shape_.receivers];
        }
        nng &c_;
        const std::size_t first_;
        nng_msg *msg_ = nullptr;
        bool filled_ = false;
    };

    class receiver {
      public:
        receiver(nng &c, std::uint32_t service, std::uint32_t index)
        {
            const auto &s = c.shape_;
            for (std::uint32_t i = 0; i < s.senders; ++i)
                in_.push_back(c.in_[(service * s.senders + i) * s.receivers + index]);
        }
        std::uint32_t take(nng_message *msgs, std::uint32_t max)
        {
            std::uint32_t n = 0;
            for (auto socket : in_)
                while (n < max && nng_recvmsg(socket, &msgs[n].msg, NNG_FLAG_NONBLOCK) == 0) {
                    msgs[n].ptr = static_cast<std::uint8_t *>(nng_msg_body(msgs[n].msg));
                    msgs[n].len = nng_msg_len(msgs[n].msg);
                    ++n;
                }
            return n;
        }
        void give_back(nng_message *msgs, std::uint32_t n)
        {
            for (std::uint32_t i = 0; i < n; ++i) {
                nng_msg_free(msgs[i].msg);
                msgs[i] = {};
            }
        }
        void wait()
        {
            pollfd poll_for{-1, POLLIN, 0};
            nng_getopt_int(in_[0], NNG_OPT_RECVFD, &poll_for.fd);
            poll(&poll_for, 1, 10);
        }

      private:
        std::vector<nng_socket> in_;
    };

  private:
    static nng_socket open()
    {
        nng_socket socket;
        must(nng_pair0_open(&socket) == 0, "nng does not open a socket");
        nng_setopt_int(socket, NNG_OPT_SENDBUF, queue_slots / 2);
        nng_setopt_int(socket, NNG_OPT_RECVBUF, queue_slots / 2);
        return socket;
    }
    static std::string name(std::uint32_t pair) { return "inproc://" + std::to_string(pair); }

    const shape shape_;
    std::vector<nng_socket> in_;
    std::vector<nng_socket> out_;
};

using contestant = nng;

} // namespace bench

#endif
