/* SPDX-License-Identifier: MIT */
/* The entrypoint over TCP: every wait for memory or a service has a deadline, and nothing waits for
 * room that it has. */
#include "net_world.hpp"

#include "cpp_shim/net/service_port.hpp"

#include <memory>
#include <vector>

namespace {

std::string numbered(int i, std::size_t size = 0)
{
    auto text = "0 number " + std::to_string(i);
    if (text.size() < size)
        text.resize(size, static_cast<char>('a' + i % 26));
    return text;
}

/* Most of a frame of each of more peers than memory has room for. Those that have their room go on. */
void honest_peers_whose_unfinished_frames_fill_the_memory_all_get_through(void **)
{
    constexpr int peers = 24;
    constexpr std::size_t size = 65507;
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    w.options.limit.frame_bytes = size;
    handoff::arena_options memory;
    memory.budget_bytes = 1u << 20; /* four segments, of three frames each */
    w.open({}, memory);
    w.work();
    std::vector<std::unique_ptr<net_peer>> all;
    for (int i = 0; i < peers; ++i) {
        all.push_back(std::make_unique<net_peer>(w));
        all[static_cast<std::size_t>(i)]->write(
            net_peer::framed(numbered(i, size)).substr(0, 60000));
    }
    w.await(&net::counters::arena_full, 1);
    for (int i = 0; i < peers; ++i)
        all[static_cast<std::size_t>(i)]->write(net_peer::framed(numbered(i, size)).substr(60000));
    for (int i = 0; i < peers; ++i)
        CHECK(all[static_cast<std::size_t>(i)]->hear() == numbered(i, size));
    CHECK(w.entry.read().closed_late == 0 && w.entry.read().copies == 0);
    w.stop_and_close();
}

/* Nobody finishes a frame. Those whose frames hold the memory run out of time, and so does one that waits for
 * memory with its header alone. */
void a_frame_s_clock_runs_while_it_waits_for_memory(void **)
{
    with_time_enough(1000ms, [](std::chrono::milliseconds frame_time) {
        constexpr std::size_t size = 65507;
        net_world w(net::transport::tcp);
        w.options.threads = 1;
        w.options.limit.frame_bytes = size;
        w.options.limit.frame_time = frame_time;
        handoff::arena_options memory;
        memory.budget_bytes = 512u << 10;
        w.open({}, memory);
        w.work();
        const auto part = net_peer::framed(numbered(1, size)).substr(0, 60000);
        net_peer early(w);
        early.offer(part.substr(0, 4)); /* the header alone */
        w.await(&net::counters::accepted, 1);
        std::vector<std::unique_ptr<net_peer>> all;
        for (int i = 0; i < 12; ++i) {
            all.push_back(std::make_unique<net_peer>(w));
            all.back()->offer(part);
        }
        early.offer(part.substr(4));
        const auto counted = [&w](auto which) { return w.entry.read().*which != 0; };
        await([&] {
            return counted(&net::counters::arena_full) || counted(&net::counters::closed_late);
        });
        const bool all_were_there = !counted(&net::counters::closed_late);
        for (auto &each : all) /* closed ones too */
            send(each->fd(), "x", 1, MSG_NOSIGNAL);
        net_peer honest(w);
        CHECK(honest.echoes("0 served at last"));
        w.await(&net::counters::closed_late, 13);
        CHECK(early.ended());
        w.stop_and_close();
        return all_were_there;
    });
}

void a_service_that_takes_nothing_for_idle_time_costs_the_connection(void **)
{
    with_time_enough(500ms, [](std::chrono::milliseconds idle_time) {
        net_world w(net::transport::tcp);
        w.options.threads = 1;
        w.options.limit.idle_time = idle_time;
        handoff::service_options lanes;
        lanes.lane_slots = 4;
        w.open(lanes);
        w.work(1);
        silence between;
        net_peer stuck(w);
        net_peer busy(w);
        bool goes_on = true;
        std::string all;
        for (int i = 0; i < 10; ++i)
            all += net_peer::framed(numbered(i));
        stuck.write(all);
        await([&] {
            if (goes_on)
                between.broken_by([&] { goes_on = busy.offer(net_peer::framed("1")); });
            goes_on = goes_on && busy.still_hears("1");
            return w.entry.read().undeliverable != 0;
        });
        const bool spoke_in_time = between.longest() < idle_time;
        CHECK(goes_on || !spoke_in_time);
        w.work(0);
        for (int i = 0; i < 4; ++i)
            CHECK(stuck.hear() == numbered(i)); /* what the service took */
        CHECK(stuck.ended());
        w.await(&net::counters::closed_undeliverable, 1);
        w.stop_and_close();
        return spoke_in_time;
    });
}

/* Each of many connections holds frames for a service that hangs, and half of another one, out of a segment of the
 * other service's traffic. */
void connections_of_a_service_that_hangs_pin_no_memory(void **)
{
    constexpr int segments = 16;
    constexpr int peers = 3 * segments;
    constexpr int frames = 8;
    constexpr int per_segment = (256 << 10) / 1900;
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    handoff::service_options lanes;
    lanes.lane_slots = 4;
    handoff::arena_options memory;
    memory.budget_bytes = segments * (256 << 10);
    w.open(lanes, memory);
    w.work(0);
    net_peer busy(w);
    std::vector<std::unique_ptr<net_peer>> stuck;
    const auto message = [](int peer, int i) {
        return "1" + numbered(peer * frames + i, static_cast<std::size_t>(i) * 200);
    };
    for (int peer = 0; peer < peers; ++peer) {
        std::string some;
        for (int i = 0; i < frames; ++i)
            some += net_peer::framed(message(peer, i));
        stuck.push_back(std::make_unique<net_peer>(w));
        stuck.back()->write(some.substr(0, some.size() - 700));
        w.await(&net::counters::stalled, static_cast<std::uint64_t>(peer) + 1);
        for (int i = 0; i < per_segment; ++i)
            CHECK(busy.echoes(numbered(i, 1900)));
        /* All that it holds is copied: the frames that are whole and the one that is not. */
        w.await(&net::counters::copies, static_cast<std::uint64_t>(peer + 1) * frames - 4);
    }
    CHECK(w.entry.read().arena_full == 0);
    CHECK(w.received.read_stats()->segments_peak <= segments / 2);
    w.work(1);
    for (int peer = 0; peer < peers; ++peer) {
        const auto last = net_peer::framed(message(peer, frames - 1));
        auto &each = *stuck[static_cast<std::size_t>(peer)];
        each.write(last.substr(last.size() - 700));
        for (int i = 0; i < frames; ++i)
            CHECK(each.hear() == message(peer, i));
    }
    w.stop_and_close();
}

/* Its services take nothing, and nothing that they took is on its way. */
class refusing_port final : public net::port {
  public:
    explicit refusing_port(std::unique_ptr<net::port> other) : other_(std::move(other)) {}
    std::uint32_t service_count() const noexcept override { return other_->service_count(); }
    std::int32_t reserve(std::uint64_t bytes, ho_buf *loan) noexcept override
    {
        return other_->reserve(bytes, loan);
    }
    std::int32_t split(ho_buf *loan, std::uint64_t bytes, ho_buf *front) noexcept override
    {
        return other_->split(loan, bytes, front);
    }
    void abort(ho_buf *loans, std::uint32_t count) noexcept override
    {
        other_->abort(loans, count);
    }
    std::int32_t commit(std::uint32_t, ho_buf *, std::uint32_t,
                        std::uint32_t *accepted) noexcept override
    {
        *accepted = 0;
        return HO_FULL;
    }
    void flush() noexcept override { other_->flush(); }
    std::int32_t egress_fd(std::int32_t *fd) noexcept override { return other_->egress_fd(fd); }
    std::int32_t take(ho_buf *bufs, std::uint32_t max, std::uint32_t *taken) noexcept override
    {
        return other_->take(bufs, max, taken);
    }
    void return_all(ho_buf *bufs, std::uint32_t count) noexcept override
    {
        other_->return_all(bufs, count);
    }
    bool quiet() noexcept override { return other_->quiet(); }

