/* SPDX-License-Identifier: MIT */
#include "network.hpp"

#include "session.hpp"

using asio::ip::tcp;
using handoff::errc;

network::network(asio::io_context &io, const handoff::arena &received,
                 std::shared_ptr<handoff::service> on, const handoff::service &egress,
                 struct world *worlds)
    : bridge(must(handoff::bridge<session>::open(received, egress), "bridge")),
      requests(must(handoff::producer::open(*on, bridge.memory()), "producer")), acceptor_(io),
      ready_(io, must(bridge.fd(), "descriptor")), signals_(io, SIGINT, SIGTERM), timer_(io),
      own_(must(handoff::consumer::open(*on), "consumer")),
      helper_(must(handoff::helper::open(own_, requests), "helper")), worlds_(worlds)
{
    service_ = std::move(on);
}

std::uint16_t network::start(std::uint16_t port)
{
    const tcp::endpoint at(asio::ip::address_v4::loopback(), port);
    acceptor_.open(at.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(at);
    acceptor_.listen();
    signals_.async_wait([this](auto failed, int) {
        if (!failed)
            stop();
    });
    accept();
    wait_for_answers();
    return acceptor_.local_endpoint().port();
}

void network::accept()
{
    acceptor_.async_accept([this](std::error_code failed, tcp::socket socket) {
        if (stopping_)
            return;
        if (failed) { /* out of descriptors, for example: try again a little later */
            timer_.expires_after(std::chrono::milliseconds(10));
            return timer_.async_wait([this](auto cancelled) {
                if (!cancelled)
                    accept();
            });
        }
        auto made = std::make_shared<session>(std::move(socket), *this);
        sessions_.insert(made);
        made->start();
        accept();
    });
}

/* Gives answers to their sessions, which send them in send_out. Answers without a session are left,
 * and returned. */
void network::collect(handoff::span<ho_buf> answers)
{
    for (std::size_t begin = 0, end = 0; begin < answers.size(); begin = end) {
        const auto id = answers[begin].value;
        while (end < answers.size() && answers[end].value == id)
            ++end;
        auto *to = bridge.find(id);
        if (to != nullptr && to->collect({answers.begin() + begin, end - begin}))
            to_send_.push_back(id);
    }
}

/* Collects the worker's answers. */
std::error_code network::take_answers()
{
    return bridge.drain([this](session &, handoff::span<ho_buf> answers) { collect(answers); })
        .error;
}

void network::send_out()
{
    for (const auto id : to_send_)
        if (auto *to = bridge.find(id))
            to->send();
    to_send_.clear();
}

/* Called once; then it runs again whenever there are answers, or room. */
void network::wait_for_answers()
{
    const auto answers = take_answers();
    send_out();
    if (answers == errc::closed)
        return; /* after stop(): no more answers will come */
    bridge.resume([](session &paused) { paused.receive(); });
    ready_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto failed) {
        if (!failed)
            wait_for_answers();
    });
}

/* Once for all sessions that have read in this turn. */
void network::help_soon()
{
    if (!std::exchange(help_due_, true))
        asio::post(acceptor_.get_executor(), [this] { help(); });
}

/* The worker is woken only for what this leaves. The library measures how long messages take here,
 * so sending comes afterwards. These answers don't go through egress. */
void network::help()
{
    help_due_ = false;
    static_cast<void>(helper_.run([this](handoff::span<ho_buf> messages) {
        static_cast<void>(take_answers()); /* older answers of the same connections go first */
        work_on(worlds_, messages.data(), static_cast<std::uint32_t>(messages.size()));
        collect(messages);
    }));
    send_out();
}

void network::forget(const std::shared_ptr<session> &gone)
{
    bridge.remove(gone->id);
    sessions_.erase(gone);
    leave();
}

/* A session ends when it has its answers. Those that don't within 5 s are dropped. */
void network::stop()
{
    stopping_ = true;
    acceptor_.close();
    for (const auto &each : std::set<std::shared_ptr<session>>(sessions_))
        each->finish();
    timer_.expires_after(std::chrono::seconds(5));
    timer_.async_wait([this](auto cancelled) {
        if (!cancelled)
            for (const auto &each : std::set<std::shared_ptr<session>>(sessions_))
                each->drop();
    });
    leave();
}

/* When the last session has gone, nothing more is sent to the service. It closes, the worker ends
 * and releases egress, and wait_for_answers is told. */
void network::leave()
{
    if (!stopping_ || !sessions_.empty())
        return;
    timer_.cancel();
    helper_.reset();
    own_.reset();
    requests.reset();
    service_.reset();
}
