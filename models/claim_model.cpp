/* SPDX-License-Identifier: MIT */
/*
 * Shared consumers that claim partitions, and the publishers and helpers that wake them. A message
 * that nobody looks for, or a wake-up lost, is a deadlock; two consumers in one partition, or one
 * that does not see what the last one left, are races.
 *
 *   going idle    two publishers into one partition, against a consumer that goes to sleep
 *   drained       one publisher goes on while the consumer finds its lane empty
 *   order         two consumers take a partition's messages one by one and give it back in between
 *   hang          two consumers that claim one partition each and never come back: both are claimed
 *   three         the same with a publisher for each, so that publishers meet over the token
 *   helper        publishes without waking, works itself, settles what it left
 *   helper hangs  and never settles: the other publisher's message arrives
 *   helpers       two that settle, and a consumer that sleeps
 *   debt          as hang, one partition being a helper's that hangs until another publisher comes
 *   armed         as hang, with descriptors
 *   leave         a consumer closes while it is chosen
 *   end           the service closes: a sleeping and an armed consumer hear of it
 */
#define HOI_CLAIM_WORDS 1
#define MODEL_SITES(X)                                                                             \
    X(group_join, STORE, seq_cst)                                                                  \
    X(group_words, LOAD, seq_cst)                                                                  \
    X(wait_any, LOAD, seq_cst)                                                                     \
    X(wait_look, LOAD, seq_cst)                                                                    \
    X(wait_pick, RMW, acq_rel)                                                                     \
    X(wait_prepare, RMW, seq_cst)                                                                  \
    X(wait_finish, RMW, acquire)                                                                   \
    X(wait_ready, LOAD, seq_cst)                                                                   \
    X(wait_ended, LOAD, seq_cst)                                                                   \
    X(more_ready, LOAD, seq_cst)                                                                   \
    X(more_part, LOAD, seq_cst)                                                                    \
    X(token_check, LOAD, seq_cst)                                                                  \
    X(token_drop, STORE, seq_cst)                                                                  \
    X(ready_set, RMW, seq_cst)                                                                     \
    X(part_check, LOAD, seq_cst)                                                                   \
    X(part_announce, RMW, seq_cst)                                                                 \
    X(part_silent, RMW, release)                                                                   \
    X(part_recheck, LOAD, seq_cst)                                                                 \
    X(part_settle, RMW, seq_cst)                                                                   \
    X(part_hints, LOAD, acquire)                                                                   \
    X(part_clear, RMW, seq_cst)                                                                    \
    X(part_idle, RMW, release)                                                                     \
    X(claim_bit, RMW, acquire)                                                                     \
    X(group_end, STORE, seq_cst)                                                                   \
    X(group_ended, LOAD, acquire)                                                                  \
    X(lane_publish, STORE, seq_cst)                                                                \
    X(lane_recheck, LOAD, seq_cst)                                                                 \
    X(look_before_sleep, STEP, relaxed)                                                            \
    X(look_after_arming, STEP, relaxed)                                                            \
    X(look_after_clearing, STEP, relaxed)                                                          \
    X(clear_before_looking, STEP, relaxed)                                                         \
    X(keep_hinted, STEP, relaxed)                                                                  \
    X(own_the_bit, STEP, relaxed)                                                                  \
    X(word_before_ready, STEP, relaxed)                                                            \
    X(give_back, STEP, relaxed)                                                                    \
    X(drop_token, STEP, relaxed)                                                                   \
    X(look_after_token, STEP, relaxed)                                                             \
    X(look_after_nobody, STEP, relaxed)                                                            \
    X(ring_next, STEP, relaxed)                                                                    \
    X(heed_silent, STEP, relaxed)                                                                  \
    X(recheck_silent, STEP, relaxed)                                                               \
    X(settle, STEP, relaxed)                                                                       \
    X(pass_on, STEP, relaxed)                                                                      \
    X(ring_at_end, STEP, relaxed)
#define OTHER_SITES(X)                                                                             \
    X(join_look, LOAD, relaxed)                                                                    \
    X(cursor, LOAD, relaxed)                                                                       \
    X(settle_look, LOAD, relaxed)                                                                  \
    X(idle_look, LOAD, relaxed)                                                                    \
    X(claim_look, LOAD, relaxed)                                                                   \
    X(claim_active, RMW, relaxed)                                                                  \
    X(part_remind, RMW, relaxed)                                                                   \
    X(token_take, RMW, relaxed)                                                                    \
    X(claim_scan, LOAD, relaxed)                                                                   \
    X(lane_room, LOAD, acquire)                                                                    \
    X(lane_reroom, LOAD, seq_cst)                                                                  \
    X(lane_follow, STORE, relaxed)                                                                 \
    X(lane_observe, LOAD, acquire)                                                                 \
    X(lane_free, STORE, release)                                                                   \
    X(lane_free_ring, STORE, seq_cst)                                                              \
    X(bell_check, LOAD, seq_cst)                                                                   \
    X(bell_ring, RMW, acquire)                                                                     \
    X(bell_recheck, LOAD, relaxed)                                                                 \
    X(bell_prepare, STORE, seq_cst)                                                                \
    X(bell_reset, RMW, relaxed)

#include "model.hpp"

#include "claim_service.hpp"

template <typename test, int threads> struct service_test : rl::test_suite<test, threads> {
    service s;
    rl::atomic<unsigned> left; /* messages that nobody has processed yet */

    void init(unsigned messages, unsigned interrupts = 0)
    {
        s.init(interrupts);
        A_STORE(left, messages, rl::mo_relaxed);
    }

    /* Whoever processes the last message closes the service. */
    void work(unsigned p)
    {
        unsigned got = s.process(p);
        s.release(p);
        if (got && A_FSUB(left, got, rl::mo_acq_rel) == got)
            s.end();
    }

    void consume(unsigned me)
    {
        for (uint32_t p; (p = s.claim_one(me)) != HOI_CLAIM_NONE;)
            work(p);
    }
};

