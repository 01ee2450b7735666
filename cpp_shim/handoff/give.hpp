/* SPDX-License-Identifier: MIT */
/* Gives C++ objects to a service without copying their bytes: strings, vectors, pointers, packets.
 *
 * For every overload: if the call fails, the object is unchanged and still the caller's. If it succeeds or
 * returns errc::dropped, the object is empty (moved from), and its contents are destroyed exactly once, where
 * the owner's mode says, after the last holder returned the bytes. Call it on the producer's thread, one thread
 * at a time per owner. errc::no_memory can also mean that there was no memory for a node (owner.hpp says
 * when one is allocated).
 *
 * A consumer may write to the buffers it takes, in place. So send memory that others still read, such as a
 * shared_ptr's, only to services that do not write; nothing checks this. */
#ifndef HANDOFF_GIVE_HPP
#define HANDOFF_GIVE_HPP

#include "handoff/owner.hpp"
#include "handoff/producer.hpp"

#include <vector>

HANDOFF_BEGIN

namespace detail {

/* Gives one foreign buffer. True if it changed hands. */
[[nodiscard]] inline bool give_one(producer &to, std::uint32_t owner_id, const void *token,
                                   const_bytes what, const route &way,
                                   std::error_code &error) noexcept
{
    ho_buf raw{};
    raw.ptr = const_cast<std::uint8_t *>(what.data());
    raw.len = what.size();
    raw.owner = owner_id;
    raw.handle = reinterpret_cast<std::uintptr_t>(token);
    address(raw, way);
    std::uint32_t accepted = 0;
    error = to_error_code(ho_give(to.raw(), &raw, 1, way.flags, &accepted));
    return accepted == 1;
}

/* The offset of the byte in the object; at least sizeof(T) if it is elsewhere. */
template <class T> std::uintptr_t offset_in(const T &object, const void *byte) noexcept
{
    return reinterpret_cast<std::uintptr_t>(byte) -
           reinterpret_cast<std::uintptr_t>(std::addressof(object));
}

/* Moves the object into a node and gives `what`; if the bytes are inside the object, `what` moves along. If
 * the buffer is refused, `take_back` moves the object out of the node again. */
template <class T, class TakeBack>
[[nodiscard]] std::error_code give_moved(producer &to, owner<T> &by, T &&object, const_bytes what,
                                         const route &way, TakeBack take_back) noexcept
{
    if (!by)
        return errc::owner;
    const auto offset = offset_in(object, what.data());
    auto *node = by.kept()->put(std::move(object));
    if (node == nullptr)
        return errc::no_memory;
    if (offset < sizeof(T))
        what = bytes_of(reinterpret_cast<std::uint8_t *>(std::addressof(node->object)) + offset,
                        what.size());
    std::error_code error;
    if (!give_one(to, by.id(), node, what, way, error)) {
        take_back(std::move(node->object));
        by.kept()->undo(node);
    }
    return error;
}

template <class T>
[[nodiscard]] std::error_code give_moved(producer &to, owner<T> &by, T &&object, const_bytes what,
                                         const route &way) noexcept
{
    return give_moved(to, by, std::move(object), what, way,
                      [&object](T &&refused) noexcept { object = std::move(refused); });
}

/* Types with their own overload of give below. */
template <class T> struct has_own_give : std::false_type {
};
template <> struct has_own_give<std::string> : std::true_type {
};
template <class T, class A> struct has_own_give<std::vector<T, A>> : std::true_type {
};
template <class T, class D> struct has_own_give<std::unique_ptr<T, D>> : std::true_type {
};
template <class T> struct has_own_give<std::shared_ptr<T>> : std::true_type {
};

} // namespace detail

/* A string's text. If it is so short that it is stored inside the string object, it is copied into the arena
 * (ho_give_copy). That is cheaper than keeping the object, because it needs no release. */
[[nodiscard]] inline std::error_code give(producer &to, owner<std::string> &by, std::string &&text,
                                          const route &way = {}) noexcept
{
    if (!by)
        return errc::owner;
    if (detail::offset_in(text, text.data()) >= sizeof text)
        return detail::give_moved(to, by, std::move(text), bytes_of(text.data(), text.size()), way);
    const auto error = to.give_copy(std::string_view(text), way);
    if (!error || error == errc::dropped)
        text.clear();
    return error;
}

/* A vector's elements, as their bytes. */
template <class T, class A>
[[nodiscard]] std::error_code give(producer &to, owner<std::vector<T, A>> &by,
                                   std::vector<T, A> &&items, const route &way = {}) noexcept
{
    static_assert(std::is_trivially_copyable_v<T>, "the other side sees bytes, not objects");
    const auto what = bytes_of(items.data(), items.size() * sizeof(T));
    return detail::give_moved(to, by, std::move(items), what, way);
}

/* Bytes that a unique_ptr owns, directly or indirectly. Nothing is allocated. */
template <class T, class D>
[[nodiscard]] std::error_code give(producer &to, owner<std::unique_ptr<T, D>> &by,
                                   std::unique_ptr<T, D> &&object, const_bytes what,
                                   const route &way = {}) noexcept
{
    std::error_code error;
    if (detail::give_one(to, by.id(), object.get(), what, way, error))
        static_cast<void>(object.release());
    return error;
}

/* The first `count` elements of an array. Nothing is allocated. */
template <class T, class D>
[[nodiscard]] std::error_code give(producer &to, owner<std::unique_ptr<T[], D>> &by,
                                   std::unique_ptr<T[], D> &&items, std::size_t count,
                                   const route &way = {}) noexcept
{
    static_assert(std::is_trivially_copyable_v<T>, "the other side sees bytes, not objects");
    return give(to, by, std::move(items), bytes_of(items.get(), count * sizeof(T)), way);
}

/* Bytes that a shared_ptr keeps alive; read-only for everybody while they are shared. */
template <class T>
[[nodiscard]] std::error_code give(producer &to, owner<std::shared_ptr<const void>> &by,
                                   std::shared_ptr<T> &&object, const_bytes what,
                                   const route &way = {}) noexcept
{
    T *const raw = object.get();
    return detail::give_moved(to, by, std::shared_ptr<const void>(std::move(object)), what, way,
                              [&object, raw](std::shared_ptr<const void> &&refused) noexcept {
                                  object = std::shared_ptr<T>(refused, raw);
                              });
}
template <class T>
[[nodiscard]] std::error_code give(producer &to, owner<std::shared_ptr<const void>> &by,
                                   const std::shared_ptr<T> &object, const_bytes what,
                                   const route &way = {}) noexcept
{
    return give(to, by, std::shared_ptr<T>(object), what, way);
}

/* Bytes of a packet object of the user's own type: bytes inside it (an array member, a short string), or
 * memory that it owns and that stays in place when the object moves. The object is moved once, into its
 * node; if a move costs too much, give a unique_ptr to it. */
template <class T, class = std::enable_if_t<!detail::has_own_give<T>::value>>
[[nodiscard]] std::error_code give(producer &to, owner<T> &by, T &&object, const_bytes what,
                                   const route &way = {}) noexcept
{
    return detail::give_moved(to, by, std::move(object), what, way);
}

HANDOFF_END

#endif
