/* SPDX-License-Identifier: MIT */
/* Giving C++ objects: every kind there and back, released exactly once, kept when refused. */
#include "shim_world.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <poll.h>
#include <thread>
#include <vector>

using handoff::errc;
using handoff::release_mode;

namespace {

std::atomic<int> news{0};           /* calls of the global operator new */
std::atomic<bool> no_memory{false}; /* the nothrow one fails */
std::atomic<int> freed{0};          /* releases that the types below saw */

/* A vector's memory says when it is freed. */
template <class T> struct counting_allocator {
    using value_type = T;
    counting_allocator() = default;
    template <class U> counting_allocator(const counting_allocator<U> &) noexcept {}
    T *allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
    void deallocate(T *p, std::size_t n) noexcept
    {
        ++freed;
        std::allocator<T>().deallocate(p, n);
    }
    bool operator==(const counting_allocator &) const noexcept { return true; }
    bool operator!=(const counting_allocator &) const noexcept { return false; }
};
using numbers = std::vector<std::uint32_t, counting_allocator<std::uint32_t>>;

struct counting_delete {
    template <class T> void operator()(T *p) const noexcept
    {
        ++freed;
        std::default_delete<T>()(p);
    }
};
struct counting_array_delete {
    void operator()(char *p) const noexcept
    {
        ++freed;
        delete[] p;
    }
};

/* A packet as servers have them: bytes inside, bytes outside, counted once while it holds them. */
struct packet {
    char inside[24] = "inside of the packet";
    std::unique_ptr<std::string, counting_delete> outside{new std::string(40, 'o')};
    std::thread::id *died_on = nullptr;

