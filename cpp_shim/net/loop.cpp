/* SPDX-License-Identifier: MIT */
#include "loop.hpp"

#include <ctime>
#include <unistd.h>

namespace handoff::net {

namespace {
/* Batches of answers in a row before sockets are read again. */
constexpr int pump_rounds = 8;
/* A turn with this many messages is worth a rest. */
constexpr std::uint64_t rest_least = 16;
} // namespace

loop::loop(const options &with, std::uint32_t number, port &behind, room &left)
    : with_(with), port_(behind), room_(left), number_(with.first_partition + number), egress_(io_),
      stop_timer_(io_), answers_()
{
}

std::error_code loop::open(const asio::ip::address &address, std::uint16_t port_number)
{
    if (const auto error = listen(address, port_number))
        return error;
    std::int32_t fd = -1;
    if (const auto status = port_.egress_fd(&fd); status != HO_OK)
        return to_error_code(status);
    std::error_code error;
    egress_.assign(fd, error);
    if (error) {
        ::close(fd);
        return error;
    }
    /* Starts every timer once, so that none allocates later. */
    after(stop_timer_, egress_memory_, {}, [this] { pump(); });
    return {};
}

void loop::run() noexcept
{
    for (;;) {
        try {
            io_.run();
            return;
        } catch (...) {
            /* Handlers keep their objects valid; only the loop's own memory can be missing, and the
             * next round asks for it again. */
            count_.no_memory.add();
        }
    }
}

void loop::stop(clock::time_point deadline)
{
    soon(stop_memory_, [this, deadline] { begin_stop(deadline); });
}

std::uint64_t loop::id_of(std::uint32_t slot, std::uint32_t generation) const noexcept
{
    return std::uint64_t{number_} << HO_NET_THREAD_SHIFT |
           std::uint64_t{slot} << HO_NET_SLOT_SHIFT | generation;
}

std::uint32_t loop::address_message(ho_buf &message, std::uint64_t id) noexcept
{
    route to{rejected, 0};
    try {
        to = with_.routing({message.ptr, static_cast<std::size_t>(message.len)}, id);
    } catch (...) {
        return rejected;
    }
    message.value = id;
    message.key = to.key;
    return to.service < port_.service_count() ? to.service : rejected;
}

bool loop::pump() noexcept
{
    if (finished_)
        return true;
    for (int round = 0; round < pump_rounds; ++round) {
        if (!ready_to_send())
            return false;
        std::uint32_t taken = 0;
        const auto status = port_.take(answers_, batch_size, &taken);
        if (status != HO_OK) {
            if (status == HO_EMPTY)
                wait_for_answers();
            return true;
        }
        send(answers_, taken);
    }
    if (!pumping_) {
        pumping_ = true;
        soon(pump_memory_, [this] {
            pumping_ = false;
            pump();
        });
    }
    return false;
}

void loop::pump_there() noexcept
{
    std::uint32_t taken = batch_size;
    for (int round = 0; round < pump_rounds && taken == batch_size && ready_to_send(); ++round)
        if (port_.take(answers_, batch_size, &taken) == HO_OK)
            send(answers_, taken);
}

/* The whole thread sleeps. If it waited for events instead, every datagram and every answer would
 * wake it. Timers may be late by this much; nothing else is due meanwhile. */
bool loop::rest_after(std::uint64_t messages) noexcept
{
    if (messages < rest_least || with_.rest.count() == 0 || stopping_)
        return false;
    const timespec length{0, std::chrono::nanoseconds(with_.rest).count()};
    nanosleep(&length, nullptr);
    return true;
}

void loop::wait_for_answers() noexcept
{
    if (waiting_)
        return;
    waiting_ = true;
    egress_.async_wait(asio::posix::stream_descriptor::wait_read,
                       handler_in(egress_memory_, [this](const std::error_code &error) {
                           waiting_ = false;
                           if (!error)
                               pump();
                       }));
}

void loop::begin_stop(clock::time_point deadline) noexcept
{
    stopping_ = true;
    deadline_ = deadline;
    stop_reading();
    step_stop();
}

/* Services publish an answer before they return its message. So once no message is outstanding,
 * every answer is already in the lanes, and an empty take after that is final. */
void loop::step_stop() noexcept
{
    if (!delivering_) {
        const bool quiet = port_.quiet();
        const bool empty = pump();
        if (quiet && empty && all_sent()) {
            delivering_ = true;
            deliver_all();
        }
    }
    if ((delivering_ && delivered_all()) || clock::now() >= deadline_)
        finish();
    else
        after(stop_timer_, stop_memory_, retry_soon, [this] { step_stop(); });
}

/* Cancels what is pending, so that run() ends. */
void loop::finish() noexcept
{
    finished_ = true;
    clean_ = close_all() && delivering_;
    std::uint32_t taken = 0;
    while (port_.take(answers_, batch_size, &taken) == HO_OK) {
        count_.answers_unsent.add(taken);
        port_.return_all(answers_, taken);
    }
    std::error_code ignored;
    egress_.close(ignored);
}

} // namespace handoff::net
