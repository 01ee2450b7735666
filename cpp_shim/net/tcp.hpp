/* SPDX-License-Identifier: MIT */
/*
 * A network thread for TCP: cuts frames with a 4-byte length out of what is read, without a copy.
 *
 * All connections read into one block, a loan as large as a segment, behind the part of a frame that they already have.
 * Complete frames are split off the block and handed over. An incomplete frame is split off at its full length and
 * stays with its connection, which reads the rest right behind what is there. The connection keeps header bytes
 * itself, so a frame of which only the header has come holds no memory.
 */
#ifndef HANDOFF_NET_TCP_HPP
#define HANDOFF_NET_TCP_HPP

#include "fifo.hpp"
#include "loop.hpp"

#include <asio/ip/tcp.hpp>

namespace handoff::net {

inline constexpr std::uint32_t header_size = 4;

inline std::uint32_t load_little(const std::uint8_t *from) noexcept
{
    return static_cast<std::uint32_t>(from[0]) | static_cast<std::uint32_t>(from[1]) << 8 |
           static_cast<std::uint32_t>(from[2]) << 16 | static_cast<std::uint32_t>(from[3]) << 24;
}

inline void store_little(std::uint8_t *to, std::uint64_t value) noexcept
{
    for (std::uint32_t i = 0; i < header_size; ++i)
        to[i] = static_cast<std::uint8_t>(value >> 8 * i);
}

/* Rounds down. A limit in milliseconds may be too long for the clock's own unit. */
inline std::chrono::milliseconds whole_ms(clock::duration time) noexcept
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(time);
}

/* A complete frame and its service. */
struct frame {
    ho_buf buf;
    std::uint32_t service;
};

struct connection {
    connection(asio::ip::tcp::socket from, std::uint64_t name) noexcept
        : socket(std::move(from)), id(name)
    {
    }

    asio::ip::tcp::socket socket;
    const std::uint64_t id;
    handler_memory read_memory;
    handler_memory write_memory;
    int waits = 0; /* pending operations on it: it is freed when closed and none is left */
    bool closed = false;
    bool reading = false; /* waits until there is something to read */
    bool paused = false;  /* not reading: its service or our memory is full */
    bool writing = false; /* waits until the kernel takes more */
    bool touched = false; /* got answers in this batch */
    bool alive = true;    /* something came or went since the last check for idle connections */
    clock::time_point idle_since = clock::now();

    /* The incomplete frame: its header as far as it has come, then its payload in a loan. */
    std::uint8_t header[header_size] = {};
    std::uint32_t header_bytes = 0;
    std::uint32_t length = 0; /* from the complete header: read once, checked, and used from here */
    ho_buf partial{};
    bool unfinished = false;
    clock::time_point since{}; /* unfinished: when its first byte came */

    std::vector<frame> held;           /* complete frames for which their service has no room */
    clock::time_point stalled_since{}; /* held: when the service last took one */
    /* If not empty, the held frames and the incomplete one are copies in here: see tcp_keep.cpp. */
    std::vector<std::uint8_t> kept;

    /* Answers not yet sent: as they came or, while the peer lags, copied as frames. One of the two is empty.
     * out_sent bytes of the first answer, header included, are sent. */
    fifo<ho_buf> out;
    fifo<std::uint8_t> copied;
    std::uint64_t out_sent = 0;
    std::uint64_t out_bytes = 0; /* headers included */
    std::uint64_t out_count = 0;

    /* While it is watched: see tcp_lag.cpp. */
    bool watched = false;
    bool moved = false;              /* the kernel took something since the last check */
    std::uint64_t out_old = 0;       /* answers that waited at the last check and still do */
    clock::time_point moved_since{}; /* an upper bound */

    /* While it ends: see tcp_end.cpp. */
    counter live_counters::*why = nullptr; /* set: no more frames are taken from it */
    bool heard_all = false;                /* the peer has ended its side */
    bool said_all = false;                 /* we have ended ours */
    std::uint64_t owed = 0;                /* messages for which no answer was sent */
    int unacked = 0;                       /* said_all: bytes, at the last check */
    clock::time_point ended_since{};       /* when it last made progress */
    clock::time_point heard_since{};       /* said_all: when the peer last sent something */
};

class tcp_loop final : public loop {
  public:
    tcp_loop(const options &with, std::uint32_t number, port &behind, room &left);

  private:
    using reason = counter live_counters::*;

    std::error_code listen(const asio::ip::address &address, std::uint16_t port_number) override;
    void stop_reading() noexcept override;
    void send(ho_buf *answers, std::uint32_t count) noexcept override;
    bool ready_to_send() const noexcept override { return true; }
    bool all_sent() const noexcept override { return unsent_ == 0 && kept_bytes_ == 0; }
    void deliver_all() noexcept override;
    bool delivered_all() const noexcept override { return open_ == 0; }
    bool close_all() noexcept override;

    /* tcp.cpp: connections come and go */
    void wait_to_accept() noexcept;
    void accept_some() noexcept;
    std::error_code accept(asio::ip::tcp::socket &from);
    void admit(asio::ip::tcp::socket socket);
    void add_slots();
    void close(connection &from, reason why) noexcept;
    void release(connection &from) noexcept;
    void done_waiting(connection &from) noexcept;
    static reason lost(int error) noexcept;
    connection *find(std::uint64_t id) noexcept;
    void sweep_soon() noexcept;
    void sweep() noexcept;

