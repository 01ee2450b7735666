/* SPDX-License-Identifier: MIT */
/* The entrypoint over UDP, with real sockets. */
#include "net_world.hpp"

#include <memory>
#include <sys/wait.h>
#include <vector>

namespace {

void a_datagram_comes_back_from_the_service_that_its_route_names(void **)
{
    net_world w(net::transport::udp);
    w.open();
    w.work();
    net_peer peer(w);
    CHECK(peer.echoes("0 hello"));
    CHECK(peer.echoes("1"));
    CHECK(peer.echoes("1" + std::string(2047, 'x')));
    w.await(&net::counters::answered, 3);
    const auto now = w.entry.read();
    CHECK(now.received == 3 && now.answered == 3 && now.copies == 0);
    CHECK(now.received_bytes == 7 + 1 + 2048 && now.answered_bytes == now.received_bytes);
    CHECK(now.connections == 1 && now.accepted == 1);
    w.stop_and_close();
}

void a_network_thread_fills_one_segment_for_all_services(void **)
{
    net_world w(net::transport::udp);
    w.options.threads = 1;
    w.open();
    w.work();
    net_peer peer(w);
    CHECK(peer.echoes("0") && peer.echoes("1"));
    const auto received = w.received.read_stats();
    CHECK(received && received.value.shards == 1 && received.value.segments_peak == 1);
    const auto unused = w.unused.read_stats();
    CHECK(unused && unused.value.shards == 2 && unused.value.segments_peak == 0);
    w.stop_and_close();
}

void a_message_carries_its_connection_and_the_key_of_the_route(void **)
{
    net_world w(net::transport::udp);
    w.options.first_partition = 7;
    w.options.threads = 1;
    w.key_mask = 0xff;
    w.open();
    w.work();
    net_peer peer(w);
    CHECK(peer.echoes("0"));
    CHECK(ho_net_to(w.last_value) == 7);
    CHECK(w.last_key == (w.last_value & 0xff));
    w.stop_and_close();
}

void each_of_many_peers_gets_its_own_answers(void **)
{
    net_world w(net::transport::udp);
    w.open();
    w.work();
    std::vector<std::unique_ptr<net_peer>> peers;
    for (int i = 0; i < 200; ++i)
        peers.push_back(std::make_unique<net_peer>(w));
    for (int round = 0; round < 5; ++round) {
        for (std::size_t i = 0; i < peers.size(); ++i)
            peers[i]->say(std::to_string(i % 2) + " from " + std::to_string(i));
        for (std::size_t i = 0; i < peers.size(); ++i)
            CHECK(peers[i]->hear() == std::to_string(i % 2) + " from " + std::to_string(i));
    }
    CHECK(w.entry.read().connections == 200);
    w.await(&net::counters::answered, 1000);
    CHECK(w.entry.read().received == 1000 && w.entry.read().answered == 1000);
    w.stop_and_close();
}

void workers_share_a_service(void **)
{
    net_world w(net::transport::udp);
    handoff::service_options shared;
    shared.partitions = 64;
    w.together = true;
    w.open(shared);
    w.work();
    std::vector<std::unique_ptr<net_peer>> peers;
    for (int i = 0; i < 100; ++i)
        peers.push_back(std::make_unique<net_peer>(w));
    for (int round = 0; round < 20; ++round) {
        for (std::size_t i = 0; i < peers.size(); ++i)
            peers[i]->say("0 from " + std::to_string(i));
        for (std::size_t i = 0; i < peers.size(); ++i)
            CHECK(peers[i]->hear() == "0 from " + std::to_string(i));
    }
    w.stop_and_close();
    CHECK(w.served == 2000); /* counted behind the answer, which a peer may hear before that */
}

void a_child_of_fork_leaves_the_entrypoint_alone(void **)
{
    net_world w(net::transport::udp);
    w.open();
    w.work();
    const auto child = fork();
    if (child == 0) {
        alarm(HARNESS_NEVER_S); /* not to wait for threads that are not there */
        if (w.entry.stop(0s) != handoff::errc::forked ||
            w.entry.start(w.options, net::port_factory()) == std::error_code())
            _exit(1);
        w.entry.~entrypoint();
        _exit(0);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    net_peer peer(w);
    CHECK(peer.echoes("0 still there"));
    w.stop_and_close();
}

void ipv6_works_too(void **)
{
    net_world w(net::transport::udp);
    w.options.address = "::1";
    w.options.threads = 1;
    const int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = in6addr_loopback;
    const bool there = fd >= 0 && bind(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to)) == 0;
    if (there) {
        w.open();
        w.work();
        to.sin6_port = htons(w.entry.port_number());
        CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
        CHECK(connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to)) == 0);
        CHECK(send(fd, "1six", 4, 0) == 4);
        char got[8];
        CHECK(recv(fd, got, sizeof(got), 0) == 4 && std::memcmp(got, "1six", 4) == 0);
        CHECK_CODE(w.entry.stop(in_time), handoff::errc::ok);
    }
    close(fd);
    w.close();
    if (!there)
        skip(); /* this system has no IPv6 */
}

