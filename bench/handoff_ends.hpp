/* SPDX-License-Identifier: MIT */
/* What all adapters of handoff share: the domain, its memory, its services, and both ends. All of it
 * through the public calls of the shared library; options are the defaults unless given. Where several
 * receivers serve a service, they share its partitions. */
#ifndef HANDOFF_BENCH_HANDOFF_ENDS_HPP
#define HANDOFF_BENCH_HANDOFF_ENDS_HPP

#include "ok.h"
#include "shape.hpp"

#include <algorithm>
#include <handoff/handoff.h>
#include <mutex>
#include <thread>
#include <vector>

namespace bench {

/* The partitions of a service with so many receivers: enough that each finds one that nobody works on. */
constexpr std::uint32_t partitions_for(std::uint32_t receivers)
{
    constexpr std::uint32_t least = 64;
    constexpr std::uint32_t most = 1024;
    return receivers == 1 ? 1 : std::clamp(receivers, least, most);
}
/* So many messages may lie in one of them for each sender. */
constexpr std::uint32_t partition_slots(std::uint32_t receivers)
{
    return receivers == 1 ? queue_slots : queue_slots / 4;
}

/* A shard for each thread that sends; its producers are over it, whatever services they send to. */
class handoff_shards {
  public:
    /* This thread's, opened if it has none. */
    ho_shard *join(ho_arena *arena)
    {
        const std::lock_guard<std::mutex> only(mutex_);
        const auto me = std::this_thread::get_id();
        auto mine = std::find_if(open_.begin(), open_.end(),
                                 [me](const entry &e) { return e.thread == me; });
        if (mine == open_.end()) {
            mine = open_.insert(mine, {me, nullptr, 0});
            ok(ho_shard_open(arena, &mine->shard));
        }
        ++mine->users;
        return mine->shard;
    }
    /* The last one closes it. */
    void leave(ho_shard *shard)
    {
        const std::lock_guard<std::mutex> only(mutex_);
        const auto mine = std::find_if(open_.begin(), open_.end(),
                                       [shard](const entry &e) { return e.shard == shard; });
        if (--mine->users != 0)
            return;
        ok(ho_shard_close(shard));
        open_.erase(mine);
    }

  private:
    struct entry {
        std::thread::id thread;
        ho_shard *shard;
        std::uint32_t users;
    };
    std::mutex mutex_;
    std::vector<entry> open_;
};

class handoff_base {
  public:
    using message = ho_buf;

    explicit handoff_base(const shape &s, const ho_domain_opts *of_domain = nullptr,
                          const ho_service_opts *of_services = nullptr)
        : shape_(s), services_(s.services)
    {
        ok(ho_domain_create(of_domain, &domain_));
        ok(ho_arena_open(domain_, nullptr, &arena_));
        ho_service_opts opts;
        ok(ho_init(HO_TYPE_SERVICE_OPTS, &opts, sizeof opts));
        if (of_services)
            opts = *of_services;
        opts.partitions = partitions_for(s.receivers);
        if (opts.lane_slots == 0)
            opts.lane_slots = partition_slots(s.receivers);
        for (auto &service : services_)
            ok(ho_service_open(domain_, &opts, &service));
    }
    /* Everything has come back, or the run fails. */
    ~handoff_base()
    {
        ok(ho_domain_close(domain_, 0, nullptr));
        ok(ho_domain_destroy(domain_, nullptr));
    }
    handoff_base(const handoff_base &) = delete;
    handoff_base &operator=(const handoff_base &) = delete;

    ho_domain *domain() const { return domain_; }
    ho_arena *arena() const { return arena_; }
    handoff_shards &shards() { return shards_; }
    ho_service *service(std::uint32_t number) const { return services_[number]; }
    const shape &of_shape() const { return shape_; }

    class alignas(apart) receiver {
      public:
        receiver(handoff_base &c, std::uint32_t service, std::uint32_t) : domain_(c.domain())
        {
            ok(ho_consumer_open(c.service(service), nullptr, &consumer_));
        }
        ~receiver() { ok(ho_consumer_close(consumer_)); }
        receiver(const receiver &) = delete;
        receiver &operator=(const receiver &) = delete;

        std::uint32_t take(ho_buf *msgs, std::uint32_t max)
        {
            std::uint32_t n = 0;
            ho_take(consumer_, msgs, max, &n);
            return n;
        }
        void give_back(ho_buf *msgs, std::uint32_t n) { ok(ho_return(domain_, msgs, n, nullptr)); }
        void wait() { ho_wait(consumer_, longest_wait_ms * 1000000); }

      private:
        ho_domain *const domain_;
        ho_consumer *consumer_ = nullptr;
    };

  private:
    const shape shape_;
    ho_domain *domain_ = nullptr;
    ho_arena *arena_ = nullptr;
    std::vector<ho_service *> services_;
    handoff_shards shards_;
};

/* One thread's producer over that thread's shard, closed with it. */
class handoff_producer {
  public:
    handoff_producer(handoff_base &c, std::uint32_t service)
        : shards_(c.shards()), shard_(shards_.join(c.arena()))
    {
        ok(ho_producer_open(c.service(service), shard_, &handle_));
    }
    ~handoff_producer()
    {
        ok(ho_flush(handle_));
        ok(ho_producer_close(handle_));
        shards_.leave(shard_);
    }
    handoff_producer(const handoff_producer &) = delete;
    handoff_producer &operator=(const handoff_producer &) = delete;
    operator ho_producer *() const { return handle_; }
    ho_shard *shard() const { return shard_; }

    std::uint32_t pass_on(ho_buf *msgs, std::uint32_t n)
    {
        std::uint32_t gone = 0;
        ho_forward(handle_, msgs, n, 0, &gone);
        return gone;
    }

  private:
    handoff_shards &shards_;
    ho_shard *const shard_;
    ho_producer *handle_ = nullptr;
};

} // namespace bench

#endif
