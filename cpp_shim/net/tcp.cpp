/* SPDX-License-Identifier: MIT */
#include "tcp.hpp"

#include "sockets.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace handoff::net {

namespace {
/* Connections accepted in a row before other work gets its turn. */
constexpr int accept_rounds = 64;

void set(int fd, int level, int option, std::chrono::milliseconds::rep most,
         std::chrono::milliseconds::rep value) noexcept
{
    const int bounded =
        static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(value, 1, most));
    setsockopt(fd, level, option, &bounded, sizeof(bounded));
}

/* Set on the listening socket and inherited by its connections: the system ends one whose peer
 * acknowledges nothing for keep_alive and write_time together. */
void find_gone_peers(int fd, const limits &limit) noexcept
{
    constexpr std::chrono::milliseconds::rep seconds_most = 32767; /* the system's limit */
    const auto silent = limit.keep_alive.count();
    const auto patience = limit.write_time.count();
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds_most, silent / 1000);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds_most, patience / 4000);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, INT_MAX,
        std::min<std::chrono::milliseconds::rep>(silent, INT_MAX) +
            std::min<std::chrono::milliseconds::rep>(patience, INT_MAX));
}
} // namespace

tcp_loop::tcp_loop(const options &with, std::uint32_t number, port &behind, room &left)
    : loop(with, number, behind, left), acceptor_(io_), accept_timer_(io_), resume_timer_(io_),
      sweep_timer_(io_), look_timer_(io_), end_timer_(io_), idle_timer_(io_)
{
}

std::error_code tcp_loop::listen(const asio::ip::address &address, std::uint16_t port_number)
{
    const asio::ip::tcp::endpoint local(address, port_number);
    std::error_code error;
    family_ = local.protocol();
    if ((error = open_socket(acceptor_, local.protocol())))
        return error;
    if (joins_port() && (error = share_port(acceptor_)))
        return error;
    if (acceptor_.set_option(asio::socket_base::reuse_address(true), error) ||
        acceptor_.bind(local, error) ||
        acceptor_.listen(asio::socket_base::max_listen_connections, error))
        return error;
    if (shares_port() && (error = share_port(acceptor_)))
        return error;
    find_gone_peers(acceptor_.native_handle(), with_.limit);
    port_number_ = acceptor_.local_endpoint(error).port();
    if (!refresh_block())
        return make_error_code(block_.kind == HO_KIND_EMPTY ? errc::full : errc::range);
    /* Starts every timer once, so that none allocates later. */
    after(accept_timer_, accept_memory_, {}, [this] { wait_to_accept(); });
    after(resume_timer_, resume_memory_, {}, [] {});
    after(sweep_timer_, sweep_memory_, {}, [] {});
    after(look_timer_, look_memory_, {}, [] {});
    after(end_timer_, end_memory_, {}, [] {});
    after(idle_timer_, idle_memory_, {}, [] {});
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

/* When the system is out of descriptors or memory, new connections wait in the backlog. */
void tcp_loop::accept_some() noexcept
{
    for (int round = 0; round < accept_rounds && !stopping_; ++round) {
        std::error_code error;
        try {
            asio::ip::tcp::socket socket(io_);
            error = accept(socket);
            if (!error)
                admit(std::move(socket));
        } catch (...) {
            count_.no_memory.add();
            error = std::make_error_code(std::errc::not_enough_memory);
        }
        if (error == std::errc::resource_unavailable_try_again)
            break;
        if (error && error != std::errc::interrupted && error != std::errc::connection_aborted) {
            count_.accept_errors.add();
            return after(accept_timer_, accept_memory_, retry_later, [this] { accept_some(); });
        }
    }
    if (!stopping_)
        wait_to_accept();
}

std::error_code tcp_loop::accept(asio::ip::tcp::socket &from)
{
    const int fd =
        accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return {errno, std::system_category()};
    std::error_code error;
    from.assign(family_, fd, error);
    if (error)
        ::close(fd);
    return error;
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
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    slots_[slot] =
        std::make_unique<connection>(std::move(socket), id_of(slot, ++generations_[slot]));
    free_.pop_back();
    claimed.held = nullptr;
    count_.accepted.add();
    count_.connections.add();
    ++open_;
    idle_soon();
    wait_to_read(*slots_[slot]);
}

/* Makes room in every list for each of them: pausing and closing must not fail. */
void tcp_loop::add_slots()
{
    const auto before = slots_.size();
    const auto now = std::max<std::size_t>(64, 2 * before);
    free_.reserve(now);
    paused_.reserve(now);
    resumed_.reserve(now);
    watched_.reserve(now);
    ended_.reserve(now);
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
    return found.id == id && !found.closed && !found.said_all ? &found : nullptr;
}

void tcp_loop::close(connection &from, reason why) noexcept
{
    if (from.closed)
        return;
    from.closed = true;
    --open_;
    room_.put();
    count_.connections.take();
    (count_.*(from.why == nullptr ? why : from.why)).add();
    set_unfinished(from, false);
    port_.abort(&from.partial, 1);
    count_.undeliverable.add(from.held.size());
    drop(from.held);
    drop_kept(from);
    drop_answers(from, stopping_ ? count_.answers_unsent : count_.answers_gone);
    std::error_code ignored;
    from.socket.close(ignored); /* cancels pending waits: each operation reaches done_waiting */
    if (from.waits == 0 && !from.paused)
        release(from);
}

/* Why a connection was lost, from the error of a call on its socket. */
tcp_loop::reason tcp_loop::lost(int error) noexcept
{
    switch (error) {
    case ECONNRESET:
    case EPIPE: return &live_counters::closed_by_peer;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH: return &live_counters::closed_gone;
    default: return &live_counters::closed_error;
    }
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

/* Ends connections whose frame takes too long, including those that wait for our memory. Those that
 * wait for their service are spared. */
void tcp_loop::sweep() noexcept
{
    const auto now = clock::now();
    for (auto &slot : slots_) {
        const auto late = [&] {
            return slot != nullptr && slot->unfinished && slot->held.empty() &&
                   whole_ms(now - slot->since) >= with_.limit.frame_time;
        };
        if (late())
            catch_up(*slot);
        if (late())
            end(*slot, &live_counters::closed_late);
    }
    if (unfinished_ != 0)
        sweep_soon();
}

/* Complete frames are still handed over as their services take them. */
void tcp_loop::stop_reading() noexcept
{
    std::error_code ignored;
    acceptor_.close(ignored);
    accept_timer_.cancel();
    sweep_timer_.cancel();
    idle_timer_.cancel();
    for (auto &slot : slots_)
        if (slot != nullptr && !slot->closed) {
            set_unfinished(*slot, false);
            port_.abort(&slot->partial, 1);
        }
    port_.abort(&block_, 1);
}

std::unique_ptr<loop> make_tcp_loop(const options &with, std::uint32_t number, port &behind,
                                    room &left)
{
    return std::make_unique<tcp_loop>(with, number, behind, left);
}

} // namespace handoff::net
