/* SPDX-License-Identifier: MIT */
/* One network thread: its event loop, the path to the services, the answers that come back, and how it stops.
 * UDP and TCP derive from it. */
#ifndef HANDOFF_NET_LOOP_HPP
#define HANDOFF_NET_LOOP_HPP

#include "counting.hpp"
#include "handler.hpp"

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/post.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>

namespace handoff::net {

using clock = std::chrono::steady_clock;

/* How long the loop waits before it retries what the system or a service refused. */
inline constexpr std::chrono::milliseconds retry_soon{1};
inline constexpr std::chrono::milliseconds retry_later{10};

inline constexpr std::uint32_t batch_size = 64;

class peer_tables;

class loop {
  public:
    loop(const options &with, std::uint32_t number, port &behind, room &left);
    virtual ~loop() = default;
    loop(const loop &) = delete;
    loop &operator=(const loop &) = delete;

    /* Binds to address and port (0: any free one), and waits for peers and answers. */
    std::error_code open(const asio::ip::address &address, std::uint16_t port_number);
    std::uint16_t port_number() const noexcept { return port_number_; }

    void run() noexcept;                           /* until stopped */
    void stop(clock::time_point deadline);         /* from any thread, once */
    bool clean() const noexcept { return clean_; } /* after run: every answer was sent */
    const live_counters &counted() const noexcept { return count_; }

  protected:
    virtual std::error_code listen(const asio::ip::address &address, std::uint16_t port_number) = 0;
    virtual void stop_reading() noexcept = 0;
    /* Sends answers and takes ownership of them. Called only when ready_to_send. */
    virtual void send(ho_buf *answers, std::uint32_t count) noexcept = 0;
    virtual bool ready_to_send() const noexcept = 0;
    virtual bool all_sent() const noexcept = 0;
    /* Called when nothing more is to be sent: ends every connection once its peer has everything. */
    virtual void deliver_all() noexcept {}
    virtual bool delivered_all() const noexcept { return true; }
    /* False if something sent is not known to have arrived. */
    virtual bool close_all() noexcept = 0;

    /* Takes and sends answers while there are any, but gives the sockets their turn. True if none are left; then
     * the descriptor wakes the loop for the next one. */
    bool pump() noexcept;
    /* Sends the answers that are there without arming the descriptor for the next one, as a take that finds nothing
     * would. */
    void pump_there() noexcept;
    /* Ends a turn that brought `messages`. True after a rest: the next turn should follow at once. */
    bool rest_after(std::uint64_t messages) noexcept;
    /* The threads of an entrypoint share its port. The first one binds alone, to get an error if somebody else has
     * the port, unless sharing was requested and the port is not chosen by the kernel. */
    bool joins_port() const noexcept
    {
        return number_ != with_.first_partition || (with_.share_port && with_.port != 0);
    }
    bool shares_port() const noexcept { return with_.threads > 1 || with_.share_port; }
    std::uint64_t id_of(std::uint32_t slot, std::uint32_t generation) const noexcept;
    /* Routes a message and sets its key and value. Returns the service, or `rejected`. */
    std::uint32_t address_message(ho_buf &message, std::uint64_t id) noexcept;

    /* Call function() on this thread, after `delay` or after everything that is ready now. */
    template <class Function>
    void after(asio::steady_timer &timer, handler_memory &memory, clock::duration delay,
               Function function)
    {
        timer.expires_after(delay);
        timer.async_wait(handler_in(memory, [function](const std::error_code &error) {
            if (!error)
                function();
        }));
    }
    template <class Function> void soon(handler_memory &memory, Function function)
    {
        asio::post(io_, handler_in(memory, function));
    }

    asio::io_context io_{1};
    const options &with_;
    port &port_;
    room &room_;
    live_counters count_;
    std::uint16_t port_number_ = 0;
    bool stopping_ = false;

  private:
    void wait_for_answers() noexcept;
    void begin_stop(clock::time_point deadline) noexcept;
    void step_stop() noexcept;
    void finish() noexcept;

    const std::uint32_t number_; /* its partition of the egress service */
    asio::posix::stream_descriptor egress_;
    asio::steady_timer stop_timer_;
    handler_memory egress_memory_;
    handler_memory pump_memory_;
    handler_memory stop_memory_;
    clock::time_point deadline_;
    bool waiting_ = false; /* for the egress descriptor */
    bool pumping_ = false; /* a pump is posted */
    bool delivering_ = false;
    bool clean_ = false;
    bool finished_ = false;
    alignas(line_pair_bytes) ho_buf answers_[batch_size];
};

std::unique_ptr<loop> make_udp_loop(const options &with, std::uint32_t number, port &behind,
                                    room &left, peer_tables &tables);
std::unique_ptr<loop> make_tcp_loop(const options &with, std::uint32_t number, port &behind,
                                    room &left);

} // namespace handoff::net

#endif
