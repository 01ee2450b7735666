/* SPDX-License-Identifier: MIT */
/*
 * Free slots on their way between threads: each slot has plain data, which its holder writes, so that a slot which two
 * have, or which comes without an order, is a race.
 *
 *   bits       two takers and a putter in one word: the summary knows of what is left
 *   depot      two blocks that are popped and pushed back while another pop is under way
 *   cpu word   takes, puts, a drain and a filling of one word
 *   sequence   two threads of one processor and a drain from elsewhere, interrupted between any two steps
 */
#define MODEL_SITES(X)                                                                             \
    X(bits_put, RMW, release)                                                                      \
    X(some_set, RMW, release)                                                                      \
    X(some_clear, RMW, acquire)                                                                    \
    X(bits_relook, LOAD, relaxed)                                                                  \
    X(some_again, RMW, relaxed)                                                                    \
    X(bits_look, LOAD, relaxed)                                                                    \
    X(bits_take, RMW, acquire)                                                                     \
    X(bits_retake, LOAD, relaxed)                                                                  \
    X(some_look, LOAD, relaxed)                                                                    \
    X(set_summary, STEP, relaxed)                                                                  \
    X(second_look, STEP, relaxed)                                                                  \
    X(depot_look, LOAD, relaxed)                                                                   \
    X(depot_link, STORE, relaxed)                                                                  \
    X(depot_push, RMW, release)                                                                    \
    X(depot_relook, LOAD, relaxed)                                                                 \
    X(depot_top, LOAD, acquire)                                                                    \
    X(depot_next, LOAD, relaxed)                                                                   \
    X(depot_pop, RMW, acquire)                                                                     \
    X(depot_retop, LOAD, acquire)                                                                  \
    X(depot_tag, STEP, relaxed)                                                                    \
    X(cpu_look, LOAD, relaxed)                                                                     \
    X(cpu_take, RMW, acquire)                                                                      \
    X(cpu_retake, LOAD, relaxed)                                                                   \
    X(cpu_match, LOAD, relaxed)                                                                    \
    X(cpu_put, RMW, release)                                                                       \
    X(cpu_rematch, LOAD, relaxed)                                                                  \
    X(cpu_empty, LOAD, relaxed)                                                                    \
    X(cpu_fill, RMW, release)                                                                      \
    X(cpu_reempty, LOAD, relaxed)                                                                  \
    X(cpu_drain, RMW, acquire)                                                                     \
    X(load_inside, STEP, relaxed)                                                                  \
    X(entry_before_commit, STEP, relaxed)                                                          \
    X(restart_sequences, STEP, relaxed)                                                            \
    X(empty_before_return, STEP, relaxed)
#define OTHER_SITES(X)

#include "model.hpp"

struct hoi_depot_block {
    rl::atomic<uint32_t> next;
};

#include "../src/cpuword.inl"
#include "../src/depot.inl"
#include "../src/freebits.inl"

#define SLOTS 3u

/* Slot 0 is free, slot 1 the putter's. */
struct bits_test : rl::test_suite<bits_test, 3> {
    rl::atomic<uint64_t> bits[2]; /* the summary, a word */
    rl::var<unsigned> data[SLOTS];

    void before()
    {
        A_STORE(bits[1], 1, rl::mo_relaxed);
        A_STORE(bits[0], 1, rl::mo_relaxed);
        for (rl::var<unsigned> &d : data)
            P_WRITE(d, 0);
    }

    void take_and_put(uint64_t mask)
    {
        for (unsigned slot = 0; slot != SLOTS; ++slot)
            if (mask >> slot & 1)
                P_WRITE(data[slot], P_READ(data[slot]) + 1);
        if (mask)
            hoi_bits_put(bits, 0, mask);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            if (hoi_bits_find(bits, 0, 1) == 0)
                take_and_put(hoi_bits_take(bits, 0, ~(uint64_t)0, 1));
        } else if (index == 1) {
            take_and_put(2); /* its own */
        } else {
            take_and_put(hoi_bits_take(bits, 0, ~(uint64_t)0, 2));
        }
    }

    void after()
    {
        RL_ASSERT(A_LOAD(bits[1], rl::mo_relaxed) == 3);
        RL_ASSERT(A_LOAD(bits[0], rl::mo_relaxed) == 1);
    }
};

struct depot_test : rl::test_suite<depot_test, 2> {
    rl::atomic<uint64_t> stack;
    hoi_depot_block blocks[2];
    rl::var<unsigned> data[2];

    void before()
    {
        A_STORE(blocks[0].next, 2, rl::mo_relaxed);
        A_STORE(blocks[1].next, 0, rl::mo_relaxed);
        A_STORE(stack, 1, rl::mo_relaxed);
        P_WRITE(data[0], 0);
        P_WRITE(data[1], 0);
    }

    unsigned pop()
    {
        unsigned i = hoi_depot_pop(&stack, blocks);
        if (i)
            P_WRITE(data[i - 1], P_READ(data[i - 1]) + 1);
        return i;
    }

    void push(unsigned i)
    {
        if (i)
            hoi_depot_push(&stack, blocks, i - 1);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            push(pop());
            push(pop());
            return;
        }
        unsigned first = pop(), second = pop();
        push(first);
        if (second)
            P_WRITE(data[second - 1], P_READ(data[second - 1]) + 1);
        push(second);
    }

    void after()
    {
        unsigned first = pop(), second = pop();
        RL_ASSERT(first && second && first != second && !pop());
    }
};

/* Slots 0 and 1 are in the word at first. */
struct cpuword_test : rl::test_suite<cpuword_test, 3> {
    rl::atomic<uint64_t> word;
    rl::var<unsigned> data[2];
    rl::var<uint64_t> kept[3]; /* what a thread could not put back */

