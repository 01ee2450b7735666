/* SPDX-License-Identifier: MIT */
/* What a worker keeps: the objects of raids, each until its time has come. */
#ifndef HANDOFF_BENCH_OBJECTS_HPP
#define HANDOFF_BENCH_OBJECTS_HPP

#include "machine.hpp"
#include "story/types.hpp"

#include <algorithm>
#include <vector>

namespace bench {

template <class C> class objects {
  public:
    explicit objects(const object_book &book) : book_(book)
    {
        alive_.resize(reserved); /* touched now, so that it does not grow later */
        alive_.clear();
    }
    /* `ends` on whatever clock `release` is told. */
    void keep(std::uint64_t ends, std::uint64_t number, const live_object &object)
    {
        alive_.push_back({ends, number, object});
        std::push_heap(alive_.begin(), alive_.end(), later);
    }
    /* Ends those whose time has come; returns how many bytes they were. */
    std::uint64_t release(C &to, std::uint64_t now)
    {
        std::uint64_t bytes = 0;
        while (!alive_.empty() && alive_.front().ends <= now) {
            std::pop_heap(alive_.begin(), alive_.end(), later);
            auto &last = alive_.back();
            must(traffic::number_of(last.object.ptr) == last.number,
                 "an object is not what it was");
            const auto type = book_.type_of(last.number);
            to.end(type, last.object);
            bytes += object_types[type].bytes;
            alive_.pop_back();
        }
        return bytes;
    }

    std::size_t size() const { return alive_.size(); }

  private:
    static constexpr std::size_t reserved = 1024; /* some four times what comes */
    struct kept {
        std::uint64_t ends;
        std::uint64_t number;
        live_object object;
    };
    static bool later(const kept &a, const kept &b) { return a.ends > b.ends; }

    const object_book &book_;
    std::vector<kept> alive_;
};

} // namespace bench

#endif
