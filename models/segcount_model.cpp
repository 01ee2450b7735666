/* SPDX-License-Identifier: MIT */
/*
 * One owner that issues and seals, two holders that return, words of two numbers. Whoever recycles
 * writes all bytes anew, so that a recycling that comes too early is a race with a holder's read, and
 * two recyclers race with each other.
 *
 *   returns       a number returned twice at the same time, returns while the owner opens, issues and
 *                 seals, a stale return after the recycling
 *   records       the same where a return has to hold the segment before it clears its bit
 *   slices        holders that return their number and read on through a hold
 *   late issue    numbers issued after the sealing: into a word in use, an emptied, an unopened one
 *   shared issue  numbers that three threads issue at once
 *   kept          a word whose numbers are issued anew, in another generation, while returns of the one before are under way
 */
#define HOI_WORD_BITS 2u
#define MODEL_SITES(X)                                                                             \
    X(word_open, STORE, relaxed)                                                                   \
    X(word_look, LOAD, relaxed)                                                                    \
    X(word_return, RMW, acq_rel)                                                                   \
    X(word_relook, LOAD, relaxed)                                                                  \
    X(count_hold, RMW, relaxed)                                                                    \
    X(count_drop, RMW, acq_rel)                                                                    \
    X(try_look, LOAD, relaxed)                                                                     \
    X(try_hold, RMW, relaxed)                                                                      \
    X(try_relook, LOAD, relaxed)                                                                   \
    X(late_look, LOAD, relaxed)                                                                    \
    X(late_issue, RMW, relaxed)                                                                    \
    X(late_relook, LOAD, relaxed)                                                                  \
    X(back_word, LOAD, acquire)                                                                    \
    X(back_count, LOAD, acquire)                                                                   \
    X(hold_for_record, STEP, relaxed)                                                              \
    X(next_generation, STEP, relaxed)                                                              \
    X(count_opening, STEP, relaxed)                                                                \
    X(hold_for_slice, STEP, relaxed)                                                               \
    X(hold_for_late, STEP, relaxed)                                                                \
    X(count_last, STEP, relaxed)                                                                   \
    X(spare_the_zero, STEP, relaxed)
#define OTHER_SITES(X)

#include "model.hpp"

#include "../src/segcount.inl"

#define GEN 7u
#define NUMBERS 6u

struct segment {
    rl::atomic<uint64_t> words[NUMBERS / HOI_WORD_BITS];
    rl::atomic<uint64_t> count;
    rl::var<unsigned> bytes[NUMBERS];
    rl::var<unsigned> recycled;

    /* Words of the generation before: all returned. */
    void init()
    {
        for (rl::atomic<uint64_t> &word : words)
            A_STORE(word, hoi_word_pack(GEN - 1, 0), rl::mo_relaxed);
        A_STORE(count, HOI_COUNT_BIAS, rl::mo_relaxed);
        for (rl::var<unsigned> &b : bytes)
            P_WRITE(b, 0);
        P_WRITE(recycled, 0);
    }

    void write(unsigned number) { P_WRITE(bytes[number], 100 + number); }
    void read(unsigned number) { RL_ASSERT(P_READ(bytes[number]) == 100 + number); }

    /* The next generation, as the shard's owner begins it. */
    void recycle()
    {
        P_WRITE(recycled, P_READ(recycled) + 1);
        for (rl::var<unsigned> &b : bytes)
            P_WRITE(b, 0);
        A_STORE(count, HOI_COUNT_BIAS, rl::mo_relaxed);
        hoi_word_open(&words[0], GEN + 1);
    }

    void drop(uint64_t n)
    {
        if (hoi_count_drop(&count, n))
            recycle();
    }

    /* Numbers of one word, as a mask. Whether they were the caller's to return. */
    bool give_back(unsigned word, uint32_t mask)
    {
        hoi_returned done = hoi_word_return(&words[word], hoi_word_pack(GEN, 0), mask);
        if (done == HOI_RETURNED_LAST && DO_STEP(count_last))
            drop(1);
        return done != HOI_RETURN_STALE;
    }

