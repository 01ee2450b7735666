/* SPDX-License-Identifier: MIT */
/* A service of two partitions with claim.inl, and what its publishers and consumers have to do. */
#ifndef HANDOFF_MODELS_CLAIM_SERVICE_HPP
#define HANDOFF_MODELS_CLAIM_SERVICE_HPP

#include "lane_slot.hpp"
#include "sleep.hpp"

#include "../src/claim.inl"
#include "../src/doorbell.inl"

#define PARTS 2u
#define LANES 2u /* of a partition */

/* What a consumer sleeps on. doorbell_model has it in full. */
struct bell : hoi_bell_core {
    futex sleep;
    eventfd fd;

    void init(unsigned interrupts)
    {
        A_STORE(word, HOI_BELL_AWAKE, rl::mo_relaxed);
        sleep.interrupts = interrupts;
        fd.init();
    }

    void ring()
    {
        uint32_t state = hoi_bell_ring(this);
        if (state == HOI_BELL_SLEEPING)
            futex::wake(word);
        else if (state == HOI_BELL_ARMED)
            fd.write();
    }
};

struct service {
    hoi_claim_group g;
    hoi_claim_part parts[PARTS];
    lane lanes[PARTS][LANES];
    rl::var<unsigned> next[PARTS][LANES];   /* the user's state: the number expected next */
    rl::var<unsigned> turns[PARTS];         /* the user's state, too: touched by every claimant */
    rl::var<unsigned> opened[PARTS][LANES]; /* how a claimant finds the lane */
    rl::var<unsigned> news;                 /* written before anybody is woken */
    rl::var<unsigned> reason;               /* of the end */
    bool with_news;                         /* one publisher, that writes news */
    bell bells[2];

    void init(unsigned interrupts)
    {
        with_news = false;
        g.parts = parts;
        g.part_words = 1;
        A_STORE(g.consumer_words, 0, rl::mo_relaxed);
        A_STORE(g.ended, 0, rl::mo_relaxed);
        A_STORE(g.cursor, 0, rl::mo_relaxed);
        A_STORE(g.ready[0], 0, rl::mo_relaxed);
        A_STORE(g.waiting[HOI_WAIT_SLEEPING][0], 0, rl::mo_relaxed);
        A_STORE(g.waiting[HOI_WAIT_ARMED][0], 0, rl::mo_relaxed);
        A_STORE(g.searching, 0, rl::mo_relaxed);
        for (unsigned p = 0; p != PARTS; ++p) {
            A_STORE(parts[p].word, 0, rl::mo_relaxed);
            P_WRITE(turns[p], 0);
            for (unsigned l = 0; l != LANES; ++l) {
                P_WRITE(opened[p][l], 0);
                lanes[p][l].init();
                P_WRITE(next[p][l], 0);
            }
        }
        P_WRITE(news, 0);
        P_WRITE(reason, 0);
        bells[0].init(interrupts);
        bells[1].init(0);
    }

    void ring(uint32_t who)
    {
        if (who != HOI_CLAIM_NONE)
            bells[who].ring();
    }

    /* hoi_claim_wake without its second round. */
    uint32_t wake()
    {
        if (DO_STEP(look_after_nobody))
            return hoi_claim_wake(&g);
        if (A_LOAD(g.searching, rl::mo_seq_cst))
            return HOI_CLAIM_NONE;
        if (!hoi_wait_any(&g, HOI_WAIT_SLEEPING))
            return hoi_wait_pick(&g, HOI_WAIT_ARMED);
        if (A_XCHG(g.searching, 1, rl::mo_seq_cst))
            return HOI_CLAIM_NONE;
        uint32_t who = hoi_wait_pick(&g, HOI_WAIT_SLEEPING);
        if (who == HOI_CLAIM_NONE)
            hoi_token_drop(&g);
        return who;
    }

