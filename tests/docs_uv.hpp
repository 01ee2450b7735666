/* SPDX-License-Identifier: MIT */
/* The libuv code of docs/receiving.md: each piece between two marks appears there word for word
 * (check_docs.py), and runs in test_bridge_uv.cpp. */
#ifndef HANDOFF_TESTS_DOCS_UV_HPP
#define HANDOFF_TESTS_DOCS_UV_HPP

#include <handoff/bridge.hpp>
#include <handoff/handoff.hpp>

#include <algorithm>
#include <memory>
#include <uv.h>
#include <vector>

namespace docs::on_uv {

using handoff::errc;

/* snippet: uv_read */
struct session {
    handoff::bridge<session> *bridge;
    handoff::producer *game; /* over the bridge's memory */
    uv_tcp_t socket;         /* its data is this session */
    std::uint64_t id = 0;
    handoff::loan room; /* what libuv reads into; while it is paused, what was refused */
};

inline uv_stream_t *stream_of(session &s)
{
    return reinterpret_cast<uv_stream_t *>(&s.socket);
}

inline void alloc_cb(uv_handle_t *handle, std::size_t suggested, uv_buf_t *buf)
{
    auto &s = *static_cast<session *>(handle->data);
    s.room = *s.bridge->memory().reserve(std::min<std::size_t>(suggested, 2048));
    *buf = uv_buf_init(reinterpret_cast<char *>(s.room.data()), /* refused: empty */
                       static_cast<unsigned>(s.room.capacity()));
}

/* Without uv_read_stop libuv would call back at once, again and again, until there is room. */
inline void read_no_more(session &s)
{
    uv_read_stop(stream_of(s));
    s.bridge->pause(s.id);
}

inline void read_cb(uv_stream_t *stream, ssize_t got, const uv_buf_t *)
{
    auto &s = *static_cast<session *>(stream->data);
    if (got == UV_ENOBUFS) /* alloc_cb had nothing to read into */
        return read_no_more(s);
    if (got < 0)
        return uv_close(reinterpret_cast<uv_handle_t *>(stream), nullptr); /* and bridge.remove */
    s.room.resize(static_cast<std::size_t>(got));
    if (got != 0 && s.game->commit(std::move(s.room), {s.id, s.id}) == errc::full)
        read_no_more(s);
}

/* In bridge.resume. */
inline void read_again(session &s)
{
    if (s.room && s.game->commit(std::move(s.room), {s.id, s.id}) == errc::full)
        s.bridge->pause(s.id);
    else
        uv_read_start(stream_of(s), alloc_cb, read_cb);
}
/* snippet end */

/* snippet: uv_write */
struct write {
    uv_write_t request;
    std::vector<handoff::buffer> answers; /* until libuv has written them */
};

/* In bridge.drain: one write for all answers of a connection. */
inline void send_run(session &s, handoff::span<ho_buf> answers)
{
    auto what = std::make_unique<write>();
    std::vector<uv_buf_t> parts;
    for (auto &each : answers) {
        parts.push_back(
            uv_buf_init(reinterpret_cast<char *>(each.ptr), static_cast<unsigned>(each.len)));
        what->answers.push_back(handoff::buffer::adopt(s.game->domain(), each));
        each = {};
    }
    what->request.data = what.get();
    const auto written = [](uv_write_t *request, int) {
        delete static_cast<write *>(request->data);
    };
    const auto count = static_cast<unsigned>(parts.size());
    if (uv_write(&what->request, stream_of(s), parts.data(), count, written) == 0)
        static_cast<void>(what.release());
}

/* Once: uv_poll_init(loop, &ready, *bridge.fd()), and ready.data = &bridge; drain; then
 * uv_poll_start(&ready, UV_READABLE, on_ready). */
inline void on_ready(uv_poll_t *ready, int, int)
{
    auto &bridge = *static_cast<handoff::bridge<session> *>(ready->data);
    if (bridge.drain(send_run).error == errc::closed)
        uv_poll_stop(ready);
    bridge.resume(read_again);
}
/* snippet end */

} // namespace docs::on_uv

#endif
