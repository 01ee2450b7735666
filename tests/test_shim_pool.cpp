/* SPDX-License-Identifier: MIT */
/* The shim's pools: objects made and destroyed, handles that move, weak ones that resolve. */
#include "shim_world.hpp"

#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

int alive;

struct alignas(32) monster {
    explicit monster(int hit_points) noexcept : hp(hit_points) { ++alive; }
    monster(const monster &) = delete;
    ~monster() { --alive; }
    int hp;
    char name[60] = "";
};

static_assert(!std::is_copy_constructible_v<handoff::handle<monster>> &&
              std::is_nothrow_move_constructible_v<handoff::handle<monster>> &&
              std::is_nothrow_move_assignable_v<handoff::handle<monster>>);
static_assert(std::is_trivially_copyable_v<handoff::weak<monster>>);

void an_object_lives_as_long_as_its_handle(void **)
{
    world w;
    auto monsters = handoff::pool<monster>::open(w.arena);
    CHECK(monsters);
    {
        auto boss = monsters->make(1000);
        CHECK(boss && boss->get()->hp == 1000 && alive == 1);
        CHECK(reinterpret_cast<std::uintptr_t>(boss->get()) % 32 == 0);
        handoff::handle<monster> mine = std::move(*boss);
        CHECK(!*boss && mine->hp == 1000 && (*mine).hp == 1000);
        auto other = monsters->make(7);
        mine = std::move(*other);
        CHECK(alive == 1 && mine->hp == 7);
        mine.reset();
        CHECK(alive == 0 && !mine);
        mine.reset();
        mine = std::move(*monsters->make(8));
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
    CHECK(monsters->read_stats()->live == 0);
    CHECK_CODE(monsters->close(), handoff::errc::ok);
    CHECK(!*monsters);
}

void a_weak_one_resolves_until_the_object_is_gone(void **)
{
    world w;
    auto monsters = *handoff::pool<monster>::open(w.arena);
    auto boss = *monsters.make(5);
    const handoff::weak<monster> target = boss.ref();
    CHECK(monsters.resolve(target) == boss.get());
    CHECK(monsters.resolve({}) == nullptr);
    boss.reset();
    CHECK(monsters.resolve(target) == nullptr);
    auto again = *monsters.make(6);
    CHECK(monsters.resolve(target) == nullptr && target != again.ref());
    CHECK(!monsters.adopt(target));
    auto given_up = again.release(); /* it travels as a number */
    CHECK(!again && alive == 1);
    auto back = monsters.adopt(given_up);
    CHECK(back && back->hp == 6);
}

void objects_are_constructed_by_make_alone(void **)
{
    world w;
    handoff::pool_options options;
    options.construct = [](void *, void *) {};
    CHECK_CODE(handoff::pool<monster>::open(w.arena, options).error, handoff::errc::invalid);
    options.construct = nullptr;
    options.destruct = [](void *, void *) {};
    CHECK_CODE(handoff::pool<monster>::open(w.arena, options).error, handoff::errc::invalid);
    options.destruct = nullptr;
    CHECK(handoff::pool<monster>::open(w.arena, options));
}

void an_object_may_go_on_another_thread(void **)
{
    world w;
    auto monsters = *handoff::pool<monster>::open(w.arena);
    std::vector<handoff::handle<monster>> all;
    for (int i = 0; i < 1000; ++i)
        all.push_back(std::move(*monsters.make(i)));
    std::thread([&] { all.clear(); }).join();
    CHECK(alive == 0 && monsters.read_stats()->live == 0);
}

void a_visit_finds_all_and_close_tells_what_is_out(void **)
{
    world w;
    handoff::pool_options options;
    options.name = "monsters";
    options.objects_max = 100;
    auto monsters = *handoff::pool<monster>::open(w.arena, options);
    CHECK(*monsters.prepare(100) == 100);
    std::vector<handoff::handle<monster>> all;
    for (int i = 0; i < 100; ++i)
        all.push_back(std::move(*monsters.make(i)));
    CHECK_CODE(monsters.make(1).error, handoff::errc::full);
    int sum = 0;
    CHECK_CODE(monsters.visit([&](handoff::weak<monster>, monster &m) { sum += m.hp; }),
               handoff::errc::ok);
    CHECK(sum == 4950);
    handoff::pool_leaks leaks;
    CHECK_CODE(monsters.close(&leaks), handoff::errc::busy);
    CHECK(leaks.live == 100 && std::string_view(leaks.name) == "monsters");
    CHECK(monsters.resolve({leaks.handles[5]}) != nullptr);
    all.clear();
    CHECK(*monsters.trim() > 0);
    CHECK_CODE(monsters.close(&leaks), handoff::errc::ok);
    CHECK_CODE(monsters.visit([](handoff::weak<monster>, monster &) {}), handoff::errc::handle);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(an_object_lives_as_long_as_its_handle),
    cmocka_unit_test(a_weak_one_resolves_until_the_object_is_gone),
    cmocka_unit_test(objects_are_constructed_by_make_alone),
    cmocka_unit_test(an_object_may_go_on_another_thread),
    cmocka_unit_test(a_visit_finds_all_and_close_tells_what_is_out),
};

} // namespace

HO_TEST_MAIN(tests)
