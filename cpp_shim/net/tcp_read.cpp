/* SPDX-License-Identifier: MIT */
#include "tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/uio.h>

namespace handoff::net {

namespace {

/* One read takes at most this much into the block, so that no connection gets more than its
 * share. */
constexpr std::uint64_t read_most = 64u << 10;
/* With less room than this for a read, the rest of the block is given up. */
constexpr std::uint64_t read_least = 4u << 10;
/* A segment has 4,096 numbers. A block that has used this many is given up between two reads, where
 * that costs nothing. */
constexpr std::uint32_t splits_most = 3072;
constexpr std::uint64_t segment_most = 16u << 20;
constexpr std::uint64_t segment_least = 16u << 10;

} // namespace

void tcp_loop::wait_to_read(connection &from) noexcept
{
    if (from.reading)
        return;
    from.reading = true;
    ++from.waits;
    from.socket.async_wait(
        asio::ip::tcp::socket::wait_read,
        handler_in(from.read_memory, [this, &from](const std::error_code &error) {
            from.reading = false;
            if (!error && !from.closed)
                read(from);
            done_waiting(from);
        }));
}

void tcp_loop::read(connection &from) noexcept
{
    if (stopping_ || from.why != nullptr)
        return discard(from);
    const bool fresh = refresh_block();
    iovec room[2];
    int rooms = 0;
    if (from.partial.kind != HO_KIND_EMPTY)
        room[rooms++] = {from.partial.ptr + from.partial.len,
                         static_cast<std::size_t>(from.partial.cap - from.partial.len)};
    else if (from.header_bytes > 0 && from.header_bytes < header_size)
        room[rooms++] = {from.header + from.header_bytes, header_size - from.header_bytes};
    if (fresh) {
        /* Wherever a frame begins in this read, its whole length fits after it. */
        const auto fits = block_.cap - 2 * header_size - with_.limit.frame_bytes;
        room[rooms++] = {block_.ptr, static_cast<std::size_t>(std::min(fits, read_most))};
    }
    if (rooms == 0) {
        count_.arena_full.add();
        return pause(from);
    }
    ssize_t got = 0;
    do
        got = readv(from.socket.native_handle(), room, rooms);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return read_failed(from, errno);
    if (got == 0) {
        from.heard_all = true;
        return end(from, &live_counters::closed_by_peer);
    }
    from.alive = true;

    reason why = nullptr;
    frames_.clear();
    const bool good = cut(from, static_cast<std::size_t>(got), why);
    /* Frames before a bad one are good. */
    const bool taken = hand_over(from, frames_);
    if (!taken && from.why == nullptr) {
        count_.stalled.add();
        from.stalled_since = clock::now();
        pause(from);
    }
    if (!good)
        end(from, why);
    else if (taken)
        wait_to_read(from);
}

/* Reads what has come already, before a clock is held against the peer: it may be this thread that is late. The
 * connection may be gone afterwards. */
void tcp_loop::catch_up(connection &from) noexcept
{
    if (from.paused || from.heard_all)
        return;
    ++from.waits; /* it lives until we are done with it */
    read(from);
    done_waiting(from);
}

void tcp_loop::read_failed(connection &from, int error) noexcept
{
    if (error == EAGAIN || error == EWOULDBLOCK)
        return wait_to_read(from);
    count_.receive_errors.add();
    if (error == ENOBUFS || error == ENOMEM)
        return pause(from);
    close(from, lost(error));
}

/* A block with room for a good read and the end of a frame. Each block is a whole segment, so only
 * its last few kilobytes are left unused. */
bool tcp_loop::refresh_block() noexcept
{
    const auto least = read_least + 2 * header_size + with_.limit.frame_bytes;
    if (block_.kind != HO_KIND_EMPTY && block_.cap >= least && block_splits_ < splits_most)
        return true;
    port_.abort(&block_, 1);
    block_splits_ = 0;
    if (block_bytes_ == 0)
        return learn_block_bytes() && block_.cap >= least;
    return port_.reserve(block_bytes_, &block_) == HO_OK;
}

/* The largest loan is a segment, a power of two. */
bool tcp_loop::learn_block_bytes() noexcept
{
    for (auto bytes = segment_most; bytes >= segment_least; bytes /= 2) {
        const auto status = port_.reserve(bytes, &block_);
        if (status == HO_E_RANGE)
            continue;
        if (status == HO_OK)
            block_bytes_ = bytes;
        return status == HO_OK;
    }
    return false;
}

/* Divides what a read brought: first to the partial frame, then to frames in the block. */
bool tcp_loop::cut(connection &from, std::size_t got, reason &why) noexcept
{
    bool finished_one = false;
    if (from.partial.kind != HO_KIND_EMPTY) {
        const auto part = std::min<std::uint64_t>(got, from.partial.cap - from.partial.len);
        from.partial.len += part;
        got -= static_cast<std::size_t>(part);
        if (from.partial.len == from.partial.cap) {
            finished_one = true;
            from.header_bytes = 0;
            if (!stage(from, from.partial, why))
                return false;
        }
    } else if (from.header_bytes > 0 && from.header_bytes < header_size) {
        const auto part = std::min<std::size_t>(got, header_size - from.header_bytes);
        from.header_bytes += static_cast<std::uint32_t>(part);
        got -= part;
        if (from.header_bytes == header_size && !header_whole(from, why))
            return false;
    }
    const auto whole_before = frames_.size();
    if (!cut_block(from, got, why))
        return false;
    note_progress(from, finished_one || frames_.size() != whole_before);
    return true;
}

/* `got` bytes are at the block's front. */
bool tcp_loop::cut_block(connection &from, std::size_t got, reason &why) noexcept
{
    std::uint32_t skip = 0; /* header bytes at the block's front, still to be skipped */
    while (got > skip) {
        if (from.header_bytes < header_size) {
            const auto part = static_cast<std::uint32_t>(
                std::min<std::size_t>(got - skip, header_size - from.header_bytes));
            std::memcpy(from.header + from.header_bytes, block_.ptr + skip, part);
            from.header_bytes += part;
            skip += part;
            if (from.header_bytes == header_size && !header_whole(from, why))
                return false;
            continue;
        }
        const auto there = std::min<std::size_t>(got - skip, from.length);
        ho_buf front{};
        if (!split_block(skip + from.length, got, front)) {
            why = &live_counters::closed_error;
            return false;
        }
        front.ptr += skip;
        front.cap -= skip;
        front.len = there;
        got -= skip + there;
        skip = 0;
        if (there < from.length) {
            from.partial = front;
            break;
        }
        from.header_bytes = 0;
        if (!stage(from, front, why))
            return false;
    }
    return true;
}

/* The declared length is read once, and checked before anything is reserved for it. */
bool tcp_loop::header_whole(connection &from, reason &why) noexcept
{
    from.length = load_little(from.header);
    if (from.length >= 1 && from.length <= with_.limit.frame_bytes)
        return true;
    why = &live_counters::closed_length;
    return false;
}

/* Splits the block. If its segment is out of numbers, the `got` bytes that are not cut yet move to
 * a new one: that takes thousands of tiny frames in one read. */
bool tcp_loop::split_block(std::uint32_t bytes, std::size_t got, ho_buf &front) noexcept
{
    ++block_splits_;
    auto status = port_.split(&block_, bytes, &front);
    if (status != HO_FULL)
        return status == HO_OK;
    ho_buf fresh{};
    if (port_.reserve(block_bytes_, &fresh) != HO_OK)
        return false;
    std::memcpy(fresh.ptr, block_.ptr, got);
    count_.copies.add();
    port_.abort(&block_, 1);
    block_ = fresh;
    block_splits_ = 1;
    return port_.split(&block_, bytes, &front) == HO_OK;
}

/* Addresses a complete frame and adds it to those to be handed over. */
bool tcp_loop::stage(connection &from, ho_buf &whole, reason &why) noexcept
{
    auto buf = std::exchange(whole, ho_buf{});
    const auto service = address_message(buf, from.id);
    if (service == rejected) {
        why = &live_counters::closed_rejected;
    } else {
        try {
            frames_.push_back({buf, service});
            return true;
        } catch (...) {
            count_.no_memory.add();
            why = &live_counters::closed_error;
        }
    }
    port_.abort(&buf, 1);
    return false;
}

void tcp_loop::note_progress(connection &from, bool finished_one) noexcept
{
    const bool is = from.header_bytes > 0 || from.partial.kind != HO_KIND_EMPTY;
    if (is && (finished_one || !from.unfinished))
        from.since = clock::now();
    set_unfinished(from, is);
}

void tcp_loop::set_unfinished(connection &from, bool is) noexcept
{
    if (from.unfinished == is)
        return;
    from.unfinished = is;
    unfinished_ += is ? 1 : static_cast<std::size_t>(-1);
    if (is)
        sweep_soon();
}

} // namespace handoff::net