    /* The same for foreign buffers and slices: what is known of them lies in the segment, so the
     * return holds it until it is done. */
    bool give_back_record(unsigned word, uint32_t mask)
    {
        uint64_t seen = A_LOAD(words[word], rl::mo_relaxed);
        if (seen >> 32 != GEN || (seen & mask) != mask)
            return false;
        if (!DO_STEP(spare_the_zero))
            hoi_count_hold(&count, HOI_COUNT_HOLD);
        else if (!hoi_count_try_hold(&count, HOI_COUNT_HOLD))
            return false;
        hoi_returned done = hoi_word_return(&words[word], hoi_word_pack(GEN, 0), mask);
        drop(HOI_COUNT_HOLD + (done == HOI_RETURNED_LAST));
        return done != HOI_RETURN_STALE;
    }

    void seal(uint32_t issued)
    {
        if (hoi_seg_seal_count(words, &count, GEN, issued))
            recycle();
    }
};

/* How a number travels: as through a lane, with release and acquire. */
struct handover {
    rl::atomic<unsigned> full;

    void init() { full.store(0, rl::mo_relaxed, RL_INFO); }
    void send() { full.store(1, rl::mo_release, RL_INFO); }

    void receive()
    {
        while (!full.load(rl::mo_acquire, RL_INFO))
            rl::yield(1, $);
    }
};

/* Owner is thread 0, the holders are 1 and 2. */
template <typename test> struct segment_test : rl::test_suite<test, 3> {
    segment s;
    handover to_first, to_second;

    /* Numbers that the holders have from the beginning lie in word 0. */
    void before()
    {
        s.init();
        to_first.init();
        to_second.init();
        hoi_word_open(&s.words[0], GEN);
        s.write(0);
        s.write(1);
    }

    void after()
    {
        RL_ASSERT(P_READ(s.recycled) == 1);
        RL_ASSERT(A_LOAD(s.count, rl::mo_relaxed) == HOI_COUNT_BIAS);
    }

    void thread(unsigned index)
    {
        test *self = static_cast<test *>(this);
        if (index == 0)
            self->owner();
        else if (index == 1)
            self->first();
        else
            self->second();
    }
};

/* Number 0 is returned by both holders; nobody reads its bytes: that would be the caller's defect. */
struct returns_test : segment_test<returns_test> {
    rl::var<unsigned> taken_back[2]; /* by each holder: number 0 */

    void owner()
    {
        hoi_word_open(&s.words[1], GEN);
        s.write(2);
        to_first.send();
        s.seal(3);
    }

    void first()
    {
        P_WRITE(taken_back[0], s.give_back(0, 1));
        to_first.receive();
        s.read(2);
        RL_ASSERT(s.give_back(1, 1));
        RL_ASSERT(!s.give_back(1, 1)); /* stale by now, or even recycled */
    }

    void second()
    {
        s.read(1);
        RL_ASSERT(s.give_back(0, 2));
        P_WRITE(taken_back[1], s.give_back(0, 1));
    }

    void after()
    {
        segment_test::after();
        RL_ASSERT(P_READ(taken_back[0]) + P_READ(taken_back[1]) == 1);
    }
};

/* Number 0 again; the segment has no other. */
struct records_test : segment_test<records_test> {
    rl::var<unsigned> taken_back[2];

    void owner() { s.seal(1); }
    void first() { P_WRITE(taken_back[0], s.give_back_record(0, 1)); }
    void second() { P_WRITE(taken_back[1], s.give_back_record(0, 1)); }

    void after()
    {
        segment_test::after();
        RL_ASSERT(P_READ(taken_back[0]) + P_READ(taken_back[1]) == 1);
    }
};

/* The first holder slices number 0, returns it and hands a second slice to the other holder. */
struct slices_test : segment_test<slices_test> {
    void owner() { s.seal(2); }

    void first()
    {
        if (DO_STEP(hold_for_slice))
            hoi_count_hold(&s.count, 2 * HOI_COUNT_HOLD);
        RL_ASSERT(s.give_back(0, 1));
        to_second.send();
        s.read(0);
        s.drop(HOI_COUNT_HOLD);
    }

    void second()
    {
        s.read(1);
        RL_ASSERT(s.give_back(0, 2));
        to_second.receive();
        s.read(0);
        s.drop(HOI_COUNT_HOLD);
    }
};

/* The owner holds a slice; number 0 is the first holder's, 1 and 2 are issued late. */
struct late_test : segment_test<late_test> {
    void before()
    {
        segment_test::before();
        if (DO_STEP(hold_for_late))
            hoi_count_hold(&s.count, HOI_COUNT_HOLD);
    }

