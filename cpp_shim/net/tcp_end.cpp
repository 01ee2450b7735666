/* SPDX-License-Identifier: MIT */
/*
 * Ending connections. A connection that ended its side, broke a rule, fell silent or is stopped
 * still gets the answers that it is owed: as many as it sent messages. Then we shut down our side
 * and keep reading, only to discard: the system resets a connection that is closed with unread
 * input, and the peer loses what it has not received yet. The connection is closed when the peer
 * has shut down its side too, or has received everything and fallen silent.
 */
#include "tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace handoff::net {

namespace {
constexpr std::chrono::milliseconds look_often{10};
constexpr std::size_t looks_most = 1024; /* a check is two system calls */
/* A peer that has received everything is done, even if its side is open, once it has sent nothing
 * for `silence`; and after `chatter` even if it keeps sending. */
constexpr std::chrono::milliseconds silence{100};
constexpr std::chrono::milliseconds chatter{1000};
constexpr std::size_t discard_bytes = 16u << 10;
constexpr int discard_rounds = 64;

/* How many bytes the peer has not received yet, not counting our FIN; -1 if it has reset the
 * connection. */
int unacked_bytes(connection &to) noexcept
{
    const int fd = to.socket.native_handle();
    int error = 0;
    socklen_t size = sizeof(error);
    int bytes = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0 ||
        ioctl(fd, SIOCOUTQ, &bytes) != 0)
        return -1;
    return std::max(bytes - (to.said_all ? 1 : 0), 0);
}
} // namespace

/* Takes no further frame from a connection; closes it once it has what it is owed. */
void tcp_loop::end(connection &from, reason why) noexcept
{
    if (from.closed || from.why != nullptr)
        return;
    from.why = why;
    from.ended_since = clock::now();
    set_unfinished(from, false);
    port_.abort(&from.partial, 1);
    ++from.waits; /* keeps it alive until the checks end */
    settle(from);
    if (from.closed)
        return done_waiting(from);
    ended_.push_back(&from); /* admit() reserved the room */
    end_soon();
    if (!from.paused && !from.heard_all)
        wait_to_read(from); /* to discard input */
}

/* Checks an ending connection. Each byte of progress gives it write_time more. */
void tcp_loop::settle(connection &from) noexcept
{
    if (from.out_count != 0 || !from.held.empty())
        return; /* these waits have their own deadlines */
    const auto now = clock::now();
    bool late = whole_ms(now - from.ended_since) >= with_.limit.write_time;
    if (!from.said_all) {
        if (from.owed != 0 && !late && !delivering_)
            return;
        say_all(from);
        late = false;
    }
    const int unacked = unacked_bytes(from);
    if (unacked >= 0 && unacked < from.unacked)
        from.ended_since = now;
    from.unacked = unacked;
    if (unacked > 0 && !late)
        return;
    if (unacked > 0)
        note_unacknowledged();
    if (unacked == 0 && !from.heard_all && now - from.heard_since < silence &&
        now - from.ended_since < chatter)
        return;
    close(from, from.why);
}

void tcp_loop::note_unacknowledged() noexcept
{
    count_.unacknowledged.add();
    all_heard_ = all_heard_ && !stopping_;
}

void tcp_loop::say_all(connection &to) noexcept
{
    to.said_all = true;
    to.ended_since = to.heard_since = clock::now();
    std::error_code ignored;
    to.socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

/* Reads and drops input. */
void tcp_loop::discard(connection &from) noexcept
{
    std::uint8_t unwanted[discard_bytes];
    ssize_t got = 1;
    for (int round = 0; round < discard_rounds && got > 0; ++round) {
        got = recv(from.socket.native_handle(), unwanted, sizeof(unwanted), MSG_DONTWAIT);
        if (got > 0)
            from.heard_since = clock::now();
    }
    if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return close(from, lost(errno));
    from.heard_all = got == 0;
    if (!from.heard_all)
        wait_to_read(from);
}

void tcp_loop::end_soon() noexcept
{
    if (ending_)
        return;
    ending_ = true;
    after(end_timer_, end_memory_, look_often, [this] {
        ending_ = false;
        end_some();
    });
}

/* Checks the next few. */
void tcp_loop::end_some() noexcept
{
    for (auto rounds = std::min(looks_most, ended_.size()); rounds != 0; --rounds) {
        if (next_ended_ >= ended_.size())
            next_ended_ = 0;
        auto &from = *ended_[next_ended_];
        if (!from.closed)
            settle(from);
        if (!from.closed) {
            ++next_ended_;
            continue;
        }
        ended_[next_ended_] = ended_.back();
        ended_.pop_back();
        done_waiting(from);
    }
    if (!ended_.empty())
        end_soon();
}

void tcp_loop::idle_soon() noexcept
{
    if (idling_)
        return;
    idling_ = true;
    const std::chrono::milliseconds often = std::clamp<std::chrono::milliseconds>(
        with_.limit.idle_time / 4, retry_later, std::chrono::seconds(5));
    after(idle_timer_, idle_memory_, often, [this] {
        idling_ = false;
        close_idle();
    });
}

/* Waiting answers, held frames and ending connections have their own deadlines. */
void tcp_loop::close_idle() noexcept
{
    const auto now = clock::now();
    for (auto &slot : slots_) {
        const auto idle = [&] {
            return slot != nullptr && slot->why == nullptr && !slot->closed && !slot->alive &&
                   slot->out_count == 0 && slot->held.empty() &&
                   whole_ms(now - slot->idle_since) >= with_.limit.idle_time;
        };
        if (idle())
            catch_up(*slot);
        if (idle())
            end(*slot, &live_counters::closed_idle);
        else if (slot != nullptr && std::exchange(slot->alive, false))
            slot->idle_since = now;
    }
    if (open_ != 0 && !stopping_)
        idle_soon();
}

void tcp_loop::deliver_all() noexcept
{
    delivering_ = true;
    for (auto &slot : slots_)
        if (slot != nullptr && !slot->closed) {
            if (slot->why == nullptr)
                end(*slot, &live_counters::closed_at_stop);
            else
                settle(*slot);
        }
}

bool tcp_loop::close_all() noexcept
{
    resume_timer_.cancel();
    look_timer_.cancel();
    end_timer_.cancel();
    paused_.clear();
    for (auto *list : {&watched_, &ended_}) {
        for (auto *each : *list)
            --each->waits;
        list->clear();
    }
    for (auto &slot : slots_)
        if (slot != nullptr && !slot->closed) {
            auto &from = *slot;
            from.paused = false;
            ++from.waits;  /* keeps it alive until we are done */
            discard(from); /* so that the system does not reset it */
            if (!from.closed && unacked_bytes(from) > 0)
                note_unacknowledged();
            close(from, &live_counters::closed_at_stop);
            done_waiting(from);
        }
    return all_heard_;
}

} // namespace handoff::net
