/* SPDX-License-Identifier: MIT */
/* Runs the C++ snippets of the guides: each way from a server into a service, and waiting in its
 * loop. */
#include "docs_snippets.hpp" /* first: cmocka has macros named fail and skip */

#include "shim_world.hpp"

#include <map>
#include <numeric>
#include <thread>

namespace {

using handoff::errc;

/* A session over a bridge, and the one service of a world. */
struct connected : world {
    handoff::service egress = *handoff::service::open(root);
    handoff::bridge<docs::session> bridge = *handoff::bridge<docs::session>::open(arena, egress);
    handoff::producer to_game = *handoff::producer::open(calls, bridge.memory());
    docs::session s{&bridge, &to_game};

    explicit connected(const handoff::service_options &options = {}) : world(options)
    {
        s.id = *bridge.add(s);
        CHECK(s.id != 0 && to_game);
    }

    void expect(std::string_view text, std::uint8_t kind)
    {
        auto got = in.take();
        CHECK(got && got->text() == text && got->key() == s.id && got->raw().kind == kind);
        CHECK(got->value() == s.id);
    }

    void fill()
    {
        for (std::error_code error; error != errc::full;)
            error = to_game.give_copy("x", {7});
    }

    void drain()
    {
        while (in.take())
            continue;
    }
};

handoff::service_options two_slots()
{
    handoff::service_options options;
    options.lane_slots = 2;
    return options;
}

constexpr const char *text = "a text that is too long to lie inside a string object";

void a_websocketpp_message_is_given(void **)
{
    connected c(two_slots());
    auto texts = *handoff::owner<std::string>::open(c.root);
    auto what = std::make_shared<message>(message{text});
    docs::on_message(c.s, texts, what);
    c.expect(text, HO_KIND_FOREIGN);
    c.fill();
    what->payload = text;
    docs::on_message(c.s, texts, what);
    CHECK(c.bridge.paused() == 1 && what->payload == text);
    c.drain();
}

void a_uwebsockets_view_is_copied(void **)
{
    connected c(two_slots());
    CHECK(docs::on_view(c.s, text));
    c.expect(text, HO_KIND_ARENA);
    CHECK(c.memory().copies == 1);
    c.fill();
    CHECK(!docs::on_view(c.s, text));
    c.drain();
}

void a_packet_object_is_given(void **)
{
    connected c(two_slots());
    auto packets = *handoff::owner<docs::packet_ptr>::open(c.root);
    CHECK(docs::queue_packet(c.s, packets,
                             std::make_unique<WorldPacket>(WorldPacket{{'o', 'p', '1'}})));
    c.expect("op1", HO_KIND_FOREIGN);
    c.fill();
    CHECK(!docs::queue_packet(c.s, packets, std::make_unique<WorldPacket>(WorldPacket{{'o'}})));
    c.drain();
}

void asio_receives_into_loans_and_waits_for_answers(void **)
{
    using asio::ip::udp;
    connected c;
    asio::io_context loop;
    udp::socket here(loop, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    udp::socket peer(loop, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::posix::stream_descriptor ready(loop, *c.in.fd());
    int seen = 0;
    const std::function<void(const ho_buf &)> send = [&](const ho_buf &each) {
        CHECK(handoff::text_of(each) == "north");
        if (++seen == 10)
            loop.stop();
        else
            peer.send_to(asio::buffer("north", 5), here.local_endpoint());
    };
    docs::receive_next(here, c.s);
    docs::send_answers(ready, c.in, send);
    peer.send_to(asio::buffer("north", 5), here.local_endpoint());
    loop.run();
    CHECK(seen == 10);
    ready.close();
    here.close();
    loop.restart();
    loop.run(); /* the cancelled receive, whose loan goes back */
    CHECK(c.memory().buffers_out == 0 && c.memory().loans_out == 0);
}

void asio_hears_when_there_is_room(void **)
{
    handoff::service_options options = two_slots();
    auto root = *handoff::domain::create();
    auto arena = *handoff::arena::open(root);
    auto game = *handoff::service::open(root, options);
    auto shard = *handoff::shard::open(arena);
    asio::io_context loop;
    asio::posix::stream_descriptor room(loop, *shard.fd());
    auto out = *handoff::producer::open(game, shard);
    auto in = *handoff::consumer::open(game);
    while (!out.give_copy(text, {7}))
        continue;
    bool resumed = false;
    docs::resume_when_there_is_room(room, [&] { resumed = !out.give_copy(text, {7}); });
    loop.poll();
    CHECK(!resumed);
    CHECK(in.take());
    loop.run();
    CHECK(resumed);
    while (in.take())
        continue;
}

void a_thread_may_wait_for_the_loop(void **)
{
    connected c;
    auto answers = *handoff::producer::open(c.egress, c.shard);
    asio::io_context loop;
    const auto guard = asio::make_work_guard(loop);
    std::atomic<bool> stop{false};
    std::uint32_t heard = 0, posts = 0;
    const auto count = [&](docs::session &, handoff::span<ho_buf> run) {
        heard += static_cast<std::uint32_t>(run.size());
    };
    const auto drain_and_resume = [&] {
        ++posts;
        CHECK_CODE(c.bridge.drain(count).error, errc::ok);
        c.bridge.resume([](docs::session &) {});
        if (heard < 10) { /* the next one, after the descriptor was armed */
            CHECK_CODE(answers.give_copy(text, {0, c.s.id}), errc::ok);
            return;
        }
        stop = true;
        loop.stop();
    };
    const int fd = *c.bridge.fd();
    drain_and_resume();
    std::thread waiting([&] {
        docs::wait_and_post(
            fd, stop, [&](auto run) { asio::post(loop, run); }, drain_and_resume);
    });
    loop.run();
    waiting.join();
    CHECK(heard == 10 && posts == 11); /* no more often than there was something */
    close(fd);
}

void one_callback_is_right_for_workers_and_helpers(void **)
{
    handoff::service_options options;
    options.partitions = 16;
    connected c(options);
    std::vector<std::uint64_t> moves(options.partitions);
    const auto sum = [&] { return std::accumulate(moves.begin(), moves.end(), std::uint64_t{0}); };
    {
        auto helper = *handoff::helper::open(c.in, c.out);
        CHECK_CODE(c.out.give_copy(text, {7}), errc::ok);
        CHECK_CODE(docs::turn(helper, moves.data()), errc::ok);
        CHECK(sum() == 1);
    }
    CHECK_CODE(c.out.give_copy(text, {8}), errc::ok);
    CHECK_CODE(c.calls.close(std::chrono::nanoseconds(0)), errc::timeout);
    const std::atomic<bool> stop{false};
    CHECK_CODE(docs::work(c.in, stop, moves.data()), errc::closed);
    CHECK(sum() == 2 && c.memory().buffers_out == 0);
}

void what_is_refused_of_a_batch_is_set_aside(void **)
{
    handoff::service_options options = two_slots();
    options.partitions = 16;
    connected c;
    auto next = *handoff::service::open(c.root, options);
    auto onward = *handoff::producer::open(next, c.shard);
    auto last = *handoff::consumer::open(next);
    for (std::uint64_t i = 0; i < 12; ++i) /* a key that says too much, among others */
        CHECK_CODE(c.out.give_copy("x", {i % 2 == 0 ? 1000 : i, i}), errc::ok);
    handoff::batch<64> some;
    std::vector<handoff::buffer> aside;
    CHECK_CODE(c.in.take(some), errc::ok);
    CHECK(some.size() == 12);
    docs::forward_batch(onward, some, aside);
    CHECK(aside.size() >= 4 && aside.size() < 10);
    std::map<std::uint64_t, std::uint64_t> seen; /* the last value of each key */
    std::uint32_t count = 0;
    const auto look = [&] {
        while (auto got = last.take()) {
            CHECK(seen.count(got->key()) == 0 || seen[got->key()] < got->value());
            seen[got->key()] = got->value();
            ++count;
        }
    };
    for (look(); docs::forward_aside(onward, aside) == errc::full; look())
        continue;
    look();
    CHECK(aside.empty() && count == 12);
}

void io_uring_polls_the_descriptor(void **)
{
#if __has_include(<liburing.h>)
    io_uring_sqe sqe{};
    docs::poll_answers(&sqe, 5, 77);
    CHECK(sqe.opcode == IORING_OP_POLL_ADD && sqe.fd == 5 && sqe.user_data == 77);
#else
    skip();
#endif
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_websocketpp_message_is_given),
    cmocka_unit_test(a_uwebsockets_view_is_copied),
    cmocka_unit_test(a_thread_may_wait_for_the_loop),
    cmocka_unit_test(a_packet_object_is_given),
    cmocka_unit_test(asio_receives_into_loans_and_waits_for_answers),
    cmocka_unit_test(asio_hears_when_there_is_room),
    cmocka_unit_test(one_callback_is_right_for_workers_and_helpers),
    cmocka_unit_test(what_is_refused_of_a_batch_is_set_aside),
    cmocka_unit_test(io_uring_polls_the_descriptor),
};

} // namespace

HO_TEST_MAIN(tests)
