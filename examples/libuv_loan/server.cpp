/* SPDX-License-Identifier: MIT */
/* libuv reads into loans, the frames of a read go to the C service in place as one message, and
 * libuv writes answers from their buffers. Only the start of a frame that does not fit its room is
 * copied. */
#include "server.hpp"

#include "hub.hpp"

#include <algorithm>

namespace {

using handoff::errc;

struct session {
    uv_tcp_t socket; /* its data is this session */
    std::uint64_t id = 0;
    handoff::loan room;    /* libuv reads into it; kept while it holds a partial frame */
    std::size_t have = 0;  /* bytes in it that are received, and not handed over */
    handoff::loan waiting; /* frames that the service had no room for */
    std::vector<handoff::buffer> unsent;  /* answers that come while others */
    std::vector<handoff::buffer> sending; /* are being sent */
    uv_write_t write;
    uv_shutdown_t end;
    bool paused = false;
};

/* libuv's callbacks get only a handle. */
struct network {
    explicit network(const options &with) : ends(with) {}

    hub<session> ends;
    uv_loop_t loop{};
    uv_tcp_t listener{};
    uv_poll_t ready{};                  /* there are answers, or room again */
    uv_check_t turn{};                  /* each turn of the loop, after the sockets */
    uv_signal_t told[2]{};              /* to stop */
    uv_timer_t patience{};              /* for peers that don't take their answers, at the end */
    std::vector<std::uint64_t> to_send; /* connections that were answered in this turn */
    std::vector<uv_buf_t> parts;        /* of one write */
    bool stopping = false;              /* reads no more */
    bool ending = false;                /* and has answered everything */
    std::uint64_t answered_bytes = 0, paused = 0;
};
network *net;

void say(const char *what, const std::string &why)
{
    std::printf("%s: %s\n", what, why.c_str());
    std::fflush(stdout);
}

void drop(session &s)
{
    if (uv_is_closing(handle_of(s.socket)) != 0)
        return;
    net->ends.bridge.remove(s.id); /* answers on their way are returned */
    uv_close(handle_of(s.socket), [](uv_handle_t *h) { delete static_cast<session *>(h->data); });
}

void lose(session &s, int error)
{
    if (s.have != 0) /* a partial frame moves along */
        say("a peer left in the middle of a frame", uv_strerror(error));
    drop(s);
}

/* Gets a new room, and moves what is left in this one. */
std::error_code next_room(session &s, std::size_t bytes)
{
    auto next = net->ends.bridge.memory().reserve(std::max(bytes, room_bytes));
    if (!next)
        return next.error;
    std::copy_n(s.room.data(), s.have, next->data());
    s.room = std::move(*next);
    return {};
}

/* Takes frames out of the room without copying. Committing them gives back the rest of the room,
 * unless it holds a partial frame. errc::full: the segment is out of numbers. */
std::error_code take_frames(session &s, std::size_t whole)
{
    handoff::result<handoff::loan> front;
    if (whole == s.have)
        front.value = std::move(s.room);
    else
        front = net->ends.bridge.memory().split(s.room, whole);
    if (front.error)
        return front.error == errc::full ? next_room(s, s.have) : front.error;
    front->resize(whole);
    s.waiting = std::move(*front);
    s.have -= whole;
    return {};
}

/* Hands over all complete frames, and makes room for the rest of the next. errc::full: try again
 * when there is room; errc::range: a frame is larger than a loan can be. */
std::error_code send_frames(session &s)
{
    std::error_code error;
    for (std::size_t whole = 1; !error && whole != 0;) {
        if (s.waiting)
            error = net->ends.to_service.commit(std::move(s.waiting),
                                                {s.id, s.id, handoff::by_key, HO_MORE});
        whole = error ? 0 : whole_frames(s.room.data(), s.have);
        if (whole != 0)
            error = take_frames(s, whole);
    }
    const auto need = std::max(frame_bytes(s.room.data(), s.have), s.have + read_least);
    return error || s.have == 0 || s.room.capacity() >= need ? error : next_room(s, need);
}

void alloc_cb(uv_handle_t *handle, std::size_t, uv_buf_t *buf)
{
    auto &s = *static_cast<session *>(handle->data);
    *buf = uv_buf_init(nullptr, 0);
    if (s.room || !next_room(s, room_bytes)) /* else read_cb gets UV_ENOBUFS */
        *buf = uv_buf_init(reinterpret_cast<char *>(s.room.data()) + s.have,
                           static_cast<unsigned>(s.room.capacity() - s.have));
}

void go_on(session &s, std::error_code error);

void read_cb(uv_stream_t *stream, ssize_t got, const uv_buf_t *)
{
    auto &s = *static_cast<session *>(stream->data);
    if (got == UV_ENOBUFS)
        return go_on(s, errc::full);
    if (got < 0)
        return lose(s, static_cast<int>(got));
    s.have += static_cast<std::size_t>(got);
    if (s.have == 0) /* nothing came after all */
        s.room.reset();
    go_on(s, send_frames(s));
}

/* TCP slows down a peer that is not read. */
void read_or_wait(session &s)
{
    if (net->ending)
        return;
    if (s.paused || s.unsent.size() > unsent_most || net->stopping)
        uv_read_stop(stream_of(s.socket));
    else
        uv_read_start(stream_of(s.socket), alloc_cb, read_cb);
}

/* After an attempt. */
void go_on(session &s, std::error_code error)
{
    s.paused = error == errc::full;
    if (s.paused && net->paused++ == 0)
        say("first pause", error.message());
    if (s.paused)
        net->ends.bridge.pause(s.id);
    else if (error)
        say("closed a connection", error.message());
    error && !s.paused ? drop(s) : read_or_wait(s);
}

void on_connection(uv_stream_t *listener, int)
{
    auto *s = new session;
    uv_tcp_init(listener->loop, &s->socket);
    s->socket.data = s;
    const auto id = net->ends.bridge.add(*s);
    s->id = id.value;
    if (!id || uv_accept(listener, stream_of(s->socket)) != 0)
        return drop(*s);
    uv_tcp_nodelay(&s->socket, 1);
    read_or_wait(*s);
}

/* Only collects: this is called while the network thread helps. */
void collect(session &s, handoff::span<ho_buf> run)
{
    if (s.unsent.empty())
        net->to_send.push_back(s.id);
    for (auto &each : run) {
        net->answered_bytes += each.len;
        s.unsent.push_back(
            handoff::buffer::adopt(net->ends.domain.raw(), std::exchange(each, ho_buf{})));
    }
}

/* Once per turn: writes everything at once. libuv's write callback returns the buffers. */
void send(session &s)
{
    if (!s.sending.empty() || s.unsent.empty())
        return;
    s.sending.swap(s.unsent);
    auto &parts = net->parts;
    parts.clear();
    for (const auto &each : s.sending)
        parts.push_back(
            uv_buf_init(reinterpret_cast<char *>(each.data()), static_cast<unsigned>(each.size())));
    const auto written = [](uv_write_t *request, int failed) {
        auto &to = *static_cast<session *>(request->handle->data);
        to.sending.clear();
        if (failed != 0 || uv_is_closing(handle_of(to.socket)) != 0)
            return drop(to);
        send(to);
        read_or_wait(to);
    };
    const auto count = static_cast<unsigned>(parts.size());
    if (uv_write(&s.write, stream_of(s.socket), parts.data(), count, written) != 0)
        return drop(s);
    read_or_wait(s);
}

template <class Fn> void for_each_session(Fn what)
{
    uv_walk(
        &net->loop,
        [](uv_handle_t *each, void *call) {
            if (each->type == UV_TCP && each != handle_of(net->listener))
                (*static_cast<Fn *>(call))(*static_cast<session *>(each->data));
        },
        &what);
}

/* Closing with unread input would reset the connection, and the peer would lose what it has not
 * read yet. So this shuts down our side, and discards what the peer sends until it closes. */
void end_session(session &s)
{
    const auto scrap = [](uv_handle_t *, std::size_t, uv_buf_t *buf) {
        static char bytes[65536];
        *buf = uv_buf_init(bytes, sizeof bytes);
    };
    const auto until_it_closes = [](uv_stream_t *stream, ssize_t got, const uv_buf_t *) {
        if (got < 0)
            drop(*static_cast<session *>(stream->data));
    };
    uv_read_stop(stream_of(s.socket));
    if (uv_shutdown(&s.end, stream_of(s.socket), nullptr) != 0 ||
        uv_read_start(stream_of(s.socket), scrap, until_it_closes) != 0)
        drop(s);
}

void end()
{
    net->ending = true;
    for_each_session(end_session);
    uv_timer_start(
        &net->patience, [](uv_timer_t *) { for_each_session(drop); }, 5000, 0);
    for (auto *each : {handle_of(net->listener), handle_of(net->ready), handle_of(net->turn)})
        uv_close(each, nullptr);
}

void on_turn(uv_check_t *)
{
    const bool closed = net->ends.turn(collect);
    for (const auto id : net->to_send)
        if (auto *s = net->ends.bridge.find(id))
            send(*s);
    net->to_send.clear();
    if (net->stopping)
        net->ends.leave();
    if (closed && !net->ending)
        end();
}

} // namespace