    void put(unsigned p, unsigned l, unsigned number)
    {
        if (number == 0)
            P_WRITE(opened[p][l], 1);
        hoi_lane_push(&lanes[p][l], &number);
        RL_ASSERT(hoi_lane_publish(&lanes[p][l]));
    }

    void publish(unsigned p, unsigned l, unsigned number)
    {
        put(p, l, number);
        ring(published(p, hoi_part_hint(l)));
    }

    uint32_t published(unsigned p, uint64_t hint)
    {
        if (!DO_STEP(heed_silent) && A_OR(parts[p].word, hint, rl::mo_seq_cst) & HOI_PART_SILENT)
            return HOI_CLAIM_NONE;
        if (!DO_STEP(word_before_ready) && !hoi_claim_known(&g, p, hint) &&
            !(A_LOAD(parts[p].word, rl::mo_seq_cst) & HOI_PART_ACTIVE)) {
            hoi_ready_set(&g, p);
            (void)A_OR(parts[p].word, HOI_PART_ACTIVE | hint, rl::mo_seq_cst);
            return hoi_claim_wake(&g);
        }
        if (!DO_STEP(look_after_nobody) && !hoi_claim_known(&g, p, hint)) {
            if (A_OR(parts[p].word, HOI_PART_ACTIVE | hint, rl::mo_seq_cst) & HOI_PART_ACTIVE)
                return HOI_CLAIM_NONE;
            hoi_ready_set(&g, p);
            return wake();
        }
        return hoi_claim_published(&g, p, hint);
    }

    /* Returns whether it is owed. */
    bool publish_silent(unsigned p, unsigned l, unsigned number)
    {
        put(p, l, number);
        uint64_t hint = hoi_part_hint(l);
        if (!DO_STEP(recheck_silent) && !hoi_claim_known(&g, p, hint)) {
            uint64_t was = A_OR(parts[p].word, HOI_PART_SILENT | hint, rl::mo_seq_cst);
            if (!(was & (HOI_PART_ACTIVE | HOI_PART_SILENT)))
                hoi_ready_set(&g, p);
            return !(was & HOI_PART_ACTIVE);
        }
        uint32_t who;
        bool owed = hoi_claim_published_silent(&g, p, hint, &who);
        ring(who);
        return owed;
    }

    void settle(unsigned p)
    {
        if (DO_STEP(settle))
            ring(hoi_claim_settle(&g, p));
    }

    uint32_t claim(uint32_t chosen)
    {
        uint32_t who = HOI_CLAIM_NONE, p;
        if (!DO_STEP(own_the_bit)) {
            p = claim_what_is_seen();
            who = hoi_claim_pass_on(&g, chosen);
        } else if (chosen == HOI_CHOSEN_SEARCHER && !DO_STEP(drop_token))
            p = hoi_claim_scan(&g);
        else if (chosen == HOI_CHOSEN_SEARCHER && !DO_STEP(look_after_token)) {
            p = hoi_claim_scan(&g);
            hoi_token_drop(&g);
        } else
            p = hoi_claim_next(&g, chosen, &who);
        if (DO_STEP(ring_next))
            ring(who);
        return p;
    }

    uint32_t claim_what_is_seen()
    {
        uint64_t bits = A_LOAD(g.ready[0], rl::mo_seq_cst);
        if (!bits)
            return HOI_CLAIM_NONE;
        uint32_t p = hoi_claim_lowest(bits);
        (void)A_AND(g.ready[0], ~hoi_claim_bit(p), rl::mo_seq_cst);
        return p;
    }

    /* Claimant: the next message of each lane that may have one. Their numbers come in order. */
    unsigned process(unsigned p)
    {
        unsigned got = 0;
        uint64_t hints = hoi_claim_hints(&g, p);
        P_WRITE(turns[p], P_READ(turns[p]) + 1);
        for (unsigned l = 0; l != LANES; ++l) {
            unsigned item;
            if (!(hints & hoi_part_hint(l)))
                continue;
            RL_ASSERT(P_READ(opened[p][l]));
            if (!hoi_lane_take(&lanes[p][l], &item, 1, nullptr))
                continue;
            RL_ASSERT(item == P_READ(next[p][l]));
            P_WRITE(next[p][l], item + 1);
            hoi_lane_free(&lanes[p][l]);
            ++got;
        }
        return got;
    }

