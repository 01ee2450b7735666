/* SPDX-License-Identifier: MIT */
#include "meter.hpp"

#include <csignal>
#include <ucontext.h>

namespace bench {

#if defined(__x86_64__)

namespace {

constexpr unsigned long long trap_flag = 0x100;

thread_local std::uint64_t steps;
thread_local std::uint64_t locks;

bool is_prefix(std::uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf2:
    case 0xf3: return true;
    default: return byte >= 0x40 && byte <= 0x4f; /* REX */
    }
}

/* A lock prefix, or an exchange with memory, which locks without one. */
bool locks_memory(const std::uint8_t *at)
{
    while (is_prefix(*at))
        ++at;
    return *at == 0xf0 || ((*at == 0x86 || *at == 0x87) && at[1] < 0xc0);
}

void on_trap(int, siginfo_t *, void *context)
{
    const auto *registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
    ++steps;
    locks += locks_memory(reinterpret_cast<const std::uint8_t *>(registers[REG_RIP]));
}

__attribute__((noinline)) void measure_nothing()
{
    const measured nothing;
}

} // namespace

step_meter::step_meter()
{
    struct sigaction action = {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    must(sigaction(SIGTRAP, &action, nullptr) == 0, "no handler for single steps");
    measuring = this;
    measure_nothing();
    measuring = nullptr;
    empty_ = steps;
}

void step_meter::begin()
{
    steps = 0;
    locks = 0;
    __writeeflags(__readeflags() | trap_flag);
}

void step_meter::end()
{
    __writeeflags(__readeflags() & ~trap_flag);
    if (left_out_ > 0) {
        --left_out_;
        return;
    }
    histogram_add(&cost_, steps - empty_);
    histogram_add(&locked_, locks);
}

#else

step_meter::step_meter()
{
    fail("single steps are counted on x86-64 only", "leave this out");
}
void step_meter::begin() {}
void step_meter::end() {}

#endif

} // namespace bench
