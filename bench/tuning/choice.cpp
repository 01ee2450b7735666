/* SPDX-License-Identifier: MIT */
#include "tuning/choice.hpp"

#include <common/tool.h>

#include <string_view>

namespace bench {
namespace {

constexpr struct {
    const char *name;
    std::uint64_t choice::*value;
    std::uint64_t min, max;
} names[] = {
    {"ms", &choice::ms, 1, 60000},
    {"messages", &choice::messages, 1, 1000000000},
    {"segment_bytes", &choice::segment_bytes, 16384, 16777216},
    {"lane_slots", &choice::lane_slots, 2, 65536},
    {"huge_pages", &choice::huge_pages, 0, 1},
    {"pinned", &choice::pinned, 0, 1},
    {"kept", &choice::kept, 0, 65536},
    {"bytes", &choice::bytes, 16, 65536},
    {"workers", &choice::workers, 1, 1024},
    {"yield", &choice::yield, 0, 1},
    {"sched_batch", &choice::sched_batch, 0, 1},
    {"competing", &choice::competing, 0, 1},
};

} // namespace

bool choose(const char *name, const char *value)
{
    for (const auto &n : names)
        if (n.name == std::string_view(name))
            return tool_number(name, value, n.min, n.max, &(chosen.*n.value)) == 0;
    tool_error("'%s' can't be chosen: see bench/tuning/choice.hpp", name);
    return false;
}

} // namespace bench
