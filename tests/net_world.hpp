/* SPDX-License-Identifier: MIT */
/* The base of the entrypoint's tests: services that echo, and peers over loopback. */
#ifndef HANDOFF_TESTS_NET_WORLD_HPP
#define HANDOFF_TESTS_NET_WORLD_HPP

#include "shim_world.hpp"

#include <handoff/net.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <cstring>
#include <netinet/in.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace net = handoff::net;
using namespace std::chrono_literals;

/* What is to happen at once does so within this time on any machine, and what never happens is told. */
constexpr std::chrono::seconds in_time{HARNESS_NEVER_S};
constexpr timeval patience{HARNESS_NEVER_S, 0};
/* What a test is not about, and what it must not run into where it gets little of the processor. */
constexpr std::chrono::milliseconds no_limit = 1h;

/* Waits until it holds. */
template <class Fn> void await(Fn holds)
{
    for (const auto end = std::chrono::steady_clock::now() + in_time; !holds();) {
        CHECK(std::chrono::steady_clock::now() < end);
        std::this_thread::sleep_for(1ms);
    }
}

/* For limits that a test is to keep to itself, say by speaking in time. It can't where it gets nothing of the
 * processor for as long: then the attempt says so by `false`, means nothing, and is made again with twice the time. */
template <class Fn> void with_time_enough(std::chrono::milliseconds limit, Fn attempt)
{
    for (; !attempt(limit); limit *= 2)
        CHECK(limit < in_time);
}

/* How long a peer was silent at most, as the server may have seen it. */
class silence {
  public:
    /* Around whatever it says. */
    template <class Fn> void broken_by(Fn say)
    {
        const auto before = std::chrono::steady_clock::now();
        say();
        longest_ = longest();
        since_ = before;
    }
    std::chrono::nanoseconds longest() const
    {
        const std::chrono::nanoseconds now = std::chrono::steady_clock::now() - since_;
        return std::max(longest_, now);
    }

  private:
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
    std::chrono::nanoseconds longest_{0};
};

/* Two services that return every message unchanged and without a copy, each with one worker, or the
 * first one with both. The first byte of a message names its service: '0', '1'; '!' makes the route
 * throw; anything else is rejected. */
struct net_world {
    handoff::domain root = *handoff::domain::create();
    handoff::arena received;
    handoff::arena unused; /* the workers', who only forward */
    handoff::service egress;
    handoff::service echoes[2];
    handoff::consumer messages[2];
    handoff::shard shards[2];
    handoff::producer answers[2];
    std::thread workers[2];
    std::function<handoff::c_callback(std::uint32_t, std::uint32_t)> helping;
    bool together = false; /* both workers serve the first service */
    std::uint64_t answer_wait_ns =
        HARNESS_NEVER_NS; /* a worker drops an answer that finds no room for longer */
    net::options options;
    std::vector<ho_service *> further; /* targets without a route */
    net::entrypoint entry;
    std::uint64_t key_mask =
        ~std::uint64_t{0}; /* the route's key: these bits of the connection id */
    std::atomic<std::uint64_t> last_key{0};
    std::atomic<std::uint64_t> last_value{0};
    std::atomic<std::uint64_t> last_of[2] = {{0}, {0}}; /* connection ids, by worker */
    std::atomic<std::uint64_t> served{0};

    explicit net_world(net::transport kind)
    {
        options.kind = kind;
        options.threads = 2;
        options.limit.frame_time = no_limit;
        options.limit.write_time = no_limit;
        options.limit.idle_time = no_limit;
        options.limit.peer_idle = no_limit;
        options.routing = [this](handoff::const_bytes message, std::uint64_t connection) {
            if (message[0] == '!')
                throw 1;
            const auto service = static_cast<std::uint32_t>(message[0]) - '0';
            return net::route{service < 2 ? service : net::rejected, connection & key_mask};
        };
    }

