/* SPDX-License-Identifier: MIT */
/* DPDK, one mbuf a call. */
#ifndef HANDOFF_BENCH_DPDK_SINGLE_HPP
#define HANDOFF_BENCH_DPDK_SINGLE_HPP

#include "bursts.hpp"
#include "dpdk_ends.hpp"

namespace bench {

class dpdk_single : public dpdk_ends {
  public:
    static constexpr std::uint32_t burst = 1;
    using dpdk_ends::dpdk_ends;

    class alignas(apart) sender {
      public:
        sender(dpdk_single &c, std::uint32_t service, std::uint32_t) : c_(c), service_(service)
        {
            c.enter();
        }
        ~sender() { rte_pktmbuf_free(fresh_); }
        std::uint8_t *get()
        {
            if (!fresh_ && !(fresh_ = rte_pktmbuf_alloc(c_.pool())))
                return nullptr;
            return rte_pktmbuf_mtod(fresh_, std::uint8_t *);
        }
        bool hand_over(std::uint32_t len, std::uint64_t key)
        {
            c_.set_length(fresh_, len);
            if (rte_ring_enqueue(c_.ring(service_, key % c_.receivers()), fresh_) != 0)
                return false;
            fresh_ = nullptr;
            return true;
        }
        void flush() {}
        std::uint32_t pass_on(dpdk_message *msgs, std::uint32_t n)
        {
            return one_by_one(msgs, n, [ring = c_.ring(service_, 0)](dpdk_message &m) {
                const bool gone = rte_ring_enqueue(ring, m.mbuf) == 0;
                if (gone)
                    m = {};
                return gone;
            });
        }

      private:
        dpdk_single &c_;
        const std::uint32_t service_;
        rte_mbuf *fresh_ = nullptr;
    };

    class alignas(apart) receiver {
      public:
        receiver(dpdk_single &c, std::uint32_t service, std::uint32_t index)
            : ring_(c.ring(service, index))
        {
            c.enter();
        }
        std::uint32_t take(dpdk_message *msgs, std::uint32_t)
        {
            void *mbuf = nullptr;
            if (rte_ring_dequeue(ring_, &mbuf) != 0)
                return 0;
            *msgs = dpdk_message(static_cast<rte_mbuf *>(mbuf));
            return 1;
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

using contestant = dpdk_single;

} // namespace bench

#endif
