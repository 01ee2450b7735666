/* SPDX-License-Identifier: MIT */
/* The options of the example servers. */
#ifndef EXAMPLE_OPTIONS_HPP
#define EXAMPLE_OPTIONS_HPP

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

struct options {
    std::uint64_t port = 0;  /* 0: any free one */
    std::uint64_t plain = 0; /* 1: answers where it receives, without handoff */
    std::uint64_t workers = 1;
    std::uint64_t work_us = 0; /* how long the service takes per message */
    std::uint64_t lane_slots = 1024;
    std::uint64_t memory = 65536; /* to receive into, KiB */
};

inline options read_options(int argc, char **argv)
{
    options with;
    const struct {
        std::string_view name;
        std::uint64_t *value;
    } known[] = {{"port", &with.port},       {"plain", &with.plain},
                 {"workers", &with.workers}, {"work_us", &with.work_us},
                 {"memory", &with.memory},   {"lane_slots", &with.lane_slots}};
    int at = 1;
    for (bool found = true; found && at + 1 < argc; at += found ? 2 : 0) {
        found = false;
        for (const auto &each : known)
            if (argv[at] == each.name) {
                *each.value = std::strtoull(argv[at + 1], nullptr, 10);
                found = true;
            }
    }
    if (at == argc && with.workers != 0)
        return with;
    std::fprintf(
        stderr,
        "usage: %s [port N] [plain 0|1] [workers N] [work_us N] [lane_slots N] [memory KIB]\n"
        "  plain    1: without handoff, for comparison\n"
        "  workers  at least 1\n"
        "  work_us  the service's time per message, in microseconds\n",
        argv[0]);
    std::exit(2);
}

#endif
