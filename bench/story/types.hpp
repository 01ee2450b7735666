/* SPDX-License-Identifier: MIT */
/* The types of a raid's objects: most are small, some 2 MiB of them live on average. */
#ifndef HANDOFF_BENCH_TYPES_HPP
#define HANDOFF_BENCH_TYPES_HPP

#include "traffic.hpp"

namespace bench {

struct object_type {
    std::uint32_t bytes;
    std::uint32_t percent; /* of the objects */
};
inline constexpr object_type object_types[] = {{24, 10},  {40, 12},  {64, 13}, {96, 13},
                                               {128, 12}, {160, 11}, {256, 9}, {320, 7},
                                               {448, 5},  {512, 4},  {768, 2}, {1024, 2}};
inline constexpr std::uint32_t types = sizeof object_types / sizeof *object_types;

/* Object n is always of the same type, and has the same content. */
class object_book {
  public:
    object_book() : type_(draw()), what_(lengths(type_)) {}

    std::uint32_t type_of(std::uint64_t number) const { return type_[number % type_.size()]; }
    void fill(std::uint8_t *room, std::uint64_t number, std::uint64_t stamp) const
    {
        what_.fill(room, number, stamp);
    }
    std::uint64_t sum(std::uint64_t number, std::uint64_t stamp) const
    {
        return what_.sum(number, stamp);
    }

  private:
    using table = std::array<std::uint32_t, traffic::different>;
    static table draw()
    {
        table drawn;
        dice roll(5);
        for (auto &type : drawn) {
            auto share = std::uint32_t(roll() >> 33) % 100;
            for (type = 0; share >= object_types[type].percent; ++type)
                share -= object_types[type].percent;
        }
        return drawn;
    }
    static table lengths(table of)
    {
        for (auto &each : of)
            each = object_types[each].bytes;
        return of;
    }

    const table type_;
    const traffic what_;
};

/* One that is alive. */
struct live_object {
    std::uint8_t *ptr = nullptr;
    std::uint64_t reference = 0; /* what finds it: a handle, an address */
};

} // namespace bench

#endif
