/* SPDX-License-Identifier: MIT */
/*
 * Two producers with a lane each and one consumer that sleeps until there is something: on a futex, or
 * in a poll loop of its own on an eventfd. And one producer and one consumer that both sleep, for
 * room and for messages. A lost wake-up is a deadlock; a descriptor that stays readable, or bytes read
 * before they are visible, are caught as well.
 */
#define MODEL_SITES(X)                                                                             \
    X(lane_publish, STORE, seq_cst)                                                                \
    X(lane_recheck, LOAD, seq_cst)                                                                 \
    X(lane_free_ring, STORE, seq_cst)                                                              \
    X(lane_reroom, LOAD, seq_cst)                                                                  \
    X(bell_check, LOAD, seq_cst)                                                                   \
    X(bell_ring, RMW, acquire)                                                                     \
    X(bell_recheck, LOAD, relaxed)                                                                 \
    X(bell_prepare, STORE, seq_cst)                                                                \
    X(bell_reset, RMW, relaxed)                                                                    \
    X(look_again, STEP, relaxed)                                                                   \
    X(count_owed, STEP, relaxed)                                                                   \
    X(read_owed, STEP, relaxed)
#define OTHER_SITES(X)                                                                             \
    X(lane_room, LOAD, acquire)                                                                    \
    X(lane_follow, STORE, relaxed)                                                                 \
    X(lane_observe, LOAD, acquire)                                                                 \
    X(lane_free, STORE, release)

#include "model.hpp"

#include "lane_slot.hpp"
#include "sleep.hpp"

#include "../src/doorbell.inl"

/* A bell with both things to sleep on. */
struct bell : hoi_bell_core {
    futex sleep;
    eventfd fd;
    rl::var<unsigned> fd_number; /* set by the sleeper before it arms for the first time */
    rl::var<uint32_t> owed; /* the sleeper's: writes of the descriptor that it has not read yet */

    void init(unsigned interrupts)
    {
        A_STORE(word, HOI_BELL_AWAKE, rl::mo_relaxed);
        sleep.interrupts = interrupts;
        fd.init();
        P_WRITE(fd_number, 0);
        P_WRITE(owed, 0);
    }

    void wake()
    {
        uint32_t state = hoi_bell_asleep(this) ? hoi_bell_ring(this) : HOI_BELL_AWAKE;
        if (state == HOI_BELL_SLEEPING)
            futex::wake(word);
        else if (state == HOI_BELL_ARMED && P_READ(fd_number) == 7)
            fd.write();
    }

    /* The relaxed look spares the exchange: the sleeper's own store is the oldest that it can see. */
    void finish_wait()
    {
        if (A_LOAD(word, rl::mo_relaxed) != HOI_BELL_AWAKE && hoi_bell_reset(this) &&
            DO_STEP(count_owed))
            P_WRITE(owed, P_READ(owed) + 1);
        if (P_READ(owed) && DO_STEP(read_owed))
            P_WRITE(owed, P_READ(owed) - fd.read());
    }

    /* At the end nothing may be left in the descriptor. */
    void settle()
    {
        while (P_READ(owed)) {
            fd.wait_readable();
            finish_wait();
        }
        RL_ASSERT(fd.read() == 0);
    }
};

/* A lane with the bytes behind its descriptors. */
struct line : lane {
    rl::var<unsigned> bytes[4];

    void put(unsigned number)
    {
        P_WRITE(bytes[number], 100 + number);
        hoi_lane_push(this, &number);
        RL_ASSERT(hoi_lane_publish(this));
    }

    /* Takes what there is; the numbers come in order. */
    unsigned get(unsigned next)
    {
        unsigned items[LANE_SLOTS];
        uint32_t n = hoi_lane_take(this, items, LANE_SLOTS, nullptr);
        for (uint32_t i = 0; i != n; ++i) {
            RL_ASSERT(items[i] == next + i);
            RL_ASSERT(P_READ(bytes[next + i]) == 100 + next + i);
        }
        return n;
    }
};

