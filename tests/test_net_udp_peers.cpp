/* SPDX-License-Identifier: MIT */
/* UDP over real sockets: hosts with several addresses, and peers that come, go or are spoofed. */
#include "net_namespace.hpp"
#include "net_world.hpp"

#include <memory>
#include <vector>

namespace {

struct endpoint {
    sockaddr_storage raw{};
    socklen_t size = 0;

    endpoint() = default;
    endpoint(const char *host, std::uint16_t port)
    {
        auto &v4 = reinterpret_cast<sockaddr_in &>(raw);
        auto &v6 = reinterpret_cast<sockaddr_in6 &>(raw);
        if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
            v4.sin_family = AF_INET;
            v4.sin_port = htons(port);
            size = sizeof(v4);
        } else {
            CHECK(inet_pton(AF_INET6, host, &v6.sin6_addr) == 1);
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(port);
            size = sizeof(v6);
        }
    }
    sockaddr *any() { return reinterpret_cast<sockaddr *>(&raw); }
    bool operator==(const endpoint &other) const
    {
        return size == other.size && std::memcmp(&raw, &other.raw, size) == 0;
    }
};

/* An unconnected socket, so that it hears answers from wherever they come. */
class caller {
  public:
    explicit caller(const char *own)
    {
        endpoint here(own, 0);
        fd_ = socket(here.any()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd_ >= 0 && bind(fd_, here.any(), here.size) == 0);
        CHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    }
    ~caller() { ::close(fd_); }
    caller(const caller &) = delete;
    caller &operator=(const caller &) = delete;

    /* Whether the answer came from there. */
    bool answered_from(endpoint to)
    {
        endpoint from;
        from.size = sizeof(from.raw);
        char got[8];
        CHECK(sendto(fd_, "0 who", 5, 0, to.any(), to.size) == 5);
        CHECK(recvfrom(fd_, got, sizeof(got), 0, from.any(), &from.size) == 5);
        return from == to;
    }

  private:
    int fd_ = -1;
};

void an_answer_leaves_from_the_address_that_was_asked(void **)
{
    for (const auto *own : {"0.0.0.0", "::"}) {
        net_world w(net::transport::udp);
        w.options.address = own;
        w.open();
        w.work();
        const auto port = w.entry.port_number();
        caller one("127.0.0.1");
        for (const auto *asked : {"127.0.0.1", "127.0.0.2", "127.3.4.5", "127.0.0.2"})
            CHECK(one.answered_from({asked, port}));
        /* What it asks of each address is a connection of its own. */
        CHECK(w.entry.read().accepted == 3);
        w.stop_and_close();
    }
}

bool ask_ipv6()
{
    const own_network here;
    if (!here)
        return false;
    net_world w(net::transport::udp);
    w.options.address = "::";
    w.open();
    w.work();
    caller one("::1");
    for (const auto *asked : {"::1", "fd00::1", "fd00::2"})
        CHECK(one.answered_from({asked, w.entry.port_number()}));
    w.stop_and_close();
    return true;
}

void an_ipv6_answer_leaves_from_the_address_that_was_asked(void **)
{
    if (!ask_ipv6())
        skip();
}

/* Sends from any address of 127.0.0.0/8, all of which are this host's. What is answered it does not read. */
class forger {
  public:
    explicit forger(net_world &at)
        : w_(at), fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
          to_("127.0.0.1", at.entry.port_number())
    {
        CHECK(fd_ >= 0);
    }
    ~forger() { ::close(fd_); }
    forger(const forger &) = delete;
    forger &operator=(const forger &) = delete;

    /* A message of each of `count` sources from `first` on. No faster than they are read: this is not about the
     * socket's buffer. */
    void flood(std::uint32_t first, std::uint32_t count)
    {
        for (std::uint32_t i = 0; i < count; ++i) {
            send_from(first + i);
            ++sent_;
            while (i % 64 == 63 && read() < sent_)
                std::this_thread::sleep_for(50us);
        }
    }

  private:
    std::uint64_t read() const
    {
        const auto now = w_.entry.read();
        return now.received + now.dropped_peer + now.dropped_full - begun_;
    }

    void send_from(std::uint32_t source)
    {
        alignas(cmsghdr) char room[CMSG_SPACE(sizeof(in_pktinfo))] = {};
        iovec bytes{const_cast<char *>("0 made up"), 9};
        msghdr message{};
        message.msg_name = to_.any();
        message.msg_namelen = to_.size;
        message.msg_iov = &bytes;
        message.msg_iovlen = 1;
        message.msg_control = room;
        message.msg_controllen = sizeof(room);
        auto *note = CMSG_FIRSTHDR(&message);
        note->cmsg_level = IPPROTO_IP;
        note->cmsg_type = IP_PKTINFO;
        note->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
        in_pktinfo from{};
        from.ipi_spec_dst.s_addr = htonl(0x7f100000u + source);
        std::memcpy(CMSG_DATA(note), &from, sizeof(from));
        CHECK(sendmsg(fd_, &message, 0) == 9);
    }

