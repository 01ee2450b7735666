/* SPDX-License-Identifier: MIT */
/* What servers do without a handoff: copy every message into a std::string in a locked queue, and
 * copy it out again on the other side. */
#ifndef HANDOFF_GATEWAY_STRINGS_PORT_HPP
#define HANDOFF_GATEWAY_STRINGS_PORT_HPP

#include "backend.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace gateway {

struct string_message {
    std::string bytes;
    std::uint64_t connection = 0;
};

class string_queue {
  public:
    /* Waits up to `patience` for room; false if there is none, or the queue is closed. */
    bool push(const void *ptr, std::size_t len, std::uint64_t connection,
              std::chrono::milliseconds patience);
    /* Waits for a message; false once the queue is closed and empty. */
    bool pop(string_message &into);
    bool try_pop(string_message &into);
    void close();

    /* An eventfd that becomes readable with the first message after a try_pop that failed. */
    void notify_by(int fd) { fd_ = fd; }

    std::uint64_t copies() const { return copies_.load(std::memory_order_relaxed); }
    std::uint64_t wakes() const { return wakes_.load(std::memory_order_relaxed); }

  private:
    void copy_front(string_message &into);

    std::mutex mutex_;
    std::condition_variable filled_;
    std::condition_variable drained_;
    std::deque<string_message> messages_;
    std::size_t sleepers_ = 0;
    bool closed_ = false;
    bool armed_ = false;
    int fd_ = -1;
    std::atomic<std::uint64_t> copies_{0};
    std::atomic<std::uint64_t> wakes_{0};
};

/* The queues of a gateway: to each worker of each service, and back to each network thread. */
struct string_queues {
    string_queues(std::uint32_t workers, std::uint32_t threads)
        : to_worker(std::size_t{workers} * 3), to_network(threads), per_service(workers)
    {
    }

    string_queue &worker_of(std::uint32_t service, std::uint64_t key)
    {
        return to_worker[service * per_service + key % per_service];
    }

    std::vector<string_queue> to_worker;
    std::vector<string_queue> to_network;
    const std::uint32_t per_service;
    std::atomic<std::uint64_t> on_the_way{0}; /* messages that no worker has finished */
};

std::unique_ptr<handoff::net::port> make_string_port(string_queues &queues, std::uint32_t thread,
                                                     const handoff::net::options &with);

} // namespace gateway

#endif
