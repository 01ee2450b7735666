/* SPDX-License-Identifier: MIT */
/* nng inproc: a pair of sockets between each sender and each receiver, messages without a copy. */
#ifndef HANDOFF_BENCH_NNG_HPP
#define HANDOFF_BENCH_NNG_HPP

#include "machine.hpp"
#include "mesh.hpp"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <poll.h>
#include <string>

namespace bench {

struct nng_message : parcel {
    nng_msg *msg = nullptr;
};

class nng_messages {
  public:
    using message = nng_message;
    explicit nng_messages(const shape &s) : bytes_(s.bytes) {}
    nng_message get(std::uint32_t)
    {
        nng_message m;
        must(nng_msg_alloc(&m.msg, bytes_) == 0, "nng has no memory");
        m.ptr = static_cast<std::uint8_t *>(nng_msg_body(m.msg));
        return m;
    }
    void put(const nng_message &m, std::uint32_t) { nng_msg_free(m.msg); }

  private:
    const std::size_t bytes_;
};

class nng_pair {
  public:
    explicit nng_pair(std::uint32_t slots)
    {
        static std::uint32_t opened = 0;
        const auto name = "inproc://" + std::to_string(opened++);
        for (auto socket : {&in_, &out_}) {
            must(nng_pair0_open(socket) == 0, "nng does not open a socket");
            nng_setopt_int(*socket, NNG_OPT_SENDBUF, int(slots / 2));
            nng_setopt_int(*socket, NNG_OPT_RECVBUF, int(slots / 2));
        }
        must(nng_listen(in_, name.c_str(), nullptr, 0) == 0, "nng does not listen");
        must(nng_dial(out_, name.c_str(), nullptr, 0) == 0, "nng does not dial");
    }
    ~nng_pair()
    {
        nng_close(out_);
        nng_close(in_);
    }
    nng_pair(const nng_pair &) = delete;
    nng_pair &operator=(const nng_pair &) = delete;

    bool push(const nng_message &m)
    {
        nng_msg_chop(m.msg, nng_msg_len(m.msg) - m.len);
        return nng_sendmsg(out_, m.msg, NNG_FLAG_NONBLOCK) == 0;
    }
    bool pop(nng_message &m)
    {
        if (nng_recvmsg(in_, &m.msg, NNG_FLAG_NONBLOCK) != 0)
            return false;
        m.ptr = static_cast<std::uint8_t *>(nng_msg_body(m.msg));
        m.len = nng_msg_len(m.msg);
        return true;
    }
    void wait(int ms)
    {
        pollfd poll_for{-1, POLLIN, 0};
        nng_getopt_int(in_, NNG_OPT_RECVFD, &poll_for.fd);
        poll(&poll_for, 1, ms);
    }

  private:
    nng_socket in_, out_;
};

using contestant = by_pointer<nng_messages, nng_pair, can_wait>;

} // namespace bench

#endif