    net_world &w_;
    const int fd_;
    endpoint to_;
    const std::uint64_t begun_ = read();
    std::uint64_t sent_ = 0;
};

/* A peer with the connection id that its first message had. */
struct resident {
    net_peer peer;
    std::uint64_t id = 0;

    explicit resident(net_world &w) : peer(w)
    {
        CHECK(talks(w));
        CHECK(talks(w));
    }
    /* As the one who it was. */
    bool talks(net_world &w)
    {
        const bool heard = peer.echoes("1 here");
        const std::uint64_t now = w.last_of[1];
        const bool same = id == 0 || id == now;
        id = now;
        return heard && same;
    }
};

/* More of them than the table holds, in turns with honest peers, who get every answer and keep their ids. */
void made_up_sources_cost_no_known_peer_anything_and_strangers_are_served(void **)
{
    constexpr std::uint32_t sources = 65536;
    constexpr std::uint32_t step = 2048;
    net_world w(net::transport::udp);
    w.options.limit.connections = sources / 8;
    w.options.limit.peer_idle = 24h;
    handoff::service_options lanes;
    lanes.lane_slots = 4096;
    w.open(lanes);
    w.work();
    std::vector<std::unique_ptr<resident>> known;
    for (int i = 0; i < 8; ++i)
        known.push_back(std::make_unique<resident>(w));
    forger crowd(w);
    /* Then as many that come again, and are proven as the known ones are. */
    for (const std::uint32_t again : {1u, 2u})
        for (std::uint32_t first = 0; first < sources; first += step) {
            for (std::uint32_t i = 0; i < again; ++i)
                crowd.flood(again * sources + first, step);
            for (auto &each : known)
                CHECK(each->talks(w));
            resident stranger(w);
            if (first == sources / 2 && again == 1)
                known.push_back(std::make_unique<resident>(w));
        }
    const auto now = w.entry.read();
    CHECK(now.evicted == 0 && now.evicted_early > 0 && now.dropped_peer == 0);
    CHECK(now.connections == w.options.limit.connections);
    w.stop_and_close();
}

/* The table is full of proven peers; each stranger comes to a thread that the kernel chooses. */
void an_idle_peer_makes_room_whichever_thread_has_it(void **)
{
    net_world w(net::transport::udp);
    w.options.limit.connections = 1;
    w.options.limit.peer_idle = 1ms;
    w.open();
    w.work();
    std::uint32_t changes = 0;
    std::uint32_t before = 0;
    for (std::uint32_t i = 0; i < 100 || changes < 4; ++i) {
        CHECK(i < 10000);
        resident stranger(w);
        const auto thread = ho_net_to(stranger.id);
        changes += i != 0 && thread != before ? 1 : 0;
        before = thread;
        std::this_thread::sleep_for(5ms); /* it is idle */
    }
    CHECK(w.entry.read().dropped_peer == 0 && w.entry.read().evicted_early == 0);
    CHECK(w.entry.read().connections == 1);
    w.stop_and_close();
}

/* The longest that a duration can be is no shorter than any other. */
void a_peer_is_idle_after_peer_idle_and_no_sooner(void **)
{
    for (const auto idle :
         {std::chrono::milliseconds::max(), std::chrono::milliseconds(24h * 30)}) {
        net_world w(net::transport::udp);
        w.options.threads = 1;
        w.options.limit.connections = 2;
        w.options.limit.peer_idle = idle;
        w.open();
        w.work();
        resident first(w);
        resident second(w);
        net_peer(w).say("1 let me in");
        w.await(&net::counters::dropped_peer, 1);
        CHECK(first.talks(w) && second.talks(w) && w.entry.read().evicted == 0);
        w.stop_and_close();
    }
}

/* A forger that the service does not understand is not proven by talking. */
void rejected_messages_prove_nobody(void **)
{
    net_world w(net::transport::udp);
    w.options.limit.connections = 1;
    w.open();
    w.work();
    net_peer noise(w);
    for (int i = 0; i < 10; ++i)
        noise.say("7 no such service");
    w.await(&net::counters::dropped_rejected, 10);
    resident stranger(w);
    CHECK(w.entry.read().evicted_early == 1);
    w.stop_and_close();
}

const CMUnitTest tests[] = {
    cmocka_unit_test(an_answer_leaves_from_the_address_that_was_asked),
    cmocka_unit_test(an_ipv6_answer_leaves_from_the_address_that_was_asked),
    cmocka_unit_test(made_up_sources_cost_no_known_peer_anything_and_strangers_are_served),
    cmocka_unit_test(an_idle_peer_makes_room_whichever_thread_has_it),
    cmocka_unit_test(a_peer_is_idle_after_peer_idle_and_no_sooner),
    cmocka_unit_test(rejected_messages_prove_nobody),
};

} // namespace

HO_TEST_MAIN(tests)
