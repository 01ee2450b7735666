/* SPDX-License-Identifier: MIT */
#include "peers.hpp"

#include <cstring>

namespace handoff::net {

namespace {

/* Slots that one search for an idle peer looks at: a stranger costs no more than that. */
constexpr int eviction_steps = 32;

std::uint32_t power_of_two_above(std::uint32_t value) noexcept
{
    std::uint32_t power = 1;
    while (power <= value)
        power *= 2;
    return power;
}

} // namespace

bool address::operator==(const address &other) const noexcept
{
    return size == other.size && std::memcmp(&any, &other.any, size) == 0;
}

peers::peers(std::uint32_t limit, std::uint64_t seed)
    : seed_(seed), slots_(limit), free_(limit), index_(std::size_t{2} * power_of_two_above(limit)),
      mask_(2 * power_of_two_above(limit) - 1)
{
    for (std::uint32_t i = 0; i < limit; ++i)
        free_[i] = limit - 1 - i;
}

std::uint32_t peers::hash_of(const address &from) const noexcept
{
    std::uint64_t words[4] = {};
    static_assert(sizeof(words) >= sizeof(sockaddr_in6));
    std::memcpy(words, &from.any, from.size);
    std::uint64_t hash = seed_;
    for (const auto word : words) {
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return static_cast<std::uint32_t>(hash >> 32);
}

std::uint32_t peers::find(const address &from) const noexcept
{
    const auto hash = hash_of(from);
    for (auto at = hash & mask_; index_[at] != 0; at = (at + 1) & mask_) {
        const auto slot = index_[at] - 1;
        if (slots_[slot].hash == hash && slots_[slot].from == from)
            return slot;
    }
    return none;
}

std::uint32_t peers::add(const address &from) noexcept
{
    if (free_.empty())
        return none;
    const auto slot = free_.back();
    free_.pop_back();
    auto &peer = slots_[slot];
    peer.from = from;
    peer.hash = hash_of(from);
    ++peer.generation;
    auto at = peer.hash & mask_;
    while (index_[at] != 0)
        at = (at + 1) & mask_;
    index_[at] = slot + 1;
    return slot;
}

bool peers::evict(std::uint32_t before_ms) noexcept
{
    for (int step = 0; step < eviction_steps; ++step) {
        const auto slot = hand_;
        hand_ = (hand_ + 1) % static_cast<std::uint32_t>(slots_.size());
        const auto &peer = slots_[slot];
        /* A difference, since milliseconds wrap after seven weeks. */
        if ((peer.generation & 1) != 0 &&
            static_cast<std::int32_t>(before_ms - peer.heard_ms) > 0) {
            forget(slot);
            return true;
        }
    }
    return false;
}

/* Takes the slot out of the index, and moves up those behind it that it had pushed away. */
void peers::forget(std::uint32_t slot) noexcept
{
    auto hole = slots_[slot].hash & mask_;
    while (index_[hole] != slot + 1)
        hole = (hole + 1) & mask_;
    for (auto at = (hole + 1) & mask_; index_[at] != 0; at = (at + 1) & mask_) {
        const auto home = slots_[index_[at] - 1].hash & mask_;
        if (((at - home) & mask_) >= ((at - hole) & mask_)) {
            index_[hole] = index_[at];
            hole = at;
        }
    }
    index_[hole] = 0;
    ++slots_[slot].generation;
    free_.push_back(slot); /* never grows: it had room for every slot at first */
}

const address *peers::at(std::uint32_t slot, std::uint32_t generation) const noexcept
{
    if (slot >= slots_.size() || slots_[slot].generation != generation || (generation & 1) == 0)
        return nullptr;
    return &slots_[slot].from;
}

} // namespace handoff::net