void datagrams_that_break_a_rule_are_dropped_and_counted(void **)
{
    net_world w(net::transport::udp);
    w.options.limit.frame_bytes = 100;
    w.open();
    w.work();
    net_peer bad(w);
    net_peer good(w);
    bad.say("");
    bad.say("0" + std::string(100, 'x'));
    bad.say("7 no such service");
    bad.say("! the route throws");
    CHECK(good.echoes("0" + std::string(99, 'x')));
    w.await(&net::counters::dropped_length, 2);
    w.await(&net::counters::dropped_rejected, 2);
    CHECK(bad.silent());
    CHECK(bad.echoes("0 and goes on"));
    w.stop_and_close();
}

void a_full_service_costs_only_its_own_datagrams(void **)
{
    net_world w(net::transport::udp);
    w.options.threads = 1;
    handoff::service_options lanes;
    lanes.lane_slots = 4;
    w.open(lanes);
    w.work(1);
    net_peer to_stalled(w);
    net_peer to_busy(w);
    for (int i = 0; i < 50; ++i) {
        to_stalled.say("0 number " + std::to_string(i));
        CHECK(to_busy.echoes("1"));
    }
    w.await(&net::counters::dropped_full, 46);
    w.work(0);
    for (int i = 0; i < 4; ++i)
        CHECK(to_stalled.hear() == "0 number " + std::to_string(i));
    CHECK(to_stalled.echoes("0 again"));
    CHECK(w.entry.read().dropped_full == 46 && w.entry.read().received == 50 + 4 + 1);
    w.stop_and_close();
}

void what_overflows_the_socket_is_counted(void **)
{
    net_world w(net::transport::udp);
    w.options.threads = 1;
    w.options.socket_bytes = 4096;
    std::atomic<bool> holding{false};
    std::atomic<bool> held{true};
    w.options.routing = [&](handoff::const_bytes, std::uint64_t connection) {
        holding = true;
        while (held)
            std::this_thread::yield();
        return net::route{0, connection};
    };
    w.open();
    w.work();
    net_peer peer(w);
    peer.say("0 alone");
    while (!holding)
        std::this_thread::yield();
    std::uint64_t said = 1;
    for (; said < 1000; ++said)
        peer.say("0 one of many");
    CHECK(w.entry.read().dropped_kernel == 0);
    held = false;
    /* The next that fits tells. Or the test's watchdog does. */
    for (; w.entry.read().dropped_kernel == 0; ++said)
        peer.say("0 and one more");
    const auto now = w.entry.read();
    CHECK(now.received + now.dropped_kernel <= said);
    w.stop_and_close();
}

void without_memory_the_datagrams_wait_in_the_socket(void **)
{
    net_world w(net::transport::udp);
    w.options.threads = 1;
    w.options.limit.frame_bytes = 60000;
    handoff::arena_options memory;
    memory.budget_bytes = 256u << 10; /* four loans; six messages, with what commits give back */
    w.open({}, memory);
    net_peer peer(w);
    const auto numbered = [](int i) {
        return "0 number " + std::to_string(i) + std::string(10000, 'z');
    };
    for (int i = 0; i < 12; ++i)
        peer.say(numbered(i));
    w.await(&net::counters::arena_full, 1);
    CHECK(w.entry.read().received < 12);
    w.work();
    for (int i = 0; i < 12; ++i)
        CHECK(peer.hear() == numbered(i));
    w.stop_and_close();
}

void an_answer_for_a_forgotten_peer_reaches_nobody(void **)
{
    net_world w(net::transport::udp);
    w.options.threads = 1;
    w.options.limit.connections = 1;
    w.options.limit.peer_idle = 1ms;
    w.open();
    net_peer first(w);
    first.say("0 for the first");
    w.await(&net::counters::received, 1);
    std::this_thread::sleep_for(20ms);
    net_peer second(w);
    second.say("0 for the second");
    w.await(&net::counters::received, 2);
    CHECK(w.entry.read().evicted == 1);
    w.work();
    CHECK(second.hear() == "0 for the second");
    w.await(&net::counters::answers_gone, 1);
    CHECK(second.silent() && first.silent());
    w.stop_and_close();
}

