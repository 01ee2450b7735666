/* SPDX-License-Identifier: MIT */
/* A server's table of players: standard containers in an arena with a budget. One line puts them
 * there. */
#include <handoff/handoff.hpp>
#include <handoff/memory_resource.hpp>

#include <iostream>
#include <string>
#include <unordered_map>

struct table {
    using allocator_type = std::pmr::polymorphic_allocator<std::byte>;
    explicit table(allocator_type memory = {}) : players(memory) {}

    /* Returns whether there was room. */
    bool join(std::string_view name, int score)
    {
        try {
            players.try_emplace(std::pmr::string(name, players.get_allocator()), score);
            return true;
        } catch (const std::bad_alloc &) { /* the budget is used up: the table is unchanged */
            return false;
        }
    }

    std::pmr::unordered_map<std::pmr::string, int> players;
};

static int fill(table &players, int most)
{
    int joined = 0;
    while (
        joined < most &&
        players.join("a player with a rather long name, number " + std::to_string(joined), joined))
        ++joined;
    return joined;
}

int main()
{
    handoff::arena_options options;
    options.budget_bytes = 4 << 20;
    auto domain = *handoff::domain::create();
    auto arena = *handoff::arena::open(domain, options);
    handoff::memory_resource memory(arena);

    int joined, fewer;
    {
        table players(&memory); /* the one line: without this argument the table is on the heap */
        joined = fill(players, 10000);
        std::cout << joined << " players take " << arena.read_stats()->alloc_bytes_live / 1024
                  << " KiB of the arena\n";
        fewer = fill(
            players,
            1000000); /* existing players join again without effect; then the budget runs out */
        std::cout << "the budget has room for "
                  << (players.players.size() > 20000 ? "more than 20000" : "few") << '\n';
    }
    const auto left = arena.read_stats().value.allocs_out;
    std::cout << left << " allocations are left, "
              << (arena.trim() ? arena.read_stats()->alloc_bytes_held : 1) << " bytes are held\n";
    return joined == 10000 && fewer < 1000000 && left == 0 ? 0 : 1;
}