/* Producers 0 and 1, consumer 2. It sleeps on the futex; with a descriptor only the first time, as one
 * that asks for its descriptor later. */
template <bool with_fd>
struct sleeping_consumer_test : rl::test_suite<sleeping_consumer_test<with_fd>, 3> {
    static unsigned sent_by(unsigned producer) { return with_fd && producer == 0 ? 2 : 1; }

    line lines[2];
    bell consumer;

    void before()
    {
        lines[0].init();
        lines[1].init();
        consumer.init(with_fd ? 0 : 1);
    }

    void thread(unsigned index)
    {
        if (index == 2) {
            consume();
            return;
        }
        for (unsigned i = 0; i != sent_by(index); ++i) {
            lines[index].put(i);
            consumer.wake();
        }
    }

    void consume()
    {
        unsigned got[2] = {0, 0};
        uint32_t state = HOI_BELL_SLEEPING;
        while (got[0] + got[1] != sent_by(0) + sent_by(1)) {
            if (take(got))
                continue;
            wait(state);
            if (with_fd && state == HOI_BELL_SLEEPING) {
                P_WRITE(consumer.fd_number, 7);
                state = HOI_BELL_ARMED;
            }
        }
        consumer.settle();
    }

    unsigned take(unsigned *got)
    {
        unsigned all = 0;
        for (unsigned i = 0; i != 2; ++i) {
            unsigned n = lines[i].get(got[i]);
            if (n)
                hoi_lane_free(&lines[i]);
            got[i] += n;
            all += n;
        }
        return all;
    }

    /* Sleeps unless there is something by now, in any lane. */
    void wait(uint32_t state)
    {
        hoi_bell_prepare_wait(&consumer, state);
        int found =
            DO_STEP(look_again) && (hoi_lane_recheck(&lines[0]) || hoi_lane_recheck(&lines[1]));
        if (!found && state == HOI_BELL_SLEEPING)
            consumer.sleep.wait(consumer.word, state);
        else if (!found)
            consumer.fd.wait_readable();
        consumer.finish_wait();
    }
};

/* Producer 0 sleeps until there is room, consumer 1 until there is something. */
struct both_sleep_test : rl::test_suite<both_sleep_test, 2> {
    static unsigned const messages = 3;

    line l;
    bell producer, consumer;

    void before()
    {
        l.init();
        producer.init(1);
        consumer.init(0);
    }

    void thread(unsigned index)
    {
        if (index == 0)
            produce();
        else
            consume();
    }

    void produce()
    {
        for (unsigned i = 0; i != messages; ++i) {
            while (!hoi_lane_room(&l)) {
                hoi_bell_prepare_wait(&producer, HOI_BELL_SLEEPING);
                if (!hoi_lane_reroom(&l))
                    producer.sleep.wait(producer.word, HOI_BELL_SLEEPING);
                producer.finish_wait();
            }
            l.put(i);
            consumer.wake();
        }
    }

    void consume()
    {
        for (unsigned got = 0; got != messages;) {
            unsigned n = l.get(got);
            got += n;
            if (n) {
                hoi_lane_free_ring(&l);
                producer.wake();
                continue;
            }
            hoi_bell_prepare_wait(&consumer, HOI_BELL_SLEEPING);
            if (!hoi_lane_recheck(&l))
                consumer.sleep.wait(consumer.word, HOI_BELL_SLEEPING);
            consumer.finish_wait();
        }
    }
};

int main(int argc, char **argv)
{
    return model_main("doorbell",
                      {{"futex", rl::simulate<sleeping_consumer_test<false>>, 3},
                       {"eventfd", rl::simulate<sleeping_consumer_test<true>>, 3},
                       {"both sleep", rl::simulate<both_sleep_test>, 3}},
                      argc, argv);
}
