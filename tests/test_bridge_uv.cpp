/* SPDX-License-Identifier: MIT */
/* A libuv server over a bridge: echoes, and sleeps while it waits for room. */
#include "docs_uv.hpp"

#include "bridge_world.hpp"

#include <atomic>

namespace {

using docs::on_uv::session;

/* Its reads are its messages. */
class uv_server {
  public:
    explicit uv_server(bridge_world &w)
        : game_(w.game), bridge_(*handoff::bridge<session>::open(w.received, *w.egress)),
          to_game_(*handoff::producer::open(*game_, bridge_.memory())), bell_(*bridge_.fd())
    {
        CHECK(bridge_ && to_game_ && uv_loop_init(&loop_) == 0);
        CHECK(uv_tcp_init(&loop_, &listener_) == 0 && uv_async_init(&loop_, &told_, on_told) == 0);
        CHECK(uv_poll_init(&loop_, &ready_, bell_) == 0 && uv_check_init(&loop_, &rounds_) == 0);
        listener_.data = told_.data = rounds_.data = this;
        ready_.data = &bridge_;
        int fd;
        std::tie(fd, port_) = listen_on_loopback();
        CHECK(uv_tcp_open(&listener_, fd) == 0);
        CHECK(uv_listen(reinterpret_cast<uv_stream_t *>(&listener_), 64, on_connection) == 0);
        CHECK(uv_check_start(&rounds_, on_round) == 0);
        thread_ = std::thread([this] { run(); });
    }

    std::uint16_t port() const { return port_; }

    void stop()
    {
        CHECK(uv_async_send(&told_) == 0);
        thread_.join();
        CHECK(uv_loop_close(&loop_) == 0);
        ::close(bell_);
    }

    std::atomic<std::uint64_t> turns{0};
    std::atomic<std::uint64_t> paused{0};

  private:
    template <class Handle> static void close_handle(Handle &which)
    {
        uv_close(reinterpret_cast<uv_handle_t *>(&which), nullptr);
    }

    static void on_connection(uv_stream_t *listener, int)
    {
        auto &mine = *static_cast<uv_server *>(listener->data);
        mine.sessions_.push_back(std::make_unique<session>());
        auto &s = *mine.sessions_.back();
        s.bridge = &mine.bridge_;
        s.game = &mine.to_game_;
        CHECK(uv_tcp_init(&mine.loop_, &s.socket) == 0);
        s.socket.data = &s;
        CHECK(uv_accept(listener, docs::on_uv::stream_of(s)) == 0);
        s.id = *mine.bridge_.add(s);
        docs::on_uv::read_again(s);
    }

    static void on_round(uv_check_t *rounds)
    {
        auto &mine = *static_cast<uv_server *>(rounds->data);
        ++mine.turns;
        mine.paused = mine.bridge_.paused();
        if (mine.stopping_ && mine.paused == 0) {
            mine.to_game_.reset();
            mine.game_.reset();
        }
        if (mine.stopping_ && uv_is_active(reinterpret_cast<uv_handle_t *>(&mine.ready_)) == 0)
            mine.close_all();
    }

    static void on_told(uv_async_t *told)
    {
        static_cast<uv_server *>(told->data)->stopping_ = true;
    }

    void run()
    {
        CHECK_CODE(bridge_.drain(docs::on_uv::send_run).error, errc::ok);
        CHECK(uv_poll_start(&ready_, UV_READABLE, docs::on_uv::on_ready) == 0);
        CHECK(uv_run(&loop_, UV_RUN_DEFAULT) == 0);
        sessions_.clear();
    }

    void close_all()
    {
        stopping_ = false;
        close_handle(listener_);
        close_handle(told_);
        close_handle(ready_);
        close_handle(rounds_);
        for (auto &each : sessions_)
            if (uv_is_closing(reinterpret_cast<uv_handle_t *>(&each->socket)) == 0)
                close_handle(each->socket);
    }

    std::shared_ptr<handoff::service> game_;
    handoff::bridge<session> bridge_;
    handoff::producer to_game_;
    const int bell_;
    uv_loop_t loop_;
    uv_tcp_t listener_;
    uv_async_t told_;
    uv_poll_t ready_;
    uv_check_t rounds_;
    std::uint16_t port_ = 0;
    bool stopping_ = false;
    std::vector<std::unique_ptr<session>> sessions_;
    std::thread thread_;
};

void echo_while_held(bridge_world &w, std::uint32_t frames)
{
    std::unique_lock<std::mutex> held(w.gate);
    auto server = std::make_unique<uv_server>(w);
    w.start();
    std::vector<std::thread> peers;
    for (std::uint32_t i = 0; i < 4; ++i)
        peers.emplace_back(
            [port = server->port(), i, frames] { bridge_client(port, i).echo(frames); });
    await([&] { return server->paused == 4; });
    const auto before = server->turns.load();
    std::this_thread::sleep_for(100ms); /* one that spins has thousands of turns in that time */
    CHECK(server->turns - before <= 20);
    held.unlock();
    for (auto &each : peers)
        each.join();
    server->stop();
    server.reset();
    w.close();
}

void a_loop_without_memory_sleeps_and_loses_nothing(void **)
{
    handoff::service_options lanes;
    lanes.lane_slots = 8192;
    handoff::arena_options memory;
    memory.budget_bytes = 7 * 65536;
    bridge_world w(1, 1, lanes, memory);
    echo_while_held(w, 2000);
}

void a_loop_without_a_free_lane_sleeps_and_loses_nothing(void **)
{
    handoff::service_options lanes;
    lanes.lane_slots = 16;
    bridge_world w(1, 1, lanes);
    echo_while_held(w, 2000);
}

/* libuv keeps descriptors for itself. */
int shut_down_libuv(void **)
{
    uv_library_shutdown();
    return 0;
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_loop_without_memory_sleeps_and_loses_nothing),
    cmocka_unit_test_teardown(a_loop_without_a_free_lane_sleeps_and_loses_nothing, shut_down_libuv),
};

} // namespace

HO_TEST_MAIN(tests)
