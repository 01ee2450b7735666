/* SPDX-License-Identifier: MIT */
#include "tcp.hpp"

#include <algorithm>

namespace handoff::net {

namespace {
/* Connections accepted in a row before others have their turn. */
constexpr int accept_rounds = 64;
} // namespace

tcp_loop::tcp_loop(const options &with, std::uint32_t number, port &behind, room &left)
    : loop(with, number, behind, left), acceptor_(io_), accept_timer_(io_), resume_timer_(io_),
      sweep_timer_(io_), look_timer_(io_)
{
}

std::error_code tcp_loop::listen(const asio::ip::address &address, std::uint16_t port_number)
{
    const asio::ip::tcp::endpoint local(address, port_number);
    std::error_code error;
    if (acceptor_.open(local.protocol(), error))
        return error;
    if (with_.threads > 1)
        error = share_port(acceptor_.native_handle());
    if (error || acceptor_.set_option(asio::socket_base::reuse_address(true), error) ||
        acceptor_.non_blocking(true, error) || acceptor_.bind(local, error) ||
        acceptor_.listen(asio::socket_base::max_listen_connections, error))
        return error;
    port_number_ = acceptor_.local_endpoint(error).port();
    if (!refresh_block())
        return make_error_code(errc::full);
    /* Every timer waits once at the start, so that none needs the heap later. */
    after(accept_timer_, accept_memory_, {}, [this] { wait_to_accept(); });
    after(resume_timer_, resume_memory_, {}, [] {});
    after(sweep_timer_, sweep_memory_, {}, [] {});
    after(look_timer_, look_memory_, {}, [] {});
    return error;
}

void tcp_loop::wait_to_accept() noexcept
{
    acceptor_.async_wait(asio::ip::tcp::acceptor::wait_read,
                         handler_in(accept_memory_, [this](const std::error_code &error) {
                             if (!error)
                                 accept_some();
                         }));
}

/* When the system is out of descriptors or memory, those who knock wait in its backlog. */
void tcp_loop::accept_some() noexcept
{
    for (int round = 0; round < accept_rounds && !stopping_; ++round) {
        std::error_code error;
        try {
            asio::ip::tcp::socket socket(io_);
            acceptor_.accept(socket, error);
            if (!error)
                admit(std::move(socket));
        } catch (...) {
            count_.no_memory.add();
            error = std::make_error_code(std::errc::not_enough_memory);
        }
        if (error == asio::error::would_block || error == asio::error::try_again)
            break;
        if (error && error != asio::error::interrupted &&
            error != asio::error::connection_aborted) {
            count_.accept_errors.add();
            return after(accept_timer_, accept_memory_, retry_later, [this] { accept_some(); });
        }
    }
    if (!stopping_)
        wait_to_accept();
}

void tcp_loop::admit(asio::ip::tcp::socket socket)
{
    std::error_code error;
    if (!room_.take()) {
        count_.refused.add();
        return;
    }
    struct claim {
        room *held;
        ~claim()
        {
            if (held != nullptr)
                held->put();
        }
    } claimed{&room_};
    if (free_.empty())
        add_slots();
    const auto slot = free_.back();
    socket.native_non_blocking(true, error);
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    slots_[slot] =
        std::make_unique<connection>(std::move(socket), id_of(slot, ++generations_[slot]));
    free_.pop_back();
    claimed.held = nullptr;
    count_.accepted.add();
    count_.connections.add();
    wait_to_read(*slots_[slot]);
}

/* With room in every list for each of them: pausing and closing must not fail. */
void tcp_loop::add_slots()
{
    const auto before = slots_.size();
    const auto now = std::max<std::size_t>(64, 2 * before);
    free_.reserve(now);
    paused_.reserve(now);
    resumed_.reserve(now);
    watched_.reserve(now);
    generations_.resize(now);
    slots_.resize(now);
    for (auto slot = now; slot > before; --slot)
        free_.push_back(static_cast<std::uint32_t>(slot - 1));
}

connection *tcp_loop::find(std::uint64_t id) noexcept
{
    const auto slot = static_cast<std::uint32_t>(id >> HO_NET_SLOT_SHIFT) & HO_NET_SLOT_MASK;
    if (slot >= slots_.size() || slots_[slot] == nullptr)
        return nullptr;
    auto &found = *slots_[slot];
    return found.id == id && !found.closed ? &found : nullptr;
}

void tcp_loop::close(connection &from, reason why) noexcept
{
    if (from.closed)
        return;
    from.closed = true;
    (count_.*why).add();
    count_.connections.take();
    room_.put();
    set_unfinished(from, false);
    port_.abort(&from.partial, 1);
    count_.undeliverable.add(from.held.size());
    drop(from.held);
    drop_answers(from, stopping_ ? count_.answers_unsent : count_.answers_gone);
    std::error_code ignored;
    from.socket.close(ignored); /* cancels what waits: each operation comes to done_waiting */
    if (from.waits == 0 && !from.paused)
        release(from);
}

void tcp_loop::release(connection &from) noexcept
{
    const auto slot = static_cast<std::uint32_t>(from.id >> HO_NET_SLOT_SHIFT) & HO_NET_SLOT_MASK;
    slots_[slot].reset();
    free_.push_back(slot);
}

void tcp_loop::done_waiting(connection &from) noexcept
{
    --from.waits;
    if (from.closed && from.waits == 0 && !from.paused)
        release(from);
}

void tcp_loop::sweep_soon() noexcept
{
    if (sweeping_)
        return;
    sweeping_ = true;
    const auto often = std::clamp<clock::duration>(with_.limit.frame_time / 4, retry_later,
                                                   std::chrono::milliseconds(250));
    after(sweep_timer_, sweep_memory_, often, [this] {
        sweeping_ = false;
        sweep();
    });
}

/* Ends connections whose frame takes too long. Those that wait for us are not to blame. */
void tcp_loop::sweep() noexcept
{
    const auto now = clock::now();
    for (auto &slot : slots_)
        if (slot != nullptr && slot->unfinished && !slot->paused &&
            now - slot->since >= with_.limit.frame_time)
            close(*slot, &live_counters::closed_late);
    if (unfinished_ != 0)
        sweep_soon();
}

/* Frames that are whole are still handed over as their services take them. */
void tcp_loop::stop_reading() noexcept
{
    std::error_code ignored;
    acceptor_.close(ignored);
    accept_timer_.cancel();
    sweep_timer_.cancel();
    for (auto &slot : slots_)
        if (slot != nullptr && !slot->closed) {
            set_unfinished(*slot, false);
            port_.abort(&slot->partial, 1);
        }
    port_.abort(&block_, 1);
}

void tcp_loop::close_all() noexcept
{
    resume_timer_.cancel();
    look_timer_.cancel();
    paused_.clear();
    for (auto *each : watched_)
        --each->waits;
    watched_.clear();
    for (auto &slot : slots_)
        if (slot != nullptr) {
            slot->paused = false;
            close(*slot, &live_counters::closed_at_stop);
        }
}

std::unique_ptr<loop> make_tcp_loop(const options &with, std::uint32_t number, port &behind,
                                    room &left)
{
    return std::make_unique<tcp_loop>(with, number, behind, left);
}

} // namespace handoff::net
