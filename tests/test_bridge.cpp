/* SPDX-License-Identifier: MIT */
/* The bridge in isolation: ids, and answers by connection. */
#include "bridge_rig.hpp"

#include <vector>

namespace {

void an_id_is_never_that_of_the_next_in_its_slot(void **)
{
    bridged b;
    connection first, second;
    b.add(first);
    CHECK(b.across.find(first.id) == &first);
    b.across.remove(first.id);
    CHECK(b.across.find(first.id) == nullptr);
    b.across.remove(first.id); /* twice does nothing */
    b.add(second);
    CHECK((second.id ^ first.id) >> 32 == 0 && second.id != first.id); /* the same slot */
    CHECK(b.across.find(first.id) == nullptr && b.across.find(second.id) == &second);
    b.across.remove(first.id);
    b.across.pause(first.id);
    CHECK(b.across.find(second.id) == &second && b.across.paused() == 0);
}

void ids_that_were_never_given_are_nobodys(void **)
{
    bridged b;
    connection one;
    b.add(one);
    for (const auto made_up : {std::uint64_t{0}, ~std::uint64_t{0}, one.id + 1, one.id - 1,
                               one.id | (std::uint64_t{1} << HO_NET_THREAD_SHIFT),
                               one.id | (std::uint64_t{1} << HO_NET_SLOT_SHIFT),
                               one.id | (std::uint64_t{0x200000} << HO_NET_SLOT_SHIFT)})
        CHECK(b.across.find(made_up) == nullptr);
}

void ids_name_their_network_thread(void **)
{
    auto root = *handoff::domain::create();
    auto received = *handoff::arena::open(root);
    handoff::service_options options;
    options.partitions = 1024;
    options.consumers = HO_CONSUMERS_BOUND;
    auto egress = *handoff::service::open(root, options);
    auto last = *bridge::open(received, egress, 1023);
    auto other = *bridge::open(received, egress, 1);
    connection one;
    const auto id = *last.add(one);
    CHECK(ho_net_to(id) == 1023);
    CHECK(last.find(id) == &one && other.find(id) == nullptr);
    CHECK_CODE(bridge::open(received, egress, 1024).error, errc::range);
    CHECK_CODE(bridge::open(received, egress, 1).error, errc::busy);
}

void many_connections_come_and_go(void **)
{
    bridged b;
    std::vector<connection> all(5000);
    for (auto &each : all)
        b.add(each);
    for (std::size_t i = 0; i < all.size(); i += 2)
        b.across.remove(all[i].id);
    for (std::size_t i = 0; i < all.size(); ++i)
        CHECK(b.across.find(all[i].id) == (i % 2 == 0 ? nullptr : &all[i]));
    for (std::size_t i = 0; i < all.size(); i += 2)
        b.add(all[i]);
    for (auto &each : all)
        CHECK(b.across.find(each.id) == &each);
}

void there_is_a_limit_to_connections(void **)
{
    bridged b;
    connection one;
    for (std::uint32_t i = 0; i <= HO_NET_SLOT_MASK; ++i)
        if (!b.across.add(one))
            CHECK(false);
    const auto refused = b.across.add(one);
    CHECK_CODE(refused.error, errc::limit);
    CHECK(refused.value == 0);
}

void answers_come_by_connection(void **)
{
    bridged b;
    std::array<connection, 3> all;
    for (auto &each : all)
        b.add(each);
    for (char at = 'a'; at <= 'j'; ++at)
        for (auto &each : all)
            b.answer(each.id, std::string_view(&at, 1));
    auto sent = b.across.drain(hear);
    CHECK_CODE(sent.error, errc::ok);
    CHECK(*sent == 30);
    for (auto &each : all)
        CHECK(each.heard == "abcdefghij" && each.runs == 1);
    CHECK(b.answers_out() == 0);
}

void a_drain_takes_all_there_is(void **)
{
    bridged b;
    std::array<connection, 5> all;
    for (auto &each : all)
        b.add(each);
    const std::size_t most = bridge::run_most;
    const std::size_t count = 2 * most + 1;
    for (std::size_t i = 0; i < count; ++i)
        b.answer(all[i * i % 5].id, "x");
    CHECK(*b.across.drain(hear) == count);
    std::size_t heard = 0;
    int runs = 0;
    for (auto &each : all) {
        heard += each.heard.size();
        runs += each.runs;
    }
    CHECK(heard == count && runs <= 3 * 3); /* squares: three of the five */
    CHECK(*b.across.drain(hear) == 0);
}

void an_answer_for_one_that_has_gone_is_not_for_the_next(void **)
{
    bridged b;
    connection old, stays, next;
    b.add(old);
    b.add(stays);
    b.answer(old.id, "for old");
    b.answer(stays.id, "for stays");
    b.answer(old.id, "for old");
    b.across.remove(old.id);
    b.add(next);
    CHECK((next.id ^ old.id) >> 32 == 0); /* it has the slot */
    b.answer(next.id, "for next");
    CHECK(*b.across.drain(hear) == 2);
    CHECK(old.runs == 0 && stays.heard == "for stays" && next.heard == "for next");
    CHECK(b.across.gone() == 2 && b.answers_out() == 0);
}

void a_callback_may_remove_and_add_connections(void **)
{
    bridged b;
    connection first, second, next;
    b.add(first);
    b.add(second);
    for (int i = 0; i < 3; ++i) {
        b.answer(first.id, "1");
        b.answer(second.id, "2");
    }
    const auto sent = b.across.drain([&](connection &to, handoff::span<ho_buf> answers) {
        hear(to, answers);
        b.across.remove(first.id);
        b.across.remove(second.id);
        b.add(next);
        CHECK_CODE(b.across.drain(hear).error, errc::reentrant);
    });
    CHECK(sent.value == 3 && first.heard == "111" && second.runs == 0 && next.runs == 0);
    CHECK(b.across.gone() == 3 && b.answers_out() == 0);
    CHECK(b.across.find(next.id) == &next);
}

void what_send_takes_out_stays_with_it(void **)
{
    bridged b;
    connection one;
    b.add(one);
    b.answer(one.id, "returned");
    b.answer(one.id, "kept");
    handoff::buffer kept;
    CHECK(b.across.drain([&](connection &, handoff::span<ho_buf> answers) {
        CHECK(answers.size() == 2);
        kept = handoff::buffer::adopt(b.root.raw(), std::exchange(answers[1], ho_buf{}));
    }));
    CHECK(b.answers_out() == 1 && kept.text() == "kept");
    kept.reset();
    CHECK(b.answers_out() == 0);
}

void an_empty_bridge_is_safe(void **)
{
    bridge none;
    connection one;
    CHECK(!none && none.find(1) == nullptr && none.paused() == 0 && none.gone() == 0);
    CHECK_CODE(none.add(one).error, errc::handle);
    CHECK_CODE(none.drain(hear).error, errc::handle);
    CHECK_CODE(none.fd().error, errc::system);
    CHECK_CODE(none.memory().reserve(1).error, errc::handle);
    none.remove(1);
    none.pause(1);
    none.resume([](connection &) { CHECK(false); });
    bridged b;
    const auto id = *b.across.add(one);
    none = std::move(b.across);
    CHECK(!b.across && b.across.find(id) == nullptr && none.find(id) == &one);
    handoff::arena no_arena;
    CHECK_CODE(bridge::open(no_arena, b.egress).error, errc::handle);
    handoff::service no_service;
    CHECK_CODE(bridge::open(b.received, no_service).error, errc::handle);
    b.to_game.reset();
    none = bridge(); /* before its domain */
}

const CMUnitTest tests[] = {
    cmocka_unit_test(an_id_is_never_that_of_the_next_in_its_slot),
    cmocka_unit_test(ids_that_were_never_given_are_nobodys),
    cmocka_unit_test(ids_name_their_network_thread),
    cmocka_unit_test(many_connections_come_and_go),
    cmocka_unit_test(there_is_a_limit_to_connections),
    cmocka_unit_test(answers_come_by_connection),
    cmocka_unit_test(a_drain_takes_all_there_is),
    cmocka_unit_test(an_answer_for_one_that_has_gone_is_not_for_the_next),
    cmocka_unit_test(a_callback_may_remove_and_add_connections),
    cmocka_unit_test(what_send_takes_out_stays_with_it),
    cmocka_unit_test(an_empty_bridge_is_safe),
};

} // namespace

HO_TEST_MAIN(tests)