void busy_peers_are_not_forgotten_for_strangers(void **)
{
    net_world w(net::transport::udp);
    w.options.threads = 1;
    w.options.limit.connections = 2;
    w.open();
    w.work();
    net_peer first(w);
    net_peer second(w);
    for (int i = 0; i < 2; ++i) /* the second message proves them */
        CHECK(first.echoes("0") && second.echoes("1"));
    for (int i = 0; i < 10; ++i)
        net_peer(w).say("0 let me in");
    w.await(&net::counters::dropped_peer, 10);
    CHECK(first.echoes("0 still") && second.echoes("1 here"));
    CHECK(w.entry.read().evicted == 0 && w.entry.read().connections == 2);
    w.stop_and_close();
}

void stop_under_load_leaves_nothing_out(void **)
{
    net_world w(net::transport::udp);
    w.open();
    w.work();
    std::atomic<bool> on{true};
    std::thread load([&] {
        net_peer peer(w);
        const std::string message = "0" + std::string(500, 'y');
        while (on) {
            send(peer.fd(), message.data(), message.size(), MSG_DONTWAIT);
            char room[1024];
            while (recv(peer.fd(), room, sizeof(room), MSG_DONTWAIT) > 0)
                ;
        }
    });
    w.await(&net::counters::received, 1000);
    CHECK_CODE(w.entry.stop(in_time), handoff::errc::ok);
    const auto end = w.entry.read();
    CHECK(end.answered == end.received && end.answers_unsent == 0);
    on = false;
    load.join();
    w.close();
}

void stop_with_a_stuck_service_returns_in_time_and_what_it_holds_can_come_back(void **)
{
    net_world w(net::transport::udp);
    w.open();
    net_peer peer(w);
    for (int i = 0; i < 20; ++i)
        peer.say("0 held");
    w.await(&net::counters::received, 20);
    const auto begun = std::chrono::steady_clock::now();
    CHECK_CODE(w.entry.stop(50ms), handoff::errc::timeout);
    CHECK(std::chrono::steady_clock::now() - begun < in_time);
    w.work(); /* its answers have nowhere to go: the worker returns them */
    w.close();
}

void stop_with_a_past_deadline_waits_for_no_answer(void **)
{
    net_world w(net::transport::udp);
    w.open();
    net_peer peer(w);
    peer.say("0 held");
    w.await(&net::counters::received, 1);
    CHECK_CODE(w.entry.stop(-1ns), handoff::errc::timeout);
    w.work();
    w.close();
}

void stop_with_forever_waits_for_a_late_answer(void **)
{
    net_world w(net::transport::udp);
    w.open();
    net_peer peer(w);
    peer.say("0 held");
    w.await(&net::counters::received, 1);
    std::thread late([&w] {
        std::this_thread::sleep_for(50ms);
        w.work();
    });
    const auto error = w.entry.stop(handoff::forever);
    late.join();
    CHECK(!error && w.entry.read().answered == 1);
    w.close();
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_datagram_comes_back_from_the_service_that_its_route_names),
    cmocka_unit_test(a_network_thread_fills_one_segment_for_all_services),
    cmocka_unit_test(a_message_carries_its_connection_and_the_key_of_the_route),
    cmocka_unit_test(each_of_many_peers_gets_its_own_answers),
    cmocka_unit_test(workers_share_a_service),
    cmocka_unit_test(a_child_of_fork_leaves_the_entrypoint_alone),
    cmocka_unit_test(ipv6_works_too),
    cmocka_unit_test(datagrams_that_break_a_rule_are_dropped_and_counted),
    cmocka_unit_test(a_full_service_costs_only_its_own_datagrams),
    cmocka_unit_test(what_overflows_the_socket_is_counted),
    cmocka_unit_test(without_memory_the_datagrams_wait_in_the_socket),
    cmocka_unit_test(an_answer_for_a_forgotten_peer_reaches_nobody),
    cmocka_unit_test(busy_peers_are_not_forgotten_for_strangers),
    cmocka_unit_test(stop_under_load_leaves_nothing_out),
    cmocka_unit_test(stop_with_a_stuck_service_returns_in_time_and_what_it_holds_can_come_back),
    cmocka_unit_test(stop_with_a_past_deadline_waits_for_no_answer),
    cmocka_unit_test(stop_with_forever_waits_for_a_late_answer),
};

} // namespace

HO_TEST_MAIN(tests)
