/* SPDX-License-Identifier: MIT */
/* Producer: one thread's sending end of a service, over that thread's shard. */
#ifndef HANDOFF_PRODUCER_HPP
#define HANDOFF_PRODUCER_HPP

#include "handoff/shard.hpp"

namespace handoff {

/* Where a message goes: {key}, or {key, consumer's number} where the service routes by number. */
struct route {
    std::uint64_t key = 0;
    std::uint32_t to = HO_BY_KEY;
    std::uint32_t flags = 0; /* HO_MORE: more follows at once, publish with it or with flush */
};

/* Calls take ownership exactly when they succeed: an rvalue that was refused still holds its buffer.
 * errc::dropped means accepted, and released again by the service's policy. Calls on many descriptors
 * take the key of each descriptor; their value says how many were accepted, from the front. */
class alignas(line_pair_bytes) producer : public detail::unique_handle<ho_producer> {
  public:
    producer() noexcept = default;

    static result<producer> open(const service &to, const shard &over) noexcept
    {
        ho_producer *raw = nullptr;
        const auto status = ho_producer_open(to.raw(), over.raw(), &raw);
        return {producer(to.home(), raw), to_error_code(status)};
    }

    /* Hands over a loan, whose size is what was written (resize), from any shard of the domain. */
    std::error_code commit(loan &&what, const route &way = {}) noexcept
    {
        what.raw().key = way.key;
        return to_error_code(ho_commit(raw(), &what.raw(), 1, way.to, way.flags, nullptr));
    }
    result<std::uint32_t> commit(span<ho_buf> loans, std::uint32_t to = HO_BY_KEY,
                                 std::uint32_t flags = 0) noexcept
    {
        return many<ho_commit>(loans, to, flags);
    }

    /* Hands on what was taken or sliced, without a copy; the key stays. */
    std::error_code forward(buffer &&what, std::uint32_t to = HO_BY_KEY,
                            std::uint32_t flags = 0) noexcept
    {
        return to_error_code(ho_forward(raw(), &what.raw(), 1, to, flags, nullptr));
    }
    result<std::uint32_t> forward(span<ho_buf> bufs, std::uint32_t to = HO_BY_KEY,
                                  std::uint32_t flags = 0) noexcept
    {
        return many<ho_forward>(bufs, to, flags);
    }

    /* Gives foreign memory, described by hand; give.hpp does it for strings, vectors, pointers. */
    result<std::uint32_t> give(span<ho_buf> bufs, std::uint32_t to = HO_BY_KEY,
                               std::uint32_t flags = 0) noexcept
    {
        return many<ho_give>(bufs, to, flags);
    }

    /* Copies bytes that can't be given into the shard's arena. */
    std::error_code give_copy(const_bytes what, const route &way = {}) noexcept
    {
        return to_error_code(
            ho_give_copy(raw(), what.data(), what.size(), way.key, way.to, way.flags));
    }
    std::error_code give_copy(std::string_view what, const route &way = {}) noexcept
    {
        return give_copy(handoff::bytes_of(what.data(), what.size()), way);
    }

    /* Publishes what HO_MORE held back. */
    std::error_code flush() noexcept { return to_error_code(ho_flush(raw())); }

    ho_domain *home() const noexcept { return home_; }

  private:
    producer(ho_domain *home, ho_producer *raw) noexcept : unique_handle(raw), home_(home) {}

    template <auto Call>
    result<std::uint32_t> many(span<ho_buf> bufs, std::uint32_t to, std::uint32_t flags) noexcept
    {
        std::uint32_t accepted = 0;
        const auto status =
            Call(raw(), bufs.data(), static_cast<std::uint32_t>(bufs.size()), to, flags, &accepted);
        return {accepted, to_error_code(status)};
    }

    ho_domain *home_ = nullptr;
};

} // namespace handoff

#endif
