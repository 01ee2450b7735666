/* SPDX-License-Identifier: MIT */
/* Shared by the example servers: a C service with its workers, and the ends of the one network
 * thread, which helps. Replace service.c with your own; you can copy the rest.
 *
 *   network thread --requests--> workers --answers--> network thread
 *
 * Senders hold the service that they send to, and the last of them closes it: so a stop follows the
 * arrows. */
#ifndef EXAMPLE_HUB_HPP
#define EXAMPLE_HUB_HPP

#include "must.hpp"
#include "options.hpp"
#include "service.h"

#include <handoff/bridge.hpp>
#include <handoff/handoff.hpp>

#include <memory>
#include <thread>
#include <vector>

using service_ptr = std::shared_ptr<handoff::service>;

/* The ends of a worker. They close in reverse order, so `to` goes last. */
struct worker {
    service_ptr to;
    handoff::consumer requests;
    handoff::shard memory; /* for answers that are not the request itself */
    handoff::producer answers;

    worker(const service_ptr &from, const service_ptr &answers_to, const handoff::arena &arena)
        : to(answers_to), requests(must("consumer", handoff::consumer::open(*from))),
          memory(must("shard", handoff::shard::open(arena))),
          answers(must("producer", handoff::producer::open(*to, memory)))
    {
    }
};

template <class Connection> class hub {
  public:
    static constexpr std::uint16_t partitions = 16; /* of the service */
    /* Messages that the network thread handles per turn while they are light: as many as its
     * sockets bring in one. With fewer, the rest would wake a worker. */
    static constexpr std::uint32_t turn_most = 1024;

    explicit hub(const options &with) : work_us_(static_cast<std::uint32_t>(with.work_us))
    {
        handoff::arena_options budget;
        budget.budget_bytes = with.memory << 10;
        handoff::service_options lanes;
        lanes.lane_slots = static_cast<std::uint32_t>(with.lane_slots);
        lanes.partitions = partitions;
        handoff::service_options waits;
        waits.policy =
            HO_POLICY_WAIT; /* a worker may wait for the network thread, never the reverse */

        received_ = must("arena", handoff::arena::open(domain, budget));
        answered_ = must("arena", handoff::arena::open(domain));
        requests_ = std::make_shared<handoff::service>(
            must("service", handoff::service::open(domain, lanes)));
        const auto answers = std::make_shared<handoff::service>(
            must("service", handoff::service::open(domain, waits)));
        bridge = must("bridge", handoff::bridge<Connection>::open(received_, *answers));
        to_service = must("producer", handoff::producer::open(*requests_, bridge.memory()));
        mine_ = must("consumer", handoff::consumer::open(*requests_));
        helper_ = must("helper", handoff::helper::open(mine_, to_service, turn_most));
        for (std::uint64_t i = 0; i < with.workers; ++i)
            threads_.emplace_back([work_us = work_us_,
                                   ends = worker(requests_, answers, answered_)]() mutable {
                const auto ended = serve(ends.requests, [&](ho_buf *messages, std::uint32_t count) {
                    /* Slow messages are answered one by one. */
                    for (std::uint32_t at = 0, n = work_us == 0 ? count : 1; at < count; at += n) {
                        work_on(messages + at, n, work_us);
                        answer(ends.answers.raw(), messages + at, n);
                    }
                });
                if (ended != handoff::errc::closed)
                    std::fprintf(stderr, "worker: %s\n", ended.message().c_str());
            });
    }

    /* Call it in each turn of the loop, after reading the sockets: works on light messages and
     * sends answers. `send` gets a connection and a run of its answers, and takes out those that it
     * keeps. It must only collect: sending would count as work, and make light messages look heavy.
     * True: no more answers will come. */
    template <class Send> bool turn(Send send)
    {
        const auto dealt = helper_.run([&](handoff::span<ho_buf> messages) {
            drain(send); /* earlier answers of a worker go out first */
            work_on(messages.data(), static_cast<std::uint32_t>(messages.size()), work_us_);
            for (auto &each : messages)
                if (auto *from = bridge.find(each.value))
                    send(*from, handoff::span<ho_buf>(&each, 1));
                else
                    ++gone_;
        });
        static_cast<void>(dealt); /* errc::handle after leave */
        return drain(send) == handoff::errc::closed;
    }

    /* Answers for connections that were gone. */
    std::uint64_t gone() const { return bridge.gone() + gone_; }

    /* Sends no more, once nothing is paused. The workers finish what is there, and end. */
    void leave()
    {
        if (!requests_ || bridge.paused() != 0)
            return;
        helper_.reset();
        to_service.reset();
        mine_.reset();
        requests_.reset();
    }

    /* After the loop. False: something is still outstanding. */
    bool close()
    {
        for (auto &each : threads_)
            each.join();
        bridge = handoff::bridge<Connection>();
        handoff::outstanding out;
        auto error = domain.close(std::chrono::seconds(5), &out);
        if (!error)
            error = domain.destroy(&out);
        if (error)
            std::fprintf(stderr, "left over: %s: %ju handles, %ju buffers, %ju loans\n",
                         error.message().c_str(), std::uintmax_t{out.handles},
                         std::uintmax_t{out.buffers}, std::uintmax_t{out.loans});
        return !error;
    }

    handoff::domain domain = must("domain", handoff::domain::create());
    handoff::bridge<Connection> bridge;
    handoff::producer to_service; /* uses bridge.memory() */

  private:
    template <class Send> std::error_code drain(Send &send) { return bridge.drain(send).error; }

    const std::uint32_t work_us_;
    std::uint64_t gone_ = 0;
    handoff::arena received_;
    handoff::arena answered_;
    service_ptr requests_;
    handoff::consumer mine_;
    handoff::helper helper_;
    std::vector<std::thread> threads_;
};

#endif
