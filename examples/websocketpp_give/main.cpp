/* SPDX-License-Identifier: MIT */
/* An echo server on websocketpp. A message's text, the std::string that websocketpp received it
 * into, is given to the C service. With plain 1 it answers at once, without handoff. */
#include "hub.hpp"

#include <optional>
#include <asio.hpp>
#include <deque>
#include <unordered_map>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/server.hpp>

namespace {

namespace frame = websocketpp::frame;
namespace status = websocketpp::close::status;
using handoff::errc;
using server = websocketpp::server<websocketpp::config::asio>;
using message_ptr = server::message_ptr;

struct session {
    server::connection_ptr peer;
    std::uint64_t id = 0;
    std::deque<message_ptr> waiting; /* the one that was refused, and those after it */
};

class network {
  public:
    explicit network(const options &with) : stop_(io_, SIGINT, SIGTERM), ready_(io_)
    {
        server_.clear_access_channels(websocketpp::log::alevel::all);
        server_.clear_error_channels(websocketpp::log::elevel::all);
        server_.init_asio(&io_);
        server_.set_reuse_addr(true);
        server_.set_open_handler([this](auto connection) { add(connection); });
        if (!with.plain) {
            ends_.emplace(with);
            texts_ = must("owner", handoff::owner<std::string>::open(ends_->domain));
            ready_.assign(must("descriptor", ends_->bridge.fd()));
            wait();
        }
        stop_.async_wait([this](auto, int) { stop(); });
        server_.listen(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(),
                                               static_cast<std::uint16_t>(with.port)));
        server_.start_accept();
        std::error_code error;
        std::printf("listening on 127.0.0.1:%d\n", server_.get_local_endpoint(error).port());
        std::fflush(stdout);
    }

    int run()
    {
        io_.run();
        if (!ends_)
            return 0;
        std::printf("answered %ju, for peers that had gone %ju, paused %ju times\n",
                    std::uintmax_t{answered_}, std::uintmax_t{ends_->gone()},
                    std::uintmax_t{paused_});
        texts_.reset();
        return ends_->close() ? 0 : 1;
    }

  private:
    void add(websocketpp::connection_hdl connection)
    {
        auto fresh = std::make_unique<session>();
        auto &s = *fresh;
        s.peer = server_.get_con_from_hdl(connection);
        std::error_code error; /* it is already gone */
        s.peer->get_raw_socket().set_option(asio::ip::tcp::no_delay(true), error);
        s.peer->set_close_handler([this, &s](auto) { remove(s); });
        if (ends_) {
            const auto id = ends_->bridge.add(s);
            if (!id)
                return close(s, status::try_again_later);
            s.id = id.value;
            s.peer->set_message_handler([this, &s](auto, message_ptr what) { receive(s, what); });
        } else {
            s.peer->set_message_handler([&s](auto, message_ptr what) { s.peer->send(what); });
        }
        sessions_[&s] = std::move(fresh);
    }

    static void close(session &s, websocketpp::close::status::value why)
    {
        std::error_code error; /* it is already closing */
        s.peer->close(why, "", error);
    }

    void remove(session &s)
    {
        const auto why = s.peer->get_remote_close_code();
        if (why == status::abnormal_close)
            std::printf("a peer left without a close: %s\n", s.peer->get_ec().message().c_str());
        std::fflush(stdout);
        if (ends_)
            ends_->bridge.remove(s.id); /* answers on their way are returned */
        sessions_.erase(&s);
    }

    /* The key says whether it is text or binary, so the partition is named explicitly, which keeps
     * a connection's messages in order. */
    std::error_code send(session &s, const message_ptr &what)
    {
        const auto partition = (s.id >> HO_NET_SLOT_SHIFT) % hub<session>::partitions;
        return give(ends_->to_service, texts_, std::move(what->get_raw_payload()),
                    {what->get_opcode(), s.id, static_cast<std::uint16_t>(partition), HO_MORE});
    }

    void receive(session &s, const message_ptr &what)
    {
        if (stopping_)
            return;
        if (!s.waiting.empty()) /* websocketpp also calls for messages that it had already read */
            return s.waiting.push_back(what);
        turn_soon();
        const auto error = send(s, what); /* refused: the text is still in the message */
        if (!error)
            return;
        if (error != errc::full)
            return close(s, status::internal_endpoint_error);
        ++paused_;
        s.waiting.push_back(what);
        ends_->bridge.pause(s.id);
        /* Not pause_reading(): that only posts the pause, so another read starts first, and
         * resume_reading() then starts a second one beside it. Inside this handler no read is
         * pending. */
        s.peer->handle_pause_reading();
    }

    void resume(session &s)
    {
        for (; !s.waiting.empty(); s.waiting.pop_front())
            if (const auto error = send(s, s.waiting.front()))
                return error == errc::full ? ends_->bridge.pause(s.id)
                                           : close(s, status::internal_endpoint_error);
        s.peer->resume_reading();
    }

    /* websocketpp only sends its own strings, so this copies once; send(data, size) would copy
     * twice. */
    void answer(session &s, handoff::span<ho_buf> answers)
    {
        for (const auto &each : answers) {
            const auto type = static_cast<frame::opcode::value>(each.key);
            auto what = s.peer->get_message(type, each.len);
            what->append_payload(each.ptr, each.len);
            what->set_header(frame::prepare_header(frame::basic_header(type, each.len, true, false),
                                                   frame::extended_header(each.len)));
            what->set_prepared(true);
            s.peer->send(what); /* an error means that it is closing */
        }
        answered_ += answers.size();
    }

    /* Once for everything read at once. */
    void turn_soon()
    {
        if (!std::exchange(turn_due_, true))
            asio::post(io_, [this] { turn(); });
    }

    void turn()
    {
        turn_due_ = false;
        const bool closed =
            ends_->turn([this](session &s, handoff::span<ho_buf> answers) { answer(s, answers); });
        if (stopping_)
            ends_->leave();
        if (closed)
            end();
    }

    void wait()
    {
        turn(); /* takes all answers, which arms the descriptor */
        ready_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto error) {
            if (error)
                return;
            ends_->bridge.resume([this](session &s) { resume(s); });
            wait();
        });
    }

    void stop()
    {
        std::error_code error;
        stopping_ = true;
        server_.stop_listening(error);
        ends_ ? turn_soon() : end();
    }

    /* websocketpp has every answer, and sends them before it closes. */
    void end()
    {
        ready_.close();
        for (auto &each : sessions_)
            close(*each.first, status::going_away);
    }

    asio::io_context io_;
    server server_;
    asio::signal_set stop_;
    asio::posix::stream_descriptor ready_; /* there are answers, or room again */
    std::optional<hub<session>> ends_;
    handoff::owner<std::string> texts_;
    std::unordered_map<session *, std::unique_ptr<session>> sessions_;
    bool turn_due_ = false;
    bool stopping_ = false;
    std::uint64_t answered_ = 0, paused_ = 0;
};

} // namespace

int main(int argc, char **argv)
{
    network all(read_options(argc, argv));
    return all.run();
}
