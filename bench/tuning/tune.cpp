/* SPDX-License-Identifier: MIT */
/*
 * One run of handoff with what was chosen: prints one JSON object.
 * usage: bench-tune-BATCH flow|sleeper [NAME NUMBER]...     names: choice.hpp
 *   flow     throughput, every byte read: to one receiver, or to sleeping workers
 *   sleeper  a message now and then to a receiver that sleeps: how long until it has it
 */
#include "tuning/sleeper.hpp"
#include "tuning/tuned.hpp"

#include <common/json.h>
#include <common/tool.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace bench {
namespace {

constexpr std::uint32_t services_of_workers = 3;
constexpr std::uint32_t usual_room = 1500;

scenario wanted()
{
    scenario s{"", pattern::flow, {}};
    if (chosen.workers)
        s.form.services = services_of_workers;
    s.form.receivers = std::max(1u, std::uint32_t(chosen.workers));
    s.form.bytes = std::max(usual_room, std::uint32_t(chosen.bytes));
    s.form.keep = std::uint32_t(chosen.kept);
    s.length = std::uint32_t(chosen.bytes);
    s.blocking = chosen.workers > 0;
    return s;
}

/* How much of this program's memory lies in huge pages now. */
std::uint64_t huge_bytes()
{
    std::uint64_t kib = 0;
    char line[128];
    auto *file = std::fopen("/proc/self/smaps_rollup", "re");
    while (file && std::fgets(line, sizeof line, file) &&
           std::sscanf(line, "AnonHugePages: %lu", &kib) != 1)
        ;
    if (file)
        std::fclose(file);
    return kib * 1024;
}

int end_of(json *json, const result &r)
{
    json_count(json, "sent", r.sent);
    json_count(json, "received", r.received);
    json_count(json, "intact", r.intact);
    if (json_write(json, "-") != 0)
        return 1;
    if (r.intact && r.sent == r.received)
        return 0;
    tool_error("what was sent and what came differ: messages were lost or changed");
    return 1;
}

int play_flow(const limits &l)
{
    flow<tuned> run(wanted(), l);
    const auto r = run.run();
    auto *json = json_new();
    json_real(json, "per_second", r.per_second);
    json_count(json, "peak_bytes", tool_peak_rss_bytes());
    json_count(json, "huge_bytes", huge_bytes());
    return end_of(json, r);
}

int play_sleeper(const limits &l)
{
    const competition others(chosen.competing ? cores() : 0);
    const auto r = sleeper<tuned>(wanted(), l).run();
    auto *json = json_new();
    json_count(json, "p50_ns", histogram_percentile(&r.latency_ns, 0.5));
    json_count(json, "p99_ns", histogram_percentile(&r.latency_ns, 0.99));
    return end_of(json, r);
}

int run(int argc, char **argv)
{
    const std::string_view what = argc > 1 && argc % 2 == 0 ? argv[1] : "";
    tool_name("bench-tune");
    if (what != "flow" && what != "sleeper") {
        tool_error("what to run?: usage: bench-tune-BATCH flow|sleeper [NAME NUMBER]...");
        return 2;
    }
    for (int i = 2; i < argc; i += 2)
        if (!choose(argv[i], argv[i + 1]))
            return 2;
    ns_per_tick();
    cores();
    const sched_param usual{};
    if (chosen.sched_batch)
        must(sched_setscheduler(0, SCHED_BATCH, &usual) == 0, "no SCHED_BATCH");
    const limits l{chosen.ms * 1000000, chosen.messages};
    return what == "flow" ? play_flow(l) : play_sleeper(l);
}

} // namespace
} // namespace bench

int main(int argc, char **argv)
{
    return bench::run(argc, argv);
}
