/* SPDX-License-Identifier: MIT */
/* Which UDP peers are known: address to slot and back. Bounded; idle peers make room for new ones. */
#ifndef HANDOFF_NET_PEERS_HPP
#define HANDOFF_NET_PEERS_HPP

#include "handoff/net.hpp"

#include <cstdint>
#include <netinet/in.h>
#include <vector>

namespace handoff::net {

struct address {
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    socklen_t size;

    bool operator==(const address &other) const noexcept;
};

class peers {
  public:
    static constexpr std::uint32_t none = 0xffffffffu;

    /* Room for `limit` peers, below 2^22. `seed` keeps strangers from choosing who collides. */
    peers(std::uint32_t limit, std::uint64_t seed);

    std::uint32_t find(const address &from) const noexcept;
    /* A new peer in a slot that is free, `none` if there is none. */
    std::uint32_t add(const address &from) noexcept;
    /* Looks at a few peers, going round, and forgets one not heard of since `before_ms`. */
    bool evict(std::uint32_t before_ms) noexcept;

    void heard(std::uint32_t slot, std::uint32_t now_ms) noexcept
    {
        slots_[slot].heard_ms = now_ms;
    }
    std::uint32_t generation(std::uint32_t slot) const noexcept { return slots_[slot].generation; }
    /* The peer in this slot, null if it is another one by now. */
    const address *at(std::uint32_t slot, std::uint32_t generation) const noexcept;

  private:
    struct entry {
        address from;
        std::uint32_t hash;
        std::uint32_t generation; /* odd while somebody is in the slot */
        std::uint32_t heard_ms;
    };

    std::uint32_t hash_of(const address &from) const noexcept;
    void forget(std::uint32_t slot) noexcept;

    const std::uint64_t seed_;
    std::vector<entry> slots_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> index_; /* linear probing over hashes; slot + 1, 0 is vacant */
    std::uint32_t mask_;
    std::uint32_t hand_ = 0;
};

} // namespace handoff::net

#endif
