/* SPDX-License-Identifier: MIT */
#include "session_pool.hpp"

#include <algorithm>
#include <utility>

namespace gateway {

namespace {

constexpr std::uint32_t beginning_anew = 1024; /* a restarting session briefly holds two states */
constexpr std::uint32_t objects_most = 0xffffff;
/* What a pool needs per state besides its bytes: rounding, and its own notes. */
constexpr std::uint64_t beside_a_state = 8 + 4;
constexpr std::uint64_t beside_all = 256 << 10; /* the last pages, and at least a segment */

ho_pool *pool_of(void *context)
{
    return static_cast<ho_pool *>(context);
}

std::uint64_t acquire(void *context)
{
    ho_obj made{};
    ho_pool_acquire(pool_of(context), &made);
    return made.handle;
}

void *find(void *context, std::uint64_t object)
{
    void *found = nullptr;
    ho_pool_resolve(pool_of(context), object, &found);
    return found;
}

void release(void *context, std::uint64_t object)
{
    ho_obj ends{find(context, object), object};
    ho_pool_release(pool_of(context), &ends);
}

} // namespace

std::error_code session_pool::open(const handoff::domain &in, std::uint32_t service,
                                   std::uint32_t sessions)
{
    handoff::pool_options with;
    with.slot_bytes = static_cast<std::uint32_t>(game_session_bytes(service));
    with.objects_max = std::min(sessions + beginning_anew, objects_most);
    with.name = game_service_name(service);
    handoff::arena_options around;
    around.budget_bytes = with.objects_max * (with.slot_bytes + beside_a_state) + beside_all;
    auto made = handoff::arena::open(in, around);
    if (made.error)
        return made.error;
    arena_ = std::move(made.value);
    return handoff::to_error_code(ho_pool_open(arena_.raw(), &with, &pool_));
}

game_memory session_pool::memory()
{
    return {pool_, acquire, find, release};
}

handoff::pool_stats session_pool::read() const
{
    handoff::pool_stats now;
    ho_pool_stats_get(pool_, &now);
    return now;
}

std::uint64_t session_pool::close()
{
    handoff::pool_leaks left;
    if (ho_pool_close(pool_, &left) == HO_E_BUSY)
        return left.live;
    pool_ = nullptr;
    arena_.reset();
    return 0;
}

} // namespace gateway
