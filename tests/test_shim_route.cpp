/* SPDX-License-Identifier: MIT */
/* Where the shim sends: keys, values, partitions, and who takes from them. */
#include "shim_world.hpp"

using handoff::errc;

namespace {

void key_and_value_arrive_and_stay_when_handed_on(void **)
{
    world w;
    auto next = handoff::service::open(w.root);
    auto to_next = handoff::producer::open(*next, w.shard);
    auto from_next = handoff::consumer::open(*next);
    CHECK_CODE(w.out.give_copy("first", {5, 6}), errc::ok);
    CHECK_CODE(w.out.give_copy("second", {5, 6}), errc::ok);
    auto texts = handoff::owner<std::string>::open(w.root);
    CHECK_CODE(give(w.out, *texts, std::string(100, 'x'), {7, 8}), errc::ok);
    auto one = w.in.take();
    CHECK(one && one->key() == 5 && one->value() == 6 && one->domain() == w.root.raw());
    auto part = one->slice(0, 2);
    CHECK(part && part->key() == 5 && part->value() == 6);
    CHECK_CODE(to_next->forward(std::move(*part)), errc::ok);
    auto two = w.in.take();
    CHECK_CODE(to_next->forward(std::move(*two), {9, 10}), errc::ok);
    auto three = w.in.take();
    CHECK(three && three->key() == 7 && three->value() == 8);
    auto kept = from_next->take();
    CHECK(kept && kept->text() == "fi" && kept->key() == 5 && kept->value() == 6);
    auto changed = from_next->take();
    CHECK(changed && changed->key() == 9 && changed->value() == 10);
}

void many_copies_go_in_one_call(void **)
{
    world w;
    std::uint8_t text[] = "abc";
    ho_buf from[3] = {};
    for (std::uint32_t i = 0; i < 3; ++i) {
        from[i].ptr = text + i;
        from[i].len = 1;
        from[i].value = i;
    }
    const auto sent = w.out.give_copy(handoff::span<const ho_buf>(from, 3));
    CHECK(sent && sent.value == 3 && from[2].ptr == text + 2);
    handoff::batch<4> got;
    CHECK_CODE(w.in.take(got), errc::ok);
    CHECK(got.size() == 3 && handoff::text_of(got[2]) == "c" && got[2].value == 2);
}

void a_bound_consumer_gets_what_is_sent_to_its_partition(void **)
{
    handoff::service_options bound;
    bound.partitions = 3;
    bound.consumers = HO_CONSUMERS_BOUND;
    world w(bound); /* whose consumer has the first one */
    CHECK_CODE(handoff::consumer::open(w.calls).error, errc::busy);
    CHECK_CODE(handoff::consumer::open(w.calls, 3).error, errc::range);
    auto last = handoff::consumer::open(w.calls, 2);
    CHECK(last);
    CHECK_CODE(w.out.give_copy("first", {1, 0, 0}), errc::ok);
    CHECK_CODE(w.out.give_copy("last", {1, 0, 2}), errc::ok);
    CHECK_CODE(w.out.give_copy("nowhere", {1, 0, 3}), errc::route);
    auto got = last->take();
    CHECK(got && got->text() == "last" && got->partition() == 2);
    CHECK_CODE(last->take().error, errc::empty);
    CHECK_CODE(last->yield(), errc::ok);
    CHECK_CODE(w.out.forward(std::move(*got), {1, 0, 0}), errc::ok);
    handoff::batch<4> both;
    CHECK_CODE(w.in.take(both), errc::ok);
    CHECK(both.size() == 2 && handoff::text_of(both[1]) == "last");
}

void a_refused_loan_may_be_sent_by_its_key_after_all(void **)
{
    world w;
    auto fresh = w.shard.reserve(8);
    fresh->resize(8);
    CHECK_CODE(w.out.commit(std::move(*fresh), {1, 2, 1}), errc::route);
    CHECK(*fresh && fresh->shard() == w.shard.raw());
    CHECK_CODE(w.out.commit(std::move(*fresh), {1, 2}), errc::ok);
    CHECK(w.in.take()->value() == 2);
}

void a_shared_consumer_leaves_its_partitions_to_others_when_it_yields(void **)
{
    handoff::service_options shared;
    shared.partitions = 2;
    world w(shared);
    auto other = handoff::consumer::open(w.calls);
    CHECK(other);
    send(w, "one");
    send(w, "two");
    auto one = w.in.take();
    CHECK(one && one->text() == "one");
    CHECK_CODE(other->take().error, errc::empty);
    CHECK_CODE(one->reset(), errc::ok);
    CHECK_CODE(w.in.yield(), errc::ok);
    auto two = other->take();
    CHECK(two && two->text() == "two");
}

const CMUnitTest tests[] = {
    cmocka_unit_test(key_and_value_arrive_and_stay_when_handed_on),
    cmocka_unit_test(many_copies_go_in_one_call),
    cmocka_unit_test(a_bound_consumer_gets_what_is_sent_to_its_partition),
    cmocka_unit_test(a_refused_loan_may_be_sent_by_its_key_after_all),
    cmocka_unit_test(a_shared_consumer_leaves_its_partitions_to_others_when_it_yields),
};

} // namespace

HO_TEST_MAIN(tests)
