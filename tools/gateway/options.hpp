/* SPDX-License-Identifier: MIT */
#ifndef HANDOFF_GATEWAY_OPTIONS_HPP
#define HANDOFF_GATEWAY_OPTIONS_HPP

#include "handoff/net.hpp"

namespace gateway {

enum class kind : std::uint8_t { handoff, strings, none };

struct options {
    handoff::net::options net;
    bool reachable = false; /* from other machines: net.address is not the loopback */
    kind behind = kind::handoff;
    std::uint32_t workers = 0; /* per service; 0 with kind::none, and not otherwise */
    bool help = true;          /* kind::handoff: network threads work on light messages first */
    std::uint32_t sessions = 65536; /* numbers below this may have a state in each service */
    std::uint32_t idle_s = 600;     /* one that is silent for so long ends */
    std::string json;               /* empty: none */
};

/* Reads the command line. False after a line on stderr, or after --help or --version on stdout: `status` is what
 * main returns then. */
bool read_options(int argc, char **argv, options &into, int &status);

const char *name_of(handoff::net::transport which);
const char *name_of(kind which);

} // namespace gateway

#endif
