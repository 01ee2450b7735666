/* SPDX-License-Identifier: MIT */
/* DPDK, bursts of 32. */
#ifndef HANDOFF_BENCH_DPDK_BURST_HPP
#define HANDOFF_BENCH_DPDK_BURST_HPP

#include "bursts.hpp"
#include "dpdk_ends.hpp"

namespace bench {

class dpdk_burst : public dpdk_ends {
  public:
    static constexpr std::uint32_t burst = 32;
    using dpdk_ends::dpdk_ends;

    class alignas(apart) sender {
      public:
        sender(dpdk_burst &c, std::uint32_t service, std::uint32_t)
            : c_(c), service_(service), fresh_(c.pool()), ready_(c.receivers())
        {
            c.enter();
        }
        std::uint8_t *get()
        {
            auto *const mbuf = fresh_.next();
            return mbuf ? rte_pktmbuf_mtod(mbuf, std::uint8_t *) : nullptr;
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            auto &ready = ready_[key % c_.receivers()];
            if (ready.full())
                return false; /* flush first */
            c_.set_length(fresh_.next(), len);
            ready.add() = fresh_.take();
            return true;
        }
        void flush()
        {
            for (std::uint32_t i = 0; i < c_.receivers(); ++i) {
                auto mbufs = reinterpret_cast<void **>(ready_[i].items());
                ready_[i].sent(rte_ring_enqueue_burst(c_.ring(service_, i), mbufs,
                                                      ready_[i].count(), nullptr));
            }
        }
        std::uint32_t pass_on(dpdk_message *msgs, std::uint32_t n)
        {
            void *mbufs[burst];
            std::transform(msgs, msgs + n, mbufs, [](auto &m) { return m.mbuf; });
            const auto gone = rte_ring_enqueue_burst(c_.ring(service_, 0), mbufs, n, nullptr);
            std::fill(msgs, msgs + gone, dpdk_message{});
            return gone;
        }

      private:
        dpdk_burst &c_;
        const std::uint32_t service_;
        dpdk_stock<burst> fresh_;
        std::vector<held_back<rte_mbuf *, burst>> ready_; /* for each receiver */
    };

    class alignas(apart) receiver {
      public:
        receiver(dpdk_burst &c, std::uint32_t service, std::uint32_t index)
            : ring_(c.ring(service, index))
        {
            c.enter();
        }
        std::uint32_t take(dpdk_message *msgs, std::uint32_t max)
        {
            void *mbufs[burst];
            const auto n = rte_ring_dequeue_burst(ring_, mbufs, max, nullptr);
            std::transform(mbufs, mbufs + n, msgs,
                           [](void *m) { return dpdk_message(static_cast<rte_mbuf *>(m)); });
            return n;
        }
        void give_back(dpdk_message *msgs, std::uint32_t n)
        {
            rte_mbuf *mbufs[burst];
            for (std::uint32_t some; n > 0; msgs += some, n -= some) {
                some = std::min(n, burst);
                std::transform(msgs, msgs + some, mbufs, [](auto &m) { return m.mbuf; });
                rte_pktmbuf_free_bulk(mbufs, some); /* skips what holds nothing */
                std::fill(msgs, msgs + some, dpdk_message{});
            }
        }

      private:
        rte_ring *const ring_;
    };
};

using contestant = dpdk_burst;

} // namespace bench

#endif
