/* SPDX-License-Identifier: MIT */
/* Two servers with their own sockets, around the code of docs/bridge.md: epoll and Asio. One object
 * is one network thread. */
#ifndef HANDOFF_TESTS_BRIDGE_SERVERS_HPP
#define HANDOFF_TESTS_BRIDGE_SERVERS_HPP

#include "bridge_world.hpp"

#include <atomic>
#include <map>
#include <poll.h>
#include <sys/eventfd.h>

/* What a test reads from a running server. */
struct server_counts {
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> runs{0};    /* calls of send */
    std::atomic<std::uint64_t> answers{0}; /* in them */
    std::atomic<std::uint64_t> gone{0};
    std::atomic<std::uint64_t> paused{0}; /* how often a turn left the list non-empty */
    std::atomic<std::uint64_t> last_id{0};
};

template <class Network> void open_network(Network &n, bridge_world &w, std::uint16_t thread)
{
    auto opened = n.bridge.open(w.received, *w.egress, thread);
    CHECK(opened);
    n.bridge = std::move(*opened);
    n.game = w.game;
    n.to_game = *handoff::producer::open(*w.game, n.bridge.memory());
    CHECK(n.to_game);
}

class epoll_server {
    using session = docs::on_epoll::session;

  public:
    epoll_server(bridge_world &w, std::uint16_t thread)
        : domain_(w.root.raw()), set_(epoll_create1(EPOLL_CLOEXEC)), told_(eventfd(0, EFD_CLOEXEC))
    {
        open_network(net_, w, thread);
        std::tie(listener_, port_) = listen_on_loopback();
        bell_ = *net_.bridge.fd();
        CHECK(set_ >= 0 && told_ >= 0 && bell_ >= 0);
        watch(listener_, EPOLLIN, &listener_);
        watch(told_, EPOLLIN, &told_);
        watch(bell_, EPOLLIN, &bell_);
        thread_ = std::thread([this] { run(); });
    }

    ~epoll_server()
    {
        CHECK(!thread_.joinable());
        for (const int fd : {set_, told_, bell_, listener_})
            ::close(fd);
    }

    std::uint16_t port() const { return port_; }

    /* Returns when every answer is sent. */
    void stop()
    {
        tell_to_stop();
        thread_.join();
    }
    void tell_to_stop() const { CHECK(eventfd_write(told_, 1) == 0); }

    server_counts counts;

  private:
    void watch(int fd, std::uint32_t events, void *ptr) const
    {
        epoll_event want{};
        want.events = events;
        want.data.ptr = ptr;
        CHECK(epoll_ctl(set_, EPOLL_CTL_ADD, fd, &want) == 0);
    }

    void run()
    {
        epoll_event got[64];
        for (auto error = turn(); error != errc::closed; error = turn()) {
            CHECK_CODE(error, errc::ok);
            const int count = epoll_wait(set_, got, 64, -1);
            for (int i = 0; i < count; ++i)
                ready(got[i].data.ptr, got[i].events);
        }
        while (!sessions_.empty()) {
            auto &last = *sessions_.begin()->second;
            for (pollfd one{last.fd, POLLOUT, 0}; !last.unsent.empty() && poll(&one, 1, -1) == 1;)
                send_unsent(last, domain_);
            drop(last);
        }
    }

    std::error_code turn()
    {
        counts.paused += net_.bridge.paused() != 0;
        const auto send = [this](session &s, handoff::span<ho_buf> answers) {
            ++counts.runs;
            counts.answers += answers.size();
            send_run(s, answers);
        };
        const auto error = docs::on_epoll::turn(net_, send, [this](session &s) { drop(s); });
        counts.gone = net_.bridge.gone();
        dropped_.clear();
        return error;
    }

