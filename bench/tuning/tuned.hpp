/* SPDX-License-Identifier: MIT */
/* handoff, a loan for each message, in batches of HANDOFF_BURST, with what was chosen. */
#ifndef HANDOFF_BENCH_TUNED_HPP
#define HANDOFF_BENCH_TUNED_HPP

#include "adapters/handoff_loan.hpp"
#include "machine.hpp"
#include "tuning/choice.hpp"

#include <sched.h>
#include <sys/mman.h>

namespace bench {

class tuned : public handoff_loan {
  public:
    explicit tuned(const shape &s) : tuned(s, domain_options(), service_options()) {}

    class sender : public handoff_loan::sender {
      public:
        sender(tuned &c, std::uint32_t service, std::uint32_t index)
            : handoff_loan::sender(c, service, index)
        {
            if (!chosen.pinned)
                unpin();
        }
    };

    class receiver : public handoff_loan::receiver {
      public:
        receiver(tuned &c, std::uint32_t service, std::uint32_t index)
            : handoff_loan::receiver(c, service, index)
        {
            if (!chosen.pinned)
                unpin();
        }
        /* ho_wait looks once more before it sleeps. */
        void wait()
        {
            if (chosen.yield)
                sched_yield();
            handoff_loan::receiver::wait();
        }
    };

  private:
    tuned(const shape &s, const ho_domain_opts &of_domain, const ho_service_opts &of_services)
        : handoff_loan(s, &of_domain, &of_services)
    {
        if (chosen.huge_pages)
            allow_huge_pages();
    }

    static constexpr std::uint64_t max_bytes = std::uint64_t{4} << 30;

    static ho_domain_opts domain_options()
    {
        ho_domain_opts opts;
        ok(ho_init(HO_TYPE_DOMAIN_OPTS, &opts, sizeof opts));
        opts.max_bytes = max_bytes;
        opts.segment_bytes = std::uint32_t(chosen.segment_bytes);
        return opts;
    }

    static ho_service_opts service_options()
    {
        ho_service_opts opts;
        ok(ho_init(HO_TYPE_SERVICE_OPTS, &opts, sizeof opts));
        opts.lane_slots = std::uint32_t(chosen.lane_slots);
        return opts;
    }

    /* handoff has no option for it. Its user can advise the kernel: the domain's memory is one range
     * of addresses, which the first loan begins. */
    void allow_huge_pages()
    {
        ho_shard *first = nullptr;
        ho_buf loan{};
        ok(ho_shard_open(arena(), &first));
        ok(ho_reserve(first, 1, nullptr, &loan));
        /* Refused by a kernel without them: how many bytes lie in huge pages is told at the end. */
        static_cast<void>(madvise(loan.ptr, max_bytes, MADV_HUGEPAGE));
        ok(ho_abort(first, &loan, 1, nullptr));
        ok(ho_shard_close(first));
    }
};

} // namespace bench

#endif
