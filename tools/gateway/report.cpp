/* SPDX-License-Identifier: MIT */
#include "report.hpp"

#include "common/json.h"
#include "common/tool.h"

#include <cinttypes>
#include <cstdio>

namespace gateway {

namespace {
std::uint64_t copies(const handoff::net::counters &net, const figures &run)
{
    return net.copies + net.answers_copied + run.copies;
}
} // namespace

double copies_per_message(const handoff::net::counters &net, const figures &run)
{
    if (net.received == 0)
        return 0;
    return static_cast<double>(copies(net, run)) / static_cast<double>(net.received);
}

std::uint64_t dropped(const handoff::net::counters &net, const figures &run)
{
    return net.dropped_full + net.dropped_length + net.dropped_peer + net.dropped_rejected +
           net.undeliverable + net.answers_gone + net.answers_unsent + net.send_errors +
           run.refused + run.dropped;
}

void print_report(const options &with, const handoff::net::counters &net, const figures &run)
{
    std::printf("handoff-gateway: %s over %s\n", name_of(with.behind), name_of(with.net.kind));
    const auto count = [](const char *name, std::uint64_t value) {
        std::printf("  %-22s %14" PRIu64 "\n", name, value);
    };
    count("received", net.received);
    count("answered", net.answered);
    count("dropped", dropped(net, run));
    std::printf("  %-22s %14.3f\n", "copies per message", copies_per_message(net, run));
    std::printf("  %-22s %14.2f\n", "cpu seconds", tool_cpu_seconds());
    count("answers copied", net.answers_copied);
    count("closed for lagging", net.closed_slow + net.closed_stuck + net.closed_crowded);
    count("peak rss bytes", tool_peak_rss_bytes());
    count("arena peak bytes", run.arena_peak_bytes);
    std::printf("  %-22s %14.2f\n", "fragmentation percent", run.fragmentation_percent);
    count("sessions begun", run.sessions.begun);
    count("sessions ended", run.sessions.ended);
    count("sessions refused", run.sessions.refused);
    count("session peak bytes", run.session_bytes_peak);
    count("wakes", run.wakes);
    count("late wakes", run.late_wakes);
    count("outstanding", run.outstanding);
    std::fflush(stdout);
}

bool write_report(const options &with, const handoff::net::counters &net, const figures &run)
{
    auto *json = json_new();
    json_text(json, "handoff", name_of(with.behind));
    json_text(json, "transport", name_of(with.net.kind));
    json_count(json, "network_threads", with.net.threads);
    json_count(json, "workers", with.workers);
    json_count(json, "received", net.received);
    json_count(json, "answered", net.answered);
    json_count(json, "dropped", dropped(net, run));
    json_count(json, "copies", copies(net, run));
    json_real(json, "copies_per_message", copies_per_message(net, run));
    json_real(json, "cpu_seconds", tool_cpu_seconds());
    json_count(json, "peak_rss_bytes", tool_peak_rss_bytes());
    json_count(json, "arena_peak_bytes", run.arena_peak_bytes);
    json_real(json, "fragmentation_percent", run.fragmentation_percent);
    json_count(json, "sessions_begun", run.sessions.begun);
    json_count(json, "sessions_ended", run.sessions.ended);
    json_count(json, "sessions_refused", run.sessions.refused);
    json_count(json, "sessions_stale", run.sessions.stale);
    json_count(json, "session_peak_bytes", run.session_bytes_peak);
    json_count(json, "wakes", run.wakes);
    json_count(json, "late_wakes", run.late_wakes);
    json_count(json, "outstanding", run.outstanding);
    json_count(json, "worker_handled", run.handled);
    json_count(json, "worker_refused", run.refused);
    json_count(json, "worker_dropped", run.dropped);
    json_count(json, "conserved", run.conserved ? 1 : 0);
#define GATEWAY_COUNTER(name, meaning) json_count(json, "net_" #name, net.name);
    HANDOFF_NET_COUNTERS(GATEWAY_COUNTER)
#undef GATEWAY_COUNTER
    return json_write(json, with.json.c_str()) == 0;
}

} // namespace gateway
