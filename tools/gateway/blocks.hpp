/* SPDX-License-Identifier: MIT */
/* A network thread's own memory, in reusable blocks of one size: a block is free once the last
 * buffer cut from it is dropped. */
#ifndef HANDOFF_GATEWAY_BLOCKS_HPP
#define HANDOFF_GATEWAY_BLOCKS_HPP

#include "handoff/net.hpp"

namespace gateway {

/* The most that a pool may hold: the same as the handoff's receiving arena. */
inline constexpr std::uint64_t pool_most_bytes = 256u << 20;

class block_pool {
  public:
    explicit block_pool(std::uint64_t block_bytes) : block_bytes_(block_bytes) {}

    /* What sockets read into: a datagram each, or many TCP frames at once. */
    static std::uint64_t received_bytes(const handoff::net::options &with)
    {
        constexpr std::uint64_t many_frames = 256u << 10;
        return with.kind == handoff::net::transport::udp ? with.limit.frame_bytes : many_frames;
    }

    std::int32_t reserve(std::uint64_t bytes, ho_buf *loan) noexcept
    {
        if (bytes > block_bytes_)
            return HO_E_RANGE;
        if (free_ == nowhere && !grow())
            return HO_FULL;
        auto &from = blocks_[free_];
        *loan = loan_of(free_, from.bytes.get(), bytes);
        free_ = from.next_free;
        from.users = 1;
        ++buffers_out_;
        return HO_OK;
    }

    std::int32_t split(ho_buf *loan, std::uint64_t bytes, ho_buf *front) noexcept
    {
        if (bytes > loan->cap)
            return HO_E_RANGE;
        *front = loan_of(loan->handle, loan->ptr, bytes);
        front->len = bytes;
        loan->ptr += bytes;
        loan->cap -= bytes;
        ++blocks_[loan->handle].users;
        ++buffers_out_;
        return HO_OK;
    }

    /* Empties the descriptor; ignores an empty one. */
    void drop(ho_buf &loan) noexcept
    {
        if (loan.kind != HO_KIND_LOAN)
            return;
        auto &from = blocks_[loan.handle];
        if (--from.users == 0)
            from.next_free = std::exchange(free_, loan.handle);
        --buffers_out_;
        loan = ho_buf{};
    }

    std::uint64_t buffers_out() const noexcept { return buffers_out_; }
    std::uint64_t held_bytes() const noexcept { return blocks_.size() * block_bytes_; }

  private:
    static constexpr std::uint64_t nowhere = ~std::uint64_t{0};

    struct block {
        std::unique_ptr<std::uint8_t[]> bytes;
        std::uint64_t next_free;
        std::uint32_t users;
    };

    static ho_buf loan_of(std::uint64_t number, std::uint8_t *ptr, std::uint64_t bytes) noexcept
    {
        ho_buf loan{};
        loan.kind = HO_KIND_LOAN;
        loan.handle = number;
        loan.ptr = ptr;
        loan.cap = bytes;
        return loan;
    }

    bool grow() noexcept
    {
        if (held_bytes() + block_bytes_ > pool_most_bytes)
            return false;
        try {
            /* Not zeroed: only what is used should be touched. */
            std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[block_bytes_]);
            blocks_.push_back({std::move(bytes), nowhere, 0});
        } catch (...) {
            return false;
        }
        free_ = blocks_.size() - 1;
        return true;
    }

    const std::uint64_t block_bytes_;
    std::vector<block> blocks_;
    std::uint64_t free_ = nowhere; /* the first of a list */
    std::uint64_t buffers_out_ = 0;
};

} // namespace gateway

#endif
