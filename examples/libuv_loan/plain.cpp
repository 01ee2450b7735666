/* SPDX-License-Identifier: MIT */
/* The same server without handoff, for comparison: it answers where it receives. */
#include "server.hpp"

#include <vector>

namespace {

struct session {
    uv_tcp_t socket;
    uv_write_t write;
    std::vector<char> in = std::vector<char>(4 * room_bytes);
    std::size_t have = 0;
    std::vector<char> unsent, sending;
};

void drop(session &s)
{
    if (uv_is_closing(handle_of(s.socket)) == 0)
        uv_close(handle_of(s.socket),
                 [](uv_handle_t *h) { delete static_cast<session *>(h->data); });
}

void alloc_cb(uv_handle_t *handle, std::size_t, uv_buf_t *buf)
{
    auto &s = *static_cast<session *>(handle->data);
    *buf = uv_buf_init(s.in.data() + s.have, static_cast<unsigned>(s.in.size() - s.have));
}

void send(session &s)
{
    if (!s.sending.empty() || s.unsent.empty())
        return;
    s.sending.swap(s.unsent);
    const auto all = uv_buf_init(s.sending.data(), static_cast<unsigned>(s.sending.size()));
    const auto written = [](uv_write_t *request, int failed) {
        auto &to = *static_cast<session *>(request->handle->data);
        to.sending.clear();
        failed != 0 ? drop(to) : send(to);
    };
    if (uv_write(&s.write, stream_of(s.socket), &all, 1, written) != 0)
        drop(s);
}

void read_cb(uv_stream_t *stream, ssize_t got, const uv_buf_t *)
{
    auto &s = *static_cast<session *>(stream->data);
    if (got < 0)
        return drop(s);
    s.have += static_cast<std::size_t>(got);
    const auto whole = whole_frames(s.in.data(), s.have);
    s.unsent.insert(s.unsent.end(), s.in.data(), s.in.data() + whole);
    s.have -= whole;
    std::memmove(s.in.data(), s.in.data() + whole, s.have);
    send(s);
    if (frame_bytes(s.in.data(), s.have) > s.in.size())
        drop(s); /* longer than this server accepts */
}

void on_connection(uv_stream_t *listener, int)
{
    auto *s = new session;
    uv_tcp_init(listener->loop, &s->socket);
    s->socket.data = s;
    if (uv_accept(listener, stream_of(s->socket)) != 0)
        return drop(*s);
    uv_tcp_nodelay(&s->socket, 1);
    uv_read_start(stream_of(s->socket), alloc_cb, read_cb);
}

void close_all(uv_signal_t *told, int)
{
    uv_walk(
        told->loop,
        [](uv_handle_t *each, void *) {
            each->data != nullptr ? drop(*static_cast<session *>(each->data))
                                  : uv_close(each, nullptr);
        },
        nullptr);
}

} // namespace

int run_plain(const options &with)
{
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_signal_t told[2];
    uv_loop_init(&loop);
    uv_tcp_init(&loop, &listener);
    listener.data = nullptr; /* no session */
    for (auto &each : told) {
        uv_signal_init(&loop, &each);
        each.data = nullptr;
        uv_signal_start(&each, close_all, &each == told ? SIGINT : SIGTERM);
    }
    listen_on(listener, with.port, on_connection);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