    void before()
    {
        A_STORE(word, hoi_cpuword_pack(0, 3), rl::mo_relaxed);
        P_WRITE(data[0], 0);
        P_WRITE(data[1], 0);
        for (rl::var<uint64_t> &k : kept)
            P_WRITE(k, 0);
    }

    void use(uint64_t mask)
    {
        for (unsigned slot = 0; slot != 2; ++slot)
            if (mask >> slot & 1)
                P_WRITE(data[slot], P_READ(data[slot]) + 1);
    }

    void thread(unsigned index)
    {
        uint32_t slot;
        if (index < 2) {
            if (!hoi_cpuword_take(&word, &slot))
                return;
            use((uint64_t)1 << slot);
            if (!hoi_cpuword_put(&word, slot))
                P_WRITE(kept[index], (uint64_t)1 << slot);
            return;
        }
        uint64_t all = hoi_cpuword_drain(&word);
        use(all & UINT32_MAX);
        if ((uint32_t)all && !hoi_cpuword_fill(&word, 0, (uint32_t)all))
            P_WRITE(kept[index], all & UINT32_MAX);
    }

    void after()
    {
        uint64_t all = A_LOAD(word, rl::mo_relaxed) & UINT32_MAX;
        for (rl::var<uint64_t> &k : kept) {
            RL_ASSERT(!(all & P_READ(k)));
            all |= P_READ(k);
        }
        RL_ASSERT(all == 3);
    }
};

/*
 * The sequences of percpu.h as a machine of steps. What they touch is plain C++, which Relacy does not interrupt; a
 * thread may be interrupted where it calls step(). The kernel restarts a sequence when another thread ran on its
 * processor in between, or when it was told to. Whoever empties the caches puts one that refuses in their place meanwhile.
 */
struct sequence_test : rl::test_suite<sequence_test, 3> {
    struct cache {
        unsigned count, handles[3];
        bool refuses;
    } own, refusing;
    cache *current;
    unsigned interruptions; /* of processor 0 */
    unsigned last;          /* thread that ran there */
    unsigned seen[3];       /* how often each handle was found at the end */
    rl::atomic<unsigned> clock;

    void before()
    {
        own = {1, {0, 7, 7}, false};
        refusing = {0, {7, 7, 7}, true};
        current = &own;
        interruptions = 0;
        last = 9;
        seen[0] = seen[1] = seen[2] = 0;
        clock.store(0, rl::mo_relaxed, RL_INFO);
    }

    /* Processor 0 goes on with this thread: returns whether another one was there, or a restart was asked for. */
    bool step(unsigned self, unsigned began)
    {
        (void)clock.load(rl::mo_relaxed, RL_INFO);
        if (last != self) {
            last = self;
            interruptions++;
        }
        return interruptions != began;
    }

    unsigned enter(unsigned self)
    {
        (void)step(self, interruptions);
        return interruptions;
    }

    void push(unsigned self, unsigned handle)
    {
        cache *outside = current;
        for (;;) {
            unsigned began = enter(self);
            cache *c = DO_STEP(load_inside) ? current : outside;
            if (step(self, began))
                continue;
            unsigned n = c->count;
            if (step(self, began))
                continue;
            if (c->refuses) { /* to the bits */
                found(handle);
                return;
            }
            if (DO_STEP(entry_before_commit)) {
                c->handles[n] = handle;
                if (step(self, began))
                    continue;
                c->count = n + 1;
                return;
            }
            c->count = n + 1; /* the mutant: what it commits is not there yet */
            if (!step(self, began))
                c->handles[n] = handle;
            return;
        }
    }

    bool pop(unsigned self, unsigned *handle)
    {
        cache *outside = current;
        for (;;) {
            unsigned began = enter(self);
            cache *c = DO_STEP(load_inside) ? current : outside;
            if (step(self, began))
                continue;
            unsigned n = c->count;
            if (n == 0 || c->refuses)
                return false;
            *handle = c->handles[n - 1];
            if (step(self, began))
                continue;
            c->count = n - 1;
            return true;
        }
    }

    void found(unsigned handle)
    {
        RL_ASSERT(handle < 3);
        seen[handle]++;
    }

    void thread(unsigned index)
    {
        unsigned handle;
        if (index == 0) {
            push(index, 1);
        } else if (index == 1) {
            if (pop(index, &handle))
                found(handle);
            push(index, 2);
        } else {
            (void)clock.load(rl::mo_relaxed, RL_INFO);
            current = &refusing;
            (void)clock.load(rl::mo_relaxed, RL_INFO);
            if (DO_STEP(restart_sequences))
                interruptions++;
            drain(&own);
        }
    }

    void drain(cache *c)
    {
        for (unsigned n = c->count; n--;) {
            found(c->handles[n]);
            (void)clock.load(rl::mo_relaxed, RL_INFO);
        }
        if (DO_STEP(empty_before_return))
            c->count = 0;
        current = c;
        (void)clock.load(rl::mo_relaxed, RL_INFO);
        if (!DO_STEP(empty_before_return))
            c->count = 0;
    }

    void after()
    {
        for (unsigned n = own.count; n--;)
            found(own.handles[n]);
        for (unsigned times : seen)
            RL_ASSERT(times == 1);
    }
};

int main(int argc, char **argv)
{
    return model_main("pool",
                      {{"bits", rl::simulate<bits_test>, 3},
                       {"depot", rl::simulate<depot_test>, 3},
                       {"cpu word", rl::simulate<cpuword_test>, 3},
                       {"sequence", rl::simulate<sequence_test>, 3}},
                      argc, argv);
}
