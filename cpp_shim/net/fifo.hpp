/* SPDX-License-Identifier: MIT */
/* A queue with contiguous elements, which system calls and returns can take in place. */
#ifndef HANDOFF_NET_FIFO_HPP
#define HANDOFF_NET_FIFO_HPP

#include "handoff/net.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace handoff::net {

/* It reuses the room left at the front before it grows. So even a queue that is never empty stays within twice the
 * most that it held. */
template <class T> class fifo {
    static_assert(std::is_trivially_copyable_v<T>, "moved as bytes");

  public:
    T *data() noexcept { return items_.data() + first_; }
    T &operator[](std::size_t at) noexcept { return data()[at]; }
    std::size_t size() const noexcept { return items_.size() - first_; }
    bool empty() const noexcept { return size() == 0; }
    std::size_t capacity() const noexcept { return items_.capacity(); }

    /* The capacity that make_room(count) leaves. */
    std::size_t capacity_for(std::size_t count) const noexcept
    {
        if (fits(count) || slides(count))
            return capacity();
        return std::max(2 * size(), size() + count);
    }

    /* Makes sure that append(from, count) does not fail. On std::bad_alloc nothing has changed. */
    void make_room(std::size_t count)
    {
        if (fits(count))
            return;
        if (slides(count)) {
            items_.erase(items_.begin(), begin());
        } else {
            std::vector<T> larger;
            larger.reserve(capacity_for(count));
            larger.assign(begin(), items_.cend());
            items_.swap(larger);
        }
        first_ = 0;
    }

    void append(const T *from, std::size_t count)
    {
        make_room(count);
        items_.insert(items_.end(), from, from + count);
    }

    /* Removes the first `count` elements. */
    void drop(std::size_t count) noexcept
    {
        first_ += count;
        if (first_ != items_.size())
            return;
        items_.clear();
        first_ = 0;
    }

    /* Empties it and frees its memory. */
    void reset() noexcept { *this = fifo(); }

  private:
    typename std::vector<T>::const_iterator begin() const noexcept
    {
        return items_.cbegin() + static_cast<std::ptrdiff_t>(first_);
    }
    bool fits(std::size_t count) const noexcept { return count <= capacity() - items_.size(); }
    /* No more elements move than were dropped or are coming, so each moves once on average. */
    bool slides(std::size_t count) const noexcept
    {
        return size() + count <= capacity() && size() <= first_ + count;
    }

    std::vector<T> items_;
    std::size_t first_ = 0;
};

} // namespace handoff::net

#endif
