/* SPDX-License-Identifier: MIT */
/* Owners of given C++ objects: how long they live, where they release, what they allocate. */
#include "shim_given.hpp"

#include <cstdlib>
#include <cstring>
#include <new>
#include <poll.h>
#include <unistd.h>

using handoff::errc;
using handoff::release_mode;

namespace {

std::atomic<int> news{0};           /* calls of the global operator new */
std::atomic<bool> no_memory{false}; /* the nothrow one fails */

void without_memory_for_a_node_an_object_is_as_it_was(void **)
{
    world w;
    auto texts = open_owner<std::string>(w, release_mode::here);
    std::string text = long_text;
    no_memory = true;
    const auto refused = give(w.out, texts, std::move(text));
    const auto not_opened = handoff::owner<std::unique_ptr<int>>::open(w.root);
    no_memory = false;
    CHECK_CODE(refused, errc::no_memory);
    CHECK(text == long_text);
    CHECK_CODE(not_opened.error, errc::no_memory);
    CHECK(!not_opened.value);
    CHECK_CODE(give(w.out, texts, std::move(text)), errc::ok);
}

void an_undelivered_object_is_released_when_its_service_closes(void **)
{
    const int before = freed;
    {
        world w;
        auto lists = open_owner<numbers>(w, release_mode::here);
        CHECK_CODE(give(w.out, lists, numbers(50, 7)), errc::ok);
        w.out.reset();
        w.in.reset();
        CHECK(freed == before);
        CHECK_CODE(w.calls.close(std::chrono::nanoseconds(0)), errc::ok);
        CHECK(freed == before + 1);
    }
    CHECK(freed == before + 1);
}

void a_slice_keeps_a_given_object_alive(void **)
{
    world w;
    auto lists = open_owner<numbers>(w, release_mode::here);
    const int before = freed;
    CHECK_CODE(give(w.out, lists, numbers(50, 7)), errc::ok);
    auto got = w.in.take();
    auto part = got->slice(4, 4);
    CHECK(part);
    CHECK_CODE(got->reset(), errc::ok);
    CHECK(freed == before && part->data()[0] == 7);
    CHECK_CODE(part->reset(), errc::ok);
    CHECK(freed == before + 1);
}

void an_owner_may_go_before_its_objects_do(void **)
{
    world w;
    const int before = freed;
    auto lists = open_owner<numbers>(w, release_mode::here);
    CHECK_CODE(give(w.out, lists, numbers(50, 7)), errc::ok);
    CHECK_CODE(give(w.out, lists, numbers(50, 8)), errc::ok);
    auto first = w.in.take();
    lists.reset();
    CHECK(!lists && freed == before);
    numbers late(10, 1);
    CHECK_CODE(give(w.out, lists, std::move(late)), errc::owner);
    CHECK(late.size() == 10);
    CHECK_CODE(first->reset(), errc::ok);
    CHECK_CODE(w.in.take()->reset(), errc::ok);
    CHECK(freed == before + 2);
}

void an_owner_outlives_the_close_of_its_domain(void **)
{
    world w;
    auto lists = open_owner<numbers>(w, release_mode::here);
    w.out.reset();
    w.shard.reset();
    w.in.reset();
    CHECK_CODE(w.root.close(handoff::forever), errc::ok);
    numbers list(50, 7);
    CHECK_CODE(give(w.out, lists, std::move(list)), errc::handle);
    CHECK(list.size() == 50);
    CHECK_CODE(w.root.destroy(), errc::ok);
}

void an_owner_moves_with_what_it_keeps(void **)
{
    world w;
    const int before = freed;
    auto lists = open_owner<numbers>(w, release_mode::here);
    CHECK_CODE(give(w.out, lists, numbers(50, 7)), errc::ok);
    auto moved = std::move(lists);
    CHECK(!lists && lists.id() == 0 && moved);
    CHECK_CODE(w.in.take()->reset(), errc::ok);
    CHECK(freed == before + 1);
    CHECK_CODE(give(w.out, moved, numbers(50, 7)), errc::ok);
}

void draining_destroys_on_the_draining_thread(void **)
{
    world w;
    auto packets = open_owner<packet>(w, release_mode::event);
    std::thread::id died_on;
    packet sent;
    sent.died_on = &died_on;
    CHECK_CODE(give(w.out, packets, std::move(sent), handoff::bytes_of(sent.inside, 6)), errc::ok);
    const auto fd = packets.fd();
    CHECK(fd);
    pollfd told{fd.value, POLLIN, 0};
    CHECK(poll(&told, 1, 0) == 0);
    std::thread([&w] { CHECK_CODE(w.in.take()->reset(), errc::ok); }).join();
    CHECK(poll(&told, 1, 1000) == 1);
    CHECK(died_on == std::thread::id());
    CHECK(packets.drain());
    CHECK(died_on == std::this_thread::get_id());
    CHECK(poll(&told, 1, 0) == 0);
    CHECK(close(fd.value) == 0);
}

void a_steady_flow_allocates_no_nodes(void **)
{
    world w;
    auto packets = open_owner<packet>(w, release_mode::here);
    auto pointers = open_owner<std::unique_ptr<packet>>(w, release_mode::here);
    int after_first_round = 0;
    for (int round = 0; round < 100; ++round) {
        const int before = news;
        packet moved;
        auto pointed = std::make_unique<packet>();
        const auto bytes = handoff::bytes_of(pointed->inside, 6);
        const int made = news - before; /* by the lines above, not by giving */
        CHECK_CODE(give(w.out, packets, std::move(moved), handoff::bytes_of(moved.inside, 6)),
                   errc::ok);
        CHECK_CODE(give(w.out, pointers, std::move(pointed), bytes), errc::ok);
        CHECK_CODE(w.in.take()->reset(), errc::ok);
        CHECK_CODE(w.in.take()->reset(), errc::ok);
        if (round == 0)
            after_first_round = news - before - made;
        else
            CHECK(news - before == made);
    }
    CHECK(after_first_round == 1); /* the one node, of the one packet that is out at a time */
}

void nodes_come_back_from_other_threads_while_the_giver_gives(void **)
{
    constexpr int count = 20000;
    handoff::service_options shared;
    shared.partitions = 64;
    world w(shared);
    auto second = handoff::consumer::open(w.calls);
    CHECK(second);
    auto lists = open_owner<numbers>(w, release_mode::here);
    const int before = freed;
    std::atomic<int> wrong{0};
    const auto serve = [&wrong](handoff::consumer &from) {
        handoff::batch<16> got;
        while (from.wait(handoff::forever) == errc::ok && from.take(got) != errc::closed)
            for (ho_buf &each : got)
                wrong += each.len != 8 || std::memcmp(each.ptr, each.ptr + 4, 4) != 0;
    };
    std::thread one([&] { serve(w.in); });
    std::thread other([&] { serve(*second); });
    for (std::uint32_t i = 0; i < count; ++i) {
        numbers list(2, i);
        while (give(w.out, lists, std::move(list), {i}) == errc::full)
            std::this_thread::yield();
    }
    w.calls.close(std::chrono::nanoseconds(0));
    one.join();
    other.join();
    CHECK(wrong == 0 && freed == before + count);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(without_memory_for_a_node_an_object_is_as_it_was),
    cmocka_unit_test(an_undelivered_object_is_released_when_its_service_closes),
    cmocka_unit_test(a_slice_keeps_a_given_object_alive),
    cmocka_unit_test(an_owner_may_go_before_its_objects_do),
    cmocka_unit_test(an_owner_outlives_the_close_of_its_domain),
    cmocka_unit_test(an_owner_moves_with_what_it_keeps),
    cmocka_unit_test(draining_destroys_on_the_draining_thread),
    cmocka_unit_test(a_steady_flow_allocates_no_nodes),
    cmocka_unit_test(nodes_come_back_from_other_threads_while_the_giver_gives),
};

} // namespace

/* Counted, and otherwise as they are. Inlined, their free() would seem to miss its malloc(). */
void *operator new(std::size_t size)
{
    ++news;
    void *p = std::malloc(size);
    if (p == nullptr)
        std::abort();
    return p;
}
void *operator new(std::size_t size, const std::nothrow_t &) noexcept
{
    ++news;
    return no_memory ? nullptr : std::malloc(size);
}
[[gnu::noinline]] void operator delete(void *p) noexcept
{
    std::free(p);
}
[[gnu::noinline]] void operator delete(void *p, std::size_t) noexcept
{
    std::free(p);
}

HO_TEST_MAIN(tests)
