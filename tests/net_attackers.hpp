/* SPDX-License-Identifier: MIT */
/* Peers that break rules, are slow, silent or too many: each does one thing at a time, when told
 * to. */
#ifndef HANDOFF_TESTS_NET_ATTACKERS_HPP
#define HANDOFF_TESTS_NET_ATTACKERS_HPP

#include "net_world.hpp"

#include <cerrno>
#include <memory>
#include <sys/resource.h>
#include <vector>

namespace attackers {

struct attacker {
    virtual ~attacker() = default;
    virtual void step() = 0;
};

/* A non-blocking socket. The server may end its connection at any time. */
class hostile {
  public:
    explicit hostile(const net_world &to, int receive_bytes = 0, std::uint32_t from = 0)
        : fd_(socket(AF_INET, kind(to) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
    {
        if (fd_ < 0)
            return; /* none available right now */
        if (receive_bytes != 0)
            CHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(int)) == 0);
        if (from != 0) {
            const auto mine = address(from, 0);
            CHECK(bind(fd_, reinterpret_cast<const sockaddr *>(&mine), sizeof(mine)) == 0);
        }
        const auto there = address(INADDR_LOOPBACK, to.entry.port_number());
        static_cast<void>(connect(fd_, reinterpret_cast<const sockaddr *>(&there), sizeof(there)));
    }
    ~hostile()
    {
        if (fd_ >= 0)
            ::close(fd_);
    }
    hostile(const hostile &) = delete;
    hostile &operator=(const hostile &) = delete;

    /* Returns whether the connection is still open. */
    bool send(const std::string &bytes)
    {
        return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0 || errno == EAGAIN ||
               errno == ENOTCONN;
    }

    bool stands()
    {
        char byte;
        const auto got = recv(fd_, &byte, 1, MSG_PEEK);
        return got > 0 || (got < 0 && (errno == EAGAIN || errno == ENOTCONN));
    }

    /* Ends it with a reset. */
    void reset()
    {
        const linger none{1, 0};
        static_cast<void>(setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof(none)));
    }

  private:
    static int kind(const net_world &to)
    {
        return to.options.kind == net::transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
    }
    static sockaddr_in address(std::uint32_t host, std::uint16_t port)
    {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(port);
        at.sin_addr.s_addr = htonl(host);
        return at;
    }

    const int fd_;
};

/* `count` peers in turn, each with its action; one that the server disconnected reconnects. */
class crowd : public attacker {
  public:
    using turn = bool (*)(hostile &peer, std::uint64_t number);

    crowd(const net_world &to, std::size_t count, turn each, int receive_bytes = 0)
        : to_(to), peers_(count), each_(each), receive_bytes_(receive_bytes)
    {
    }

    void step() override
    {
        auto &peer = peers_[number_ % peers_.size()];
        if (!peer)
            peer = std::make_unique<hostile>(to_, receive_bytes_);
        if (!each_(*peer, number_ / peers_.size()) || !peer->stands())
            peer.reset();
        ++number_;
    }

  private:
    const net_world &to_;
    std::vector<std::unique_ptr<hostile>> peers_;
    const turn each_;
    const int receive_bytes_;
    std::uint64_t number_ = 0;
};

/* A connection per step. One in two is reset at once; of the others as many stay as are allowed,
 * and more. */
class storm final : public attacker {
  public:
    storm(const net_world &to, std::size_t most) : to_(to), kept_(most) {}

    void step() override
    {
        auto one = std::make_unique<hostile>(to_);
        one->send(net_peer::framed("0 gone"));
        if (number_++ % 2 == 0)
            kept_[number_ / 2 % kept_.size()] = std::move(one);
        else
            one->reset();
    }

  private:
    const net_world &to_;
    std::vector<std::unique_ptr<hostile>> kept_;
    std::uint64_t number_ = 0;
};

/* In every other span of 100 steps this process can't get more descriptors; connections keep
 * coming. */
class no_descriptors final : public attacker {
  public:
    explicit no_descriptors(const net_world &to)
    {
        at_.sin_family = AF_INET;
        at_.sin_port = htons(to.entry.port_number());
        at_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    }
    ~no_descriptors() override { relent(); }

    void step() override
    {
        const auto at = number_++ % 200;
        if (at == 0)
            forbid();
        if (at < waiting_.size())
            static_cast<void>(
                connect(waiting_[at], reinterpret_cast<const sockaddr *>(&at_), sizeof(at_)));
        if (at == 99)
            relent();
    }

  private:
    void forbid()
    {
        while (waiting_.size() < 50)
            waiting_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        auto none = before_;
        none.rlim_cur = 3;
        CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    }
    void relent()
    {
        CHECK(setrlimit(RLIMIT_NOFILE, &before_) == 0);
        for (const int fd : waiting_)
            if (fd >= 0)
                ::close(fd);
        waiting_.clear();
    }

    std::vector<int> waiting_;
    std::uint64_t number_ = 0;
    sockaddr_in at_{};
    rlimit before_{};
};

/* A datagram from an address that was not used before. */
class sources final : public attacker {
  public:
    explicit sources(const net_world &to) : to_(to) {}

    void step() override
    {
        number_ = (number_ + 1) % 65536;
        hostile one(to_, 0, 0x7f010000u + number_);
        one.send("0 made up");
    }

  private:
    const net_world &to_;
    std::uint32_t number_ = 0;
};

inline std::string filled(char service, std::size_t size)
{
    return std::string(1, service) + std::string(size - 1, 'x');
}

/* ---- a peer's actions over TCP */

inline bool asks_and_never_reads(hostile &peer, std::uint64_t)
{
    static const auto much = net_peer::framed(filled('0', 2000));
    return peer.send(much);
}

inline bool writes_a_byte(hostile &peer, std::uint64_t number)
{
    static const auto text = net_peer::framed(filled('0', 21));
    return peer.send(text.substr(number % text.size(), 1));
}

inline bool says_nothing(hostile &, std::uint64_t)
{
    return true;
}

inline bool never_finishes(hostile &peer, std::uint64_t number)
{
    static const auto half = net_peer::framed(filled('0', 1000)).substr(0, 500);
    return number != 0 || peer.send(half);
}

inline bool names_a_bad_length(hostile &peer, std::uint64_t number)
{
    return peer.send(net_peer::header(number % 2 == 0 ? 0 : 0xffffffff));
}

inline bool is_rejected(hostile &peer, std::uint64_t number)
{
    return peer.send(net_peer::framed(number % 2 == 0 ? "7 no such service" : "! it throws"));
}

inline bool floods_the_hung_service(hostile &peer, std::uint64_t)
{
    static const auto text = net_peer::framed(filled('1', 100));
    return peer.send(text);
}

/* ---- and over UDP */

inline bool sends_and_never_reads(hostile &peer, std::uint64_t)
{
    static const auto text = filled('0', 500);
    peer.send(text);
    return true;
}

inline bool sends_what_is_refused(hostile &peer, std::uint64_t number)
{
    static const std::string bad[] = {std::string(), filled('0', 3000), "7 no such service",
                                      "! it throws"};
    peer.send(bad[number % 4]);
    return true;
}

inline bool sends_to_the_hung_service(hostile &peer, std::uint64_t)
{
    static const auto text = filled('1', 100);
    peer.send(text);
    return true;
}

} // namespace attackers

#endif
