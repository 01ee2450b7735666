/* SPDX-License-Identifier: MIT */
/* Bridge: connects a network thread's own sockets to services, in any event loop (Asio, libuv, epoll, uSockets,
 * muduo). docs/bridge.md has complete servers.
 *
 *   ids      add gives a connection an id (net_key.h). It travels in ho_buf.value, and a worker answers with
 *            ho_net_answer. An answer to a connection that is gone is never sent to the next one in its slot
 *   answers  drain takes all pending answers, and calls back once per connection in a batch, with all its answers
 *   pausing  pause a connection whose message was refused (errc::full); resume calls back for each paused one, once
 *            it is worth trying again
 *   waiting  one descriptor for both: whenever it is readable, drain and then resume
 *   closing  drain returns errc::closed when the egress service is closed and empty. Let the last sender to that
 *            service close it, so that no answer is lost
 *
 * Not in handoff.hpp, because it needs system headers. */
#ifndef HANDOFF_BRIDGE_HPP
#define HANDOFF_BRIDGE_HPP

#include "handoff/consumer.hpp"
#include "handoff/net_key.h"
#include "handoff/shard.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <sys/epoll.h>
#include <unistd.h>

HANDOFF_BEGIN

namespace detail {

/* A file descriptor with one holder. */
class descriptor {
  public:
    descriptor() noexcept = default;
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(descriptor &&from) noexcept : fd_(from.release()) {}
    descriptor &operator=(descriptor &&from) noexcept
    {
        std::swap(fd_, from.fd_);
        return *this;
    }
    ~descriptor()
    {
        if (fd_ >= 0)
            ::close(fd_);
    }

    int get() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }

  private:
    int fd_ = -1;
};

/* Connections by id, and a list of the paused ones in the order of their pauses. It grows and never shrinks. */
class connection_table {
  public:
    struct entry {
        void *object;
        std::uint32_t generation; /* odd while the slot is in use */
        std::uint32_t next;       /* in the list of paused or of free slots */
        std::uint32_t previous;   /* in the list of paused ones */
        std::uint32_t run;        /* while answers are grouped: this connection's group; else 0 */
    };

    explicit connection_table(std::uint32_t thread) noexcept : thread_(thread) {}

    /* errc::no_memory, errc::limit. */
    result<std::uint64_t> add(void *object) noexcept
    {
        if (free_ == none)
            if (const auto error = grow())
                return {0, error};
        const auto slot = free_;
        auto &at = entries_[slot];
        free_ = std::exchange(at.next, none);
        at.object = object;
        return {(std::uint64_t{thread_} << HO_NET_THREAD_SHIFT) |
                    (std::uint64_t{slot} << HO_NET_SLOT_SHIFT) | ++at.generation,
                {}};
    }

    /* Null unless it is the id of a present connection. */
    entry *find(std::uint64_t id) const noexcept
    {
        const auto slot = slot_of(id);
        const auto generation = static_cast<std::uint32_t>(id);
        if (ho_net_to(id) != thread_ || slot >= size_ || (generation & 1) == 0 ||
            entries_[slot].generation != generation)
            return nullptr;
        return &entries_[slot];
    }

    void remove(std::uint64_t id) noexcept
    {
        auto *at = find(id);
        if (at == nullptr)
            return;
        resume(at);
        ++at->generation;
        at->next = std::exchange(free_, slot_of(id));
    }

    void pause(std::uint64_t id) noexcept
    {
        auto *at = find(id);
        if (at == nullptr || is_paused(at))
            return;
        at->previous = std::exchange(last_, slot_of(id));
        (at->previous == none ? first_ : entries_[at->previous].next) = last_;
        ++paused_;
    }

    void resume(entry *at) noexcept
    {
        if (!is_paused(at))
            return;
        (at->previous == none ? first_ : entries_[at->previous].next) = at->next;
        (at->next == none ? last_ : entries_[at->next].previous) = at->previous;
        at->next = at->previous = none;
        --paused_;
    }

    entry *first_paused() const noexcept { return first_ == none ? nullptr : &entries_[first_]; }
    std::uint32_t paused() const noexcept { return paused_; }

  private:
    static constexpr std::uint32_t none = UINT32_MAX;
    static constexpr std::uint32_t most = HO_NET_SLOT_MASK + 1;

