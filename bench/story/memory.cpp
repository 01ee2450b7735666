/* SPDX-License-Identifier: MIT */
#include "memory.hpp"

#include "machine.hpp"

#include <cstdio>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace bench {

std::uint64_t resident_bytes()
{
    char text[128];
    unsigned long long size = 0;
    unsigned long long resident = 0;
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    const auto got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    must(std::sscanf(text, "%llu %llu", &size, &resident) == 2, "/proc/self/statm can't be read");
    return resident * std::uint64_t(sysconf(_SC_PAGESIZE));
}

__attribute__((noinline)) void touch_stack()
{
    volatile char room[128 * 1024];
    for (std::size_t i = 0; i < sizeof room; i += 1024)
        room[i] = 0;
}

void forgo_huge_pages()
{
    /* Refused by kernels that have none. */
    static_cast<void>(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
}

} // namespace bench
