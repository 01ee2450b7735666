/* SPDX-License-Identifier: MIT */
/*
 * One producer, one consumer, a ring of two slots, five messages in bursts of two and one: the ring
 * wraps twice and a half. The bytes behind a descriptor are plain data: read before they are visible, they
 * are a race, and so is a slot that is overwritten before it was copied.
 */
#define MODEL_SITES(X)                                                                             \
    X(lane_room, LOAD, acquire)                                                                    \
    X(lane_reroom, LOAD, seq_cst)                                                                  \
    X(lane_follow, STORE, relaxed)                                                                 \
    X(lane_publish, STORE, seq_cst)                                                                \
    X(lane_observe, LOAD, acquire)                                                                 \
    X(lane_free, STORE, release)                                                                   \
    X(lane_free_ring, STORE, seq_cst)
#define OTHER_SITES(X) X(lane_recheck, LOAD, seq_cst)

#include "model.hpp"

#include "lane_slot.hpp"

#define MESSAGES 5u

/* FREE and ROOM: which of the two pairs for room this run uses. */
template <bool ring> struct burst_test : rl::test_suite<burst_test<ring>, 2> {
    lane l;
    rl::var<unsigned> bytes[MESSAGES];

    void before() { l.init(); }

    void thread(unsigned index)
    {
        if (index == 0)
            produce();
        else
            consume();
    }

    void produce()
    {
        for (unsigned i = 0; i != MESSAGES; ++i) {
            while (!hoi_lane_room(&l))
                wait_for_room();
            P_WRITE(bytes[i], 100 + i);
            hoi_lane_push(&l, &i);
            if (i % 3 != 0) /* 0 is deferred and goes with 1; 2 goes alone */
                RL_ASSERT(hoi_lane_publish(&l));
        }
        RL_ASSERT(!hoi_lane_publish(&l));
    }

    void wait_for_room()
    {
        (void)hoi_lane_publish(&l); /* what was deferred would never make room */
        if (!ring || !hoi_lane_reroom(&l))
            rl::yield(1, $);
    }

    void consume()
    {
        unsigned next = 0;
        while (next != MESSAGES) {
            unsigned items[LANE_SLOTS];
            uint32_t n = hoi_lane_take(&l, items, LANE_SLOTS, nullptr);
            for (uint32_t i = 0; i != n; ++i, ++next) {
                RL_ASSERT(items[i] == next);
                RL_ASSERT(P_READ(bytes[next]) == 100 + next);
            }
            if (n == 0)
                rl::yield(1, $);
            else if (ring)
                hoi_lane_free_ring(&l);
            else
                hoi_lane_free(&l);
        }
    }
};

int main(int argc, char **argv)
{
    return model_main("lane",
                      {{"bursts", rl::simulate<burst_test<false>>, 5},
                       {"bursts with a bell", rl::simulate<burst_test<true>>, 5}},
                      argc, argv);
}
