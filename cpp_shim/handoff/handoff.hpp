/* SPDX-License-Identifier: MIT */
/* handoff for C++17: header-only, on top of the C ABI. Read the headers in this order:
 *
 *   status.hpp    errc, error codes, result, span, option structs
 *   buffer.hpp    buffer and loan, with one descriptor each; batch, with many
 *   domain.hpp    domain, arena and service
 *   shard.hpp     reserve, split, compact
 *   pool.hpp      objects of one type; handles and weak references
 *   producer.hpp  commit, forward, give_copy
 *   consumer.hpp  take, wait
 *   serve.hpp     a worker's loop, and a sender that helps
 *   owner.hpp     where given objects live while they are out
 *   give.hpp      give strings, vectors, pointers, packet objects
 *
 * Objects are movable, not copyable. Destructors close, return or abort; they never wait, and do nothing in a
 * forked child. Nothing throws: calls return std::error_code or result. If a callback or a destructor of the
 * caller's throws, the program ends (std::terminate). The C headers say what each call does, which threads may
 * make it, and what it costs; comments here give only what the shim adds. */
#ifndef HANDOFF_HANDOFF_HPP
#define HANDOFF_HANDOFF_HPP

#include "handoff/status.hpp"
#include "handoff/buffer.hpp"
#include "handoff/domain.hpp"
#include "handoff/shard.hpp"
#include "handoff/pool.hpp"
#include "handoff/producer.hpp"
#include "handoff/consumer.hpp"
#include "handoff/serve.hpp"
#include "handoff/owner.hpp"
#include "handoff/give.hpp"

#endif
