/* SPDX-License-Identifier: MIT */
/* Hands complete frames to the services, and handles services that are full. */
#include "tcp.hpp"

namespace handoff::net {

/* Commits frames in order, consecutive ones for the same service at once. False if a service is
 * full: the connection holds the rest. Any other failure ends the connection. */
bool tcp_loop::hand_over(connection &from, std::vector<frame> &frames) noexcept
{
    std::size_t next = 0;
    while (next < frames.size()) {
        ho_buf run[batch_size];
        std::uint64_t lengths[batch_size];
        std::uint32_t count = 0;
        const auto service = frames[next].service;
        const bool copied = frames[next].buf.kind == HO_KIND_EMPTY; /* then all are */
        const auto most = copied ? 1 : batch_size;
        while (count < most && next + count < frames.size() &&
               frames[next + count].service == service) {
            run[count] = frames[next + count].buf;
            lengths[count] = run[count].len;
            ++count;
        }
        std::uint32_t accepted = 0;
        auto status = copied ? move_back(run[0], run[0].len) : HO_OK;
        if (status == HO_OK)
            status = port_.commit(service, run, count, &accepted);
        if (copied && accepted == 0 && run[0].kind != HO_KIND_EMPTY)
            port_.abort(run, 1);
        count_.copies.add(copied ? accepted : 0);
        count_.received.add(accepted);
        from.owed += accepted;
        turn_messages_ += accepted;
        for (std::uint32_t i = 0; i < accepted; ++i)
            count_.received_bytes.add(lengths[i]);
        next += accepted;
        if (accepted != 0)
            flush_soon();
        if (accepted == count)
            continue;
        frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(next));
        if (status == HO_FULL && hold(from, frames))
            return false;
        count_.undeliverable.add(frames.size());
        drop(frames);
        end(from, &live_counters::closed_undeliverable);
        return false;
    }
    frames.clear();
    return true;
}

/* Moves frames to their connection, to be tried again. */
bool tcp_loop::hold(connection &from, std::vector<frame> &frames) noexcept
{
    if (&frames == &from.held)
        return true;
    try {
        from.held = frames;
    } catch (...) {
        count_.no_memory.add();
        return false;
    }
    frames.clear();
    return true;
}

void tcp_loop::drop(std::vector<frame> &frames) noexcept
{
    for (auto &each : frames)
        if (each.buf.kind != HO_KIND_EMPTY)
            port_.abort(&each.buf, 1);
    frames.clear();
}

/* Publishes once for all connections that were readable at the same time. */
void tcp_loop::flush_soon() noexcept
{
    if (flushing_)
        return;
    flushing_ = true;
    soon(flush_memory_, [this] {
        flushing_ = false;
        port_.flush();
        rest_after(std::exchange(turn_messages_, 0));
        pump(); /* also sends what the port took ahead, which no descriptor announces */
    });
}

/* Stops reading from a connection until its service, or our memory, has room again. TCP then slows
 * the peer down. */
void tcp_loop::pause(connection &from) noexcept
{
    from.paused = true;
    paused_.push_back(&from); /* admit() reserved the room */
    resume_soon();
}

void tcp_loop::resume_soon() noexcept
{
    if (resuming_)
        return;
    resuming_ = true;
    after(resume_timer_, resume_memory_, retry_soon, [this] {
        resuming_ = false;
        resume_some();
    });
}

/* In the order in which they were paused; one that is refused again keeps its place. */
void tcp_loop::resume_some() noexcept
{
    paused_.swap(resumed_);
    for (auto *each : resumed_) {
        each->paused = false;
        ++each->waits; /* keeps it alive until we are done */
        if (!each->closed)
            resume(*each);
        done_waiting(*each);
    }
    resumed_.clear();
}

/* Ends a connection whose service has taken nothing for idle_time. */
void tcp_loop::resume(connection &from) noexcept
{
    const auto before = from.held.size();
    if (before != 0) {
        const bool taken = hand_over(from, from.held);
        const auto now = clock::now();
        if (taken || from.held.size() != before)
            from.since += now - std::exchange(from.stalled_since, now); /* not the peer's fault */
        if (!from.held.empty()) {
            if (whole_ms(now - from.stalled_since) < with_.limit.idle_time) {
                keep(from, now);
                return pause(from);
            }
            count_.undeliverable.add(from.held.size());
            drop(from.held);
            end(from, &live_counters::closed_undeliverable);
        }
    } else if (from.why == nullptr && !stopping_ && !refresh_block()) {
        return pause(from);
    }
    if (!from.closed && !keep_no_more(from))
        return pause(from);
    if (!from.closed && !from.heard_all)
        wait_to_read(from);
}

} // namespace handoff::net
