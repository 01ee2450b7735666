/* SPDX-License-Identifier: MIT */
/* A network thread for UDP: recvmmsg into loans, sendmmsg from answers. */
#ifndef HANDOFF_NET_UDP_HPP
#define HANDOFF_NET_UDP_HPP

#include "loop.hpp"
#include "peers.hpp"

#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>
#include <sys/socket.h>

namespace handoff::net {

class udp_loop final : public loop {
  public:
    udp_loop(const options &with, std::uint32_t number, port &behind, room &left,
             peer_tables &tables);

  private:
    static bool length_is_good(const mmsghdr &header) noexcept
    {
        return header.msg_len != 0 && (header.msg_hdr.msg_flags & MSG_TRUNC) == 0;
    }

    /* Messages of one receive call for one service, to be committed together. */
    struct of_service {
        std::uint32_t count = 0;
        ho_buf bufs[batch_size];
    };
    /* The sender of a datagram, as of the arrival of its batch. */
    struct sender {
        std::uint32_t slot;
        std::uint32_t generation;
        bool proven;
    };
    /* Room for the kernel's ancillary data: the local address that a datagram came to or goes from, and how many
     * were dropped before it. */
    union notes {
        cmsghdr note;
        char room[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(std::uint32_t))];
    };

    std::error_code listen(const asio::ip::address &address, std::uint16_t port_number) override;
    void stop_reading() noexcept override;
    void send(ho_buf *answers, std::uint32_t count) noexcept override;
    bool ready_to_send() const noexcept override { return sending_ == nullptr; }
    bool all_sent() const noexcept override { return sending_ == nullptr; }
    bool close_all() noexcept override;

    void wait_to_read() noexcept;
    void retry_read(clock::duration delay) noexcept;
    void read() noexcept;
    bool refill() noexcept;
    int receive() noexcept;
    void sort(std::uint32_t count) noexcept;
    bool place(ho_buf &loan, std::uint32_t bytes, const sender &from) noexcept;
    void hand_over() noexcept;
    void keep(ho_buf &loan) noexcept;

    void wait_to_write() noexcept;
    void write() noexcept;
    void address_answers() noexcept;

    /* udp_peers.cpp */
    std::error_code ask_for_notes(const asio::ip::address &own);
    void expect_notes(std::uint32_t at) noexcept;
    void learn_dropped(const cmsghdr &note) noexcept;
    void learn_sender(std::uint32_t at) noexcept;
    void address_answer(std::uint32_t at, const address &to) noexcept;
    void identify(std::uint32_t count) noexcept;
    std::uint32_t meet(const address &from) noexcept;
    void see(std::uint32_t at, std::uint32_t slot) noexcept;
    void make_room_for(std::uint32_t at) noexcept;
    void welcome(std::uint32_t count) noexcept;

    asio::ip::udp::socket socket_;
    asio::steady_timer timer_;
    handler_memory read_memory_;
    handler_memory write_memory_;
    const std::uint32_t thread_;
    peer_tables &tables_;
    peers &peers_;
    std::int64_t now_ms_ = 0;
    bool wildcard_ = false; /* bound to all addresses of this host */
    std::uint32_t kernel_dropped_ = 0;

    /* Loans to receive into: the first loan_count_ are reserved, the others undefined. */
    std::uint32_t loan_count_ = 0;
    ho_buf loans_[batch_size];
    mmsghdr in_[batch_size];
    iovec in_room_[batch_size];
    address in_from_[batch_size];
    notes in_notes_[batch_size];
    sender who_[batch_size];
    sender good_[batch_size]; /* senders of good messages that are not proven yet */
    std::uint32_t good_count_ = 0;
    std::vector<of_service> bundles_;

    /* The batch of answers being sent, null if none: headers next_ to header_count_. */
    ho_buf *sending_ = nullptr;
    std::uint32_t sending_count_ = 0;
    std::uint32_t next_ = 0;
    std::uint32_t header_count_ = 0;
    mmsghdr out_[batch_size];
    iovec out_slice_[batch_size];
    address out_to_[batch_size];
    notes out_notes_[batch_size];
};

} // namespace handoff::net

#endif
