/* SPDX-License-Identifier: MIT */
#include "udp.hpp"

#include "sockets.hpp"

#include <algorithm>
#include <limits>

namespace handoff::net {

namespace {

/* Receive calls in a row before answers get their turn. */
constexpr int read_rounds = 8;

/* Exceeds the system's limit if this process may, else stops at it. 0: keeps the system's
 * default. */
void size_buffer(int fd, int force, int plain, std::uint32_t wanted) noexcept
{
    constexpr auto most = static_cast<std::uint32_t>(std::numeric_limits<int>::max());
    const auto bytes = static_cast<int>(std::min(wanted, most));
    if (bytes == 0)
        return;
    if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)) != 0)
        setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
}

std::int64_t milliseconds_now() noexcept
{
    const auto now = clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

} // namespace

udp_loop::udp_loop(const options &with, std::uint32_t number, port &behind, room &left,
                   peer_tables &tables)
    : loop(with, number, behind, left), socket_(io_), timer_(io_), thread_(number), tables_(tables),
      peers_(tables.of(number)), loans_(), in_(), in_room_(), in_from_(), in_notes_(), who_(),
      good_(), bundles_(behind.service_count()), out_(), out_slice_(), out_to_(), out_notes_()
{
    for (std::uint32_t i = 0; i < batch_size; ++i) {
        in_[i].msg_hdr.msg_iov = &in_room_[i];
        in_[i].msg_hdr.msg_iovlen = 1;
        in_[i].msg_hdr.msg_name = &in_from_[i].any;
        out_[i].msg_hdr.msg_iov = &out_slice_[i];
        out_[i].msg_hdr.msg_iovlen = 1;
    }
}

std::error_code udp_loop::listen(const asio::ip::address &address, std::uint16_t port_number)
{
    const asio::ip::udp::endpoint local(address, port_number);
    std::error_code error;
    if ((error = open_socket(socket_, local.protocol())) || (error = ask_for_notes(address)))
        return error;
    const int fd = socket_.native_handle();
    size_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, with_.socket_bytes);
    size_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, with_.socket_bytes);
    if (joins_port() && (error = share_port(socket_)))
        return error;
    if (socket_.bind(local, error))
        return error;
    if (shares_port() && (error = share_port(socket_)))
        return error;
    port_number_ = socket_.local_endpoint(error).port();
    ho_buf probe{};
    if (const auto status = port_.reserve(with_.limit.frame_bytes, &probe); status < 0)
        return to_error_code(status);
    port_.abort(&probe, 1);
    after(timer_, read_memory_, {}, [this] { wait_to_read(); });
    return error;
}

void udp_loop::wait_to_read() noexcept
{
    socket_.async_wait(asio::ip::udp::socket::wait_read,
                       handler_in(read_memory_, [this](const std::error_code &error) {
                           if (!error)
                               read();
                       }));
}

void udp_loop::retry_read(clock::duration delay) noexcept
{
    after(timer_, read_memory_, delay, [this] { read(); });
}

void udp_loop::read() noexcept
{
    if (stopping_)
        return;
    now_ms_ = milliseconds_now();
    std::uint64_t messages = 0;
    for (int round = 0; round < read_rounds; ++round) {
        if (!refill()) {
            count_.arena_full.add();
            return retry_read(retry_soon);
        }
        const int count = receive();
        if (count < 0) {
            count_.receive_errors.add();
            return retry_read(retry_later);
        }
        messages += static_cast<std::uint64_t>(count);
        const auto offered = loan_count_;
        sort(static_cast<std::uint32_t>(count));
        if (static_cast<std::uint32_t>(count) < offered)
            break;
    }
    if (rest_after(messages)) {
        pump_there();
        return soon(read_memory_, [this] { read(); });
    }
    pump();
    wait_to_read();
}

/* Reserves loans for a full batch, as far as memory allows. False if there are none. */
bool udp_loop::refill() noexcept
{
    while (loan_count_ < batch_size &&
           port_.reserve(with_.limit.frame_bytes, &loans_[loan_count_]) == HO_OK)
        ++loan_count_;
    return loan_count_ != 0;
}

/* The number of datagrams received: 0 if none waits, -1 if the system failed. */
int udp_loop::receive() noexcept
{
    for (std::uint32_t i = 0; i < loan_count_; ++i) {
        in_room_[i] = {loans_[i].ptr, with_.limit.frame_bytes};
        in_[i].msg_hdr.msg_namelen = sizeof(sockaddr_in6);
        expect_notes(i);
    }
    for (;;) {
        const int count =
            recvmmsg(socket_.native_handle(), in_, loan_count_, MSG_DONTWAIT, nullptr);
        if (count >= 0)
            return count;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        if (errno != EINTR)
            return -1;
    }
}

