/* SPDX-License-Identifier: MIT */
#include "service_port.hpp"

#include "handoff/shard.hpp"

#include <algorithm>

namespace handoff::net {

namespace {

template <class Raw> using handle = detail::unique_handle<Raw>;

/* A thread that helps must not wait for room for its answers: it takes them itself. Once this many
 * may be untaken, it leaves messages to the workers; so even after one more turn there are fewer
 * than 512. */
constexpr std::uint32_t untaken_most = 256;
/* Descriptors per take when taking ahead, and the initial room for what a turn takes ahead. */
constexpr std::uint32_t ahead_batch = 16;
constexpr std::size_t early_room = 1024;

/* Statuses, with the member of `services` that they are about and its requirement. */
class about final : public std::error_category {
  public:
    explicit about(const char *must_be) noexcept : must_be_(must_be) {}
    const char *name() const noexcept override { return "handoff.net.services"; }
    std::string message(int status) const override
    {
        return must_be_ + (": " + category().message(status));
    }
    std::error_condition default_error_condition(int status) const noexcept override
    {
        return category().default_error_condition(status);
    }
    std::error_code operator()(std::int32_t status) const noexcept
    {
        return status == HO_OK ? std::error_code() : std::error_code(status, *this);
    }

  private:
    const char *const must_be_;
};
const about about_domain("services.domain must be that of services.received");
const about about_received("services.received must be an open arena with room for a shard");
const about
    about_egress("services.egress must be of services.domain and HO_CONSUMERS_BOUND, with a free "
                 "partition for each network thread");
const about about_targets("services.targets must be open services of services.domain");
const about
    about_helping("services.helping must give a callback for each target, whose service takes "
                  "another consumer");

struct target {
    ho_service *to = nullptr;
    handle<ho_producer> out;
    handle<ho_consumer> in; /* if this thread helps */
    helper mine;            /* pairs in and egress: destroyed first */
    c_callback work{};
};

class service_port final : public port {
  public:
    explicit service_port(const services &behind) noexcept
        : domain_(behind.domain), received_(behind.received)
    {
    }

    ~service_port() override
    {
        return_all(early_.data() + early_begin_, static_cast<std::uint32_t>(early_count()));
    }

    std::error_code open(const services &behind, std::uint32_t thread, std::uint32_t partition)
    {
        ho_shard *shard = nullptr;
        if (const auto error = about_domain(ho_return(domain_, nullptr, 0, nullptr)))
            return error;
        if (const auto error = about_received(ho_shard_open(received_, &shard)))
            return error;
        shard_ = handle<ho_shard>(shard);
        if (thread == 0)
            if (const auto error = about_domain(compare_domains()))
                return error;
        targets_.resize(behind.targets.size());
        for (std::uint32_t i = 0; i < service_count(); ++i) {
            if (const auto error = add(behind.targets[i], targets_[i]))
                return error;
            if (!behind.helping)
                continue;
            early_.reserve(early_room);
            targets_[i].work = behind.helping(thread, i);
            if (targets_[i].work.call == nullptr)
                return about_helping(HO_E_INVAL);
            if (const auto error = help(behind.targets[i], targets_[i]))
                return error;
        }
        return about_egress(take_from(behind.egress, partition));
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
        return ho_commit(targets_[service].out.raw(), bufs, count, HO_MORE, accepted);
    }

    /* Ends a turn. If the thread helps, it announces the messages that it leaves. */
    void flush() noexcept override
    {
        for (const auto &each : targets_)
            ho_flush(each.out.raw());
        for (auto &each : targets_)
            if (each.mine)
                deal(each);
    }

    std::int32_t egress_fd(std::int32_t *fd) noexcept override
    {
        return ho_consumer_fd(egress_.raw(), fd);
    }

    std::int32_t take(ho_buf *bufs, std::uint32_t max, std::uint32_t *taken) noexcept override
    {
        if (early_count() != 0) {
            take_early(bufs, max, taken);
            return HO_OK;
        }
        const auto status = ho_take(egress_.raw(), bufs, max, taken);
        if (status == HO_EMPTY)
            untaken_ = 0;
        return status;
    }

    void return_all(ho_buf *bufs, std::uint32_t count) noexcept override
    {
        ho_return(domain_, bufs, count, nullptr);
    }

    /* A message counts as out of the arena until its service has returned it, and so does a loan
     * that a connection holds. What was copied because the service is late counts in the service's
     * own arena. */
    bool quiet() noexcept override
    {
        arena_stats now;
        if (ho_arena_stats_get(received_, &now) != HO_OK || now.buffers_out != 0 ||
            now.loans_out != 0)
            return false;
        return std::all_of(targets_.begin(), targets_.end(), [](const target &each) {
            service_stats of;
            return ho_service_stats_get(each.to, &of) == HO_OK && of.straggler_out == 0;
        });
    }

