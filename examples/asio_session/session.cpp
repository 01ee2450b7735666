/* SPDX-License-Identifier: MIT */
#include "session.hpp"

#include <algorithm>
#include <iostream>

using handoff::errc;

namespace {
/* A connection keeps one loan, and the arena must hold one for each connection. Small loans stay in
 * the caches. */
constexpr std::size_t room_least = 2048;
constexpr std::size_t room_most = 65536; /* except for a single frame that is larger */
/* With less room than this, the next read gets a new loan. */
constexpr std::size_t read_least = 1024;
} // namespace

session::session(asio::ip::tcp::socket socket, network &on)
    : socket_(std::move(socket)), net_(on), room_bytes_(room_least)
{
}

session::~session()
{
    give_back(unsent_);
    give_back(sending_);
}

void session::start()
{
    std::error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    auto known = net_.bridge.add(*this);
    if (!known)
        return drop();
    id = *known;
    receive();
}

/* Gets a new room, and moves what is left in this one. */
std::error_code session::next_room(std::size_t bytes)
{
    if (have_ == 0)
        room_.reset(); /* it may hold the memory that is needed */
    auto room = net_.bridge.memory().reserve(std::max(bytes, room_bytes_));
    if (!room)
        return room.error;
    std::copy_n(room_.data(), have_, room->data());
    room_ = std::move(*room);
    return {};
}

/* Hands over all complete frames as one message without copying, and makes room for the next.
 * errc::full: nothing is lost, call it again. errc::range: a frame is larger than any loan can
 * be. */
std::error_code session::send_frames()
{
    std::error_code error;
    for (std::size_t whole = 1; !error && whole != 0;) {
        if (waiting_) {
            error = net_.requests.commit(std::move(waiting_), {id, id, handoff::by_key, HO_MORE});
            owed_ += !error;
        }
        whole = error ? 0 : whole_frames(room_.data(), have_);
        if (whole != 0) {
            auto front = net_.bridge.memory().split(room_, whole);
            error = front.error;
            if (error == errc::full) /* the segment is out of numbers */
                error = next_room(have_);
            have_ -= front->size();
            waiting_ = std::move(*front);
        }
    }
    const auto need = std::max(frame_bytes(room_.data(), have_), have_ + read_least);
    return error || room_.capacity() >= need ? error : next_room(need);
}

void session::receive()
{
    const auto self = shared_from_this(); /* a drop may release the last reference */
    const auto error = send_frames();
    paused_ = error == errc::full;
    net_.help_soon(); /* publishes what was handed over */
    if (paused_) {
        if (net_.pauses++ == 0)
            std::cout << "first pause: " << error.message() << std::endl;
        return net_.bridge.pause(id); /* no reads until there is room: TCP slows the peer down */
    }
    if (error) {
        std::cout << "closing a connection: " << error.message() << std::endl;
        return drop();
    }
    read();
    finish(); /* a stop may have waited for this */
}

void session::read()
{
    const auto rest = asio::buffer(room_.data(), room_.capacity()) + have_;
    socket_.async_read_some(rest, [self = shared_from_this()](std::error_code failed, auto got) {
        if (failed) {
            self->ended_ = true;
            return failed == asio::error::eof ? self->finish() : self->drop();
        }
        if (self->net_.is_stopping())
            return self->read(); /* what comes now is discarded */
        self->have_ += got;
        if (self->have_ == self->room_.capacity()) /* there was more: larger rooms from now on */
            self->room_bytes_ = std::min(2 * self->room_bytes_, room_most);
        self->receive();
    });
}

bool session::collect(handoff::span<ho_buf> answers)
{
    const bool first = unsent_.empty();
    for (auto &each : answers)
        unsent_.push_back(std::exchange(each, ho_buf{}));
    owed_ -= answers.size();
    return first;
}

/* Sends everything in one system call; adjacent buffers, such as frames of one read, become one
 * part. */
void session::send()
{
    if (!sending_.empty() || unsent_.empty())
        return;
    sending_.swap(unsent_);
    parts_.clear();
    const std::uint8_t *end = nullptr;
    for (const auto &each : sending_) {
        if (each.ptr == end)
            parts_.back() = asio::buffer(parts_.back().data(), parts_.back().size() + each.len);
        else
            parts_.emplace_back(each.ptr, each.len);
        end = each.ptr + each.len;
    }
    auto sent = [self = shared_from_this()](std::error_code failed, auto) {
        self->give_back(self->sending_);
        if (failed)
            return self->drop();
        self->send();
        self->finish();
    };
    if (parts_.size() == 1) /* the usual case, and send() costs less than sendmsg() */
        return asio::async_write(socket_, parts_.front(), std::move(sent));
    const handoff::span<const asio::const_buffer> all(parts_); /* a vector would be copied */
    asio::async_write(socket_, all, std::move(sent));
}

void session::give_back(std::vector<ho_buf> &bufs)
{
    ho_return(net_.requests.domain(), bufs.data(), static_cast<std::uint32_t>(bufs.size()),
              nullptr);
    bufs.clear();
}

void session::finish()
{
    if (paused_ || owed_ != 0 || !sending_.empty())
        return;
    if (ended_)
        return drop();
    if (net_.is_stopping()) { /* and keep reading: closing with unread input would lose answers */
        std::error_code ignored;
        socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    }
}

/* Its handlers come back with an error; the last one releases the session, and its memory goes
 * back. The bridge returns answers that are still on their way to it. */
void session::drop()
{
    std::error_code ignored;
    socket_.close(ignored);
    net_.forget(shared_from_this());
}
