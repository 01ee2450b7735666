/* SPDX-License-Identifier: MIT */
#ifndef HANDOFF_GATEWAY_REPORT_HPP
#define HANDOFF_GATEWAY_REPORT_HPP

#include "backend.hpp"

namespace gateway {

/* Copies of a message on its way in and out, the entrypoint's included. */
double copies_per_message(const handoff::net::counters &net, const figures &run);

/* Complete messages that got no answer, wherever they were dropped. */
std::uint64_t dropped(const handoff::net::counters &net, const figures &run);

/* Prints a table on stdout. */
void print_report(const options &with, const handoff::net::counters &net, const figures &run);

/* The same as JSON; false after a line on stderr. */
bool write_report(const options &with, const handoff::net::counters &net, const figures &run);

} // namespace gateway

#endif