    packet() = default;
    packet(packet &&) noexcept = default;
    packet &operator=(packet &&) noexcept = default;
    ~packet()
    {
        if (outside != nullptr && died_on != nullptr)
            *died_on = std::this_thread::get_id();
    }
};

const std::string long_text(100, 'x');

/* Takes one message, checks it, returns it, and drains where the mode asks for that: after it the
 * object must have been released, once more than before, and not earlier. */
template <class T>
void comes_back_once(world &w, handoff::owner<T> &by, release_mode mode, const void *where,
                     std::string_view text, bool counted = true)
{
    const int before = freed;
    auto got = w.in.take();
    CHECK(got && got->text() == text && got->key() == 9);
    CHECK(got->raw().kind == HO_KIND_FOREIGN && got->raw().owner == by.id());
    CHECK(where == nullptr || got->data() == where);
    CHECK(freed == before && w.stats().foreign_out == 1);
    CHECK_CODE(got->reset(), errc::ok);
    if (mode != release_mode::here) {
        CHECK(freed == before);
        const auto drained = by.drain();
        CHECK(drained && drained.value == 1);
        CHECK_CODE(by.drain().error, errc::empty);
    }
    CHECK(w.stats().foreign_out == 0);
    CHECK(freed == before + (counted ? 1 : 0));
}

template <class T> handoff::owner<T> open_owner(world &w, release_mode mode)
{
    auto by = handoff::owner<T>::open(w.root, mode);
    CHECK(by && by->id() != 0);
    return std::move(*by);
}

std::string_view view(const void *bytes, std::size_t len)
{
    return {static_cast<const char *>(bytes), len};
}

void strings_and_vectors_in(release_mode mode)
{
    world w;
    auto texts = open_owner<std::string>(w, mode);
    std::string text = long_text;
    const void *where = text.data();
    CHECK_CODE(give(w.out, texts, std::move(text), {9}), errc::ok);
    CHECK(text.empty()); // NOLINT: moved-from on purpose
    comes_back_once(w, texts, mode, where, long_text, false);

    auto lists = open_owner<numbers>(w, mode);
    numbers list(50, 7);
    where = list.data();
    const std::string content(view(where, list.size() * 4));
    CHECK_CODE(give(w.out, lists, std::move(list), {9}), errc::ok);
    CHECK(list.empty()); // NOLINT
    comes_back_once(w, lists, mode, where, content);
}

void pointers_in(release_mode mode)
{
    world w;
    using array = std::unique_ptr<char[], counting_array_delete>;
    auto arrays = open_owner<array>(w, mode);
    array chars(new char[4]{'a', 'b', 'c', 'd'});
    const void *where = chars.get();
    CHECK_CODE(give(w.out, arrays, std::move(chars), 3, {9}), errc::ok);
    CHECK(chars == nullptr); // NOLINT
    comes_back_once(w, arrays, mode, where, "abc");

    using one = std::unique_ptr<std::string, counting_delete>;
    auto ones = open_owner<one>(w, mode);
    one text(new std::string("short"));
    where = text->data();
    CHECK_CODE(give(w.out, ones, std::move(text), handoff::bytes_of(where, 5), {9}), errc::ok);
    CHECK(text == nullptr); // NOLINT
    comes_back_once(w, ones, mode, where, "short");

    auto shares = open_owner<std::shared_ptr<const void>>(w, mode);
    std::shared_ptr<const std::string> shared(new std::string("shared"), counting_delete());
    const auto bytes = handoff::bytes_of(shared->data(), 6);
    CHECK_CODE(give(w.out, shares, shared, bytes, {9}), errc::ok);
    CHECK(shared.use_count() == 2);
    comes_back_once(w, shares, mode, bytes.data(), "shared", false);
    CHECK(shared.use_count() == 1);
    CHECK_CODE(give(w.out, shares, std::move(shared), bytes, {9}), errc::ok);
    CHECK(shared == nullptr); // NOLINT
    comes_back_once(w, shares, mode, bytes.data(), "shared");
}

void packets_in(release_mode mode)
{
    world w;
    auto packets = open_owner<packet>(w, mode);
    packet first;
    const void *where = first.outside->data();
    CHECK_CODE(give(w.out, packets, std::move(first), handoff::bytes_of(where, 40), {9}), errc::ok);
    CHECK(first.outside == nullptr); // NOLINT
    comes_back_once(w, packets, mode, where, std::string(40, 'o'));

    packet second;
    const auto inside = handoff::bytes_of(second.inside + 7, 6);
    CHECK_CODE(give(w.out, packets, std::move(second), inside, {9}), errc::ok);
    std::memset(second.inside, '-', sizeof second.inside);
    comes_back_once(w, packets, mode, nullptr, "of the");
}

void every_kind_comes_back_once_where_it_is_returned(void **)
{
    strings_and_vectors_in(release_mode::here);
    pointers_in(release_mode::here);
    packets_in(release_mode::here);
}

void every_kind_comes_back_once_when_its_owner_drains(void **)
{
    strings_and_vectors_in(release_mode::drained);
    pointers_in(release_mode::drained);
    packets_in(release_mode::drained);
}

void every_kind_comes_back_once_when_its_owner_is_told(void **)
{
    strings_and_vectors_in(release_mode::event);
    pointers_in(release_mode::event);
    packets_in(release_mode::event);
}

void a_short_string_is_copied_and_cleared(void **)
{
    world w;
    auto texts = open_owner<std::string>(w, release_mode::here);
    std::string text = "short";
    CHECK_CODE(give(w.out, texts, std::move(text), {9}), errc::ok);
    CHECK(text.empty()); // NOLINT
    auto got = w.in.take();
    CHECK(got && got->text() == "short" && got->raw().kind == HO_KIND_ARENA);
    CHECK(w.stats().copies == 1 && w.stats().foreign_out == 0);
}

/* The producer's lane is full when this has run. */
void fill(world &w)
{
    std::error_code code;
    while (!code)
        code = w.out.give_copy("filler", {9});
    CHECK_CODE(code, errc::full);
}

void refused_strings_and_vectors_are_unchanged(world &w, errc why)
{
    auto texts = open_owner<std::string>(w, release_mode::here);
    std::string tiny = "tiny";
    std::string text = long_text;
    const void *where = text.data();
    CHECK_CODE(give(w.out, texts, std::move(tiny), {9}), why);
    CHECK_CODE(give(w.out, texts, std::move(text), {9}), why);
    CHECK(tiny == "tiny" && text == long_text && text.data() == where); // NOLINT

    auto lists = open_owner<numbers>(w, release_mode::here);
    numbers list(50, 7);
    where = list.data();
    CHECK_CODE(give(w.out, lists, std::move(list), {9}), why);
    CHECK(list.size() == 50 && list.data() == where); // NOLINT
}

void refused_pointers_and_packets_are_unchanged(world &w, errc why)
{
    using array = std::unique_ptr<char[], counting_array_delete>;
    auto arrays = open_owner<array>(w, release_mode::here);
    array chars(new char[2]{'a', 'b'});
    const auto *where = chars.get();
    CHECK_CODE(give(w.out, arrays, std::move(chars), 2, {9}), why);
    CHECK(chars.get() == where); // NOLINT

    auto shares = open_owner<std::shared_ptr<const void>>(w, release_mode::here);
    auto shared = std::make_shared<std::string>("shared");
    const auto *text = shared.get();
    CHECK_CODE(give(w.out, shares, std::move(shared), handoff::bytes_of(text->data(), 6)), why);
    CHECK(shared.get() == text && shared.use_count() == 1); // NOLINT

    auto packets = open_owner<packet>(w, release_mode::here);
    packet sent;
    const auto *outside = sent.outside.get();
    CHECK_CODE(give(w.out, packets, std::move(sent), handoff::bytes_of(sent.inside, 6), {9}), why);
    CHECK(sent.outside.get() == outside && std::strcmp(sent.inside, "inside of the packet") == 0);
}

void a_refused_object_is_as_it_was(void **)
{
    handoff::service_options two_slots;
    two_slots.lane_slots = 2;
    const int before = freed;
    world w(two_slots);
    fill(w);
    refused_strings_and_vectors_are_unchanged(w, errc::full);
    CHECK(freed == before + 1); /* the test's own vector */
    refused_pointers_and_packets_are_unchanged(w, errc::full);
    CHECK(freed == before + 3);
    w.out.reset();
    refused_strings_and_vectors_are_unchanged(w, errc::handle);
    refused_pointers_and_packets_are_unchanged(w, errc::handle);
    CHECK(freed == before + 6);
}

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
    CHECK(text == long_text); // NOLINT
    CHECK_CODE(not_opened.error, errc::no_memory);
    CHECK(!not_opened.value);
    CHECK_CODE(give(w.out, texts, std::move(text)), errc::ok);
}

