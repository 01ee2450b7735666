/* SPDX-License-Identifier: MIT */
/* An echo server in Asio with its own acceptor and sessions: one network thread, which handles
 * light messages itself, and one worker for the rest. It receives straight into loans, and sends
 * answers from the same memory. service.c does the work. On SIGINT or SIGTERM it answers everything
 * received so far, then stops.
 *
 * usage: asio_session [port N] [memory KIB] [lane_slots N] [plain 0|1]
 *   memory      memory that sockets may receive into, default 65536
 *   lane_slots  messages that a partition can hold, default 256
 *   plain       1: without handoff, for comparison */
#include "network.hpp"
#include "plain.hpp"

#include <handoff/net_key.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <thread>

void must(std::error_code error, const char *what)
{
    if (!error)
        return;
    std::cerr << "asio_session: " << what << ": " << error.message() << '\n';
    std::exit(1);
}

namespace {

/* The worker's thread, until the service is closed and empty. Then it releases egress, which
 * closes. */
void work(const std::shared_ptr<handoff::service> &egress, handoff::consumer requests,
          const handoff::arena &answered, struct world *worlds)
{
    auto memory = must(handoff::shard::open(answered), "a worker's shard");
    auto answers = must(handoff::producer::open(*egress, memory), "a worker's producer");
    const auto ended = serve(requests, [&](handoff::span<ho_buf> messages) {
        work_on(worlds, messages.data(), static_cast<std::uint32_t>(messages.size()));
        for (auto &each : messages)
            ho_net_answer(&each, each.value);
        /* Waits if the network thread is behind (HO_POLICY_WAIT). Messages refused even then are
         * returned. */
        static_cast<void>(answers.forward(messages));
    });
    if (ended != handoff::errc::closed)
        std::cerr << "asio_session: a worker ended: " << ended.message() << '\n';
}

int run(std::uint16_t port, std::uint64_t memory_kib, std::uint32_t lane_slots,
        struct world *worlds)
{
    handoff::arena_options memory;
    memory.budget_bytes = memory_kib << 10;
    handoff::service_options
        shared; /* messages: either the worker or the network thread has a partition */
    shared.partitions = PARTITIONS;
    shared.lane_slots = lane_slots;
    handoff::service_options wait;
    wait.policy = HO_POLICY_WAIT;
    wait.wait_ns = 1000000000;

    auto domain = must(handoff::domain::create(), "domain");
    auto received = must(handoff::arena::open(domain, memory), "arena");
    auto answered = must(handoff::arena::open(domain), "arena");
    auto service =
        std::make_shared<handoff::service>(must(handoff::service::open(domain, shared), "service"));
    auto egress =
        std::make_shared<handoff::service>(must(handoff::service::open(domain, wait), "egress"));
    std::uint64_t pauses = 0;
    {
        asio::io_context io(1);
        auto requests = must(handoff::consumer::open(*service), "a worker's consumer");
        network net(io, received, std::move(service), *egress, worlds);
        std::thread worker(
            [to = std::move(egress), from = std::move(requests), &answered, worlds]() mutable {
                const auto mine = std::move(to); /* destroyed when `work` ends */
                work(mine, std::move(from), answered, worlds);
            });
        std::cout << "listening on 127.0.0.1:" << net.start(port) << std::endl;
        io.run();
        worker.join();
        pauses = net.pauses;
    }
    std::cout << "paused " << pauses << " times" << std::endl;
    const auto left =
        domain.close(std::chrono::seconds(5)); /* errc::timeout: something is still outstanding */
    if (left)
        std::cerr << "asio_session: stopped, but: " << left.message() << '\n';
    return left ? 1 : 0;
}

int usage()
{
    std::cerr << "usage: asio_session [port N] [memory KIB] [lane_slots N] [plain 0|1]\n";
    return 2;
}

} // namespace

int main(int argc, char **argv)
{
    unsigned long port = 0, memory_kib = 65536, lane_slots = 256, plain = 0;
    for (int i = 1; i < argc; i += 2) {
        auto *to = std::strcmp(argv[i], "port") == 0         ? &port
                   : std::strcmp(argv[i], "memory") == 0     ? &memory_kib
                   : std::strcmp(argv[i], "lane_slots") == 0 ? &lane_slots
                   : std::strcmp(argv[i], "plain") == 0      ? &plain
                                                             : nullptr;
        if (to == nullptr || i + 1 == argc)
            return usage();
        *to = std::strtoul(argv[i + 1], nullptr, 10);
    }
    static struct world worlds[PARTITIONS];
    int status = 0;
    if (plain != 0)
        run_plain(static_cast<std::uint16_t>(port), worlds);
    else
        status = run(static_cast<std::uint16_t>(port), memory_kib,
                     static_cast<std::uint32_t>(lane_slots), worlds);
    std::uint64_t frames = 0;
    for (const auto &each : worlds)
        frames += each.frames;
    std::cout << "worked on " << frames << " frames" << std::endl;
    return status;
}
