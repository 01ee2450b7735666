/* SPDX-License-Identifier: MIT */
/* Dealing with messages: serve, a worker's loop; helper, a sender that works on its own messages first.
 *
 * Both call back with what was taken, one batch at a time: as a span<ho_buf>, as ho_buf * and count, or, for C with
 * a context, through c_callback. So one callback is right for both. What it leaves is returned after it; what it
 * keeps or hands on it takes out, or empties (descriptors all zero are skipped). It may write to the batch, must
 * send its answers out before it comes back (flush after HO_MORE), and must not throw: that is std::terminate. */
#ifndef HANDOFF_SERVE_HPP
#define HANDOFF_SERVE_HPP

#include "handoff/consumer.hpp"
#include "handoff/producer.hpp"

#include <atomic>

HANDOFF_BEGIN

/* A callback of C, and what it is called with besides the messages. */
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

/* A worker, on the consumer's thread: deals with messages, and sleeps when there are none, until `stop` is true or
 * nothing will come any more. An idle one looks at `stop` every `look`. Nothing is allocated.
 * errc::ok: stopped; all that was taken is dealt with, and the partitions are the others'. errc::closed: the
 * service is closed and empty. Anything else: the call may be made again. errc::no_memory comes from take; the
 * errors of ho_return mean that the callback left a descriptor which was not its own, and the rest is returned. */
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

/* The same until the service is closed and empty. */
template <class Fn> [[nodiscard]] std::error_code serve(consumer &from, Fn &&fn) noexcept
{
    const std::atomic<bool> never{false};
    return serve(from, never, fn, forever);
}

/* Pairs a shared consumer with a producer of the same service and thread (ho_consumer_help): messages are dealt with
 * where they were sent, as long as they are light, and no worker is woken for them. It holds neither: declare it
 * behind both. Its end leaves what is there to the others. */
class helper {
  public:
    helper() noexcept = default;

    /* `budget`: messages in a turn; 0 is the default. */
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

    /* A turn, in each round of the thread's loop after it has sent: publishes what HO_MORE held back, deals with it
     * within the budget, and leaves the rest to the others. The value says how many messages; errc::closed: none
     * will come any more; else as serve. */
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

    /* Leaves what is there to the others now, for a thread that is busy with something else. */
    std::error_code yield() noexcept { return to_error_code(ho_consumer_yield(in_)); }

    /* Helps no longer. */
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
