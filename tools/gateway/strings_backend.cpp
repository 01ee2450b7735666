/* SPDX-License-Identifier: MIT */
#include "strings_port.hpp"

#include "common/tool.h"
#include "game/services.h"

#include <algorithm>
#include <malloc.h>
#include <thread>

namespace gateway {

namespace {

struct alignas(handoff::line_pair_bytes) station {
    string_queue *messages = nullptr;
    game_state *state = nullptr;
    std::uint64_t handled = 0;
    std::uint64_t refused = 0;
    std::uint64_t dropped = 0;
    std::thread thread;

    ~station() { game_state_destroy(state); }
};

class strings_backend final : public backend {
  public:
    bool open(const options &with) override
    {
        queues_ = std::make_unique<string_queues>(with.workers, with.net.threads);
        for (std::uint32_t i = 0; i < queues_->to_worker.size(); ++i) {
            stations_.push_back(std::make_unique<station>());
            auto &made = *stations_.back();
            made.messages = &queues_->to_worker[i];
            const auto sessions = sessions_of(with);
            made.state = game_state_create(i / with.workers, &sessions);
            if (made.state == nullptr) {
                tool_error("no memory for the sessions: lower --sessions or --workers");
                return false;
            }
        }
        for (auto &each : stations_)
            each->thread = std::thread([this, &each] { work(*each); });
        return true;
    }

    std::error_code attach(handoff::net::entrypoint &to, const handoff::net::options &with) override
    {
        return to.start(with, [this, &with](std::uint32_t thread, std::error_code &) {
            return make_string_port(*queues_, thread, with);
        });
    }

    /* The same two figures from the allocator: what it holds, and how much of that is unusable
     * (free, but not at the end, where it could grow or be trimmed). */
    void sample() override
    {
        const auto now = mallinfo2();
        const auto held = now.arena + now.hblkhd;
        figures_.arena_peak_bytes = std::max<std::uint64_t>(figures_.arena_peak_bytes, held);
        if (held == 0)
            return;
        ++samples_;
        fragmentation_ +=
            100.0 * static_cast<double>(now.fordblks - now.keepcost) / static_cast<double>(held);
    }

    figures close() override
    {
        for (auto &each : queues_->to_worker)
            each.close();
        for (auto &each : stations_) {
            each->thread.join();
            figures_.handled += each->handled;
            figures_.refused += each->refused;
            figures_.dropped += each->dropped;
            figures_.add(each->state);
        }
        for (const auto *side : {&queues_->to_worker, &queues_->to_network})
            for (const auto &each : *side) {
                figures_.copies += each.copies();
                figures_.wakes += each.wakes();
            }
        figures_.outstanding = queues_->on_the_way.load();
        if (samples_ != 0)
            figures_.fragmentation_percent = fragmentation_ / static_cast<double>(samples_);
        return figures_;
    }

  private:
    void work(station &at)
    {
        string_message message;
        while (at.messages->pop(message)) {
            serve(at, message);
            queues_->on_the_way.fetch_sub(1);
        }
    }

    void serve(station &at, const string_message &message)
    {
        std::uint8_t answer[GAME_FRAME_MAX];
        std::size_t len = 0;
        const auto *bytes = reinterpret_cast<const std::uint8_t *>(message.bytes.data());
        game_state_at(at.state, 0, game_clock_ns());
        const auto handled =
            game_handle(at.state, bytes, message.bytes.size(), answer, sizeof(answer), &len);
        if (handled != GAME_HANDLED) {
            ++(handled == GAME_NO_MEMORY ? at.dropped : at.refused);
            return;
        }
        auto &back = queues_->to_network[ho_net_to(message.connection)];
        ++(back.push(answer, len, message.connection, answer_patience) ? at.handled : at.dropped);
    }

    std::unique_ptr<string_queues> queues_;
    std::vector<std::unique_ptr<station>> stations_;
    figures figures_;
    double fragmentation_ = 0;
    std::uint64_t samples_ = 0;
};

} // namespace

std::unique_ptr<backend> make_strings_backend()
{
    return std::make_unique<strings_backend>();
}

} // namespace gateway
