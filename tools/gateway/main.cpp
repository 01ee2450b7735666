/* SPDX-License-Identifier: MIT */
/* handoff-gateway: sockets in C++, three game services in C, connected by a handoff, or by none. */
#include "report.hpp"

#include "common/tool.h"
#include "game/wire.h"

#include <cerrno>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <exception>

namespace gateway {

namespace {

namespace net = handoff::net;

constexpr std::chrono::seconds patience{5}; /* for the last answers */

/* A session's messages stay in order, and only one worker at a time has it. For its answers see
 * docs/network.md. */
net::route by_session(handoff::const_bytes message, std::uint64_t)
{
    std::uint32_t service = 0;
    std::uint32_t session = 0;
    if (game_frame_route(message.data(), message.size(), &service, &session) != GAME_FRAME_OK)
        return {net::rejected, 0};
    return {service, session};
}

/* Once a second: samples memory use, and shows the traffic if stderr is a terminal. */
void run_until_signal(const sigset_t &ends, net::entrypoint &entry, backend &behind)
{
    const timespec second{1, 0};
    auto before = entry.read();
    for (;;) {
        const int signal = sigtimedwait(&ends, nullptr, &second);
        if (signal > 0)
            break;
        if (errno == EINTR)
            continue;
        behind.sample();
        if (tool_is_terminal() == 0)
            continue;
        const auto now = entry.read();
        tool_progress("in %" PRIu64 "/s, out %" PRIu64 "/s, dropped %" PRIu64 ", peers %" PRIu64,
                      now.received - before.received, now.answered - before.answered,
                      now.dropped_full, now.connections);
        before = now;
    }
    if (tool_is_terminal() != 0)
        tool_progress_end();
}

std::unique_ptr<backend> make_backend(kind which)
{
    switch (which) {
    case kind::strings: return make_strings_backend();
    case kind::none: return make_none_backend();
    default: return make_handoff_backend();
    }
}

void say_where(const options &with, std::uint16_t port)
{
    char at[TOOL_ADDRESS_BYTES];
    tool_address_text(with.net.address.c_str(), port, at);
    if (with.reachable)
        tool_warning("%s can be reached from other machines, and the game has neither encryption "
                     "nor passwords: listen only on a network that you trust",
                     at);
    std::printf("handoff-gateway: listening on %s %s\n", name_of(with.net.kind), at);
    std::fflush(stdout);
}

int run(const options &with)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr); /* every thread inherits it */
    tool_raise_open_files();

    auto behind = make_backend(with.behind);
    net::entrypoint entry;
    if (!behind->open(with))
        return 1;
    if (const auto error = behind->attach(entry, with.net)) {
        char at[TOOL_ADDRESS_BYTES];
        tool_address_text(with.net.address.c_str(), with.net.port, at);
        tool_error("could not listen on %s: %s: choose another --listen", at,
                   error.message().c_str());
        behind->close();
        return 1;
    }
    say_where(with, entry.port_number());
    run_until_signal(ends, entry, *behind);

    const bool clean = !entry.stop(patience);
    behind->sample();
    const auto figures = behind->close();
    print_report(with, entry.read(), figures);
    bool good = with.json.empty() || write_report(with, entry.read(), figures);
    if (figures.outstanding != 0) {
        tool_error("%" PRIu64
                   " buffers and states were not returned: a worker hung: look at its stack",
                   figures.outstanding);
        good = false;
    } else if (!clean) {
        tool_error("not every answer was sent within %d s: stop the load before the gateway",
                   static_cast<int>(patience.count()));
        good = false;
    }
    if (!figures.conserved) {
        tool_error("the economy created or lost coins: messages of a session were mixed up");
        good = false;
    }
    return good ? 0 : 1;
}

} // namespace

} // namespace gateway

int main(int argc, char **argv)
{
    tool_name("handoff-gateway");
    try {
        gateway::options with;
        with.net.routing = gateway::by_session;
        int status = 0;
        if (!gateway::read_options(argc, argv, with, status))
            return status;
        return gateway::run(with);
    } catch (const std::exception &failed) {
        tool_error("%s: free some memory or lower --sessions and --workers", failed.what());
        return 1;
    }
}
