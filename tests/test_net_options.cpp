/* SPDX-License-Identifier: MIT */
/* Every option at its limits: it works there, or start names the option. */
#include "net_world.hpp"

#include <functional>
#include <limits>
#include <vector>

namespace {

constexpr net::transport both[] = {net::transport::udp, net::transport::tcp};

/* A server that starts again and again, each time with other options. */
struct stand : net_world {
    explicit stand(net::transport kind) : net_world(kind)
    {
        options.threads = 1;
        open();
        work();
        CHECK_CODE(entry.stop(in_time), handoff::errc::ok);
    }
    net::services behind()
    {
        return {root.raw(), received.raw(), egress.raw(), {echoes[0].raw(), echoes[1].raw()}};
    }
    std::error_code start_with(const net::options &with)
    {
        options.kind = with.kind;
        return entry.start(with, behind());
    }
    bool serves()
    {
        const bool heard = answers("0") && answers("1");
        return !entry.stop(in_time) && heard;
    }
    /* With the shortest limits one that comes to speak late is closed before: then another one tries. */
    bool answers(const std::string &question)
    {
        const bool frames = options.kind == net::transport::tcp;
        const auto said = frames ? net_peer::framed(question) : question;
        std::string heard(said.size(), '\0');
        for (const auto end = std::chrono::steady_clock::now() + in_time; heard != said;) {
            CHECK(std::chrono::steady_clock::now() < end);
            net_peer peer(*this);
            send(peer.fd(), said.data(), said.size(), MSG_NOSIGNAL);
            static_cast<void>(recv(peer.fd(), &heard[0], heard.size(), frames ? MSG_WAITALL : 0));
        }
        return true;
    }
    void end()
    {
        static_cast<void>(entry.stop(in_time));
        close();
    }
};

enum fate { works, refused, of_the_system };

/* An option, and what becomes of values of it; those of its type's ends are among them. */
struct row {
    const char *name; /* its message begins so */
    std::function<void(net::options &, std::uint64_t)> set;
    std::vector<std::pair<std::uint64_t, fate>> values;
};

constexpr std::uint64_t u16_max = 0xffff;
constexpr std::uint64_t u32_max = 0xffffffff;
constexpr std::uint64_t u64_max = ~std::uint64_t{0};
constexpr auto i64_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
constexpr std::uint64_t i64_min = i64_max + 1;

/* All of a type, with refusals below `least` and above `most`. */
std::vector<std::pair<std::uint64_t, fate>> ends(std::uint64_t max, std::uint64_t least,
                                                 std::uint64_t most)
{
    std::vector<std::pair<std::uint64_t, fate>> values;
    for (const std::uint64_t value :
         {std::uint64_t{0}, std::uint64_t{1}, least - 1, least, most, most + 1, max - 1, max})
        if (value <= max)
            values.push_back({value, value >= least && value <= most ? works : refused});
    return values;
}

/* Positive, of a signed type. */
std::vector<std::pair<std::uint64_t, fate>> durations()
{
    return {{0, refused},           {1, works},        {i64_max / 1'000'000, works},
            {i64_max - 1, works},   {i64_max, works},  {i64_min, refused},
            {i64_min + 1, refused}, {u64_max, refused}};
}

std::vector<row> table(net::transport kind)
{
    using o = net::options;
    using u = std::uint64_t;
    constexpr u segment = 256u << 10;
    const auto frame_most = kind == net::transport::udp ? segment : segment - (4u << 10) - 8;
    const auto ms = [](std::chrono::milliseconds net::limits::*which) {
        return [which](o &with, u value) {
            with.limit.*which = std::chrono::milliseconds(static_cast<std::int64_t>(value));
        };
    };
    return {
        {"kind",
         [](o &with, u value) { with.kind = static_cast<net::transport>(value); },
         {{0, works}, {1, works}, {2, refused}, {254, refused}, {255, refused}}},
        {"port",
         [](o &with, u value) { with.port = static_cast<std::uint16_t>(value); },
         {{0, works}, {1, of_the_system}, {u16_max - 1, of_the_system}, {u16_max, of_the_system}}},
        {"share_port",
         [](o &with, u value) { with.share_port = value != 0; },
         {{0, works}, {1, works}}},
        {"threads",
         [](o &with, u value) { with.threads = static_cast<std::uint32_t>(value); },
         {{0, refused},
          {1, works},
          {8, works},
          {1025, refused},
          {u32_max - 1, refused},
          {u32_max, refused}}},
        {"first_partition",
         [](o &with, u value) { with.first_partition = static_cast<std::uint32_t>(value); },
         {{0, works},
          {1, works},
          {7, works},
          {1024, refused},
          {u32_max - 1, refused},
          {u32_max, refused}}},
        {"socket_bytes",
         [](o &with, u value) { with.socket_bytes = static_cast<std::uint32_t>(value); },
         {{0, works}, {1, works}, {u{1} << 31, works}, {u32_max - 1, works}, {u32_max, works}}},
        {"rest",
         [](o &with, u value) {
             with.rest = std::chrono::microseconds(static_cast<std::int64_t>(value));
         },
         {{0, works},
          {1, works},
          {10000, works},
          {10001, refused},
          {i64_max - 1, refused},
          {i64_max, refused},
          {i64_min, refused},
          {u64_max, refused}}},
        {"limit.frame_bytes",
         [](o &with, u value) {
             with.limit.frame_bytes = static_cast<std::uint32_t>(value);
             with.limit.queued_bytes = with.limit.waiting_bytes = u64_max;
         },
         ends(u32_max, 1, frame_most)},
        {"limit.connections",
         [](o &with, u value) { with.limit.connections = static_cast<std::uint32_t>(value); },
         {{0, refused},
          {2, works},
          {1u << 21, works},
          {(1u << 21) + 1, refused},
          {u32_max - 1, refused},
          {u32_max, refused}}},
        {"limit.frame_time", ms(&net::limits::frame_time), durations()},
        {"limit.write_time", ms(&net::limits::write_time), durations()},
        {"limit.idle_time", ms(&net::limits::idle_time), durations()},
        {"limit.keep_alive", ms(&net::limits::keep_alive), durations()},
        {"limit.peer_idle", ms(&net::limits::peer_idle), durations()},
        {"limit.queued_bytes", [](o &with, u value) { with.limit.queued_bytes = value; },
         ends(u64_max, 2048, u64_max)},
        {"limit.waiting_bytes", [](o &with, u value) { with.limit.waiting_bytes = value; },
         ends(u64_max, 2048, u64_max)},
    };
}

void every_option_works_at_its_ends_or_is_refused_by_name(void **)
{
    for (const auto kind : both) {
        stand at(kind);
        for (const auto &each : table(kind))
            for (const auto &[value, expected] : each.values) {
                auto with = at.options;
                with.kind = kind;
                each.set(with, value);
                const auto error = at.start_with(with);
                const auto named = error.message().find(std::string(each.name) + " ") == 0;
                const bool good = expected == works ? !error && at.serves()
                                  : expected == refused
                                      ? error == std::errc::invalid_argument && named
                                      : error != std::errc::invalid_argument;
                if (!good)
                    print_error("%s %s = %llu: %s\n", kind == net::transport::udp ? "udp" : "tcp",
                                each.name, static_cast<unsigned long long>(value),
                                error.message().c_str());
                CHECK(good);
                static_cast<void>(at.entry.stop(in_time));
                at.options.kind = kind;
            }
        at.end();
    }
}

/* By the sockets of this process that are bound to the port. */
int receive_buffer(std::uint16_t port)
{
    for (int fd = 3; fd < 200; ++fd) {
        sockaddr_in own{};
        socklen_t size = sizeof(own);
        int bytes = 0;
        socklen_t room = sizeof(bytes);
        if (getsockname(fd, reinterpret_cast<sockaddr *>(&own), &size) == 0 &&
            own.sin_family == AF_INET && ntohs(own.sin_port) == port &&
            getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &room) == 0)
            return bytes;
    }
    return -1;
}

