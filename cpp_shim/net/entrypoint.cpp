/* SPDX-License-Identifier: MIT */
#include "loop.hpp"
#include "peers.hpp"
#include "service_port.hpp"

#include <algorithm>
#include <thread>
#include <unistd.h>

namespace handoff::net {

namespace {

constexpr std::uint32_t threads_most = 1024;         /* partitions of a service */
constexpr std::uint32_t connections_most = 1u << 21; /* half the slots that an id can name */
constexpr std::uint32_t frame_most = 8u << 20;
constexpr std::chrono::milliseconds rest_most{10};
/* Longer durations are cut to this one, which can be added to the current time without overflow. */
constexpr std::chrono::milliseconds longest = std::chrono::hours(24 * 365 * 100);

bool is_address(const std::string &text)
{
    std::error_code error;
    asio::ip::make_address(text, error);
    return !error;
}

/* A network thread must not call start and stop: they would wait for it. */
thread_local bool on_network_thread = false;

/* What the options must satisfy, and the error that start returns if they don't. */
struct rule {
    bool (*holds)(const options &with);
    const char *refusal;
};
constexpr rule rules[] = {
    /* Only opening the sockets can tell: see launch. */
    {[](const options &) { return true; },
     "limit.frame_bytes is above what a segment of services.received holds"},
    {[](const options &o) { return o.kind == transport::udp || o.kind == transport::tcp; },
     "kind is neither udp nor tcp"},
    {[](const options &o) { return is_address(o.address); },
     "address is not an IPv4 or IPv6 address: names, localhost too, are not looked up"},
    {[](const options &o) { return o.routing != nullptr; }, "routing is missing"},
    {[](const options &o) { return o.threads >= 1 && o.threads <= threads_most; },
     "threads is not from 1 to 1024"},
    {[](const options &o) { return o.first_partition <= threads_most - o.threads; },
     "first_partition and threads are together more than 1024"},
    {[](const options &o) { return o.rest.count() >= 0 && o.rest <= rest_most; },
     "rest is not from 0 to 10 ms"},
    {[](const options &o) { return o.limit.frame_bytes >= 1 && o.limit.frame_bytes <= frame_most; },
     "limit.frame_bytes is not from 1 byte to 8 MiB"},
    {[](const options &o) {
         return o.limit.connections >= 1 && o.limit.connections <= connections_most;
     },
     "limit.connections is not from 1 to 2097152"},
    {[](const options &o) { return o.limit.frame_time.count() > 0; },
     "limit.frame_time is not positive"},
    {[](const options &o) { return o.limit.peer_idle.count() > 0; },
     "limit.peer_idle is not positive"},
    {[](const options &o) { return o.limit.write_time.count() > 0; },
     "limit.write_time is not positive"},
    {[](const options &o) { return o.limit.idle_time.count() > 0; },
     "limit.idle_time is not positive"},
    {[](const options &o) { return o.limit.keep_alive.count() > 0; },
     "limit.keep_alive is not positive"},
    {[](const options &o) { return o.limit.queued_bytes >= o.limit.frame_bytes; },
     "limit.queued_bytes is below limit.frame_bytes"},
    {[](const options &o) { return o.limit.waiting_bytes >= o.limit.frame_bytes; },
     "limit.waiting_bytes is below limit.frame_bytes"},
};

/* An error value is an index in `rules`, counted from 1. */
class refusals final : public std::error_category {
  public:
    const char *name() const noexcept override { return "handoff.net"; }
    std::string message(int value) const override { return rules[value - 1].refusal; }
    std::error_condition default_error_condition(int) const noexcept override
    {
        return std::make_error_condition(std::errc::invalid_argument);
    }
};

std::error_code refuse(const rule &broken) noexcept
{
    static const refusals all;
    return {static_cast<int>(&broken - rules) + 1, all};
}

/* Asio's system errors are in a category of its own, which compares equal to nothing else. */
std::error_code of_system(const std::error_code &error) noexcept
{
    if (error.category() == asio::error::get_system_category())
        return {error.value(), std::system_category()};
    return error;
}

std::error_code check(const options &with)
{
    for (const auto &each : rules)
        if (!each.holds(with))
            return refuse(each);
    return {};
}

/* So that no sum or conversion of durations overflows. */
options saturated(options with)
{
    for (auto each : {&limits::frame_time, &limits::write_time, &limits::idle_time,
                      &limits::keep_alive, &limits::peer_idle})
        with.limit.*each = std::min(with.limit.*each, longest);
    return with;
}

} // namespace

/* The state of an entrypoint, from start to the next start or the destructor. */
class entrypoint::running {
  public:
    explicit running(const options &with)
        : with_(saturated(with)), left_(with.limit.connections),
          tables_(with.kind == transport::udp ? with.threads : 0, with.limit.connections)
    {
    }

