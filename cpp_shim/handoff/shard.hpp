/* SPDX-License-Identifier: MIT */
/* Shard: one thread's filling end of an arena. That thread's producers are opened over it. */
#ifndef HANDOFF_SHARD_HPP
#define HANDOFF_SHARD_HPP

#include "handoff/domain.hpp"

HANDOFF_BEGIN

/* Declare it before the producers opened over it, because they must close first. A shard destroyed before them
 * stays open, and so does its arena. */
class alignas(line_pair_bytes) shard : public detail::unique_handle<ho_shard> {
  public:
    using unique_handle::unique_handle;

    static result<shard> open(const arena &in) noexcept
    {
        ho_shard *raw = nullptr;
        const auto status = ho_shard_open(in.raw(), &raw);
        return {shard(raw), to_error_code(status)};
    }

    /* As ho_shard_close: errc::busy while a producer over it is open; then the shard still exists. */
    std::error_code close() noexcept
    {
        const auto status = ho_shard_close(raw());
        if (status == HO_OK)
            static_cast<void>(release());
        return to_error_code(status);
    }

    /* Memory to write `size` bytes into. */
    result<loan> reserve(std::size_t size) noexcept { return reserve_as(size, nullptr); }
    result<loan> reserve(std::size_t size, const reserve_options &options) noexcept
    {
        return reserve_as(size, &options);
    }

    /* Reserves loans of `size` bytes for a burst, into the caller's array; the caller commits (producer::commit)
     * or aborts them. The value is the number reserved, from the front: on an error, fewer than the array holds. */
    result<std::uint32_t> reserve(std::size_t size, span<ho_buf> into) noexcept
    {
        std::uint32_t reserved = 0;
        const auto status = ho_reserve_many(raw(), size, nullptr, into.data(),
                                            static_cast<std::uint32_t>(into.size()), &reserved);
        return {reserved, to_error_code(status)};
    }

    /* Splits the first `size` bytes off a loan of this shard, as a separate loan. */
    result<loan> split(loan &from, std::size_t size) noexcept
    {
        result<loan> front{loan(raw()), {}};
        front.error = to_error_code(ho_split(raw(), &from.raw(), size, &front->raw()));
        return front;
    }

    /* Copies a small buffer out of the large segment that it pins, and returns the original. */
    std::error_code compact(buffer &what) noexcept
    {
        return to_error_code(ho_compact(raw(), &what.raw()));
    }

    /* An eventfd that says when to retry after errc::full; the caller closes it. Call this before the first
     * producer is opened over the shard. */
    result<int> fd() noexcept
    {
        std::int32_t fd = -1;
        const auto status = ho_shard_fd(raw(), &fd);
        return {fd, to_error_code(status)};
    }

  private:
    result<loan> reserve_as(std::size_t size, const ho_reserve_opts *options) noexcept
    {
        /* Filled in place: a descriptor that was just written is slow to copy. */
        result<loan> fresh{loan(raw()), {}};
        fresh.error = to_error_code(ho_reserve(raw(), size, options, &fresh->raw()));
        return fresh;
    }
};

HANDOFF_END

#endif
