/* SPDX-License-Identifier: MIT */
#include "traffic.hpp"

namespace bench {
namespace {

constexpr std::uint64_t seed = 0x9e3779b97f4a7c15u;
constexpr std::uint32_t spread = 4096; /* where in the pattern a message may begin */

/* The shares of game traffic: mostly small. */
std::uint32_t game_length(dice &roll)
{
    static constexpr struct {
        std::uint32_t percent, from, to;
    } ranges[] = {{60, 32, 96}, {25, 97, 256}, {12, 257, 640}, {3, 641, 1400}};
    auto share = std::uint32_t(roll() >> 33) % 100;
    const auto *range = ranges;
    for (; share >= range->percent; ++range)
        share -= range->percent;
    return range->from + std::uint32_t(roll() >> 33) % (range->to - range->from + 1);
}

} // namespace

traffic::traffic(std::uint32_t length)
{
    dice roll(seed);
    for (auto &e : entries_) {
        e.length = length ? length : game_length(roll);
        e.offset = std::uint32_t(roll() >> 33) % spread;
    }
    draw(roll);
}

traffic::traffic(const std::array<std::uint32_t, different> &lengths)
{
    dice roll(seed);
    for (std::uint32_t i = 0; i < different; ++i)
        entries_[i] = {lengths[i], std::uint32_t(roll() >> 33) % spread, 0};
    draw(roll);
}

/* The pattern, and the sums of all messages. */
void traffic::draw(dice roll)
{
    for (const auto &e : entries_)
        longest_ = e.length > longest_ ? e.length : longest_;
    pattern_.resize(spread + longest_);
    for (auto &byte : pattern_)
        byte = std::uint8_t(roll() >> 40);
    std::vector<std::uint8_t> scratch(longest_);
    for (std::uint64_t i = 0; i < entries_.size(); ++i) {
        fill(scratch.data(), i, 0);
        entries_[i].sum = read(scratch.data(), entries_[i].length) - i;
    }
}

} // namespace bench
