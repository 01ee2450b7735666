/* SPDX-License-Identifier: MIT */
/*
 * Memory that is not handoff's, and its owner: a fixed pool of one sender. Free buffers lie in a ring,
 * which one thread at a time fills and the sender empties.
 */
#ifndef HANDOFF_BENCH_FOREIGN_POOL_HPP
#define HANDOFF_BENCH_FOREIGN_POOL_HPP

#include "handoff_ends.hpp"
#include "machine.hpp"

#include <atomic>
#include <vector>

namespace bench {

class foreign_pool {
  public:
    /* mode: HO_RELEASE_INLINE or HO_RELEASE_DRAIN */
    foreign_pool(ho_domain *domain, std::uint32_t bytes, std::uint32_t most_out, std::uint32_t mode)
        : domain_(domain), drained_(mode == HO_RELEASE_DRAIN), stride_((bytes + 63) & ~63u),
          slots_(power_of_two(most_out)), memory_(std::size_t{slots_} * stride_), free_(slots_)
    {
        for (; freed_ < slots_; ++freed_)
            free_[freed_] = memory_.at(freed_ * stride_);
        ho_owner_opts opts{};
        ok(ho_init(HO_TYPE_OWNER_OPTS, &opts, sizeof opts));
        opts.mode = mode;
        opts.release = release;
        opts.ctx = this;
        ok(ho_owner_register(domain_, &opts, &owner_));
    }
    ~foreign_pool() { drain(); } /* what came back last */
    foreign_pool(const foreign_pool &) = delete;
    foreign_pool &operator=(const foreign_pool &) = delete;

    std::uint32_t owner() const { return owner_; }
    std::uint32_t stride() const { return stride_; }
    /* A free buffer, or NULL. */
    std::uint8_t *get()
    {
        if (used_ == seen_) {
            drain();
            seen_ = freed_.load(std::memory_order_acquire);
        }
        return used_ == seen_ ? nullptr : free_[used_++ % slots_];
    }

  private:
    void drain()
    {
        if (drained_)
            ho_owner_drain(domain_, owner_, slots_, nullptr);
    }
    static void release(void *ctx, const ho_release_rec *recs, std::uint32_t count)
    {
        auto &pool = *static_cast<foreign_pool *>(ctx);
        auto freed = pool.freed_.load(std::memory_order_relaxed);
        for (std::uint32_t i = 0; i < count; ++i)
            pool.free_[freed++ % pool.slots_] = static_cast<std::uint8_t *>(recs[i].base);
        pool.freed_.store(freed, std::memory_order_release);
    }
    static std::uint32_t power_of_two(std::uint32_t at_least)
    {
        std::uint32_t slots = 1;
        while (slots < at_least)
            slots *= 2;
        return slots;
    }

    ho_domain *const domain_;
    const bool drained_;
    const std::uint32_t stride_;
    const std::uint32_t slots_; /* buffers, and places for free ones */
    const lines memory_;
    std::vector<std::uint8_t *> free_;
    std::uint32_t owner_ = 0;
    alignas(apart) std::uint64_t used_ = 0; /* the sender's, as seen_ */
    std::uint64_t seen_ = 0;
    alignas(apart) std::atomic<std::uint64_t> freed_{0};
};

} // namespace bench

#endif
