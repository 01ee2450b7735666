/* SPDX-License-Identifier: MIT */
/* Domain and service, the objects that are opened once. */
#ifndef HANDOFF_DOMAIN_HPP
#define HANDOFF_DOMAIN_HPP

#include "handoff/buffer.hpp"

namespace handoff {

namespace detail {

/* What a handle's destructor does. None of it waits: what is out stays valid, and the domain's
 * close tells about it. */
inline void drop(ho_domain *domain) noexcept
{
    ho_domain_close(domain, 0, nullptr);
    ho_domain_destroy(domain, nullptr);
}
inline void drop(ho_service *service) noexcept { ho_service_close(service, 0, nullptr); }
inline void drop(ho_producer *producer) noexcept { ho_producer_close(producer); }
inline void drop(ho_consumer *consumer) noexcept { ho_consumer_close(consumer); }

/* A handle of the C ABI with one holder. */
template <class Handle> class unique_handle {
  public:
    unique_handle() noexcept = default;
    explicit unique_handle(Handle *raw) noexcept : raw_(raw) {}
    unique_handle(unique_handle &&from) noexcept : raw_(from.release()) {}
    unique_handle &operator=(unique_handle &&from) noexcept
    {
        if (this != &from) {
            reset();
            raw_ = from.release();
        }
        return *this;
    }
    ~unique_handle() { reset(); }

    explicit operator bool() const noexcept { return raw_ != nullptr; }
    Handle *raw() const noexcept { return raw_; }
    [[nodiscard]] Handle *release() noexcept { return std::exchange(raw_, nullptr); }

    void reset() noexcept
    {
        if (raw_ != nullptr)
            drop(release());
    }

  private:
    Handle *raw_ = nullptr;
};

} // namespace detail

/* The root: memory, services, owners. The destructor closes it without waiting and frees it if
 * nothing is out; if something is, the domain lives on, so that memory is never freed under a reader.
 * A program that wants to know calls close first. */
class domain : public detail::unique_handle<ho_domain> {
  public:
    using unique_handle::unique_handle;

    static result<domain> create(const domain_options &options = {}) noexcept
    {
        ho_domain *raw = nullptr;
        const auto status = ho_domain_create(&options, &raw);
        return {domain(raw), to_error_code(status)};
    }

    /* As ho_domain_close: errc::timeout while something is out; `out` says what. */
    std::error_code close(std::chrono::nanoseconds timeout, outstanding *out = nullptr) noexcept
    {
        return to_error_code(ho_domain_close(raw(), detail::timeout_ns(timeout), out));
    }

    /* As ho_domain_destroy: errc::busy while something is out, and then the domain is still there. */
    std::error_code destroy(outstanding *out = nullptr) noexcept
    {
        const auto status = ho_domain_destroy(raw(), out);
        if (status == HO_OK)
            static_cast<void>(release());
        return to_error_code(status);
    }

    /* As ho_return: gives descriptors back in any order, on any thread; the value says how many. */
    result<std::uint32_t> give_back(span<ho_buf> bufs) noexcept
    {
        std::uint32_t done = 0;
        const auto status =
            ho_return(raw(), bufs.data(), static_cast<std::uint32_t>(bufs.size()), &done);
        return {done, to_error_code(status)};
    }
};

/* A logical service. The destructor begins to close it and doesn't wait; the domain's close, which
 * closes every service, finishes it. */
class service : public detail::unique_handle<ho_service> {
  public:
    service() noexcept = default;

    static result<service> open(const domain &in, const service_options &options = {}) noexcept
    {
        ho_service *raw = nullptr;
        const auto status = ho_service_open(in.raw(), &options, &raw);
        return {service(in.raw(), raw), to_error_code(status)};
    }

    /* As ho_service_close: errc::timeout while something is out, then it may be called again. */
    std::error_code close(std::chrono::nanoseconds timeout, outstanding *out = nullptr) noexcept
    {
        const auto status = ho_service_close(raw(), detail::timeout_ns(timeout), out);
        if (status == HO_OK)
            static_cast<void>(release());
        return to_error_code(status);
    }

    result<stats> read_stats() const noexcept
    {
        result<stats> read;
        read.error = to_error_code(ho_stats_get(raw(), &read.value));
        return read;
    }

    ho_domain *home() const noexcept { return home_; }

  private:
    service(ho_domain *home, ho_service *raw) noexcept : unique_handle(raw), home_(home) {}

    ho_domain *home_ = nullptr;
};

} // namespace handoff

#endif
