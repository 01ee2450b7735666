/* SPDX-License-Identifier: MIT */
/* The gateway without a handoff: a network thread that answers messages itself, and what happens
 * when its room is used up. */
#include "net_world.hpp"

#include "gateway/none_port.hpp"

#include <poll.h>

namespace {

constexpr std::uint32_t sessions = 16;
constexpr std::uint64_t connection = 7;

std::string asks(std::uint32_t service, std::uint32_t session, std::uint32_t sequence)
{
    static const std::string text(1000, 'x');
    game_request request{};
    request.header.service = static_cast<std::uint8_t>(service);
    request.header.session = session;
    request.header.sequence = sequence;
    request.text = reinterpret_cast<const std::uint8_t *>(text.data());
    request.text_len = text.size();
    std::uint8_t frame[GAME_FRAME_MAX];
    const auto len = game_request_write(&request, frame, sizeof(frame));
    return std::string(reinterpret_cast<char *>(frame), len);
}

game_answer read_answer(const void *ptr, std::size_t len)
{
    game_answer answer{};
    CHECK(game_answer_read(static_cast<const std::uint8_t *>(ptr), len, &answer) == GAME_FRAME_OK);
    return answer;
}

struct stand {
    net::options options;
    gateway::none_station station;
    std::unique_ptr<net::port> port;

    stand()
    {
        const game_options of_state{sessions, 1, 0, {}};
        for (std::uint32_t i = 0; i < GAME_SERVICE_COUNT; ++i)
            station.states[i] = game_state_create(i, &of_state);
        port = gateway::make_none_port(station, options);
    }

    ho_buf message(const std::string &bytes)
    {
        ho_buf loan{};
        CHECK(port->reserve(options.limit.frame_bytes, &loan) == HO_OK);
        std::memcpy(loan.ptr, bytes.data(), bytes.size());
        loan.len = bytes.size();
        loan.value = connection;
        return loan;
    }

    std::int32_t commit(std::uint32_t service, ho_buf &one)
    {
        std::uint32_t accepted = 0;
        const auto status = port->commit(service, &one, 1, &accepted);
        CHECK(accepted == (status == HO_OK ? 1 : 0));
        return status;
    }

    ho_buf take()
    {
        ho_buf answer{};
        std::uint32_t taken = 0;
        CHECK(port->take(&answer, 1, &taken) == HO_OK && taken == 1);
        return answer;
    }

    /* Everything must be back. */
    void close()
    {
        port.reset();
        CHECK(station.outstanding == 0);
    }
};

void commit_itself_answers_and_the_state_is_kept(void **)
{
    stand at;
    for (std::uint32_t sequence = 1; sequence <= 3; ++sequence)
        for (std::uint32_t service = 0; service < at.port->service_count(); ++service) {
            auto message = at.message(asks(service, 5, sequence));
            CHECK(at.commit(service, message) == HO_OK && message.kind == HO_KIND_EMPTY);
            auto out = at.take();
            const auto answer = read_answer(out.ptr, out.len);
            CHECK(out.value == connection);
            CHECK(answer.header.service == service && answer.header.session == 5);
            CHECK(answer.header.sequence == sequence && answer.seen == sequence);
            at.port->return_all(&out, 1);
        }
    CHECK(at.station.handled == 9 && at.station.refused == 0);
    at.close();
    CHECK(at.station.held_bytes == at.options.limit.frame_bytes + GAME_FRAME_MAX);
}

void what_the_game_refuses_gets_no_answer_and_is_counted(void **)
{
    stand at;
    auto damaged = asks(GAME_COMBAT, 1, 1);
    damaged.back() ^= 1;
    for (const auto &bytes : {asks(GAME_COMBAT, sessions, 1), damaged}) {
        auto message = at.message(bytes);
        CHECK(at.commit(GAME_COMBAT, message) == HO_OK);
    }
    ho_buf answer{};
    std::uint32_t taken = 0;
    CHECK(at.port->take(&answer, 1, &taken) == HO_EMPTY && taken == 0);
    CHECK(at.station.refused == 2 && at.station.handled == 0);
    at.close();
}

void without_room_for_its_answer_a_message_waits_and_the_game_has_not_seen_it(void **)
{
    stand at;
    for (std::uint32_t i = 1; i <= gateway::queue_slots; ++i) {
        auto message = at.message(asks(GAME_MOVEMENT, 2, i));
        CHECK(at.commit(GAME_MOVEMENT, message) == HO_OK);
    }
    auto late = at.message(asks(GAME_MOVEMENT, 2, gateway::queue_slots + 1));
    CHECK(at.commit(GAME_MOVEMENT, late) == HO_FULL && late.kind == HO_KIND_LOAN);
    CHECK(at.station.handled == gateway::queue_slots);
    CHECK(!at.port->quiet()); /* the caller has it, and will come again */
    for (std::uint32_t i = 1; i <= gateway::queue_slots + 1; ++i) {
        auto out = at.take();
        const auto answer = read_answer(out.ptr, out.len);
        CHECK(answer.header.sequence == i && answer.seen == i &&
              answer.header.code != GAME_REPEATED);
        at.port->return_all(&out, 1);
        if (i == 1)
            CHECK(at.commit(GAME_MOVEMENT, late) == HO_OK && at.port->quiet());
    }
    at.close();
}

void the_descriptor_tells_of_answers_once_a_take_found_none(void **)
{
    stand at;
    pollfd wait{-1, POLLIN, 0};
    CHECK(at.port->egress_fd(&wait.fd) == HO_OK);
    ho_buf out{};
    std::uint32_t taken = 0;
    for (std::uint32_t turn = 1; turn <= 3; ++turn) {
        CHECK(at.port->take(&out, 1, &taken) == HO_EMPTY);
        at.port->flush();
        CHECK(poll(&wait, 1, 0) == 0);
        auto message = at.message(asks(GAME_ECONOMY, 0, turn));
        CHECK(at.commit(GAME_ECONOMY, message) == HO_OK);
        at.port->flush();
        CHECK(poll(&wait, 1, 0) == 1);
        out = at.take();
        at.port->return_all(&out, 1);
    }
    CHECK(close(wait.fd) == 0);
    at.close();
}

/* A peer that asks and does not listen, until what the sockets take is used up. */
struct deaf_world : net_world {
    static constexpr std::uint32_t messages = 6000;
    stand at;
    std::unique_ptr<net_peer> peer;

