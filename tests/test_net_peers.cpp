/* SPDX-License-Identifier: MIT */
/* The table of UDP peers, against a map. */
#include "shim_world.hpp"

#include "cpp_shim/net/fifo.hpp"
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
    CHECK(table.evict(0) == peers::evicted::nobody);
    table.heard(slot, 100);
    CHECK(table.evict(100) == peers::evicted::nobody);
    CHECK(table.evict(101) == peers::evicted::newcomer);
    CHECK(table.at(slot, generation) == nullptr);
    CHECK(table.at(slot, table.generation(slot)) == nullptr);
    CHECK(table.add(v4(2, 2)) == slot);
    CHECK(table.at(slot, generation) == nullptr);
    CHECK(*table.at(slot, table.generation(slot)) == v4(2, 2));
    CHECK(table.at(slot + 1, 1) == nullptr);
}

/* Two of a table of three; then a newcomer makes room for each stranger, and they for nobody. */
void a_second_good_message_proves_a_peer(void **)
{
    peers table(3, 1);
    handoff::net::room proven(2);
    const auto first = table.add(v4(1, 1));
    const auto second = table.add(v4(2, 2));
    const auto third = table.add(v4(3, 3));
    for (const auto slot : {first, second, third}) {
        table.heard(slot, 5);
        table.welcome(slot, table.generation(slot), proven);
        CHECK(!table.proven(slot));
        table.welcome(slot, table.generation(slot), proven);
        CHECK(table.proven(slot) == (slot != third)); /* no room among the proven */
    }
    CHECK(table.evict_newcomer() == peers::evicted::newcomer);
    CHECK(table.find(v4(3, 3)) == peers::none && table.evict_newcomer() == peers::evicted::nobody);
    CHECK(table.add(v4(4, 4)) == third && !table.proven(third));
    table.welcome(third, table.generation(third) - 2, proven); /* of the one before */
    proven.put();
    table.welcome(third, table.generation(third), proven);
    CHECK(!table.proven(third));
    CHECK(table.evict(6) == peers::evicted::newcomer); /* never heard */
    CHECK(table.evict(6) == peers::evicted::proven && table.evict(5) == peers::evicted::nobody);
}

void a_peer_that_talks_to_another_address_of_ours_is_another_one(void **)
{
    peers table(2, 1);
    auto here = v4(1, 1);
    const auto slot = table.add(here);
    here.asked.ipi6_addr.s6_addr[15] = 1;
    CHECK(table.find(here) == peers::none);
    CHECK(table.add(here) != slot && table.find(v4(1, 1)) == slot);
}

void other_threads_see_who_is_idle(void **)
{
    handoff::net::peer_tables tables(3, 4);
    auto &other = tables.of(2);
    CHECK(tables.evict(0, 1000) == peers::evicted::nobody);
    {
        const peers::locked here(other);
        other.heard(other.add(v4(1, 1)), 999);
        other.heard(other.add(v4(2, 2)), 1000);
    }
    CHECK(other.oldest_ms() == 999);
    CHECK(tables.evict(0, 999) == peers::evicted::nobody);
    CHECK(tables.evict(0, 1000) == peers::evicted::newcomer && other.oldest_ms() == 1000);
    CHECK(tables.evict(0, 1000) == peers::evicted::nobody);
    CHECK(tables.evict_newcomer(1) == peers::evicted::newcomer);
    CHECK(tables.evict_newcomer(1) == peers::evicted::nobody);
}

/* A small table that is always almost full: long runs, holes in them, wraps around the end. */
void thousands_come_and_go_and_the_table_agrees_with_a_map(void **)
{
    constexpr std::uint32_t limit = 61;
    std::minstd_rand random(20261123);
    peers table(limit, 0x1234);
    handoff::net::room proven(100000);
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
            CHECK(table.evict(step) != peers::evicted::nobody);
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
        table.welcome(added, table.generation(added), proven);
        if (step % 3 == 0)
            table.welcome(added, table.generation(added), proven);
        known[port] = added;
    }
}

void a_fifo_uses_its_room_again_and_keeps_its_order(void **)
{
    handoff::net::fifo<std::uint32_t> queue;
    std::uint32_t in = 0;
    std::uint32_t out = 0;
    for (std::uint32_t step = 0; step < 100000; ++step) {
        std::uint32_t some[37];
        const auto count = step * 7 % 37 + 1;
        for (std::uint32_t i = 0; i < count; ++i)
            some[i] = in++;
        const auto expected = queue.capacity_for(count);
        queue.append(some, count);
        CHECK(queue.capacity() == expected);
        while (queue.size() > 1 + step % 100) {
            CHECK(queue[0] == out++);
            queue.drop(1);
        }
        CHECK(queue.size() == in - out && queue.capacity() <= 300);
    }
    queue.drop(queue.size());
    CHECK(queue.empty() && queue.capacity() > 0);
    queue.reset();
    CHECK(queue.empty() && queue.capacity() == 0);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_fifo_uses_its_room_again_and_keeps_its_order),
    cmocka_unit_test(a_peer_is_found_by_its_whole_address),
    cmocka_unit_test(a_full_table_says_none),
    cmocka_unit_test(a_slot_used_again_has_another_generation),
    cmocka_unit_test(a_second_good_message_proves_a_peer),
    cmocka_unit_test(a_peer_that_talks_to_another_address_of_ours_is_another_one),
    cmocka_unit_test(other_threads_see_who_is_idle),
    cmocka_unit_test(thousands_come_and_go_and_the_table_agrees_with_a_map),
};

} // namespace

HO_TEST_MAIN(tests)
