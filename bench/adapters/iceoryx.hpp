/* SPDX-License-Identifier: MIT */
/*
 * iceoryx 2.0 (C++, the one that Debian has), with its broker in this process: loan, publish, take,
 * release. A loan is as long as the MTU; the length that came is written in front of the bytes.
 */
#ifndef HANDOFF_BENCH_ICEORYX_HPP
#define HANDOFF_BENCH_ICEORYX_HPP

#include "machine.hpp"
#include "shape.hpp"

#include <cstring>
#include <iceoryx_posh/iceoryx_posh_config.hpp>
#include <iceoryx_posh/internal/roudi/roudi.hpp>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/roudi/iceoryx_roudi_components.hpp>
#include <iceoryx_posh/runtime/posh_runtime_single_process.hpp>

namespace bench {

struct iceoryx_message {
    std::uint8_t *ptr = nullptr;
    std::uint64_t len = 0;
};

class iceoryx {
  public:
    using message = iceoryx_message;
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can = can_any_order;

    explicit iceoryx(const shape &s) : shape_(s) {}

    class sender {
      public:
        sender(iceoryx &c, std::uint32_t, std::uint32_t)
            : bytes_(c.shape_.bytes + prefix), publisher_(topic(), options())
        {
        }
        std::uint8_t *get()
        {
            room_ = nullptr;
            publisher_.loan(bytes_).and_then(
                [this](void *chunk) { room_ = static_cast<std::uint8_t *>(chunk); });
            return room_ ? room_ + prefix : nullptr;
        }
        bool hand_over(std::uint32_t len, std::uint64_t)
        {
            std::memcpy(room_, &len, sizeof len);
            publisher_.publish(room_);
            return true;
        }
        void flush() {}

      private:
        static iox::popo::PublisherOptions options()
        {
            iox::popo::PublisherOptions options;
            options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
            return options;
        }
        const std::uint32_t bytes_;
        iox::popo::UntypedPublisher publisher_;
        std::uint8_t *room_ = nullptr;
    };

    class receiver {
      public:
        receiver(iceoryx &, std::uint32_t, std::uint32_t) : subscriber_(topic(), options())
        {
            while (subscriber_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED)
                std::this_thread::yield();
        }
        std::uint32_t take(iceoryx_message *msgs, std::uint32_t max)
        {
            std::uint32_t n = 0;
            for (bool more = true; more && n < max;) {
                more = false;
                subscriber_.take().and_then([&](const void *chunk) {
                    std::uint32_t len;
                    std::memcpy(&len, chunk, sizeof len);
                    msgs[n++] = {static_cast<std::uint8_t *>(const_cast<void *>(chunk)) + prefix,
                                 len};
                    more = true;
                });
            }
            return n;
        }
        void give_back(iceoryx_message *msgs, std::uint32_t n)
        {
            for (std::uint32_t i = 0; i < n; ++i)
                subscriber_.release(msgs[i].ptr - prefix);
        }
        void wait() {}

      private:
        static iox::popo::SubscriberOptions options()
        {
            iox::popo::SubscriberOptions options;
            options.queueCapacity = iox::MAX_SUBSCRIBER_QUEUE_CAPACITY;
            options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
            return options;
        }
        iox::popo::UntypedSubscriber subscriber_;
    };

  private:
    static constexpr std::uint32_t prefix = 16;
    static iox::capro::ServiceDescription topic() { return {"bench", "flow", "message"}; }
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

using contestant = iceoryx;

} // namespace bench

#endif
