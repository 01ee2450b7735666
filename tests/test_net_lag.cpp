/* SPDX-License-Identifier: MIT */
/* Lagging TCP peers: what waits for them is at their cost, and at nobody else's. */
#include "net_world.hpp"

#include <cstdlib>
#include <optional>
#include <vector>

namespace {

/* The largest piece of heap that anybody asked for since it was set to 0. */
std::atomic<std::size_t> largest_piece{0};

} // namespace

void *operator new(std::size_t bytes)
{
    auto seen = largest_piece.load();
    while (bytes > seen && !largest_piece.compare_exchange_weak(seen, bytes))
        ;
    void *const piece = std::malloc(bytes == 0 ? 1 : bytes);
    if (piece == nullptr)
        throw std::bad_alloc();
    return piece;
}
void operator delete(void *piece) noexcept
{
    std::free(piece);
}
void operator delete(void *piece, std::size_t) noexcept
{
    std::free(piece);
}

namespace {

constexpr std::uint64_t segment = 256u << 10;

/* Its service 0 answers "0 number size" with as many bytes, which begin with the question, out of an arena
 * of `segments`. It never gives up: without memory it stands still. */
struct lag_world : net_world {
    handoff::arena memory;
    handoff::shard mine;
    handoff::producer out;
    std::thread worker;
    std::atomic<std::uint64_t> made{0}; /* answers of service 0 */

    lag_world() : net_world(net::transport::tcp) { options.threads = 1; }

    void begin(std::uint64_t segments)
    {
        handoff::service_options lanes;
        lanes.lane_slots = 16384;
        open(lanes);
        handoff::arena_options small;
        small.budget_bytes = segments * segment;
        memory = *handoff::arena::open(root, small);
        mine = *handoff::shard::open(memory);
        out = *handoff::producer::open(egress, mine);
        worker = std::thread([this] { answer_all(); });
        work(1);
    }

    void end()
    {
        CHECK_CODE(entry.stop(in_time), handoff::errc::ok);
        root.close(0ns);
        worker.join();
        out.reset();
        mine.reset();
        close();
    }

    static std::string text(int number, std::size_t size)
    {
        return "0 " + std::to_string(number) + " " + std::to_string(size);
    }

    static std::string answer(int number, std::size_t size)
    {
        auto whole = text(number, size);
        whole.resize(std::max(whole.size(), size), static_cast<char>('a' + number % 26));
        return whole;
    }

    void answer_all()
    {
        for (;;) {
            handoff::batch<16> some;
            const auto error = messages[0].take(some);
            if (error == handoff::errc::empty)
                static_cast<void>(messages[0].wait(handoff::forever));
            else if (error)
                return;
            for (auto &each : some)
                answer_one(each);
        }
    }

    void answer_one(const ho_buf &message)
    {
        int number = 0;
        std::size_t size = 0;
        const std::string question(reinterpret_cast<char *>(message.ptr), message.len);
        CHECK(std::sscanf(question.c_str(), "0 %d %zu", &number, &size) == 2);
        auto bytes = answer(number, size);
        ho_buf from{};
        from.ptr = reinterpret_cast<std::uint8_t *>(bytes.data());
        from.len = bytes.size();
        ho_net_answer(&from, message.value);
        while (ho_give_copy(out.raw(), &from, 1, 0, nullptr) == HO_FULL)
            std::this_thread::sleep_for(1ms);
        ++served;
        ++made;
    }

    std::uint64_t waiting() const
    {
        const auto now = entry.read();
        return now.received - now.answered;
    }

    void await_served() const
    {
        ::await([this] { return served == entry.read().received; });
    }

    std::uint64_t segments_in_use() const { return memory.read_stats()->segments_in_use; }
};

/* A peer with a tiny receive buffer that reads when it is told to. */
struct lagging_peer : net_peer {
    explicit lagging_peer(lag_world &to) : net_peer(to, 4096), w(to) {}

    void ask(std::size_t size)
    {
        sizes.push_back(size);
        CHECK(offer(framed(lag_world::text(static_cast<int>(sizes.size()), size))) || is_closed());
    }

    bool is_closed() const { return w.entry.read().closed_stuck != 0; }

    /* Until the kernel takes no more and answers wait. Another peer tells that the network thread has had its turns. */
    void fill(net_peer &other)
    {
        const auto others = w.waiting();
        while (!waits(others, other)) {
            CHECK(sizes.size() < 20000);
            const auto before = w.made.load();
            for (int i = 0; i < 16; ++i)
                ask(2000);
            await([&] { return w.made >= before + 16; });
        }
    }

