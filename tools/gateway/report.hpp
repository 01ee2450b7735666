/* SPDX-License-Identifier: MIT */
#ifndef HANDOFF_GATEWAY_REPORT_HPP
#define HANDOFF_GATEWAY_REPORT_HPP

#include "backend.hpp"

namespace gateway {

/* Copies of a message on its way in and out, ours and the entrypoint's. */
double copies_per_message(const handoff::net::counters &net, const figures &run);

/* Messages that came whole and got no answer, whoever dropped them. */
std::uint64_t dropped(const handoff::net::counters &net, const figures &run);

/* A table on stdout. */
void print_report(const options &with, const handoff::net::counters &net, const figures &run);

/* The same as JSON; false after a line on stderr. */
bool write_report(const options &with, const handoff::net::counters &net, const figures &run);

} // namespace gateway

#endif
