/* SPDX-License-Identifier: MIT */
/* The code of docs/bridge.md: each piece between two marks appears there word for word
 * (check_docs.py), and runs in test_bridge_servers.cpp. */
#ifndef HANDOFF_TESTS_DOCS_BRIDGE_HPP
#define HANDOFF_TESTS_DOCS_BRIDGE_HPP

#include <handoff/bridge.hpp>
#include <handoff/handoff.hpp>

#include <algorithm>
#include <array>
#include <asio.hpp>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <vector>

namespace docs {

using handoff::errc;

/* Frames are at most this long. */
inline constexpr std::uint32_t frame_most = 2048;
inline constexpr std::size_t room_bytes = 8 * frame_most;

/* snippet: bridge_worker */
struct worker {
    std::shared_ptr<handoff::service> egress; /* goes last: the last one closes it */
    handoff::consumer requests;
    handoff::shard memory;
    handoff::producer answers;
};

/* An echo without a copy. Egress has HO_POLICY_WAIT: a worker may wait for the network thread. */
inline std::error_code work(worker mine)
{
    return serve(mine.requests, [&mine](handoff::span<ho_buf> messages) {
        for (auto &message : messages) {
            ho_net_answer(&message, message.value);
            while (ho_forward(mine.answers.raw(), &message, 1, HO_MORE, nullptr) == HO_FULL)
                continue;
        }
        mine.answers.flush();
    });
}
/* snippet end */

/* snippet: bridge_help */
/* In each turn of a network thread that is a worker as well. Its own answers go out in between, or their lane would be
 * full after 1,024 of them. */
template <class Session, class Work, class Send>
std::error_code help(handoff::helper &mine, handoff::bridge<Session> &bridge, Work work, Send send)
{
    const auto dealt = mine.run([&](handoff::span<ho_buf> messages) {
        work(messages);
        static_cast<void>(bridge.drain(send));
    });
    return dealt.error; /* errc::closed: no message will come any more: let go of egress */
}
/* snippet end */

/* A connection's frames: a 4-byte length in front, and so many bytes. */
struct inbox {
    handoff::loan room; /* its first `have` bytes are received and not sent on */
    std::size_t have = 0;
    handoff::loan waiting; /* a frame that the service had no room for */
};

/* snippet: bridge_network */
template <class Session> struct network {   /* one network thread; its sessions go before it */
    std::shared_ptr<handoff::service> game; /* goes last: the last one that can send closes it */
    handoff::bridge<Session> bridge;
    handoff::producer to_game; /* over bridge.memory() */
    bool stopping = false;     /* reads no more */
};

/* When it is told to stop, and after each resume: once nothing that was received waits, it sends no more. Then the
 * workers finish what is there, and end. */
template <class Session> void leave(network<Session> &n)
{
    if (!n.stopping || n.bridge.paused() != 0)
        return;
    n.to_game.reset();
    n.game.reset();
}
/* snippet end */

/* Another room, with what is left in this one. */
inline std::error_code next_room(handoff::shard &memory, inbox &in)
{
    if (in.have == 0)
        in.room.reset(); /* it may be what the memory waits for */
    auto room = memory.reserve(room_bytes);
    if (!room)
        return room.error;
    std::copy_n(in.room.data(), in.have, room->data());
    in.room = std::move(*room);
    return {};
}

/* Sends every whole frame on, without a copy, and sees to room for the next. errc::full: pause, and call it again. */
template <class Session>
std::error_code send_frames(network<Session> &n, inbox &in, std::uint64_t id)
{
    std::error_code error;
    while (!error) {
        if (in.waiting)
            error = n.to_game.commit(std::move(in.waiting), {id, id, handoff::by_key, HO_MORE});
        std::uint32_t bytes = 0;
        if (error || in.have < sizeof bytes)
            break;
        std::memcpy(&bytes, in.room.data(), sizeof bytes);
        if (bytes > frame_most)
            return errc::range;
        if (in.have < sizeof bytes + bytes)
            break;
        auto front = n.bridge.memory().split(in.room, sizeof bytes + bytes);
        if (front.error == errc::full)
            error = next_room(n.bridge.memory(), in); /* the segment has no number left */
        else if (!(error = front.error))
            in.have -= (in.waiting = std::move(*front)).size();
    }
    n.to_game.flush();
    if (!error && in.room.capacity() < in.have + sizeof(std::uint32_t) + frame_most)
        error = next_room(n.bridge.memory(), in);
    return error;
}

namespace on_epoll {

/* snippet: bridge_session */
struct session {
    int fd; /* in the epoll set for EPOLLIN | EPOLLOUT | EPOLLET */
    std::uint64_t id = 0;
    inbox in;                   /* what was received, and is not sent on */
    std::vector<ho_buf> unsent; /* answers that the socket has no room for */
};
/* snippet end */

/* snippet: bridge_receive */
/* Until the socket is empty or something is full; then resume calls it again. False: close the connection. */
inline bool receive(network<session> &n, session &s)
{
    for (;;) {
        const auto error = send_frames(n, s.in, s.id); /* what is whole, without a copy */
        if (error == errc::full)
            n.bridge.pause(s.id); /* a frame that was refused waits in s.in */
        if (error || n.stopping)
            return !error || error == errc::full;
        const auto room = s.in.room.room();
        const auto got = recv(s.fd, room.data() + s.in.have, room.size() - s.in.have, MSG_DONTWAIT);
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        s.in.have += static_cast<std::size_t>(got);
    }
}
/* snippet end */

/* snippet: bridge_send */
/* One system call for many buffers. How many the kernel took as a whole; of the next, what it took is cut off. */
inline std::size_t write_some(int fd, handoff::span<ho_buf> bufs)
{
    std::array<iovec, handoff::bridge<session>::run_most> parts;
    msghdr all{};
    all.msg_iov = parts.data();
    for (; all.msg_iovlen < std::min(bufs.size(), parts.size()); ++all.msg_iovlen)
        parts[all.msg_iovlen] = {bufs[all.msg_iovlen].ptr, bufs[all.msg_iovlen].len};
    auto sent = sendmsg(fd, &all, MSG_DONTWAIT | MSG_NOSIGNAL);
    std::size_t done = 0;
    for (; done < bufs.size() && sent >= static_cast<ssize_t>(bufs[done].len); ++done)
        sent -= static_cast<ssize_t>(bufs[done].len);
    if (sent > 0) {
        bufs[done].ptr += sent;
        bufs[done].len -= static_cast<std::size_t>(sent);
        bufs[done].cap -= static_cast<std::size_t>(sent);
    }
    return done;
}

/* In drain. What was sent stays in `answers` and is returned; the rest is taken out. */
inline void send_run(session &s, handoff::span<ho_buf> answers)
{
    auto at = s.unsent.empty() ? write_some(s.fd, answers) : 0;
    for (; at < answers.size(); ++at)
        s.unsent.push_back(std::exchange(answers[at], ho_buf{}));
}

/* When the socket takes more: until it takes nothing, or there will be no further edge. */
inline void send_unsent(session &s, ho_domain *domain)
{
    while (const auto done = write_some(s.fd, s.unsent)) {
        ho_return(domain, s.unsent.data(), static_cast<std::uint32_t>(done), nullptr);
        s.unsent.erase(s.unsent.begin(), s.unsent.begin() + static_cast<std::ptrdiff_t>(done));
    }
}
/* snippet end */

/* snippet: bridge_turn */
/* After each epoll_wait, and once before the first. errc::closed: it was told to stop, and every answer is here. */
template <class Send, class Drop> std::error_code turn(network<session> &n, Send send, Drop drop)
{
    const auto answers = n.bridge.drain(send); /* send_run */
    n.bridge.resume([&](session &s) {
        if (!receive(n, s))
            drop(s); /* bridge.remove(s.id), return what is unsent, close */
    });
    leave(n);
    return answers.error;
}
/* snippet end */

} // namespace on_epoll

namespace on_asio {

/* snippet: bridge_asio */
struct session : std::enable_shared_from_this<session> {
    asio::ip::tcp::socket socket;
    network<session> &net;
    ho_domain *domain;
    std::function<void(session &)> drop; /* bridge.remove(id), and forgets it */
    std::uint64_t id = 0;
    inbox in;                             /* what was received, and is not sent on */
    std::vector<handoff::buffer> unsent;  /* answers: those that come while others */
    std::vector<handoff::buffer> sending; /* are on their way */

