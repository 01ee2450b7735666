/* SPDX-License-Identifier: MIT */
/* handoff for C++17: header-only, over the C ABI, in this order.
 *
 *   status.hpp    errc, error codes, result, span, option structs
 *   buffer.hpp    buffer and loan, one descriptor each; batch, many
 *   domain.hpp    domain, arena and service
 *   shard.hpp     reserve, split, compact
 *   pool.hpp      objects of one type, handles and weak ones
 *   producer.hpp  commit, forward, give_copy
 *   consumer.hpp  take, wait
 *   serve.hpp     a worker's loop, and a sender that helps
 *   owner.hpp     where given objects live while they are out
 *   give.hpp      give strings, vectors, pointers, packet objects
 *
 * Objects move and don't copy; destructors close, return or abort, never wait, and do nothing in a child of
 * fork. Nothing throws: calls return std::error_code or result. A callback or a destructor of the caller's
 * that throws ends the program (std::terminate). What a call does, on which threads it may be made and what
 * it costs, is said where the C ABI declares it; the shim adds nothing to that but what its own
 * comments say. */
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
