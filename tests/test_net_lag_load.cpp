/* SPDX-License-Identifier: MIT */
/* How much one TCP peer in 200 that never reads reduces the others' throughput, with default
 * options: compares, in turn, a server with such a peer and one whose peers all read. */
#include "net_world.hpp"

#include <cstdio>
#include <memory>
#include <sys/epoll.h>
#include <vector>

namespace {

/* Of this process: what others on the machine do takes none of it. */
double processor_seconds()
{
    timespec now{};
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

constexpr int rounds = 100;
constexpr auto turn_time = 100ms;
constexpr std::size_t peer_count = 200;
constexpr std::size_t message_bytes = 1000;
constexpr int ahead = 4; /* messages of a peer on their way */
/* Of the throughput for the same processor time; but who stands still takes none. */
constexpr double least = 0.95;
constexpr double least_on_a_busy_machine = 0.5;

struct server : net_world {
    explicit server(bool one_reads) : net_world(net::transport::tcp), reads(one_reads)
    {
        options.threads = 1;
        open();
        work();
        one = std::make_unique<net_peer>(*this, 4096);
        while (others.size() < peer_count - 1)
            others.push_back(std::make_unique<net_peer>(*this));
        partly.resize(others.size());
        for (std::size_t i = 0; i < others.size(); ++i) {
            epoll_event wanted{};
            wanted.events = EPOLLIN;
            wanted.data.u64 = i;
            CHECK(epoll_ctl(events, EPOLL_CTL_ADD, others[i]->fd(), &wanted) == 0);
            for (int n = 0; n < ahead; ++n)
                others[i]->write(text);
        }
        asks = std::thread([this] { ask_on(); });
        if (!reads)
            await(&net::counters::answers_copied, 1);
    }

    ~server()
    {
        const auto now = entry.read();
        std::printf("%s: %.0f answers a second, %llu copied\n", reads ? "reads" : "never",
                    a_second(), static_cast<unsigned long long>(now.answers_copied));
        CHECK(now.connections == peer_count && (now.answers_copied == 0) == reads);
        on = false;
        asks.join();
        one.reset();
        others.clear();
        ::close(events);
        CHECK_CODE(entry.stop(in_time), handoff::errc::ok);
        close();
    }

    /* Something small each millisecond. One that never reads has asked before until answers wait. */
    void ask_on()
    {
        const auto large = net_peer::framed("0" + std::string(message_bytes - 1, 'l'));
        const auto small = net_peer::framed("0 small");
        char room[4096];
        while (on) {
            const bool filled = reads || entry.read().answers_copied != 0;
            for (int i = 0; i < (filled ? 1 : 16); ++i)
                one->write(filled ? small : large);
            while (reads && recv(one->fd(), room, sizeof(room), MSG_DONTWAIT) > 0)
                ;
            std::this_thread::sleep_for(1ms);
        }
    }

    /* The others get answers and ask again. */
    void take_turn()
    {
        const auto used = processor_seconds();
        const auto begun = std::chrono::steady_clock::now();
        auto now = begun;
        for (; now - begun < turn_time; now = std::chrono::steady_clock::now()) {
            epoll_event ready[64];
            const int count = epoll_wait(events, ready, 64, 10);
            for (int i = 0; i < count; ++i)
                answers += hear(ready[i].data.u64);
        }
        processor += processor_seconds() - used;
        seconds += std::chrono::duration<double>(now - begun).count();
    }

    std::uint64_t hear(std::size_t at)
    {
        char room[64 << 10];
        const auto got = recv(others[at]->fd(), room, sizeof(room), MSG_DONTWAIT);
        CHECK(got > 0);
        partly[at] += static_cast<std::size_t>(got);
        const auto whole = partly[at] / text.size();
        partly[at] %= text.size();
        for (std::size_t i = 0; i < whole; ++i)
            others[at]->write(text);
        return whole;
    }

    double a_second() const { return static_cast<double>(answers) / seconds; }
    double a_processor_second() const { return static_cast<double>(answers) / processor; }

    const bool reads;
    const std::string text = net_peer::framed("1" + std::string(message_bytes - 1, 'x'));
    std::unique_ptr<net_peer> one;
    std::vector<std::unique_ptr<net_peer>> others;
    std::vector<std::size_t> partly;
    const int events = epoll_create1(0);
    std::thread asks;
    std::atomic<bool> on{true};
    std::uint64_t answers = 0;
    double seconds = 0;
    double processor = 0;
};

void one_of_200_that_never_reads_does_not_slow_the_others(void **)
{
    server good(true);
    server lagging(false);
    for (int i = 0; i < rounds; ++i) {
        (i % 2 == 0 ? good : lagging).take_turn();
        (i % 2 == 0 ? lagging : good).take_turn();
    }
    const auto share = lagging.a_second() / good.a_second();
    const auto of_processor = lagging.a_processor_second() / good.a_processor_second();
    std::printf(
        "the others have %.1f %% of their throughput, %.1f %% for the same processor time\n",
        100 * share, 100 * of_processor);
    CHECK(of_processor >= least && share >= least_on_a_busy_machine);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(one_of_200_that_never_reads_does_not_slow_the_others),
};

} // namespace

HO_TEST_MAIN(tests)
