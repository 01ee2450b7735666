/* SPDX-License-Identifier: MIT */
/* A network thread for UDP: recvmmsg into loans, sendmmsg out of answers. */
#ifndef HANDOFF_NET_UDP_HPP
#define HANDOFF_NET_UDP_HPP

#include "loop.hpp"
#include "peers.hpp"

#include <asio/ip/udp.hpp>
#include <sys/socket.h>

namespace handoff::net {

class udp_loop final : public loop {
  public:
    udp_loop(const options &with, std::uint32_t number, port &behind, room &left,
             std::uint64_t seed);

  private:
    /* Messages of one receive call for one service, to be committed at once. */
    struct of_service {
        std::uint32_t count = 0;
        ho_buf bufs[batch_size];
    };

    std::error_code listen(const asio::ip::address &address, std::uint16_t port_number) override;
    void stop_reading() noexcept override;
    void send(ho_buf *answers, std::uint32_t count) noexcept override;
    bool ready_to_send() const noexcept override { return sending_ == nullptr; }
    bool all_sent() const noexcept override { return sending_ == nullptr; }
    void close_all() noexcept override;

    void wait_to_read() noexcept;
    void retry_read(clock::duration delay) noexcept;
    void read() noexcept;
    bool refill() noexcept;
    int receive() noexcept;
    void sort(std::uint32_t count) noexcept;
    bool place(ho_buf &loan, const mmsghdr &header, const address &from) noexcept;
    std::uint32_t peer_of(const address &from) noexcept;
    void hand_over() noexcept;
    void keep(ho_buf &loan) noexcept;

    void wait_to_write() noexcept;
    void write() noexcept;

    asio::ip::udp::socket socket_;
    asio::steady_timer timer_;
    handler_memory read_memory_;
    handler_memory write_memory_;
    peers peers_;
    std::uint32_t now_ms_ = 0;

    /* Loans to receive into: the first loan_count_ are reserved, whatever becomes of the others. */
    std::uint32_t loan_count_ = 0;
    ho_buf loans_[batch_size];
    mmsghdr in_[batch_size];
    iovec in_room_[batch_size];
    address in_from_[batch_size];
    std::vector<of_service> bundles_;

    /* The batch of answers that is being sent, null if none: headers next_ to header_count_. */
    ho_buf *sending_ = nullptr;
    std::uint32_t sending_count_ = 0;
    std::uint32_t next_ = 0;
    std::uint32_t header_count_ = 0;
    mmsghdr out_[batch_size];
    iovec out_slice_[batch_size];
};

} // namespace handoff::net

#endif
