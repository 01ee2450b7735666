/* SPDX-License-Identifier: MIT */
/* The bridge in isolation: pausing, its descriptor, closing. */
#include "bridge_rig.hpp"

namespace {

void paused_ones_are_called_when_it_is_worth_trying_again(void **)
{
    bridged b(two_slots());
    std::array<connection, 3> all;
    for (auto &each : all)
        b.add(each);
    std::string order;
    const auto again = [&](connection &which) {
        order += static_cast<char>('0' + (&which - all.data()));
        CHECK(b.across.paused() < 3);
    };
    b.fill(all[2]);
    b.across.pause(all[0].id);
    b.across.pause(all[1].id);
    b.across.pause(all[0].id); /* is */
    CHECK(b.across.paused() == 3);
    b.across.resume(again);
    CHECK(order.empty() && b.across.paused() == 3); /* it is not */
    CHECK(b.requests.take());
    b.across.resume(again);
    CHECK(order == "201" && b.across.paused() == 0);
    b.across.resume(again);
    CHECK(order == "201");
}

void one_that_is_refused_again_is_paused_again(void **)
{
    bridged b(two_slots());
    std::array<connection, 3> all;
    for (auto &each : all)
        b.add(each);
    std::string order;
    const auto again = [&](connection &which) {
        order += static_cast<char>('0' + (&which - all.data()));
        if (b.to_game.give_copy("x", {which.id}) == errc::full)
            b.across.pause(which.id);
    };
    b.fill(all[0]);
    b.across.pause(all[1].id);
    b.across.pause(all[2].id);
    while (b.across.paused() != 0) {
        CHECK(b.requests.take());
        b.across.resume(again);
        CHECK(order.size() <= 6);
    }
    CHECK(order == "012122");
}

void a_connection_that_goes_is_not_paused_any_more(void **)
{
    bridged b(two_slots());
    std::array<connection, 4> all;
    connection next;
    for (auto &each : all)
        b.add(each);
    b.fill(all[0]);
    for (auto &each : all)
        b.across.pause(each.id);
    b.across.remove(all[1].id);
    b.add(next); /* in its slot */
    CHECK(b.across.paused() == 3);
    CHECK(b.requests.take());
    std::string order;
    b.across.resume([&](connection &which) {
        order += static_cast<char>('0' + (&which - all.data()));
        b.across.remove(all[3].id); /* the last of them */
    });
    CHECK(order == "02" && b.across.paused() == 0);
}

void one_descriptor_tells_of_answers_and_of_room(void **)
{
    bridged b(two_slots());
    connection one;
    b.add(one);
    const auto fd = b.across.fd();
    CHECK(fd);
    CHECK(*b.across.drain(hear) == 0); /* arms it */
    const auto nothing = [](connection &) {};
    CHECK(!readable(fd.value));
    b.answer(one.id, "x");
    CHECK(readable(fd.value));
    CHECK(*b.across.drain(hear) == 1);
    b.across.resume(nothing);
    CHECK(!readable(fd.value));
    b.fill(one);
    CHECK(!readable(fd.value));
    CHECK(b.requests.take());
    CHECK(readable(fd.value));
    CHECK(*b.across.drain(hear) == 0);
    b.across.resume(nothing);
    CHECK(!readable(fd.value)); /* a loop that goes by levels sleeps */
    b.egress.close(std::chrono::nanoseconds(0));
    CHECK(readable(fd.value));
    CHECK_CODE(b.across.drain(hear).error, errc::closed);
    close(fd.value);
}

void memory_that_comes_back_is_told_too(void **)
{
    handoff::arena_options budget;
    budget.budget_bytes = 256 << 10;
    bridged b({}, budget);
    connection one;
    b.add(one);
    auto all = *b.across.memory().reserve(200 << 10);
    CHECK_CODE(b.across.memory().reserve(100 << 10).error, errc::full);
    b.across.pause(one.id);
    int called = 0;
    const auto again = [&](connection &) { ++called; };
    b.across.resume(again);
    CHECK(called == 0);
    all.reset();
    b.across.resume(again);
    CHECK(called == 1);
}

void the_end_comes_after_the_last_answer(void **)
{
    bridged b;
    connection one;
    b.add(one);
    for (int i = 0; i < 1000; ++i)
        b.answer(one.id, "x");
    b.egress.close(std::chrono::nanoseconds(0));
    b.answers.reset();
    const auto last = b.across.drain(hear);
    CHECK_CODE(last.error, errc::closed);
    CHECK(last.value == 1000 && one.heard.size() == 1000);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(paused_ones_are_called_when_it_is_worth_trying_again),
    cmocka_unit_test(one_that_is_refused_again_is_paused_again),
    cmocka_unit_test(a_connection_that_goes_is_not_paused_any_more),
    cmocka_unit_test(one_descriptor_tells_of_answers_and_of_room),
    cmocka_unit_test(memory_that_comes_back_is_told_too),
    cmocka_unit_test(the_end_comes_after_the_last_answer),
};

} // namespace

HO_TEST_MAIN(tests)
