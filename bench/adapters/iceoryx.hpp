/* SPDX-License-Identifier: MIT */
/*
 * iceoryx 2.0 (C++, the one that Debian has): loan, publish, take, release. A loan is as long as the
 * MTU; the length that came is written in front of the bytes.
 */
#ifndef HANDOFF_BENCH_ICEORYX_HPP
#define HANDOFF_BENCH_ICEORYX_HPP

#include "bursts.hpp"
#include "iceoryx_ends.hpp"
#include "mesh.hpp"

#include <cstring>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <thread>

namespace bench {

class iceoryx : public iceoryx_ends {
  public:
    using message = parcel;
    static constexpr std::uint32_t burst = 16;
    static constexpr std::uint32_t can = can_any_order;
    using iceoryx_ends::iceoryx_ends;

    class sender {
      public:
        sender(iceoryx &c, std::uint32_t, std::uint32_t)
            : bytes_(c.of_shape().bytes + prefix), publisher_(topic(), publishing())
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
        const std::uint32_t bytes_;
        iox::popo::UntypedPublisher publisher_;
        std::uint8_t *room_ = nullptr;
    };

    class receiver {
      public:
        receiver(iceoryx &, std::uint32_t, std::uint32_t) : subscriber_(topic(), subscribing())
        {
            while (subscriber_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED)
                std::this_thread::yield();
        }
        std::uint32_t take(parcel *msgs, std::uint32_t max)
        {
            return one_by_one(msgs, max, [this](parcel &m) {
                bool came = false;
                subscriber_.take().and_then([&](const void *chunk) {
                    auto *const bytes = static_cast<std::uint8_t *>(const_cast<void *>(chunk));
                    std::uint32_t len;
                    std::memcpy(&len, bytes, sizeof len);
                    m = {bytes + prefix, len};
                    came = true;
                });
                return came;
            });
        }
        void give_back(parcel *msgs, std::uint32_t n)
        {
            for (std::uint32_t i = 0; i < n; ++i)
                subscriber_.release(msgs[i].ptr - prefix);
        }

      private:
        iox::popo::UntypedSubscriber subscriber_;
    };

  private:
    static constexpr std::uint32_t prefix = 16;
};

using contestant = iceoryx;

} // namespace bench

#endif
