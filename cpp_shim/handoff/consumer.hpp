/* SPDX-License-Identifier: MIT */
/* Consumer: one thread's receiving end of a service. */
#ifndef HANDOFF_CONSUMER_HPP
#define HANDOFF_CONSUMER_HPP

#include "handoff/domain.hpp"

HANDOFF_BEGIN

/* take returns errc::empty if there is nothing, errc::closed if nothing will come any more. If the service's
 * consumers are shared, the partitions of the taken messages belong to this consumer until its next take, wait,
 * yield or close: finish work on them by then. */
class alignas(line_pair_bytes) consumer : public detail::unique_handle<ho_consumer> {
  public:
    consumer() noexcept = default;

    /* `partition`: the one that this consumer is bound to, if the service's consumers are bound. */
    static result<consumer> open(const service &of, std::uint32_t partition = 0) noexcept
    {
        consumer_options options;
        options.partition = partition;
        ho_consumer *raw = nullptr;
        const auto status = ho_consumer_open(of.raw(), &options, &raw);
        return {consumer(of.domain(), raw), to_error_code(status)};
    }

    /* Returns what the batch still holds, then takes up to N buffers. */
    template <std::uint32_t N> [[nodiscard]] std::error_code take(batch<N> &into) noexcept
    {
        return to_error_code(into.refill(raw(), domain_));
    }

    /* Takes one buffer. */
    result<buffer> take() noexcept
    {
        result<buffer> one{buffer(domain_), {}};
        std::uint32_t taken = 0;
        one.error = to_error_code(ho_take(raw(), &one->raw(), 1, &taken));
        return one;
    }

    /* Takes into the caller's array; the caller returns the buffers (domain::return_all). */
    result<std::uint32_t> take(span<ho_buf> into) noexcept
    {
        std::uint32_t taken = 0;
        const auto status =
            ho_take(raw(), into.data(), static_cast<std::uint32_t>(into.size()), &taken);
        return {taken, to_error_code(status)};
    }

    /* Sleeps until there is something to take: errc::timeout if nothing came. */
    std::error_code wait(std::chrono::nanoseconds timeout) noexcept
    {
        return to_error_code(ho_wait(raw(), detail::timeout_ns(timeout)));
    }

    /* Gives up the partitions that the last take or wait claimed. Call it before the thread does something else. */
    std::error_code yield() noexcept { return to_error_code(ho_consumer_yield(raw())); }

    /* An eventfd that is readable when there is something to take. Each call gives a new one, which the
     * caller closes. */
    result<int> fd() noexcept
    {
        std::int32_t fd = -1;
        const auto status = ho_consumer_fd(raw(), &fd);
        return {fd, to_error_code(status)};
    }

    ho_domain *domain() const noexcept { return domain_; }

  private:
    consumer(ho_domain *in, ho_consumer *raw) noexcept : unique_handle(raw), domain_(in) {}

    ho_domain *domain_ = nullptr;
};

HANDOFF_END

#endif
