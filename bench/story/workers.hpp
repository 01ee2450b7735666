/* SPDX-License-Identifier: MIT */
/* How the workers are shared out over the services. */
#ifndef HANDOFF_BENCH_WORKERS_HPP
#define HANDOFF_BENCH_WORKERS_HPP

#include "shape.hpp"

#include <algorithm>

namespace bench {

inline constexpr std::uint32_t all_workers = 128;

/* 43, 43 and 42. */
inline constexpr shape story_shape{3, 1, 43, 1500, 0};

inline std::uint32_t workers_of(const shape &s, std::uint32_t service)
{
    return std::min(s.receivers, all_workers - service * s.receivers);
}

} // namespace bench

#endif
