/* SPDX-License-Identifier: MIT */
/*
 * Which UDP peers are known: address to slot and back. Bounded: peers make room for new ones.
 *
 * A segmented LRU. A peer is on probation until its second good message, then proven. A proven peer is
 * forgotten only once it is idle; of those on probation the one heard of least recently is, at any time.
 * So senders that are made up push out each other, and strangers always get in, but no peer that has
 * come to stay.
 */
#ifndef HANDOFF_NET_PEERS_HPP
#define HANDOFF_NET_PEERS_HPP

#include "counting.hpp"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <netinet/in.h>
#include <vector>

namespace handoff::net {

/* A peer, and the address of ours that it talks to. */
struct address {
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    socklen_t size;
    /* Ours: zeros unless the socket is bound to all of them. IPv4: in the last four bytes. The interface is
     * named only where an address needs it. */
    in6_pktinfo asked;

    bool operator==(const address &other) const noexcept;
};

/* Zeros that cost memory only where they are written. */
template <class T> class zeros {
  public:
    explicit zeros(std::size_t count) : items_(static_cast<T *>(std::calloc(count, sizeof(T))))
    {
        if (items_ == nullptr)
            throw std::bad_alloc();
    }
    ~zeros() { std::free(items_); }
    zeros(const zeros &) = delete;
    zeros &operator=(const zeros &) = delete;

    T &operator[](std::size_t at) noexcept { return items_[at]; }
    const T &operator[](std::size_t at) const noexcept { return items_[at]; }

  private:
    T *const items_;
};

/* The peers of one network thread. Other threads look for idle ones: whoever calls anything but oldest_ms has
 * a `locked` of it. */
class peers {
  public:
    static constexpr std::uint32_t none = 0xffffffffu;

    enum class evicted : std::uint8_t { nobody, newcomer, proven };

    class locked {
      public:
        explicit locked(peers &which) : which_(which), lock_(which.mutex_) {}
        ~locked() { which_.tell_oldest(); }
        locked(const locked &) = delete;
        locked &operator=(const locked &) = delete;

      private:
        peers &which_;
        std::lock_guard<std::mutex> lock_;
    };

    /* Room for `limit` peers, below 2^22. `seed` keeps strangers from choosing who collides. */
    peers(std::uint32_t limit, std::uint64_t seed);

    std::uint32_t find(const address &from) const noexcept;
    /* A new peer in a slot that is free, on probation; `none` if there is none. */
    std::uint32_t add(const address &from) noexcept;
    void heard(std::uint32_t slot, std::int64_t now_ms) noexcept;
    /* Its message was good: the second one proves it, if there is room among the proven. */
    void welcome(std::uint32_t slot, std::uint32_t generation, room &proven) noexcept;
    /* Forgets a peer that was last heard of before `before_ms`. */
    evicted evict(std::int64_t before_ms) noexcept;
    /* Forgets a peer on probation. */
    evicted evict_newcomer() noexcept;

    std::uint32_t generation(std::uint32_t slot) const noexcept { return slots_[slot].generation; }
    bool proven(std::uint32_t slot) const noexcept
    {
        return slots_[slot].state == standing::proven;
    }
    /* The peer in this slot, null if it is another one by now. */
    const address *at(std::uint32_t slot, std::uint32_t generation) const noexcept;

    /* When the peer was heard of that has been idle longest, not later than the last `locked`. */
    std::int64_t oldest_ms() const noexcept { return oldest_ms_.load(std::memory_order_relaxed); }

  private:
    enum class standing : std::uint32_t { stranger, heard_once, proven };

    struct entry {
        address from;
        std::uint32_t hash;
        std::uint32_t generation; /* odd while somebody is in the slot */
        standing state;
    };
    /* Rings through the slots, most recently heard first; each begins at a place behind the slots. */
    struct link {
        std::uint32_t next; /* of a slot that is free: the next one, counted from 1 */
        std::uint32_t previous;
        std::int64_t heard_ms;
    };

    std::uint32_t hash_of(const address &from) const noexcept;
    std::uint32_t ring_of(std::uint32_t slot) const noexcept;
    void put_first(std::uint32_t ring, std::uint32_t slot) noexcept;
    void unlink(std::uint32_t slot) noexcept;
    evicted evict_last(std::uint32_t ring, std::int64_t before_ms) noexcept;
    void forget(std::uint32_t slot) noexcept;
    std::int64_t last_ms(std::uint32_t ring) const noexcept;
    void tell_oldest() noexcept;

    const std::uint32_t limit_;
    const std::uint64_t seed_;
    zeros<entry> slots_;
    zeros<link> links_;
    zeros<std::uint32_t> index_; /* linear probing over hashes; slot + 1, 0 is vacant */
    const std::uint32_t mask_;
    std::uint32_t fresh_ = 0; /* slots that were never used start here */
    std::uint32_t free_ = 0;  /* the first that was, counted from 1 */
    std::mutex mutex_;
    std::atomic<std::int64_t> oldest_ms_{std::numeric_limits<std::int64_t>::max()};
};

/* Those of all network threads. An eighth of their room is kept for peers on probation. */
class peer_tables {
  public:
    peer_tables(std::uint32_t threads, std::uint32_t limit);

    peers &of(std::uint32_t thread) noexcept { return *tables_[thread]; }
    room &proven() noexcept { return proven_; }
    /* Forgets somebody for a stranger, on whichever thread: who is idle before who is on probation, own
     * ones before others'. The caller has none of them locked. */
    peers::evicted evict(std::uint32_t thread, std::int64_t before_ms) noexcept;
    peers::evicted evict_newcomer(std::uint32_t thread) noexcept;

  private:
    template <class Evict> peers::evicted first(std::uint32_t thread, Evict evict) noexcept;

    room proven_;
    std::vector<std::unique_ptr<peers>> tables_;
};

} // namespace handoff::net

#endif