    void open(const handoff::service_options &lanes = {}, const handoff::arena_options &memory = {})
    {
        auto bound = handoff::service_options();
        bound.partitions = 8;
        bound.consumers = HO_CONSUMERS_BOUND;
        bound.policy = HO_POLICY_WAIT;
        bound.wait_ns = answer_wait_ns;
        received = *handoff::arena::open(root, memory);
        unused = *handoff::arena::open(root);
        egress = *handoff::service::open(root, bound);
        for (int i = 0; i < 2; ++i) {
            echoes[i] = *handoff::service::open(root, lanes);
            messages[i] = *handoff::consumer::open(echoes[together ? 0 : i]);
            shards[i] = *handoff::shard::open(unused);
            answers[i] = *handoff::producer::open(egress, shards[i]);
            CHECK(echoes[i] && messages[i] && answers[i]);
        }
        CHECK(received && unused && egress);
        start();
    }

    void start()
    {
        net::services behind{
            root.raw(), received.raw(), egress.raw(), {echoes[0].raw(), echoes[1].raw()}};
        behind.targets.insert(behind.targets.end(), further.begin(), further.end());
        behind.helping = helping;
        CHECK_CODE(entry.start(options, behind), handoff::errc::ok);
        CHECK(entry.port_number() != 0);
    }

    void work(int which = -1)
    {
        for (int i = 0; i < 2; ++i)
            if (which < 0 || which == i)
                workers[i] = std::thread([this, i] { echo(messages[i], answers[i], last_of[i]); });
    }

    void echo(handoff::consumer &from, handoff::producer &to, std::atomic<std::uint64_t> &last)
    {
        for (;;) {
            ho_buf batch[16];
            auto taken = from.take(handoff::span<ho_buf>(batch, 16));
            if (taken.error == handoff::errc::empty)
                static_cast<void>(from.wait(handoff::forever));
            else if (taken.error)
                return;
            for (std::uint32_t i = 0; i < *taken; ++i) {
                last_key = batch[i].key;
                last_value = batch[i].value;
                last = batch[i].value;
                ho_net_answer(&batch[i], batch[i].value);
                if (ho_forward(to.raw(), &batch[i], 1, 0, nullptr) != HO_OK)
                    ho_return(root.raw(), &batch[i], 1, nullptr);
                ++served;
            }
        }
    }

    /* Nothing may be outstanding afterwards. */
    void close()
    {
        root.close(0ns);
        for (auto &each : workers)
            if (each.joinable())
                each.join();
        for (int i = 0; i < 2; ++i) {
            messages[i].reset();
            answers[i].reset();
            shards[i].reset();
        }
        handoff::outstanding out;
        CHECK_CODE(root.close(in_time, &out), handoff::errc::ok);
        CHECK(out.buffers == 0 && out.loans == 0 && out.handles == 0);
        CHECK_CODE(root.destroy(), handoff::errc::ok);
    }

    void stop_and_close()
    {
        CHECK_CODE(entry.stop(in_time), handoff::errc::ok);
        CHECK(entry.read().connections == 0 || options.kind == net::transport::udp);
        CHECK(entry.read().answers_unsent == 0);
        close();
    }

    /* Waits until there are this many connections. */
    void await_connections(std::uint64_t count)
    {
        ::await([&] { return entry.read().connections == count; });
    }

    /* Waits until a counter has at least this value. */
    void await(std::uint64_t net::counters::*which, std::uint64_t value)
    {
        ::await([&] { return entry.read().*which >= value; });
    }
};

