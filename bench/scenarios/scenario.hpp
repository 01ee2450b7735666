/* SPDX-License-Identifier: MIT */
/* What a run is asked for, and what it came to. */
#ifndef HANDOFF_BENCH_SCENARIO_HPP
#define HANDOFF_BENCH_SCENARIO_HPP

#include "shape.hpp"

#include <common/histogram.h>

namespace bench {

enum class pattern : std::uint8_t { flow, paced, chain };

struct scenario {
    const char *name;
    pattern how;
    shape form;
    std::uint32_t length = 0; /* of each message; 0: game-like */
    bool header_only = false; /* receivers read 16 bytes, else every byte */
    bool blocking = false;    /* receivers sleep when there is nothing, else look again */
    std::uint32_t gap_ns = 0; /* paced: mean time between two messages */
};

struct limits {
    std::uint64_t ns;       /* send for this long ... */
    std::uint64_t messages; /* ... or, if not 0, this many from each sender */
};

struct result {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool intact = false; /* the sums agree */
    double per_second = 0;
    histogram latency_ns{}; /* paced */
};

} // namespace bench

#endif
