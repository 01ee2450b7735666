/* SPDX-License-Identifier: MIT */
#include "none_port.hpp"

#include "blocks.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace gateway {

namespace {

class none_port final : public handoff::net::port {
  public:
    none_port(none_station &at, const handoff::net::options &with)
        : at_(at), messages_(block_pool::received_bytes(with)), answers_(GAME_FRAME_MAX),
          waiting_(queue_slots), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))
    {
    }

    ~none_port() override
    {
        at_.held_bytes = messages_.held_bytes() + answers_.held_bytes();
        at_.outstanding = messages_.buffers_out() + answers_.buffers_out();
        ::close(fd_);
    }

    std::uint32_t service_count() const noexcept override { return GAME_SERVICE_COUNT; }

    std::int32_t reserve(std::uint64_t bytes, ho_buf *loan) noexcept override
    {
        return messages_.reserve(bytes, loan);
    }

    std::int32_t split(ho_buf *loan, std::uint64_t bytes, ho_buf *front) noexcept override
    {
        return messages_.split(loan, bytes, front);
    }

    void abort(ho_buf *loans, std::uint32_t count) noexcept override
    {
        for (std::uint32_t i = 0; i < count; ++i)
            messages_.drop(loans[i]);
    }

    std::int32_t commit(std::uint32_t service, ho_buf *bufs, std::uint32_t count,
                        std::uint32_t *accepted) noexcept override
    {
        game_state_at(at_.states[service], 0, game_clock_ns());
        for (*accepted = 0; *accepted < count; ++*accepted) {
            auto &message = bufs[*accepted];
            if (!serve(at_.states[service], message))
                return HO_FULL;
            messages_.drop(message);
        }
        return HO_OK;
    }

    /* The loop itself makes the answers, but must be notified as for any others: TCP does not look
     * for answers after it has read. */
    void flush() noexcept override
    {
        if (produced_ != taken_ && std::exchange(armed_, false))
            eventfd_write(fd_, 1);
    }

    std::int32_t egress_fd(std::int32_t *fd) noexcept override
    {
        *fd = fcntl(fd_, F_DUPFD_CLOEXEC, 0); /* the caller's */
        return *fd < 0 ? HO_E_SYSTEM : HO_OK;
    }

    std::int32_t take(ho_buf *bufs, std::uint32_t max, std::uint32_t *taken) noexcept override
    {
        for (*taken = 0; *taken < max && taken_ != produced_; ++*taken)
            bufs[*taken] = waiting_[taken_++ % queue_slots];
        if (*taken != 0)
            return HO_OK;
        if (!std::exchange(armed_, true)) {
            eventfd_t ignored = 0;
            eventfd_read(fd_, &ignored);
        }
        return HO_EMPTY;
    }

    void return_all(ho_buf *bufs, std::uint32_t count) noexcept override
    {
        for (std::uint32_t i = 0; i < count; ++i)
            answers_.drop(bufs[i]);
    }

    /* What is committed is answered. Frames that a connection still holds are not committed yet. */
    bool quiet() noexcept override { return messages_.buffers_out() == 0; }

  private:
    /* False if there is no room for an answer: the game has not seen the message then. */
    bool serve(game_state *state, const ho_buf &message) noexcept
    {
        ho_buf answer{};
        if (produced_ - taken_ == queue_slots || answers_.reserve(GAME_FRAME_MAX, &answer) != HO_OK)
            return false;
        std::size_t len = 0;
        const auto handled =
            game_handle(state, message.ptr, message.len, answer.ptr, answer.cap, &len);
        if (handled != GAME_HANDLED) {
            ++(handled == GAME_NO_MEMORY ? at_.dropped : at_.refused);
            answers_.drop(answer);
            return true;
        }
        ++at_.handled;
        answer.len = len;
        answer.value = message.value;
        waiting_[produced_++ % queue_slots] = answer;
        return true;
    }

    none_station &at_;
    block_pool messages_;
    block_pool answers_;
    std::vector<ho_buf> waiting_; /* answers to be sent: a ring */
    std::uint64_t produced_ = 0;
    std::uint64_t taken_ = 0;
    const int fd_;
    bool armed_ = false; /* the loop found nothing and waits for the descriptor */
};

} // namespace

std::unique_ptr<handoff::net::port> make_none_port(none_station &at,
                                                   const handoff::net::options &with)
{
    return std::make_unique<none_port>(at, with);
}

} // namespace gateway