/* A peer on loopback. Nothing waits for ever. */
class net_peer {
  public:
    net_peer(const net_world &to, int receive_bytes = 0)
        : tcp_(to.options.kind == net::transport::tcp),
          fd_(socket(AF_INET, (tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0))
    {
        CHECK(fd_ >= 0);
        const int on = 1;
        CHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
        CHECK(setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
        if (receive_bytes != 0)
            CHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(int)) == 0);
        if (tcp_)
            CHECK(setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
        const auto at = address_of(to);
        CHECK(connect(fd_, reinterpret_cast<const sockaddr *>(&at), sizeof(at)) == 0);
    }
    ~net_peer() { ::close(fd_); }
    net_peer(const net_peer &) = delete;
    net_peer &operator=(const net_peer &) = delete;

    int fd() const { return fd_; }

    /* TCP: the server has accepted it. */
    static bool accepted_by(const net_world &to)
    {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        const auto at = address_of(to);
        const bool taken = connect(fd, reinterpret_cast<const sockaddr *>(&at), sizeof(at)) == 0;
        ::close(fd);
        return taken;
    }

    static std::string framed(const std::string &payload)
    {
        return header(static_cast<std::uint32_t>(payload.size())) + payload;
    }

    static std::string header(std::uint32_t length)
    {
        std::string bytes(4, '\0');
        for (unsigned i = 0; i < 4; ++i)
            bytes[i] = static_cast<char>(length >> 8 * i & 0xff);
        return bytes;
    }

    void write(const std::string &bytes)
    {
        for (std::size_t done = 0; done < bytes.size() || bytes.empty();) {
            const auto sent = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
            CHECK(sent >= 0);
            done += static_cast<std::size_t>(sent);
            if (bytes.empty())
                return;
        }
    }

    void say(const std::string &message) { write(tcp_ ? framed(message) : message); }

    /* The next answer. */
    std::string hear()
    {
        if (tcp_) {
            const auto length = read(4);
            std::uint32_t size = 0;
            for (unsigned i = 0; i < 4; ++i)
                size |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(length[i])) << 8 * i;
            return read(size);
        }
        std::string datagram(65536, '\0');
        const auto got = recv(fd_, datagram.data(), datagram.size(), 0);
        CHECK(got >= 0);
        datagram.resize(static_cast<std::size_t>(got));
        return datagram;
    }

    bool echoes(const std::string &message)
    {
        say(message);
        return hear() == message;
    }

    /* Writes as much as the other side takes before it ends the connection. */
    bool offer(const std::string &bytes)
    {
        for (std::size_t done = 0; done < bytes.size();) {
            const auto sent = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
            CHECK(sent >= 0 || errno == EPIPE || errno == ECONNRESET);
            if (sent < 0)
                return false;
            done += static_cast<std::size_t>(sent);
        }
        return true;
    }

    /* TCP: the next that comes is this, or the end of the connection: false. */
    bool still_hears(const std::string &message)
    {
        const auto wanted = framed(message);
        std::string got(wanted.size(), '\0');
        for (std::size_t done = 0; done < wanted.size();) {
            const auto more = recv(fd_, &got[done], wanted.size() - done, 0);
            if (more == 0 || (more < 0 && errno == ECONNRESET))
                return false;
            CHECK(more > 0);
            done += static_cast<std::size_t>(more);
        }
        CHECK(got == wanted);
        return true;
    }

    /* Ends this side of the connection. */
    void end() { CHECK(shutdown(fd_, SHUT_WR) == 0); }

    /* From now on nothing reaches it, and it acknowledges nothing: as if its machine had lost
     * power. */
    void vanish()
    {
        sock_filter none{BPF_RET | BPF_K, 0, 0, 0};
        const sock_fprog filter{1, &none};
        CHECK(setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0);
    }

    /* The connection is reset when the peer is destroyed. */
    void reset()
    {
        const linger now{1, 0};
        CHECK(setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
    }

    bool silent()
    {
        char byte;
        return recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
    }

    /* TCP: the other side has closed the connection. */
    bool ended(int flags = 0)
    {
        char byte;
        const auto got = recv(fd_, &byte, 1, flags);
        return got == 0 || (got < 0 && errno == ECONNRESET);
    }

  private:
    static sockaddr_in address_of(const net_world &to)
    {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(to.entry.port_number());
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return at;
    }

    std::string read(std::size_t size)
    {
        std::string bytes(size, '\0');
        for (std::size_t done = 0; done < size;) {
            const auto got = recv(fd_, bytes.data() + done, size - done, 0);
            CHECK(got > 0);
            done += static_cast<std::size_t>(got);
        }
        return bytes;
    }

    const bool tcp_;
    const int fd_;
};

#endif
