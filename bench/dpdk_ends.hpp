/* SPDX-License-Identifier: MIT */
/* What both of DPDK's contestants share: the environment, without huge pages and without devices; an mbuf
 * pool with a cache for each thread; a ring to each receiver. */
#ifndef HANDOFF_BENCH_DPDK_ENDS_HPP
#define HANDOFF_BENCH_DPDK_ENDS_HPP

#include "machine.hpp"
#include "shape.hpp"

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <string>
#include <vector>

namespace bench {

struct dpdk_message {
    dpdk_message() = default;
    explicit dpdk_message(rte_mbuf *m)
        : ptr(rte_pktmbuf_mtod(m, std::uint8_t *)), len(m->data_len), mbuf(m)
    {
    }
    std::uint8_t *ptr = nullptr;
    std::uint64_t len = 0;
    rte_mbuf *mbuf = nullptr;
};

/* Mbufs of one sender, allocated many at a time. */
template <std::uint32_t Burst> class dpdk_stock {
  public:
    explicit dpdk_stock(rte_mempool *pool) : pool_(pool) {}
    ~dpdk_stock() { rte_pktmbuf_free_bulk(mbufs_, count_); }
    dpdk_stock(const dpdk_stock &) = delete;
    dpdk_stock &operator=(const dpdk_stock &) = delete;

    /* The next one, or NULL; it stays the next one until it is taken. */
    rte_mbuf *next()
    {
        if (count_ == 0 && rte_pktmbuf_alloc_bulk(pool_, mbufs_, Burst) == 0)
            count_ = Burst;
        return count_ > 0 ? mbufs_[count_ - 1] : nullptr;
    }
    rte_mbuf *take() { return mbufs_[--count_]; }

  private:
    rte_mempool *const pool_;
    rte_mbuf *mbufs_[Burst];
    std::uint32_t count_ = 0;
};

class dpdk_ends {
  public:
    using message = dpdk_message;
    static constexpr std::uint32_t can = can_many | can_pass | can_keep | can_any_order;

    explicit dpdk_ends(const shape &s) : shape_(s)
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
    ~dpdk_ends() { rte_eal_cleanup(); }

    dpdk_ends(const dpdk_ends &) = delete;
    dpdk_ends &operator=(const dpdk_ends &) = delete;

    rte_mempool *pool() const { return pool_; }
    std::uint32_t receivers() const { return shape_.receivers; }
    rte_ring *ring(std::uint32_t service, std::uint64_t receiver) const
    {
        return rings_[service * shape_.receivers + receiver];
    }
    /* Only a thread that DPDK knows has a cache of the pool. */
    static void enter()
    {
        if (rte_lcore_id() == LCORE_ID_ANY)
            must(rte_thread_register() == 0, "DPDK does not know more threads");
    }
    static void set_length(rte_mbuf *mbuf, std::uint32_t len)
    {
        mbuf->data_len = std::uint16_t(len);
        mbuf->pkt_len = len;
    }

  private:
    static constexpr std::uint32_t cache = 256;

    const shape shape_;
    rte_mempool *pool_ = nullptr;
    std::vector<rte_ring *> rings_;
};

} // namespace bench

#endif
