/* SPDX-License-Identifier: MIT */
/* Objects that the shim's tests give away; they count their releases. */
#ifndef HANDOFF_TESTS_SHIM_GIVEN_HPP
#define HANDOFF_TESTS_SHIM_GIVEN_HPP

#include "shim_world.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

inline std::atomic<int> freed{0}; /* releases counted by the types below */

/* Counts when a vector's memory is freed. */
template <class T> struct counting_allocator {
    using value_type = T;
    counting_allocator() = default;
    template <class U> counting_allocator(const counting_allocator<U> &) noexcept {}
    T *allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
    void deallocate(T *p, std::size_t n) noexcept
    {
        ++freed;
        std::allocator<T>().deallocate(p, n);
    }
    bool operator==(const counting_allocator &) const noexcept { return true; }
    bool operator!=(const counting_allocator &) const noexcept { return false; }
};
using numbers = std::vector<std::uint32_t, counting_allocator<std::uint32_t>>;

struct counting_delete {
    template <class T> void operator()(T *p) const noexcept
    {
        ++freed;
        std::default_delete<T>()(p);
    }
};
struct counting_array_delete {
    void operator()(char *p) const noexcept
    {
        ++freed;
        delete[] p;
    }
};

/* A packet as in a server: bytes inside and outside; counted once while it holds them. */
struct packet {
    char inside[24] = "inside of the packet";
    std::unique_ptr<std::string, counting_delete> outside{new std::string(40, 'o')};
    std::thread::id *died_on = nullptr;

    packet() = default;
    packet(packet &&) noexcept = default;
    packet &operator=(packet &&) noexcept = default;
    ~packet()
    {
        if (outside != nullptr && died_on != nullptr)
            *died_on = std::this_thread::get_id();
    }
};

inline const std::string long_text(100, 'x');

template <class T> handoff::owner<T> open_owner(world &w, handoff::release_mode mode)
{
    auto by = handoff::owner<T>::open(w.root, mode);
    CHECK(by && by->id() != 0);
    return std::move(*by);
}

#endif
