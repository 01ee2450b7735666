/* SPDX-License-Identifier: MIT */
#ifndef HANDOFF_TESTS_NET_NAMESPACE_HPP
#define HANDOFF_TESTS_NET_NAMESPACE_HPP

#include <arpa/inet.h>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A network namespace for this thread and those that it starts, whose loopback has three IPv6
 * addresses. False if the system or the user can't have one. */
class own_network {
  public:
    own_network() : before_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC))
    {
        there_ = before_ >= 0 && unshare(CLONE_NEWNET) == 0 && add_addresses();
    }
    ~own_network()
    {
        if (before_ >= 0)
            setns(before_, CLONE_NEWNET);
        ::close(before_);
    }
    own_network(const own_network &) = delete;
    own_network &operator=(const own_network &) = delete;

    explicit operator bool() const { return there_; }

    /* The ports that the kernel chooses from. */
    static bool set_ports(const char *first_and_last)
    {
        const int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
        const auto size = std::strlen(first_and_last);
        const bool good = write(fd, first_and_last, size) == static_cast<ssize_t>(size);
        ::close(fd);
        return good;
    }

  private:
    static bool add_addresses()
    {
        struct {
            in6_addr address;
            std::uint32_t prefix_bits;
            int interface;
        } with{{}, 128, 0};
        ifreq loopback{};
        std::strcpy(loopback.ifr_name, "lo");
        const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool good = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &loopback) == 0;
        loopback.ifr_flags |= IFF_UP;
        good = good && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
        with.interface = static_cast<int>(if_nametoindex("lo"));
        for (const auto *each : {"fd00::1", "fd00::2"})
            good = good && inet_pton(AF_INET6, each, &with.address) == 1 &&
                   ioctl(fd, SIOCSIFADDR, &with) == 0;
        ::close(fd);
        return good && usable("fd00::1") && usable("fd00::2");
    }

    /* An address becomes usable a moment later; until then it can't be bound to. */
    static bool usable(const char *address)
    {
        sockaddr_in6 own{};
        own.sin6_family = AF_INET6;
        inet_pton(AF_INET6, address, &own.sin6_addr);
        const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool bound = false;
        for (int i = 0; i < 10000 && !bound; ++i) {
            bound = bind(fd, reinterpret_cast<sockaddr *>(&own), sizeof(own)) == 0;
            if (!bound)
                usleep(1000);
        }
        ::close(fd);
        return bound;
    }

    const int before_;
    bool there_ = false;
};

#endif