    void owner()
    {
        s.seal(1);
        hoi_seg_issue_late(s.words, &s.count, GEN, 1);
        hoi_seg_issue_late(s.words, &s.count, GEN, 2);
        s.write(2);
        to_second.send();
        s.drop(HOI_COUNT_HOLD);
    }

    void first()
    {
        s.read(0);
        RL_ASSERT(s.give_back(0, 1));
    }

    void second()
    {
        to_second.receive();
        s.read(1);
        RL_ASSERT(s.give_back(0, 2));
        s.read(2);
        RL_ASSERT(s.give_back(1, 1));
    }
};

/* A segment that any thread issues from, as slices do: it is sealed from the beginning, and the numbers
 * that are still to be issued hold it. */
struct shared_issue_test : segment_test<shared_issue_test> {
    void before()
    {
        s.init();
        hoi_count_hold(&s.count, NUMBERS / 2);
        s.drop(HOI_COUNT_BIAS);
    }

    void issue_and_return(unsigned number)
    {
        unsigned word = number / HOI_WORD_BITS;
        hoi_seg_issue_late(s.words, &s.count, GEN, number);
        s.drop(1);
        s.write(number);
        RL_ASSERT(s.give_back(word, 1u << number % HOI_WORD_BITS));
    }

    void owner() { issue_and_return(0); }
    void first() { issue_and_return(1); }
    void second() { issue_and_return(2); }
};

/* A segment of records that the owner does not seal: once a word is back, it opens it again. Number 0 is returned by both holders, and
 * in its next generation by the owner. */
struct kept_test : segment_test<kept_test> {
    rl::var<unsigned> taken_back[2];

    /* What lies in a record is read after its bit is cleared. */
    bool give_back(unsigned number, uint32_t gen, unsigned content)
    {
        uint32_t mask = 1u << number;
        uint64_t seen = A_LOAD(s.words[0], rl::mo_relaxed);
        if (seen >> 32 != gen || (seen & mask) != mask)
            return false;
        uint64_t held = DO_STEP(hold_for_record) ? HOI_COUNT_HOLD : 0;
        if (held && !hoi_count_try_hold(&s.count, held))
            return false;
        hoi_returned done = hoi_word_return(&s.words[0], hoi_word_pack(gen, 0), mask);
        if (done != HOI_RETURN_STALE)
            RL_ASSERT(P_READ(s.bytes[number]) == content);
        if (held + (done == HOI_RETURNED_LAST))
            s.drop(held + (done == HOI_RETURNED_LAST));
        return done != HOI_RETURN_STALE;
    }

    void owner()
    {
        uint64_t openings = 1, drop = 0;
        for (unsigned looks = 0; looks != 2 && openings == 1; ++looks) {
            if (!hoi_word_is_back(&s.words[0], &s.count))
                continue;
            uint32_t gen = GEN + (DO_STEP(next_generation) ? 1u : 0u);
            hoi_word_open(&s.words[0], gen);
            P_WRITE(s.bytes[0], 200);
            openings += DO_STEP(count_opening) ? 1u : 0u;
            RL_ASSERT(give_back(0, gen, 200));
            /* Number 1 was not issued. */
            drop += hoi_word_return(&s.words[0], hoi_word_pack(gen, 0), 2) == HOI_RETURNED_LAST;
            break;
        }
        s.drop(HOI_COUNT_BIAS - openings + drop);
    }

    void first() { P_WRITE(taken_back[0], give_back(0, GEN, 100)); }

    void second()
    {
        RL_ASSERT(give_back(1, GEN, 101));
        P_WRITE(taken_back[1], give_back(0, GEN, 100));
    }

    void after()
    {
        segment_test::after();
        RL_ASSERT(P_READ(taken_back[0]) + P_READ(taken_back[1]) == 1);
    }
};

int main(int argc, char **argv)
{
    return model_main("segcount",
                      {{"returns", rl::simulate<returns_test>, 3},
                       {"records", rl::simulate<records_test>, 3},
                       {"slices", rl::simulate<slices_test>, 3},
                       {"late issue", rl::simulate<late_test>, 3},
                       {"shared issue", rl::simulate<shared_issue_test>, 3},
                       {"kept", rl::simulate<kept_test>, 2}},
                      argc, argv);
}
