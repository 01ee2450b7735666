/* SPDX-License-Identifier: MIT */
/* iceoryx's surroundings: its broker in this process, one topic, and how its two ends wait. */
#ifndef HANDOFF_BENCH_ICEORYX_ENDS_HPP
#define HANDOFF_BENCH_ICEORYX_ENDS_HPP

#include "shape.hpp"

#include <iceoryx_posh/iceoryx_posh_config.hpp>
#include <iceoryx_posh/internal/roudi/roudi.hpp>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/publisher_options.hpp>
#include <iceoryx_posh/popo/subscriber_options.hpp>
#include <iceoryx_posh/roudi/iceoryx_roudi_components.hpp>
#include <iceoryx_posh/runtime/posh_runtime_single_process.hpp>

namespace bench {

class iceoryx_ends {
  public:
    explicit iceoryx_ends(const shape &s) : shape_(s) {}
    const shape &of_shape() const { return shape_; }

    static iox::capro::ServiceDescription topic() { return {"bench", "flow", "message"}; }
    static iox::popo::PublisherOptions publishing()
    {
        iox::popo::PublisherOptions options;
        options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
        return options;
    }
    static iox::popo::SubscriberOptions subscribing()
    {
        iox::popo::SubscriberOptions options;
        options.queueCapacity = iox::MAX_SUBSCRIBER_QUEUE_CAPACITY;
        options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
        return options;
    }

  private:
    static iox::RouDiConfig_t config()
    {
        iox::log::LogManager::GetLogManager().SetDefaultLogLevel(
            iox::log::LogLevel::kOff, iox::log::LogLevelOutput::kHideLogLevel);
        iox::mepoo::MePooConfig pools;
        pools.addMemPool({2048, 2048});
        iox::RouDiConfig_t config;
        const auto user = iox::posix::PosixGroup::getGroupOfCurrentProcess().getName();
        config.m_sharedMemorySegments.push_back({user, user, pools});
        return config;
    }

    const shape shape_;
    iox::RouDiConfig_t config_ = config();
    iox::roudi::IceOryxRouDiComponents parts_{config_};
    iox::roudi::RouDi broker_{
        parts_.rouDiMemoryManager, parts_.portManager,
        iox::roudi::RouDi::RoudiStartupParameters{iox::roudi::MonitoringMode::OFF, false}};
    iox::runtime::PoshRuntimeSingleProcess runtime_{"bench"};
};

} // namespace bench

#endif
