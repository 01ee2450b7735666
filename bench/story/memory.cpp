/* SPDX-License-Identifier: MIT */
#include "memory.hpp"

#include "machine.hpp"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace bench {

namespace {

template <std::size_t room> void read_all(const char *path, char (&text)[room])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const auto got = read(fd, text, room - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
}

} // namespace

std::uint64_t resident_bytes()
{
    char text[128];
    unsigned long long size = 0;
    unsigned long long resident = 0;
    read_all("/proc/self/statm", text);
    must(std::sscanf(text, "%llu %llu", &size, &resident) == 2, "/proc/self/statm can't be read");
    return resident * std::uint64_t(sysconf(_SC_PAGESIZE));
}

std::uint64_t anonymous_bytes()
{
    char text[2048];
    unsigned long long kib = 0;
    read_all("/proc/self/smaps_rollup", text);
    const char *line = std::strstr(text, "\nAnonymous:");
    must(line && std::sscanf(line, " Anonymous: %llu kB", &kib) == 1,
         "/proc/self/smaps_rollup can't be read");
    return kib * 1024;
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
