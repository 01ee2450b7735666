/* SPDX-License-Identifier: MIT */
#include "peers.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/random.h>

namespace handoff::net {

namespace {

std::uint32_t index_size(std::uint32_t limit) noexcept
{
    std::uint32_t power = 2;
    while (power <= limit)
        power *= 2;
    return 2 * power;
}

/* getrandom never returns so few bytes in part, once the system has entropy. */
std::uint64_t random_number()
{
    std::uint64_t number = 0;
    while (getrandom(&number, sizeof(number), 0) < 0)
        if (errno != EINTR)
            throw std::system_error(errno, std::system_category());
    return number;
}

} // namespace

bool address::operator==(const address &other) const noexcept
{
    return size == other.size && std::memcmp(&any, &other.any, size) == 0 &&
           std::memcmp(&asked, &other.asked, sizeof(asked)) == 0;
}

peers::peers(std::uint32_t limit, std::uint64_t seed)
    : limit_(limit), seed_(seed), slots_(limit), links_(std::size_t{limit} + 2),
      index_(index_size(limit)), mask_(index_size(limit) - 1)
{
    for (const auto ring : {limit_, limit_ + 1})
        links_[ring].next = links_[ring].previous = ring;
}

std::uint32_t peers::hash_of(const address &from) const noexcept
{
    std::uint64_t words[7] = {};
    static_assert(sizeof(words) >= sizeof(sockaddr_in6) + sizeof(in6_pktinfo));
    std::memcpy(words, &from.any, from.size);
    std::memcpy(reinterpret_cast<char *>(words) + from.size, &from.asked, sizeof(from.asked));
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
    std::uint32_t slot = fresh_;
    if (free_ != 0) {
        slot = free_ - 1;
        free_ = links_[slot].next;
    } else if (fresh_ != limit_) {
        ++fresh_;
    } else {
        return none;
    }
    auto &peer = slots_[slot];
    peer.from = from;
    peer.hash = hash_of(from);
    peer.state = standing::stranger;
    ++peer.generation;
    auto at = peer.hash & mask_;
    while (index_[at] != 0)
        at = (at + 1) & mask_;
    index_[at] = slot + 1;
    links_[slot].heard_ms = 0;
    put_first(ring_of(slot), slot);
    return slot;
}

void peers::heard(std::uint32_t slot, std::int64_t now_ms) noexcept
{
    links_[slot].heard_ms = now_ms;
    const auto ring = ring_of(slot);
    if (links_[ring].next == slot)
        return;
    unlink(slot);
    put_first(ring, slot);
}

void peers::welcome(std::uint32_t slot, std::uint32_t generation, room &proven) noexcept
{
    auto &peer = slots_[slot];
    if (peer.generation != generation || peer.state == standing::proven)
        return;
    if (peer.state == standing::stranger) {
        peer.state = standing::heard_once;
    } else if (proven.take()) {
        unlink(slot);
        peer.state = standing::proven;
        put_first(ring_of(slot), slot);
    }
}

peers::evicted peers::evict(std::int64_t before_ms) noexcept
{
    const auto newcomers = limit_;
    const auto proven = limit_ + 1;
    const bool proven_first = last_ms(proven) < last_ms(newcomers);
    return evict_last(proven_first ? proven : newcomers, before_ms);
}

peers::evicted peers::evict_newcomer() noexcept
{
    return evict_last(limit_, std::numeric_limits<std::int64_t>::max());
}

peers::evicted peers::evict_last(std::uint32_t ring, std::int64_t before_ms) noexcept
{
    const auto slot = links_[ring].previous;
    if (slot == ring || links_[slot].heard_ms >= before_ms)
        return evicted::nobody;
    const bool was_proven = proven(slot);
    forget(slot);
    return was_proven ? evicted::proven : evicted::newcomer;
}

/* Removes the slot from the index, and moves up the slots that it had displaced. */
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
    unlink(slot);
    links_[slot].next = free_;
    free_ = slot + 1;
}

const address *peers::at(std::uint32_t slot, std::uint32_t generation) const noexcept
{
    if (slot >= limit_ || slots_[slot].generation != generation || (generation & 1) == 0)
        return nullptr;
    return &slots_[slot].from;
}

std::uint32_t peers::ring_of(std::uint32_t slot) const noexcept
{
    return proven(slot) ? limit_ + 1 : limit_;
}

void peers::put_first(std::uint32_t ring, std::uint32_t slot) noexcept
{
    const auto next = links_[ring].next;
    links_[slot].next = next;
    links_[slot].previous = ring;
    links_[next].previous = slot;
    links_[ring].next = slot;
}

void peers::unlink(std::uint32_t slot) noexcept
{
    const auto [next, previous, heard_ms] = links_[slot];
    static_cast<void>(heard_ms);
    links_[previous].next = next;
    links_[next].previous = previous;
}

std::int64_t peers::last_ms(std::uint32_t ring) const noexcept
{
    const auto slot = links_[ring].previous;
    return slot == ring ? std::numeric_limits<std::int64_t>::max() : links_[slot].heard_ms;
}

/* Relaxed: it only tells other threads whose lock is worth taking. */
void peers::tell_oldest() noexcept
{
    oldest_ms_.store(std::min(last_ms(limit_), last_ms(limit_ + 1)), std::memory_order_relaxed);
}

peer_tables::peer_tables(std::uint32_t threads, std::uint32_t limit) : proven_(limit - limit / 8)
{
    for (std::uint32_t i = 0; i < threads; ++i)
        tables_.push_back(std::make_unique<peers>(limit, random_number()));
}

template <class Evict> peers::evicted peer_tables::first(std::uint32_t thread, Evict evict) noexcept
{
    const auto count = tables_.size();
    for (std::size_t i = 0; i < count; ++i) {
        const auto gone = evict(*tables_[(thread + i) % count]);
        if (gone == peers::evicted::proven)
            proven_.put();
        if (gone != peers::evicted::nobody)
            return gone;
    }
    return peers::evicted::nobody;
}

peers::evicted peer_tables::evict(std::uint32_t thread, std::int64_t before_ms) noexcept
{
    return first(thread, [before_ms](peers &of) {
        if (of.oldest_ms() >= before_ms)
            return peers::evicted::nobody;
        const peers::locked here(of);
        return of.evict(before_ms);
    });
}

peers::evicted peer_tables::evict_newcomer(std::uint32_t thread) noexcept
{
    return first(thread, [](peers &of) {
        const peers::locked here(of);
        return of.evict_newcomer();
    });
}

} // namespace handoff::net
