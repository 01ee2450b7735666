/* SPDX-License-Identifier: MIT */
#include "backend.hpp"
#include "session_pool.hpp"
#include "worker.h"

#include "common/tool.h"
#include "handoff/handoff.hpp"

#include <algorithm>
#include <thread>

namespace gateway {

namespace {

namespace ho = handoff;

constexpr std::uint32_t segment_bytes = 256u << 10;
constexpr std::uint64_t received_budget_bytes = 256u << 20;
/* Per service: enough that workers find unclaimed ones, and that their lanes together hold at least
 * queue_slots. */
constexpr std::uint32_t partitions_least = 64;
constexpr std::uint32_t partitions_per_worker = 4;
constexpr std::uint32_t partition_slots = queue_slots / 16;
constexpr auto patience_ns =
    static_cast<std::uint64_t>(std::chrono::nanoseconds(answer_patience).count());

/* A worker's counters change with each message: on separate lines. */
struct alignas(ho::line_pair_bytes) station {
    ho::consumer messages;
    ho::shard memory;
    ho::producer answers;
    worker job{};
    std::thread thread;

    ~station() { game_state_destroy(job.state); } /* before its service's state */
};

/* What a helping network thread answers with: a job for each service. */
struct alignas(ho::line_pair_bytes) assistant {
    ho::shard memory;
    ho::producer answers;
    worker jobs[GAME_SERVICE_COUNT]{};

    ~assistant() { end(); }
    void end()
    {
        answers.reset();
        memory.reset();
        for (auto &each : jobs)
            game_state_destroy(std::exchange(each.state, nullptr));
    }
};

class handoff_backend final : public backend {
  public:
    bool open(const options &with) override
    {
        return open_memory() && open_services(with) && open_workers(with) &&
               open_assistants(with) && start_workers();
    }

    std::error_code attach(ho::net::entrypoint &to, const ho::net::options &with) override
    {
        ho::net::services behind{domain_.raw(), received_.raw(), egress_.raw(), {}};
        for (const auto &each : targets_)
            behind.targets.push_back(each.raw());
        if (!assistants_.empty())
            behind.helping = [this](std::uint32_t thread, std::uint32_t service) {
                return ho::c_callback{worker_deal, &assistants_[thread]->jobs[service]};
            };
        return to.start(with, behind);
    }

    void sample() override
    {
        std::uint64_t held = 0;
        std::uint64_t dead = 0;
        each_arena([&](const ho::arena_stats &now) {
            held += now.segments_held * segment_bytes;
            dead += now.bytes_dead;
        });
        std::uint64_t in_pools = 0;
        for (const auto &each : session_pools_) {
            const auto now = each.read();
            in_pools += now.bytes_held;
            dead += now.bytes_held - std::min(now.bytes_held, now.live * now.slot_bytes);
        }
        figures_.session_bytes_peak = std::max(figures_.session_bytes_peak, in_pools);
        held += in_pools;
        figures_.arena_peak_bytes = std::max(figures_.arena_peak_bytes, held);
        if (held == 0)
            return;
        ++samples_;
        fragmentation_ += 100.0 * static_cast<double>(dead) / static_cast<double>(held);
    }

    figures close() override
    {
        each_service([&](const ho::service_stats &now) {
            figures_.wakes += now.wakes;
            figures_.late_wakes += now.late_wakes;
        });
        each_arena([&](const ho::arena_stats &now) { figures_.copies += now.copies; });
        /* Workers end when their service is closed and empty. */
        domain_.close(std::chrono::nanoseconds(0));
        for (auto &each : stations_)
            end(*each);
        for (auto &each : assistants_)
            end(*each);
        for (const auto &each : stations_)
            game_state_destroy(std::exchange(each->job.state, nullptr));
        for (auto &each : states_) {
            figures_.add(each.get());
            each.reset();
        }
        for (auto &each : session_pools_)
            figures_.outstanding += each.close();
        ho::outstanding out;
        if (domain_.close(std::chrono::seconds(1), &out))
            figures_.outstanding += out.buffers + out.loans + out.handles;
        if (samples_ != 0)
            figures_.fragmentation_percent = fragmentation_ / static_cast<double>(samples_);
        return figures_;
    }

  private:
    /* The arenas that network threads receive into and workers answer from. */
    bool open_memory()
    {
        auto made = ho::domain::create();
        domain_ = std::move(made.value);
        if (made.error)
            return failed("create its domain", made.error);
        ho::arena_options received;
        received.budget_bytes = received_budget_bytes;
        ho::arena_options answers;
        answers.wait_ns = patience_ns;
        return open_one(received_, received, "open an arena") &&
               open_one(answers_, answers, "open an arena") &&
               open_one(own_answers_, ho::arena_options(), "open an arena");
    }

