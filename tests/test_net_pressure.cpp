/* SPDX-License-Identifier: MIT */
/* The entrypoint over TCP under shortage: of room, memory, readers, descriptors, time. */
#include "net_world.hpp"

#include <memory>
#include <sys/resource.h>
#include <vector>

namespace {

std::string numbered(int i, std::size_t size = 0)
{
    auto text = "0 number " + std::to_string(i);
    if (text.size() < size)
        text.resize(size, static_cast<char>('a' + i % 26));
    return text;
}

void a_full_service_holds_its_connections_and_loses_nothing(void **)
{
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    w.options.limit.frame_time = 100ms; /* waiting for us must not count */
    handoff::service_options lanes;
    lanes.lane_slots = 4;
    w.open(lanes);
    w.work(1);
    net_peer to_stalled(w);
    net_peer to_busy(w);
    std::string all;
    for (int i = 0; i < 300; ++i)
        all += net_peer::framed(numbered(i));
    to_stalled.write(all.substr(0, all.size() / 2));
    w.await(&net::counters::stalled, 1);
    CHECK(w.entry.read().received == 4);
    std::this_thread::sleep_for(250ms);
    CHECK(to_busy.echoes("1 not disturbed"));
    to_stalled.write(all.substr(all.size() / 2));
    w.work(0);
    for (int i = 0; i < 300; ++i)
        CHECK(to_stalled.hear() == numbered(i));
    CHECK(w.entry.read().received == 301 && w.entry.read().closed_late == 0);
    w.stop_and_close();
}

/* One service hangs and gets a small message for each segment of the other's traffic: more of them than the arena has
 * segments. Later it gets all of them. */
void hang(net::transport kind)
{
    constexpr int segments = 40;
    constexpr int per_segment = (256 << 10) / 1900;
    net_world w(kind);
    w.options.threads = 1;
    handoff::arena_options memory;
    memory.budget_bytes = 16 * (256 << 10);
    w.open({}, memory);
    w.work(0);
    net_peer busy(w);
    net_peer stuck(w);
    for (int i = 0; i < segments; ++i) {
        for (int k = 0; k < per_segment; ++k)
            CHECK(busy.echoes(numbered(k, 1900)));
        stuck.say("1 tiny " + std::to_string(i));
    }
    const auto late = *w.echoes[1].read_stats();
    CHECK(late.straggler_copies > 0 && late.full == 0 && late.messages_dropped == 0);
    CHECK(w.entry.read().arena_full == 0);
    CHECK(w.received.read_stats()->segments_peak <= 10);
    CHECK(w.echoes[0].read_stats()->straggler_copies == 0);
    w.work(1);
    for (int i = 0; i < segments; ++i)
        CHECK(stuck.hear() == "1 tiny " + std::to_string(i));
    w.stop_and_close();
}

void a_service_that_hangs_stops_no_other(void **)
{
    hang(net::transport::udp);
    hang(net::transport::tcp);
}

void without_memory_reading_waits_and_loses_nothing(void **)
{
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    handoff::service_options lanes;
    lanes.lane_slots = 8192;
    handoff::arena_options memory;
    memory.budget_bytes = 512u << 10; /* two segments */
    w.open(lanes, memory);
    net_peer peer(w);
    std::thread talk([&] {
        for (int i = 0; i < 2000; ++i)
            peer.say(numbered(i, 1000));
    });
    w.await(&net::counters::arena_full, 1);
    CHECK(w.entry.read().received < 2000);
    w.work();
    for (int i = 0; i < 2000; ++i)
        CHECK(peer.hear() == numbered(i, 1000));
    talk.join();
    w.stop_and_close();
}

void a_peer_that_does_not_read_is_closed_and_disturbs_nobody(void **)
{
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    w.options.limit.queued_bytes = 100000;
    w.open();
    w.work();
    net_peer deaf(w, 4096);
    net_peer innocent(w);
    const auto frame = net_peer::framed(numbered(1, 2000));
    while (w.entry.read().closed_slow == 0) {
        send(deaf.fd(), frame.data(), frame.size(), MSG_NOSIGNAL);
        CHECK(innocent.echoes("1 not disturbed"));
    }
    CHECK(innocent.echoes("0 nor now"));
    CHECK(w.entry.read().connections == 1);
    w.stop_and_close();
}

void an_answer_for_a_closed_connection_reaches_nobody(void **)
{
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    w.open();
    {
        net_peer gone(w);
        for (int i = 0; i < 10; ++i)
            gone.say(numbered(i));
        w.await(&net::counters::received, 10);
        gone.reset(); /* else it might still listen */
    }
    w.await(&net::counters::closed_by_peer, 1);
    net_peer next(w); /* in the same slot */
    next.say("0 mine");
    w.await(&net::counters::received, 11);
    w.work();
    CHECK(next.hear() == "0 mine");
    CHECK(next.silent());
    w.await(&net::counters::answered, 1);
    CHECK(w.entry.read().answers_gone == 10 && w.entry.read().answered == 1);
    w.stop_and_close();
}

void more_connections_than_allowed_are_refused(void **)
{
    net_world w(net::transport::tcp);
    w.options.limit.connections = 2;
    w.open();
    w.work();
    net_peer first(w);
    auto second = std::make_unique<net_peer>(w);
    CHECK(first.echoes("0") && second->echoes("1"));
    CHECK(net_peer(w).ended());
    CHECK(w.entry.read().refused == 1);
    CHECK(first.echoes("0") && second->echoes("1"));
    second.reset();
    w.await(&net::counters::closed_by_peer, 1);
    CHECK(net_peer(w).echoes("0 there is room again"));
    w.stop_and_close();
}

void hundreds_come_and_go_in_the_middle_of_frames(void **)
{
    net_world w(net::transport::tcp);
    w.open();
    w.work();
    net_peer innocent(w);
    const auto frame = net_peer::framed("0" + std::string(900, 'x'));
    for (int i = 0; i < 500; ++i) {
        net_peer hasty(w);
        hasty.write(frame + frame.substr(0, static_cast<std::size_t>(i) % frame.size()));
        if (i % 50 == 0)
            CHECK(innocent.echoes("1 not disturbed"));
    }
    w.await(&net::counters::closed_by_peer, 500);
    CHECK(innocent.echoes("1 not disturbed"));
    CHECK(w.entry.read().connections == 1 && w.entry.read().accepted == 501);
    w.stop_and_close();
}

void without_descriptors_accepting_waits_and_goes_on(void **)
{
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    w.open();
    w.work();
    net_peer before(w);
    CHECK(before.echoes("0"));
    rlimit was{};
    CHECK(getrlimit(RLIMIT_NOFILE, &was) == 0);
    {
        const int next = dup(0); /* the lowest free descriptor goes to the peer, none is left */
        ::close(next);
        const rlimit tight{static_cast<rlim_t>(next) + 1, was.rlim_max};
        CHECK(setrlimit(RLIMIT_NOFILE, &tight) == 0);
        net_peer waiting(w);
        w.await(&net::counters::accept_errors, 2);
        CHECK(before.echoes("0 still served"));
        CHECK(setrlimit(RLIMIT_NOFILE, &was) == 0);
        CHECK(waiting.echoes("0 at last"));
    }
    w.stop_and_close();
}

void stop_under_load_leaves_nothing_out_and_sends_every_answer(void **)
{
    net_world w(net::transport::tcp);
    w.open();
    w.work();
    std::atomic<bool> on{true};
    std::vector<std::unique_ptr<net_peer>> peers;
    std::vector<std::thread> loads;
    for (int i = 0; i < 4; ++i) {
        peers.push_back(std::make_unique<net_peer>(w));
        loads.emplace_back([&on, fd = peers.back()->fd()] {
            const auto frames = net_peer::framed(numbered(1, 300)) + net_peer::framed("1") +
                                net_peer::framed(numbered(2, 1500)).substr(0, 700);
            const auto rest = net_peer::framed(numbered(2, 1500)).substr(700);
            char room[4096];
            while (on && send(fd, frames.data(), frames.size(), MSG_NOSIGNAL) > 0 &&
                   send(fd, rest.data(), rest.size(), MSG_NOSIGNAL) > 0)
                while (recv(fd, room, sizeof(room), MSG_DONTWAIT) > 0)
                    ;
            while (on && recv(fd, room, sizeof(room), 0) > 0)
                ;
        });
    }
    w.await(&net::counters::received, 5000);
    CHECK_CODE(w.entry.stop(in_time), handoff::errc::ok);
    on = false;
    for (auto &each : loads)
        each.join();
    const auto end = w.entry.read();
    CHECK(end.connections == 0 && end.answered == end.received);
    w.close();
}

void stop_with_a_stuck_service_returns_in_time_and_what_it_holds_can_come_back(void **)
{
    net_world w(net::transport::tcp);
    handoff::service_options lanes;
    lanes.lane_slots = 4;
    w.open(lanes);
    net_peer peer(w);
    for (int i = 0; i < 20; ++i)
        peer.say(numbered(i));
    peer.write(net_peer::framed("0 unfinished").substr(0, 9));
    w.await(&net::counters::stalled, 1);
    const auto begun = std::chrono::steady_clock::now();
    CHECK_CODE(w.entry.stop(50ms), handoff::errc::timeout);
    CHECK(std::chrono::steady_clock::now() - begun < in_time);
    CHECK(w.entry.read().received == 4 && w.entry.read().undeliverable > 0);
    w.work();
    w.close();
}

void a_start_that_fails_leaves_nothing_and_can_be_tried_again(void **)
{
    net_world w(net::transport::tcp);
    w.open();
    w.work();
    const auto received = *handoff::arena::open(w.root);
    const net::services behind{
        w.root.raw(), received.raw(), w.egress.raw(), {w.echoes[0].raw(), w.echoes[1].raw()}};
    net::entrypoint other;
    auto with = w.options;
    with.threads = 1;
    with.port = w.entry.port_number(); /* taken, and not shared */
    CHECK(other.start(with, behind));
    with.port = 0;
    CHECK_CODE(other.start(with, behind), handoff::errc::busy); /* the partitions are taken */
    with.first_partition = 8;
    CHECK_CODE(other.start(with, behind), handoff::errc::range); /* egress has no more */
    with.first_partition = 2;
    with.address = "nowhere";
    CHECK(other.start(with, behind));
    with.address = "127.0.0.1";
    CHECK(!other.start(with, behind));
    CHECK(other.port_number() != 0 && other.port_number() != w.entry.port_number());
    CHECK_CODE(other.stop(in_time), handoff::errc::ok);
    w.stop_and_close();
}

void options_out_of_range_are_refused(void **)
{
    net::options good;
    good.routing = [](handoff::const_bytes, std::uint64_t) { return net::route{0, 0}; };
    const net::services nowhere{};
    /* The message begins with the option. */
    const auto refused = [&](const std::string &option, auto change) {
        auto bad = good;
        change(bad);
        net::entrypoint entry;
        const auto error = entry.start(bad, nowhere);
        return error == std::errc::invalid_argument && error.message().find(option + " ") == 0;
    };
    CHECK(refused("routing", [](net::options &o) { o.routing = nullptr; }));
    CHECK(refused("threads", [](net::options &o) { o.threads = 0; }));
    CHECK(refused("threads", [](net::options &o) { o.threads = 1025; }));
    CHECK(refused("first_partition", [](net::options &o) { o.first_partition = 1024; }));
    CHECK(refused("limit.frame_bytes", [](net::options &o) { o.limit.frame_bytes = 0; }));
    CHECK(refused("limit.frame_bytes", [](net::options &o) { o.limit.frame_bytes = 0xffffffffu; }));
    CHECK(refused("limit.connections", [](net::options &o) { o.limit.connections = 0; }));
    CHECK(refused("limit.connections", [](net::options &o) { o.limit.connections = 0xffffffffu; }));
    CHECK(refused("limit.frame_time", [](net::options &o) { o.limit.frame_time = 0ms; }));
    CHECK(refused("limit.peer_idle", [](net::options &o) { o.limit.peer_idle = -1ms; }));
    CHECK(refused("limit.queued_bytes", [](net::options &o) { o.limit.queued_bytes = 0; }));
    CHECK(refused("rest", [](net::options &o) { o.rest = -1us; }));
    CHECK(refused("rest", [](net::options &o) { o.rest = 1s; }));
    CHECK(refused("limit.queued_bytes",
                  [](net::options &o) { o.limit.queued_bytes = o.limit.frame_bytes - 1; }));
    CHECK(refused("limit.waiting_bytes", [](net::options &o) { o.limit.waiting_bytes = 0; }));
    CHECK(refused("limit.idle_time", [](net::options &o) { o.limit.idle_time = 0ms; }));
    CHECK(refused("limit.keep_alive", [](net::options &o) { o.limit.keep_alive = 0ms; }));
    CHECK(refused("limit.write_time", [](net::options &o) { o.limit.write_time = 0ms; }));
    net::entrypoint entry;
    CHECK(entry.start(good, nowhere)); /* no such domain */
    CHECK(entry.port_number() == 0 && entry.read().received == 0);
    CHECK_CODE(entry.stop(0s), handoff::errc::ok);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_full_service_holds_its_connections_and_loses_nothing),
    cmocka_unit_test(a_service_that_hangs_stops_no_other),
    cmocka_unit_test(without_memory_reading_waits_and_loses_nothing),
    cmocka_unit_test(a_peer_that_does_not_read_is_closed_and_disturbs_nobody),
    cmocka_unit_test(an_answer_for_a_closed_connection_reaches_nobody),
    cmocka_unit_test(more_connections_than_allowed_are_refused),
    cmocka_unit_test(hundreds_come_and_go_in_the_middle_of_frames),
    cmocka_unit_test(without_descriptors_accepting_waits_and_goes_on),
    cmocka_unit_test(stop_under_load_leaves_nothing_out_and_sends_every_answer),
    cmocka_unit_test(stop_with_a_stuck_service_returns_in_time_and_what_it_holds_can_come_back),
    cmocka_unit_test(a_start_that_fails_leaves_nothing_and_can_be_tried_again),
    cmocka_unit_test(options_out_of_range_are_refused),
};

} // namespace

HO_TEST_MAIN(tests)
