/* SPDX-License-Identifier: MIT */
/* Bytes between one sender and one receiver: messages in a ring, each behind its length, and a cursor
 * of each side. Positions only grow; a message that begins before the ring's end runs on behind it. */
#ifndef HANDOFF_BENCH_BYTE_RING_HPP
#define HANDOFF_BENCH_BYTE_RING_HPP

#include "machine.hpp"
#include "mesh.hpp"

#include <atomic>
#include <cstring>

namespace bench {

class byte_ring {
  public:
    explicit byte_ring(const shape &s)
        : room_(front + s.bytes), size_(size_for(s)), memory_(size_ + room_)
    {
    }
    /* Having moved on by so many bytes, either side shares its cursor: the other one has work. */
    std::uint64_t share_bytes() const { return size_ / 16; }

    /* Where the next message may be written, or NULL; `seen` is how far the receiver was. */
    std::uint8_t *room_at(std::uint64_t written, std::uint64_t &seen) const
    {
        if (written + room_ - seen > size_) {
            seen = consumed.load(std::memory_order_acquire);
            if (written + room_ - seen > size_)
                return nullptr;
        }
        return bytes_at(written);
    }
    void set_length(std::uint64_t position, std::uint64_t len)
    {
        std::memcpy(bytes_at(position) - front, &len, sizeof len);
    }
    parcel message_at(std::uint64_t position) const
    {
        parcel found{bytes_at(position), 0};
        std::memcpy(&found.len, found.ptr - front, sizeof found.len);
        return found;
    }
    static std::uint64_t stride(std::uint64_t len)
    {
        return front + ((len + 7) & ~std::uint64_t{7});
    }

  private:
    static constexpr std::uint64_t front = 8;
    std::uint8_t *bytes_at(std::uint64_t position) const
    {
        return memory_.at(position & (size_ - 1)) + front;
    }
    /* Small enough for a cache, but both sides must be able to work at once; and twice what is kept,
     * at the mean length of the traffic that keeps. */
    static std::size_t size_for(const shape &s)
    {
        std::size_t size = 512u << 10;
        while (size < 32 * std::size_t{s.bytes} || size < 2 * s.keep * std::size_t{192})
            size *= 2;
        return size;
    }

    const std::uint64_t room_;
    const std::size_t size_;
    const lines memory_;

  public:
    alignas(apart) std::atomic<std::uint64_t> produced{0};
    alignas(apart) std::atomic<std::uint64_t> consumed{0};
};

} // namespace bench

#endif
