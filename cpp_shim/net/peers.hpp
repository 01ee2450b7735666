/* SPDX-License-Identifier: MIT */
/*
 * The known UDP peers: address to slot and back. The number is bounded, so peers are forgotten to make room for new
 * ones.
 *
 * A segmented LRU. A peer is on probation until its second good message, then proven. A proven peer is forgotten only
 * once it is idle. Among peers on probation, the one heard from least recently may be forgotten at any time. So
 * spoofed senders evict each other, and strangers always get in, but neither evicts an active proven peer.
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

/* The address of a peer, and the local address that it sends to. */
struct address {
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    socklen_t size;
    /* The local address: zeros unless the socket is bound to all of them. IPv4 is in the last four bytes. The
     * interface is set only if an address needs it. */
    in6_pktinfo asked;

    bool operator==(const address &other) const noexcept;
};

/* A zeroed array that uses memory only where it is written. */
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

/* The peers of one network thread. Other threads look for idle ones, so a caller of anything but oldest_ms must hold a
 * `locked` of it. */
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

    /* Room for `limit` peers, below 2^22. `seed` keeps strangers from choosing hash collisions. */
    peers(std::uint32_t limit, std::uint64_t seed);

    std::uint32_t find(const address &from) const noexcept;
    /* Adds a peer on probation, in a free slot; `none` if there is none. */
    std::uint32_t add(const address &from) noexcept;
    void heard(std::uint32_t slot, std::int64_t now_ms) noexcept;
    /* The peer's message was good. The second one makes it proven, if there is room among the proven. */
    void welcome(std::uint32_t slot, std::uint32_t generation, room &proven) noexcept;
    /* Forgets a peer that was last heard from before `before_ms`. */
    evicted evict(std::int64_t before_ms) noexcept;
    /* Forgets a peer on probation. */
    evicted evict_newcomer() noexcept;

    std::uint32_t generation(std::uint32_t slot) const noexcept { return slots_[slot].generation; }
    bool proven(std::uint32_t slot) const noexcept
    {
        return slots_[slot].state == standing::proven;
    }
    /* The peer in this slot; null if it is a different one by now. */
    const address *at(std::uint32_t slot, std::uint32_t generation) const noexcept;

    /* When the longest idle peer was last heard from, as of the last `locked`. */
    std::int64_t oldest_ms() const noexcept { return oldest_ms_.load(std::memory_order_relaxed); }

  private:
    enum class standing : std::uint32_t { stranger, heard_once, proven };

    struct entry {
        address from;
        std::uint32_t hash;
        std::uint32_t generation; /* odd while the slot is in use */
        standing state;
    };
    /* Rings through the slots, most recently heard first. The head of each ring is behind the slots. */
    struct link {
        std::uint32_t next; /* of a free slot: the next free one, counted from 1 */
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
    std::uint32_t fresh_ = 0; /* the first slot that was never used */
    std::uint32_t free_ = 0;  /* the first free one that was, counted from 1 */
    std::mutex mutex_;
    std::atomic<std::int64_t> oldest_ms_{std::numeric_limits<std::int64_t>::max()};
};

/* The peers of all network threads. An eighth of the room is kept for peers on probation. */
class peer_tables {
  public:
    peer_tables(std::uint32_t threads, std::uint32_t limit);

    peers &of(std::uint32_t thread) noexcept { return *tables_[thread]; }
    room &proven() noexcept { return proven_; }
    /* Forget a peer of any thread to make room for a stranger: try evict (idle peers) before evict_newcomer (peers on
     * probation). Each looks at this thread's peers first. The caller must hold no `locked`. */
    peers::evicted evict(std::uint32_t thread, std::int64_t before_ms) noexcept;
    peers::evicted evict_newcomer(std::uint32_t thread) noexcept;

  private:
    template <class Evict> peers::evicted first(std::uint32_t thread, Evict evict) noexcept;

    room proven_;
    std::vector<std::unique_ptr<peers>> tables_;
};

} // namespace handoff::net

#endif
