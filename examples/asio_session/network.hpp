/* SPDX-License-Identifier: MIT */
/* The network thread: an io_context, its ends of the services, its sessions. */
#ifndef ASIO_SESSION_NETWORK_HPP
#define ASIO_SESSION_NETWORK_HPP

#include "service.h"

#include <handoff/bridge.hpp>
#include <handoff/handoff.hpp>

#include <asio.hpp>
#include <memory>
#include <set>
#include <vector>

class session;

class network {
  public:
    /* main opens `on` and `egress` but keeps neither: a service closes when nobody can send to it
     * any more. */
    network(asio::io_context &io, const handoff::arena &received,
            std::shared_ptr<handoff::service> on, const handoff::service &egress,
            struct world *worlds);

    /* Listens, and returns the port. The caller then runs the io_context, which ends after
     * stop(). */
    std::uint16_t start(std::uint16_t port);

    /* For sessions. */
    void help_soon(); /* works on the messages of this turn, if they are light */
    void forget(const std::shared_ptr<session> &gone);
    bool is_stopping() const { return stopping_; }

    handoff::bridge<session> bridge;
    handoff::producer requests; /* uses bridge.memory() */
    std::uint64_t pauses = 0;

  private:
    void accept();
    void help();
    void wait_for_answers();
    void collect(handoff::span<ho_buf> answers);
    std::error_code take_answers();
    void send_out();
    void stop();
    void leave();

    asio::ip::tcp::acceptor acceptor_;
    asio::posix::stream_descriptor ready_; /* readable: there are answers, or room again */
    asio::signal_set signals_;
    asio::steady_timer timer_;
    std::shared_ptr<handoff::service> service_;
    handoff::consumer own_;
    handoff::helper helper_; /* pairs own_ and requests: destroyed first */
    struct world *worlds_;
    std::vector<std::uint64_t> to_send_; /* sessions that have collected answers in this turn */
    std::set<std::shared_ptr<session>> sessions_;
    bool help_due_ = false;
    bool stopping_ = false;
};

/* Ends the program if something could not be opened. */
void must(std::error_code error, const char *what);

template <class T> T must(handoff::result<T> opened, const char *what)
{
    must(opened.error, what);
    return *std::move(opened);
}

#endif
