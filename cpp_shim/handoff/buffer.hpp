/* SPDX-License-Identifier: MIT */
/* Buffers that return themselves: buffer and loan for one, batch for many. */
#ifndef HANDOFF_BUFFER_HPP
#define HANDOFF_BUFFER_HPP

#include "handoff/status.hpp"

HANDOFF_BEGIN

/* The bytes of a descriptor that stays where it is, in a batch for example. */
inline bytes bytes_of(const ho_buf &buf) noexcept { return {buf.ptr, buf.len}; }
inline std::string_view text_of(const ho_buf &buf) noexcept
{
    return {reinterpret_cast<const char *>(buf.ptr), buf.len};
}

namespace detail {

/* A home is where a kind of buffer goes when nobody wants it any more: loans to a shard. */
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

/* What buffer and loan have in common: one descriptor and its home, moved as a whole. */
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
    /* The sender's, as it gave it. */
    std::uint64_t value() const noexcept { return raw_.value; }
    handoff::bytes bytes() const noexcept { return bytes_of(raw_); }
    std::string_view text() const noexcept { return text_of(raw_); }

    /* Whether there is a buffer at all; an empty message is one too. */
    explicit operator bool() const noexcept { return raw_.kind != HO_KIND_EMPTY; }

    /* The descriptor, for calls of the C ABI. A call that takes it over empties it, as it should. */
    ho_buf &raw() noexcept { return raw_; }
    const ho_buf &raw() const noexcept { return raw_; }

    /* Takes the descriptor out: the caller has to return it from now on. */
    [[nodiscard]] ho_buf release() noexcept { return std::exchange(raw_, ho_buf{}); }

    /* Returns it now (aborts a loan), which the destructor does otherwise; a no-op when empty. On an
     * error (errc::stale, errc::handle) the descriptor stays, for release() to save it. */
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

/* A committed buffer that was taken or sliced. Its destructor returns it, on any thread. */
class buffer : public detail::held<ho_domain> {
  public:
    using held::held;

    /* Takes over a descriptor that the caller holds. */
    [[nodiscard]] static buffer adopt(ho_domain *of, const ho_buf &raw) noexcept
    {
        return {of, raw};
    }

    /* Where it is returned to. */
    ho_domain *domain() const noexcept { return home(); }
    /* Which partition of its service it came through. */
    std::uint16_t partition() const noexcept { return raw().partition; }

    /* A buffer of its own over `len` bytes from `offset`; the memory lives until both are back. */
    result<buffer> slice(std::size_t offset, std::size_t len) const noexcept
    {
        result<buffer> part{buffer(home()), {}};
        part.error = to_error_code(ho_slice(home(), &raw(), offset, len, &part->raw()));
        return part;
    }
};

/* Memory to write into, reserved and not committed yet. Its destructor aborts it through the shard
 * that it was reserved from: so drop it on that shard's thread and before that shard closes, or
 * adopt(other_shard, release()) it. */
class loan : public detail::held<ho_shard> {
  public:
    using held::held;

    [[nodiscard]] static loan adopt(ho_shard *over, const ho_buf &raw) noexcept
    {
        return {over, raw};
    }

    /* Where it is aborted. */
    ho_shard *shard() const noexcept { return home(); }

    /* The room to write into: all of the capacity. */
    handoff::bytes room() const noexcept { return {data(), capacity()}; }

    /* Says how many bytes were written, at most capacity(); commit checks it. */
    void resize(std::size_t len) noexcept { raw().len = len; }
};

/* Up to N taken buffers, as plain descriptors in place; what is still in it is returned in one call
 * when it is destroyed or filled again. Keep it on the consumer's thread and let it live long. */
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

    /* The descriptors, to forward them: those that a call accepts are emptied, the rest is returned. */
    span<ho_buf> bufs() noexcept { return {bufs_, count_}; }

    /* Takes one buffer out, to keep it longer than the batch. */
    [[nodiscard]] buffer keep(std::uint32_t i) noexcept
    {
        return buffer::adopt(domain_, std::exchange(bufs_[i], ho_buf{}));
    }

    /* Returns everything now. A descriptor that is refused (it was returned before) is dropped, the
     * rest is returned all the same, and the first refusal is the result. */
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
