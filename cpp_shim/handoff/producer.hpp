/* SPDX-License-Identifier: MIT */
/* Producer: one thread's sending end of a service, over that thread's shard. */
#ifndef HANDOFF_PRODUCER_HPP
#define HANDOFF_PRODUCER_HPP

#include "handoff/shard.hpp"

HANDOFF_BEGIN

/* route::partition: the partition of the key. */
inline constexpr std::uint16_t by_key = UINT16_MAX;

/* Where a message goes, and what it carries: {key}, {key, value}, {key, value, partition}. */
struct route {
    std::uint64_t key = 0;
    std::uint64_t value = 0;          /* delivered unchanged: what to answer to, for example */
    std::uint16_t partition = by_key; /* of the service, whatever the key */
    std::uint32_t flags = 0; /* HO_MORE: more messages follow, publish with them or flush */
};

namespace detail {

inline void address(ho_buf &raw, const route &way) noexcept
{
    raw.key = way.key;
    raw.value = way.value;
    raw.flags &= ~HO_BUF_PARTITION;
    if (way.partition != by_key) {
        raw.flags |= HO_BUF_PARTITION;
        raw.partition = way.partition;
    }
}

} // namespace detail

/* A call takes ownership if and only if it succeeds: a refused rvalue still holds its buffer. errc::dropped
 * means that a message was accepted and then released by the service's policy. Calls on many descriptors send each
 * one as its fields say (key, value, HO_BUF_PARTITION); their value is the number accepted, from the
 * front. */
class alignas(line_pair_bytes) producer : public detail::unique_handle<ho_producer> {
  public:
    producer() noexcept = default;

    static result<producer> open(const service &to, const shard &over) noexcept
    {
        ho_producer *raw = nullptr;
        const auto status = ho_producer_open(to.raw(), over.raw(), &raw);
        return {producer(to.domain(), raw), to_error_code(status)};
    }

    /* Hands over a loan from any shard of the domain. Its size is the bytes written (loan::resize). */
    [[nodiscard]] std::error_code commit(loan &&what, const route &way = {}) noexcept
    {
        detail::address(what.raw(), way);
        return to_error_code(ho_commit(raw(), &what.raw(), 1, way.flags, nullptr));
    }
    result<std::uint32_t> commit(span<ho_buf> loans, std::uint32_t flags = 0) noexcept
    {
        return many<ho_commit>(loans, flags);
    }

    /* Forwards a buffer that was taken or sliced, without a copy. Key and value do not change. */
    [[nodiscard]] std::error_code forward(buffer &&what) noexcept
    {
        return to_error_code(ho_forward(raw(), &what.raw(), 1, 0, nullptr));
    }
    [[nodiscard]] std::error_code forward(buffer &&what, const route &way) noexcept
    {
        detail::address(what.raw(), way);
        return to_error_code(ho_forward(raw(), &what.raw(), 1, way.flags, nullptr));
    }
    result<std::uint32_t> forward(span<ho_buf> bufs, std::uint32_t flags = 0) noexcept
    {
        return many<ho_forward>(bufs, flags);
    }

    /* Gives foreign memory in descriptors that the caller filled; give.hpp does that for strings, vectors,
     * pointers. */
    result<std::uint32_t> give(span<ho_buf> bufs, std::uint32_t flags = 0) noexcept
    {
        return many<ho_give>(bufs, flags);
    }

    /* Copies bytes into the shard's arena and sends them, for bytes that can't be given. */
    [[nodiscard]] std::error_code give_copy(const_bytes what, const route &way = {}) noexcept
    {
        ho_buf from{};
        from.ptr = const_cast<std::uint8_t *>(what.data());
        from.len = what.size();
        detail::address(from, way);
        return to_error_code(ho_give_copy(raw(), &from, 1, way.flags, nullptr));
    }
    [[nodiscard]] std::error_code give_copy(std::string_view what, const route &way = {}) noexcept
    {
        return give_copy(handoff::bytes_of(what.data(), what.size()), way);
    }

    /* Many at once: each has ptr, len, key, value; they are only read. */
    result<std::uint32_t> give_copy(span<const ho_buf> from, std::uint32_t flags = 0) noexcept
    {
        return many<ho_give_copy>(from, flags);
    }

    /* Publishes what HO_MORE held back. */
    std::error_code flush() noexcept { return to_error_code(ho_flush(raw())); }

    ho_domain *domain() const noexcept { return domain_; }

  private:
    producer(ho_domain *in, ho_producer *raw) noexcept : unique_handle(raw), domain_(in) {}

    template <auto Call, class Buf>
    result<std::uint32_t> many(span<Buf> bufs, std::uint32_t flags) noexcept
    {
        std::uint32_t accepted = 0;
        const auto status =
            Call(raw(), bufs.data(), static_cast<std::uint32_t>(bufs.size()), flags, &accepted);
        return {accepted, to_error_code(status)};
    }

    ho_domain *domain_ = nullptr;
};

HANDOFF_END

#endif
