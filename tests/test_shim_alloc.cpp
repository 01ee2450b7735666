/* SPDX-License-Identifier: MIT */
/* Containers of std::pmr in an arena. */
#include "shim_world.hpp"

#include <handoff/memory_resource.hpp>

#include <list>
#include <map>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

using names = std::pmr::unordered_map<std::pmr::string, std::pmr::vector<int>>;

void fill(names &into, int count)
{
    for (int i = 0; i < count; ++i) {
        std::pmr::string name("a name that is too long for the string itself ",
                              into.get_allocator());
        name += std::to_string(i);
        into[name].assign(static_cast<std::size_t>(i % 50), i);
    }
}

void check(const names &in, int count)
{
    CHECK(in.size() == static_cast<std::size_t>(count));
    for (const auto &[name, values] : in) {
        const int i = std::stoi(std::string(name.substr(name.rfind(' ') + 1)));
        CHECK(values.size() == static_cast<std::size_t>(i % 50));
        for (const int value : values)
            CHECK(value == i);
    }
}

void a_map_of_strings_lies_in_the_arena(void **)
{
    world w;
    handoff::memory_resource memory(w.arena);
    {
        names kept(&memory);
        fill(kept, 2000);
        check(kept, 2000);
        CHECK(w.memory().allocs_out > 4000);
        names copy(kept, &memory);
        names moved(std::move(copy));
        check(moved, 2000);
        kept.clear();
        check(moved, 2000);
    }
    CHECK(w.memory().allocs_out == 0);
    CHECK(w.arena.trim());
    CHECK(w.memory().alloc_bytes_held == 0);
}

/* snippet: a table in an arena */
std::size_t keep_scores(const handoff::arena &arena)
{
    handoff::memory_resource memory(arena);
    std::pmr::unordered_map<std::pmr::string, int> scores(&memory); // the line
    scores["a name that lies in the arena, too"] = 1; // std::bad_alloc once the budget is used up
    return scores.size();
}
/* snippet end */

void another_thread_may_destroy_it(void **)
{
    world w;
    handoff::memory_resource memory(w.arena);
    CHECK(keep_scores(w.arena) == 1 && w.memory().allocs_out == 0);
    names made(&memory);
    fill(made, 500);
    std::thread([&] { names(std::move(made)).clear(); }).join();
    CHECK(made.empty());
    made = names(&memory);
    fill(made, 10);
    check(made, 10);
    made = names(&memory);
}

void sizes_and_alignments(void **)
{
    world w;
    handoff::memory_resource memory(w.arena);
    for (std::size_t align = 1; align <= 4096; align *= 2)
        for (const std::size_t bytes : {0u, 1u, 100u, 5000u, 300000u}) {
            void *ptr = memory.allocate(bytes, align);
            CHECK(ptr != nullptr && reinterpret_cast<std::uintptr_t>(ptr) % align == 0);
            std::memset(ptr, 1, bytes);
            memory.deallocate(ptr, bytes, align);
        }
    CHECK(w.memory().allocs_out == 0);
}

void two_of_one_arena_are_equal(void **)
{
    world w;
    const auto elsewhere = *handoff::arena::open(w.root);
    const handoff::memory_resource one(w.arena), other(elsewhere);
    CHECK(one.is_equal(one) && !one.is_equal(other));
    CHECK(!one.is_equal(*std::pmr::new_delete_resource()));
#ifdef __cpp_rtti
    const handoff::memory_resource two(w.arena.raw());
    CHECK(one.is_equal(two) && one == two && two == one);
#endif
}

#ifdef __cpp_exceptions
template <class Call> bool throws(Call &&call)
{
    try {
        call();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

void what_the_budget_has_no_room_for_is_thrown(void **)
{
    world w;
    handoff::arena_options options;
    options.budget_bytes = 1 << 20;
    auto small = *handoff::arena::open(w.root, options);
    handoff::memory_resource memory(small);
    {
        std::pmr::list<std::pmr::string> lines(&memory);
        CHECK(throws([&] {
            for (;;)
                lines.emplace_back(1000, 'x');
        }));
        const auto had = lines.size();
        CHECK(had > 700 && lines.back().size() == 1000);
        CHECK(throws([&] { lines.emplace_back(1000, 'x'); }) && lines.size() == had);
        lines.pop_back();
        lines.emplace_back(1000, 'y'); /* there is room again */
    }
    CHECK(small.read_stats()->allocs_out == 0);
    void *ignored = nullptr;
    CHECK(throws([&] { ignored = memory.allocate(16, 8192); }));
    CHECK(throws([&] { ignored = memory.allocate(SIZE_MAX / 4); }));
    void *kept = memory.allocate(16);
    CHECK_CODE(small.close(std::chrono::nanoseconds(0)), handoff::errc::timeout);
    CHECK(throws([&] { ignored = memory.allocate(16); }));
    memory.deallocate(kept, 16);
    CHECK_CODE(small.close(std::chrono::nanoseconds(0)), handoff::errc::ok);
    CHECK(throws([&] { ignored = memory.allocate(16); }) && ignored == nullptr);
}
#endif

const CMUnitTest tests[] = {
    cmocka_unit_test(a_map_of_strings_lies_in_the_arena),
    cmocka_unit_test(another_thread_may_destroy_it),
    cmocka_unit_test(sizes_and_alignments),
    cmocka_unit_test(two_of_one_arena_are_equal),
#ifdef __cpp_exceptions
    cmocka_unit_test(what_the_budget_has_no_room_for_is_thrown),
#endif
};

} // namespace

HO_TEST_MAIN(tests)
