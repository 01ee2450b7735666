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
            : c_(c), service_(service), ready_(c.receivers())
        {
            c.enter();
        }
        ~sender() { rte_pktmbuf_free_bulk(fresh_, fresh_count_); }
        std::uint8_t *get()
        {
            if (fresh_count_ == 0) {
                if (rte_pktmbuf_alloc_bulk(c_.pool(), fresh_, burst) != 0)
                    return nullptr;
                fresh_count_ = burst;
            }
            return rte_pktmbuf_mtod(fresh_[fresh_count_ - 1], std::uint8_t *);
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            auto &ready = ready_[key % c_.receivers()];
            if (ready.full())
                return false; /* flush first */
            ready.add() = fresh_[--fresh_count_];
            c_.set_length(fresh_[fresh_count_], len);
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
        rte_mbuf *fresh_[burst];
        std::uint32_t fresh_count_ = 0;
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
            for (std::uint32_t i = 0; i < n; ++i) {
                rte_pktmbuf_free(msgs[i].mbuf);
                msgs[i] = {};
            }
        }

      private:
        rte_ring *const ring_;
    };
};

using contestant = dpdk_burst;

} // namespace bench

#endif
