/* SPDX-License-Identifier: MIT */
/* Pool: objects of one type in an arena. */
#ifndef HANDOFF_POOL_HPP
#define HANDOFF_POOL_HPP

#include "handoff/domain.hpp"

#include <new>

HANDOFF_BEGIN

template <class T> class pool;

/* Refers to an object of a pool without holding it: a number, fit for a message's value. */
template <class T> struct weak {
    std::uint64_t value = 0;

    friend bool operator==(weak a, weak b) noexcept { return a.value == b.value; }
    friend bool operator!=(weak a, weak b) noexcept { return a.value != b.value; }
};

/* Holds an object of a pool, on any thread. The pool must outlive it. The destructor destroys the object and releases
 * it; in a forked child it does nothing. */
template <class T> class handle {
  public:
    handle() noexcept = default;
    handle(handle &&from) noexcept
        : pool_(from.pool_), object_(std::exchange(from.object_, ho_obj{}))
    {
    }
    handle &operator=(handle &&from) noexcept
    {
        if (this != &from) {
            reset();
            pool_ = from.pool_;
            object_ = std::exchange(from.object_, ho_obj{});
        }
        return *this;
    }
    ~handle() { reset(); }

    explicit operator bool() const noexcept { return object_.ptr != nullptr; }
    T *get() const noexcept { return static_cast<T *>(object_.ptr); }
    T &operator*() const noexcept { return *get(); }
    T *operator->() const noexcept { return get(); }
    weak<T> ref() const noexcept { return {object_.handle}; }

    /* Gives up the object without releasing it; pool::adopt takes it again. */
    [[nodiscard]] weak<T> release() noexcept { return {std::exchange(object_, ho_obj{}).handle}; }

    void reset() noexcept
    {
        void *ptr = nullptr;
        if (!*this)
            return;
        if (ho_pool_resolve(pool_, object_.handle, &ptr) == HO_OK) {
            get()->~T();
            ho_pool_release(pool_, &object_);
        }
        object_ = {};
    }

  private:
    friend class pool<T>;
    handle(ho_pool *pool, ho_obj object) noexcept : pool_(pool), object_(object) {}

    ho_pool *pool_ = nullptr;
    ho_obj object_{};
};

/* Objects of type T, made and destroyed on any thread. The destructor closes the pool. While objects are out, the pool
 * and its arena stay open; close reports these objects. */
template <class T> class pool : public detail::unique_handle<ho_pool> {
    static_assert(std::is_nothrow_destructible_v<T>, "a release can't fail");
    static_assert(alignof(T) <= 4096, "pages are aligned so");

  public:
    using unique_handle::unique_handle;

    /* Uses the size and alignment of T, unless the options ask for more. make constructs a T and the handle's
     * destructor destroys it. So options with construct or destruct, which keep objects constructed between users,
     * are errc::invalid. */
    static result<pool> open(const arena &in, pool_options options = {}) noexcept
    {
        ho_pool *raw = nullptr;
        if (options.construct != nullptr || options.destruct != nullptr)
            return {pool(), errc::invalid};
        if (options.slot_bytes < sizeof(T))
            options.slot_bytes = static_cast<std::uint32_t>(sizeof(T));
        if (options.align_bytes < alignof(T) && alignof(T) > 8)
            options.align_bytes = static_cast<std::uint32_t>(alignof(T));
        const auto status = ho_pool_open(in.raw(), &options, &raw);
        return {pool(raw), to_error_code(status)};
    }

    /* As ho_pool_close: errc::busy while objects are out; then the pool still exists. */
    std::error_code close(pool_leaks *leaks = nullptr) noexcept
    {
        const auto status = ho_pool_close(raw(), leaks);
        if (status == HO_OK)
            static_cast<void>(release());
        return to_error_code(status);
    }

    /* Acquires an object and constructs it. */
    template <class... Args> result<handle<T>> make(Args &&...args) const noexcept
    {
        static_assert(std::is_nothrow_constructible_v<T, Args...>,
                      "nothing in the shim throws, nor may a constructor");
        ho_obj object{};
        const auto status = ho_pool_acquire(raw(), &object);
        if (status != HO_OK)
            return {{}, to_error_code(status)};
        ::new (object.ptr) T(std::forward<Args>(args)...);
        return {handle<T>(raw(), object), {}};
    }

    /* The object, or NULL once it was released. Its holder may release it at any time; the program must prevent that
     * while the pointer is in use. */
    T *resolve(weak<T> ref) const noexcept
    {
        void *ptr = nullptr;
        ho_pool_resolve(raw(), ref.value, &ptr);
        return static_cast<T *>(ptr);
    }

    /* Takes an object that handle::release gave up. Empty if it was released. */
    handle<T> adopt(weak<T> ref) const noexcept
    {
        T *found = resolve(ref);
        return found == nullptr ? handle<T>() : handle<T>(raw(), {found, ref.value});
    }

    /* Calls fn(weak<T>, T &) for each live object. fn may release the object; the program must prevent anybody else
     * from doing so meanwhile. */
    template <class Fn> std::error_code visit(Fn &&fn) const noexcept
    {
        std::uint64_t cursor = 0, found[32];
        std::uint32_t count = 0;
        std::int32_t status;
        while ((status = ho_pool_visit(raw(), &cursor, found, 32, &count)) == HO_OK)
            for (std::uint32_t i = 0; i < count; ++i)
                if (T *object = resolve({found[i]}))
                    fn(weak<T>{found[i]}, *object);
        return to_error_code(status == HO_EMPTY ? HO_OK : status);
    }

    /* As ho_pool_prepare. The value says for how many objects memory is present. */
    result<std::uint32_t> prepare(std::uint32_t count) noexcept
    {
        std::uint32_t prepared = 0;
        const auto status = ho_pool_prepare(raw(), count, &prepared);
        return {prepared, to_error_code(status)};
    }

    /* As ho_pool_trim. The value is the number of bytes given back. */
    result<std::uint64_t> trim(std::uint64_t keep_bytes = 0) noexcept
    {
        std::uint64_t freed = 0;
        const auto status = ho_pool_trim(raw(), keep_bytes, &freed);
        return {freed, to_error_code(status)};
    }

    result<pool_stats> read_stats() const noexcept
    {
        result<pool_stats> read;
        read.error = to_error_code(ho_pool_stats_get(raw(), &read.value));
        return read;
    }
};

HANDOFF_END

#endif
