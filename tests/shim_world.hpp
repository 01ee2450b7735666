/* SPDX-License-Identifier: MIT */
/* What the shim's tests start from: one service with a producer and a consumer. */
#ifndef HANDOFF_TESTS_SHIM_WORLD_HPP
#define HANDOFF_TESTS_SHIM_WORLD_HPP

/* This version of cmocka does not declare itself for C++. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <setjmp.h>
extern "C" {
#include <cmocka.h>
}
#include "harness.h"

#include <handoff/handoff.hpp>

/* Fails the test unless the code is the errc. */
#define CHECK_CODE(code, expected) CHECK_STATUS((code).value(), static_cast<std::int32_t>(expected))

struct world {
    handoff::domain root;
    handoff::service calls;
    handoff::producer out;
    handoff::consumer in;

    explicit world(const handoff::service_options &options = {})
        : root(*handoff::domain::create()), calls(*handoff::service::open(root, options)),
          out(*handoff::producer::open(calls)), in(*handoff::consumer::open(calls))
    {
        CHECK(root && calls && out && in);
    }

    handoff::stats stats() const
    {
        const auto read = calls.read_stats();
        CHECK(read);
        return read.value;
    }
};

#endif
