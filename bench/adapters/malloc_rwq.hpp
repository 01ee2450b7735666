/* SPDX-License-Identifier: MIT */
/* malloc (whichever is preloaded) and moodycamel's ReaderWriterQueue. */
#ifndef HANDOFF_BENCH_MALLOC_RWQ_HPP
#define HANDOFF_BENCH_MALLOC_RWQ_HPP

#include "mesh.hpp"

#include <cstdlib>
#include <readerwriterqueue/readerwriterqueue.h>

namespace bench {

class malloc_memory {
  public:
    using message = parcel;
    explicit malloc_memory(const shape &s) : bytes_(s.bytes) {}
    parcel get(std::uint32_t) { return {static_cast<std::uint8_t *>(std::malloc(bytes_)), 0}; }
    void put(const parcel &p, std::uint32_t) { std::free(p.ptr); }

  private:
    const std::size_t bytes_;
};

class rwq {
  public:
    explicit rwq(std::uint32_t slots) : queue_(slots) {}
    bool push(const parcel &p) { return queue_.try_enqueue(p); }
    bool pop(parcel &p) { return queue_.try_dequeue(p); }

  private:
    /* All slots in one block. */
    moodycamel::ReaderWriterQueue<parcel, 2 * queue_slots> queue_;
};

using contestant = by_pointer<malloc_memory, rwq>;

} // namespace bench

#endif
