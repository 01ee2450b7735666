/* SPDX-License-Identifier: MIT */
#include "service_port.hpp"

#include "handoff/shard.hpp"

namespace handoff::net {

namespace {

template <class Raw> using handle = detail::unique_handle<Raw>;

class service_port final : public port {
  public:
    explicit service_port(const services &behind) noexcept
        : domain_(behind.domain), received_(behind.received)
    {
    }

    std::error_code open(const services &behind, std::uint32_t number)
    {
        ho_shard *shard = nullptr;
        if (const auto status = ho_shard_open(received_, &shard); status != HO_OK)
            return to_error_code(status);
        shard_ = handle<ho_shard>(shard);
        targets_.resize(behind.targets.size());
        for (std::size_t i = 0; i < targets_.size(); ++i)
            if (const auto error = add(behind.targets[i], targets_[i]))
                return error;
        consumer_options with;
        with.number_plus_1 = number + 1;
        ho_consumer *raw = nullptr;
        const auto status = ho_consumer_open(behind.egress, &with, &raw);
        egress_ = handle<ho_consumer>(raw);
        return to_error_code(status);
    }

    std::uint32_t service_count() const noexcept override
    {
        return static_cast<std::uint32_t>(targets_.size());
    }

    std::int32_t reserve(std::uint64_t bytes, ho_buf *loan) noexcept override
    {
        return ho_reserve(shard_.raw(), bytes, nullptr, loan);
    }

    std::int32_t split(ho_buf *loan, std::uint64_t bytes, ho_buf *front) noexcept override
    {
        return ho_split(shard_.raw(), loan, bytes, front);
    }

    void abort(ho_buf *loans, std::uint32_t count) noexcept override
    {
        ho_abort(shard_.raw(), loans, count, nullptr);
    }

    std::int32_t commit(std::uint32_t service, ho_buf *bufs, std::uint32_t count,
                        std::uint32_t *accepted) noexcept override
    {
        return ho_commit(targets_[service].raw(), bufs, count, HO_BY_KEY, HO_MORE, accepted);
    }

    void flush() noexcept override
    {
        for (const auto &target : targets_)
            ho_flush(target.raw());
    }

    std::int32_t egress_fd(std::int32_t *fd) noexcept override
    {
        return ho_consumer_fd(egress_.raw(), fd);
    }

    std::int32_t take(ho_buf *bufs, std::uint32_t max, std::uint32_t *taken) noexcept override
    {
        return ho_take(egress_.raw(), bufs, max, taken);
    }

    void give_back(ho_buf *bufs, std::uint32_t count) noexcept override
    {
        ho_return(domain_, bufs, count, nullptr);
    }

    /* A message is out of the arena until its service has returned it, as a loan while a connection
     * holds it. */
    bool quiet() noexcept override
    {
        arena_stats now;
        return ho_arena_stats_get(received_, &now) == HO_OK && now.buffers_out == 0 &&
               now.loans_out == 0;
    }

  private:
    std::error_code add(ho_service *to, handle<ho_producer> &end) noexcept
    {
        ho_producer *raw = nullptr;
        const auto status = ho_producer_open(to, shard_.raw(), &raw);
        end = handle<ho_producer>(raw);
        return to_error_code(status);
    }

    ho_domain *const domain_;
    ho_arena *const received_;
    handle<ho_shard> shard_;
    std::vector<handle<ho_producer>> targets_; /* over the shard: they go first */
    handle<ho_consumer> egress_;
};

} // namespace

port_factory service_ports(const services &behind, std::uint32_t first_number)
{
    return [=](std::uint32_t thread, std::error_code &error) -> std::unique_ptr<port> {
        auto made = std::make_unique<service_port>(behind);
        error = made->open(behind, first_number + thread);
        if (error)
            return nullptr;
        return made;
    };
}

} // namespace handoff::net