struct going_idle_test : service_test<going_idle_test, 3> {
    void before() { init(2, 1); }

    void thread(unsigned index)
    {
        if (index == 2)
            consume(0);
        else
            s.publish(0, index, 0);
    }
};

struct drained_test : service_test<drained_test, 2> {
    void before() { init(2); }

    void thread(unsigned index)
    {
        if (index == 1)
            for (unsigned n = 0; n != 2; ++n)
                s.publish(0, 0, n);
        else
            consume(0);
    }
};

struct order_test : service_test<order_test, 3> {
    void before() { init(2); }

    void thread(unsigned index)
    {
        if (index == 2)
            for (unsigned n = 0; n != 2; ++n)
                s.publish(0, 0, n);
        else
            consume(index);
    }
};

/* Consumers 0 and 1 keep what they claim. */
template <bool armed> struct hang_test : service_test<hang_test<armed>, 3> {
    void before()
    {
        this->init(2, !armed);
        this->s.with_news = true;
    }

    void thread(unsigned index)
    {
        if (index == 2) {
            P_WRITE(this->s.news, 1);
            for (unsigned p = 0; p != PARTS; ++p)
                this->s.publish(p, 0, 0);
        } else
            RL_ASSERT(this->s.process(this->s.claim_one(index, armed)) == 1);
    }
};

struct three_test : service_test<three_test, 4> {
    void before() { init(2); }

    void thread(unsigned index)
    {
        if (index >= 2)
            s.publish(index - 2, 0, 0);
        else
            RL_ASSERT(s.process(s.claim_one(index)) == 1);
    }
};

/* The helper owns no bell here: it does not wait. */
struct helper_test : service_test<helper_test, 3> {
    void before() { init(2); }

    void thread(unsigned index)
    {
        if (index == 0) {
            bool owed = s.publish_silent(0, 0, 0);
            if (hoi_claim_try(&s.g, 0))
                work(0);
            else if (owed)
                s.settle(0);
        } else if (index == 1)
            s.publish(0, 1, 0);
        else
            consume(0);
    }
};

struct helper_hangs_test : service_test<helper_hangs_test, 3> {
    void before() { init(3); }

    void thread(unsigned index)
    {
        if (index == 0)
            (void)s.publish_silent(0, 0, 0);
        else if (index == 1)
            s.publish(0, 1, 0);
        else
            while (P_READ(s.next[0][1]) == 0)
                work(s.claim_one(0));
    }
};

struct helpers_test : service_test<helpers_test, 3> {
    void before() { init(2); }

    void thread(unsigned index)
    {
        if (index == 2)
            consume(0);
        else if (s.publish_silent(0, index, 0))
            s.settle(0);
    }
};

/* Both consumers sleep, and the helper hangs: each partition gets one of them. */
struct debt_test : service_test<debt_test, 4> {
    void before()
    {
        init(3);
        for (unsigned c = 0; c != 2; ++c) {
            hoi_claim_join(&s.g, c);
            hoi_bell_prepare_wait(&s.bells[c], HOI_BELL_SLEEPING);
            RL_ASSERT(hoi_claim_prepare_wait(&s.g, c, HOI_WAIT_SLEEPING));
        }
        RL_ASSERT(s.publish_silent(1, 0, 0));
    }

    void thread(unsigned index)
    {
        if (index >= 2)
            s.publish(index - 2, 1, 0);
        else {
            s.bells[index].sleep.wait(s.bells[index].word, HOI_BELL_SLEEPING);
            hoi_bell_reset(&s.bells[index]);
            uint32_t chosen = hoi_claim_finish_wait(&s.g, index, HOI_WAIT_SLEEPING);
            (void)s.process(s.claim_one(index, false, chosen));
        }
    }
};

/* Consumer 0 is there only until it is armed. */
struct leave_test : service_test<leave_test, 3> {
    void before() { init(1); }

    void thread(unsigned index)
    {
        if (index == 2)
            s.publish(0, 0, 0);
        else if (index == 1)
            RL_ASSERT(s.process(s.claim_one(1, true)) == 1);
        else {
            (void)s.arm(0);
            uint32_t chosen = s.disarm(0);
            if (DO_STEP(pass_on))
                s.ring(hoi_claim_pass_on(&s.g, chosen));
        }
    }
};

struct end_test : service_test<end_test, 3> {
    void before() { init(0); }

    void thread(unsigned index)
    {
        if (index == 2)
            s.end();
        else
            RL_ASSERT(s.claim_one(index, index == 1) == HOI_CLAIM_NONE);
    }
};

int main(int argc, char **argv)
{
    return model_main("claim",
                      {{"end", rl::simulate<end_test>, 2},
                       {"leave", rl::simulate<leave_test>, 2},
                       {"drained", rl::simulate<drained_test>, 2},
                       {"debt", rl::simulate<debt_test>, 1},
                       {"order", rl::simulate<order_test>, 1},
                       {"helper", rl::simulate<helper_test>, 1},
                       {"helpers", rl::simulate<helpers_test>, 1},
                       {"helper hangs", rl::simulate<helper_hangs_test>, 2},
                       {"three", rl::simulate<three_test>, 1},
                       {"hang", rl::simulate<hang_test<false>>, 1},
                       {"armed", rl::simulate<hang_test<true>>, 2},
                       {"going idle", rl::simulate<going_idle_test>, 2}},
                      argc, argv);
}
