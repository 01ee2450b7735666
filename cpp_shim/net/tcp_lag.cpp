/* SPDX-License-Identifier: MIT */
/*
 * Lagging peers. A waiting answer of a few bytes pins its whole segment; a few hundred, all of one
 * peer that does not read, would pin all the memory for answers. So an answer that has waited from
 * one check to the next is copied into memory of its connection, together with everything behind
 * it, and so is whatever follows until the peer has caught up. A peer that reads in time costs no
 * copy.
 */
#include "tcp.hpp"

#include <algorithm>

namespace handoff::net {

namespace {
constexpr std::chrono::milliseconds look_often{10};
} // namespace

/* From its first waiting answer until a check finds none. */
void tcp_loop::watch(connection &to) noexcept
{
    if (to.watched)
        return;
    to.watched = true;
    ++to.waits; /* keeps it alive while it is watched */
    to.out_old = 0;
    to.moved = false;
    to.moved_since = clock::now();
    watched_.push_back(&to); /* admit() reserved the room */
    look_soon();
}

void tcp_loop::look_soon() noexcept
{
    if (looking_)
        return;
    looking_ = true;
    after(look_timer_, look_memory_, look_often, [this] {
        looking_ = false;
        look();
    });
}

void tcp_loop::look() noexcept
{
    const auto now = clock::now();
    for (auto *each : watched_)
        look_at(*each, now);
    const auto stay = std::partition(watched_.begin(), watched_.end(), [](const connection *each) {
        return !each->closed && each->writing;
    });
    for (auto each = stay; each != watched_.end(); ++each) {
        (*each)->watched = false;
        done_waiting(**each);
    }
    watched_.erase(stay, watched_.end());
    if (!watched_.empty())
        look_soon();
}

void tcp_loop::look_at(connection &to, clock::time_point now) noexcept
{
    if (to.closed || !to.writing)
        return;
    if (to.out_old != 0 && to.copied.empty())
        copy_all(to);
    to.out_old = to.out_count;
    if (to.out_count == 0)
        to.moved = true; /* only we wait, for the kernel to report room */
    const bool late =
        !to.moved && whole_ms(now - to.moved_since) >= with_.limit.write_time && !to.closed;
    /* The kernel reports room only when much of its buffer is free. A slow peer may have freed
     * less. */
    if (late)
        write_some(to);
    if (late && !to.moved)
        return close(to, &live_counters::closed_stuck);
    if (std::exchange(to.moved, false))
        to.moved_since = now;
}

void tcp_loop::copy_all(connection &to) noexcept
{
    for (std::size_t i = 0; i < to.out.size(); ++i)
        if (!copy(to, to.out[i]))
            return;
    port_.return_all(to.out.data(), static_cast<std::uint32_t>(to.out.size()));
    to.out.reset();
}

/* Appends an answer to the copied frames. False if there is no memory for it: the connection is
 * closed. */
bool tcp_loop::copy(connection &to, const ho_buf &answer) noexcept
{
    const auto bytes = static_cast<std::size_t>(answer.len + header_size);
    const auto before = to.copied.capacity();
    if (!afford(to, to.copied.capacity_for(bytes)))
        return false;
    try {
        to.copied.make_room(bytes);
    } catch (...) {
        count_.no_memory.add();
        close(to, &live_counters::closed_error);
        return false;
    }
    copied_bytes_ += to.copied.capacity() - before;
    std::uint8_t header[header_size];
    store_little(header, answer.len);
    to.copied.append(header, header_size);
    to.copied.append(answer.ptr, static_cast<std::size_t>(answer.len));
    count_.answers_copied.add();
    return true;
}

/* Gets memory for a connection's copies, this many bytes in total. If there is not enough, the
 * connection with the most waiting pays. False if that is this one. */
bool tcp_loop::afford(connection &to, std::uint64_t bytes) noexcept
{
    const auto limit = with_.limit.waiting_bytes;
    while (bytes - to.copied.capacity() > limit - copied_bytes_) {
        auto *payer = &to;
        for (auto *each : watched_)
            if (bytes <= limit && !each->copied.empty() && each->out_bytes > payer->out_bytes)
                payer = each;
        close(*payer, &live_counters::closed_crowded);
        if (payer == &to)
            return false;
    }
    return true;
}

void tcp_loop::drop_copies(connection &to) noexcept
{
    copied_bytes_ -= to.copied.capacity();
    to.copied.reset();
}

} // namespace handoff::net