/* Hands the first `count` loans to their services. Loans that carry nothing are reused. */
void udp_loop::sort(std::uint32_t count) noexcept
{
    const auto end = loan_count_;
    loan_count_ = 0;
    good_count_ = 0;
    identify(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!length_is_good(in_[i]))
            count_.dropped_length.add();
        else if (who_[i].slot == peers::none)
            count_.dropped_peer.add();
        else if (place(loans_[i], in_[i].msg_len, who_[i]))
            continue;
        keep(loans_[i]);
    }
    for (auto i = count; i < end; ++i)
        keep(loans_[i]);
    welcome(good_count_);
    hand_over();
}

/* Adds a datagram to the bundle of its service. False if it is dropped. */
bool udp_loop::place(ho_buf &loan, std::uint32_t bytes, const sender &from) noexcept
{
    loan.len = bytes;
    const auto service = address_message(loan, id_of(from.slot, from.generation));
    if (service == rejected) {
        count_.dropped_rejected.add();
        return false;
    }
    if (!from.proven)
        good_[good_count_++] = from;
    auto &bundle = bundles_[service];
    bundle.bufs[bundle.count++] = std::exchange(loan, ho_buf{});
    return true;
}

/* A datagram without room in its partition is dropped: the sender's protocol expects that of UDP,
 * and a queue here would only delay later ones. The others go on. */
void udp_loop::hand_over() noexcept
{
    for (std::uint32_t service = 0; service < bundles_.size(); ++service) {
        auto &bundle = bundles_[service];
        if (bundle.count == 0)
            continue;
        std::uint64_t lengths[batch_size];
        for (std::uint32_t i = 0; i < bundle.count; ++i)
            lengths[i] = bundle.bufs[i].len;
        for (std::uint32_t next = 0; next < bundle.count; ++next) {
            std::uint32_t accepted = 0;
            const auto status =
                port_.commit(service, bundle.bufs + next, bundle.count - next, &accepted);
            count_.received.add(accepted);
            for (const auto end = next + accepted; next < end; ++next)
                count_.received_bytes.add(lengths[next]);
            if (next == bundle.count)
                break;
            (status == HO_FULL ? count_.dropped_full : count_.undeliverable).add();
            keep(bundle.bufs[next]);
        }
        bundle.count = 0;
    }
    port_.flush();
}

void udp_loop::keep(ho_buf &loan) noexcept
{
    auto kept = std::exchange(loan, ho_buf{});
    kept.len = 0;
    loans_[loan_count_++] = kept;
}

void udp_loop::send(ho_buf *answers, std::uint32_t count) noexcept
{
    sending_ = answers;
    sending_count_ = count;
    next_ = 0;
    header_count_ = 0;
    address_answers();
    write();
}

/* Those whose peer is still known. */
void udp_loop::address_answers() noexcept
{
    const peers::locked here(peers_);
    for (std::uint32_t i = 0; i < sending_count_; ++i) {
        const auto id = sending_[i].value;
        const auto slot = static_cast<std::uint32_t>(id >> HO_NET_SLOT_SHIFT) & HO_NET_SLOT_MASK;
        const auto *to = peers_.at(slot, static_cast<std::uint32_t>(id));
        if (to == nullptr || id != id_of(slot, static_cast<std::uint32_t>(id))) {
            count_.answers_gone.add();
            continue;
        }
        address_answer(header_count_, *to);
        out_slice_[header_count_] = {sending_[i].ptr, static_cast<std::size_t>(sending_[i].len)};
        ++header_count_;
    }
}

void udp_loop::write() noexcept
{
    while (next_ < header_count_) {
        const int sent = sendmmsg(socket_.native_handle(), &out_[next_], header_count_ - next_,
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return wait_to_write();
            count_.send_errors.add(); /* for the first one: the others are still tried */
            ++next_;
            continue;
        }
        for (int i = 0; i < sent; ++i)
            count_.answered_bytes.add(out_slice_[next_ + static_cast<std::uint32_t>(i)].iov_len);
        count_.answered.add(static_cast<std::uint64_t>(sent));
        next_ += static_cast<std::uint32_t>(sent);
    }
    port_.return_all(sending_, sending_count_);
    sending_ = nullptr;
}

void udp_loop::wait_to_write() noexcept
{
    socket_.async_wait(asio::ip::udp::socket::wait_write,
                       handler_in(write_memory_, [this](const std::error_code &error) {
                           if (error || sending_ == nullptr)
                               return;
                           write();
                           pump();
                       }));
}

void udp_loop::stop_reading() noexcept
{
    timer_.cancel();
    port_.abort(loans_, loan_count_);
    loan_count_ = 0;
}

bool udp_loop::close_all() noexcept
{
    if (sending_ != nullptr) {
        count_.answers_unsent.add(header_count_ - next_);
        port_.return_all(sending_, sending_count_);
        sending_ = nullptr;
    }
    std::error_code ignored;
    socket_.close(ignored);
    return true;
}

std::unique_ptr<loop> make_udp_loop(const options &with, std::uint32_t number, port &behind,
                                    room &left, peer_tables &tables)
{
    return std::make_unique<udp_loop>(with, number, behind, left, tables);
}

} // namespace handoff::net