    bool waits(std::uint64_t others, net_peer &other) const
    {
        const auto before = w.waiting();
        if (before < others + 4)
            return false;
        for (int turn = 0; turn < 4; ++turn) {
            std::this_thread::sleep_for(10ms);
            CHECK(other.echoes("1 goes on"));
        }
        return w.served == w.entry.read().received && w.waiting() == before;
    }

    /* The answers that are still to come are all there, right and in order. */
    void hear_all()
    {
        for (; heard < sizes.size(); ++heard)
            CHECK(hear() == lag_world::answer(static_cast<int>(heard + 1), sizes[heard]));
    }

    lag_world &w;
    std::vector<std::size_t> sizes;
    std::size_t heard = 0;
};

void one_that_does_not_read_costs_the_others_nothing(void **)
{
    constexpr std::uint64_t budget = 8;
    lag_world w;
    w.begin(budget);
    lagging_peer lazy(w);
    net_peer good[3] = {net_peer(w), net_peer(w), net_peer(w)};
    lazy.fill(good[0]);
    for (std::uint64_t i = 0; i < 5 * budget; ++i) {
        lazy.ask(10);
        for (auto &each : good)
            for (int n = 0; n < 45; ++n) {
                each.say(w.text(n, 2000));
                CHECK(each.hear() == w.answer(n, 2000));
            }
    }
    CHECK(w.entry.read().answers_copied > 0);
    CHECK(w.waiting() >= 5 * budget);
    await([&] { return w.segments_in_use() <= 2; }); /* the last one is sent, and then comes back */
    lazy.hear_all();
    CHECK(w.entry.read().closed_slow == 0 && w.entry.read().connections == 4);
    const auto copied = w.entry.read().answers_copied;
    lazy.ask(2000);
    lazy.hear_all();
    CHECK(w.entry.read().answers_copied == copied); /* it has caught up */
    w.end();
}

void for_peers_that_read_in_time_nothing_is_copied(void **)
{
    lag_world w;
    w.begin(64);
    net_peer peers[4] = {net_peer(w), net_peer(w), net_peer(w), net_peer(w)};
    for (int round = 0; round < 50; ++round) {
        for (auto &each : peers)
            for (int n = 0; n < 20; ++n)
                each.say(w.text(n, 2000));
        for (auto &each : peers)
            for (int n = 0; n < 20; ++n)
                CHECK(each.hear() == w.answer(n, 2000));
    }
    CHECK(w.entry.read().answers_copied == 0);
    w.end();
}

/* Far less than would make the kernel tell of room. */
bool reads_too_slowly(std::chrono::milliseconds write_time)
{
    constexpr std::chrono::nanoseconds::rep reads =
        75; /* within write_time: more than the kernel sends at once */
    lag_world w;
    w.options.limit.write_time = write_time;
    w.options.limit.queued_bytes = 16u << 20;
    w.begin(64);
    net_peer good(w);
    std::optional<lagging_peer> slow(std::in_place, w);
    silence between;
    const auto begun = std::chrono::steady_clock::now();
    const auto read_what_is_due = [&] {
        const std::chrono::nanoseconds passed = std::chrono::steady_clock::now() - begun;
        const auto due = static_cast<std::size_t>(passed * reads / write_time);
        between.broken_by([&] {
            while (slow->heard < std::min(due, slow->sizes.size()) && !slow->is_closed()) {
                const auto next = w.answer(static_cast<int>(slow->heard + 1), 2000);
                if (!slow->still_hears(next))
                    break;
                ++slow->heard;
            }
        });
        return between.longest() < write_time / 4;
    };
    bool in_time_so_far = true;
    for (int i = 0; i < 5000 && in_time_so_far; ++i, in_time_so_far = read_what_is_due())
        slow->ask(2000); /* more than the kernel ever takes */
    const auto end = std::chrono::steady_clock::now() + 2 * write_time;
    while (std::chrono::steady_clock::now() < end && in_time_so_far) {
        std::this_thread::sleep_for(write_time / reads);
        in_time_so_far = read_what_is_due();
    }
    if (in_time_so_far) {
        CHECK(!slow->is_closed() && w.waiting() > 0);
        w.await(&net::counters::closed_stuck, 1);
        CHECK(good.echoes("1 not disturbed") && w.entry.read().connections == 1);
        CHECK(w.entry.read().answers_gone > 0);
    }
    slow.reset();
    w.end();
    return in_time_so_far;
}

void one_that_takes_nothing_within_write_time_is_closed(void **)
{
    with_time_enough(1500ms, reads_too_slowly);
}

void without_room_for_copies_the_one_with_most_is_closed(void **)
{
    lag_world w;
    w.options.limit.waiting_bytes = 1u << 20;
    w.options.limit.queued_bytes = 16u << 20;
    w.begin(64);
    net_peer good(w);
    lagging_peer little(w);
    little.fill(good);
    lagging_peer greedy(w);
    greedy.fill(good);
    for (int i = 0; w.entry.read().closed_crowded == 0; ++i) {
        CHECK(i < 2000);
        const auto more = net_peer::framed(w.text(1, 2000));
        send(greedy.fd(), more.data(), more.size(), MSG_NOSIGNAL);
        CHECK(good.echoes("1 not disturbed"));
        w.await_served();
    }
    little.ask(2000); /* there is room again */
    little.hear_all();
    CHECK(w.entry.read().closed_crowded == 1 && w.entry.read().connections == 2);

    /* And if it is another one that asks: more than half of it is the hoarder's. */
    lagging_peer hoarder(w);
    const auto others = w.waiting();
    hoarder.fill(good);
    while (w.waiting() < others + 262) {
        hoarder.ask(2000);
        w.await_served();
    }
    little.fill(good);
    for (int i = 0; w.entry.read().closed_crowded == 1; ++i) {
        CHECK(i < 300);
        little.ask(2000);
        CHECK(good.echoes("1 not disturbed"));
        w.await_served();
    }
    little.hear_all();
    CHECK(w.entry.read().closed_crowded == 2 && w.entry.read().connections == 2);
    w.end();
}

/* Every answer but the one that is on its way counts. */
void an_answer_by_itself_may_be_larger_than_queued_bytes(void **)
{
    constexpr std::size_t large = 12u << 20; /* more than the kernel takes */
    lag_world w;
    w.options.limit.queued_bytes = 4096;
    w.begin(256);
    lagging_peer peer(w);
    for (int round = 0; round < 3; ++round) {
        peer.ask(large);
        peer.ask(2000); /* and behind it is room for another one */
        while (w.served != 2 * static_cast<unsigned>(round + 1))
            std::this_thread::sleep_for(1ms);
        std::this_thread::sleep_for(30ms);
        CHECK(w.waiting() == 2);
        peer.hear_all();
    }
    peer.ask(large);
    peer.ask(2000);
    peer.ask(2000);
    peer.ask(2000);
    w.await(&net::counters::closed_slow, 1);
    w.end();
}

/* With a record of 64 bytes for each answer since it was last empty it would soon be large. */
void a_queue_that_is_never_empty_does_not_grow(void **)
{
    constexpr std::uint64_t answers = 300000;
    constexpr std::uint64_t least = 25000; /* more than the kernel takes at once */
    net_world w(net::transport::tcp);
    w.options.threads = 1;
    w.options.limit.queued_bytes = 64u << 20;
    handoff::service_options lanes;
    lanes.lane_slots = 256; /* what waits, waits for the peer */
    w.open(lanes);
    w.work(0);
    net_peer peer(w, 64 << 10);
    const auto question = "0" + std::string(195, 'x');
    std::string some;
    for (int i = 0; i < 100; ++i)
        some += net_peer::framed(question);
    std::string heard(some.size(), '\0');
    std::uint64_t asked = 0;
    std::uint64_t got = 0;
    const auto hear_some = [&] {
        for (std::size_t i = 0; i < heard.size();) {
            const auto more = recv(peer.fd(), &heard[i], heard.size() - i, 0);
            CHECK(more > 0);
            i += static_cast<std::size_t>(more);
        }
        CHECK(heard == some);
        got += 100;
    };
    largest_piece = 0;
    while (got < answers) {
        const auto now = w.entry.read();
        if (now.received - now.answered >= least) {
            hear_some();
        } else {
            peer.write(some);
            asked += 100;
        }
    }
    const auto largest = largest_piece.load();
    while (got < asked)
        hear_some();
    CHECK(largest <= 16u << 20);
    w.stop_and_close();
}

const CMUnitTest tests[] = {
    cmocka_unit_test(one_that_does_not_read_costs_the_others_nothing),
    cmocka_unit_test(for_peers_that_read_in_time_nothing_is_copied),
    cmocka_unit_test(one_that_takes_nothing_within_write_time_is_closed),
    cmocka_unit_test(without_room_for_copies_the_one_with_most_is_closed),
    cmocka_unit_test(an_answer_by_itself_may_be_larger_than_queued_bytes),
    cmocka_unit_test(a_queue_that_is_never_empty_does_not_grow),
};

} // namespace

HO_TEST_MAIN(tests)
