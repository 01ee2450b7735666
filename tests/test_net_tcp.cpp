/* SPDX-License-Identifier: MIT */
/* The entrypoint over TCP, with real sockets: frames, and what breaks them. */
#include "net_world.hpp"

#include <memory>
#include <vector>

namespace {

using counter = std::uint64_t net::counters::*;

std::string numbered(int i, std::size_t size = 0)
{
    auto text = "0 number " + std::to_string(i);
    if (text.size() < size)
        text.resize(size, static_cast<char>('a' + i % 26));
    return text;
}

void a_frame_comes_back_from_the_service_that_its_route_names(void **)
{
    net_world w(net::transport::tcp);
    w.open();
    w.work();
    net_peer peer(w);
    CHECK(peer.echoes("0 hello"));
    CHECK(peer.echoes("1"));
    CHECK(peer.echoes("1" + std::string(2047, 'x')));
    w.await(&net::counters::answered, 3);
    const auto now = w.entry.read();
    CHECK(now.received == 3 && now.received_bytes == 7 + 1 + 2048);
    CHECK(now.answered == 3 && now.answered_bytes == now.received_bytes && now.copies == 0);
    CHECK(now.connections == 1 && now.accepted == 1);
    w.stop_and_close();
    CHECK(w.entry.read().closed_at_stop == 1);
}

void many_frames_in_one_write_come_back_in_order_without_a_copy(void **)
{
    net_world w(net::transport::tcp);
    w.open();
    w.work();
    net_peer peer(w);
    for (int round = 0; round < 20; ++round) {
        std::string all;
        for (int i = 0; i < 500; ++i)
            all += net_peer::framed(numbered(i, static_cast<std::size_t>(i * 7 % 300)));
        peer.write(all);
        for (int i = 0; i < 500; ++i)
            CHECK(peer.hear() == numbered(i, static_cast<std::size_t>(i * 7 % 300)));
    }
    CHECK(w.entry.read().received == 10000 && w.entry.read().copies == 0);
    w.stop_and_close();
}

void a_frame_split_at_every_byte_comes_back_without_a_copy(void **)
{
    net_world w(net::transport::tcp);
    w.open();
    w.work();
    net_peer peer(w);
    const auto before = net_peer::framed("0 the frame before");
    const auto frame = net_peer::framed("1 the one that is split");
    for (std::size_t at = 1; at < frame.size(); ++at) {
        peer.write(before + frame.substr(0, at));
        CHECK(peer.hear() == before.substr(4)); /* so the first part has been read */
        peer.write(frame.substr(at) + before);
        const auto one = peer.hear();
        const auto two = peer.hear();
        /* Two services: their answers may overtake each other. */
        CHECK((one == frame.substr(4) && two == before.substr(4)) ||
              (two == frame.substr(4) && one == before.substr(4)));
    }
    CHECK(w.entry.read().copies == 0);
    w.stop_and_close();
}

void a_frame_that_comes_byte_by_byte_comes_back(void **)
{
    net_world w(net::transport::tcp);
    w.open();
    w.work();
    net_peer slow(w);
    net_peer quick(w);
    const auto frame = net_peer::framed("1 drop by drop");
    for (const char byte : frame) {
        slow.write(std::string(1, byte));
        CHECK(quick.echoes("0 between"));
    }
    CHECK(slow.hear() == frame.substr(4));
    CHECK(w.entry.read().copies == 0);
    w.stop_and_close();
}

void large_frames_cross_many_reads_and_segments(void **)
{
    net_world w(net::transport::tcp);
    w.options.limit.frame_bytes = 100000;
    w.options.limit.queued_bytes = 16u << 20; /* the test may read slowly */
    w.open();
    w.work();
    net_peer peer(w);
    std::thread talk([&] {
        for (int i = 0; i < 100; ++i)
            peer.say(numbered(i, 100000 - static_cast<std::size_t>(i) * 13));
    });
    for (int i = 0; i < 100; ++i)
        CHECK(peer.hear() == numbered(i, 100000 - static_cast<std::size_t>(i) * 13));
    talk.join();
    CHECK(w.entry.read().copies == 0);
    w.stop_and_close();
}

/* Thousands of tiny frames in a segment use up its numbers. */
void more_tiny_frames_than_a_segment_has_numbers_all_come_back(void **)
{
    net_world w(net::transport::tcp);
    w.options.limit.queued_bytes = 16u << 20;
    w.open();
    w.work();
    net_peer peer(w);
    std::string all;
    for (int i = 0; i < 30000; ++i)
        all += net_peer::framed("0");
    std::thread talk([&] { peer.write(all); });
    for (int i = 0; i < 30000; ++i)
        CHECK(peer.hear() == "0");
    talk.join();
    CHECK(w.entry.read().received == 30000);
    w.stop_and_close();
}

/* One connection breaks a rule by `bytes`; another one goes on as if nothing had happened. */
void expect_closed(net_world &w, const std::string &bytes, counter reason)
{
    w.await_connections(0); /* those of the last time have left */
    net_peer innocent(w);
    net_peer guilty(w);
    CHECK(innocent.echoes("0 before") && guilty.echoes("1 before"));
    const auto before = w.entry.read();
    guilty.write(bytes);
    CHECK(guilty.ended());
    w.await(reason,
            before.*reason +
                1); /* counted after the connection, and before or after the peer hears of it */
    w.await_connections(before.connections - 1);
    CHECK(w.entry.read().*reason == before.*reason + 1);
    CHECK(innocent.echoes("1 after"));
    const auto after = w.entry.read();
    CHECK(after.received == before.received + 1);
}

void a_declared_length_out_of_bounds_closes_its_connection_and_no_other(void **)
{
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    w.options.limit.frame_bytes = 100;
    w.open();
    w.work();
    for (const std::uint32_t length : {0u, 101u, 0x80000000u, 0xffffffffu}) {
        const auto header = net_peer::header(length);
        expect_closed(w, header, &net::counters::closed_length);
        expect_closed(w, header + "0 and bytes behind it", &net::counters::closed_length);
    }
    net_peer peer(w);
    CHECK(peer.echoes("0"));
    CHECK(peer.echoes("0" + std::string(99, 'x')));
    w.stop_and_close();
}

void a_bad_header_split_at_every_byte_is_still_bad(void **)
{
    net_world w(net::transport::tcp);
    w.options.limit.frame_bytes = 100;
    w.open();
    w.work();
    for (const std::uint32_t length : {0u, 101u, 0x80000000u, 0xffffffffu})
        for (std::size_t at = 1; at < 4; ++at) {
            net_peer peer(w);
            peer.write(net_peer::framed("0 good") + net_peer::header(length).substr(0, at));
            CHECK(peer.hear() == "0 good");
            peer.write(net_peer::header(length).substr(at) + "0 behind it");
            CHECK(peer.ended());
        }
    w.await(&net::counters::closed_length, 12);
    CHECK(w.entry.read().received == 12);
    w.stop_and_close();
}

void frames_before_a_bad_one_are_served(void **)
{
    net_world w(net::transport::tcp);
    w.open();
    w.work();
    net_peer peer(w);
    peer.write(net_peer::framed("0 good") + net_peer::framed("1 good") + net_peer::header(0));
    w.await(&net::counters::closed_length, 1);
    await([&] { return w.served == 2; });
    CHECK(w.entry.read().received == 2);
    w.stop_and_close();
}

void a_message_that_the_route_rejects_closes_its_connection(void **)
{
    net_world w(net::transport::tcp);
    w.open();
    w.work();
    expect_closed(w, net_peer::framed("7 no such service"), &net::counters::closed_rejected);
    expect_closed(w, net_peer::framed("! the route throws"), &net::counters::closed_rejected);
    w.stop_and_close();
}

void a_frame_that_is_not_finished_in_time_closes_its_connection(void **)
{
    net_world w(net::transport::tcp);
    w.options.limit.frame_time = 60ms;
    w.open();
    w.work();
    const auto frame = net_peer::framed("0 never finished");
    for (const std::size_t part : {1u, 4u, 7u})
        expect_closed(w, frame.substr(0, part), &net::counters::closed_late);
    net_peer patient(w); /* says nothing for longer than that: there is no frame to finish */
    CHECK(patient.echoes("0"));
    std::this_thread::sleep_for(150ms);
    CHECK(patient.echoes("1"));
    w.stop_and_close();
}

void a_drop_now_and_then_does_not_stretch_the_deadline(void **)
{
    net_world w(net::transport::tcp);
    w.options.limit.frame_time = 100ms;
    w.open();
    w.work();
    net_peer peer(w);
    const auto frame = net_peer::framed("0" + std::string(1000, 'x'));
    std::size_t at = 0;
    await([&] {
        if (at < frame.size() - 1) /* never the last one */
            send(peer.fd(), frame.data() + at++, 1, MSG_NOSIGNAL);
        return w.entry.read().closed_late != 0;
    });
    w.stop_and_close();
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_frame_comes_back_from_the_service_that_its_route_names),
    cmocka_unit_test(many_frames_in_one_write_come_back_in_order_without_a_copy),
    cmocka_unit_test(a_frame_split_at_every_byte_comes_back_without_a_copy),
    cmocka_unit_test(a_frame_that_comes_byte_by_byte_comes_back),
    cmocka_unit_test(large_frames_cross_many_reads_and_segments),
    cmocka_unit_test(more_tiny_frames_than_a_segment_has_numbers_all_come_back),
    cmocka_unit_test(a_declared_length_out_of_bounds_closes_its_connection_and_no_other),
    cmocka_unit_test(a_bad_header_split_at_every_byte_is_still_bad),
    cmocka_unit_test(frames_before_a_bad_one_are_served),
    cmocka_unit_test(a_message_that_the_route_rejects_closes_its_connection),
    cmocka_unit_test(a_frame_that_is_not_finished_in_time_closes_its_connection),
    cmocka_unit_test(a_drop_now_and_then_does_not_stretch_the_deadline),
};

} // namespace

HO_TEST_MAIN(tests)
