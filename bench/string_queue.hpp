/* SPDX-License-Identifier: MIT */
/* The locked queue of strings that servers begin with: copied in, copied out. */
#ifndef HANDOFF_BENCH_STRING_QUEUE_HPP
#define HANDOFF_BENCH_STRING_QUEUE_HPP

#include "shape.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

namespace bench {

struct string_message {
    std::string bytes; /* never so short that they lie inside the object */
    std::uint8_t *ptr = nullptr;
    std::uint64_t len = 0;
};

class string_queue {
  public:
    bool push(const std::uint8_t *ptr, std::uint64_t len)
    {
        std::string copy(reinterpret_cast<const char *>(ptr), len);
        std::unique_lock lock(mutex_);
        if (queue_.size() == queue_slots)
            return false;
        queue_.push_back(std::move(copy));
        const bool wake = sleeping_;
        lock.unlock();
        if (wake)
            filled_.notify_one();
        return true;
    }
    bool pop(string_message &into)
    {
        std::lock_guard lock(mutex_);
        if (queue_.empty())
            return false;
        into.bytes = std::string(queue_.front());
        queue_.pop_front();
        into.ptr = reinterpret_cast<std::uint8_t *>(into.bytes.data());
        into.len = into.bytes.size();
        return true;
    }
    void wait()
    {
        std::unique_lock lock(mutex_);
        sleeping_ = true;
        filled_.wait_for(lock, std::chrono::milliseconds(longest_wait_ms),
                         [this] { return !queue_.empty(); });
        sleeping_ = false;
    }

  private:
    std::mutex mutex_;
    std::condition_variable filled_;
    std::deque<std::string> queue_;
    bool sleeping_ = false;
};

} // namespace bench

#endif
