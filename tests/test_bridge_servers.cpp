/* SPDX-License-Identifier: MIT */
/* Servers with their own sockets over a bridge, with real clients: epoll, Asio. */
#include "bridge_servers.hpp"

namespace {

template <class Server> using servers = std::vector<std::unique_ptr<Server>>;

template <class Server> servers<Server> start(bridge_world &w, std::uint16_t threads)
{
    servers<Server> all;
    for (std::uint16_t thread = 0; thread < threads; ++thread)
        all.push_back(std::make_unique<Server>(w, thread));
    w.start();
    return all;
}

/* Every answer is sent then. */
template <class Server> void stop(servers<Server> &all)
{
    for (auto &each : all)
        each->tell_to_stop();
    for (auto &each : all)
        each->stop();
}

/* Clients at once, each on a thread of its own; they say frames that nobody waits for and hear them, in order. */
template <class Server>
std::vector<std::thread> echoes(servers<Server> &all, std::uint32_t clients, std::uint32_t frames)
{
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < clients; ++i)
        threads.emplace_back([port = all[i % all.size()]->port(), i, frames] {
            bridge_client(port, i).echo(frames);
        });
    return threads;
}

void join(std::vector<std::thread> &threads)
{
    for (auto &each : threads)
        each.join();
}

template <class Server>
void echo_with(std::uint16_t network_threads, std::uint32_t workers, std::uint32_t clients)
{
    bridge_world w(network_threads, workers);
    auto all = start<Server>(w, network_threads);
    auto peers = echoes(all, clients, 400);
    join(peers);
    stop(all);
    std::uint64_t answers = 0;
    for (auto &each : all)
        answers += each->counts.answers;
    CHECK(answers == std::uint64_t{400} * clients);
    all.clear();
    w.close();
}

template <class Server> void one_thread_and_one_worker(void **)
{
    echo_with<Server>(1, 1, 8);
}
template <class Server> void one_thread_and_several_workers(void **)
{
    echo_with<Server>(1, 3, 8);
}
template <class Server> void several_threads_and_workers(void **)
{
    echo_with<Server>(2, 3, 12);
}

/* Frames of four connections in turn, whose answers come all at once. */
template <class Server> void answers_of_a_connection_are_one_send(void **)
{
    bridge_world w(1, 1);
    std::unique_lock<std::mutex> held(w.gate);
    auto all = start<Server>(w, 1);
    std::vector<bridge_client> clients;
    for (std::uint32_t i = 0; i < 4; ++i)
        clients.emplace_back(all[0]->port(), i);
    for (std::uint32_t round = 0; round < 40; ++round)
        for (auto &each : clients) {
            const auto before = w.game_now().messages_in;
            each.say(round, 1);
            await([&] { return w.accepted(before + 1); });
        }
    held.unlock();
    for (auto &each : clients)
        each.hear(40);
    stop(all);
    CHECK(all[0]->counts.answers == 160 && all[0]->counts.runs <= 40); /* 160 one by one */
    all.clear();
    w.close();
}

template <class Server> void answers_for_one_that_has_gone_reach_nobody(void **)
{
    bridge_world w(1, 1);
    std::unique_lock<std::mutex> held(w.gate);
    auto all = start<Server>(w, 1);
    auto &counts = all[0]->counts;
    auto old = std::make_unique<bridge_client>(all[0]->port(), 1);
    old->say(0, 50);
    await([&] { return w.accepted(50); });
    const std::uint64_t old_id = counts.last_id;
    old.reset();
    await([&] { return counts.connections == 0; });
    bridge_client next(all[0]->port(), 2);
    await([&] { return counts.connections == 1; });
    CHECK((counts.last_id ^ old_id) >> 32 == 0 && counts.last_id != old_id); /* in its slot */
    held.unlock();
    next.echo(100); /* the first that it hears is its own */
    CHECK(next.silent());
    stop(all);
    CHECK(counts.gone == 50 && counts.answers == 100);
    all.clear();
    w.close();
}

/* While nobody works, the arena is used up; reading waits. */
template <class Server> void what_waits_for_memory_is_not_lost(void **)
{
    handoff::service_options lanes;
    lanes.lane_slots = 8192;
    handoff::arena_options memory;
    memory.budget_bytes = 7 * 65536;
    bridge_world w(1, 1, lanes, memory);
    std::unique_lock<std::mutex> held(w.gate);
    auto all = start<Server>(w, 1);
    auto peers = echoes(all, 4, 1000);
    await([&] { return w.received.read_stats().value.full >= 4; });
    held.unlock();
    join(peers);
    CHECK(w.game_now().messages_in == 4000);
    stop(all);
    all.clear();
    w.close();
}

template <class Server> void what_waits_for_a_lane_is_not_lost(void **)
{
    handoff::service_options lanes;
    lanes.lane_slots = 16;
    bridge_world w(1, 2, lanes);
    std::unique_lock<std::mutex> held(w.gate);
    auto all = start<Server>(w, 1);
    auto peers = echoes(all, 4, 400);
    await([&] { return w.game_now().full >= 4; });
    held.unlock();
    join(peers);
    CHECK(w.game_now().messages_in == 1600);
    stop(all);
    all.clear();
    w.close();
}

