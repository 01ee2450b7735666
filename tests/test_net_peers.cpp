/* SPDX-License-Identifier: MIT */
/* The table of UDP peers, against a map. */
#include "shim_world.hpp"

#include "cpp_shim/net/peers.hpp"

#include <arpa/inet.h>
#include <map>
#include <random>
#include <set>

using handoff::net::address;
using handoff::net::peers;

namespace {

address v4(std::uint32_t host, std::uint16_t port)
{
    address made{};
    made.v4.sin_family = AF_INET;
    made.v4.sin_addr.s_addr = htonl(host);
    made.v4.sin_port = htons(port);
    made.size = sizeof(made.v4);
    return made;
}

address v6(std::uint8_t last, std::uint16_t port)
{
    address made{};
    made.v6.sin6_family = AF_INET6;
    made.v6.sin6_addr.s6_addr[15] = last;
    made.v6.sin6_port = htons(port);
    made.size = sizeof(made.v6);
    return made;
}

void a_peer_is_found_by_its_whole_address(void **)
{
    peers table(8, 1);
    CHECK(table.find(v4(1, 1)) == peers::none);
    const auto first = table.add(v4(1, 1));
    const auto port = table.add(v4(1, 2));
    const auto host = table.add(v4(2, 1));
    const auto six = table.add(v6(1, 1));
    CHECK((std::set<std::uint32_t>{first, port, host, six}.size() == 4));
    CHECK(table.find(v4(1, 1)) == first && table.find(v4(1, 2)) == port);
    CHECK(table.find(v4(2, 1)) == host && table.find(v6(1, 1)) == six);
    CHECK(table.find(v6(2, 1)) == peers::none && table.find(v6(1, 2)) == peers::none);
}

void a_full_table_says_none(void **)
{
    peers table(2, 1);
    CHECK(table.add(v4(1, 1)) != peers::none && table.add(v4(1, 2)) != peers::none);
    CHECK(table.add(v4(1, 3)) == peers::none);
}

void a_slot_used_again_has_another_generation(void **)
{
    peers table(1, 1);
    const auto slot = table.add(v4(1, 1));
    const auto generation = table.generation(slot);
    CHECK(table.at(slot, generation) != nullptr);
    CHECK(!table.evict(0));
    table.heard(slot, 100);
    CHECK(!table.evict(100) && table.evict(101));
    CHECK(table.at(slot, generation) == nullptr);
    CHECK(table.at(slot, table.generation(slot)) == nullptr);
    CHECK(table.add(v4(2, 2)) == slot);
    CHECK(table.at(slot, generation) == nullptr);
    CHECK(*table.at(slot, table.generation(slot)) == v4(2, 2));
    CHECK(table.at(slot + 1, 1) == nullptr);
}

void idleness_is_counted_across_the_clocks_wrap(void **)
{
    peers table(1, 1);
    const auto slot = table.add(v4(1, 1));
    table.heard(slot, 0xfffffff0u);
    CHECK(!table.evict(0xffffffe0u));
    CHECK(table.evict(0x10u));
}

/* A small table that is always almost full: long runs, holes in them, wraps around the end. */
void thousands_come_and_go_and_the_table_agrees_with_a_map(void **)
{
    constexpr std::uint32_t limit = 61;
    std::minstd_rand random(20261123);
    peers table(limit, 0x1234);
    std::map<std::uint32_t, std::uint32_t> known; /* port: slot */
    for (std::uint32_t step = 1; step <= 50000; ++step) {
        const auto port = static_cast<std::uint32_t>(random() % 200);
        const auto from = v4(9, static_cast<std::uint16_t>(port));
        const auto slot = table.find(from);
        const auto expected = known.find(port);
        CHECK((slot == peers::none) == (expected == known.end()));
        if (slot != peers::none) {
            CHECK(slot == expected->second);
            table.heard(slot, step);
            continue;
        }
        if (known.size() == limit) {
            while (!table.evict(step))
                ;
            for (auto each = known.begin(); each != known.end();) {
                const bool gone =
                    table.find(v4(9, static_cast<std::uint16_t>(each->first))) == peers::none;
                each = gone ? known.erase(each) : std::next(each);
            }
            CHECK(known.size() == limit - 1);
        }
        const auto added = table.add(from);
        CHECK(added != peers::none);
        table.heard(added, step);
        known[port] = added;
    }
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_peer_is_found_by_its_whole_address),
    cmocka_unit_test(a_full_table_says_none),
    cmocka_unit_test(a_slot_used_again_has_another_generation),
    cmocka_unit_test(idleness_is_counted_across_the_clocks_wrap),
    cmocka_unit_test(thousands_come_and_go_and_the_table_agrees_with_a_map),
};

} // namespace

HO_TEST_MAIN(tests)
