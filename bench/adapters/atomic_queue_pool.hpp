/* SPDX-License-Identifier: MIT */
/* atomic_queue both ways over a fixed pool: pointers forth and back, the length in the buffer. */
#ifndef HANDOFF_BENCH_ATOMIC_QUEUE_POOL_HPP
#define HANDOFF_BENCH_ATOMIC_QUEUE_POOL_HPP

#include "pool.hpp"

#include <atomic_queue/atomic_queue.h>

namespace bench {

class atomic_queue_of_pointers {
  public:
    explicit atomic_queue_of_pointers(std::uint32_t slots) : queue_(slots) {}
    bool push(std::uint8_t *ptr) { return queue_.try_push(ptr); }
    bool pop(std::uint8_t *&ptr) { return queue_.try_pop(ptr); }

  private:
    /* Its throughput setting, and its single-producer single-consumer form. */
    atomic_queue::AtomicQueueB<std::uint8_t *, std::allocator<std::uint8_t *>, nullptr, true, false,
                               true>
        queue_;
};

using contestant = pooled<atomic_queue_of_pointers>;

} // namespace bench

#endif
