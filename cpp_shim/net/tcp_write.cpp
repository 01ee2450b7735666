/* SPDX-License-Identifier: MIT */
/* Answers: from the slices to the socket, with the length in front. */
#include "tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <sys/uio.h>

namespace handoff::net {

namespace {

/* Answers per system call: each is a header and a slice. */
constexpr std::size_t write_most = 32;

void store_little(std::uint8_t *to, std::uint64_t value) noexcept
{
    for (std::uint32_t i = 0; i < header_size; ++i)
        to[i] = static_cast<std::uint8_t>(value >> 8 * i);
}

} // namespace

void tcp_loop::send(ho_buf *answers, std::uint32_t count) noexcept
{
    std::uint32_t touched = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        auto *to = enqueue(answers[i]);
        if (to != nullptr && !to->touched) {
            to->touched = true;
            ++to->waits; /* it lives until it is written to */
            touched_[touched++] = to;
        }
    }
    port_.return_all(answers, count); /* those that nobody gets; the others are empty by now */
    for (std::uint32_t i = 0; i < touched; ++i) {
        touched_[i]->touched = false;
        write(*touched_[i]);
        done_waiting(*touched_[i]);
    }
}

/* Puts an answer into the queue of its connection, and empties the descriptor. */
connection *tcp_loop::enqueue(ho_buf &answer) noexcept
{
    auto *to = find(answer.value);
    if (to == nullptr || answer.len > UINT32_MAX) {
        (to == nullptr ? count_.answers_gone : count_.send_errors).add();
        return nullptr;
    }
    try {
        to->out.push_back(answer);
    } catch (...) {
        count_.no_memory.add();
        count_.send_errors.add();
        return nullptr;
    }
    to->out_bytes += answer.len + header_size;
    ++unsent_;
    answer = ho_buf{};
    return to;
}

/* Sends what the kernel takes. Who lets too much pile up is closed. */
void tcp_loop::write(connection &to) noexcept
{
    if (!to.writing) {
        while (to.out_next < to.out.size())
            if (!write_some(to))
                break;
        if (to.closed)
            return;
        if (to.out_next == to.out.size()) {
            to.out.clear(); /* keeps its room for the next answers */
            to.out_next = 0;
        }
    }
    if (to.out_bytes > with_.limit.queued_bytes)
        close(to, &live_counters::closed_slow);
}

/* One system call. False if the kernel takes no more, or the connection is closed. */
bool tcp_loop::write_some(connection &to) noexcept
{
    std::uint8_t headers[write_most][header_size];
    iovec parts[2 * write_most];
    const auto count = std::min(write_most, to.out.size() - to.out_next);
    for (std::size_t i = 0; i < count; ++i) {
        const auto &answer = to.out[to.out_next + i];
        store_little(headers[i], answer.len);
        parts[2 * i] = {headers[i], header_size};
        parts[2 * i + 1] = {answer.ptr, static_cast<std::size_t>(answer.len)};
    }
    /* Only the first one can be sent in part. */
    const auto header_sent = std::min<std::uint64_t>(to.out_sent, header_size);
    parts[0] = {headers[0] + header_sent, static_cast<std::size_t>(header_size - header_sent)};
    const auto sent_of_slice = static_cast<std::size_t>(to.out_sent - header_sent);
    parts[1] = {static_cast<std::uint8_t *>(parts[1].iov_base) + sent_of_slice,
                parts[1].iov_len - sent_of_slice};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2 * count;
    const auto sent = sendmsg(to.socket.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
        drop_sent(to, static_cast<std::uint64_t>(sent));
        return true;
    }
    if (errno == EINTR)
        return true;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM) {
        wait_to_write(to);
        return false;
    }
    count_.send_errors.add();
    close(to, errno == EPIPE || errno == ECONNRESET ? &live_counters::closed_by_peer
                                                    : &live_counters::closed_error);
    return false;
}

/* Returns the answers that the kernel has taken, all of them at once. */
void tcp_loop::drop_sent(connection &to, std::uint64_t sent) noexcept
{
    to.out_bytes -= sent;
    to.out_sent += sent;
    auto last = to.out_next;
    while (last < to.out.size() && to.out_sent >= to.out[last].len + header_size) {
        to.out_sent -= to.out[last].len + header_size;
        count_.answered_bytes.add(to.out[last].len);
        ++last;
    }
    const auto count = static_cast<std::uint32_t>(last - to.out_next);
    count_.answered.add(count);
    unsent_ -= count;
    port_.return_all(to.out.data() + to.out_next, count);
    to.out_next = last;
}

void tcp_loop::wait_to_write(connection &to) noexcept
{
    to.writing = true;
    ++to.waits;
    to.socket.async_wait(asio::ip::tcp::socket::wait_write,
                         handler_in(to.write_memory, [this, &to](const std::error_code &error) {
                             to.writing = false;
                             if (!error && !to.closed)
                                 write(to);
                             done_waiting(to);
                         }));
}

void tcp_loop::drop_answers(connection &to, counter &as) noexcept
{
    const auto count = to.out.size() - to.out_next;
    as.add(count);
    unsent_ -= count;
    port_.return_all(to.out.data() + to.out_next, static_cast<std::uint32_t>(count));
    to.out.clear();
    to.out_next = 0;
    to.out_bytes = 0;
}

} // namespace handoff::net