    bool open_services(const options &with)
    {
        ho::service_options egress;
        egress.lane_slots = queue_slots;
        egress.partitions = with.net.first_partition + with.net.threads;
        egress.consumers = HO_CONSUMERS_BOUND;
        egress.policy = HO_POLICY_WAIT;
        egress.wait_ns = patience_ns;
        ho::service_options target;
        target.lane_slots = partition_slots;
        target.partitions = partitions(with);
        bool good = open_one(egress_, egress, "open a service");
        for (auto &each : targets_)
            good = good && open_one(each, target, "open a service");
        return good;
    }

    template <class Object, class Options>
    bool open_one(Object &into, const Options &with, const char *what)
    {
        auto made = Object::open(domain_, with);
        into = std::move(made.value);
        return made.error ? failed(what, made.error) : true;
    }

    bool open_workers(const options &with)
    {
        for (std::uint32_t service = 0; service < GAME_SERVICE_COUNT; ++service) {
            auto &pool = session_pools_[service];
            if (pool.open(domain_, service, with.sessions))
                return no_sessions();
            const game_options sessions{with.sessions, partitions(with), with.idle_s,
                                        pool.memory()};
            states_[service].reset(game_state_create(service, &sessions));
        }
        for (std::uint32_t i = 0; i < GAME_SERVICE_COUNT * with.workers; ++i) {
            const auto service = i % GAME_SERVICE_COUNT;
            auto messages = ho::consumer::open(targets_[service]);
            auto memory = ho::shard::open(answers_);
            auto answers = ho::producer::open(egress_, memory.value);
            for (const auto &error : {messages.error, memory.error, answers.error})
                if (error)
                    return failed("open a worker", error);
            stations_.push_back(std::make_unique<station>());
            auto &made = *stations_.back();
            made.messages = std::move(messages.value);
            made.memory = std::move(memory.value);
            made.answers = std::move(answers.value);
            made.job.domain = domain_.raw();
            made.job.messages = made.messages.raw();
            made.job.memory = made.memory.raw();
            made.job.answers = made.answers.raw();
            made.job.state = game_state_part(states_[service].get(), parts(with));
            if (made.job.state == nullptr)
                return no_sessions();
        }
        return true;
    }

    /* Of each target; each has a table of sessions. */
    static std::uint32_t partitions(const options &with)
    {
        return std::max(partitions_least, partitions_per_worker * with.workers);
    }

    /* Of a service's state: one for each thread that works on it. */
    static std::uint32_t parts(const options &with)
    {
        return with.workers + (with.help ? with.net.threads : 0);
    }

    static bool no_sessions()
    {
        tool_error("no memory for the sessions: lower --sessions");
        return false;
    }

    bool open_assistants(const options &with)
    {
        for (std::uint32_t i = 0; with.help && i < with.net.threads; ++i) {
            auto memory = ho::shard::open(own_answers_);
            auto answers = ho::producer::open(egress_, memory.value);
            for (const auto &error : {memory.error, answers.error})
                if (error)
                    return failed("open a network thread's answers", error);
            assistants_.push_back(std::make_unique<assistant>());
            auto &made = *assistants_.back();
            made.memory = std::move(memory.value);
            made.answers = std::move(answers.value);
            for (std::uint32_t service = 0; service < GAME_SERVICE_COUNT; ++service) {
                auto &job = made.jobs[service];
                job.domain = domain_.raw();
                job.memory = made.memory.raw();
                job.answers = made.answers.raw();
                job.state = game_state_part(states_[service].get(), parts(with));
                if (job.state == nullptr)
                    return no_sessions();
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
        each.memory.reset();
        add(each.job);
    }

    void end(assistant &each)
    {
        for (const auto &job : each.jobs)
            add(job);
        each.end();
    }

    void add(const worker &done)
    {
        figures_.handled += done.handled;
        figures_.refused += done.refused;
        figures_.dropped += done.dropped;
    }

    static bool failed(const char *what, const std::error_code &why)
    {
        tool_error("could not %s: %s", what, why.message().c_str());
        return false;
    }

    template <class Function> void each_service(Function function)
    {
        for (const auto *each : {&egress_, &targets_[0], &targets_[1], &targets_[2]})
            if (const auto now = each->read_stats(); !now.error)
                function(now.value);
    }

    template <class Function> void each_arena(Function function)
    {
        for (const auto *each : {&received_, &answers_, &own_answers_})
            if (const auto now = each->read_stats(); !now.error)
                function(now.value);
    }

    ho::domain domain_;
    ho::arena received_;    /* one shard per network thread */
    ho::arena answers_;     /* one shard per worker */
    ho::arena own_answers_; /* one shard per helping network thread; never waits */
    ho::service egress_;
    ho::service targets_[GAME_SERVICE_COUNT];
    session_pool session_pools_[GAME_SERVICE_COUNT]; /* destroyed after the states */
    struct end_of_state {
        void operator()(game_state *state) const { game_state_destroy(state); }
    };
    std::unique_ptr<game_state, end_of_state> states_[GAME_SERVICE_COUNT];
    std::vector<std::unique_ptr<station>> stations_; /* destroyed before their states */
    std::vector<std::unique_ptr<assistant>> assistants_;
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