  private:
    std::unique_ptr<net::port> other_;
};

void stop_says_so_if_messages_that_were_copied_are_left(void **)
{
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    w.open();
    CHECK_CODE(w.entry.stop(in_time), handoff::errc::ok);
    const net::services behind{w.root.raw(), w.received.raw(), w.egress.raw(), {w.echoes[0].raw()}};
    CHECK(!w.entry.start(w.options, [&](std::uint32_t thread, std::error_code &error) {
        return std::make_unique<refusing_port>(net::service_ports(behind, 0)(thread, error));
    }));
    net_peer peer(w);
    peer.say("0 refused");
    w.await(&net::counters::copies, 1);
    CHECK_CODE(w.entry.stop(100ms), handoff::errc::timeout);
    CHECK(w.entry.read().undeliverable == 1);
    w.work();
    w.close();
}

void stop_waits_for_messages_that_were_copied(void **)
{
    constexpr int count = 500;
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    handoff::service_options lanes;
    lanes.lane_slots = 2;
    w.open(lanes);
    net_peer peer(w);
    std::string all;
    for (int i = 0; i < count; ++i)
        all += net_peer::framed(numbered(i));
    peer.write(all);
    w.await(&net::counters::copies, count - 2);
    std::thread late([&w] {
        std::this_thread::sleep_for(50ms);
        w.work();
    });
    CHECK_CODE(w.entry.stop(in_time), handoff::errc::ok);
    late.join();
    for (int i = 0; i < count; ++i)
        CHECK(peer.hear() == numbered(i));
    CHECK(w.entry.read().undeliverable == 0);
    w.close();
}

/* More peers than epoll tells of at once, so that the clocks are looked at before all of them were read. Each says half
 * a frame, and the other half while the network thread is held up for longer than the limits. */
bool hold_up(std::chrono::milliseconds frame_time, std::chrono::milliseconds idle_time)
{
    constexpr int peers = 300;
    const auto limit = std::min(frame_time, idle_time);
    net_world w(net::transport::tcp);
    std::atomic<bool> holding{false};
    std::atomic<bool> held{true};
    w.options.threads = 1;
    w.options.limit.frame_time = frame_time;
    w.options.limit.idle_time = idle_time;
    w.options.routing = [&](handoff::const_bytes message, std::uint64_t connection) {
        holding = message[0] == 'h';
        while (message[0] == 'h' && held)
            std::this_thread::yield();
        return net::route{0, connection};
    };
    w.open();
    w.work();
    silence so_far;
    net_peer holder(w);
    std::vector<std::unique_ptr<net_peer>> all;
    const auto frame = net_peer::framed("0 in two halves");
    for (int i = 0; i < peers; ++i) {
        all.push_back(std::make_unique<net_peer>(w));
        all.back()->offer(net_peer::framed("0 before") + frame.substr(0, 7));
    }
    for (auto &each : all)
        each->still_hears("0 before");
    std::this_thread::sleep_for(limit / 2); /* the clocks run, if they are ever looked at */
    holder.offer(net_peer::framed("hold"));
    await([&] { return holding || w.entry.read().connections != peers + 1; });
    const bool all_were_there = w.entry.read().connections == peers + 1 && so_far.longest() < limit;
    std::this_thread::sleep_for(limit / 2); /* a look is due */
    for (auto &each : all)
        each->offer(frame.substr(7));
    std::this_thread::sleep_for(limit);
    held = false;
    int heard = 0;
    for (auto &each : all)
        heard += each->still_hears("0 in two halves") ? 1 : 0;
    CHECK(heard == peers || !all_were_there);
    w.stop_and_close();
    return all_were_there;
}

void a_network_thread_that_is_late_blames_no_peer(void **)
{
    with_time_enough(500ms, [](auto limit) { return hold_up(limit, no_limit); });
    with_time_enough(500ms, [](auto limit) { return hold_up(no_limit, limit); });
}

const CMUnitTest tests[] = {
    cmocka_unit_test(honest_peers_whose_unfinished_frames_fill_the_memory_all_get_through),
    cmocka_unit_test(a_frame_s_clock_runs_while_it_waits_for_memory),
    cmocka_unit_test(a_network_thread_that_is_late_blames_no_peer),
    cmocka_unit_test(a_service_that_takes_nothing_for_idle_time_costs_the_connection),
    cmocka_unit_test(connections_of_a_service_that_hangs_pin_no_memory),
    cmocka_unit_test(stop_waits_for_messages_that_were_copied),
    cmocka_unit_test(stop_says_so_if_messages_that_were_copied_are_left),
};

} // namespace

HO_TEST_MAIN(tests)
