/* SPDX-License-Identifier: MIT */
/*
 * One contestant (the header that CONTESTANT names), one scenario, one run: prints one JSON object.
 * usage: bench-NAME SCENARIO --ms N | --messages N     or: bench-NAME --list
 */
#include CONTESTANT

#include "scenarios/chain.hpp"
#include "scenarios/flow.hpp"
#include "scenarios/paced.hpp"

#include <common/json.h>
#include <common/tool.h>

#include <cstdio>
#include <string_view>

namespace bench {
namespace {

constexpr shape one{};
constexpr shape keeping{1, 1, 1, 1500, 4096};
constexpr shape sized(std::uint32_t bytes)
{
    return {1, 1, 1, bytes, 0};
}

constexpr scenario scenarios[] = {
    {"throughput", pattern::flow, one},
    {"header", pattern::flow, one, 0, true},
    {"keep", pattern::flow, keeping},
    {"latency", pattern::paced, one, 0, false, false, 2000},
    {"wake", pattern::paced, one, 0, false, true, 200000},
    {"size64", pattern::flow, sized(64), 64},
    {"size256", pattern::flow, sized(256), 256},
    {"size1400", pattern::flow, sized(1500), 1400},
    {"size65536", pattern::flow, sized(65536), 65536},
    {"many", pattern::flow, {1, 4, 4, 1500, 0}},
    {"chain", pattern::chain, {3, 1, 1, 1500, 0}},
    {"workers4", pattern::flow, {3, 1, 4, 1500, 0}, 0, false, true},
    {"workers128", pattern::flow, {3, 1, 128, 1500, 0}, 0, false, true},
};

/* What the contestant must be able to do. */
std::uint32_t needs(const scenario &s)
{
    const bool many = s.form.services * s.form.senders * s.form.receivers > 1;
    return (many ? can_many : 0) | (s.blocking ? can_wait : 0) |
           (s.how == pattern::chain ? can_pass : 0) | (s.form.keep ? can_keep : 0) |
           (s.form.bytes >= 65536 ? can_large : 0);
}

bool possible(const scenario &s)
{
    return (contestant::can & needs(s)) == needs(s);
}

result play(const scenario &s, const limits &l)
{
    /* Before a contestant starts threads of its own, or pins this one. */
    ns_per_tick();
    cores();
    switch (s.how) {
    case pattern::paced: return paced<contestant>(s, l).run();
    case pattern::chain:
        if constexpr (contestant::can & can_pass)
            return chain<contestant>(s, l).run();
        break;
    case pattern::flow: break;
    }
    return flow<contestant>(s, l).run();
}

int report(const scenario &s, const result &r)
{
    auto *json = json_new();
    json_text(json, "scenario", s.name);
    json_count(json, "sent", r.sent);
    json_count(json, "received", r.received);
    json_count(json, "intact", r.intact);
    json_count(json, "peak_bytes", tool_peak_rss_bytes());
    if (s.how == pattern::paced) {
        json_count(json, "p50_ns", histogram_percentile(&r.latency_ns, 0.5));
        json_count(json, "p99_ns", histogram_percentile(&r.latency_ns, 0.99));
        json_count(json, "p999_ns", histogram_percentile(&r.latency_ns, 0.999));
    } else {
        json_real(json, "per_second", r.per_second);
    }
    if (json_write(json, "-") != 0)
        return 1;
    if (r.intact && r.sent == r.received)
        return 0;
    tool_error("%s: what was sent and what came differ: the contestant lost or changed bytes",
               s.name);
    return 1;
}

int list()
{
    for (const auto &s : scenarios)
        if (possible(s))
            std::printf("%s\n", s.name);
    return 0;
}

int run(int argc, char **argv)
{
    tool_name("bench");
    if (argc == 2 && std::string_view(argv[1]) == "--list")
        return list();
    const std::string_view unit = argc == 4 ? argv[2] : "";
    std::uint64_t amount = 0;
    if (unit != "--ms" && unit != "--messages") {
        tool_error("what to run?: usage: bench-NAME SCENARIO --ms N | --messages N, or --list");
        return 2;
    }
    if (tool_number(argv[2], argv[3], 1, 1000000000, &amount) != 0)
        return 2;
    limits l{1000000, 0};
    if (unit == "--ms")
        l.ns = amount * 1000000;
    else
        l.messages = amount;
    for (const auto &s : scenarios)
        if (s.name == std::string_view(argv[1]) && possible(s))
            return report(s, play(s, l));
    tool_error("no scenario '%s' for this contestant: see --list", argv[1]);
    return 2;
}

} // namespace
} // namespace bench

int main(int argc, char **argv)
{
    return bench::run(argc, argv);
}
