/* SPDX-License-Identifier: MIT */
#include "machine.hpp"
#include "shape.hpp"

#include <common/tool.h>

#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sched.h>

namespace bench {

double ns_per_tick()
{
    static const double found = [] {
        constexpr std::uint64_t sample_ns = 5000000;
        const auto from_ns = tool_now_ns();
        const auto from = ticks();
        std::uint64_t now_ns = from_ns;
        while (now_ns - from_ns < sample_ns)
            now_ns = tool_now_ns();
        return double(now_ns - from_ns) / double(ticks() - from);
    }();
    return found;
}

std::uint32_t cores()
{
    static const std::uint32_t found = [] {
        cpu_set_t set;
        CPU_ZERO(&set);
        return sched_getaffinity(0, sizeof set, &set) == 0 ? std::uint32_t(CPU_COUNT(&set)) : 1u;
    }();
    return found;
}

void unpin()
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (std::uint32_t core = 0; core < cores(); ++core)
        CPU_SET(core, &set);
    static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof set, &set));
}

void pin_to(std::uint32_t core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    /* Refused in a container that owns other cores: then the kernel places the thread. */
    static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof set, &set));
}

void pause::operator()() const
{
    if (crowded) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    _mm_pause();
#endif
}

lines::lines(std::size_t bytes)
    : base_(static_cast<std::uint8_t *>(
          std::aligned_alloc(apart, (bytes + apart - 1) / apart * apart)))
{
    must(base_ != nullptr, "no memory");
    std::memset(base_, 0, bytes);
}

lines::~lines()
{
    std::free(base_);
}

void fail(const char *what, const char *remedy)
{
    tool_error("%s: %s", what, remedy);
    std::_Exit(1);
}

} // namespace bench