    session(asio::ip::tcp::socket from, network<session> &on, ho_domain *of)
        : socket(std::move(from)), net(on), domain(of)
    {
    }

    void receive() /* once, and in resume */
    {
        const auto error = send_frames(net, in, id);
        if (error == errc::full)
            return net.bridge.pause(id);
        if (error || net.stopping)
            return error ? drop(*this) : void();
        const auto room = asio::buffer(in.room.data(), in.room.capacity()) + in.have;
        socket.async_read_some(room, [self = shared_from_this()](auto failed, auto got) {
            self->in.have += got;
            if (failed)
                self->drop(*self);
            else if (!self->net.stopping)
                self->receive();
        });
    }

    void send(handoff::span<ho_buf> answers) /* in drain */
    {
        for (auto &each : answers)
            unsent.push_back(handoff::buffer::adopt(domain, std::exchange(each, ho_buf{})));
        if (sending.empty())
            send_unsent();
    }

    void send_unsent()
    {
        sending.swap(unsent);
        std::vector<asio::const_buffer> parts;
        for (const auto &each : sending)
            parts.emplace_back(each.data(), each.size());
        asio::async_write(socket, parts, [self = shared_from_this()](auto failed, auto) {
            self->sending.clear(); /* returns them */
            if (!failed && !self->unsent.empty())
                self->send_unsent();
        });
    }
};

/* `ready` was assigned bridge.fd(), and closes it. Call this once. `send` calls that of the session. */
template <class Send>
void wait_for_answers(network<session> &n, asio::posix::stream_descriptor &ready, const Send &send,
                      const std::function<void()> &closed)
{
    const auto answers = n.bridge.drain(send);
    n.bridge.resume([](session &s) { s.receive(); });
    if (answers.error == errc::closed)
        return closed(); /* it was told to stop, and every answer is with its session */
    leave(n);
    ready.async_wait(asio::posix::stream_descriptor::wait_read, [&](std::error_code failed) {
        if (!failed)
            wait_for_answers(n, ready, send, closed);
    });
}
/* snippet end */

} // namespace on_asio

} // namespace docs

#endif
