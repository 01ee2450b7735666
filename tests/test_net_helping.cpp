/* SPDX-License-Identifier: MIT */
/* Network threads that help: they work on messages themselves before the workers do. */
#include "net_world.hpp"

#include "cpp_shim/net/service_port.hpp"

#include <array>

namespace {

/* What a network thread echoes with. */
struct assistant {
    handoff::shard shard;
    handoff::producer answers;
    ho_domain *domain = nullptr;
    std::atomic<std::uint32_t> helped{0};
    std::atomic<std::uint32_t> refused{0};

    void open(net_world &w)
    {
        domain = w.root.raw();
        shard = *handoff::shard::open(w.unused);
        answers = *handoff::producer::open(w.egress, shard);
        CHECK(answers);
    }

    void close()
    {
        answers.reset();
        shard.reset();
    }
};

extern "C" void echo_here(void *ctx, ho_buf *messages, std::uint32_t count)
{
    auto *mine = static_cast<assistant *>(ctx);
    for (std::uint32_t i = 0; i < count; ++i) {
        ho_net_answer(&messages[i], messages[i].value);
        if (ho_forward(mine->answers.raw(), &messages[i], 1, 0, nullptr) != HO_OK)
            ++mine->refused;
    }
    mine->helped += count;
}

handoff::service_options sharing()
{
    handoff::service_options options;
    options.partitions = 64;
    return options;
}

void network_threads_and_workers_answer(net::transport kind)
{
    net_world w(kind);
    std::array<assistant, 2> assistants;
    w.helping = [&](std::uint32_t thread, std::uint32_t) {
        if (!assistants[thread].answers) /* there is an egress service by now */
            assistants[thread].open(w);
        return handoff::c_callback{echo_here, &assistants[thread]};
    };
    w.open(sharing());
    w.work();
    std::vector<std::unique_ptr<net_peer>> peers;
    for (int i = 0; i < 100; ++i)
        peers.push_back(std::make_unique<net_peer>(w));
    for (int round = 0; round < 20; ++round) {
        for (std::size_t i = 0; i < peers.size(); ++i)
            peers[i]->say(std::to_string(i % 2) + " from " + std::to_string(i));
        for (std::size_t i = 0; i < peers.size(); ++i)
            CHECK(peers[i]->hear() == std::to_string(i % 2) + " from " + std::to_string(i));
    }
    CHECK_CODE(w.entry.stop(in_time), handoff::errc::ok);
    const auto helped = assistants[0].helped + assistants[1].helped;
    CHECK(assistants[0].refused + assistants[1].refused == 0);
    for (auto &each : assistants)
        each.close();
    w.close();
    CHECK(helped > 0 && helped + w.served == 2000);
}

void they_answer_datagrams(void **)
{
    network_threads_and_workers_answer(net::transport::udp);
}

void they_answer_frames(void **)
{
    network_threads_and_workers_answer(net::transport::tcp);
}

/* Or it would wait for room that only it makes. */
void one_that_does_not_get_round_to_sending_leaves_messages_to_the_workers(void **)
{
    constexpr std::uint32_t turns = 40;
    constexpr std::uint32_t each_turn = 32;
    net_world w(net::transport::udp);
    w.open(sharing());
    assistant mine;
    mine.open(w);
    CHECK_CODE(w.entry.stop(0s), handoff::errc::ok);
    net::services behind{w.root.raw(), w.received.raw(), w.egress.raw(), {w.echoes[0].raw()}};
    behind.helping = [&](std::uint32_t, std::uint32_t) {
        return handoff::c_callback{echo_here, &mine};
    };
    std::error_code error;
    auto port = net::service_ports(behind, 0)(0, error);
    CHECK(port && !error);
    std::uint32_t left = 0;
    const auto drain = [&] {
        handoff::batch<64> some;
        while (!w.messages[0].take(some))
            left += some.size();
    };
    for (std::uint32_t turn = 0; turn < turns; ++turn) {
        for (std::uint32_t i = 0; i < each_turn; ++i) {
            ho_buf loan;
            CHECK_STATUS(port->reserve(8, &loan), HO_OK);
            loan.key = i;
            CHECK_STATUS(port->commit(0, &loan, 1, nullptr), HO_OK);
        }
        port->flush();
        drain();
    }
    CHECK(mine.helped > 0 && mine.helped < 512 && mine.refused == 0);
    CHECK(mine.helped + left == turns * each_turn);
    ho_buf answers[64];
    std::uint32_t taken = 0;
    std::uint32_t sent = 0;
    while (port->take(answers, 64, &taken) == HO_OK) {
        sent += taken;
        port->return_all(answers, taken);
    }
    CHECK(sent == mine.helped && port->quiet());
    port.reset();
    mine.close();
    w.close();
}

/* A worker, the network thread, the worker again: each works on the key's next message after the one before has
 * answered, and given it up. */
void answers_of_a_key_are_sent_in_the_order_they_were_made_in(void **)
{
    net_world w(net::transport::udp);
    w.open(sharing());
    assistant mine;
    mine.open(w);
    CHECK_CODE(w.entry.stop(0s), handoff::errc::ok);
    net::services behind{w.root.raw(), w.received.raw(), w.egress.raw(), {w.echoes[0].raw()}};
    behind.helping = [&](std::uint32_t, std::uint32_t) {
        return handoff::c_callback{echo_here, &mine};
    };
    std::error_code error;
    auto port = net::service_ports(behind, 0)(0, error);
    CHECK(port && !error);
    auto outside = *handoff::producer::open(w.echoes[0], mine.shard);
    std::uint64_t said = 0;
    const auto message = [&] {
        ho_buf loan;
        CHECK_STATUS(port->reserve(8, &loan), HO_OK);
        loan.key = 7;
        loan.value = ++said;
        return loan;
    };
    const auto worker_answers = [&] {
        ho_buf taken[2];
        CHECK(*w.messages[0].take(handoff::span<ho_buf>(taken, 2)) == 1);
        ho_net_answer(&taken[0], taken[0].value);
        CHECK_STATUS(ho_forward(w.answers[0].raw(), taken, 1, 0, nullptr), HO_OK);
        w.messages[0].yield();
    };
    const auto by_the_worker = [&] {
        auto sent = message();
        CHECK_STATUS(ho_commit(outside.raw(), &sent, 1, 0, nullptr), HO_OK);
        worker_answers();
    };
    const auto by_the_network_thread = [&] {
        auto sent = message();
        CHECK_STATUS(port->commit(0, &sent, 1, nullptr), HO_OK);
        const auto before = mine.helped.load();
        port->flush();
        if (mine.helped == before) /* on a busy machine the message before looked slow */
            worker_answers();
    };
    std::uint64_t heard = 0;
    for (int round = 0; round < 10; ++round) {
        by_the_worker();
        by_the_network_thread();
        by_the_worker();
        if (round % 2 == 0) /* the last lane that gave something: the next round begins behind it */
            by_the_network_thread();
        ho_buf answer;
        std::uint32_t taken = 0;
        while (port->take(&answer, 1, &taken) == HO_OK) {
            CHECK(answer.value == ++heard);
            port->return_all(&answer, taken);
        }
        CHECK(heard == said);
    }
    CHECK(mine.helped > 0 && mine.refused == 0 && port->quiet());
    outside.reset();
    port.reset();
    mine.close();
    w.close();
}

const CMUnitTest tests[] = {
    cmocka_unit_test(they_answer_datagrams),
    cmocka_unit_test(they_answer_frames),
    cmocka_unit_test(one_that_does_not_get_round_to_sending_leaves_messages_to_the_workers),
    cmocka_unit_test(answers_of_a_key_are_sent_in_the_order_they_were_made_in),
};

} // namespace

HO_TEST_MAIN(tests)
