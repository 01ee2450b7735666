/* SPDX-License-Identifier: MIT */
/* A fixed pool for each sender; what a receiver is done with goes back through a queue to it. */
#ifndef HANDOFF_BENCH_POOL_HPP
#define HANDOFF_BENCH_POOL_HPP

#include "machine.hpp"
#include "mesh.hpp"

#include <cstdlib>
#include <cstring>

namespace bench {

/* In front of each buffer's bytes, on the same line. */
struct pool_header {
    std::uint32_t home; /* the sender that it belongs to */
    std::uint32_t reserved;
    std::uint64_t len;
};

inline pool_header *header_of(std::uint8_t *ptr)
{
    return reinterpret_cast<pool_header *>(ptr - sizeof(pool_header));
}

template <class Queue> class pool {
  public:
    explicit pool(const shape &s)
        : receivers_(s.all_receivers()),
          per_sender_(queue_slots + s.keep * s.all_receivers() / s.senders + 64),
          back_(s.all_senders(), s.all_receivers(), per_sender_), fresh_(s.all_senders())
    {
        const auto stride = (s.bytes + sizeof(pool_header) + 63) & ~std::size_t{63};
        const auto count = std::size_t{per_sender_} * s.all_senders();
        memory_.reset(static_cast<std::uint8_t *>(std::aligned_alloc(64, stride * count)));
        must(memory_ != nullptr, "no memory for a pool");
        for (std::size_t i = 0; i < count; ++i) {
            auto *ptr = memory_.get() + i * stride + sizeof(pool_header);
            header_of(ptr)->home = std::uint32_t(i % s.all_senders());
            fresh_[i % s.all_senders()].free.push_back(ptr);
        }
    }

    std::uint8_t *get(std::uint32_t sender)
    {
        auto &mine = fresh_[sender];
        if (!mine.free.empty()) {
            auto *ptr = mine.free.back();
            mine.free.pop_back();
            return ptr;
        }
        std::uint8_t *ptr = nullptr;
        for (std::uint32_t i = 0; i < receivers_ && !ptr; ++i) {
            back_.at(sender, mine.turn).pop(ptr);
            mine.turn = mine.turn + 1 < receivers_ ? mine.turn + 1 : 0;
        }
        return ptr;
    }

    void put(std::uint8_t *ptr, std::uint32_t receiver)
    {
        must(back_.at(header_of(ptr)->home, receiver).push(ptr), "a pool took more than it gave");
    }

  private:
    struct alignas(apart) stock {
        std::vector<std::uint8_t *> free;
        std::uint32_t turn = 0;
    };
    struct release {
        void operator()(std::uint8_t *memory) const { std::free(memory); }
    };

    const std::uint32_t receivers_;
    const std::uint32_t per_sender_;
    std::unique_ptr<std::uint8_t, release> memory_;
    mesh<Queue> back_;
    std::vector<stock> fresh_;
};

} // namespace bench

#endif
