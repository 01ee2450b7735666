/* SPDX-License-Identifier: MIT */
/* The base of all shim headers: statuses as std::error_code, result, span, option structs. Nothing in the
 * shim throws; it compiles with and without exceptions and RTTI. */
#ifndef HANDOFF_STATUS_HPP
#define HANDOFF_STATUS_HPP

#include "handoff/handoff.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

/* The whole shim is in namespace handoff, in an inline namespace named after its ABI version, so that the types of two
 * versions in one program differ. Code that reopens handoff::net extends the one inside. */
#define HANDOFF_BEGIN                                                                              \
    namespace handoff {                                                                            \
    inline namespace v0_2 {
#define HANDOFF_END                                                                                \
    }                                                                                              \
    }

HANDOFF_BEGIN

static_assert(HO_ABI_MAJOR == 0 && HO_ABI_MINOR == 2, "the inline namespace has another version");

/* Objects that one thread keeps and writes occupy whole pairs of cache lines, because processors fetch
 * lines in pairs, and a neighbour's writes would slow down each call. */
inline constexpr std::size_t line_pair_bytes = 128;

/* The infinite timeout, for close and wait. No other value is infinite: a negative timeout, such as
 * `deadline - now` a moment late, counts as 0 and only polls. */
inline constexpr std::chrono::nanoseconds forever = std::chrono::nanoseconds::max();

/* The statuses of the C ABI, flow outcomes (positive) as well as errors (negative). */
enum class errc : std::int32_t {
    ok = HO_OK,
    empty = HO_EMPTY,
    full = HO_FULL,
    timeout = HO_TIMEOUT,
    closed = HO_CLOSED,
    dropped = HO_DROPPED,
    invalid = HO_E_INVAL,
    size = HO_E_SIZE,
    too_new = HO_E_TOO_NEW,
    flags = HO_E_FLAGS,
    reserved = HO_E_RESERVED,
    handle = HO_E_HANDLE,
    stale = HO_E_STALE,
    domain = HO_E_DOMAIN,
    range = HO_E_RANGE,
    kind = HO_E_KIND,
    closing = HO_E_CLOSED,
    busy = HO_E_BUSY,
    no_memory = HO_E_NOMEM,
    limit = HO_E_LIMIT,
    owner = HO_E_OWNER,
    route = HO_E_ROUTE,
    forked = HO_E_FORKED,
    reentrant = HO_E_REENTRANT,
    system = HO_E_SYSTEM,
    version = HO_E_VERSION,
};

namespace detail {

/* The timeout for the C ABI, where any negative value means forever. */
constexpr std::int64_t timeout_ns(std::chrono::nanoseconds timeout) noexcept
{
    return timeout == forever ? -1 : timeout.count() < 0 ? 0 : timeout.count();
}

class category final : public std::error_category {
  public:
    const char *name() const noexcept override { return "handoff"; }

    std::string message(int status) const override
    {
        const char *name = "";
        const char *text = "";
        ho_strerror(status, &name, &text);
        return std::string(name) + ": " + text;
    }

    std::error_condition default_error_condition(int status) const noexcept override
    {
        switch (status) {
        case HO_EMPTY:
        case HO_FULL: return std::errc::resource_unavailable_try_again;
        case HO_TIMEOUT: return std::errc::timed_out;
        case HO_E_INVAL: return std::errc::invalid_argument;
        case HO_E_BUSY: return std::errc::device_or_resource_busy;
        case HO_E_NOMEM: return std::errc::not_enough_memory;
        default: return {status, *this};
        }
    }
};

/* Never destroyed, so that a thread still running at exit may compare error codes. */
union immortal_category {
    category value;
    constexpr immortal_category() : value() {}
    ~immortal_category() {}
};
inline immortal_category the_category;

} // namespace detail

inline const std::error_category &category() noexcept { return detail::the_category.value; }

inline std::error_code make_error_code(errc status) noexcept
{
    return {static_cast<int>(status), category()};
}

/* A status of the C ABI as an error code. It tests false only for HO_OK, so flow outcomes test true. */
inline std::error_code to_error_code(std::int32_t status) noexcept { return {status, category()}; }

/* A value and the status of the call that made it. On failure the value is empty, except that a count says
 * how far a batch call got. An empty handle is safe to use: calls on it return errc::handle. */
template <class T> struct [[nodiscard]] result {
    T value{};
    std::error_code error{};

    explicit operator bool() const noexcept { return !error; }
    T &operator*() &noexcept { return value; }
    T &&operator*() &&noexcept { return std::move(value); }
    T *operator->() noexcept { return &value; }
};

/* A contiguous run of T owned by somebody else: a minimal std::span for C++17. */
template <class T> class span {
  public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

    /* From any container with data() and size(), for example span<const uint8_t> from span<uint8_t> or an array. */
    template <class C,
              class = std::enable_if_t<std::is_convertible_v<
                  std::remove_pointer_t<decltype(std::declval<C &>().data())> (*)[], T (*)[]>>,
              class = decltype(std::declval<C &>().size())>
    constexpr span(C &&from) noexcept : data_(from.data()), size_(from.size())
    {
    }

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t i) const noexcept { return data_[i]; }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

using bytes = span<std::uint8_t>;
using const_bytes = span<const std::uint8_t>;

/* Any memory as bytes. */
inline const_bytes bytes_of(const void *ptr, std::size_t len) noexcept
{
    return {static_cast<const std::uint8_t *>(ptr), len};
}

/* An option or result struct of the C ABI, constructed with its defaults and its size set. */
template <class Struct, std::uint32_t Type> struct initialised : Struct {
    initialised() noexcept : Struct()
    {
        ho_init(Type, static_cast<Struct *>(this), sizeof(Struct));
    }
};
using domain_options = initialised<ho_domain_opts, HO_TYPE_DOMAIN_OPTS>;
using arena_options = initialised<ho_arena_opts, HO_TYPE_ARENA_OPTS>;
using service_options = initialised<ho_service_opts, HO_TYPE_SERVICE_OPTS>;
using consumer_options = initialised<ho_consumer_opts, HO_TYPE_CONSUMER_OPTS>;
using reserve_options = initialised<ho_reserve_opts, HO_TYPE_RESERVE_OPTS>;
using owner_options = initialised<ho_owner_opts, HO_TYPE_OWNER_OPTS>;
using arena_stats = initialised<ho_arena_stats, HO_TYPE_ARENA_STATS>;
using service_stats = initialised<ho_service_stats, HO_TYPE_SERVICE_STATS>;
using pool_options = initialised<ho_pool_opts, HO_TYPE_POOL_OPTS>;
using pool_stats = initialised<ho_pool_stats, HO_TYPE_POOL_STATS>;
using pool_leaks = initialised<ho_pool_leaks, HO_TYPE_POOL_LEAKS>;
using outstanding = initialised<ho_outstanding, HO_TYPE_OUTSTANDING>;

HANDOFF_END

template <> struct std::is_error_code_enum<handoff::errc> : std::true_type {
};

#endif
