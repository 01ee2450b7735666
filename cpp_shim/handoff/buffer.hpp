/* SPDX-License-Identifier: MIT */
/* Buffers that return themselves: buffer and loan for one, batch for many. */
#ifndef HANDOFF_BUFFER_HPP
#define HANDOFF_BUFFER_HPP

#include "handoff/status.hpp"

HANDOFF_BEGIN

/* The bytes of a descriptor that stays in place, for example in a batch. */
inline bytes bytes_of(const ho_buf &buf) noexcept { return {buf.ptr, buf.len}; }
inline std::string_view text_of(const ho_buf &buf) noexcept
{
    return {reinterpret_cast<const char *>(buf.ptr), buf.len};
}

namespace detail {

/* The home of a buffer is where it goes at the end: a loan to a shard, any other buffer to the domain. */
inline std::int32_t send_home(ho_domain *home, ho_buf *bufs, std::uint32_t count,
                              std::uint32_t *done) noexcept
{
    return ho_return(home, bufs, count, done);
}
inline std::int32_t send_home(ho_shard *home, ho_buf *bufs, std::uint32_t count,
                              std::uint32_t *done) noexcept
{
    return ho_abort(home, bufs, count, done);
}

/* The common part of buffer and loan: one descriptor and its home, moved as a whole. */
template <class Home> class held {
  public:
    held() noexcept = default;
    explicit held(Home *home) noexcept : home_(home) {}
    held(Home *home, const ho_buf &raw) noexcept : raw_(raw), home_(home) {}
    held(held &&from) noexcept : raw_(from.release()), home_(from.home_) {}
    held &operator=(held &&from) noexcept
    {
        if (this != &from) {
            reset();
            raw_ = from.release();
            home_ = from.home_;
        }
        return *this;
    }
    ~held() { reset(); }

    std::uint8_t *data() const noexcept { return raw_.ptr; }
    std::size_t size() const noexcept { return raw_.len; }
    std::size_t capacity() const noexcept { return raw_.cap; }
    std::uint64_t key() const noexcept { return raw_.key; }
    /* The sender's, unchanged. */
    std::uint64_t value() const noexcept { return raw_.value; }
    handoff::bytes bytes() const noexcept { return bytes_of(raw_); }
    std::string_view text() const noexcept { return text_of(raw_); }

    /* Whether this holds a buffer; an empty message is a buffer. */
    explicit operator bool() const noexcept { return raw_.kind != HO_KIND_EMPTY; }

    /* The descriptor, for calls of the C ABI. A call that takes ownership empties it. */
    ho_buf &raw() noexcept { return raw_; }
    const ho_buf &raw() const noexcept { return raw_; }

    /* Gives the descriptor to the caller, who must return it. */
    [[nodiscard]] ho_buf release() noexcept { return std::exchange(raw_, ho_buf{}); }

    /* Returns the buffer (aborts a loan) now rather than in the destructor; a no-op when empty. On an error
     * (errc::stale, errc::handle) the descriptor stays, and release() gives it out. */
    std::error_code reset() noexcept
    {
        if (raw_.kind == HO_KIND_EMPTY)
            return {};
        return to_error_code(send_home(home_, &raw_, 1, nullptr));
    }

  protected:
    Home *home() const noexcept { return home_; }

  private:
    ho_buf raw_{};
    Home *home_ = nullptr;
};

} // namespace detail

/* A committed buffer that was taken or sliced. The destructor returns it, on any thread. */
class buffer : public detail::held<ho_domain> {
  public:
    using held::held;

    /* Takes ownership of a descriptor that the caller holds. */
    [[nodiscard]] static buffer adopt(ho_domain *of, const ho_buf &raw) noexcept
    {
        return {of, raw};
    }

    /* The domain that it returns to. */
    ho_domain *domain() const noexcept { return home(); }
    /* The partition of its service that it came through. */
    std::uint16_t partition() const noexcept { return raw().partition; }

    /* A separate buffer over `len` bytes from `offset`. The memory lives until both are returned. */
    result<buffer> slice(std::size_t offset, std::size_t len) const noexcept
    {
        result<buffer> part{buffer(home()), {}};
        part.error = to_error_code(ho_slice(home(), &raw(), offset, len, &part->raw()));
        return part;
    }
};

/* Memory to write into, reserved and not yet committed. The destructor aborts it through the shard that
 * reserved it. So destroy it on that shard's thread, before that shard closes, or move it to another shard
 * with adopt(other_shard, release()). */
class loan : public detail::held<ho_shard> {
  public:
    using held::held;

    [[nodiscard]] static loan adopt(ho_shard *over, const ho_buf &raw) noexcept
    {
        return {over, raw};
    }

    /* The shard that aborts it. */
    ho_shard *shard() const noexcept { return home(); }

    /* The room to write into: the whole capacity. */
    handoff::bytes room() const noexcept { return {data(), capacity()}; }

    /* Sets how many bytes were written, at most capacity(); commit checks it. */
    void resize(std::size_t len) noexcept { raw().len = len; }
};

/* Up to N taken buffers, as plain descriptors in place. Those still in it are returned in one call when it
 * is destroyed or filled again. Keep it on the consumer's thread and reuse it. */
template <std::uint32_t N> class alignas(line_pair_bytes) batch {
    static_assert(N > 0, "a batch has room for one buffer at least");

  public:
    batch() noexcept = default;
    batch(const batch &) = delete;
    batch &operator=(const batch &) = delete;
    ~batch() { reset(); }

    ho_buf *begin() noexcept { return bufs_; }
    ho_buf *end() noexcept { return bufs_ + count_; }
    std::uint32_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    ho_buf &operator[](std::uint32_t i) noexcept { return bufs_[i]; }

    /* The descriptors, for forwarding: a call empties those it accepts; the batch returns the rest. */
    span<ho_buf> bufs() noexcept { return {bufs_, count_}; }

    /* Moves one buffer out, to keep it longer than the batch. */
    [[nodiscard]] buffer keep(std::uint32_t i) noexcept
    {
        return buffer::adopt(domain_, std::exchange(bufs_[i], ho_buf{}));
    }

    /* Returns everything now. A descriptor that is refused (for example, returned before) is dropped, and the
     * rest is still returned. The result is the first refusal. */
    std::error_code reset() noexcept
    {
        std::int32_t first = HO_OK;
        for (std::uint32_t at = 0; at < count_; ++at) {
            std::uint32_t done = 0;
            const auto status = detail::send_home(domain_, bufs_ + at, count_ - at, &done);
            if (status == HO_OK)
                break;
            first = first == HO_OK ? status : first;
            at += done;
        }
        count_ = 0;
        return to_error_code(first);
    }

  private:
    friend class consumer;
    friend class helper;

    std::int32_t refill(ho_consumer *from, ho_domain *home) noexcept
    {
        reset();
        domain_ = home;
        return ho_take(from, bufs_, N, &count_);
    }

    ho_buf bufs_[N];
    ho_domain *domain_ = nullptr;
    std::uint32_t count_ = 0;
};

HANDOFF_END

#endif
