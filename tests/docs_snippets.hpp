/* SPDX-License-Identifier: MIT */
/* The C++ of docs/: each piece between two marks appears word for word in a guide (check_docs.py),
 * and runs in test_docs_servers.cpp. Libraries that are not installed have stand-ins with the same
 * signatures. */
#ifndef HANDOFF_TESTS_DOCS_SNIPPETS_HPP
#define HANDOFF_TESTS_DOCS_SNIPPETS_HPP

#include <handoff/bridge.hpp>
#include <handoff/handoff.hpp>

#include <algorithm>
#include <asio.hpp>
#include <atomic>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <memory>
#include <poll.h>
#include <unistd.h>
#include <vector>
#if __has_include(<liburing.h>)
#include <liburing.h>
#endif

/* websocketpp: message_buffer/message.hpp */
struct message {
    std::string payload;
    std::string &get_raw_payload() { return payload; }
};
using message_ptr = std::shared_ptr<message>;

/* A packet object as in a game server. */
struct WorldPacket {
    std::vector<std::uint8_t> storage;
    std::uint8_t *contents() { return storage.data(); }
    std::size_t size() const { return storage.size(); }
};

namespace docs {

/* snippet: session */
struct session { /* one connection; all sessions of a network thread share its ends */
    handoff::bridge<session> *bridge; /* its memory is what the server receives into */
    handoff::producer *game;          /* of the service that does the work, over that memory */
    std::uint64_t id = 0;             /* what bridge->add gave */
    std::uint64_t lost = 0;
};
/* snippet end */

/* snippet: websocketpp */
void on_message(session &s, handoff::owner<std::string> &texts, const message_ptr &what)
{
    auto error = give(*s.game, texts, std::move(what->get_raw_payload()), {s.id, s.id});
    if (error == handoff::errc::full)
        s.bridge->pause(s.id); /* and stop reading; the text is still in the message: keep that */
}
/* snippet end */

/* snippet: uwebsockets */
bool on_view(session &s, std::string_view message) /* valid during the call only */
{
    return !s.game->give_copy(message, {s.id, s.id}); /* false: not sent: say that you are busy */
}
/* snippet end */

/* snippet: packets */
using packet_ptr = std::unique_ptr<WorldPacket>;

/* In place of queueing it: the packet lives until the C side has returned its bytes. */
bool queue_packet(session &s, handoff::owner<packet_ptr> &packets, packet_ptr packet)
{
    const auto bytes = handoff::bytes_of(packet->contents(), packet->size());
    const auto error = give(*s.game, packets, std::move(packet), bytes, {s.id, s.id});
    return !error || error == handoff::errc::dropped;
}
/* snippet end */

/* snippet: asio */
void receive_next(asio::ip::udp::socket &from, session &s)
{
    auto loan = s.bridge->memory().reserve(2048);
    if (!loan)
        return s.bridge->pause(s.id); /* full: resume calls this again */
    const auto room = asio::buffer(loan->data(), loan->capacity());
    from.async_receive(room, [&from, &s, packet = std::move(*loan)](auto error, auto got) mutable {
        if (error)
            return; /* the loan's destructor aborts it */
        packet.resize(got);
        if (s.game->commit(std::move(packet), {s.id, s.id}))
            s.lost++; /* refused: aborted; a datagram may be lost */
        receive_next(from, s);
    });
}
/* snippet end */

/* snippet: serve */
/* In C or in C++, for whoever takes them. What it leaves in `messages` is returned when it comes back. */
void play(void *moves, ho_buf *messages, std::uint32_t count)
{
    for (std::uint32_t i = 0; i < count; ++i)
        static_cast<std::uint64_t *>(moves)[messages[i].partition]++;
}

/* A worker's thread. */
std::error_code work(handoff::consumer &from, const std::atomic<bool> &stop, std::uint64_t *moves)
{
    return serve(from, stop, handoff::c_callback{play, moves});
}

/* In each turn of a network thread that helps, after it has sent; once: helper::open(consumer, producer). */
std::error_code turn(handoff::helper &mine, std::uint64_t *moves)
{
    return mine.run(handoff::c_callback{play, moves}).error;
}
/* snippet end */

/* snippet: in_part */
bool waits(const std::vector<handoff::buffer> &aside, std::uint64_t key)
{
    return std::any_of(aside.begin(), aside.end(), [=](auto &each) { return each.key() == key; });
}

/* Forwards a batch, and sets aside what is refused, together with what would overtake that. */
void forward_batch(handoff::producer &to, handoff::batch<64> &some,
                   std::vector<handoff::buffer> &aside)
{
    for (std::uint32_t at = 0; at < some.size();) {
        std::uint32_t end = at;
        while (end < some.size() && !waits(aside, some[end].key))
            ++end;
        at += to.forward({some.begin() + at, end - at}).value; /* accepted, from the front */
        if (at < some.size())
            aside.push_back(some.keep(at++)); /* the next one: refused, or behind one that was */
    }
}

/* Later, when there is room: in their order, as far as it goes. */
std::error_code forward_aside(handoff::producer &to, std::vector<handoff::buffer> &aside)
{
    std::error_code error;
    auto next = aside.begin();
    while (next != aside.end()) {
        error = to.forward(std::move(*next));
        if (*next)
            break; /* it still has its buffer: refused */
        ++next;
    }
    aside.erase(aside.begin(), next);
    return aside.empty() ? std::error_code() : error;
}
/* snippet end */

/* snippet: post */
/* Where a loop takes no descriptor: a thread that sleeps on the bridge's, and has the loop drain and resume. `post` runs
 * what it is given on the loop's thread. */
void wait_and_post(int fd, const std::atomic<bool> &stop,
                   const std::function<void(std::function<void()>)> &post,
                   const std::function<void()> &drain_and_resume)
{
    while (!stop) {
        pollfd one{fd, POLLIN, 0};
        if (poll(&one, 1, 50) != 1)
            continue;
        std::promise<void> done; /* until then the descriptor stays readable */
        post([&] {
            drain_and_resume();
            done.set_value();
        });
        done.get_future().wait();
    }
}
/* snippet end */

/* snippet: asio_room */
/* `room` was assigned the shard's fd; call this when something said full. */
void resume_when_there_is_room(asio::posix::stream_descriptor &room, std::function<void()> resume)
{
    room.async_wait(asio::posix::stream_descriptor::wait_read, [&room, resume](auto error) {
        std::uint64_t fired;
        if (!error && read(room.native_handle(), &fired, sizeof fired) > 0)
            resume(); /* what is still full says so again */
    });
}
/* snippet end */

/* snippet: asio_wait */
/* `ready` was assigned the consumer's fd, and closes it; call this once. It must go before the consumer. */
void send_answers(asio::posix::stream_descriptor &ready, handoff::consumer &answers,
                  const std::function<void(const ho_buf &)> &send)
{
    handoff::batch<64> some;
    while (!answers.take(some)) /* until it says empty, which arms the descriptor */
        for (const auto &each : some)
            send(each);
    ready.async_wait(asio::posix::stream_descriptor::wait_read, [&](std::error_code error) {
        if (!error)
            send_answers(ready, answers, send);
    });
}
/* snippet end */

#if __has_include(<liburing.h>)
/* snippet: io_uring */
/* One shot: submit it again each time that the consumer said empty. */
void poll_answers(io_uring_sqe *sqe, int fd, std::uint64_t tag)
{
    io_uring_prep_poll_add(sqe, fd, POLLIN);
    sqe->user_data = tag;
}
/* snippet end */
#endif

} // namespace docs

#endif
