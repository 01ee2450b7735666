/* SPDX-License-Identifier: MIT */
/* What somebody who puts handoff into a program may choose, and what the benchmark plays with it. */
#ifndef HANDOFF_BENCH_CHOICE_HPP
#define HANDOFF_BENCH_CHOICE_HPP

#include <cstdint>

namespace bench {

struct choice {
    std::uint64_t ms = 150;          /* send for this long ... */
    std::uint64_t messages = 0;      /* ... or, if not 0, this many */
    std::uint64_t segment_bytes = 0; /* 0: handoff's default; so with lane_slots */
    std::uint64_t lane_slots = 0;
    std::uint64_t huge_pages = 0;  /* 1: the kernel may use them for the domain's memory */
    std::uint64_t pinned = 1;      /* each thread to its own core, where there are enough */
    std::uint64_t kept = 0;        /* messages that the receiver keeps */
    std::uint64_t bytes = 0;       /* of each message; 0: game-like */
    std::uint64_t workers = 0;     /* that sleep, in each of three services; 0: one that looks */
    std::uint64_t yield = 0;       /* 1: sched_yield() before each ho_wait */
    std::uint64_t sched_batch = 0; /* 1: SCHED_BATCH for all threads */
    std::uint64_t competing = 0;   /* 1: a busy thread on every core */
};

/* A contestant is built from its shape alone: set this before. */
inline choice chosen;

/* Sets one of the above by its name; false after a line on stderr. */
bool choose(const char *name, const char *value);

} // namespace bench

#endif