    static std::uint32_t slot_of(std::uint64_t id) noexcept
    {
        return static_cast<std::uint32_t>(id >> HO_NET_SLOT_SHIFT) & HO_NET_SLOT_MASK;
    }
    bool is_paused(const entry *at) const noexcept
    {
        return at->previous != none || at == first_paused();
    }

    std::error_code grow() noexcept
    {
        if (size_ == most)
            return errc::limit;
        const auto size = size_ == 0 ? 64 : 2 * size_;
        std::unique_ptr<entry[]> larger(new (std::nothrow) entry[size]);
        if (!larger)
            return errc::no_memory;
        std::copy_n(entries_.get(), size_, larger.get());
        for (auto slot = size; slot-- > size_;)
            larger[slot] = {nullptr, 0, std::exchange(free_, slot), none, 0};
        entries_ = std::move(larger);
        size_ = size;
        return {};
    }

    std::unique_ptr<entry[]> entries_;
    std::uint32_t size_ = 0;
    std::uint32_t free_ = none;
    std::uint32_t first_ = none; /* of the paused ones */
    std::uint32_t last_ = none;
    std::uint32_t paused_ = 0;
    const std::uint32_t thread_;
};

} // namespace detail

/* The shard and the consumer of one network thread; only that thread uses it. It refers to connections, so remove each
 * one before it is destroyed. Before the bridge is destroyed, close the producers over `memory` and drop the loans
 * reserved from it. Callbacks must not throw; they may add, remove and pause any connection. Connection is a
 * type of the server. */
