/* SPDX-License-Identifier: MIT */
#include "backend.hpp"
#include "worker.h"

#include "common/tool.h"
#include "handoff/handoff.hpp"

#include <algorithm>
#include <thread>

namespace gateway {

namespace {

namespace ho = handoff;

constexpr std::uint32_t segment_bytes = 256u << 10;
constexpr std::uint64_t ingress_budget_bytes = 256u << 20;

/* A worker's figures change with each message: on lines of their own. */
struct alignas(ho::line_pair_bytes) station {
    ho::consumer messages;
    ho::producer answers;
    worker job{};
    std::thread thread;

    ~station() { game_state_destroy(job.state); }
};

class handoff_backend final : public backend {
  public:
    bool open(const options &with) override
    {
        return open_services() && open_workers(with) && start_workers();
    }

    std::error_code attach(ho::net::entrypoint &to, const ho::net::options &with) override
    {
        ho::net::services behind{domain_.raw(), ingress_.raw(), egress_.raw(), {}};
        for (const auto &each : targets_)
            behind.targets.push_back(each.raw());
        return to.start(with, behind);
    }

    void sample() override
    {
        std::uint64_t held = 0;
        std::uint64_t dead = 0;
        each_service([&](const ho::stats &now) {
            held += now.segments_held * segment_bytes;
            dead += now.bytes_dead;
        });
        figures_.arena_peak_bytes = std::max(figures_.arena_peak_bytes, held);
        if (held == 0)
            return;
        ++samples_;
        fragmentation_ += 100.0 * static_cast<double>(dead) / static_cast<double>(held);
    }

    figures close() override
    {
        each_service([&](const ho::stats &now) {
            figures_.wakes += now.wakes;
            figures_.late_wakes += now.late_wakes;
            figures_.copies += now.copies;
        });
        /* Workers end when their service is closed and empty. */
        domain_.close(std::chrono::nanoseconds(0));
        for (auto &each : stations_)
            end(*each);
        ho::outstanding out;
        if (domain_.close(std::chrono::seconds(1), &out))
            figures_.outstanding = out.buffers + out.loans + out.handles;
        if (samples_ != 0)
            figures_.fragmentation_percent = fragmentation_ / static_cast<double>(samples_);
        return figures_;
    }

  private:
    bool open_services()
    {
        auto made = ho::domain::create();
        domain_ = std::move(made.value);
        ho::service_options lanes;
        lanes.lane_slots = queue_slots;
        auto egress = lanes;
        egress.routing = HO_ROUTE_NUMBER;
        egress.policy = HO_POLICY_WAIT;
        egress.wait_ns =
            static_cast<std::uint64_t>(std::chrono::nanoseconds(answer_patience).count());
        ho::service_options ingress;
        ingress.budget_bytes = ingress_budget_bytes;
        bool good = !made.error && open_one(ingress_, ingress) && open_one(egress_, egress);
        for (auto &each : targets_)
            good = good && open_one(each, lanes);
        return good || failed("open its services", made.error);
    }

    bool open_one(ho::service &into, const ho::service_options &with)
    {
        auto made = ho::service::open(domain_, with);
        into = std::move(made.value);
        return made.error ? failed("open a service", made.error) : true;
    }

    bool open_workers(const options &with)
    {
        for (std::uint32_t i = 0; i < GAME_SERVICE_COUNT * with.workers; ++i) {
            const auto service = i % GAME_SERVICE_COUNT;
            auto messages = ho::consumer::open(targets_[service]);
            auto answers = ho::producer::open(egress_);
            if (messages.error || answers.error)
                return failed("open a worker", messages.error ? messages.error : answers.error);
            stations_.push_back(std::make_unique<station>());
            auto &made = *stations_.back();
            made.messages = std::move(messages.value);
            made.answers = std::move(answers.value);
            made.job.domain = domain_.raw();
            made.job.messages = made.messages.raw();
            made.job.answers = made.answers.raw();
            made.job.state = game_state_create(service, with.sessions);
            if (made.job.state == nullptr) {
                tool_error("no memory for the sessions: lower --sessions or --workers");
                return false;
            }
        }
        return true;
    }

    bool start_workers()
    {
        for (auto &each : stations_)
            each->thread = std::thread([job = &each->job] { worker_run(job); });
        return true;
    }

    void end(station &each)
    {
        if (each.thread.joinable())
            each.thread.join();
        each.messages.reset();
        each.answers.reset();
        figures_.handled += each.job.handled;
        figures_.refused += each.job.refused;
        figures_.dropped += each.job.dropped;
        figures_.conserved = figures_.conserved && game_state_conserved(each.job.state) != 0;
    }

    static bool failed(const char *what, const std::error_code &why)
    {
        tool_error("could not %s: %s", what, why.message().c_str());
        return false;
    }

    template <class Function> void each_service(Function function)
    {
        for (const auto *each : {&ingress_, &egress_, &targets_[0], &targets_[1], &targets_[2]})
            if (const auto now = each->read_stats(); !now.error)
                function(now.value);
    }

    ho::domain domain_;
    ho::service ingress_;
    ho::service egress_;
    ho::service targets_[GAME_SERVICE_COUNT];
    std::vector<std::unique_ptr<station>> stations_;
    figures figures_;
    double fragmentation_ = 0;
    std::uint64_t samples_ = 0;
};

} // namespace

std::unique_ptr<backend> make_handoff_backend()
{
    return std::make_unique<handoff_backend>();
}

} // namespace gateway
