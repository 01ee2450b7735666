/* SPDX-License-Identifier: MIT */
#include "machine.hpp"

#include <common/tool.h>

#include <cstdlib>
#include <initializer_list>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bench {

double ns_per_tick()
{
    static const double found = [] {
        constexpr std::uint64_t sample_ns = 5000000;
        const auto from_ns = tool_now_ns();
        const auto from = ticks();
        std::uint64_t now_ns = from_ns;
        while (now_ns - from_ns < sample_ns)
            now_ns = tool_now_ns();
        return double(now_ns - from_ns) / double(ticks() - from);
    }();
    return found;
}

std::uint32_t cores()
{
    static const std::uint32_t found = [] {
        cpu_set_t set;
        CPU_ZERO(&set);
        return sched_getaffinity(0, sizeof set, &set) == 0 ? std::uint32_t(CPU_COUNT(&set)) : 1u;
    }();
    return found;
}

void unpin()
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (std::uint32_t core = 0; core < cores(); ++core)
        CPU_SET(core, &set);
    static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof set, &set));
}

void pin_to(std::uint32_t core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    /* Refused in a container that owns other cores: then the kernel places the thread. */
    static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof set, &set));
}

void pause::operator()() const
{
    if (crowded) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    _mm_pause();
#endif
}

mirror::mirror(std::size_t bytes) : base_(nullptr), bytes_(bytes)
{
    const int fd = memfd_create("bench", MFD_CLOEXEC);
    must(fd >= 0 && ftruncate(fd, off_t(bytes)) == 0, "no memory for a ring");
    void *place = mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(place != MAP_FAILED, "no address space for a ring");
    base_ = static_cast<std::uint8_t *>(place);
    for (auto at : {base_, base_ + bytes})
        must(mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd,
                  0) == at,
             "a ring can't be mapped");
    close(fd);
}

mirror::~mirror()
{
    munmap(base_, 2 * bytes_);
}

void fail(const char *what, const char *remedy)
{
    tool_error("%s: %s", what, remedy);
    std::_Exit(1);
}

} // namespace bench
