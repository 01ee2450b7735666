/* SPDX-License-Identifier: MIT */
/* The base of tests of servers over a bridge: workers that echo, and clients that verify what they
 * receive. */
#ifndef HANDOFF_TESTS_BRIDGE_WORLD_HPP
#define HANDOFF_TESTS_BRIDGE_WORLD_HPP

#include "docs_bridge.hpp" /* first: cmocka has macros named fail and skip */

#include "shim_world.hpp"

#include <arpa/inet.h>
#include <mutex>
#include <netinet/in.h>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using handoff::errc;

/* A service whose workers are bound to partitions, so that the answers of a key stay in order; they
 * forward each message to egress. While `gate` is locked they are blocked, holding what they have
 * taken. */
struct bridge_world {
    handoff::domain root;
    handoff::arena received;
    handoff::arena answered;
    std::shared_ptr<handoff::service> game;
    std::shared_ptr<handoff::service> egress;
    std::vector<docs::worker> ready;
    std::vector<std::thread> workers;
    std::mutex gate;

    bridge_world(std::uint32_t network_threads, std::uint32_t worker_count,
                 handoff::service_options lanes = {}, const handoff::arena_options &memory = {})
        : root(*handoff::domain::create(small_segments())),
          received(*handoff::arena::open(root, memory)), answered(*handoff::arena::open(root))
    {
        lanes.partitions = worker_count;
        lanes.consumers = HO_CONSUMERS_BOUND;
        handoff::service_options bound;
        bound.partitions = network_threads;
        bound.consumers = HO_CONSUMERS_BOUND;
        bound.policy = HO_POLICY_WAIT;
        bound.wait_ns = 1'000'000'000;
        game = std::make_shared<handoff::service>(*handoff::service::open(root, lanes));
        egress = std::make_shared<handoff::service>(*handoff::service::open(root, bound));
        for (std::uint32_t i = 0; i < worker_count; ++i) {
            docs::worker one{
                egress, *handoff::consumer::open(*game, i), *handoff::shard::open(answered), {}};
            one.answers = *handoff::producer::open(*egress, one.memory);
            CHECK(one.requests && one.answers);
            ready.push_back(std::move(one));
        }
    }

    static handoff::domain_options small_segments()
    {
        handoff::domain_options options;
        options.segment_bytes = 65536;
        return options;
    }

    /* The network threads and the workers have everything: only they hold the services from now
     * on. */
    void start()
    {
        for (auto &each : ready)
            workers.emplace_back([this, mine = std::move(each)]() mutable {
                {
                    const std::lock_guard<std::mutex> held(gate);
                }
                CHECK_CODE(docs::work(std::move(mine)), errc::closed);
            });
        ready.clear();
        raw_game = game->raw();
        still_game = game;
        game.reset();
        egress.reset();
    }

    /* Until the service closes. */
    handoff::service_stats game_now() const
    {
        handoff::service_stats now;
        CHECK_STATUS(ho_service_stats_get(raw_game, &now), HO_OK);
        return now;
    }
    bool accepted(std::uint64_t messages) const { return game_now().messages_in == messages; }

    /* Nothing may be outstanding. */
    void close()
    {
        for (auto &each : workers)
            each.join();
        handoff::outstanding out;
        CHECK_CODE(root.close(std::chrono::seconds(HARNESS_NEVER_S), &out), errc::ok);
        CHECK(out.buffers == 0 && out.loans == 0 && out.handles == 0);
        CHECK_CODE(root.destroy(), errc::ok);
    }

    std::weak_ptr<handoff::service> still_game; /* expired: nobody sends any more */
    ho_service *raw_game = nullptr;
};

/* Waits until it holds. */
template <class Fn> void await(Fn holds)
{
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(HARNESS_NEVER_S);
    while (!holds()) {
        CHECK(std::chrono::steady_clock::now() < end);
        std::this_thread::sleep_for(1ms);
    }
}

/* Sends its own frames, and verifies the answers. */
class bridge_client {
  public:
    bridge_client(std::uint16_t port, std::uint32_t number, int receive_bytes = 0)
        : number_(number), fd_(socket(AF_INET, SOCK_STREAM, 0))
    {
        CHECK(fd_ >= 0);
        const timeval patience{HARNESS_NEVER_S, 0};
        CHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
        if (receive_bytes != 0)
            CHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(int)) == 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(port);
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(connect(fd_, reinterpret_cast<const sockaddr *>(&at), sizeof(at)) == 0);
    }
    bridge_client(bridge_client &&from) noexcept
        : number_(from.number_), fd_(std::exchange(from.fd_, -1)), heard_(from.heard_)
    {
    }
    ~bridge_client()
    {
        if (fd_ >= 0)
            ::close(fd_);
    }

    /* Frames from `first` on, of up to 1,000 bytes. */
    void say(std::uint32_t first, std::uint32_t count)
    {
        std::string all;
        for (auto i = first; i < first + count; ++i)
            all += frame(i);
        for (std::size_t done = 0; done < all.size();) {
            const auto sent = ::send(fd_, all.data() + done, all.size() - done, MSG_NOSIGNAL);
            CHECK(sent > 0);
            done += static_cast<std::size_t>(sent);
        }
    }

    /* The next frames, this many, come back unchanged and in order. */
    void hear(std::uint32_t count)
    {
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto expected = frame(heard_++);
            std::string got(expected.size(), '\0');
            for (std::size_t done = 0; done < got.size();) {
                const auto bytes = recv(fd_, got.data() + done, got.size() - done, 0);
                CHECK(bytes > 0);
                done += static_cast<std::size_t>(bytes);
            }
            CHECK(got == expected);
        }
    }

    /* Both at once. */
    void echo(std::uint32_t count)
    {
        std::thread writer([this, count] { say(0, count); });
        hear(count);
        writer.join();
    }

    bool silent() const
    {
        char byte;
        return recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
    }

  private:
    std::string frame(std::uint32_t i) const
    {
        const auto mix = (number_ * 2654435761u) ^ (i * 40503u);
        const std::uint32_t head[3] = {8 + mix % 1000, number_, i};
        std::string bytes(sizeof(std::uint32_t) + head[0], static_cast<char>(mix >> 8));
        std::memcpy(bytes.data(), head, sizeof head);
        return bytes;
    }

    const std::uint32_t number_;
    int fd_;
    std::uint32_t heard_ = 0;
};

/* A socket that listens on loopback, and its port. */
inline std::pair<int, std::uint16_t> listen_on_loopback()
{
    sockaddr_in at{};
    socklen_t size = sizeof(at);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, reinterpret_cast<const sockaddr *>(&at), sizeof(at)) == 0);
    CHECK(listen(fd, 64) == 0);
    CHECK(getsockname(fd, reinterpret_cast<sockaddr *>(&at), &size) == 0);
    return {fd, ntohs(at.sin_port)};
}

#endif
