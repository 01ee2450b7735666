/* SPDX-License-Identifier: MIT */
/* What locks.c has counted so far, if it is preloaded. */
#ifndef HANDOFF_BENCH_LOCKS_HPP
#define HANDOFF_BENCH_LOCKS_HPP

#include <cstdint>
#include <dlfcn.h>

namespace bench {

struct lock_count {
    std::uint64_t taken = 0;
    std::uint64_t contended = 0;
};

inline lock_count locks_so_far()
{
    lock_count found;
    using read_call = void (*)(std::uint64_t *, std::uint64_t *);
    static const auto read = reinterpret_cast<read_call>(dlsym(RTLD_DEFAULT, "bench_locks"));
    if (read)
        read(&found.taken, &found.contended);
    return found;
}

} // namespace bench

#endif