    ~running() { stop(std::chrono::nanoseconds(0)); }

    std::error_code launch(const port_factory &ports)
    {
        std::error_code error;
        const auto address = asio::ip::make_address(with_.address, error);
        if (error)
            return error;
        port_number_ = with_.port;
        for (std::uint32_t i = 0; i < with_.threads; ++i) {
            ports_.push_back(ports(i, error));
            if (error || ports_.back() == nullptr)
                return error ? error : std::make_error_code(std::errc::not_enough_memory);
            loops_.push_back(with_.kind == transport::udp
                                 ? make_udp_loop(with_, i, *ports_.back(), left_, tables_)
                                 : make_tcp_loop(with_, i, *ports_.back(), left_));
            error = loops_.back()->open(address, port_number_);
            if (error == errc::range)
                return refuse(rules[0]);
            if (error)
                return of_system(error);
            port_number_ = loops_.back()->port_number();
        }
        threads_.reserve(with_.threads);
        for (auto &each : loops_)
            threads_.emplace_back([&each] {
                on_network_thread = true;
                each->run();
            });
        return {};
    }

    /* The counters stay until the object is destroyed. */
    bool stop(std::chrono::nanoseconds timeout)
    {
        if (ports_.empty())
            return true;
        /* Adding `forever` to now would overflow to a deadline in the past. */
        const auto now = clock::now();
        const auto last = clock::time_point::max();
        const auto deadline = timeout > last - now ? last : now + timeout;
        for (auto &each : loops_)
            each->stop(deadline);
        /* Runs the loops that got no thread to their end here. */
        for (std::size_t i = threads_.size(); i < loops_.size(); ++i)
            loops_[i]->run();
        for (auto &each : threads_)
            each.join();
        threads_.clear();
        ports_.clear();
        bool clean = true;
        for (const auto &each : loops_)
            clean = each->clean() && clean;
        return clean;
    }

    /* A forked child leaves it alone: it has no such threads, and shares the descriptors with the
     * parent. */
    bool of_parent() const noexcept { return process_ != getpid(); }

    std::uint16_t port_number() const noexcept { return port_number_; }

    counters read() const noexcept
    {
        counters sums;
        for (const auto &each : loops_)
            each->counted().add_to(sums);
        return sums;
    }

  private:
    const pid_t process_ = getpid();
    const options with_;
    room left_;
    peer_tables tables_;
    std::vector<std::unique_ptr<port>> ports_;
    std::vector<std::unique_ptr<loop>> loops_;
    std::vector<std::thread> threads_;
    std::uint16_t port_number_ = 0;
};

entrypoint::entrypoint() noexcept = default;
entrypoint::~entrypoint()
{
    if (running_ != nullptr && running_->of_parent())
        static_cast<void>(running_.release());
}

std::error_code entrypoint::start(const options &with, const services &behind) noexcept
{
    try {
        return start(with, service_ports(behind, with.first_partition));
    } catch (...) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
}

std::error_code entrypoint::start(const options &with, const port_factory &ports) noexcept
{
    if (on_network_thread)
        return errc::reentrant;
    if (!ports)
        return std::make_error_code(std::errc::invalid_argument);
    if (running_ != nullptr && running_->of_parent())
        return errc::forked;
    try {
        if (const auto error = check(with))
            return error;
        running_.reset();
        auto made = std::make_unique<running>(with);
        if (const auto error = made->launch(ports))
            return error;
        running_ = std::move(made);
        return {};
    } catch (const std::system_error &failed) {
        return failed.code(); /* no thread available */
    } catch (...) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
}

std::uint16_t entrypoint::port_number() const noexcept
{
    return running_ == nullptr ? std::uint16_t{0} : running_->port_number();
}

counters entrypoint::read() const noexcept
{
    return running_ == nullptr ? counters{} : running_->read();
}

std::error_code entrypoint::stop(std::chrono::nanoseconds timeout) noexcept
{
    if (on_network_thread)
        return errc::reentrant;
    if (running_ == nullptr)
        return errc::ok;
    if (running_->of_parent())
        return errc::forked;
    return running_->stop(timeout) ? errc::ok : errc::timeout;
}

} // namespace handoff::net
