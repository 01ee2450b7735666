/* SPDX-License-Identifier: MIT */
/* The C++ shim: a worker's loop, a sender that helps, one callback for both. */
#include "shim_world.hpp"

#include <handoff/net.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using handoff::errc;

namespace {

static_assert(std::is_nothrow_move_constructible_v<handoff::helper> &&
              std::is_nothrow_move_assignable_v<handoff::helper> &&
              !std::is_copy_constructible_v<handoff::helper>);
/* Whatever the version is called: all of it is in one. */
static_assert(std::is_same_v<handoff::v0_2::consumer, handoff::consumer>);
static_assert(std::is_same_v<handoff::v0_2::net::route, handoff::net::route>);

handoff::service_options sharing()
{
    handoff::service_options options;
    options.partitions = 16;
    return options;
}

void send_many(world &w, std::uint32_t count)
{
    for (std::uint32_t i = 0; i < count; ++i)
        send(w, "text", i);
}

void check_quiet(world &w)
{
    CHECK(w.memory().buffers_out == 0 && w.memory().loans_out == 0);
}

/* As a C program has it. */
struct tally {
    std::atomic<std::uint32_t> messages{0};
    std::uint32_t batches = 0;
};

extern "C" void count_messages(void *ctx, ho_buf *messages, std::uint32_t count)
{
    auto *mine = static_cast<tally *>(ctx);
    for (std::uint32_t i = 0; i < count; ++i)
        CHECK(handoff::text_of(messages[i]) == "text");
    CHECK(reinterpret_cast<std::uintptr_t>(messages) % handoff::line_pair_bytes == 0);
    mine->messages += count;
    ++mine->batches;
}

void a_worker_deals_with_everything_until_the_service_closes(void **)
{
    world w(sharing());
    tally mine;
    send_many(w, 100);
    std::thread worker([&] {
        CHECK_CODE(serve(w.in, handoff::c_callback{count_messages, &mine}), errc::closed);
        w.in.reset();
    });
    send_many(w, 100); /* while it works or sleeps */
    CHECK_CODE(w.calls.close(std::chrono::nanoseconds(0)), errc::timeout);
    worker.join();
    CHECK(mine.messages == 200);
    check_quiet(w);
}

void a_worker_that_is_told_to_stop_leaves_its_partitions(void **)
{
    world w(sharing());
    auto other = handoff::consumer::open(w.calls);
    std::atomic<bool> stop{false};
    std::uint32_t seen = 0;
    send(w, "text");
    CHECK_CODE(serve(w.in, stop,
                     [&](handoff::span<ho_buf> messages) {
                         seen += static_cast<std::uint32_t>(messages.size());
                         send(w, "text"); /* for the same partition, which the worker has */
                         CHECK_CODE(other->take().error, errc::empty);
                         stop = true;
                     }),
               errc::ok);
    CHECK(seen == 1);
    CHECK(other->take());
    CHECK_CODE(serve(w.in, stop, [](handoff::span<ho_buf>) { CHECK(false); }), errc::ok);
    check_quiet(w);
}

void an_idle_worker_looks_whether_it_is_to_stop(void **)
{
    world w;
    std::atomic<bool> stop{false};
    std::atomic<bool> ended{false};
    std::thread worker([&] {
        const auto nothing = [](ho_buf *, std::uint32_t) { CHECK(false); };
        CHECK_CODE(serve(w.in, stop, nothing, std::chrono::milliseconds(1)), errc::ok);
        ended = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(!ended);
    stop = true;
    worker.join();
}

void what_a_callback_keeps_or_hands_on_is_not_returned(void **)
{
    world w(sharing());
    auto next = handoff::service::open(w.root);
    auto onward = handoff::producer::open(*next, w.shard);
    auto last = handoff::consumer::open(*next);
    std::atomic<bool> stop{false};
    handoff::buffer kept;
    for (int i = 0; i < 3; ++i)
        send(w, "text"); /* one key: one batch, in order */
    CHECK_CODE(serve(w.in, stop,
                     [&](handoff::span<ho_buf> messages) {
                         CHECK(messages.size() == 3);
                         kept = handoff::buffer::adopt(w.root.raw(),
                                                       std::exchange(messages[0], ho_buf{}));
                         CHECK(onward->forward(handoff::span<ho_buf>(&messages[1], 1)));
                         stop = true;
                     }),
               errc::ok);
    CHECK(w.memory().buffers_out == 2);
    CHECK(kept.text() == "text" && last->take()->text() == "text");
    kept.reset();
    check_quiet(w);
}

void a_descriptor_that_was_returned_before_is_told_and_the_rest_goes_back(void **)
{
    world w(sharing());
    for (int i = 0; i < 3; ++i)
        send(w, "text");
    std::atomic<bool> stop{false};
    const auto wrong = [&](handoff::span<ho_buf> messages) {
        ho_buf copy = messages[1];
        CHECK(w.root.return_all({&copy, 1}));
    };
    CHECK_CODE(serve(w.in, stop, wrong), errc::stale);
    check_quiet(w);
    send(w, "text");
    CHECK_CODE(serve(w.in, stop, [&](handoff::span<ho_buf>) { stop = true; }), errc::ok);
}

void an_empty_worker_refuses_with_a_status(void **)
{
    handoff::consumer in;
    handoff::producer out;
    handoff::helper helper;
    const auto nothing = [](handoff::span<ho_buf>) {};
    CHECK_CODE(serve(in, nothing), errc::handle);
    CHECK_CODE(helper.run(nothing).error, errc::handle);
    CHECK_CODE(helper.yield(), errc::handle);
    CHECK_CODE(handoff::helper::open(in, out).error, errc::handle);
    world w(sharing());
    CHECK_CODE(handoff::helper::open(w.in, out).error, errc::handle);
    CHECK_CODE(handoff::helper::open(in, w.out).error, errc::handle);
}

void a_helper_deals_with_its_own_messages_within_its_budget(void **)
{
    world w(sharing());
    auto other = handoff::consumer::open(w.calls); /* or the helper would keep what is left */
    auto helper = *handoff::helper::open(w.in, w.out, 8);
    tally mine;
    const handoff::c_callback fn{count_messages, &mine};
    CHECK(helper);
    std::uint32_t most = 0;
    for (std::uint64_t round = 1; most < 8;
         ++round) { /* a message that was preempted looks slow, and ends a turn early */
        for (int i = 0; i < 20; ++i)
            send(w, "text");
        const auto dealt = helper.run(fn);
        CHECK(dealt && dealt.value <= 8 && mine.messages == 20 * (round - 1) + dealt.value);
        most = std::max(most, dealt.value);
        std::atomic<bool> stop{false};
        CHECK_CODE(serve(*other, stop,
                         [&](handoff::span<ho_buf> messages) {
                             fn(messages); /* the worker's is the same */
                             stop = mine.messages == 20 * round;
                         }),
                   errc::ok);
    }
    CHECK(helper.run(fn).value == 0);
    check_quiet(w);
}

void a_turn_publishes_what_was_held_back(void **)
{
    world w(sharing());
    auto helper = *handoff::helper::open(w.in, w.out);
    CHECK_CODE(w.out.give_copy("text", {1, 0, handoff::by_key, HO_MORE}), errc::ok);
    tally mine;
    CHECK(helper.run(handoff::c_callback{count_messages, &mine}).value == 1);
}

void a_turn_goes_on_past_a_descriptor_that_was_returned_before(void **)
{
    world w(sharing());
    auto helper = *handoff::helper::open(w.in, w.out);
    send_many(w, 40);
    std::uint32_t seen = 0;
    const auto dealt = helper.run([&](handoff::span<ho_buf> messages) {
        ho_buf copy = messages[0];
        if (seen == 0)
            CHECK(w.root.return_all({&copy, 1}));
        seen += static_cast<std::uint32_t>(messages.size());
    });
    CHECK_CODE(dealt.error, errc::stale);
    CHECK(dealt.value == 40 && seen == 40);
    check_quiet(w);
}

void the_end_of_a_helper_leaves_its_messages_to_the_others(void **)
{
    world w(sharing());
    auto other = handoff::consumer::open(w.calls);
    std::atomic<bool> stop{false};
    tally mine;
    std::thread worker([&] {
        CHECK_CODE(serve(*other, stop, handoff::c_callback{count_messages, &mine}), errc::ok);
    });
    {
        auto first = *handoff::helper::open(w.in, w.out);
        auto helper = std::move(first);
        CHECK(!first && helper);
        first = std::move(helper);
        send_many(w, 40);
        CHECK_CODE(first.yield(), errc::ok);
        send_many(w, 40);
    }
    while (mine.messages < 80) /* or the test's watchdog tells */
        std::this_thread::yield();
    stop = true;
    worker.join();
    CHECK(handoff::helper::open(w.in, w.out)); /* the pair is free again */
    check_quiet(w);
}

void a_helper_hears_of_the_end(void **)
{
    world w(sharing());
    auto helper = *handoff::helper::open(w.in, w.out);
    send(w, "text");
    CHECK_CODE(w.calls.close(std::chrono::nanoseconds(0)), errc::timeout);
    tally mine;
    const auto dealt = helper.run(handoff::c_callback{count_messages, &mine});
    CHECK_CODE(dealt.error, errc::closed);
    CHECK(dealt.value == mine.messages);
    w.out.reset(); /* in the wrong order: the helper's end finds nothing to end */
    w.in.reset();
    helper.reset();
}

/* Runs it in a child, and says how that ended. */
template <class Fn> int status_of_child(Fn fn)
{
    const auto child = fork();
    if (child == 0) {
        fn();
        _exit(0);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

void a_child_of_fork_destroys_everything_and_nothing_happens(void **)
{
    world w(sharing());
    auto *helper = new handoff::helper(*handoff::helper::open(w.in, w.out));
    auto *texts = new auto(*handoff::owner<std::string>::open(w.root));
    send(w, "text");
    auto *held = new handoff::buffer(*w.in.take());
    auto *loan = new handoff::loan(*w.shard.reserve(64));
    CHECK(*held && *loan);
    CHECK(status_of_child([&] {
              alarm(HARNESS_NEVER_S); /* not to wait for anything */
              const std::atomic<bool> stop{false};
              if (serve(w.in, stop, [](handoff::span<ho_buf>) {}) != errc::forked)
                  _exit(1);
              delete loan;
              delete held;
              delete texts;
              delete helper;
              w.~world();
          }) == 0);
    delete loan;
    CHECK(held->text() == "text");
    delete held;
    delete texts;
    delete helper;
    check_quiet(w);
}

void a_callback_that_throws_ends_the_program(void **)
{
#ifdef __cpp_exceptions
    const auto in_child = [](bool helps) {
        return status_of_child([helps] {
            std::set_terminate([] { _exit(77); });
            world w(sharing());
            const auto thrower = [](handoff::span<ho_buf>) { throw 1; };
            auto helper = *handoff::helper::open(w.in, w.out);
            if (!helps)
                helper.reset();
            send(w, "text");
            try {
                if (helps)
                    static_cast<void>(helper.run(thrower));
                else
                    static_cast<void>(serve(w.in, thrower));
            } catch (...) {
            }
        });
    };
    CHECK(in_child(false) == 77);
    CHECK(in_child(true) == 77);
#else
    skip();
#endif
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_worker_deals_with_everything_until_the_service_closes),
    cmocka_unit_test(a_worker_that_is_told_to_stop_leaves_its_partitions),
    cmocka_unit_test(an_idle_worker_looks_whether_it_is_to_stop),
    cmocka_unit_test(what_a_callback_keeps_or_hands_on_is_not_returned),
    cmocka_unit_test(a_descriptor_that_was_returned_before_is_told_and_the_rest_goes_back),
    cmocka_unit_test(an_empty_worker_refuses_with_a_status),
    cmocka_unit_test(a_helper_deals_with_its_own_messages_within_its_budget),
    cmocka_unit_test(a_turn_publishes_what_was_held_back),
    cmocka_unit_test(a_turn_goes_on_past_a_descriptor_that_was_returned_before),
    cmocka_unit_test(the_end_of_a_helper_leaves_its_messages_to_the_others),
    cmocka_unit_test(a_helper_hears_of_the_end),
    cmocka_unit_test(a_child_of_fork_destroys_everything_and_nothing_happens),
    cmocka_unit_test(a_callback_that_throws_ends_the_program),
};

} // namespace

HO_TEST_MAIN(tests)