    /* tcp_end.cpp: an ending connection gets the answers that it is owed; silent connections end */
    void end(connection &from, reason why) noexcept;
    void settle(connection &from) noexcept;
    void note_unacknowledged() noexcept;
    void say_all(connection &to) noexcept;
    void discard(connection &from) noexcept;
    void end_soon() noexcept;
    void end_some() noexcept;
    void idle_soon() noexcept;
    void close_idle() noexcept;

    /* tcp_read.cpp: bytes become frames */
    void wait_to_read(connection &from) noexcept;
    void read(connection &from) noexcept;
    void catch_up(connection &from) noexcept;
    void read_failed(connection &from, int error) noexcept;
    bool refresh_block() noexcept;
    bool learn_block_bytes() noexcept;
    bool cut(connection &from, std::size_t got, reason &why) noexcept;
    bool cut_block(connection &from, std::size_t got, reason &why) noexcept;
    bool header_whole(connection &from, reason &why) noexcept;
    bool split_block(std::uint32_t bytes, std::size_t got, ho_buf &front) noexcept;
    bool stage(connection &from, ho_buf &whole, reason &why) noexcept;
    void note_progress(connection &from, bool finished_one) noexcept;
    void set_unfinished(connection &from, bool is) noexcept;

    /* tcp_deliver.cpp: frames go to their services */
    bool hand_over(connection &from, std::vector<frame> &frames) noexcept;
    bool hold(connection &from, std::vector<frame> &frames) noexcept;
    void drop(std::vector<frame> &frames) noexcept;
    void flush_soon() noexcept;
    void pause(connection &from) noexcept;
    void resume_soon() noexcept;
    void resume_some() noexcept;
    void resume(connection &from) noexcept;

    /* tcp_keep.cpp: frames wait for their service */
    void keep(connection &from, clock::time_point now) noexcept;
    bool keep_no_more(connection &from) noexcept;
    void drop_kept(connection &from) noexcept;
    std::uint8_t *move_out(ho_buf &loan, std::uint8_t *to) noexcept;
    std::int32_t move_back(ho_buf &copy, std::uint64_t bytes) noexcept;

    /* tcp_write.cpp: answers go out */
    connection *enqueue(ho_buf &answer) noexcept;
    void write(connection &to) noexcept;
    bool write_some(connection &to) noexcept;
    void drop_sent(connection &to, std::uint64_t sent) noexcept;
    std::uint64_t drop_whole(connection &to) noexcept;
    void wait_to_write(connection &to) noexcept;
    void drop_answers(connection &to, counter &as) noexcept;

    /* tcp_lag.cpp: answers wait for their peer */
    void watch(connection &to) noexcept;
    void look_soon() noexcept;
    void look() noexcept;
    void look_at(connection &to, clock::time_point now) noexcept;
    void copy_all(connection &to) noexcept;
    bool copy(connection &to, const ho_buf &answer) noexcept;
    bool afford(connection &to, std::uint64_t bytes) noexcept;
    void drop_copies(connection &to) noexcept;

    asio::ip::tcp::acceptor acceptor_;
    asio::ip::tcp family_ = asio::ip::tcp::v4();
    asio::steady_timer accept_timer_;
    asio::steady_timer resume_timer_;
    asio::steady_timer sweep_timer_;
    asio::steady_timer look_timer_;
    asio::steady_timer end_timer_;
    asio::steady_timer idle_timer_;
    handler_memory accept_memory_;
    handler_memory resume_memory_;
    handler_memory sweep_memory_;
    handler_memory look_memory_;
    handler_memory end_memory_;
    handler_memory idle_memory_;
    handler_memory flush_memory_;
    bool resuming_ = false;
    bool sweeping_ = false;
    bool looking_ = false;
    bool ending_ = false;
    bool idling_ = false;
    bool delivering_ = false; /* nothing more is owed */
    bool all_heard_ = true;   /* every peer whose connection stop closed got everything */
    bool flushing_ = false;
    std::uint64_t turn_messages_ = 0; /* since the last flush */

    /* Connections by slot. A slot's generation counts up with each use. */
    std::vector<std::unique_ptr<connection>> slots_;
    std::vector<std::uint32_t> generations_;
    std::vector<std::uint32_t> free_;
    std::vector<connection *> paused_;
    std::vector<connection *> resumed_;
    std::vector<connection *> watched_;
    std::vector<connection *> ended_;
    std::size_t next_ended_ = 0; /* to be checked next */
    std::size_t open_ = 0;       /* connections */
    std::size_t unfinished_ = 0;
    std::uint64_t unsent_ = 0;       /* answers in all queues */
    std::uint64_t copied_bytes_ = 0; /* memory of all copies of answers */
    std::uint64_t kept_bytes_ = 0;   /* memory of all copies of frames */

    ho_buf block_{};
    std::uint64_t block_bytes_ = 0;  /* what fits a segment */
    std::uint32_t block_splits_ = 0; /* used numbers of its segment */
    std::vector<frame> frames_;      /* complete frames of one read */
    connection *touched_[batch_size] = {};
};

} // namespace handoff::net

#endif
