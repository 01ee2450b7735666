/* SPDX-License-Identifier: MIT */
#include "strings_port.hpp"

#include "blocks.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace gateway {

bool string_queue::push(const void *ptr, std::size_t len, std::uint64_t connection,
                        std::chrono::milliseconds patience)
{
    string_message copy{std::string(static_cast<const char *>(ptr), len), connection};
    std::unique_lock lock(mutex_);
    const auto room = [this] { return closed_ || messages_.size() < queue_slots; };
    if (!room() && (patience.count() == 0 || !drained_.wait_for(lock, patience, room)))
        return false;
    if (closed_)
        return false;
    messages_.push_back(std::move(copy));
    copies_.fetch_add(1, std::memory_order_relaxed);
    const bool wake = sleepers_ != 0 || armed_;
    if (wake)
        wakes_.fetch_add(1, std::memory_order_relaxed);
    if (std::exchange(armed_, false))
        eventfd_write(fd_, 1);
    lock.unlock();
    if (wake)
        filled_.notify_one();
    return true;
}

/* Under the lock: the second copy. */
void string_queue::copy_front(string_message &into)
{
    into = string_message{messages_.front().bytes, messages_.front().connection};
    messages_.pop_front();
    copies_.fetch_add(1, std::memory_order_relaxed);
}

bool string_queue::pop(string_message &into)
{
    {
        std::unique_lock lock(mutex_);
        ++sleepers_;
        filled_.wait(lock, [this] { return closed_ || !messages_.empty(); });
        --sleepers_;
        if (messages_.empty())
            return false;
        copy_front(into);
    }
    drained_.notify_one();
    return true;
}

bool string_queue::try_pop(string_message &into)
{
    {
        const std::lock_guard lock(mutex_);
        if (messages_.empty()) {
            eventfd_t ignored = 0;
            eventfd_read(fd_, &ignored);
            armed_ = true;
            return false;
        }
        copy_front(into);
    }
    drained_.notify_one();
    return true;
}

void string_queue::close()
{
    const std::lock_guard lock(mutex_);
    closed_ = true;
    filled_.notify_all();
    drained_.notify_all();
}

namespace {

class string_port final : public handoff::net::port {
  public:
    string_port(string_queues &queues, std::uint32_t thread, const handoff::net::options &with)
        : queues_(queues), answers_(queues.to_network[thread]),
          received_(block_pool::received_bytes(with)), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))
    {
        answers_.notify_by(fd_);
    }

    ~string_port() override
    {
        answers_.close();
        ::close(fd_);
    }

    std::uint32_t service_count() const noexcept override
    {
        return static_cast<std::uint32_t>(queues_.to_worker.size() / queues_.per_service);
    }

    std::int32_t reserve(std::uint64_t bytes, ho_buf *loan) noexcept override
    {
        return received_.reserve(bytes, loan);
    }

    std::int32_t split(ho_buf *loan, std::uint64_t bytes, ho_buf *front) noexcept override
    {
        return received_.split(loan, bytes, front);
    }

    void abort(ho_buf *loans, std::uint32_t count) noexcept override
    {
        for (std::uint32_t i = 0; i < count; ++i)
            received_.drop(loans[i]);
    }

    std::int32_t commit(std::uint32_t service, ho_buf *bufs, std::uint32_t count,
                        std::uint32_t *accepted) noexcept override
    {
        for (*accepted = 0; *accepted < count; ++*accepted) {
            auto &buf = bufs[*accepted];
            queues_.on_the_way.fetch_add(1);
            bool pushed = false;
            try {
                pushed = queues_.worker_of(service, buf.key)
                             .push(buf.ptr, buf.len, buf.value, std::chrono::milliseconds(0));
            } catch (...) {
            }
            if (!pushed) {
                queues_.on_the_way.fetch_sub(1);
                return HO_FULL;
            }
            received_.drop(buf);
        }
        return HO_OK;
    }

    void flush() noexcept override {}

    std::int32_t egress_fd(std::int32_t *fd) noexcept override
    {
        *fd = fcntl(fd_, F_DUPFD_CLOEXEC, 0); /* the caller's */
        return *fd < 0 ? HO_E_SYSTEM : HO_OK;
    }

    std::int32_t take(ho_buf *bufs, std::uint32_t max, std::uint32_t *taken) noexcept override
    {
        *taken = 0;
        try {
            for (; *taken < max; ++*taken) {
                auto answer = std::make_unique<string_message>();
                if (!answers_.try_pop(*answer))
                    break;
                auto &buf = bufs[*taken] = ho_buf{};
                buf.kind = HO_KIND_FOREIGN;
                buf.ptr = reinterpret_cast<std::uint8_t *>(answer->bytes.data());
                buf.len = answer->bytes.size();
                buf.value = answer->connection;
                buf.handle = reinterpret_cast<std::uintptr_t>(answer.release());
            }
        } catch (...) {
        }
        return *taken == 0 ? HO_EMPTY : HO_OK;
    }

    void return_all(ho_buf *bufs, std::uint32_t count) noexcept override
    {
        for (std::uint32_t i = 0; i < count; ++i) {
            delete reinterpret_cast<string_message *>(bufs[i].handle);
            bufs[i] = ho_buf{};
        }
    }

    bool quiet() noexcept override { return queues_.on_the_way.load() == 0; }

  private:
    string_queues &queues_;
    string_queue &answers_;
    block_pool received_;
    const int fd_;
};

} // namespace

std::unique_ptr<handoff::net::port> make_string_port(string_queues &queues, std::uint32_t thread,
                                                     const handoff::net::options &with)
{
    return std::make_unique<string_port>(queues, thread, with);
}

} // namespace gateway
