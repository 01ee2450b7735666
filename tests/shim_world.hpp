/* SPDX-License-Identifier: MIT */
/* The base of the shim's tests: one arena with a shard, one service with a producer and a
 * consumer. */
#ifndef HANDOFF_TESTS_SHIM_WORLD_HPP
#define HANDOFF_TESTS_SHIM_WORLD_HPP

/* This version of cmocka has no extern "C" for C++. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <setjmp.h>
extern "C" {
#include <cmocka.h>
}
#include "harness.h"

#include <handoff/handoff.hpp>

#include <cstring>

/* Fails the test unless the code is the errc. */
#define CHECK_CODE(code, expected) CHECK_STATUS((code).value(), static_cast<std::int32_t>(expected))

struct world {
    handoff::domain root;
    handoff::arena arena;
    handoff::service calls;
    handoff::shard shard;
    handoff::producer out;
    handoff::consumer in;

    explicit world(const handoff::service_options &options = {})
        : root(*handoff::domain::create()), arena(*handoff::arena::open(root)),
          calls(*handoff::service::open(root, options)), shard(*handoff::shard::open(arena)),
          out(*handoff::producer::open(calls, shard)), in(*handoff::consumer::open(calls))
    {
        CHECK(root && arena && calls && shard && out && in);
    }

    handoff::arena_stats memory() const
    {
        const auto read = arena.read_stats();
        CHECK(read);
        return read.value;
    }
};

/* Sends a short text. */
inline void send(world &w, std::string_view text, std::uint64_t key = 1)
{
    auto fresh = w.shard.reserve(64);
    CHECK(fresh);
    std::memcpy(fresh->data(), text.data(), text.size());
    fresh->resize(text.size());
    CHECK_CODE(w.out.commit(std::move(*fresh), {key}), handoff::errc::ok);
}

#endif
