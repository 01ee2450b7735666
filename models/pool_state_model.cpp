/* SPDX-License-Identifier: MIT */
/*
 * What a pool counts: the generations of its slots, and its bytes.
 *
 *   trim       a state is given back while it is refilled: no generation comes twice
 *   state      two releases of one object, a look-up, a trim: one of the two is told that it was first
 *   charge     pages of pools against a budget of segments: never more pages than segments, nothing left at the end
 *   room       charges for which there is room, all at once: none is refused
 */
#define MODEL_SITES(X)                                                                             \
    X(state_last, LOAD, relaxed)                                                                   \
    X(state_floor, LOAD, relaxed)                                                                  \
    X(state_hold, STORE, relaxed)                                                                  \
    X(state_look, LOAD, relaxed)                                                                   \
    X(state_release, RMW, relaxed)                                                                 \
    X(state_found, LOAD, relaxed)                                                                  \
    X(state_was, LOAD, relaxed)                                                                    \
    X(state_each, LOAD, relaxed)                                                                   \
    X(state_raise, STORE, relaxed)                                                                 \
    X(heed_the_floor, STEP, relaxed)                                                               \
    X(floor_monotone, STEP, relaxed)                                                               \
    X(release_by_exchange, STEP, relaxed)                                                          \
    X(budget_look, LOAD, relaxed)                                                                  \
    X(budget_take, RMW, relaxed)                                                                   \
    X(budget_relook, LOAD, relaxed)                                                                \
    X(charge_look, LOAD, relaxed)                                                                  \
    X(charge_add, RMW, relaxed)                                                                    \
    X(charge_relook, LOAD, relaxed)                                                                \
    X(uncharge, RMW, relaxed)                                                                      \
    X(charge_segments, STEP, relaxed)                                                              \
    X(pages_before_segments, STEP, relaxed)                                                        \
    X(claim_before_discard, STEP, relaxed)                                                         \
    X(keep_the_floor, STEP, relaxed)
#define OTHER_SITES(X)                                                                             \
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
    X(second_look, STEP, relaxed)

#include "model.hpp"

#include "../src/freebits.inl"
#include "../src/slotstate.inl"

/* One slot, whose page of states is given back. `last` is the last generation that a holder had. */
struct trim_test : rl::test_suite<trim_test, 2> {
    rl::atomic<uint64_t> bits[2]; /* the summary, a word */
    rl::atomic<uint32_t> state, floor;
    rl::var<uint32_t> last;

    void before()
    {
        A_STORE(bits[1], 1, rl::mo_relaxed);
        A_STORE(bits[0], 1, rl::mo_relaxed);
        A_STORE(state, 4, rl::mo_relaxed);
        A_STORE(floor, 0, rl::mo_relaxed);
        P_WRITE(last, 3);
    }

    void use()
    {
        if (!hoi_bits_take(bits, 0, 1, 1))
            return;
        uint32_t generation = hoi_state_next(&state, hoi_state_least(&floor, 0));
        RL_ASSERT(generation > P_READ(last) && generation % 2 == 1);
        P_WRITE(last, generation);
        hoi_state_hold(&state, generation);
        RL_ASSERT(hoi_state_is(&state, generation)); /* it resolves */
        RL_ASSERT(hoi_state_release(&state, generation));
        hoi_bits_put(bits, 0, 1);
    }

    void trim()
    {
        bool claim = DO_STEP(claim_before_discard);
        if (claim && !hoi_bits_take(bits, 0, 1, 1))
            return;
        if (DO_STEP(keep_the_floor))
            hoi_state_raise(&floor, &state, 1);
        A_STORE(state, 0, rl::mo_relaxed); /* the page reads as zero from here on */
        if (claim)
            hoi_bits_put(bits, 0, 1);
    }

    void thread(unsigned index)
    {
        for (unsigned i = 0; i != 2; ++i)
            if (index == 0)
                use();
            else
                trim();
    }
};

/* One slot, whose object two threads have a copy of, and both release it. Whoever was first puts the slot where the
 * others find it. */
struct state_test : rl::test_suite<state_test, 3> {
    rl::atomic<uint64_t> bits[2]; /* the summary, a word */
    rl::atomic<uint32_t> state, floor;
    rl::var<uint32_t> last; /* generation that a holder had */
    unsigned first;         /* releases that were told so */

    void before()
    {
        A_STORE(bits[1], 0, rl::mo_relaxed);
        A_STORE(bits[0], 0, rl::mo_relaxed);
        A_STORE(state, 5, rl::mo_relaxed);
        A_STORE(floor, 0, rl::mo_relaxed);
        P_WRITE(last, 5);
        first = 0;
    }

    bool release()
    {
        if (DO_STEP(release_by_exchange))
            return hoi_state_release(&state, 5);
        if (!hoi_state_is(&state, 5)) /* the mutant: a look, and then a store */
            return false;
        hoi_state_hold(&state, 6);
        return true;
    }

