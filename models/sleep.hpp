/* SPDX-License-Identifier: MIT */
/* What a sleeper sleeps on, as the kernel has it. */
#ifndef HANDOFF_MODELS_SLEEP_HPP
#define HANDOFF_MODELS_SLEEP_HPP

#include "relacy_atomic.hpp"

/*
 * futex: the look at the word and the going to sleep are one step, which a wake can't come between;
 * both calls are full barriers. As many waits as `interrupts` says may end for no reason, as a signal
 * ends them.
 */
struct futex {
    unsigned interrupts;

    void wait(rl::atomic<uint32_t> &word, uint32_t expected)
    {
        rl::context &c = rl::ctx();
        if (interrupts && c.rand(2, rl::sched_type_user)) {
            --interrupts;
            return;
        }
        c.atomic_thread_fence_seq_cst();
        rl::preemption_disabler one_step(c);
        if (word.load(rl::mo_relaxed, RL_INFO) == expected)
            word.wait(c, false, false, RL_INFO);
    }

    static void wake(rl::atomic<uint32_t> &word)
    {
        rl::ctx().atomic_thread_fence_seq_cst();
        word.wake(rl::ctx(), 1, RL_INFO);
    }
};

/* eventfd: a counter under the kernel's lock; readable while it is not zero. */
struct eventfd {
    rl::atomic<uint32_t> count;

    void init() { count.store(0, rl::mo_relaxed, RL_INFO); }

    void write()
    {
        count.fetch_add(1, rl::mo_acq_rel, RL_INFO);
        count.wake(rl::ctx(), 1, RL_INFO);
    }

    /* Does not block: 0 if nothing was written since the last read. */
    uint32_t read() { return count.exchange(0, rl::mo_acq_rel, RL_INFO); }

    /* poll: blocks until it is readable. */
    void wait_readable()
    {
        rl::context &c = rl::ctx();
        c.sched();
        rl::preemption_disabler one_step(c);
        while (count.fetch_add(0, rl::mo_acq_rel, RL_INFO) == 0)
            count.wait(c, false, false, RL_INFO);
    }
};

#endif