    void ready(void *what, std::uint32_t events)
    {
        std::uint64_t times;
        if (what == &bell_)
            return; /* each turn drains */
        if (what == &listener_)
            return accept_all();
        if (what == &told_) {
            CHECK(eventfd_read(told_, &times) == 0);
            net_.stopping = true;
            return;
        }
        auto &s = *static_cast<session *>(what);
        if (net_.bridge.find(s.id) == nullptr)
            return; /* dropped in this turn */
        if ((events & EPOLLOUT) != 0 && !s.unsent.empty())
            send_unsent(s, domain_);
        if (!net_.stopping && !receive(net_, s))
            drop(s);
    }

    void accept_all()
    {
        for (int fd;
             (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
            auto fresh = std::make_unique<session>();
            fresh->fd = fd;
            fresh->id = *net_.bridge.add(*fresh);
            CHECK(fresh->id != 0);
            watch(fd, EPOLLIN | EPOLLOUT | EPOLLET, fresh.get());
            counts.last_id = fresh->id;
            sessions_[fresh->id] = std::move(fresh);
            ++counts.connections;
        }
    }

    void drop(session &s)
    {
        net_.bridge.remove(s.id);
        ho_return(domain_, s.unsent.data(), static_cast<std::uint32_t>(s.unsent.size()), nullptr);
        ::close(s.fd);
        const auto at = sessions_.find(s.id);
        dropped_.push_back(std::move(at->second)); /* events of this turn may still name it */
        sessions_.erase(at);
        --counts.connections;
    }

    ho_domain *const domain_;
    const int set_;
    int told_;
    int bell_ = -1;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    docs::network<session> net_;
    std::map<std::uint64_t, std::unique_ptr<session>> sessions_;
    std::vector<std::unique_ptr<session>> dropped_;
    std::thread thread_;
};

class asio_server {
    using session = docs::on_asio::session;
    using tcp = asio::ip::tcp;

  public:
    asio_server(bridge_world &w, std::uint16_t thread)
        : domain_(w.root.raw()),
          listener_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0))
    {
        open_network(net_, w, thread);
        ready_.assign(*net_.bridge.fd());
        accept_next();
        thread_ = std::thread([this] {
            docs::on_asio::wait_for_answers(net_, ready_, send_, closed_);
            loop_.run();
        });
    }

    ~asio_server() { CHECK(!thread_.joinable()); }

    std::uint16_t port() const { return listening_; }

    void stop()
    {
        tell_to_stop();
        thread_.join();
    }
    void tell_to_stop()
    {
        asio::post(loop_, [this] {
            listener_.close();
            net_.stopping = true;
            leave(net_);
        });
    }

    server_counts counts;

  private:
    void accept_next()
    {
        listener_.async_accept([this](auto failed, tcp::socket socket) {
            if (failed)
                return;
            auto fresh = std::make_shared<session>(std::move(socket), net_, domain_);
            fresh->drop = [this](session &s) { drop(s); };
            fresh->id = *net_.bridge.add(*fresh);
            CHECK(fresh->id != 0);
            counts.last_id = fresh->id;
            sessions_[fresh->id] = fresh;
            ++counts.connections;
            fresh->receive();
            accept_next();
        });
    }

    void drop(session &s)
    {
        net_.bridge.remove(s.id);
        counts.connections -= sessions_.erase(s.id);
    }

    /* Pending sends keep them alive. */
    void close_all()
    {
        ready_.close();
        counts.gone = net_.bridge.gone();
        while (!sessions_.empty()) {
            const auto last = sessions_.begin()->second;
            last->socket.shutdown(tcp::socket::shutdown_receive);
            drop(*last);
        }
    }

    ho_domain *const domain_;
    docs::network<session> net_;
    asio::io_context loop_;
    asio::posix::stream_descriptor ready_{loop_};
    tcp::acceptor listener_;
    const std::uint16_t listening_ = listener_.local_endpoint().port();
    const std::function<void(session &, handoff::span<ho_buf>)> send_ = [this](auto &s, auto run) {
        ++counts.runs;
        counts.answers += run.size();
        s.send(run);
    };
    const std::function<void()> closed_ = [this] { close_all(); };
    std::map<std::uint64_t, std::shared_ptr<session>> sessions_;
    std::thread thread_;
};

#endif
