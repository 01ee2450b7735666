/* SPDX-License-Identifier: MIT */
/* One connection. A frame travels with its length, so that an answer can be sent unchanged. It must
 * fit into a loan, which is at most a segment: 256 KiB by default. */
#ifndef ASIO_SESSION_SESSION_HPP
#define ASIO_SESSION_SESSION_HPP

#include "network.hpp"

#include <cstring>
#include <vector>

/* Size of the first frame with its length; only the size of the length while that is incomplete. */
inline std::size_t frame_bytes(const std::uint8_t *at, std::size_t have)
{
    std::uint32_t bytes = 0;
    if (have >= HEADER_BYTES)
        std::memcpy(&bytes, at, HEADER_BYTES);
    return HEADER_BYTES + std::size_t{bytes};
}

/* Total size of the complete frames at the front. */
inline std::size_t whole_frames(const std::uint8_t *at, std::size_t have)
{
    std::size_t whole = 0;
    for (auto next = frame_bytes(at, have); next <= have - whole;
         next = frame_bytes(at + whole, have - whole))
        whole += next;
    return whole;
}

class session : public std::enable_shared_from_this<session> {
  public:
    session(asio::ip::tcp::socket socket, network &on);
    ~session();

    void start();
    void receive(); /* also after a pause */
    /* Takes answers out, to be sent with the next send(). True: there were none before. */
    bool collect(handoff::span<ho_buf> answers);
    void send();
    void finish(); /* ends it if every answer is sent, and the peer or the server wants to end */
    void drop();   /* at once */

    std::uint64_t id = 0;

  private:
    std::error_code send_frames();
    std::error_code next_room(std::size_t bytes);
    void read();
    void give_back(std::vector<ho_buf> &bufs);

    asio::ip::tcp::socket socket_;
    network &net_;
    handoff::loan room_;          /* arena memory to read into */
    std::size_t room_bytes_;      /* size of the next one */
    std::size_t have_ = 0;        /* bytes at its front that are received and not handed over */
    handoff::loan waiting_;       /* frames that the service had no room for */
    std::uint64_t owed_ = 0;      /* answers still to come */
    std::vector<ho_buf> unsent_;  /* answers that come while others */
    std::vector<ho_buf> sending_; /* are being sent */
    std::vector<asio::const_buffer> parts_;
    bool paused_ = false; /* what it has received waits for room */
    bool ended_ = false;  /* the peer sends no more */
};

#endif
