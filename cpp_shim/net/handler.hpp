/* SPDX-License-Identifier: MIT */
/* Memory for pending operations inside the object that waits: no allocation per wait, and a wait can be
 * started even if the heap is exhausted. */
#ifndef HANDOFF_NET_HANDLER_HPP
#define HANDOFF_NET_HANDLER_HPP

#include <cstddef>
#include <new>
#include <utility>

namespace handoff::net {

/* Room for one operation, which it must outlive. A second concurrent operation uses the heap. */
class handler_memory {
  public:
    handler_memory() noexcept = default;
    handler_memory(const handler_memory &) = delete;
    handler_memory &operator=(const handler_memory &) = delete;

    void *get(std::size_t bytes)
    {
        if (used_ || bytes > sizeof(room_))
            return ::operator new(bytes);
        used_ = true;
        return room_;
    }

    void put(void *ptr) noexcept
    {
        if (ptr == room_)
            used_ = false;
        else
            ::operator delete(ptr);
    }

  private:
    alignas(std::max_align_t) unsigned char room_[160];
    bool used_ = false;
};

template <class T> struct handler_allocator {
    using value_type = T;

    explicit handler_allocator(handler_memory *from) noexcept : memory(from) {}
    template <class U>
    handler_allocator(const handler_allocator<U> &other) noexcept : memory(other.memory)
    {
    }

    T *allocate(std::size_t count) { return static_cast<T *>(memory->get(count * sizeof(T))); }
    void deallocate(T *ptr, std::size_t) noexcept { memory->put(ptr); }

    template <class U> bool operator==(const handler_allocator<U> &other) const noexcept
    {
        return memory == other.memory;
    }
    template <class U> bool operator!=(const handler_allocator<U> &other) const noexcept
    {
        return memory != other.memory;
    }

    handler_memory *memory;
};

/* A completion handler whose operation is stored in `memory`. */
template <class Function> class handler_in {
  public:
    using allocator_type = handler_allocator<void>;

    handler_in(handler_memory &memory, Function function)
        : memory_(&memory), function_(std::move(function))
    {
    }

    allocator_type get_allocator() const noexcept { return allocator_type(memory_); }

    template <class... Args> void operator()(Args &&...args)
    {
        function_(std::forward<Args>(args)...);
    }

  private:
    handler_memory *memory_;
    Function function_;
};

} // namespace handoff::net

#endif
