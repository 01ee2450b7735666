/* SPDX-License-Identifier: MIT */
#include "none_port.hpp"

#include "common/tool.h"

namespace gateway {

namespace {

class none_backend final : public backend {
  public:
    bool open(const options &with) override
    {
        for (std::uint32_t thread = 0; thread < with.net.threads; ++thread) {
            auto made = std::make_unique<none_station>();
            for (std::uint32_t service = 0; service < GAME_SERVICE_COUNT; ++service) {
                const auto sessions = sessions_of(with);
                made->states[service] = game_state_create(service, &sessions);
                if (made->states[service] == nullptr) {
                    tool_error("no memory for the sessions: lower --sessions or --network-threads");
                    return false;
                }
            }
            stations_.push_back(std::move(made));
        }
        return true;
    }

    std::error_code attach(handoff::net::entrypoint &to, const handoff::net::options &with) override
    {
        return to.start(with, [this, &with](std::uint32_t thread, std::error_code &) {
            return make_none_port(*stations_[thread], with);
        });
    }

    /* There is no arena: pools reuse whole blocks, and report at the end what they held. */
    void sample() override {}

    figures close() override
    {
        figures sums;
        for (const auto &each : stations_) {
            sums.handled += each->handled;
            sums.refused += each->refused;
            sums.dropped += each->dropped;
            sums.arena_peak_bytes += each->held_bytes;
            sums.outstanding += each->outstanding;
            for (const auto *state : each->states)
                sums.add(state);
        }
        return sums;
    }

  private:
    std::vector<std::unique_ptr<none_station>> stations_;
};

} // namespace

std::unique_ptr<backend> make_none_backend()
{
    return std::make_unique<none_backend>();
}

} // namespace gateway
