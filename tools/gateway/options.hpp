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
    std::uint32_t workers = 0; /* per service; 0 only with kind::none */
    bool help = true;          /* kind::handoff: network threads work on light messages first */
    std::uint32_t sessions = 65536; /* session numbers are below this */
    std::uint32_t idle_s = 600;     /* a session silent for this long ends */
    std::string json;               /* empty: none */
};

/* Reads the command line. False after a line on stderr, or after --help or --version on stdout:
 * main then returns `status`. */
bool read_options(int argc, char **argv, options &into, int &status);

const char *name_of(handoff::net::transport which);
const char *name_of(kind which);

} // namespace gateway

#endif
