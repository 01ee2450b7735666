/* SPDX-License-Identifier: MIT */
#include "options.hpp"

#include "common/tool.h"
#include "game/wire.h"

#include <cstdio>
#include <getopt.h>

namespace gateway {

namespace {

const char usage[] =
    "usage: handoff-gateway [options]\n"
    "Serves the game's three services over UDP or TCP until SIGINT or SIGTERM.\n"
    "  --listen ADDRESS:PORT   port 0: any free port; 0.0.0.0 or [::]: all interfaces (default\n"
    "                          127.0.0.1:0)\n"
    "  --transport udp|tcp     (default udp)\n"
    "  --handoff handoff|strings|none\n"
    "                          what connects network and services (default handoff);\n"
    "                          none: the network threads answer messages themselves\n"
    "  --network-threads N     (default 1)\n"
    "  --workers N             workers per service (default 1); not with --handoff none\n"
    "  --help-workers on|off   whether network threads work on light messages themselves, with\n"
    "                          --handoff handoff (default on)\n"
    "  --sessions N            number of sessions, numbered from 0 (default 65536)\n"
    "  --idle SECONDS          end a session after this much silence (default 600)\n"
    "  --connections N         maximum number of peers (default 65536)\n"
    "  --max-frame BYTES       largest message (default 1400)\n"
    "  --rest US               pause of a busy network thread; 0: none (default 0)\n"
    "  --json FILE             write the figures to FILE at the end; -: stdout\n"
    "  -h, --help              print this text\n"
    "  --version               print the version\n";

const char *const transports[] = {"udp", "tcp"};
const char *const kinds[] = {"handoff", "strings", "none"};

const char *const switches[] = {"off", "on"};

const option names[] = {
    {"listen", required_argument, nullptr, 'l'},
    {"transport", required_argument, nullptr, 't'},
    {"handoff", required_argument, nullptr, 'b'},
    {"network-threads", required_argument, nullptr, 'n'},
    {"workers", required_argument, nullptr, 'w'},
    {"help-workers", required_argument, nullptr, 'p'},
    {"sessions", required_argument, nullptr, 's'},
    {"idle", required_argument, nullptr, 'i'},
    {"connections", required_argument, nullptr, 'c'},
    {"max-frame", required_argument, nullptr, 'm'},
    {"rest", required_argument, nullptr, 'r'},
    {"json", required_argument, nullptr, 'j'},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'v'},
    {nullptr, 0, nullptr, 0},
};

bool read_number(const char *name, std::uint64_t most, std::uint32_t &into)
{
    std::uint64_t value = 0;
    if (tool_number(name, optarg, 1, most, &value) != 0)
        return false;
    into = static_cast<std::uint32_t>(value);
    return true;
}

bool read_rest(options &into)
{
    std::uint64_t value = 0;
    if (tool_number("--rest", optarg, 0, 10000, &value) != 0)
        return false;
    into.net.rest = std::chrono::microseconds(value);
    return true;
}

bool read_address(options &into)
{
    tool_endpoint read{};
    if (tool_address("--listen", optarg, &read) != 0)
        return false;
    into.net.address = read.host;
    into.net.port = read.port;
    into.reachable = read.is_loopback == 0;
    return true;
}

bool read_one(int which, options &into)
{
    std::uint32_t word = 0;
    switch (which) {
    case 'l': return read_address(into);
    case 't':
        if (tool_word("--transport", optarg, transports, 2, &word) != 0)
            return false;
        into.net.kind = static_cast<handoff::net::transport>(word);
        return true;
    case 'b':
        if (tool_word("--handoff", optarg, kinds, 3, &word) != 0)
            return false;
        into.behind = static_cast<kind>(word);
        return true;
    case 'n': return read_number("--network-threads", 64, into.net.threads);
    case 'w': return read_number("--workers", 256, into.workers);
    case 'p':
        if (tool_word("--help-workers", optarg, switches, 2, &word) != 0)
            return false;
        into.help = word != 0;
        return true;
    case 's': return read_number("--sessions", (1u << 24) - 1, into.sessions);
    case 'i': return read_number("--idle", 1u << 24, into.idle_s);
    case 'c': return read_number("--connections", 1u << 21, into.net.limit.connections);
    case 'm': return read_number("--max-frame", 65507, into.net.limit.frame_bytes);
    case 'r': return read_rest(into);
    default: into.json = optarg; return true;
    }
}

bool settle_workers(options &into)
{
    if (into.behind != kind::none) {
        into.workers = into.workers == 0 ? 1 : into.workers;
        return true;
    }
    if (into.workers != 0)
        tool_error("--handoff none has no workers: leave --workers out");
    return into.workers == 0;
}

} // namespace

bool read_options(int argc, char **argv, options &into, int &status)
{
    into.net.limit.frame_bytes = GAME_FRAME_MAX;
    status = 2;
    opterr = 0;
    for (int which; (which = getopt_long(argc, argv, "h", names, nullptr)) != -1;) {
        if (which == 'h' || which == 'v') {
            std::fputs(which == 'h' ? usage : "handoff-gateway " TOOL_VERSION "\n", stdout);
            status = 0;
            return false;
        }
        if (which == '?') {
            tool_error("option %s is unknown or lacks its value: see --help", argv[optind - 1]);
            return false;
        }
        if (!read_one(which, into))
            return false;
    }
    if (optind == argc)
        return settle_workers(into);
    tool_error("unexpected argument %s: see --help", argv[optind]);
    return false;
}

const char *name_of(handoff::net::transport which)
{
    return transports[static_cast<int>(which)];
}

const char *name_of(kind which)
{
    return kinds[static_cast<int>(which)];
}

} // namespace gateway
