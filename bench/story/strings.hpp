/* SPDX-License-Identifier: MIT */
/* Strings and a locked queue in the story: memory is what operator new gives, on both threads; an object too is
 * what it gives, of the type's size, and not a string. It is
 * replaced in this program, so that each call of it can be measured, and asks the same allocator. */
#ifndef HANDOFF_BENCH_STORY_STRINGS_HPP
#define HANDOFF_BENCH_STORY_STRINGS_HPP

#include "adapters/strings.hpp"
#include "story/meter.hpp"
#include "story/schedule.hpp"

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

    static std::uint32_t queue_of(std::uint64_t key, std::uint32_t receivers)
    {
        return std::uint32_t(key % receivers);
    }
    void open_objects() {}
    void expect(std::uint32_t, std::uint32_t) {} /* no allocator can be told */
    bool create(std::uint32_t type, std::uint32_t count, live_object *into)
    {
        for (std::uint32_t i = 0; i < count; ++i) {
            auto *ptr = static_cast<std::uint8_t *>(operator new(object_types[type].bytes));
            into[i] = {ptr, reinterpret_cast<std::uintptr_t>(ptr)};
        }
        return true;
    }
    live_object find(std::uint32_t, std::uint64_t reference) const
    {
        return {reinterpret_cast<std::uint8_t *>(reference), reference};
    }
    void end(std::uint32_t, const live_object &object) { operator delete(object.ptr); }

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
