/* SPDX-License-Identifier: MIT */
/* The base of the bridge's own tests: one network thread, one worker's end of egress, no
 * sockets. */
#ifndef HANDOFF_TESTS_BRIDGE_RIG_HPP
#define HANDOFF_TESTS_BRIDGE_RIG_HPP

#include "shim_world.hpp"

#include <handoff/bridge.hpp>

#include <array>
#include <poll.h>
#include <string>

using handoff::errc;

struct connection {
    std::uint64_t id = 0;
    std::string heard{};
    int runs = 0;
};
using bridge = handoff::bridge<connection>;

static_assert(std::is_nothrow_move_constructible_v<bridge> &&
              std::is_nothrow_move_assignable_v<bridge> && !std::is_copy_constructible_v<bridge>);

/* One network thread, and one worker's end of egress. */
struct bridged {
    handoff::domain root = *handoff::domain::create();
    handoff::arena received;
    handoff::service game;
    handoff::service egress = *handoff::service::open(root);
    bridge across;
    handoff::producer to_game;
    handoff::consumer requests;
    handoff::arena answered = *handoff::arena::open(root);
    handoff::shard memory = *handoff::shard::open(answered);
    handoff::producer answers = *handoff::producer::open(egress, memory);

    explicit bridged(const handoff::service_options &lanes = {},
                     const handoff::arena_options &budget = {})
        : received(*handoff::arena::open(root, budget)), game(*handoff::service::open(root, lanes)),
          across(*bridge::open(received, egress)),
          to_game(*handoff::producer::open(game, across.memory())),
          requests(*handoff::consumer::open(game))
    {
        CHECK(across && to_game && requests && answers);
    }

    void answer(std::uint64_t to, std::string_view text)
    {
        auto fresh = *memory.reserve(64);
        std::copy(text.begin(), text.end(), fresh.data());
        fresh.resize(text.size());
        ho_net_answer(&fresh.raw(), to);
        CHECK_STATUS(ho_commit(answers.raw(), &fresh.raw(), 1, 0, nullptr), HO_OK);
    }

    void add(connection &who)
    {
        auto id = across.add(who);
        CHECK(id && *id != 0);
        who.id = *id;
    }

    /* Messages until the service has no room for more. */
    void fill(const connection &from)
    {
        std::error_code error;
        while (!error)
            error = to_game.give_copy("x", {from.id, from.id});
        CHECK_CODE(error, errc::full);
        across.pause(from.id);
    }

    std::uint64_t answers_out() const
    {
        const auto now = answered.read_stats();
        CHECK(now);
        return now.value.buffers_out;
    }
};

inline void hear(connection &to, handoff::span<ho_buf> answers)
{
    ++to.runs;
    for (const auto &each : answers) {
        CHECK(each.value == to.id);
        to.heard += handoff::text_of(each);
    }
}

inline bool readable(int fd)
{
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, 0) == 1;
}

inline handoff::service_options two_slots()
{
    handoff::service_options options;
    options.lane_slots = 2;
    return options;
}

#endif
