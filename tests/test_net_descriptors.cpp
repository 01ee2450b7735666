/* SPDX-License-Identifier: MIT */
/* The entrypoint's descriptors and port are its own: child processes don't inherit them, and a
 * second server can't take them. */
#include "net_namespace.hpp"
#include "net_world.hpp"

#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <set>
#include <spawn.h>
#include <sys/wait.h>
#include <vector>

extern char **environ;

/* Linked with these calls wrapped: a descriptor that becomes close-on-exec later has been open to a fork before. */
extern "C" {
int __real_socket(int domain, int type, int protocol);
int __real_accept4(int fd, sockaddr *from, socklen_t *size, int flags);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_accept(int fd, sockaddr *from, socklen_t *size);
int __wrap_accept4(int fd, sockaddr *from, socklen_t *size, int flags);

int __wrap_socket(int domain, int type, int protocol)
{
    CHECK((type & SOCK_CLOEXEC) != 0);
    return __real_socket(domain, type, protocol);
}
int __wrap_accept(int fd, sockaddr *from, socklen_t *size)
{
    const bool accept_has_no_flags = false;
    CHECK(accept_has_no_flags);
    return __real_accept4(fd, from, size, 0);
}
int __wrap_accept4(int fd, sockaddr *from, socklen_t *size, int flags)
{
    CHECK((flags & SOCK_CLOEXEC) != 0);
    return __real_accept4(fd, from, size, flags);
}
}

namespace {

std::set<int> open_descriptors()
{
    std::set<int> found;
    auto *folder = opendir("/proc/self/fd");
    CHECK(folder != nullptr);
    while (const auto *each = readdir(folder))
        if (each->d_name[0] != '.' && std::atoi(each->d_name) != dirfd(folder))
            found.insert(std::atoi(each->d_name));
    closedir(folder);
    return found;
}

constexpr net::transport both[] = {net::transport::udp, net::transport::tcp};

void no_program_that_is_started_inherits_a_descriptor(void **)
{
    const auto before = open_descriptors();
    for (const auto kind : both) {
        net_world w(kind);
        w.open();
        w.work();
        net_peer peer(w);
        CHECK(peer.echoes("0") && peer.echoes("1"));
        auto unread = *handoff::consumer::open(w.egress, 7);
        auto unfilled = *handoff::shard::open(w.unused);
        auto messages = unread.fd();
        auto memory = unfilled.fd();
        CHECK(messages && memory);
        std::size_t seen = 0;
        for (const auto fd : open_descriptors()) {
            if (before.count(fd) != 0)
                continue;
            ++seen;
            CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        }
        CHECK(seen >= 10); /* two threads' loops and sockets, and ours */
        ::close(*messages);
        ::close(*memory);
        unread.reset();
        unfilled.reset();
        w.stop_and_close();
    }
}

/* A server stops and starts again while a program that the first one started runs on. */
void a_program_that_was_started_keeps_no_port(void **)
{
    for (const auto kind : both) {
        net_world w(kind);
        w.open();
        w.work();
        net_peer first(w);
        CHECK(first.echoes("0"));
        w.options.port = w.entry.port_number();
        char name[] = "sleep";
        char long_enough[] = "60";
        char *const command[] = {name, long_enough, nullptr};
        pid_t helper = 0;
        CHECK(posix_spawnp(&helper, name, nullptr, nullptr, command, environ) == 0);
        CHECK_CODE(w.entry.stop(in_time), handoff::errc::ok);
        CHECK(kind == net::transport::udp || first.ended());
        w.start();
        for (int i = 0; i < 40; ++i) {
            net_peer peer(w);
            CHECK(peer.echoes("1"));
        }
        CHECK(kill(helper, SIGKILL) == 0 && waitpid(helper, nullptr, 0) == helper);
        w.stop_and_close();
    }
}

/* Another server beside this one, with no service. */
struct second_server {
    handoff::domain root = *handoff::domain::create();
    handoff::arena received = *handoff::arena::open(root);
    handoff::service egress;
    net::entrypoint entry;

    std::error_code start(net::options with)
    {
        handoff::service_options bound;
        bound.partitions = 8;
        bound.consumers = HO_CONSUMERS_BOUND;
        egress = *handoff::service::open(root, bound);
        return entry.start(with, {root.raw(), received.raw(), egress.raw(), {}});
    }
    ~second_server()
    {
        CHECK_CODE(entry.stop(in_time), handoff::errc::ok);
        CHECK_CODE(root.close(in_time), handoff::errc::ok);
    }
};

void a_second_server_is_told_that_the_address_is_in_use(void **)
{
    for (const auto kind : both)
        for (const std::uint32_t threads : {1u, 2u})
            for (const std::uint32_t others : {1u, 2u}) {
                net_world w(kind);
                w.options.threads = threads;
                w.open();
                w.work();
                auto with = w.options;
                with.port = w.entry.port_number();
                with.threads = others;
                for (const auto *address : {"127.0.0.1", "0.0.0.0"}) {
                    with.address = address;
                    second_server other;
                    CHECK(other.start(with) == std::errc::address_in_use);
                }
                w.stop_and_close();
            }
}

void servers_that_ask_for_it_share_a_port(void **)
{
    for (const auto kind : both)
        for (const std::uint32_t threads : {1u, 2u}) {
            net_world w(kind);
            w.options.threads = threads;
            w.options.share_port = true;
            w.open();
            w.work();
            auto with = w.options;
            with.port = w.entry.port_number();
            {
                second_server other;
                CHECK(!other.start(with));
                with.share_port = false;
                second_server third;
                CHECK(third.start(with) == std::errc::address_in_use);
            }
            CHECK(net_peer(w).echoes("0"));
            w.stop_and_close();
        }
}

/* Free means free, also of those who would share it. */
bool choose_ports()
{
    const own_network here;
    if (!here || !own_network::set_ports("40000 40031"))
        return false;
    for (const auto kind : both) {
        net_world w(kind);
        w.options.share_port = true;
        w.open();
        std::vector<std::unique_ptr<second_server>> others;
        std::set<std::uint16_t> ports{w.entry.port_number()};
        for (int i = 0; i < 20; ++i) {
            others.push_back(std::make_unique<second_server>());
            CHECK(!others.back()->start(w.options));
            CHECK(ports.insert(others.back()->entry.port_number()).second);
        }
        others.clear();
        w.stop_and_close();
    }
    return true;
}

void a_port_that_the_kernel_chooses_is_nobody_elses(void **)
{
    if (!choose_ports())
        skip();
}

void all_network_threads_get_peers(void **)
{
    for (const auto kind : both) {
        net_world w(kind);
        w.options.threads = 4;
        w.open();
        w.work();
        std::set<std::uint16_t> threads;
        for (int i = 0; threads.size() != 4; ++i) {
            CHECK(i < 10000);
            net_peer peer(w);
            CHECK(peer.echoes("0"));
            threads.insert(ho_net_to(w.last_of[0]));
        }
        w.stop_and_close();
    }
}

const CMUnitTest tests[] = {
    cmocka_unit_test(no_program_that_is_started_inherits_a_descriptor),
    cmocka_unit_test(a_program_that_was_started_keeps_no_port),
    cmocka_unit_test(a_second_server_is_told_that_the_address_is_in_use),
    cmocka_unit_test(servers_that_ask_for_it_share_a_port),
    cmocka_unit_test(a_port_that_the_kernel_chooses_is_nobody_elses),
    cmocka_unit_test(all_network_threads_get_peers),
};

} // namespace

HO_TEST_MAIN(tests)
