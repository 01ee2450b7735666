/* SPDX-License-Identifier: MIT */
/* std::pmr containers in an arena and its budget. Not part of handoff.hpp, because it is the only part that throws. */
#ifndef HANDOFF_MEMORY_RESOURCE_HPP
#define HANDOFF_MEMORY_RESOURCE_HPP

#include "handoff/domain.hpp"

#include <exception>
#include <memory_resource>
#include <new>

HANDOFF_BEGIN

/*
 * Allocates with ho_alloc and frees with ho_free_sized, on any thread. The arena must outlive it and its memory; an
 * arena does not close while memory is out. Two resources of the same arena are equal.
 *
 * allocate throws std::bad_alloc if ho_alloc fails: the arena's budget is used up, the arena is closing, or the
 * alignment is above 4,096. Without exceptions it ends the program instead (std::terminate). In a forked child
 * deallocate does nothing.
 */
class memory_resource final : public std::pmr::memory_resource {
  public:
    explicit memory_resource(const arena &in) noexcept : memory_resource(in.raw()) {}
    explicit memory_resource(ho_arena *in) noexcept : arena_(in) {}

    ho_arena *raw() const noexcept { return arena_; }

  private:
    static std::uint64_t least_one(std::size_t size) noexcept { return size == 0 ? 1 : size; }

    void *do_allocate(std::size_t size, std::size_t alignment) override
    {
        void *ptr = nullptr;
        if (ho_alloc(arena_, least_one(size), alignment, &ptr) != HO_OK) {
#ifdef __cpp_exceptions
            throw std::bad_alloc();
#else
            std::terminate();
#endif
        }
        return ptr;
    }

    void do_deallocate(void *ptr, std::size_t size, std::size_t alignment) override
    {
        static_cast<void>(ho_free_sized(arena_, ptr, least_one(size), alignment));
    }

    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
#ifdef __cpp_rtti
        const auto *same = dynamic_cast<const memory_resource *>(&other);
        return same != nullptr && same->arena_ == arena_;
#else
        return this == &other;
#endif
    }

    ho_arena *arena_;
};

HANDOFF_END

#endif