void asking_for_larger_socket_buffers_makes_them_no_smaller(void **)
{
    stand at(net::transport::udp);
    int before = 0;
    for (const std::uint32_t bytes : {4096u, 65536u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
        auto with = at.options;
        with.socket_bytes = bytes;
        CHECK(!at.start_with(with));
        const int now = receive_buffer(at.entry.port_number());
        CHECK(now >= before);
        before = now;
        CHECK_CODE(at.entry.stop(in_time), handoff::errc::ok);
    }
    at.end();
}

void names_are_refused_with_a_word_why(void **)
{
    stand at(net::transport::udp);
    for (const auto *text :
         {"", "localhost", "example.org", "256.0.0.1", "127.0.0.1:80", "127.1 "}) {
        auto with = at.options;
        with.address = text;
        const auto error = at.start_with(with);
        CHECK(error == std::errc::invalid_argument);
        CHECK(error.message().find("address is not an IPv4 or IPv6 address") == 0);
    }
    auto with = at.options;
    with.address = "192.0.2.1"; /* nobody's */
    CHECK(at.start_with(with) == std::errc::address_not_available);
    at.end();
}

/* A frame in two halves, more apart than the clock's look at it. */
void the_longest_frame_time_is_long(void **)
{
    for (const auto limit :
         {std::chrono::milliseconds::max(), std::chrono::milliseconds::max() - 1ms}) {
        stand at(net::transport::tcp);
        auto with = at.options;
        with.limit.frame_time = limit;
        with.limit.write_time = limit;
        CHECK(!at.start_with(with));
        net_peer peer(at);
        const auto frame = net_peer::framed("0 in two halves");
        peer.write(frame.substr(0, 6));
        std::this_thread::sleep_for(400ms);
        peer.write(frame.substr(6));
        CHECK(peer.hear() == "0 in two halves");
        at.end();
    }
}

void the_longest_stop_is_long_and_a_negative_one_is_none(void **)
{
    for (const auto limit : {std::chrono::nanoseconds::max(), std::chrono::nanoseconds::max() - 1ns,
                             std::chrono::nanoseconds::max() / 2}) {
        net_world w(net::transport::udp);
        w.open();
        net_peer peer(w);
        peer.say("0 held");
        w.await(&net::counters::received, 1);
        std::thread late([&w] {
            std::this_thread::sleep_for(50ms);
            w.work();
        });
        CHECK_CODE(w.entry.stop(limit), handoff::errc::ok);
        late.join();
        w.close();
    }
    for (const auto limit : {std::chrono::nanoseconds::min(), 0ns, 1ns}) {
        net_world w(net::transport::udp);
        w.open();
        net_peer peer(w);
        peer.say("0 held");
        w.await(&net::counters::received, 1);
        CHECK_CODE(w.entry.stop(limit), handoff::errc::timeout);
        w.work();
        w.close();
    }
}

/* What is wrong about the services, and what the message begins with. */
void services_that_do_not_fit_are_refused_by_name(void **)
{
    stand at(net::transport::udp);
    auto other = *handoff::domain::create();
    auto memory = *handoff::arena::open(other);
    auto target = *handoff::service::open(other);
    handoff::service_options bound;
    bound.consumers = HO_CONSUMERS_BOUND;
    auto egress = *handoff::service::open(other, bound);
    handoff::service_options many;
    many.partitions = 4;
    auto by_key = *handoff::service::open(at.root, many);
    CHECK(other && memory && target && egress && by_key);
    using s = net::services;
    const struct {
        const char *name;
        std::function<void(s &)> change;
        std::int32_t status;
    } rows[] = {
        {"services.domain", [](s &with) { with.domain = nullptr; }, HO_E_HANDLE},
        {"services.domain", [&](s &with) { with.domain = other.raw(); }, HO_E_DOMAIN},
        {"services.received", [](s &with) { with.received = nullptr; }, HO_E_HANDLE},
        {"services.domain", [&](s &with) { with.received = memory.raw(); }, HO_E_DOMAIN},
        {"services.egress", [](s &with) { with.egress = nullptr; }, HO_E_HANDLE},
        {"services.egress", [&](s &with) { with.egress = egress.raw(); }, HO_E_DOMAIN},
        {"services.egress", [&](s &with) { with.egress = by_key.raw(); }, HO_E_INVAL},
        {"services.targets", [](s &with) { with.targets[1] = nullptr; }, HO_E_HANDLE},
        {"services.targets", [&](s &with) { with.targets[1] = target.raw(); }, HO_E_DOMAIN},
        {"services.helping",
         [](s &with) {
             with.helping = [](std::uint32_t, std::uint32_t) { return handoff::c_callback{}; };
         },
         HO_E_INVAL},
    };
    for (const auto &each : rows) {
        auto behind = at.behind();
        each.change(behind);
        const auto error = at.entry.start(at.options, behind);
        if (error.value() != each.status || error.message().find(each.name) != 0)
            print_error("%s: %s\n", each.name, error.message().c_str());
        CHECK(error.value() == each.status && error.message().find(each.name) == 0);
    }
    auto with = at.options;
    with.first_partition = 8; /* it has 0 to 7 */
    const auto error = at.start_with(with);
    CHECK(error.value() == HO_E_RANGE && error.message().find("services.egress") == 0);
    CHECK(!at.start_with(at.options) && at.serves());
    at.end();
    CHECK_CODE(other.close(in_time), handoff::errc::ok);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(every_option_works_at_its_ends_or_is_refused_by_name),
    cmocka_unit_test(asking_for_larger_socket_buffers_makes_them_no_smaller),
    cmocka_unit_test(names_are_refused_with_a_word_why),
    cmocka_unit_test(the_longest_frame_time_is_long),
    cmocka_unit_test(the_longest_stop_is_long_and_a_negative_one_is_none),
    cmocka_unit_test(services_that_do_not_fit_are_refused_by_name),
};

} // namespace

HO_TEST_MAIN(tests)
