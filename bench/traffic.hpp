/* SPDX-License-Identifier: MIT */
/*
 * What is sent, the same for every contestant: message n is entry n of a seeded table, over and over.
 * Game-like lengths (mean about 167 bytes), or all of one length. The first 16 bytes are the number
 * and a stamp; the rest is cut out of a seeded pattern. Sender and receiver sum up the same words, so
 * a byte that is lost, doubled or torn shows.
 */
#ifndef HANDOFF_BENCH_TRAFFIC_HPP
#define HANDOFF_BENCH_TRAFFIC_HPP

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace bench {

/* A cheap seeded generator for orders and gaps. */
class dice {
  public:
    explicit dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t operator()()
    {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

  private:
    std::uint64_t state_;
};

class traffic {
  public:
    static constexpr std::uint32_t header_bytes = 16;

    static constexpr std::uint32_t different = 4096; /* messages; then they come again */

    /* length 0: game-like, 32 to 1,400. */
    explicit traffic(std::uint32_t length);
    /* Message n has lengths[n % different] bytes. */
    explicit traffic(const std::array<std::uint32_t, different> &lengths);

    /* Writes message `number` and returns its length. */
    std::uint32_t fill(std::uint8_t *room, std::uint64_t number, std::uint64_t stamp) const
    {
        const auto &e = entries_[number % entries_.size()];
        std::memcpy(room + header_bytes, pattern_.data() + e.offset, e.length - header_bytes);
        std::memcpy(room, &number, sizeof number);
        std::memcpy(room + sizeof number, &stamp, sizeof stamp);
        return e.length;
    }

    /* What read() of that message is. */
    std::uint64_t sum(std::uint64_t number, std::uint64_t stamp) const
    {
        return entries_[number % entries_.size()].sum + number + stamp;
    }

    static std::uint64_t number_of(const std::uint8_t *ptr) { return word(ptr); }
    static std::uint64_t stamp_of(const std::uint8_t *ptr) { return word(ptr + 8); }

    /* Reads every byte. */
    static std::uint64_t read(const std::uint8_t *ptr, std::uint64_t len)
    {
        std::uint64_t total = 0;
        const auto words = len / 8;
        for (std::uint64_t i = 0; i < words; ++i)
            total += word(ptr + 8 * i);
        std::uint64_t rest = 0;
        std::memcpy(&rest, ptr + 8 * words, len % 8);
        return total + rest;
    }

    std::uint32_t longest() const { return longest_; }

  private:
    struct entry {
        std::uint32_t length;
        std::uint32_t offset;
        std::uint64_t sum;
    };

    static std::uint64_t word(const std::uint8_t *at)
    {
        std::uint64_t value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }

    void draw(dice roll);

    std::array<entry, different> entries_;
    std::vector<std::uint8_t> pattern_;
    std::uint32_t longest_ = 0;
};

} // namespace bench

#endif
