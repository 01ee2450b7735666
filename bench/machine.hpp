/* SPDX-License-Identifier: MIT */
/* Time, cores, and memory of one's own. */
#ifndef HANDOFF_BENCH_MACHINE_HPP
#define HANDOFF_BENCH_MACHINE_HPP

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <ctime>
#endif

namespace bench {

/* A steady count that all cores agree on: the time stamp counter, elsewhere nanoseconds. */
inline std::uint64_t ticks()
{
#if defined(__x86_64__)
    return __rdtsc();
#else
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::uint64_t(now.tv_sec) * 1000000000u + std::uint64_t(now.tv_nsec);
#endif
}

/* How long a tick is; measured once, which takes some milliseconds. Call before threads start. */
double ns_per_tick();

/* How many cores this process has; measured once, before a contestant may pin its main thread. */
std::uint32_t cores();
void pin_to(std::uint32_t core);
void unpin();

/* Between two looks at something that is not there yet. Where more threads run than cores, the others
 * must get theirs. */
struct pause {
    const bool crowded;
    void operator()() const;
};

/* Zeroed memory that shares no line with anything else. */
class lines {
  public:
    explicit lines(std::size_t bytes);
    ~lines();
    lines(const lines &) = delete;
    lines &operator=(const lines &) = delete;
    std::uint8_t *at(std::size_t offset) const { return base_ + offset; }

  private:
    std::uint8_t *const base_;
};

/* Ends the program with one line on stderr. */
[[noreturn]] void fail(const char *what, const char *remedy);

inline void must(bool done, const char *what)
{
    if (!done)
        fail(what, "run it again; if it stays, this contestant can't be measured here");
}

} // namespace bench

#endif
