/* SPDX-License-Identifier: MIT */
/* Consumer: one thread's receiving end of a service. */
#ifndef HANDOFF_CONSUMER_HPP
#define HANDOFF_CONSUMER_HPP

#include "handoff/domain.hpp"

namespace handoff {

/* take says errc::empty when there is nothing, errc::closed when nothing will come any more. */
class alignas(line_pair_bytes) consumer : public detail::unique_handle<ho_consumer> {
  public:
    consumer() noexcept = default;

    static result<consumer> open(const service &of, const consumer_options &options = {}) noexcept
    {
        ho_consumer *raw = nullptr;
        const auto status = ho_consumer_open(of.raw(), &options, &raw);
        return {consumer(of.home(), raw), to_error_code(status)};
    }

    /* Returns what the batch still holds, then takes up to N. */
    template <std::uint32_t N> std::error_code take(batch<N> &into) noexcept
    {
        into.reset();
        into.home_ = home_;
        return to_error_code(ho_take(raw(), into.bufs_, N, &into.count_));
    }

    /* Takes one. */
    result<buffer> take() noexcept
    {
        result<buffer> one{buffer(home_), {}};
        std::uint32_t taken = 0;
        one.error = to_error_code(ho_take(raw(), &one->raw(), 1, &taken));
        return one;
    }

    /* Takes into the caller's own array, which the caller gives back (domain::give_back). */
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

    /* An eventfd that is readable when there is something to take; a new one at each call, which
     * the caller closes. */
    result<int> fd() noexcept
    {
        std::int32_t fd = -1;
        const auto status = ho_consumer_fd(raw(), &fd);
        return {fd, to_error_code(status)};
    }

    ho_domain *home() const noexcept { return home_; }

  private:
    consumer(ho_domain *home, ho_consumer *raw) noexcept : unique_handle(raw), home_(home) {}

    ho_domain *home_ = nullptr;
};

} // namespace handoff

#endif