int run_server(const options &with)
{
    network all(with);
    net = &all;
    const int fd = must("descriptor", all.ends.bridge.fd());
    uv_loop_init(&all.loop);
    uv_tcp_init(&all.loop, &all.listener);
    uv_poll_init(&all.loop, &all.ready, fd);
    uv_check_init(&all.loop, &all.turn);
    uv_timer_init(&all.loop, &all.patience);
    uv_unref(handle_of(all.patience)); /* these alone must not keep the loop running */
    for (auto &each : all.told) {
        uv_signal_init(&all.loop, &each);
        const auto stop = [](uv_signal_t *, int) {
            net->stopping = true;
            for_each_session(read_or_wait);
        };
        uv_signal_start(&each, stop, &each == all.told ? SIGINT : SIGTERM);
        uv_unref(handle_of(each));
    }
    uv_poll_start(&all.ready, UV_READABLE, [](uv_poll_t *, int, int) {
        net->ends.bridge.resume([](session &s) { go_on(s, send_frames(s)); });
    });
    uv_check_start(&all.turn, on_turn);
    on_turn(&all.turn); /* the first one arms the descriptor */
    listen_on(all.listener, with.port, on_connection);
    uv_run(&all.loop, UV_RUN_DEFAULT);

    for (auto *each : {handle_of(all.told[0]), handle_of(all.told[1]), handle_of(all.patience)})
        uv_close(each, nullptr);
    uv_run(&all.loop, UV_RUN_DEFAULT);
    uv_loop_close(&all.loop);
    ::close(fd);
    std::printf("answered %ju bytes, for peers that had gone %ju, paused %ju times\n",
                std::uintmax_t{all.answered_bytes}, std::uintmax_t{all.ends.gone()},
                std::uintmax_t{all.paused});
    return all.ends.close() ? 0 : 1;
}
