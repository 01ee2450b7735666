/* SPDX-License-Identifier: MIT */
/* A contestant that damages one message in a thousand: the benchmark must notice. FAULT 0: a byte is
 * changed; 1: a message is lost and another one comes twice. */
#ifndef HANDOFF_BENCH_FAULTY_HPP
#define HANDOFF_BENCH_FAULTY_HPP

#include "mesh.hpp"

#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>

namespace bench {

class plain_memory {
  public:
    using message = parcel;
    explicit plain_memory(const shape &s) : bytes_(s.bytes) {}
    parcel get(std::uint32_t) { return {static_cast<std::uint8_t *>(std::malloc(bytes_)), 0}; }
    void put(const parcel &p, std::uint32_t) { std::free(p.ptr); }

  private:
    const std::size_t bytes_;
};

class faulty_queue {
  public:
    explicit faulty_queue(std::uint32_t slots) : slots_(slots), former_(2048) {}
    bool push(const parcel &p)
    {
        std::lock_guard lock(mutex_);
        if (queue_.size() == slots_)
            return false;
        if (++count_ % 1000 == 0)
            damage(p);
        former_.assign(p.ptr, p.ptr + p.len);
        queue_.push_back(p);
        if (count_ % 1000 == 0 && FAULT == 1)
            queue_.back().len = former_len_;
        former_len_ = p.len;
        return true;
    }
    bool pop(parcel &p)
    {
        std::lock_guard lock(mutex_);
        if (queue_.empty())
            return false;
        p = queue_.front();
        queue_.pop_front();
        return true;
    }

  private:
    void damage(const parcel &p)
    {
        if (FAULT == 0)
            p.ptr[p.len - 1] ^= 1;
        else
            std::memcpy(p.ptr, former_.data(), former_len_);
    }

    std::mutex mutex_;
    std::deque<parcel> queue_;
    const std::uint32_t slots_;
    std::vector<std::uint8_t> former_;
    std::uint64_t former_len_ = 0;
    std::uint64_t count_ = 0;
};

using contestant = by_pointer<plain_memory, faulty_queue>;

} // namespace bench

#endif
