/* SPDX-License-Identifier: MIT */
/* Concurrency Kit's ring, one writer and one reader, both ways over a fixed pool. */
#ifndef HANDOFF_BENCH_CK_RING_POOL_HPP
#define HANDOFF_BENCH_CK_RING_POOL_HPP

#include "pool.hpp"

/* The header returns false for a pointer, which C++ refuses; 0 is both. */
#define false 0
#include <ck_ring.h>
#undef false

namespace bench {

class ck_ring_of_pointers {
  public:
    explicit ck_ring_of_pointers(std::uint32_t slots)
    {
        unsigned size = 4;
        while (size <= slots) /* one slot stays empty */
            size *= 2;
        slots_.resize(size);
        ck_ring_init(&ring_, size);
    }
    bool push(std::uint8_t *ptr) { return ck_ring_enqueue_spsc(&ring_, slots_.data(), ptr); }
    bool pop(std::uint8_t *&ptr)
    {
        void *found = nullptr;
        if (!ck_ring_dequeue_spsc(&ring_, slots_.data(), &found))
            return false;
        ptr = static_cast<std::uint8_t *>(found);
        return true;
    }

  private:
    alignas(apart) ck_ring_t ring_{};
    std::vector<ck_ring_buffer_t> slots_;
};

using contestant = pooled<ck_ring_of_pointers>;

} // namespace bench

#endif
