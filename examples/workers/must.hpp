/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLE_MUST_HPP
#define EXAMPLE_MUST_HPP

#include <handoff/status.hpp>

#include <cstdio>
#include <cstdlib>

/* Returns the opened object. On failure prints why, and exits. */
template <class T> T must(const char *what, handoff::result<T> &&got)
{
    if (got)
        return std::move(*got);
    std::fprintf(stderr, "cannot open %s: %s\n", what, got.error.message().c_str());
    std::exit(1);
}

#endif
