/* SPDX-License-Identifier: MIT */
/* The shim's arenas and shards, and the loans that come from them. */
#include "shim_world.hpp"

#include <cstring>
#include <poll.h>
#include <unistd.h>

using handoff::errc;

namespace {

void a_dropped_loan_is_aborted(void **)
{
    world w;
    {
        auto fresh = w.shard.reserve(64);
        CHECK(fresh && w.memory().loans_out == 1);
        handoff::loan other = std::move(*fresh);
        CHECK(w.memory().loans_out == 1);
    }
    CHECK(w.memory().loans_out == 0);
    CHECK_CODE(w.in.take().error, errc::empty);
}

void a_split_loan_is_two_loans_over_the_same_bytes(void **)
{
    world w;
    auto read = w.shard.reserve(64);
    std::memcpy(read->data(), "headtail", 8);
    const auto *where = read->data();
    auto front = w.shard.split(*read, 4);
    CHECK(front && front->text() == "head");
    CHECK(read->data() == where + 4 && read->capacity() == 60);
    read->resize(4);
    CHECK_CODE(w.out.commit(std::move(*front), {1}), errc::ok);
    CHECK_CODE(w.out.commit(std::move(*read), {1}), errc::ok);
    handoff::batch<4> got;
    CHECK_CODE(w.in.take(got), errc::ok);
    CHECK(got.size() == 2 && handoff::text_of(got[0]) == "head" &&
          handoff::text_of(got[1]) == "tail");
    CHECK(got[0].ptr == where);
    CHECK_CODE(w.shard.split(*read, 1).error, errc::kind);
}

void producers_over_one_shard_share_its_segment(void **)
{
    world w;
    auto next = handoff::service::open(w.root);
    auto to_next = handoff::producer::open(*next, w.shard);
    auto from_next = handoff::consumer::open(*next);
    CHECK(next && to_next && from_next && w.memory().segments_held == 0);
    auto first = w.shard.reserve(1500);
    const auto *where = first->data();
    first->resize(64);
    CHECK_CODE(to_next->commit(std::move(*first)), errc::ok);
    auto second = w.shard.reserve(1500);
    CHECK(second && second->data() == where + 64); /* what was not used went back */
    CHECK_CODE(w.out.give_copy("a copy"), errc::ok);
    CHECK(w.memory().segments_in_use == 1 && w.memory().shards == 1 && w.memory().copies == 1);
    CHECK(w.in.take() && from_next->take());
}

void a_shard_closes_after_its_producers_and_an_arena_after_its_shards(void **)
{
    world w;
    send(w, "held");
    auto got = w.in.take();
    CHECK_CODE(w.shard.close(), errc::busy);
    CHECK(w.shard);
    w.out.reset();
    handoff::outstanding out;
    CHECK_CODE(w.arena.close(std::chrono::nanoseconds(0), &out), errc::timeout);
    CHECK(w.arena && out.handles == 1 && out.buffers == 1);
    CHECK_CODE(w.shard.close(), errc::ok);
    CHECK_CODE(w.shard.reserve(1).error, errc::handle);
    CHECK_CODE(got->reset(), errc::ok);
    CHECK_CODE(w.arena.close(handoff::forever), errc::ok);
    CHECK(!w.shard && !w.arena);
}

void a_budget_bounds_an_arena_and_its_shard_tells_when_memory_is_back(void **)
{
    const auto root = *handoff::domain::create();
    handoff::arena_options one_segment;
    one_segment.budget_bytes = 1;
    CHECK_CODE(handoff::arena::open(root, one_segment).error, errc::range);
    one_segment.budget_bytes = 256u << 10;
    auto arena = *handoff::arena::open(root, one_segment);
    auto shard = *handoff::shard::open(arena);
    const auto fd = shard.fd();
    CHECK(fd);
    pollfd told{fd.value, POLLIN, 0};
    auto all = shard.reserve(256u << 10);
    CHECK(all);
    CHECK_CODE(shard.reserve(1).error, errc::full);
    CHECK(poll(&told, 1, 0) == 0);
    CHECK_CODE(all->reset(), errc::ok);
    CHECK(shard.reserve(1));
    CHECK(close(fd.value) == 0);
    CHECK_CODE(shard.close(), errc::ok);
    const auto freed = arena.trim();
    CHECK(freed && freed.value == 256u << 10 && arena.read_stats()->segments_held == 0);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_dropped_loan_is_aborted),
    cmocka_unit_test(a_split_loan_is_two_loans_over_the_same_bytes),
    cmocka_unit_test(producers_over_one_shard_share_its_segment),
    cmocka_unit_test(a_shard_closes_after_its_producers_and_an_arena_after_its_shards),
    cmocka_unit_test(a_budget_bounds_an_arena_and_its_shard_tells_when_memory_is_back),
};

} // namespace

HO_TEST_MAIN(tests)
