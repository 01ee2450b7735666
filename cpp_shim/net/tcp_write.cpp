/* SPDX-License-Identifier: MIT */
/* Sends answers: from the slices to the socket, each with its length in front. */
#include "tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <sys/uio.h>

namespace handoff::net {

namespace {

/* Answers per system call: each takes a header and a slice. */
constexpr std::size_t write_most = 32;

constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;

ssize_t send_frames(int fd, ho_buf *answers, std::size_t waiting, std::uint64_t first_sent) noexcept
{
    std::uint8_t headers[write_most][header_size];
    iovec parts[2 * write_most];
    const auto count = std::min(write_most, waiting);
    for (std::size_t i = 0; i < count; ++i) {
        store_little(headers[i], answers[i].len);
        parts[2 * i] = {headers[i], header_size};
        parts[2 * i + 1] = {answers[i].ptr, static_cast<std::size_t>(answers[i].len)};
    }
    /* Only the first one can be partly sent. */
    const auto header_sent = std::min<std::uint64_t>(first_sent, header_size);
    parts[0] = {headers[0] + header_sent, static_cast<std::size_t>(header_size - header_sent)};
    const auto sent_of_slice = static_cast<std::size_t>(first_sent - header_sent);
    parts[1] = {answers[0].ptr + sent_of_slice, parts[1].iov_len - sent_of_slice};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2 * count;
    return sendmsg(fd, &message, flags);
}

/* Bytes that the first waiting answer takes on the wire. */
std::uint64_t first_bytes(connection &to) noexcept
{
    return header_size + (to.copied.empty() ? to.out[0].len : load_little(to.copied.data()));
}

} // namespace

void tcp_loop::send(ho_buf *answers, std::uint32_t count) noexcept
{
    std::uint32_t touched = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        auto *to = enqueue(answers[i]);
        if (to != nullptr && !to->touched) {
            to->touched = true;
            ++to->waits; /* keeps it alive until it is written to */
            touched_[touched++] = to;
        }
    }
    port_.return_all(answers, count); /* those without a receiver; the others are empty by now */
    for (std::uint32_t i = 0; i < touched; ++i) {
        touched_[i]->touched = false;
        write(*touched_[i]);
        done_waiting(*touched_[i]);
    }
}

/* Moves an answer into its connection's queue and empties the descriptor, or copies it there. */
connection *tcp_loop::enqueue(ho_buf &answer) noexcept
{
    auto *to = find(answer.value);
    if (to == nullptr || answer.len > UINT32_MAX) {
        (to == nullptr ? count_.answers_gone : count_.send_errors).add();
        return nullptr;
    }
    const auto bytes = answer.len + header_size;
    if (!to->copied.empty()) {
        if (!copy(*to, answer)) {
            count_.answers_gone.add();
            return nullptr;
        }
    } else {
        try {
            to->out.append(&answer, 1);
        } catch (...) {
            count_.no_memory.add();
            count_.send_errors.add();
            return nullptr;
        }
        answer = ho_buf{};
    }
    to->out_bytes += bytes;
    ++to->out_count;
    ++unsent_;
    return to;
}

/* Sends what the kernel takes. A connection with too much waiting behind its current answer is
 * closed; a single answer may have any size. */
void tcp_loop::write(connection &to) noexcept
{
    if (!to.writing)
        while (to.out_count != 0 && write_some(to))
            ;
    if (to.out_count > 1 && to.out_bytes + to.out_sent - first_bytes(to) > with_.limit.queued_bytes)
        close(to, &live_counters::closed_slow);
}

/* One system call. False if the kernel takes no more, or the connection is closed. */
bool tcp_loop::write_some(connection &to) noexcept
{
    const int fd = to.socket.native_handle();
    const auto sent = to.copied.empty()
                          ? send_frames(fd, to.out.data(), to.out.size(), to.out_sent)
                          : ::send(fd, to.copied.data() + to.out_sent,
                                   to.copied.size() - static_cast<std::size_t>(to.out_sent), flags);
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
    close(to, lost(errno));
    return false;
}

/* Removes the answers that the kernel has taken. */
void tcp_loop::drop_sent(connection &to, std::uint64_t sent) noexcept
{
    to.moved = true;
    to.alive = true;
    if (to.why != nullptr)
        to.ended_since = clock::now();
    to.out_bytes -= sent;
    to.out_sent += sent;
    const auto count = drop_whole(to);
    count_.answered.add(count);
    unsent_ -= count;
    to.out_count -= count;
    to.owed -= std::min(to.owed, count);
    to.out_old -= std::min(to.out_old, count);
}

/* Removes the fully sent ones, and returns how many. Buffers go back all at once. */
std::uint64_t tcp_loop::drop_whole(connection &to) noexcept
{
    std::uint32_t count = 0;
    std::size_t bytes = 0; /* of copies */
    const auto ended = [&](std::uint64_t length) {
        if (to.out_sent < length + header_size)
            return false;
        to.out_sent -= length + header_size;
        count_.answered_bytes.add(length);
        ++count;
        return true;
    };
    if (to.copied.empty()) {
        while (count < to.out.size() && ended(to.out[count].len))
            ;
        port_.return_all(to.out.data(), count);
        to.out.drop(count);
        return count;
    }
    while (bytes < to.copied.size()) {
        const auto length = load_little(to.copied.data() + bytes);
        if (!ended(length))
            break;
        bytes += header_size + length;
    }
    to.copied.drop(bytes);
    if (to.copied.empty())
        drop_copies(to);
    return count;
}

void tcp_loop::wait_to_write(connection &to) noexcept
{
    if (to.writing)
        return;
    to.writing = true;
    ++to.waits;
    to.socket.async_wait(asio::ip::tcp::socket::wait_write,
                         handler_in(to.write_memory, [this, &to](const std::error_code &error) {
                             to.writing = false;
                             if (!error && !to.closed)
                                 write(to);
                             done_waiting(to);
                         }));
    watch(to);
}

void tcp_loop::drop_answers(connection &to, counter &as) noexcept
{
    as.add(to.out_count);
    unsent_ -= to.out_count;
    port_.return_all(to.out.data(), static_cast<std::uint32_t>(to.out.size()));
    to.out.reset();
    drop_copies(to);
    to.out_count = 0;
    to.out_bytes = 0;
}

} // namespace handoff::net