    /* Claimant: are the lanes of these hints empty? Reminds itself of the others. */
    void look_again(unsigned p, uint64_t hints)
    {
        for (unsigned l = 0; l != LANES; ++l)
            if (hints & hoi_part_hint(l) && hoi_lane_recheck(&lanes[p][l]))
                hoi_claim_hints_set(&g, p, hoi_part_hint(l));
    }

    bool is_empty(unsigned p, uint64_t hints)
    {
        for (unsigned l = 0; l != LANES; ++l)
            if (hints & hoi_part_hint(l) && hoi_lane_recheck(&lanes[p][l]))
                return false;
        return true;
    }

    void release(unsigned p)
    {
        uint64_t hints = hoi_claim_hints(&g, p);
        if (!DO_STEP(clear_before_looking)) {
            if (is_empty(p, hints))
                hoi_claim_hints_clear(&g, p, hints);
        } else {
            hoi_claim_hints_clear(&g, p, hints);
            if (DO_STEP(look_after_clearing))
                look_again(p, hints);
        }
        if (!DO_STEP(keep_hinted))
            A_STORE(parts[p].word, 0, rl::mo_seq_cst);
        else if (!hoi_claim_idle(&g, p) && DO_STEP(give_back))
            ring(hoi_claim_give_back(&g, p));
    }

    /* Sleeps unless there is something. Returns whether it was chosen. */
    uint32_t wait(unsigned me)
    {
        hoi_claim_join(&g, me);
        hoi_bell_prepare_wait(&bells[me], HOI_BELL_SLEEPING);
        if (hoi_claim_prepare_wait(&g, me, HOI_WAIT_SLEEPING) || !DO_STEP(look_before_sleep))
            bells[me].sleep.wait(bells[me].word, HOI_BELL_SLEEPING);
        hoi_bell_reset(&bells[me]);
        return hoi_claim_finish_wait(&g, me, HOI_WAIT_SLEEPING);
    }

    bool arm(unsigned me)
    {
        hoi_claim_join(&g, me);
        hoi_bell_prepare_wait(&bells[me], HOI_BELL_ARMED);
        return hoi_claim_prepare_wait(&g, me, HOI_WAIT_ARMED) || !DO_STEP(look_after_arming);
    }

    uint32_t disarm(unsigned me)
    {
        hoi_bell_reset(&bells[me]);
        (void)bells[me].fd.read();
        return hoi_claim_finish_wait(&g, me, HOI_WAIT_ARMED);
    }

    uint32_t wait_armed(unsigned me)
    {
        if (arm(me))
            bells[me].fd.wait_readable();
        return disarm(me);
    }

    /* The next claim, however long it takes; HOI_CLAIM_NONE at the end. */
    uint32_t claim_one(unsigned me, bool armed = false, uint32_t chosen = HOI_CHOSEN_NOT)
    {
        for (;;) {
            uint32_t p = claim(chosen);
            if (p != HOI_CLAIM_NONE)
                return p;
            if (hoi_claim_ended(&g)) {
                RL_ASSERT(P_READ(reason) == 1);
                return p;
            }
            chosen = armed ? wait_armed(me) : wait(me);
            if (with_news && chosen != HOI_CHOSEN_NOT)
                RL_ASSERT(P_READ(news) == 1);
        }
    }

    void end()
    {
        P_WRITE(reason, 1);
        hoi_claim_end(&g);
        uint64_t who = hoi_claim_waiting(&g, 0);
        for (unsigned c = 0; c != 2 && DO_STEP(ring_at_end); ++c)
            if (who & hoi_claim_bit(c))
                bells[c].ring();
    }
};

#endif
