/* SPDX-License-Identifier: MIT */
/* How TCP connections end: what was promised is delivered, and none stays forever. */
#include "net_world.hpp"

#include <cstdlib>
#include <memory>
#include <vector>

namespace {

constexpr std::size_t large = 2000;

std::string numbered(int i)
{
    auto text = "0 number " + std::to_string(i);
    text.resize(large, static_cast<char>('a' + i % 26));
    return text;
}

/* A peer with a small receive buffer has `count` answers on the way that it has not read. */
struct owed_world : net_world {
    owed_world() : net_world(net::transport::tcp)
    {
        options.threads = 1;
        options.limit.queued_bytes = 16u << 20;
    }

    void ask(net_peer &peer, int count)
    {
        for (int i = 0; i < count; ++i)
            peer.say(numbered(i));
    }

    static void hear(net_peer &peer, int count)
    {
        for (int i = 0; i < count; ++i)
            CHECK(peer.hear() == numbered(i));
    }
};

constexpr int many = 700; /* less than the kernel takes at once */

/* While the server stops the peer goes on asking, which would reset a connection that is closed. */
void what_stop_counted_as_answered_is_heard(void **)
{
    owed_world w;
    w.open();
    w.work();
    net_peer peer(w, 4096);
    w.ask(peer, many);
    w.await(&net::counters::answered, many);
    std::atomic<bool> on{true};
    std::thread more([&] {
        const auto question = net_peer::framed("0 late");
        while (on && send(peer.fd(), question.data(), question.size(), MSG_NOSIGNAL) > 0)
            std::this_thread::sleep_for(100us);
    });
    std::uint64_t heard = many;
    std::thread reader([&] {
        while (net_peer::accepted_by(w))
            std::this_thread::sleep_for(1ms);
        w.hear(peer, many); /* only when it stops */
        for (; !peer.ended(MSG_PEEK); ++heard)
            CHECK(peer.hear() == "0 late");
    });
    CHECK_CODE(w.entry.stop(in_time), handoff::errc::ok);
    const auto end = w.entry.read();
    on = false;
    more.join();
    reader.join();
    CHECK(heard == end.answered && end.unacknowledged == 0 && end.closed_at_stop >= 1);
    w.close();
}

void stop_says_so_if_a_peer_did_not_hear_all_in_time(void **)
{
    owed_world w;
    w.open();
    w.work();
    net_peer peer(w, 4096);
    w.ask(peer, many);
    w.await(&net::counters::answered, many);
    const auto begun = std::chrono::steady_clock::now();
    CHECK_CODE(w.entry.stop(50ms), handoff::errc::timeout);
    CHECK(std::chrono::steady_clock::now() - begun < in_time);
    CHECK(w.entry.read().unacknowledged == 1 && w.entry.read().answers_unsent == 0);
    w.hear(peer, many); /* the system goes on with it */
    CHECK(peer.ended());
    w.close();
}

/* A service that lags gets copies, which lie in no arena of the entrypoint's: one that messages come to, or another
 * that they are forwarded to from there. */
void stop_waits_for_the_answers_to_copies(bool forwarded)
{
    owed_world w;
    handoff::service_options lanes;
    lanes.lane_slots = 16384;
    handoff::arena_options small;
    small.budget_bytes = 8u * 256u << 10;
    auto next = *handoff::service::open(w.root, lanes);
    w.further = {next.raw()};
    w.open(lanes, small);
    w.work(1);
    auto to_next = *handoff::producer::open(next, w.shards[0]);
    auto from_next = *handoff::consumer::open(next);
    auto &lags = forwarded ? next : w.echoes[0];
    auto &from = forwarded ? from_next : w.messages[0];
    const auto pass_on = [&] {
        CHECK_CODE(w.messages[0].wait(in_time), handoff::errc::ok);
        CHECK_CODE(to_next.forward(std::move(*w.messages[0].take())), handoff::errc::ok);
    };
    net_peer late(w), good(w);
    std::uint64_t sent = 0;
    for (; lags.read_stats()->straggler_copies < 4; ++sent) {
        CHECK(sent < 10000);
        late.say("0 late");
        if (forwarded)
            pass_on();
        for (int i = 0; i < 140; ++i)
            CHECK(good.echoes("1" + numbered(i)));
    }
    w.await(&net::counters::received, sent * 141);
    const auto copies = lags.read_stats()->straggler_copies;
    CHECK(lags.read_stats()->straggler_out == copies);
    handoff::batch<1> one;
    for (auto originals = sent - copies; originals != 0; --originals) {
        CHECK_CODE(from.take(one), handoff::errc::ok);
        auto &message = one.bufs()[0];
        ho_net_answer(&message, message.value);
        CHECK(ho_forward(w.answers[0].raw(), &message, 1, 0, nullptr) == HO_OK);
    }
    w.await(&net::counters::answered, sent * 141 - copies);
    CHECK_CODE(w.entry.stop(100ms), handoff::errc::timeout);
    while (from.take(one) == handoff::errc::ok)
        ;
    CHECK_CODE(one.reset(), handoff::errc::ok);
    CHECK(lags.read_stats()->straggler_out == 0);
    to_next.reset();
    from_next.reset();
    w.close();
}

void stop_waits_for_the_answers_to_copies_too(void **)
{
    stop_waits_for_the_answers_to_copies(false);
    stop_waits_for_the_answers_to_copies(true);
}

void stop_does_not_wait_for_peers_that_stay_though_they_have_all(void **)
{
    owed_world w;
    w.open();
    w.work();
    net_peer peers[3] = {net_peer(w), net_peer(w), net_peer(w)};
    for (auto &each : peers)
        CHECK(each.echoes("0 here"));
    const auto begun = std::chrono::steady_clock::now();
    CHECK_CODE(w.entry.stop(no_limit), handoff::errc::ok);
    CHECK(std::chrono::steady_clock::now() - begun < in_time);
    CHECK(w.entry.read().closed_at_stop == 3);
    w.close();
}

/* What came before a bad frame is answered, and heard although more comes. */
void a_peer_that_breaks_a_rule_hears_what_it_is_owed(void **)
{
    owed_world w;
    w.open();
    w.work(1);
    const std::string bad[] = {net_peer::header(0), net_peer::framed("7 no such service")};
    std::vector<std::unique_ptr<net_peer>> peers;
    for (const auto &each : bad) {
        peers.push_back(std::make_unique<net_peer>(w, 4096));
        w.ask(*peers.back(), many / 2);
        peers.back()->write(each + std::string(100000, 'x'));
    }
    w.await(&net::counters::received, many / 2 * 2);
    w.work(0);
    for (auto &each : peers) {
        w.hear(*each, many / 2);
        CHECK(each->ended());
        each->reset();
    }
    w.await(&net::counters::closed_length, 1);
    w.await(&net::counters::closed_rejected, 1);
    w.await_connections(0);
    const auto end = w.entry.read();
    CHECK(end.closed_length == 1 && end.closed_rejected == 1 && end.answers_gone == 0);
    w.stop_and_close();
}

void a_half_closed_peer_gets_the_answers_it_is_owed(void **)
{
    owed_world w;
    w.open();
    net_peer peer(w, 4096);
    w.ask(peer, many);
    peer.write(net_peer::framed("0 cut off").substr(0, 6));
    peer.end();
    w.await(&net::counters::received, many);
    std::this_thread::sleep_for(50ms); /* the end is there, and no answer yet */
    CHECK(w.entry.read().connections == 1);
    w.work();
    w.hear(peer, many);
    CHECK(peer.ended());
    w.await(&net::counters::closed_by_peer, 1);
    CHECK(w.entry.read().answers_gone == 0 && w.entry.read().unacknowledged == 0);
    w.stop_and_close();
}

void a_half_closed_peer_that_no_answer_comes_for_is_closed_after_write_time(void **)
{
    owed_world w;
    w.options.limit.write_time = 100ms;
    w.open();
    net_peer peer(w);
    peer.say("0 never answered");
    w.await(&net::counters::received, 1);
    peer.end();
    CHECK(peer.ended());
    w.await(&net::counters::closed_by_peer, 1);
    w.work();
    w.await(&net::counters::answers_gone, 1);
    w.stop_and_close();
}

void silent_peers_are_closed_and_counted(void **)
{
    with_time_enough(500ms, [](std::chrono::milliseconds idle_time) {
        net_world w(net::transport::tcp);
        w.options.limit.idle_time = idle_time;
        w.open();
        w.work();
        silence between;
        net_peer talking(w);
        std::vector<std::unique_ptr<net_peer>> silent;
        bool goes_on = true;
        for (int i = 0; i < 100; ++i)
            silent.push_back(std::make_unique<net_peer>(w));
        await([&] {
            if (goes_on)
                between.broken_by([&] { goes_on = talking.offer(net_peer::framed("0")); });
            goes_on = goes_on && talking.still_hears("0");
            return w.entry.read().closed_idle >= silent.size();
        });
        const bool spoke_in_time = between.longest() < idle_time;
        CHECK(goes_on || !spoke_in_time);
        for (auto &each : silent)
            CHECK(each->ended());
        CHECK(w.entry.read().connections <= 1);
        CHECK(w.entry.read().closed_idle == silent.size() || !spoke_in_time);
        w.stop_and_close();
        return spoke_in_time;
    });
}

void a_peer_that_only_listens_is_not_silent(void **)
{
    with_time_enough(500ms, [](std::chrono::milliseconds idle_time) {
        net_world w(net::transport::tcp);
        w.options.threads = 1;
        w.options.limit.idle_time = idle_time;
        w.open();
        w.work();
        silence between;
        net_peer listener(w);
        net_peer silent(w);
        bool goes_on = true;
        between.broken_by([&] { goes_on = listener.offer(net_peer::framed("0 this is it")); });
        goes_on = goes_on && listener.still_hears("0 this is it");
        const std::uint64_t address = w.last_value;
        const auto tell = [&] {
            auto fresh = w.shards[1].reserve(64); /* worker 1 has nothing to do */
            CHECK(fresh);
            std::memcpy(fresh->data(), "news", 4);
            fresh->resize(4);
            ho_buf news = fresh->release();
            ho_net_answer(&news, address);
            CHECK_STATUS(ho_commit(w.answers[1].raw(), &news, 1, 0, nullptr), HO_OK);
            goes_on = listener.still_hears("news");
        };
        await([&] {
            if (goes_on)
                between.broken_by(tell);
            return w.entry.read().closed_idle != 0;
        });
        const bool told_in_time = between.longest() < idle_time;
        CHECK(goes_on || !told_in_time);
        CHECK(silent.ended());
        CHECK(w.entry.read().connections == 1 || !told_in_time);
        w.stop_and_close();
        return told_in_time;
    });
}

/* One has said nothing since, for the other something is on its way: both have lost power. */
void peers_that_are_gone_are_found(void **)
{
    net_world w(net::transport::tcp);
    w.options.limit.keep_alive = 1000ms;
    w.options.limit.write_time = 1000ms;
    w.open();
    net_peer quiet(w);
    net_peer owed(w);
    net_peer healthy(w);
    owed.say("0 and then no more");
    w.await(&net::counters::received, 1);
    w.await(&net::counters::accepted, 3);
    quiet.vanish();
    owed.vanish();
    w.work();
    w.await(&net::counters::closed_gone, 2);
    CHECK(healthy.echoes("0 not disturbed"));
    CHECK(w.entry.read().connections == 1);
    w.stop_and_close();
}

void stop_and_start_are_refused_on_a_network_thread(net::transport kind)
{
    net_world w(kind);
    net::options other;
    std::atomic<int> stopped{1};
    std::atomic<int> started{1};
    std::atomic<int> called{1};
    w.options.threads = 1;
    other.routing = w.options.routing;
    w.options.routing = [&](handoff::const_bytes message, std::uint64_t connection) {
        if (message.size() == 5 && std::memcmp(message.data(), "0stop", 5) == 0)
            stopped = w.entry.stop(in_time).value();
        if (message.size() == 6 && std::memcmp(message.data(), "0start", 6) == 0)
            started = w.entry.start(other, net::port_factory()).value();
        return net::route{0, connection};
    };
    w.helping = [&](std::uint32_t, std::uint32_t) {
        const auto work = [](void *ctx, ho_buf *, std::uint32_t) {
            auto &world = *static_cast<std::pair<net_world *, std::atomic<int> *> *>(ctx);
            *world.second = world.first->entry.stop(in_time).value();
        };
        static std::pair<net_world *, std::atomic<int> *> ctx;
        ctx = {&w, &called};
        return handoff::c_callback{work, &ctx};
    };
    handoff::service_options lanes;
    lanes.partitions = 2;
    w.open(lanes);
    net_peer peer(w);
    peer.say("0stop");
    peer.say("0start");
    w.await(&net::counters::received, 2);
    await([&] { return called != 1; });
    CHECK_STATUS(stopped, HO_E_REENTRANT);
    CHECK_STATUS(started, HO_E_REENTRANT);
    CHECK_STATUS(called, HO_E_REENTRANT);
    w.work();
    w.stop_and_close();
}

void stop_and_start_from_the_route_or_a_callback_are_refused(void **)
{
    stop_and_start_are_refused_on_a_network_thread(net::transport::udp);
    stop_and_start_are_refused_on_a_network_thread(net::transport::tcp);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(what_stop_counted_as_answered_is_heard),
    cmocka_unit_test(stop_says_so_if_a_peer_did_not_hear_all_in_time),
    cmocka_unit_test(stop_waits_for_the_answers_to_copies_too),
    cmocka_unit_test(stop_does_not_wait_for_peers_that_stay_though_they_have_all),
    cmocka_unit_test(a_peer_that_breaks_a_rule_hears_what_it_is_owed),
    cmocka_unit_test(a_half_closed_peer_gets_the_answers_it_is_owed),
    cmocka_unit_test(a_half_closed_peer_that_no_answer_comes_for_is_closed_after_write_time),
    cmocka_unit_test(silent_peers_are_closed_and_counted),
    cmocka_unit_test(a_peer_that_only_listens_is_not_silent),
    cmocka_unit_test(peers_that_are_gone_are_found),
    cmocka_unit_test(stop_and_start_from_the_route_or_a_callback_are_refused),
};

} // namespace

HO_TEST_MAIN(tests)