template <class Connection> class bridge {
  public:
    /* Most answers in one callback. */
    static constexpr std::uint32_t run_most = 256;

    bridge() noexcept = default;

    /* Opens a shard of `received`, and the consumer of `egress` for partition `thread`, whose number is in the ids.
     * `egress` has bound consumers and a partition per network thread, or one partition, and then `thread` is 0.
     * Errors: as shard::open, shard::fd, consumer::open and consumer::fd; errc::no_memory. */
    static result<bridge> open(const arena &received, const service &egress,
                               std::uint16_t thread = 0) noexcept
    {
        result<bridge> made;
        auto memory = handoff::shard::open(received);
        auto room = memory->fd();
        auto answers = handoff::consumer::open(egress, thread);
        auto ready = answers->fd();
        made->room_ = detail::descriptor(room ? *room : -1);
        made->ready_ = detail::descriptor(ready ? *ready : -1);
        for (const auto &error : {memory.error, room.error, answers.error, ready.error})
            if (error)
                return {bridge(), error};
        made->state_.reset(new (std::nothrow) state(thread));
        if (!made->state_)
            return {bridge(), errc::no_memory};
        made->memory_ = std::move(*memory);
        made->answers_ = std::move(*answers);
        return made;
    }

    explicit operator bool() const noexcept { return state_ != nullptr; }

    /* The shard that this thread receives into and opens its producers over. */
    shard &memory() noexcept { return memory_; }

    /* A descriptor that is readable when there are answers or when it is worth trying again: drain, then resume. The
     * first drain arms it. Never read or write it. Each call gives a new one, which the caller closes. Error:
     * errc::system. */
    result<int> fd() const noexcept
    {
        detail::descriptor both(epoll_create1(EPOLL_CLOEXEC));
        epoll_event readable{};
        readable.events = EPOLLIN;
        if (both.get() < 0 || epoll_ctl(both.get(), EPOLL_CTL_ADD, ready_.get(), &readable) != 0 ||
            epoll_ctl(both.get(), EPOLL_CTL_ADD, room_.get(), &readable) != 0)
            return {-1, errc::system};
        return {both.release(), {}};
    }

    /* Adds a connection. Its id is never 0, and is not used again until its slot was used 2^31 times more.
     * errc::limit: there are 4,194,304 connections. Also errc::no_memory, errc::handle. */
    result<std::uint64_t> add(Connection &which) noexcept
    {
        return state_ ? state_->table.add(std::addressof(which))
                      : result<std::uint64_t>{0, errc::handle};
    }
    /* Removes a connection that is gone or about to go: answers that still come for it are returned, and a pause ends.
     * An unknown id does nothing. */
    void remove(std::uint64_t id) noexcept
    {
        if (state_)
            state_->table.remove(id);
    }
    /* Null if the connection is gone, or was never this thread's. */
    Connection *find(std::uint64_t id) const noexcept
    {
        return state_ ? object_of(state_->table.find(id)) : nullptr;
    }

    /* Call this after errc::full from `memory` or a producer over it: stop reading the connection, and try again in
     * resume. Do not call it after another error, or after a split whose segment has no number left: nothing
     * reports when those are over. */
    void pause(std::uint64_t id) noexcept
    {
        if (state_)
            state_->table.pause(id);
    }
    /* The number of paused connections. */
    std::uint32_t paused() const noexcept { return state_ ? state_->table.paused() : 0; }

    /* If it is worth trying again, calls `again(Connection &)` once for each paused connection, in order. It is no
     * longer paused then; pause it again if it is refused again. */
    template <class Fn> void resume(Fn &&again) noexcept
    {
        std::uint64_t fired;
        if (!state_ || ::read(room_.get(), &fired, sizeof fired) <= 0)
            return;
        auto &table = state_->table;
        for (auto left = table.paused(); left != 0 && table.paused() != 0; --left) {
            auto *next = table.first_paused();
            table.resume(next);
            again(*object_of(next));
        }
    }

    /* Takes answers until there are none, up to run_most at a time, and calls `send(Connection &, span<ho_buf>)` once
     * for each connection that has some among them, with its answers in order. Answers that `send` leaves in the span
     * are returned after the call. To keep one until the socket takes more, take it out with buffer::adopt and zero the
     * descriptor. The value is the number of answers passed to `send`. errc::closed: no answer will come any more.
     * errc::reentrant: called by `send`. Other errors as in consumer::take: there may be more answers, so call again
     * soon. */
    template <class Fn> result<std::uint32_t> drain(Fn &&send) noexcept
    {
        result<std::uint32_t> sent;
        if (!state_ || state_->draining)
            return {0, state_ ? errc::reentrant : errc::handle};
        state_->draining = true;
        while (!(sent.error = answers_.take(state_->some))) {
            state_->group();
            sent.value += send_runs(send);
        }
        state_->draining = false;
        if (sent.error == errc::empty)
            sent.error = {};
        return sent;
    }

    /* The number of answers, so far, that came for connections already gone. */
    std::uint64_t gone() const noexcept { return state_ ? state_->gone : 0; }

  private:
    struct state {
        explicit state(std::uint32_t thread) noexcept : table(thread) {}

        /* Groups the answers by connection and keeps their order. Groups are numbered by their first answer. */
        void group() noexcept
        {
            std::uint32_t ends[run_most + 2] = {};
            std::uint32_t runs = 0;
            for (std::uint32_t i = 0; i < some.size(); ++i) {
                auto *to = table.find(some[i].value);
                if (to != nullptr && to->run == 0)
                    to->run = ++runs;
                run_of[i] = to == nullptr ? 0 : to->run; /* 0: the connection is gone */
                ++ends[run_of[i] + 1];
            }
            for (auto &each : some)
                if (auto *to = table.find(each.value))
                    to->run = 0;
            if (std::is_sorted(run_of, run_of + some.size()))
                return;
            for (std::uint32_t run = 1; run <= runs; ++run)
                ends[run] += ends[run - 1]; /* now where the group begins */
            for (std::uint32_t i = 0; i < some.size(); ++i)
                grouped[ends[run_of[i]]++] = some[i];
            std::copy_n(grouped, some.size(), some.begin());
        }

        batch<run_most> some;
        ho_buf grouped[run_most];
        std::uint32_t run_of[run_most];
        detail::connection_table table;
        std::uint64_t gone = 0;
        bool draining = false;
    };

    /* Looks up each connection again, because a callback may have removed it. */
    template <class Fn> std::uint32_t send_runs(Fn &send) noexcept
    {
        auto &some = state_->some;
        std::uint32_t sent = 0;
        for (std::uint32_t begin = 0, end = 0; begin < some.size(); begin = end) {
            const auto id = some[begin].value;
            while (end < some.size() && some[end].value == id)
                ++end;
            if (Connection *to = find(id)) {
                send(*to, span<ho_buf>(some.begin() + begin, end - begin));
                sent += end - begin;
            } else {
                state_->gone += end - begin;
            }
        }
        return sent;
    }

    static Connection *object_of(const detail::connection_table::entry *at) noexcept
    {
        return at == nullptr ? nullptr : static_cast<Connection *>(at->object);
    }

    shard memory_;
    consumer answers_;
    detail::descriptor room_;
    detail::descriptor ready_;
    std::unique_ptr<state> state_;
};

HANDOFF_END

#endif
