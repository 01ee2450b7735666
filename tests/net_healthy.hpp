/* SPDX-License-Identifier: MIT */
/* Sessions that obey the rules, whatever else happens to a server. */
#ifndef HANDOFF_TESTS_NET_HEALTHY_HPP
#define HANDOFF_TESTS_NET_HEALTHY_HPP

#include "net_world.hpp"

#include <cstdio>
#include <memory>
#include <sys/epoll.h>
#include <vector>

/* An open loop: this many messages per second to service 0, whoever answers. Every answer must be the next one of its
 * session, byte for byte. For one thread. A session for which this thread was so late that the server may consider it idle is
 * not healthy: it may be closed, and takes no further part. */
class healthy {
  public:
    healthy(const net_world &to, unsigned sessions)
        : world_(to), framed_(to.options.kind == net::transport::tcp), sessions_(sessions)
    {
        CHECK(events_ >= 0);
        for (std::size_t i = 0; i < sessions; ++i) {
            auto &each = sessions_[i];
            each.between = silence();
            each.peer = std::make_unique<net_peer>(to);
            epoll_event wanted{};
            wanted.events = EPOLLIN;
            wanted.data.u64 = i;
            CHECK(epoll_ctl(events_, EPOLL_CTL_ADD, each.peer->fd(), &wanted) == 0);
        }
    }
    ~healthy() { ::close(events_); }
    healthy(const healthy &) = delete;
    healthy &operator=(const healthy &) = delete;

    /* Returns how many answers came. */
    std::uint64_t play(std::chrono::nanoseconds time, double a_second)
    {
        const auto before = answered_;
        const auto begun = std::chrono::steady_clock::now();
        const auto due = [&](std::chrono::nanoseconds passed) {
            return static_cast<std::uint64_t>(std::chrono::duration<double>(passed).count() *
                                              a_second);
        };
        std::uint64_t said = 0;
        for (std::chrono::nanoseconds passed{0}; passed < time;
             passed = std::chrono::steady_clock::now() - begun) {
            for (int burst = 0; burst < 64 && said < due(passed); ++burst, ++said)
                say();
            hear(said < due(passed) ? 0 : 1); /* if late, receives before it sends more */
        }
        return answered_ - before;
    }

    /* Waits for outstanding answers. Returns how many never came. It does not wait as long for what was lost before, or
     * has overflowed a socket since; it takes a message that does not overflow it to tell. */
    std::uint64_t lost(std::uint64_t before_that = 0, std::uint64_t overflowed = 0)
    {
        for (int quiet_ms = 0; answered_ < said_; quiet_ms += 10) {
            const auto before = answered_;
            hear(10);
            if (answered_ != before)
                quiet_ms = 0;
            const auto more = world_.entry.read().dropped_kernel - overflowed;
            const bool explained = said_ - answered_ <= before_that + more;
            if (quiet_ms >= (explained ? 5000 : HARNESS_NEVER_S * 1000))
                break;
            if (!framed_ && !explained && quiet_ms % 1000 == 990)
                say();
        }
        return said_ - answered_;
    }

    /* All sessions are there. */
    bool spoke_in_time() const { return left_ == 0; }

  private:
    struct session {
        std::unique_ptr<net_peer> peer; /* none: it was closed */
        silence between;
        std::uint64_t said = 0;
        std::uint64_t heard = 0;
        std::string partly;
    };

    std::string message(const session &of, std::uint64_t number) const
    {
        auto text = "0 session " + std::to_string(&of - sessions_.data()) + " number " +
                    std::to_string(number) + " ";
        text.resize(text.size() + number % 200, static_cast<char>('a' + number % 26));
        return framed_ ? net_peer::framed(text) : text;
    }

    void say()
    {
        auto &each = sessions_[next_++ % sessions_.size()];
        if (!each.peer)
            return;
        bool stands = true;
        each.between.broken_by([&] {
            const auto text = message(each, each.said);
            if (framed_)
                stands = each.peer->offer(text);
            else
                each.peer->write(text);
        });
        ++each.said;
        ++said_;
        if (!stands)
            leave(each);
    }

    /* The server has ended it. */
    void leave(session &from)
    {
        CHECK(framed_ && from.between.longest() >= world_.options.limit.idle_time);
        said_ -= from.said - from.heard;
        ++left_;
        from.peer.reset();
    }

    void hear(int timeout_ms)
    {
        epoll_event ready[64];
        const int count = epoll_wait(events_, ready, 64, timeout_ms);
        for (int i = 0; i < count; ++i)
            hear(sessions_[ready[i].data.u64]);
    }

    void hear(session &from)
    {
        char room[64 << 10];
        if (!from.peer)
            return; /* it left since the event was told */
        const auto got = recv(from.peer->fd(), room, sizeof(room), MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            return leave(from);
        from.partly.append(room, static_cast<std::size_t>(got));
        for (;;) {
            if (from.partly.empty())
                return;
            CHECK(from.heard < from.said);
            if (!framed_)
                skip_lost(from);
            const auto wanted = message(from, from.heard);
            const bool whole = from.partly.size() >= wanted.size();
            CHECK(from.partly.compare(0, wanted.size(), wanted, 0,
                                      whole ? wanted.size() : from.partly.size()) == 0);
            if (!whole)
                return;
            from.partly.erase(0, wanted.size());
            ++from.heard;
            ++answered_;
        }
    }

    /* A datagram that the kernel dropped never arrives. */
    void skip_lost(session &from)
    {
        while (from.heard < from.said && message(from, from.heard) != from.partly)
            ++from.heard;
        CHECK(from.heard < from.said);
    }

    const net_world &world_;
    const bool framed_;
    const int events_ = epoll_create1(EPOLL_CLOEXEC);
    std::vector<session> sessions_;
    std::uint64_t next_ = 0; /* that speaks */
    std::uint64_t said_ = 0;
    std::uint64_t answered_ = 0;
    unsigned left_ = 0;
};

#endif
