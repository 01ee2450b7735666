/* SPDX-License-Identifier: MIT */
/* Loops that handle messages: serve, for a worker; helper, for a sender that first works on its own messages.
 *
 * Both pass the taken messages to a callback, one batch at a time: as a span<ho_buf>, as ho_buf * and count, or, for C
 * with a context, through c_callback. One callback fits both. After the callback, the loop returns the messages that
 * are left in the batch. To keep or forward a message, the callback takes it out or zeroes its descriptor. It may
 * write to the batch, must publish its answers before it returns (flush after HO_MORE), and must not throw
 * (std::terminate). */
#ifndef HANDOFF_SERVE_HPP
#define HANDOFF_SERVE_HPP

#include "handoff/consumer.hpp"
#include "handoff/producer.hpp"

#include <atomic>

HANDOFF_BEGIN

/* A C callback and its context. */
struct c_callback {
    void (*call)(void *ctx, ho_buf *messages, std::uint32_t count);
    void *ctx;

    void operator()(span<ho_buf> messages) const noexcept
    {
        call(ctx, messages.data(), static_cast<std::uint32_t>(messages.size()));
    }
};

namespace detail {

template <class Fn> void deal_with(Fn &fn, span<ho_buf> messages) noexcept
{
    if constexpr (std::is_invocable_v<Fn &, span<ho_buf>>) {
        fn(messages);
    } else {
        static_assert(std::is_invocable_v<Fn &, ho_buf *, std::uint32_t>,
                      "a callback takes a span<ho_buf>, or ho_buf * and std::uint32_t");
        fn(messages.data(), static_cast<std::uint32_t>(messages.size()));
    }
}

} // namespace detail

/* A worker's loop, on the consumer's thread: handles messages, and sleeps when there are none, until `stop` is true or
 * nothing will come any more. When idle, it checks `stop` every `look`. It allocates nothing.
 * errc::ok: stopped; everything taken was handled, and the partitions were given up. errc::closed: the service is
 * closed and empty. After any other error the call may be repeated: errc::no_memory comes from take; errors of
 * ho_return mean that the callback left a descriptor that it did not hold, and the rest were returned. */
template <class Fn>
[[nodiscard]] std::error_code
serve(consumer &from, const std::atomic<bool> &stop, Fn &&fn,
      std::chrono::nanoseconds look = std::chrono::milliseconds(50)) noexcept
{
    batch<64> some;
    std::error_code error;
    while (!error && !stop.load(std::memory_order_acquire)) {
        error = from.take(some);
        if (!error) {
            detail::deal_with(fn, some.bufs());
            error = some.reset();
        } else if (error == errc::empty) {
            error = from.wait(look);
            if (error == errc::timeout)
                error = {};
        }
    }
    from.yield();
    return error;
}

/* The same, until the service is closed and empty. */
template <class Fn> [[nodiscard]] std::error_code serve(consumer &from, Fn &&fn) noexcept
{
    const std::atomic<bool> never{false};
    return serve(from, never, fn, forever);
}

/* Pairs a shared consumer with a producer of the same service and thread (ho_consumer_help): the sending thread handles
 * light messages itself, and no worker is woken for them. It owns neither, so declare it after both. The
 * destructor leaves pending messages to the other consumers. */
class helper {
  public:
    helper() noexcept = default;

    /* `budget`: messages per turn; 0 means the default. */
    static result<helper> open(consumer &in, producer &out, std::uint32_t budget = 0) noexcept
    {
        return open(in.domain(), in.raw(), out.raw(), budget);
    }
    static result<helper> open(ho_domain *of, ho_consumer *in, ho_producer *out,
                               std::uint32_t budget = 0) noexcept
    {
        if (out == nullptr)
            return {helper(), errc::handle};
        const auto status = ho_consumer_help(in, out, budget);
        return {status == HO_OK ? helper(of, in, out) : helper(), to_error_code(status)};
    }

    helper(helper &&from) noexcept
        : in_(std::exchange(from.in_, nullptr)), out_(from.out_), domain_(from.domain_)
    {
    }
    helper &operator=(helper &&from) noexcept
    {
        if (this != &from) {
            reset();
            in_ = std::exchange(from.in_, nullptr);
            out_ = from.out_;
            domain_ = from.domain_;
        }
        return *this;
    }
    ~helper() { reset(); }

    explicit operator bool() const noexcept { return in_ != nullptr; }

    /* One turn. Call it in each round of the thread's loop, after sending: it publishes what HO_MORE held back, handles
     * messages within the budget, and leaves the rest to the other consumers. The value is the number of messages.
     * errc::closed: none will come any more. Other errors as in serve. */
    template <class Fn> result<std::uint32_t> run(Fn &&fn) noexcept
    {
        batch<16> some;
        result<std::uint32_t> dealt;
        std::int32_t status = HO_E_HANDLE;
        if (in_ != nullptr)
            ho_flush(out_);
        while (in_ != nullptr && (status = some.refill(in_, domain_)) == HO_OK) {
            dealt.value += some.size();
            detail::deal_with(fn, some.bufs());
            if (const auto refused = some.reset(); !dealt.error)
                dealt.error = refused;
        }
        if (status != HO_EMPTY)
            dealt.error = to_error_code(status);
        return dealt;
    }

    /* Leaves pending messages to the other consumers now, for a thread that has something else to do. */
    std::error_code yield() noexcept { return to_error_code(ho_consumer_yield(in_)); }

    /* Stops helping. */
    void reset() noexcept
    {
        if (in_ == nullptr)
            return;
        ho_consumer_yield(in_);
        ho_consumer_help(std::exchange(in_, nullptr), nullptr, 0);
    }

  private:
    helper(ho_domain *of, ho_consumer *in, ho_producer *out) noexcept
        : in_(in), out_(out), domain_(of)
    {
    }

    ho_consumer *in_ = nullptr;
    ho_producer *out_ = nullptr;
    ho_domain *domain_ = nullptr;
};

HANDOFF_END

#endif
