/* SPDX-License-Identifier: MIT */
/* Sessions' states in pools: which are live, which are stale, what goes back, what is left at the
 * end. */
#include "net_world.hpp"

#include "gateway/session_pool.hpp"

namespace {

constexpr std::uint32_t sessions = 20000;
constexpr std::uint32_t idle_s = 10;
constexpr std::uint64_t second_ns = 1000000000;

struct stand {
    handoff::domain domain = *handoff::domain::create();
    gateway::session_pool pool;
    game_state *state = nullptr;

    explicit stand(std::uint32_t service)
    {
        CHECK(!pool.open(domain, service, sessions));
        const game_options options{sessions, 1, idle_s, pool.memory()};
        state = game_state_create(service, &options);
    }
    ~stand()
    {
        game_state_destroy(state);
        CHECK(pool.close() == 0);
        CHECK(!domain.close(std::chrono::nanoseconds(0)));
    }
    void say(std::uint32_t service, std::uint32_t session, std::uint32_t sequence) const
    {
        game_request request{};
        request.header.service = static_cast<std::uint8_t>(service);
        request.header.session = session;
        request.header.sequence = sequence;
        std::uint8_t frame[GAME_FRAME_MAX];
        std::uint8_t answer[GAME_FRAME_MAX];
        std::size_t len = game_request_write(&request, frame, sizeof(frame));
        CHECK(game_handle(state, frame, len, answer, sizeof(answer), &len) == GAME_HANDLED);
    }
};

void each_session_is_one_object_until_it_ends(void **)
{
    for (std::uint32_t service = 0; service < GAME_SERVICE_COUNT; ++service) {
        const stand at(service);
        game_state_at(at.state, 0, 0);
        for (std::uint32_t sequence = 1; sequence <= 2; ++sequence)
            for (std::uint32_t i = 0; i < sessions; ++i)
                at.say(service, i, sequence);
        const auto full = at.pool.read();
        CHECK(full.live == sessions && full.slot_bytes == game_session_bytes(service));
        CHECK(full.bytes_held >= sessions * game_session_bytes(service));
        CHECK(full.bytes_held < sessions * (game_session_bytes(service) + 4) * 102 / 100);
        for (std::uint32_t i = 0; i < sessions; ++i)
            game_state_at(at.state, 0, idle_s * second_ns);
        CHECK(at.pool.read().live == 0);
    }
}

void a_session_that_left_is_stale(void **)
{
    stand at(GAME_COMBAT);
    const auto memory = at.pool.memory();
    const auto first = memory.acquire(memory.context);
    CHECK(memory.find(memory.context, first) != nullptr);
    memory.release(memory.context, first);
    CHECK(memory.find(memory.context, first) == nullptr);
    at.say(GAME_COMBAT, 1, 1); /* in the same place, by another name */
    CHECK(at.pool.read().live == 1 && memory.find(memory.context, first) == nullptr);
    memory.release(memory.context, first); /* changes nothing */
    CHECK(at.pool.read().live == 1);
}

void what_was_not_released_is_told(void **)
{
    const auto domain = *handoff::domain::create();
    gateway::session_pool pool;
    CHECK(!pool.open(domain, GAME_MOVEMENT, 4));
    const auto memory = pool.memory();
    const auto kept = memory.acquire(memory.context);
    CHECK(kept != 0 && pool.close() == 1);
    memory.release(memory.context, kept);
    CHECK(pool.close() == 0);
}

void all_sessions_may_begin_anew_at_once(void **)
{
    const stand at(GAME_ECONOMY);
    for (std::uint32_t round = 0; round < 3; ++round)
        for (std::uint32_t i = 0; i < sessions; ++i)
            at.say(GAME_ECONOMY, i, 1);
    CHECK(at.pool.read().live == sessions);
    CHECK(game_state_census(at.state).ended == 2 * sessions);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(each_session_is_one_object_until_it_ends),
    cmocka_unit_test(a_session_that_left_is_stale),
    cmocka_unit_test(what_was_not_released_is_told),
    cmocka_unit_test(all_sessions_may_begin_anew_at_once),
};

} // namespace

HO_TEST_MAIN(tests)