  private:
    /* A shard only accepts producers of services in its own domain. */
    std::int32_t compare_domains() noexcept
    {
        ho_service *any = nullptr;
        auto status = ho_service_open(domain_, nullptr, &any);
        if (status != HO_OK)
            return status == HO_E_LIMIT ? HO_OK : status;
        status = send_nothing_to(any);
        ho_service_close(any, 0, nullptr);
        return status;
    }

    std::int32_t send_nothing_to(ho_service *service) noexcept
    {
        ho_producer *producer = nullptr;
        const auto status = ho_producer_open(service, shard_.raw(), &producer);
        if (status == HO_OK)
            ho_producer_close(producer);
        return status == HO_E_LIMIT ? HO_OK : status;
    }

    std::error_code add(ho_service *to, target &end) noexcept
    {
        ho_producer *raw = nullptr;
        end.to = to;
        const auto status = ho_producer_open(to, shard_.raw(), &raw);
        end.out = handle<ho_producer>(raw);
        return about_targets(status);
    }

    /* Of this domain, and bound: then nobody else can take from the same partition. */
    std::int32_t take_from(ho_service *egress, std::uint32_t partition) noexcept
    {
        if (const auto status = send_nothing_to(egress); status != HO_OK)
            return status;
        consumer_options with;
        with.partition = partition;
        ho_consumer *raw = nullptr;
        const auto status = ho_consumer_open(egress, &with, &raw);
        egress_ = handle<ho_consumer>(raw);
        if (status == HO_OK && ho_consumer_open(egress, &with, &raw) == HO_OK) {
            ho_consumer_close(raw);
            return HO_E_INVAL;
        }
        return status;
    }

    std::error_code help(ho_service *from, target &end) noexcept
    {
        ho_consumer *raw = nullptr;
        if (const auto error = about_helping(ho_consumer_open(from, nullptr, &raw)))
            return error;
        end.in = handle<ho_consumer>(raw);
        auto made = helper::open(domain_, raw, end.out.raw());
        end.mine = std::move(made.value);
        return made.error;
    }

    /* A worker's answers for a key and this thread's answers come through two lanes, which a take
     * empties in any order. So while this thread has the claim, it takes the last holder's answers
     * before it answers itself, and its own answers before the next holder can begin. */
    void deal(target &own) noexcept
    {
        if (std::max<std::size_t>(untaken_, early_count()) >= untaken_most) {
            own.mine.yield();
            return;
        }
        const auto work = [&](ho_buf *messages, std::uint32_t count) {
            take_ahead();
            own.work.call(own.work.ctx, messages, count);
            take_ahead();
        };
        untaken_ += own.mine.run(work).value;
    }

    /* Takes everything that is in the lanes now. The wait only polls: a take that finds nothing
     * would arm the descriptor, and this thread's own answers would then ring it. */
    void take_ahead() noexcept
    {
        std::uint32_t taken = ahead_batch;
        while (taken == ahead_batch && ho_wait(egress_.raw(), 0) == HO_OK) {
            const auto before = early_.size();
            try {
                early_.resize(before + ahead_batch);
            } catch (...) {
                return; /* they stay in their lanes: late, but not lost */
            }
            ho_take(egress_.raw(), early_.data() + before, ahead_batch, &taken);
            early_.resize(before + taken);
        }
    }

    std::size_t early_count() const noexcept { return early_.size() - early_begin_; }

    void take_early(ho_buf *bufs, std::uint32_t max, std::uint32_t *taken) noexcept
    {
        *taken = static_cast<std::uint32_t>(std::min<std::size_t>(max, early_count()));
        std::copy_n(early_.data() + early_begin_, *taken, bufs);
        early_begin_ += *taken;
        if (early_count() == 0) {
            early_.clear();
            early_begin_ = 0;
        }
    }

    ho_domain *const domain_;
    ho_arena *const received_;
    handle<ho_shard> shard_;
    std::vector<target> targets_; /* use the shard: destroyed first */
    handle<ho_consumer> egress_;
    std::vector<ho_buf> early_; /* answers taken ahead, sent before those in the lanes */
    std::size_t early_begin_ = 0;
    std::uint32_t untaken_ = 0; /* upper bound of this thread's own since egress was empty */
};

} // namespace

port_factory service_ports(const services &behind, std::uint32_t first_partition)
{
    return [=](std::uint32_t thread, std::error_code &error) -> std::unique_ptr<port> {
        auto made = std::make_unique<service_port>(behind);
        error = made->open(behind, thread, first_partition + thread);
        if (error)
            return nullptr;
        return made;
    };
}

} // namespace handoff::net