/* 5,000 messages are with the service when the one network thread is told to stop. */
template <class Server> void a_stop_loses_no_answer(void **)
{
    handoff::service_options lanes;
    lanes.lane_slots = 8192;
    bridge_world w(1, 1, lanes);
    std::unique_lock<std::mutex> held(w.gate);
    auto all = start<Server>(w, 1);
    std::vector<bridge_client> clients;
    for (std::uint32_t i = 0; i < 5; ++i) {
        clients.emplace_back(all[0]->port(), i);
        clients.back().say(0, 1000);
    }
    await([&] { return w.accepted(5000); });
    all[0]->tell_to_stop();
    await([&] { return w.still_game.expired(); });
    held.unlock();
    std::vector<std::thread> listeners;
    for (auto &each : clients)
        listeners.emplace_back([&each] { each.hear(1000); });
    join(listeners);
    stop(all);
    CHECK(all[0]->counts.answers == 5000 && all[0]->counts.gone == 0);
    all.clear();
    w.close();
}

/* The same where what was received still waits for room. */
template <class Server> void a_stop_sends_what_was_paused(void **)
{
    handoff::service_options lanes;
    lanes.lane_slots = 16;
    bridge_world w(1, 1, lanes);
    std::unique_lock<std::mutex> held(w.gate);
    auto all = start<Server>(w, 1);
    bridge_client one(all[0]->port(), 1);
    one.say(0, 20);
    await([&] { return w.game_now().full >= 1; });
    all[0]->tell_to_stop();
    held.unlock();
    one.hear(20);
    stop(all);
    all.clear();
    w.close();
}

/* One that reads nothing for a while, whose answers its socket has no room for. */
template <class Server> void a_slow_reader_gets_every_answer(void **)
{
    bridge_world w(1, 1);
    auto all = start<Server>(w, 1);
    bridge_client slow(all[0]->port(), 1, 4096);
    std::thread writer([&] { slow.say(0, 12000); });
    await([&] { return w.accepted(12000); });
    slow.hear(12000);
    writer.join();
    stop(all);
    all.clear();
    w.close();
}

/* All that is sent is dealt with after the stop, in one turn, and a lane of egress has 1,024 slots. */
void a_thread_that_is_worker_too_loses_no_answer(void **)
{
    handoff::service_options lanes;
    lanes.lane_slots = 8192;
    lanes.partitions = 16;
    auto root = *handoff::domain::create();
    auto received = *handoff::arena::open(root);
    auto answered = *handoff::arena::open(root);
    auto game = std::make_shared<handoff::service>(*handoff::service::open(root, lanes));
    auto egress = std::make_shared<handoff::service>(*handoff::service::open(root));
    auto bridge = *handoff::bridge<int>::open(received, *egress);
    auto to_game = *handoff::producer::open(*game, bridge.memory());
    auto requests = *handoff::consumer::open(*game);
    auto helper = *handoff::helper::open(requests, to_game);
    auto memory = *handoff::shard::open(answered);
    auto answers = *handoff::producer::open(*egress, memory);
    int connection = 0;
    const auto id = *bridge.add(connection);
    for (std::uint64_t i = 0; i < 5000; ++i)
        CHECK_CODE(to_game.give_copy("x", {i, id}), errc::ok);
    game.reset();
    std::uint64_t lost = 0;
    std::size_t heard = 0;
    const auto work = [&](handoff::span<ho_buf> messages) {
        for (auto &each : messages) {
            ho_net_answer(&each, each.value);
            lost += ho_forward(answers.raw(), &each, 1, 0, nullptr) != HO_OK;
        }
    };
    const auto send = [&](int &, handoff::span<ho_buf> run) { heard += run.size(); };
    std::error_code error;
    while (!error)
        error = docs::help(helper, bridge, work, send);
    CHECK_CODE(error, errc::closed);
    egress.reset();
    CHECK_CODE(bridge.drain(send).error, errc::closed);
    CHECK(heard == 5000 && lost == 0);
}

#define ON_BOTH(test)                                                                              \
    {#test " (epoll)", test<epoll_server>, nullptr, nullptr, nullptr},                             \
    {                                                                                              \
#test " (asio)", test < asio_server>, nullptr, nullptr, nullptr                            \
    }

const CMUnitTest tests[] = {
    ON_BOTH(one_thread_and_one_worker),
    ON_BOTH(one_thread_and_several_workers),
    ON_BOTH(several_threads_and_workers),
    ON_BOTH(answers_of_a_connection_are_one_send),
    ON_BOTH(answers_for_one_that_has_gone_reach_nobody),
    ON_BOTH(what_waits_for_memory_is_not_lost),
    ON_BOTH(what_waits_for_a_lane_is_not_lost),
    ON_BOTH(a_stop_loses_no_answer),
    ON_BOTH(a_stop_sends_what_was_paused),
    ON_BOTH(a_slow_reader_gets_every_answer),
    cmocka_unit_test(a_thread_that_is_worker_too_loses_no_answer),
};

} // namespace

HO_TEST_MAIN(tests)