void a_dropped_object_is_gone_and_released_once(void **)
{
    handoff::service_options dropping;
    dropping.lane_slots = 2;
    dropping.policy = HO_POLICY_DROP_NEWEST;
    world w(dropping);
    CHECK_CODE(w.out.give_copy("1"), errc::ok);
    CHECK_CODE(w.out.give_copy("2"), errc::ok);
    auto lists = open_owner<numbers>(w, release_mode::here);
    numbers list(50, 7);
    const int before = freed;
    CHECK_CODE(give(w.out, lists, std::move(list)), errc::dropped);
    CHECK(list.empty() && freed == before + 1); // NOLINT
    auto texts = open_owner<std::string>(w, release_mode::here);
    std::string tiny = "tiny";
    CHECK_CODE(give(w.out, texts, std::move(tiny)), errc::dropped);
    CHECK(tiny.empty()); // NOLINT
}

void an_undelivered_object_is_released_when_the_ends_close(void **)
{
    const int before = freed;
    {
        world w;
        auto lists = open_owner<numbers>(w, release_mode::here);
        CHECK_CODE(give(w.out, lists, numbers(50, 7)), errc::ok);
        w.calls.close(std::chrono::nanoseconds(0));
        w.out.reset();
        w.in.reset();
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
    CHECK(late.size() == 10); // NOLINT
    CHECK_CODE(first->reset(), errc::ok);
    CHECK_CODE(w.in.take()->reset(), errc::ok);
    CHECK(freed == before + 2);
}

void an_owner_outlives_the_close_of_its_domain(void **)
{
    world w;
    auto lists = open_owner<numbers>(w, release_mode::here);
    w.out.reset();
    w.in.reset();
    CHECK_CODE(w.root.close(handoff::forever), errc::ok);
    numbers list(50, 7);
    CHECK_CODE(give(w.out, lists, std::move(list)), errc::handle);
    CHECK(list.size() == 50); // NOLINT
    CHECK_CODE(w.root.destroy(), errc::ok);
}

void an_owner_moves_with_what_it_keeps(void **)
{
    world w;
    const int before = freed;
    auto lists = open_owner<numbers>(w, release_mode::here);
    CHECK_CODE(give(w.out, lists, numbers(50, 7)), errc::ok);
    auto moved = std::move(lists);
    CHECK(!lists && lists.id() == 0 && moved); // NOLINT
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
    world w;
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
        while (give(w.out, lists, std::move(list), {i}) == errc::full) // NOLINT: refused, so kept
            std::this_thread::yield();
    }
    w.calls.close(std::chrono::nanoseconds(0));
    one.join();
    other.join();
    CHECK(wrong == 0 && freed == before + count);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(every_kind_comes_back_once_where_it_is_returned),
    cmocka_unit_test(every_kind_comes_back_once_when_its_owner_drains),
    cmocka_unit_test(every_kind_comes_back_once_when_its_owner_is_told),
    cmocka_unit_test(a_short_string_is_copied_and_cleared),
    cmocka_unit_test(a_refused_object_is_as_it_was),
    cmocka_unit_test(without_memory_for_a_node_an_object_is_as_it_was),
    cmocka_unit_test(a_dropped_object_is_gone_and_released_once),
    cmocka_unit_test(an_undelivered_object_is_released_when_the_ends_close),
    cmocka_unit_test(a_slice_keeps_a_given_object_alive),
    cmocka_unit_test(an_owner_may_go_before_its_objects_do),
    cmocka_unit_test(an_owner_outlives_the_close_of_its_domain),
    cmocka_unit_test(an_owner_moves_with_what_it_keeps),
    cmocka_unit_test(draining_destroys_on_the_draining_thread),
    cmocka_unit_test(a_steady_flow_allocates_no_nodes),
    cmocka_unit_test(nodes_come_back_from_other_threads_while_the_giver_gives),
};

} // namespace

/* Counted, and otherwise as they are. */
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
void operator delete(void *p) noexcept
{
    std::free(p);
}
void operator delete(void *p, std::size_t) noexcept
{
    std::free(p);
}

HO_TEST_MAIN(tests)