    deaf_world() : net_world(net::transport::tcp)
    {
        options.threads = 1;
        options.limit.queued_bytes = 1u << 30;
        options.routing = [](handoff::const_bytes message, std::uint64_t id) {
            std::uint32_t service = 0;
            std::uint32_t session = 0;
            CHECK(game_frame_route(message.data(), message.size(), &service, &session) ==
                  GAME_FRAME_OK);
            return net::route{service, id};
        };
        at.port.reset(); /* the entrypoint makes its own */
        CHECK_CODE(entry.start(options,
                               [this](std::uint32_t, std::error_code &) {
                                   return gateway::make_none_port(at.station, options);
                               }),
                   handoff::errc::ok);
        peer = std::make_unique<net_peer>(*this, 4096);
        for (std::uint32_t i = 1; i <= messages; ++i)
            peer->say(asks(GAME_MOVEMENT, 3, i));
        await(&net::counters::received, messages);
        CHECK(entry.read().answered < messages);
    }
};

void stop_waits_for_answers_that_are_not_sent_yet(void **)
{
    deaf_world w;
    std::thread listens([&w] {
        for (std::uint32_t i = 1; i <= w.messages; ++i) {
            const auto bytes = w.peer->hear();
            const auto answer = read_answer(bytes.data(), bytes.size());
            CHECK(answer.header.sequence == i && answer.seen == i);
        }
    });
    CHECK_CODE(w.entry.stop(in_time), handoff::errc::ok);
    listens.join();
    CHECK(w.entry.read().answered == w.messages && w.entry.read().answers_unsent == 0);
    CHECK(w.at.station.handled == w.messages && w.at.station.outstanding == 0);
    w.close();
}

void stop_that_runs_out_of_time_says_so_and_leaves_nothing_out(void **)
{
    deaf_world w;
    CHECK_CODE(w.entry.stop(50ms), handoff::errc::timeout);
    const auto end = w.entry.read();
    CHECK(end.answers_unsent > 0 && end.answered + end.answers_unsent == w.messages);
    CHECK(w.at.station.handled == w.messages && w.at.station.outstanding == 0);
    w.close();
}

const CMUnitTest tests[] = {
    cmocka_unit_test(commit_itself_answers_and_the_state_is_kept),
    cmocka_unit_test(what_the_game_refuses_gets_no_answer_and_is_counted),
    cmocka_unit_test(without_room_for_its_answer_a_message_waits_and_the_game_has_not_seen_it),
    cmocka_unit_test(the_descriptor_tells_of_answers_once_a_take_found_none),
    cmocka_unit_test(stop_waits_for_answers_that_are_not_sent_yet),
    cmocka_unit_test(stop_that_runs_out_of_time_says_so_and_leaves_nothing_out),
};

} // namespace

HO_TEST_MAIN(tests)
