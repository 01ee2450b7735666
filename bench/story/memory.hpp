/* SPDX-License-Identifier: MIT */
/* How much memory the process has from the system. */
#ifndef HANDOFF_BENCH_MEMORY_HPP
#define HANDOFF_BENCH_MEMORY_HPP

#include <cstddef>
#include <cstdint>

namespace bench {

/* What is resident now, without an allocation. Some kernels are up to 256 KiB off. */
std::uint64_t resident_bytes();

/* The same of anonymous memory alone, counted page by page: exact, and slow. */
std::uint64_t anonymous_bytes();

/* Makes this thread's stack as large as it will get, so that it does not grow later. */
void touch_stack();

/* From here on a page is a page: how much is resident does not depend on luck with huge ones. */
void forgo_huge_pages();

} // namespace bench

#endif
