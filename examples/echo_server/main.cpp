/* SPDX-License-Identifier: MIT */
/* An echo server for UDP and TCP. Network threads receive straight into arenas; eight workers in C
 * (service.c) send each message back. On SIGINT or SIGTERM it answers everything received so far,
 * then stops.
 *
 * usage: echo_server [PORT]   without PORT: any free ports */
#include "service.h"

#include <handoff/handoff.hpp>
#include <handoff/net.hpp>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <thread>

namespace net = handoff::net;

namespace {

constexpr std::uint32_t network_threads = 2; /* of each entrypoint */
constexpr std::uint32_t workers = 8;

void must(std::error_code error, const char *what)
{
    if (!error)
        return;
    std::cerr << "echo_server: " << what << ": " << error.message() << '\n';
    std::exit(1);
}

template <class T> T must(handoff::result<T> opened, const char *what)
{
    must(opened.error, what);
    return *std::move(opened);
}

/* A worker's thread. It has its own ends; the work is done in C. */
void work(const handoff::domain &domain, const handoff::service &echo,
          const handoff::service &egress, const handoff::arena &answered)
{
    auto requests = must(handoff::consumer::open(echo), "a worker's consumer");
    auto memory = must(handoff::shard::open(answered), "a worker's shard");
    auto answers = must(handoff::producer::open(egress, memory), "a worker's producer");
    echo_serve(domain.raw(), requests.raw(), answers.raw());
}

/* Receives into an arena of its own. Its network threads use the egress partitions from `first`
 * on. */
void start(net::entrypoint &entry, net::transport kind, std::uint16_t port, std::uint32_t first,
           const handoff::domain &domain, const handoff::arena &received,
           const handoff::service &egress, const handoff::service &echo)
{
    const char *name = kind == net::transport::tcp ? "tcp" : "udp";
    net::options with;
    with.kind = kind;
    with.port = port;
    with.threads = network_threads;
    with.first_partition = first;
    with.routing = [](handoff::const_bytes, std::uint64_t connection) {
        return net::route{0, connection}; /* by connection: only one worker at a time has it */
    };
    must(entry.start(with, net::services{domain.raw(), received.raw(), egress.raw(), {echo.raw()}}),
         name);
    std::cout << name << " listening on " << with.address << ':' << entry.port_number()
              << std::endl;
}

/* Gives a std::vector to the service. Its elements are not copied; it is destroyed when the service
 * returns it. */
void report(handoff::producer &to, handoff::owner<std::vector<std::uint64_t>> &reports,
            const net::entrypoint &udp, const net::entrypoint &tcp)
{
    const auto u = udp.read();
    const auto t = tcp.read();
    std::vector<std::uint64_t> counts(REPORT_FIELDS);
    counts[REPORT_RECEIVED] = u.received + t.received;
    counts[REPORT_ANSWERED] = u.answered + t.answered;
    counts[REPORT_REFUSED] = u.dropped_full + u.dropped_length + t.closed_length;
    if (const auto error = give(to, reports, std::move(counts), {0, FROM_SERVER}))
        std::cerr << "echo_server: a report was refused: " << error.message() << '\n';
}

} // namespace

int main(int argc, char **argv)
{
    const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, nullptr); /* in all threads: main waits for them below */

    handoff::service_options shared; /* messages: only one worker at a time has a partition */
    shared.partitions = 64;
    handoff::service_options bound; /* answers: each partition belongs to a network thread */
    bound.partitions = 2 * network_threads;
    bound.consumers = HO_CONSUMERS_BOUND;
    bound.policy = HO_POLICY_WAIT; /* a worker waits for a network thread, never the reverse */
    bound.wait_ns = 1000000000;

    auto domain = must(handoff::domain::create(), "domain");
    auto echo = must(handoff::service::open(domain, shared), "service");
    auto egress = must(handoff::service::open(domain, bound), "egress");
    auto received_udp = must(handoff::arena::open(domain), "arena");
    auto received_tcp = must(handoff::arena::open(domain), "arena");
    auto answered = must(handoff::arena::open(domain), "arena");

    std::vector<std::thread> crew;
    for (std::uint32_t i = 0; i < workers; ++i)
        crew.emplace_back([&] { work(domain, echo, egress, answered); });

    auto memory = must(handoff::shard::open(answered), "shard");
    auto to_echo = must(handoff::producer::open(echo, memory), "producer");
    auto reports = must(handoff::owner<std::vector<std::uint64_t>>::open(domain), "owner");
    net::entrypoint udp, tcp;
    start(udp, net::transport::udp, port, 0, domain, received_udp, egress, echo);
    start(tcp, net::transport::tcp, port, network_threads, domain, received_tcp, egress, echo);

    const timespec pause{10, 0};
    while (sigtimedwait(&stop, nullptr, &pause) < 0)
        report(to_echo, reports, udp, tcp);

    /* In this order: stop receiving, send all answers; the last report; close the producers; end
     * the workers. */
    const auto udp_left = udp.stop(std::chrono::seconds(5));
    const auto tcp_left = tcp.stop(std::chrono::seconds(5));
    report(to_echo, reports, udp, tcp);
    to_echo.reset();
    echo.reset(); /* starts closing: workers take what is left, and end */
    for (auto &each : crew)
        each.join();
    reports.reset();
    memory.reset();
    const auto left = domain.close(std::chrono::seconds(5));
    for (const auto &error : {udp_left, tcp_left, left})
        if (error)
            std::cerr << "echo_server: stopped, but: " << error.message() << '\n';
    return udp_left || tcp_left || left ? 1 : 0;
}
