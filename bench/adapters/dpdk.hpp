/* SPDX-License-Identifier: MIT */
/*
 * DPDK without huge pages and without devices: an mbuf pool with a cache for each thread, and a ring
 * to each receiver. DPDK_BURST 1: one mbuf a call; 32: bursts.
 */
#ifndef HANDOFF_BENCH_DPDK_HPP
#define HANDOFF_BENCH_DPDK_HPP

#include "dpdk_ends.hpp"

#include <algorithm>

namespace bench {

struct dpdk_message {
    std::uint8_t *ptr = nullptr;
    std::uint64_t len = 0;
    rte_mbuf *mbuf = nullptr;
};

class dpdk : public dpdk_ends {
  public:
    using message = dpdk_message;
    static constexpr std::uint32_t burst = DPDK_BURST;
    static constexpr std::uint32_t can = can_many | can_pass | can_keep | can_any_order;

    using dpdk_ends::dpdk_ends;

    class alignas(apart) sender {
      public:
        sender(dpdk &c, std::uint32_t service, std::uint32_t)
            : c_(c), rings_(&c.rings()[service * c.of_shape().receivers])
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
            const auto to = std::uint32_t(key % c_.of_shape().receivers);
            auto *mbuf = fresh_[fresh_count_ - 1];
            mbuf->data_len = std::uint16_t(len);
            mbuf->pkt_len = len;
            if constexpr (burst == 1) {
                if (rte_ring_enqueue(rings_[to], mbuf) != 0)
                    return false;
            } else {
                if (count_ == burst || (count_ && to != to_))
                    return false; /* flush first */
                ready_[count_++] = mbuf;
                to_ = to;
            }
            --fresh_count_;
            return true;
        }
        void flush()
        {
            if constexpr (burst > 1) {
                const auto gone = rte_ring_enqueue_burst(
                    rings_[to_], reinterpret_cast<void **>(ready_), count_, nullptr);
                std::copy(ready_ + gone, ready_ + count_, ready_);
                count_ -= gone;
            }
        }
        std::uint32_t pass_on(dpdk_message *msgs, std::uint32_t n)
        {
            std::uint32_t gone = 0;
            for (; gone < n && rte_ring_enqueue(rings_[0], msgs[gone].mbuf) == 0; ++gone)
                msgs[gone] = {};
            return gone;
        }

      private:
        dpdk &c_;
        rte_ring **const rings_;
        rte_mbuf *fresh_[burst];
        rte_mbuf *ready_[burst];
        std::uint32_t fresh_count_ = 0;
        std::uint32_t count_ = 0;
        std::uint32_t to_ = 0;
    };

    class alignas(apart) receiver {
      public:
        receiver(dpdk &c, std::uint32_t service, std::uint32_t index)
            : ring_(c.rings()[service * c.of_shape().receivers + index])
        {
            c.enter();
        }
        std::uint32_t take(dpdk_message *msgs, [[maybe_unused]] std::uint32_t max)
        {
            std::uint32_t n = 0;
            rte_mbuf *mbufs[burst];
            if constexpr (burst == 1)
                n = rte_ring_dequeue(ring_, reinterpret_cast<void **>(mbufs)) == 0;
            else
                n = rte_ring_dequeue_burst(ring_, reinterpret_cast<void **>(mbufs), max, nullptr);
            for (std::uint32_t i = 0; i < n; ++i)
                msgs[i] = {rte_pktmbuf_mtod(mbufs[i], std::uint8_t *), mbufs[i]->data_len,
                           mbufs[i]};
            return n;
        }
        void give_back(dpdk_message *msgs, std::uint32_t n)
        {
            for (std::uint32_t i = 0; i < n; ++i) {
                if (msgs[i].mbuf)
                    rte_pktmbuf_free(msgs[i].mbuf);
                msgs[i] = {};
            }
        }
        void wait() {}

      private:
        rte_ring *const ring_;
    };
};

using contestant = dpdk;

} // namespace bench

#endif
