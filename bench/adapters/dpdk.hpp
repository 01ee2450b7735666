/* SPDX-License-Identifier: MIT */
/*
 * DPDK without huge pages and without devices: an mbuf pool with a cache for each thread, and a ring
 * to each receiver. DPDK_BURST 1: one mbuf a call; 32: bursts.
 */
#ifndef HANDOFF_BENCH_DPDK_HPP
#define HANDOFF_BENCH_DPDK_HPP

#include "machine.hpp"
#include "shape.hpp"

#include <algorithm>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <string>
#include <vector>

namespace bench {

struct dpdk_message {
    std::uint8_t *ptr = nullptr;
    std::uint64_t len = 0;
    rte_mbuf *mbuf = nullptr;
};

class dpdk {
  public:
    using message = dpdk_message;
    static constexpr std::uint32_t burst = DPDK_BURST;
    static constexpr std::uint32_t can = can_many | can_pass | can_keep | can_any_order;

    explicit dpdk(const shape &s) : shape_(s)
    {
        const char *args[] = {
            "bench",       "--no-huge",      "-m",       "256", "--no-pci",
            "--no-shconf", "--no-telemetry", "--lcores", "0",   "--log-level=critical"};
        constexpr int count = sizeof args / sizeof *args;
        std::vector<char *> argv;
        for (auto arg : args)
            argv.push_back(const_cast<char *>(arg));
        must(rte_eal_init(count, argv.data()) >= 0, "DPDK does not start");
        const auto on_the_way = (queue_slots + s.keep + 2 * cache) * s.all_receivers();
        pool_ = rte_pktmbuf_pool_create("bench", on_the_way + 2 * cache * s.all_senders(), cache, 0,
                                        std::uint16_t(s.bytes + RTE_PKTMBUF_HEADROOM), 0);
        must(pool_ != nullptr, "no memory for DPDK's pool");
        for (std::uint32_t i = 0; i < s.all_receivers(); ++i) {
            const auto flags =
                RING_F_SC_DEQ | RING_F_EXACT_SZ | (s.senders == 1 ? RING_F_SP_ENQ : 0u);
            rings_.push_back(
                rte_ring_create(("bench" + std::to_string(i)).c_str(), queue_slots, 0, flags));
            must(rings_.back() != nullptr, "no memory for DPDK's ring");
        }
    }
    ~dpdk() { rte_eal_cleanup(); }

    class alignas(apart) sender {
      public:
        sender(dpdk &c, std::uint32_t service, std::uint32_t)
            : c_(c), rings_(&c.rings_[service * c.shape_.receivers])
        {
            c.enter();
        }
        ~sender() { rte_pktmbuf_free_bulk(fresh_, fresh_count_); }
        std::uint8_t *get()
        {
            if (fresh_count_ == 0) {
                if (rte_pktmbuf_alloc_bulk(c_.pool_, fresh_, burst) != 0)
                    return nullptr;
                fresh_count_ = burst;
            }
            return rte_pktmbuf_mtod(fresh_[fresh_count_ - 1], std::uint8_t *);
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            const auto to = std::uint32_t(key % c_.shape_.receivers);
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
            : ring_(c.rings_[service * c.shape_.receivers + index])
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

  private:
    static constexpr std::uint32_t cache = 256;

    /* Only a thread that DPDK knows has a cache of the pool. */
    static void enter()
    {
        if (rte_lcore_id() == LCORE_ID_ANY)
            must(rte_thread_register() == 0, "DPDK does not know more threads");
    }

    const shape shape_;
    rte_mempool *pool_ = nullptr;
    std::vector<rte_ring *> rings_;
};

using contestant = dpdk;

} // namespace bench

#endif
