/* SPDX-License-Identifier: MIT */
/*
 * Healthy sessions beside attacking peers: they lose nothing, memory stays within bounds, and
 * refusals are counted by reason. With the argument "load" also: healthy sessions, at a quarter of
 * what this machine can answer, keep their throughput beside attacks at another quarter, each for
 * some seconds and all together for a minute.
 */
#include "net_attackers.hpp"
#include "net_healthy.hpp"

#include <algorithm>
#include <cstdio>

namespace {

using namespace attackers;
using counter = std::uint64_t net::counters::*;

bool under_load = false;

constexpr unsigned session_count = 100;
constexpr std::uint64_t memory_most =
    160u << 20;                /* over what an idle server has; two budgets of 64 MiB */
constexpr double least = 0.95; /* of the throughput without the attack */
constexpr int pairs = 8;

struct attack {
    const char *name;
    double a_second; /* steps; 0: a quarter of what the machine answers */
    std::vector<counter> counted;
    std::function<std::unique_ptr<attacker>(const net_world &)> begin;
};

template <typename Kind, typename... Rest>
std::function<std::unique_ptr<attacker>(const net_world &)> with(Rest... rest)
{
    return [=](const net_world &to) { return std::make_unique<Kind>(to, rest...); };
}

const std::vector<attack> over_tcp = {
    {"slow readers",
     2000,
     {&net::counters::answers_copied, &net::counters::closed_slow},
     with<crowd>(20, asks_and_never_reads, 4096)},
    {"a byte at a time", 1000, {&net::counters::received}, with<crowd>(10, writes_a_byte, 0)},
    {"slow writers", 500, {&net::counters::closed_late}, with<crowd>(50, writes_a_byte, 0)},
    {"frames that never end",
     500,
     {&net::counters::closed_late},
     with<crowd>(200, never_finishes, 0)},
    {"silent peers", 1000, {}, with<crowd>(500, says_nothing, 0)}, /* closed below */
    {"bad lengths", 1000, {&net::counters::closed_length}, with<crowd>(20, names_a_bad_length, 0)},
    {"rejected messages", 1000, {&net::counters::closed_rejected}, with<crowd>(20, is_rejected, 0)},
    {"a storm of connections", 1000, {&net::counters::refused}, with<storm>(std::size_t{1000})},
    {"no descriptors", 1000, {&net::counters::accept_errors}, with<no_descriptors>()},
    {"a hung service", 0, {&net::counters::stalled}, with<crowd>(20, floods_the_hung_service, 0)},
};

/* The other ones leave a session more time to speak than this takes. */
const std::vector<attack> silent_over_tcp = {
    {"silent peers", 1000, {&net::counters::closed_idle}, with<crowd>(500, says_nothing, 0)},
};

const std::vector<attack> over_udp = {
    {"a flood of messages",
     0,
     {&net::counters::received},
     with<crowd>(20, sends_and_never_reads, 0)},
    {"a flood of what is refused",
     0,
     {&net::counters::dropped_length, &net::counters::dropped_rejected},
     with<crowd>(20, sends_what_is_refused, 0)},
    {"made-up sources", 5000, {&net::counters::evicted_early}, with<sources>()},
    {"a hung service",
     0,
     {&net::counters::dropped_full},
     with<crowd>(20, sends_to_the_hung_service, 0)},
};

/* Resident memory of this process, which server and peers share. */
std::uint64_t resident_bytes()
{
    unsigned long all = 0;
    unsigned long resident = 0;
    std::FILE *file = std::fopen("/proc/self/statm", "re");
    CHECK(file != nullptr && std::fscanf(file, "%lu %lu", &all, &resident) == 2);
    std::fclose(file);
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/* Attackers on a thread of their own, each at its pace. */
class campaign {
  public:
    campaign(const net_world &to, const std::vector<attack> &attacks, double flood_a_second)
    {
        for (const auto &each : attacks)
            fronts_.push_back(
                {each.begin(to), each.a_second == 0 ? flood_a_second : each.a_second});
        thread_ = std::thread([this] { run(); });
    }
    ~campaign()
    {
        on_ = false;
        thread_.join();
    }

  private:
    struct front {
        std::unique_ptr<attacker> who;
        double a_second;
        std::uint64_t steps = 0;
    };

    void run()
    {
        const auto begun = std::chrono::steady_clock::now();
        while (on_) {
            const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
            for (auto &each : fronts_) /* who is late does not catch up in one burst */
                for (int burst = 0; burst < 100 && static_cast<double>(each.steps) <
                                                       each.a_second * passed.count();
                     ++burst, ++each.steps)
                    each.who->step();
            std::this_thread::sleep_for(1ms);
        }
    }

    std::vector<front> fronts_;
    std::atomic<bool> on_{true};
    std::thread thread_;
};

/* A server whose second service hangs, and its healthy sessions. */
struct scene : net_world {
    scene(net::transport kind, std::chrono::milliseconds idle_time) : net_world(kind)
    {
        options.threads = 1;
        options.limit.connections = 1000;
        options.limit.frame_time = 300ms;
        options.limit.write_time = 1s;
        options.limit.queued_bytes = 64 << 10;
        options.limit.waiting_bytes = 4 << 20;
        options.limit.idle_time = idle_time;
        open();
        work(0);
        well = std::make_unique<healthy>(*this, session_count);
        well->play(50ms, 1000);
        CHECK(well->lost() == 0);
        if (under_load) { /* these may lose what overflows a socket */
            healthy flood(*this, session_count);
            rate = static_cast<double>(flood.play(500ms, 1e6)) / 0.5 / 4;
            static_cast<void>(flood.lost(1u << 31));
        }
        std::printf("%.0f messages a second of %u healthy sessions\n", rate, session_count);
    }

    ~scene()
    {
        well.reset();
        work(1); /* what waits for the service that hung */
        CHECK_CODE(entry.stop(in_time), handoff::errc::ok);
        close();
    }

    /* What overflowed the socket, before anybody could see it. */
    std::uint64_t kernel_dropped() const { return entry.read().dropped_kernel; }

    void stand(const std::vector<attack> &attacks, const char *name, std::chrono::nanoseconds time)
    {
        const auto before = entry.read();
        const auto idle = resident_bytes();
        const auto lost_before = well->lost(1u << 31);
        const auto dropped_before = kernel_dropped();
        std::vector<double> ratios;
        for (int i = 0; i < (under_load ? pairs : 1); ++i) {
            const auto alone = well->play(time, rate);
            campaign on(*this, attacks, rate);
            ratios.push_back(static_cast<double>(well->play(time, rate)) /
                             static_cast<double>(alone));
        }
        {
            campaign until_counted(*this, attacks, rate);
            for (const auto &each : attacks)
                for (const auto which : each.counted)
                    await_counted(each, which, before);
        }
        const auto lost_now = well->lost(lost_before, dropped_before);
        const auto lost = lost_now - std::min(lost_before, lost_now);
        const auto dropped = kernel_dropped() - dropped_before;
        std::sort(ratios.begin(), ratios.end());
        const auto ratio = ratios[ratios.size() / 2];
        std::printf("%-28s of the answers without it %.3f, lost %llu, dropped by the kernel %llu\n",
                    name, ratio, static_cast<unsigned long long>(lost),
                    static_cast<unsigned long long>(dropped));
        std::fflush(stdout);
        CHECK(lost <= dropped && (dropped == 0 || options.kind == net::transport::udp));
        CHECK(resident_bytes() < idle + memory_most);
        if (under_load)
            CHECK(ratio >= least);
    }

    /* What is refused is counted. */
    void await_counted(const attack &by, counter which, const net::counters &before)
    {
        const auto end = std::chrono::steady_clock::now() + in_time;
        for (int i = 0; entry.read().*which == before.*which; ++i) {
            /* Little of the processor means few steps: so many turns give the attackers enough. */
            const bool late = i >= in_time / 10ms && std::chrono::steady_clock::now() >= end;
            if (late)
                std::printf("%s: not counted\n", by.name);
            CHECK(!late);
            well->play(10ms, rate);
        }
    }

    /* Whether its sessions spoke in time, so that it says something about them. */
    bool stands_all(const std::vector<attack> &attacks)
    {
        for (const auto &each : attacks)
            stand({each}, each.name, under_load ? 500ms : 50ms);
        if (attacks.size() > 1)
            stand(attacks, "all of them together", under_load ? 60s / pairs : 100ms);
        return well->spoke_in_time();
    }

    double rate = 1000;
    std::unique_ptr<healthy> well;
};

void tcp_sessions_do_not_notice(void **)
{
    with_time_enough(60s, [](std::chrono::milliseconds idle_time) {
        return scene(net::transport::tcp, idle_time).stands_all(over_tcp);
    });
}

void tcp_sessions_do_not_notice_who_says_nothing(void **)
{
    with_time_enough(2s, [](std::chrono::milliseconds idle_time) {
        return scene(net::transport::tcp, idle_time).stands_all(silent_over_tcp);
    });
}

void udp_sessions_do_not_notice(void **)
{
    scene(net::transport::udp, no_limit).stands_all(over_udp);
}

} // namespace

int main(int argc, char **argv)
{
    under_load = argc == 2 && std::string(argv[1]) == "load";
    const CMUnitTest tests[] = {
        cmocka_unit_test(tcp_sessions_do_not_notice),
        cmocka_unit_test(tcp_sessions_do_not_notice_who_says_nothing),
        cmocka_unit_test(udp_sessions_do_not_notice),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
