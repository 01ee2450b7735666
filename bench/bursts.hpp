/* SPDX-License-Identifier: MIT */
/* Arrays of messages, for contestants whose calls do not take one, or not all of it. */
#ifndef HANDOFF_BENCH_BURSTS_HPP
#define HANDOFF_BENCH_BURSTS_HPP

#include <algorithm>
#include <cstdint>

namespace bench {

/* Calls once for each message until the answer is false: how many, from the front, went. */
template <class Message, class Call>
std::uint32_t one_by_one(Message *msgs, std::uint32_t n, Call call)
{
    std::uint32_t done = 0;
    while (done < n && call(msgs[done]))
        ++done;
    return done;
}

/* What a sender holds back until flush. */
template <class Item, std::uint32_t Size> class held_back {
  public:
    bool full() const { return count_ == Size; }
    std::uint32_t count() const { return count_; }
    Item *items() { return items_; }
    /* The next one, as the one that was sent from its place left it. */
    Item &add() { return items_[count_++]; }
    /* So many went, from the front; the others move up. */
    void sent(std::uint32_t gone)
    {
        if (gone > 0 && gone < count_) {
            std::copy(items_ + gone, items_ + count_, items_);
            std::fill(items_ + count_ - gone, items_ + count_, Item{});
        }
        count_ -= gone;
    }

  private:
    Item items_[Size]{};
    std::uint32_t count_ = 0;
};

} // namespace bench

#endif
