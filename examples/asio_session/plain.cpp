/* SPDX-License-Identifier: MIT */
/* The same server without handoff, for comparison: it answers on the thread that receives. */
#include "plain.hpp"

#include "session.hpp"

#include <iostream>

namespace {

class plain_session : public std::enable_shared_from_this<plain_session> {
  public:
    plain_session(asio::ip::tcp::socket socket, struct world *worlds)
        : socket_(std::move(socket)), worlds_(worlds), in_(16384)
    {
    }

    void read()
    {
        const auto rest = asio::buffer(in_) + have_;
        socket_.async_read_some(rest,
                                [self = shared_from_this()](std::error_code failed, auto got) {
                                    if (failed)
                                        return;
                                    self->have_ += got;
                                    if (self->answer_frames())
                                        self->read();
                                });
    }

  private:
    bool answer_frames()
    {
        ho_buf message{};
        message.ptr = in_.data();
        message.len = whole_frames(in_.data(), have_);
        work_on(worlds_, &message, 1);
        unsent_.insert(unsent_.end(), message.ptr, message.ptr + message.len);
        have_ -= message.len;
        std::memmove(in_.data(), in_.data() + message.len, have_);
        if (frame_bytes(in_.data(), have_) > in_.size())
            return false;
        if (sending_.empty() && !unsent_.empty())
            write();
        return true;
    }

    void write()
    {
        sending_.swap(unsent_);
        asio::async_write(socket_, asio::buffer(sending_),
                          [self = shared_from_this()](std::error_code failed, auto) {
                              self->sending_.clear();
                              if (!failed && !self->unsent_.empty())
                                  self->write();
                          });
    }

    asio::ip::tcp::socket socket_;
    struct world *worlds_;
    std::vector<std::uint8_t> in_, unsent_, sending_;
    std::size_t have_ = 0;
};

void accept(asio::ip::tcp::acceptor &from, struct world *worlds)
{
    from.async_accept([&from, worlds](std::error_code failed, asio::ip::tcp::socket socket) {
        if (failed)
            return;
        std::error_code ignored;
        socket.set_option(asio::ip::tcp::no_delay(true), ignored);
        std::make_shared<plain_session>(std::move(socket), worlds)->read();
        accept(from, worlds);
    });
}

} // namespace

void run_plain(std::uint16_t port, struct world *worlds)
{
    asio::io_context io(1);
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&io](auto, int) { io.stop(); });
    accept(acceptor, worlds);
    std::cout << "listening on " << acceptor.local_endpoint() << std::endl;
    io.run();
}
