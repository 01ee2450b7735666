/* SPDX-License-Identifier: MIT */
/*
 * The one interface of all contestants.
 *
 * A contestant is built from a shape, before any thread starts, and has three types:
 *
 *   message    what a receiver holds: members `ptr` and `len`; default-constructed it holds nothing
 *   sender     sender(contestant &, service, index): one thread's sending end of a service
 *     uint8_t *get()            room for shape.bytes bytes, NULL if there is none now. Asking again
 *                               before hand_over succeeds is a mistake.
 *     bool hand_over(len, key)  the room just got, of which len bytes are filled; false: no room in
 *                               the queue now, try again. May hold it back until flush.
 *     void flush()              what was held back goes out
 *     uint32_t pass_on(msgs, n) received messages to this service, whichever receiver; how many, from
 *                               the front, went
 *   receiver   receiver(contestant &, service, index): one thread's receiving end
 *     uint32_t take(msgs, max)  how many came, 0 if none is there
 *     void give_back(msgs, n)   in any order if it can_any_order; afterwards they hold nothing; those that
 *                               hold nothing are skipped
 *     void wait()               of those that can_wait: sleeps until something may be there, at most
 *                               about longest_wait_ms
 *
 * and these constants:
 *   burst     messages that are taken at once and between two flushes: 16, or 1 where each call
 *             moves one message
 *   can       what it can do besides one sender and one receiver (the bits below)
 */
#ifndef HANDOFF_BENCH_SHAPE_HPP
#define HANDOFF_BENCH_SHAPE_HPP

#include <cstddef>
#include <cstdint>

namespace bench {

inline constexpr std::uint32_t can_many = 1;      /* several senders, receivers and services */
inline constexpr std::uint32_t can_wait = 2;      /* receiver::wait */
inline constexpr std::uint32_t can_pass = 4;      /* sender::pass_on */
inline constexpr std::uint32_t can_any_order = 8; /* give_back in any order */
inline constexpr std::uint32_t can_keep = 16;     /* thousands at once */
inline constexpr std::uint32_t can_large = 32;    /* 64 KiB */

/* Messages that may lie in one queue: the same for every contestant that lets one choose. */
inline constexpr std::uint32_t queue_slots = 1024;

/* So that a run ends; seldom enough that waking up for nothing costs nothing. */
inline constexpr int longest_wait_ms = 100;

struct shape {
    std::uint32_t services = 1;
    std::uint32_t senders = 1;   /* per service */
    std::uint32_t receivers = 1; /* per service */
    std::uint32_t bytes = 1500;  /* room that is asked for each time: an MTU */
    std::uint32_t keep = 0;      /* messages that each receiver keeps */

    std::uint32_t all_senders() const { return services * senders; }
    std::uint32_t all_receivers() const { return services * receivers; }
    /* Buffers on their way in a fixed pool of one sender: as many as a queue holds, but no more than
     * stay in a cache. */
    std::uint32_t pooled() const
    {
        constexpr std::uint32_t cache_bytes = 4u << 20;
        return bytes * queue_slots < cache_bytes ? queue_slots : cache_bytes / bytes;
    }
};

/* Two things that different threads write lie this far apart: lines are fetched in pairs. */
inline constexpr std::size_t apart = 128;

} // namespace bench

#endif
