/* SPDX-License-Identifier: MIT */
/*
 * Lagging services. A frame that a connection holds for its service pins the segment that it was
 * read into; a few hundred connections of a service that hangs would pin all the receiving memory.
 * So frames that have waited for a while are copied into memory of their connection, together with
 * the partial frame, and copied back into the arena when the service takes again.
 */
#include "tcp.hpp"

#include <cstring>

namespace handoff::net {

namespace {
/* A service that is behind for a moment costs no copy. */
constexpr std::chrono::milliseconds keep_after{20};
} // namespace

/* If there is no memory, everything stays where it is. */
void tcp_loop::keep(connection &from, clock::time_point now) noexcept
{
    if (!from.kept.empty() || whole_ms(now - from.stalled_since) < keep_after)
        return;
    auto bytes = static_cast<std::size_t>(from.partial.len);
    for (const auto &each : from.held)
        bytes += static_cast<std::size_t>(each.buf.len);
    if (bytes > with_.limit.waiting_bytes - kept_bytes_)
        return;
    try {
        from.kept.resize(bytes);
    } catch (...) {
        count_.no_memory.add();
        return;
    }
    kept_bytes_ += bytes;
    auto *to = from.kept.data();
    for (auto &each : from.held)
        to = move_out(each.buf, to);
    if (from.partial.kind != HO_KIND_EMPTY)
        move_out(from.partial, to);
}

/* Turns a loan into a copy: the kind becomes empty, the rest stays. */
std::uint8_t *tcp_loop::move_out(ho_buf &loan, std::uint8_t *to) noexcept
{
    ho_buf copy{};
    copy.ptr = to;
    copy.len = loan.len;
    copy.value = loan.value;
    copy.key = loan.key;
    std::memcpy(to, loan.ptr, static_cast<std::size_t>(loan.len));
    port_.abort(&loan, 1);
    loan = copy;
    count_.copies.add();
    return to + copy.len;
}

/* Turns it back into a loan of this many bytes. */
std::int32_t tcp_loop::move_back(ho_buf &copy, std::uint64_t bytes) noexcept
{
    ho_buf loan{};
    const auto status = port_.reserve(bytes, &loan);
    if (status != HO_OK)
        return status;
    std::memcpy(loan.ptr, copy.ptr, static_cast<std::size_t>(copy.len));
    loan.len = copy.len;
    loan.value = copy.value;
    loan.key = copy.key;
    copy = loan;
    return HO_OK;
}

/* The service has taken everything: reading the partial frame continues. False if there is no
 * memory for it yet. */
bool tcp_loop::keep_no_more(connection &from) noexcept
{
    if (from.kept.empty())
        return true;
    if (from.partial.len != 0 && from.why == nullptr && !stopping_ &&
        move_back(from.partial, from.length) != HO_OK) {
        count_.arena_full.add();
        return false;
    }
    count_.copies.add(from.partial.kind == HO_KIND_EMPTY ? 0 : 1);
    drop_kept(from);
    return true;
}

void tcp_loop::drop_kept(connection &from) noexcept
{
    if (from.partial.kind == HO_KIND_EMPTY)
        from.partial = {};
    kept_bytes_ -= from.kept.size();
    from.kept = {};
}

} // namespace handoff::net
