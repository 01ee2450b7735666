/* SPDX-License-Identifier: MIT */
/*
 * The story, for one contestant (the header that CONTESTANT names): prints one JSON object.
 * usage: story-NAME raid SESSIONS MS                how the game server fares
 *        story-NAME steps MESSAGES KEEP             instructions of each allocation
 *        story-NAME threads SENDERS WORKERS         what so many threads come to in memory
 *        story-NAME objects RAIDS                   what the objects of raids come to in memory
 */
#include CONTESTANT

#include "story/lockstep.hpp"
#include "story/raid.hpp"
#include "story/raids.hpp"

#include <common/json.h>
#include <common/tool.h>

#include <string_view>

namespace bench {
namespace {

/* For each slot of a sender's rings, so that they have been written all over. */
constexpr std::uint32_t messages_of_a_slot = 2;

/* What every run must show; returns the exit code. */
template <class Result> int end_of(json *json, const Result &r)
{
    json_count(json, "sent", r.sent);
    json_count(json, "received", r.received);
    json_count(json, "intact", r.intact);
    if (json_write(json, "-") != 0)
        return 1;
    if (r.intact && r.sent == r.received)
        return 0;
    tool_error("what was sent and what came differ: the contestant lost or changed bytes");
    return 1;
}

void percentiles(json *json, const char *half, const char *most, const char *nearly_all,
                 const histogram &h)
{
    json_count(json, half, histogram_percentile(&h, 0.5));
    json_count(json, most, histogram_percentile(&h, 0.99));
    json_count(json, nearly_all, histogram_percentile(&h, 0.999));
}

int play_raid(std::uint32_t sessions, std::uint64_t ms)
{
    raid<story_contestant> live(sessions, ms * 1000000);
    const auto r = live.run();
    const auto looks = double(r.looks ? r.looks : 1);
    auto *json = json_new();
    json_count(json, "lost", r.due - r.sent);
    json_count(json, "late", r.late);
    percentiles(json, "p50_ns", "p99_ns", "p999_ns", r.latency_ns);
    percentiles(json, "alloc_p50_ns", "alloc_p99_ns", "alloc_p999_ns", r.allocation_ns);
    percentiles(json, "object_p50_ns", "object_p99_ns", "object_p999_ns", r.object_ns);
    json_real(json, "raid_ns", r.longest_raid_ns);
    json_real(json, "raid_read_ns", r.longest_raid_read_ns);
    json_real(json, "messages_per_second", double(r.sent) / r.seconds);
    json_real(json, "locks_per_second", double(r.locks.taken) / r.settled_seconds);
    json_real(json, "contended_per_second", double(r.locks.contended) / r.settled_seconds);
    json_real(json, "switches_per_second", double(r.switches) / r.seconds);
    json_real(json, "seconds", r.seconds);
    json_real(json, "cpu_seconds", r.cpu_seconds);
    json_real(json, "sender_cpu_seconds", r.sender_cpu_seconds);
    json_real(json, "live_bytes", double(r.live_bytes) / looks);
    json_real(json, "held_bytes", double(r.held_bytes) / looks);
    json_count(json, "held_most_bytes", r.held_most);
    json_real(json, "fragmentation",
              r.held_bytes ? 1 - double(r.live_bytes) / double(r.held_bytes) : 0);
    json_real(json, "peak_fragmentation", r.worst_peak);
    json_real(json, "dead_share", r.dead_share);
    return end_of(json, r);
}

int count_steps(std::uint32_t messages, std::uint32_t keep)
{
    lockstep<story_contestant> trace({1, 1, 1, story_shape.bytes, keep}, messages, true);
    const auto r = trace.run();
    auto *json = json_new();
    json_count(json, "allocations", r.steps.count);
    percentiles(json, "steps_p50", "steps_p99", "steps_p999", r.steps);
    json_count(json, "steps_most", r.steps.max);
    percentiles(json, "locked_p50", "locked_p99", "locked_p999", r.locked);
    json_count(json, "locked_most", r.locked.max);
    return end_of(json, r);
}

int weigh_threads(std::uint32_t senders, std::uint32_t workers)
{
    const auto slots = story_contestant::slots_for(workers);
    lockstep<story_contestant> trace({1, senders, workers, story_shape.bytes, 0},
                                     std::uint32_t(slots) * messages_of_a_slot, false);
    const auto r = trace.run();
    const auto rings = senders * slots * story_contestant::slot_bytes;
    auto *json = json_new();
    json_count(json, "grown_bytes", r.grown_bytes);
    json_count(json, "ring_bytes", rings);
    return end_of(json, r);
}

int weigh_objects(std::uint32_t count)
{
    raids<story_contestant> trace(count);
    const auto r = trace.run();
    auto *json = json_new();
    json_real(json, "fragmentation", r.worst);
    json_count(json, "live_bytes", r.live_bytes);
    json_count(json, "held_bytes", r.held_bytes);
    return end_of(json, r);
}

int run(int argc, char **argv)
{
    const std::string_view what = argc == 4 || argc == 3 ? argv[1] : "";
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    tool_name("story");
    if (argc == 3 ? what != "objects" : what != "raid" && what != "steps" && what != "threads") {
        tool_error("what to play?: raid SESSIONS MS, steps MESSAGES KEEP, threads SENDERS WORKERS "
                   "or objects RAIDS");
        return 2;
    }
    if (tool_number(argv[1], argv[2], 1, 100000000, &first) != 0)
        return 2;
    if (argc == 4 &&
        tool_number(argv[1], argv[3], 1, what == "threads" ? all_workers : 1000000, &second) != 0)
        return 2;
    forgo_huge_pages();
    ns_per_tick();
    cores();
    if (what == "raid")
        return play_raid(std::uint32_t(first), second);
    if (what == "objects")
        return weigh_objects(std::uint32_t(first));
    if (what == "steps")
        return count_steps(std::uint32_t(first), std::uint32_t(second));
    return weigh_threads(std::uint32_t(first), std::uint32_t(second));
}

} // namespace
} // namespace bench

int main(int argc, char **argv)
{
    return bench::run(argc, argv);
}