    void use()
    {
        if (!hoi_bits_take(bits, 0, 1, 1))
            return;
        uint32_t generation = hoi_state_next(&state, hoi_state_least(&floor, 0));
        RL_ASSERT(generation > P_READ(last) && generation % 2 == 1);
        P_WRITE(last, generation);
        hoi_state_hold(&state, generation);
        RL_ASSERT(hoi_state_is(&state, generation)); /* nobody else has it */
        RL_ASSERT(hoi_state_release(&state, generation));
        hoi_bits_put(bits, 0, 1);
    }

    void trim()
    {
        if (!hoi_bits_take(bits, 0, 1, 1))
            return;
        hoi_state_raise(&floor, &state, 1);
        A_STORE(state, 0, rl::mo_relaxed); /* the page reads as zero from here on */
        hoi_bits_put(bits, 0, 1);
    }

    void thread(unsigned index)
    {
        if (index == 2) {
            trim();
            trim(); /* once more, and nobody used it meanwhile */
            return;
        }
        if (release()) {
            first++;
            hoi_bits_put(bits, 0, 1);
        }
        RL_ASSERT(!hoi_state_is(&state, 5)); /* whichever was first, it is stale */
        use();
    }

    void after() { RL_ASSERT(first == 1 && A_LOAD(bits[1], rl::mo_relaxed) == 1); }
};

/* A budget of two segments of two pages. What the threads think that they have is plain: Relacy does not interrupt
 * between an operation and what follows it up to the next one. */
#define CHARGE_SEGMENT 2u
#define CHARGE_BUDGET 2u

struct hoi_arena {
    rl::atomic<uint64_t> held;
    uint64_t budget_segs;
    uint64_t pages; /* charged with success */
};

static uint64_t hoi_segments_of(const hoi_arena *, uint64_t pages)
{
    return (pages + CHARGE_SEGMENT - 1) / CHARGE_SEGMENT;
}

static void hoi_arena_give_budget(hoi_arena *a, uint64_t n);

#include "../src/budget.inl"

static void check_word(const hoi_arena *a, uint64_t word)
{
    uint64_t segments = hoi_charged_segments(word);
    RL_ASSERT(segments <= a->budget_segs && segments * CHARGE_SEGMENT >= hoi_charged_pages(word));
}

static void hoi_arena_give_budget(hoi_arena *a, uint64_t n)
{
    check_word(a, A_FSUB(a->held, n, rl::mo_relaxed) - n);
}

template <typename test> struct budget_test : rl::test_suite<test, 3> {
    hoi_arena arena;

    void before()
    {
        A_STORE(arena.held, 0, rl::mo_relaxed);
        arena.budget_segs = CHARGE_BUDGET;
        arena.pages = 0;
    }

    bool charge(uint64_t pages)
    {
        if (!hoi_budget_charge(&arena, pages))
            return false;
        arena.pages += pages;
        check_word(&arena, A_FADD(arena.held, 0, rl::mo_relaxed)); /* the latest */
        return true;
    }

    void after()
    {
        uint64_t word = A_LOAD(arena.held, rl::mo_relaxed);
        RL_ASSERT(hoi_charged_pages(word) == arena.pages);
        RL_ASSERT(hoi_charged_segments(word) == hoi_segments_of(&arena, arena.pages));
    }
};

/* Beside a shard, which has a segment of the budget for a time. */
struct charge_test : budget_test<charge_test> {
    void uncharge(uint64_t pages)
    {
        arena.pages -= pages;
        if (DO_STEP(pages_before_segments)) {
            hoi_budget_uncharge(&arena, pages);
        } else { /* the mutant: the other order */
            uint64_t had = hoi_charged_pages(A_LOAD(arena.held, rl::mo_relaxed));
            hoi_arena_give_budget(&arena, hoi_segments_of(&arena, had) -
                                              hoi_segments_of(&arena, had - pages));
            A_FSUB(arena.held, pages << HOI_CHARGED_PAGES, rl::mo_relaxed);
        }
    }

    void thread(unsigned index)
    {
        if (index == 2) {
            if (hoi_budget_take(&arena.held, arena.budget_segs, 1))
                hoi_arena_give_budget(&arena, 1);
        } else if (charge(index + 1)) {
            uncharge(index + 1);
        }
    }
};

struct room_test : budget_test<room_test> {
    void thread(unsigned index) { RL_ASSERT(charge(index == 2 ? 2 : 1)); }
};

int main(int argc, char **argv)
{
    return model_main("pool_state",
                      {{"trim", rl::simulate<trim_test>, 3},
                       {"state", rl::simulate<state_test>, 2},
                       {"charge", rl::simulate<charge_test>, 2},
                       {"room", rl::simulate<room_test>, 3}},
                      argc, argv);
}
