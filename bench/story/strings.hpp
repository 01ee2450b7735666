/* SPDX-License-Identifier: MIT */
/* Strings and a locked queue in the story: memory is what operator new gives, on both threads. It is
 * replaced in this program, so that each call of it can be measured, and asks the same allocator. */
#ifndef HANDOFF_BENCH_STORY_STRINGS_HPP
#define HANDOFF_BENCH_STORY_STRINGS_HPP

#include "adapters/strings.hpp"
#include "story/meter.hpp"
#include "story/workers.hpp"

#include <cstdlib>
#include <new>

void *operator new(std::size_t bytes)
{
    const bench::measured allocation;
    if (void *found = std::malloc(bytes ? bytes : 1))
        return found;
    throw std::bad_alloc();
}
void operator delete(void *ptr) noexcept
{
    std::free(ptr);
}
void operator delete(void *ptr, std::size_t) noexcept
{
    std::free(ptr);
}

namespace bench {

class story_contestant : public strings {
  public:
    explicit story_contestant(const shape &s) : strings(s), shape_(s) {}
    static constexpr std::uint64_t slot_bytes = 0; /* its queues are memory as any other */
    static constexpr std::uint64_t slots_for(std::uint32_t receivers)
    {
        return std::uint64_t{receivers} * queue_slots;
    }
    double dead_share() const { return 0; }

    class sender : public strings::sender {
      public:
        sender(story_contestant &c, std::uint32_t service, std::uint32_t index)
            : strings::sender(c, service, index), workers_(workers_of(c.shape_, service))
        {
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            return strings::sender::hand_over(len, key % workers_);
        }

      private:
        const std::uint32_t workers_;
    };

  private:
    const shape shape_;
};

} // namespace bench

#endif
