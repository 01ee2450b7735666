/* SPDX-License-Identifier: MIT */
/* Giving C++ objects: every kind there and back, released exactly once, kept if refused. */
#include "shim_given.hpp"

#include <cstring>

using handoff::errc;
using handoff::release_mode;

namespace {

/* Takes one message, checks it, returns it, and drains where the mode asks for that: after it the
 * object must have been released, once more than before, and not earlier. */
template <class T>
void comes_back_once(world &w, handoff::owner<T> &by, release_mode mode, const void *where,
                     std::string_view text, bool counted = true)
{
    const int before = freed;
    auto got = w.in.take();
    CHECK(got && got->text() == text && got->key() == 9);
    CHECK(got->raw().kind == HO_KIND_FOREIGN);
    CHECK(where == nullptr || got->data() == where);
    CHECK(freed == before && w.memory().foreign_out == 1);
    CHECK_CODE(got->reset(), errc::ok);
    if (mode != release_mode::here) {
        CHECK(freed == before);
        const auto drained = by.drain();
        CHECK(drained && drained.value == 1);
        CHECK_CODE(by.drain().error, errc::empty);
    }
    CHECK(w.memory().foreign_out == 0);
    CHECK(freed == before + (counted ? 1 : 0));
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
    CHECK(text.empty());
    comes_back_once(w, texts, mode, where, long_text, false);

    auto lists = open_owner<numbers>(w, mode);
    numbers list(50, 7);
    where = list.data();
    const std::string content(view(where, list.size() * 4));
    CHECK_CODE(give(w.out, lists, std::move(list), {9}), errc::ok);
    CHECK(list.empty());
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
    CHECK(chars == nullptr);
    comes_back_once(w, arrays, mode, where, "abc");

    using one = std::unique_ptr<std::string, counting_delete>;
    auto ones = open_owner<one>(w, mode);
    one text(new std::string("short"));
    where = text->data();
    CHECK_CODE(give(w.out, ones, std::move(text), handoff::bytes_of(where, 5), {9}), errc::ok);
    CHECK(text == nullptr);
    comes_back_once(w, ones, mode, where, "short");

    auto shares = open_owner<std::shared_ptr<const void>>(w, mode);
    std::shared_ptr<const std::string> shared(new std::string("shared"), counting_delete());
    const auto bytes = handoff::bytes_of(shared->data(), 6);
    CHECK_CODE(give(w.out, shares, shared, bytes, {9}), errc::ok);
    CHECK(shared.use_count() == 2);
    comes_back_once(w, shares, mode, bytes.data(), "shared", false);
    CHECK(shared.use_count() == 1);
    CHECK_CODE(give(w.out, shares, std::move(shared), bytes, {9}), errc::ok);
    CHECK(shared == nullptr);
    comes_back_once(w, shares, mode, bytes.data(), "shared");
}

void packets_in(release_mode mode)
{
    world w;
    auto packets = open_owner<packet>(w, mode);
    packet first;
    const void *where = first.outside->data();
    CHECK_CODE(give(w.out, packets, std::move(first), handoff::bytes_of(where, 40), {9}), errc::ok);
    CHECK(first.outside == nullptr);
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
    CHECK(text.empty());
    auto got = w.in.take();
    CHECK(got && got->text() == "short" && got->raw().kind == HO_KIND_ARENA);
    CHECK(w.memory().copies == 1 && w.memory().foreign_out == 0);
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
    CHECK(tiny == "tiny" && text == long_text && text.data() == where);

    auto lists = open_owner<numbers>(w, release_mode::here);
    numbers list(50, 7);
    where = list.data();
    CHECK_CODE(give(w.out, lists, std::move(list), {9}), why);
    CHECK(list.size() == 50 && list.data() == where);
}

void refused_pointers_and_packets_are_unchanged(world &w, errc why)
{
    using array = std::unique_ptr<char[], counting_array_delete>;
    auto arrays = open_owner<array>(w, release_mode::here);
    array chars(new char[2]{'a', 'b'});
    const auto *where = chars.get();
    CHECK_CODE(give(w.out, arrays, std::move(chars), 2, {9}), why);
    CHECK(chars.get() == where);

    auto shares = open_owner<std::shared_ptr<const void>>(w, release_mode::here);
    auto shared = std::make_shared<std::string>("shared");
    const auto *text = shared.get();
    CHECK_CODE(give(w.out, shares, std::move(shared), handoff::bytes_of(text->data(), 6)), why);
    CHECK(shared.get() == text && shared.use_count() == 1);

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
    CHECK(list.empty() && freed == before + 1);
    auto texts = open_owner<std::string>(w, release_mode::here);
    std::string tiny = "tiny";
    CHECK_CODE(give(w.out, texts, std::move(tiny)), errc::dropped);
    CHECK(tiny.empty());
}

const CMUnitTest tests[] = {
    cmocka_unit_test(every_kind_comes_back_once_where_it_is_returned),
    cmocka_unit_test(every_kind_comes_back_once_when_its_owner_drains),
    cmocka_unit_test(every_kind_comes_back_once_when_its_owner_is_told),
    cmocka_unit_test(a_short_string_is_copied_and_cleared),
    cmocka_unit_test(a_refused_object_is_as_it_was),
    cmocka_unit_test(a_dropped_object_is_gone_and_released_once),
};

} // namespace

HO_TEST_MAIN(tests)
