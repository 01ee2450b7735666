/* SPDX-License-Identifier: MIT */
/* A fixed pool for each sender; what a receiver is done with goes back through a queue to it. */
#ifndef HANDOFF_BENCH_POOL_HPP
#define HANDOFF_BENCH_POOL_HPP

#include "machine.hpp"
#include "mesh.hpp"

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

/* A queue of pointers that carries parcels too, their length in the buffer. */
template <class Queue> class with_length : public Queue {
  public:
    using Queue::pop;
    using Queue::push;
    using Queue::Queue;
    bool push(const parcel &p)
    {
        header_of(p.ptr)->len = p.len;
        return push(p.ptr);
    }
    bool pop(parcel &p)
    {
        if (!pop(p.ptr))
            return false;
        p.len = header_of(p.ptr)->len;
        return true;
    }
};

/* Queue moves pointers. */
template <class Queue> class pool {
  public:
    using message = parcel;
    explicit pool(const shape &s)
        : receivers_(s.all_receivers()),
          per_sender_(s.pooled() + s.keep * s.all_receivers() / s.senders + refill),
          stride_((s.bytes + sizeof(pool_header) + 63) & ~std::size_t{63}),
          memory_(stride_ * per_sender_ * s.all_senders()),
          back_(s.all_senders(), s.all_receivers(), per_sender_), free_(s.all_senders())
    {
        for (std::size_t i = 0; i < std::size_t{per_sender_} * s.all_senders(); ++i) {
            auto *ptr = memory_.at(i * stride_) + sizeof(pool_header);
            header_of(ptr)->home = std::uint32_t(i % s.all_senders());
            free_[i % s.all_senders()].buffers.push_back(ptr);
        }
    }

    parcel get(std::uint32_t sender)
    {
        auto &free = free_[sender].buffers;
        if (free.empty())
            collect(sender);
        if (free.empty())
            return {};
        parcel last{free.back(), 0};
        free.pop_back();
        return last;
    }

    void put(const parcel &p, std::uint32_t receiver)
    {
        must(back_.at(header_of(p.ptr)->home, receiver).push(p.ptr), "a pool took too much");
    }

  private:
    static constexpr std::uint32_t refill = 64;

    /* Many at a time: the lines of the queues seldom move. */
    void collect(std::uint32_t sender)
    {
        auto &free = free_[sender].buffers;
        std::uint8_t *ptr = nullptr;
        for (std::uint32_t i = 0; i < receivers_; ++i)
            for (std::uint32_t n = 0; n < refill && back_.at(sender, i).pop(ptr); ++n)
                free.push_back(ptr);
    }

    struct alignas(apart) stock {
        std::vector<std::uint8_t *> buffers;
    };

    const std::uint32_t receivers_;
    const std::uint32_t per_sender_;
    const std::size_t stride_;
    const lines memory_;
    mesh<Queue> back_;
    std::vector<stock> free_;
};

/* One and the same queue forth and back. */
template <class Queue> using pooled = by_pointer<pool<Queue>, with_length<Queue>>;

} // namespace bench

#endif
