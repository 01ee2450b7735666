/* SPDX-License-Identifier: MIT */
/* The C++ shim: statuses, handles, buffers, batches. Memory is in test_shim_memory.cpp, gives in
 * test_shim_give.cpp, keys and partitions in test_shim_route.cpp. */
#include "shim_world.hpp"

#include <cstring>
#include <vector>
#include <unistd.h>

using handoff::errc;

namespace {

template <class T>
constexpr bool moves_only =
    std::is_nothrow_move_constructible_v<T> &&std::is_nothrow_move_assignable_v<T> &&
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;

static_assert(moves_only<handoff::domain> && moves_only<handoff::service>);
static_assert(moves_only<handoff::arena> && moves_only<handoff::shard>);
static_assert(moves_only<handoff::producer> && moves_only<handoff::consumer>);
static_assert(moves_only<handoff::buffer> && moves_only<handoff::loan>);
static_assert(moves_only<handoff::owner<std::string>>);
static_assert(!std::is_move_constructible_v<handoff::batch<4>>);
static_assert(alignof(handoff::shard) == 128 && sizeof(handoff::shard) == 128);
static_assert(alignof(handoff::producer) == 128 && sizeof(handoff::producer) == 128);
static_assert(alignof(handoff::consumer) == 128 && sizeof(handoff::consumer) == 128);
static_assert(alignof(handoff::batch<4>) == 128 && sizeof(handoff::batch<4>) % 128 == 0);
static_assert(std::is_error_code_enum_v<errc> && std::is_nothrow_default_constructible_v<errc>);
/* Views widen to const only; a taken buffer is no loan, so committing it does not compile. */
static_assert(std::is_convertible_v<std::vector<std::uint8_t> &, handoff::const_bytes>);
static_assert(!std::is_convertible_v<handoff::const_bytes, handoff::bytes>);
static_assert(!std::is_convertible_v<handoff::buffer, handoff::loan>);
static_assert(!std::is_convertible_v<handoff::loan, handoff::buffer>);

void every_status_has_its_name_and_its_advice(void **)
{
#define CHECK_MESSAGE(name, value, text)                                                           \
    CHECK(handoff::to_error_code(value).message() == std::string(#name ": ") + (text));
    HO_STATUS_MAP(CHECK_MESSAGE)
#undef CHECK_MESSAGE
    CHECK(handoff::to_error_code(-9999).message().find("HO_UNKNOWN: ") == 0);
    CHECK(std::strcmp(handoff::category().name(), "handoff") == 0);
}

void only_done_is_false_and_flow_outcomes_are_codes_too(void **)
{
    CHECK(!std::error_code(errc::ok));
    CHECK(std::error_code(errc::full) && std::error_code(errc::stale));
    CHECK(std::error_code(errc::full) == handoff::to_error_code(HO_FULL));
    CHECK(std::error_code(errc::full) != errc::stale);
    CHECK(std::error_code(errc::full) == std::errc::resource_unavailable_try_again);
    CHECK(std::error_code(errc::timeout) == std::errc::timed_out);
    CHECK(std::error_code(errc::no_memory) == std::errc::not_enough_memory);
    CHECK(std::error_code(errc::busy) == std::errc::device_or_resource_busy);
    CHECK(std::error_code(errc::invalid) == std::errc::invalid_argument);
    CHECK(std::error_code(errc::stale) != std::errc::invalid_argument);
}

void a_loan_arrives_as_a_buffer_over_the_same_bytes(void **)
{
    world w;
    auto fresh = w.shard.reserve(100);
    CHECK(fresh && fresh->size() == 0 && fresh->capacity() == 100);
    CHECK(fresh->room().size() == 100);
    const auto *where = fresh->data();
    std::memcpy(fresh->data(), "hello", 5);
    fresh->resize(5);
    CHECK_CODE(w.out.commit(std::move(*fresh), {77}), errc::ok);
    CHECK(!fresh.value);

    auto got = w.in.take();
    CHECK(got);
    CHECK(got->data() == where && got->text() == "hello" && got->key() == 77);
    CHECK(got->bytes().size() == 5 && got->bytes()[4] == 'o');
    CHECK_CODE(w.in.take().error, errc::empty);
}

void a_moved_from_buffer_is_empty_and_assigning_returns_the_old_one(void **)
{
    world w;
    send(w, "one");
    send(w, "two");
    auto first = std::move(*w.in.take());
    auto moved = std::move(first);
    CHECK(!first && first.data() == nullptr && first.size() == 0);
    CHECK(moved && moved.text() == "one");
    CHECK_CODE(first.reset(), errc::ok);

    moved = std::move(*w.in.take());
    CHECK(moved.text() == "two");
    CHECK(w.memory().buffers_out == 1);
    CHECK_CODE(moved.reset(), errc::ok);
    CHECK(!moved && w.memory().buffers_out == 0);
}

void a_released_descriptor_is_the_callers_and_can_be_adopted(void **)
{
    world w;
    send(w, "mine");
    ho_buf raw;
    {
        auto got = w.in.take();
        raw = got->release();
        CHECK(!got.value);
    }
    CHECK(w.memory().buffers_out == 1);
    {
        const auto again = handoff::buffer::adopt(w.root.raw(), raw);
        CHECK(again.text() == "mine");
    }
    CHECK(w.memory().buffers_out == 0);
    const auto twice = w.root.return_all({&raw, 1});
    CHECK_CODE(twice.error, errc::stale);
    CHECK(twice.value == 0);
}

void a_refused_commit_leaves_the_loan_with_the_caller(void **)
{
    handoff::service_options two_slots;
    two_slots.lane_slots = 2;
    world w(two_slots);
    send(w, "a");
    send(w, "b");
    auto fresh = w.shard.reserve(64);
    std::memcpy(fresh->data(), "c", 1);
    fresh->resize(1);
    CHECK_CODE(w.out.commit(std::move(*fresh), {1}), errc::full);
    CHECK(fresh->text() == "c");
    {
        auto got = w.in.take();
    }
    CHECK_CODE(w.out.commit(std::move(*fresh), {1}), errc::ok);

    handoff::batch<4> got;
    CHECK_CODE(w.in.take(got), errc::ok);
    CHECK(got.size() == 2 && handoff::text_of(got[1]) == "c");
}

void a_batch_returns_what_it_still_holds(void **)
{
    world w;
    handoff::buffer kept;
    {
        handoff::batch<2> got;
        for (const auto *text : {"one", "two", "three"})
            send(w, text);
        CHECK_CODE(w.in.take(got), errc::ok);
        CHECK(got.size() == 2 && !got.empty());
        kept = got.keep(0);
        CHECK_CODE(w.in.take(got), errc::ok);
        CHECK(got.size() == 1 && w.memory().buffers_out == 2);
        CHECK(handoff::text_of(*got.begin()) == "three");
    }
    CHECK(kept.text() == "one" && w.memory().buffers_out == 1);
}

void a_batch_returns_the_rest_when_one_of_it_was_returned_before(void **)
{
    world w;
    handoff::batch<4> got;
    for (const auto *text : {"one", "two", "three"})
        send(w, text);
    CHECK_CODE(w.in.take(got), errc::ok);
    ho_buf copy = got[1];
    CHECK_CODE(w.root.return_all({&copy, 1}).error, errc::ok);
    CHECK_CODE(got.reset(), errc::stale);
    CHECK(got.empty() && w.memory().buffers_out == 0);
}

void a_batch_can_be_committed_and_forwarded_as_a_whole(void **)
{
    world w;
    handoff::service_options two_slots;
    two_slots.lane_slots = 2;
    auto next = handoff::service::open(w.root, two_slots);
    auto to_next = handoff::producer::open(*next, w.shard);
    auto from_next = handoff::consumer::open(*next);
    ho_buf loans[3];
    const auto made = w.shard.reserve(8, handoff::span<ho_buf>(loans, 3));
    CHECK(made && made.value == 3);
    for (auto &each : loans) {
        each.len = 8;
        each.key = 5;
    }
    const auto sent = w.out.commit(handoff::span<ho_buf>(loans, 3));
    CHECK(sent && sent.value == 3 && loans[2].kind == HO_KIND_EMPTY);

    handoff::batch<4> got;
    CHECK_CODE(w.in.take(got), errc::ok);
    const auto passed = to_next->forward(got.bufs());
    CHECK_CODE(passed.error, errc::full);
    CHECK(passed.value == 2 && got[1].kind == HO_KIND_EMPTY && got[2].kind == HO_KIND_ARENA);
    CHECK_CODE(got.reset(), errc::ok);
    CHECK(w.memory().buffers_out == 2);
    auto one = from_next->take();
    CHECK(one && one->key() == 5);
    CHECK_CODE(to_next->forward(std::move(*one)), errc::ok);
    CHECK(!one.value);
}

void a_slice_outlives_its_buffer_and_can_be_compacted(void **)
{
    world w;
    send(w, "a long story");
    handoff::buffer word;
    {
        auto got = w.in.take();
        auto part = got->slice(2, 4);
        CHECK(part);
        word = std::move(*part);
        CHECK_CODE(got->slice(10, 3).error, errc::range);
    }
    CHECK(word.text() == "long");
    const auto *where = word.data();
    CHECK_CODE(w.shard.compact(word), errc::ok);
    CHECK(word.text() == "long" && word.data() != where);
}

void copies_options_and_deferred_publishing_work(void **)
{
    world w;
    handoff::reserve_options room;
    room.headroom = 32;
    room.align_log2 = 8;
    auto fresh = w.shard.reserve(100, room);
    CHECK(fresh && reinterpret_cast<std::uintptr_t>(fresh->data()) % 256 == 0);
    CHECK_CODE(w.out.give_copy("later", {1, 0, handoff::by_key, HO_MORE}), errc::ok);
    CHECK_CODE(w.in.take().error, errc::empty);
    CHECK_CODE(w.out.flush(), errc::ok);
    auto got = w.in.take();
    CHECK(got && got->text() == "later");
    CHECK_CODE(w.out.give_copy(handoff::const_bytes(nullptr, 1)), errc::invalid);
}

void waiting_times_out_and_the_descriptor_is_there(void **)
{
    world w;
    CHECK_CODE(w.in.wait(std::chrono::milliseconds(1)), errc::timeout);
    const auto fd = w.in.fd();
    CHECK(fd && fd.value >= 0 && close(fd.value) == 0);
    send(w, "here");
    CHECK_CODE(w.in.wait(handoff::forever), errc::ok);
    CHECK(w.in.take());
}

void empty_objects_refuse_with_a_status(void **)
{
    handoff::domain root;
    handoff::arena memory;
    handoff::service calls;
    handoff::shard shard;
    handoff::producer out;
    handoff::consumer in;
    handoff::batch<2> got;
    handoff::owner<std::string> texts;
    CHECK_CODE(handoff::service::open(root).error, errc::handle);
    CHECK_CODE(handoff::arena::open(root).error, errc::handle);
    CHECK_CODE(handoff::shard::open(memory).error, errc::handle);
    CHECK_CODE(handoff::producer::open(calls, shard).error, errc::handle);
    CHECK_CODE(memory.trim().error, errc::handle);
    CHECK_CODE(memory.read_stats().error, errc::handle);
    CHECK_CODE(shard.reserve(1).error, errc::handle);
    CHECK_CODE(shard.fd().error, errc::handle);
    CHECK_CODE(shard.close(), errc::handle);
    CHECK_CODE(in.take(got), errc::handle);
    CHECK_CODE(in.take().error, errc::handle);
    CHECK_CODE(in.yield(), errc::handle);
    CHECK_CODE(give(out, texts, std::string(100, 'x')), errc::owner);
    CHECK_CODE(texts.drain().error, errc::handle);
    CHECK(!root && !memory && !shard && !out && !in && !texts && got.empty());
}

void a_busy_domain_stays_until_everything_is_back(void **)
{
    world w;
    send(w, "held");
    auto got = w.in.take();
    w.out.reset();
    w.shard.reset();
    w.in.reset();
    handoff::outstanding out;
    CHECK_CODE(w.root.close(std::chrono::nanoseconds(0), &out), errc::timeout);
    CHECK(out.buffers == 1 && out.oldest[0] == got->raw().handle);
    CHECK_CODE(w.root.destroy(), errc::busy);
    CHECK(w.root && got->text() == "held");
    CHECK_CODE(got->reset(), errc::ok);
    CHECK_CODE(w.root.close(handoff::forever), errc::ok);
    CHECK_CODE(w.root.destroy(), errc::ok);
    CHECK(!w.root);
}

void a_deadline_that_has_passed_only_looks(void **)
{
    world w;
    const std::chrono::nanoseconds late[] = {std::chrono::nanoseconds(-1), std::chrono::hours(-1),
                                             std::chrono::nanoseconds::min()};
    send(w, "held");
    auto got = w.in.take();
    for (const auto timeout : late)
        CHECK_CODE(w.in.wait(timeout), errc::timeout);
    handoff::outstanding out;
    for (const auto timeout : late)
        CHECK_CODE(w.root.close(timeout, &out), errc::timeout);
    CHECK(out.buffers == 1);
    auto other = handoff::domain::create();
    auto service = handoff::service::open(*other);
    auto in = handoff::consumer::open(*service);
    auto memory = handoff::arena::open(*other);
    auto shard = handoff::shard::open(*memory);
    for (const auto timeout : late) {
        CHECK_CODE(service->close(timeout), errc::timeout);
        CHECK_CODE(memory->close(timeout), errc::timeout);
    }
}

const CMUnitTest tests[] = {
    cmocka_unit_test(every_status_has_its_name_and_its_advice),
    cmocka_unit_test(only_done_is_false_and_flow_outcomes_are_codes_too),
    cmocka_unit_test(a_loan_arrives_as_a_buffer_over_the_same_bytes),
    cmocka_unit_test(a_moved_from_buffer_is_empty_and_assigning_returns_the_old_one),
    cmocka_unit_test(a_released_descriptor_is_the_callers_and_can_be_adopted),
    cmocka_unit_test(a_refused_commit_leaves_the_loan_with_the_caller),
    cmocka_unit_test(a_batch_returns_what_it_still_holds),
    cmocka_unit_test(a_batch_returns_the_rest_when_one_of_it_was_returned_before),
    cmocka_unit_test(a_batch_can_be_committed_and_forwarded_as_a_whole),
    cmocka_unit_test(a_slice_outlives_its_buffer_and_can_be_compacted),
    cmocka_unit_test(copies_options_and_deferred_publishing_work),
    cmocka_unit_test(waiting_times_out_and_the_descriptor_is_there),
    cmocka_unit_test(a_deadline_that_has_passed_only_looks),
    cmocka_unit_test(empty_objects_refuse_with_a_status),
    cmocka_unit_test(a_busy_domain_stays_until_everything_is_back),
};

} // namespace

HO_TEST_MAIN(tests)
