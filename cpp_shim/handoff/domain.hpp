/* SPDX-License-Identifier: MIT */
/* Domain, arena and service: the objects that a program opens once. */
#ifndef HANDOFF_DOMAIN_HPP
#define HANDOFF_DOMAIN_HPP

#include "handoff/buffer.hpp"

HANDOFF_BEGIN

namespace detail {

/* What a handle's destructor does. It never waits: what is out stays valid, and the domain's close
 * reports it. */
inline void drop(ho_domain *domain) noexcept
{
    ho_domain_close(domain, 0, nullptr);
    ho_domain_destroy(domain, nullptr);
}
inline void drop(ho_arena *arena) noexcept { ho_arena_close(arena, 0, nullptr); }
inline void drop(ho_service *service) noexcept { ho_service_close(service, 0, nullptr); }
inline void drop(ho_shard *shard) noexcept { ho_shard_close(shard); }
inline void drop(ho_pool *pool) noexcept { ho_pool_close(pool, nullptr); }
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

/* The root: arenas, services, owners. The destructor closes it without waiting and frees it if nothing is
 * out. If something is out, the domain lives on, so that memory is never freed under a reader. Call close
 * first to find out. */
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

    /* As ho_domain_destroy: errc::busy while something is out; then the domain still exists. */
    std::error_code destroy(outstanding *out = nullptr) noexcept
    {
        const auto status = ho_domain_destroy(raw(), out);
        if (status == HO_OK)
            static_cast<void>(release());
        return to_error_code(status);
    }

    /* As ho_return: descriptors in any order, on any thread. The value is the number returned. */
    result<std::uint32_t> return_all(span<ho_buf> bufs) noexcept
    {
        std::uint32_t done = 0;
        const auto status =
            ho_return(raw(), bufs.data(), static_cast<std::uint32_t>(bufs.size()), &done);
        return {done, to_error_code(status)};
    }
};

/* Memory with a budget; threads fill it through shards. The destructor begins to close it and doesn't
 * wait. The domain's close, which closes every arena, finishes it. */
class arena : public detail::unique_handle<ho_arena> {
  public:
    using unique_handle::unique_handle;

    static result<arena> open(const domain &in, const arena_options &options = {}) noexcept
    {
        ho_arena *raw = nullptr;
        const auto status = ho_arena_open(in.raw(), &options, &raw);
        return {arena(raw), to_error_code(status)};
    }

    /* As ho_arena_close: errc::timeout while something is out; call it again then. */
    std::error_code close(std::chrono::nanoseconds timeout, outstanding *out = nullptr) noexcept
    {
        const auto status = ho_arena_close(raw(), detail::timeout_ns(timeout), out);
        if (status == HO_OK)
            static_cast<void>(release());
        return to_error_code(status);
    }

    /* As ho_arena_trim: gives unused memory back to the system. The value is the number of bytes. */
    result<std::uint64_t> trim(std::uint64_t keep_bytes = 0) noexcept
    {
        std::uint64_t freed = 0;
        const auto status = ho_arena_trim(raw(), keep_bytes, &freed);
        return {freed, to_error_code(status)};
    }

    result<arena_stats> read_stats() const noexcept
    {
        result<arena_stats> read;
        read.error = to_error_code(ho_arena_stats_get(raw(), &read.value));
        return read;
    }
};

/* A logical service. The destructor begins to close it and doesn't wait. The domain's close, which closes
 * every service, finishes it. */
class service : public detail::unique_handle<ho_service> {
  public:
    service() noexcept = default;

    static result<service> open(const handoff::domain &in,
                                const service_options &options = {}) noexcept
    {
        ho_service *raw = nullptr;
        const auto status = ho_service_open(in.raw(), &options, &raw);
        return {service(in.raw(), raw), to_error_code(status)};
    }

    /* As ho_service_close: errc::timeout while a producer or consumer is open; call it again then. */
    std::error_code close(std::chrono::nanoseconds timeout, outstanding *out = nullptr) noexcept
    {
        const auto status = ho_service_close(raw(), detail::timeout_ns(timeout), out);
        if (status == HO_OK)
            static_cast<void>(release());
        return to_error_code(status);
    }

    result<service_stats> read_stats() const noexcept
    {
        result<service_stats> read;
        read.error = to_error_code(ho_service_stats_get(raw(), &read.value));
        return read;
    }

    ho_domain *domain() const noexcept { return domain_; }

  private:
    service(ho_domain *in, ho_service *raw) noexcept : unique_handle(raw), domain_(in) {}

    ho_domain *domain_ = nullptr;
};

HANDOFF_END

#endif
