/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLE_SERVER_HPP
#define EXAMPLE_SERVER_HPP

#include "options.hpp"

#include <cstring>
#include <uv.h>

/* A frame is a 4-byte little-endian length and a payload. */
constexpr std::size_t header_bytes = 4;
/* Size of one read, if the kernel has that much. */
constexpr std::size_t room_bytes = 16384;
/* With less room than this, the next read gets a new one. */
constexpr std::size_t read_least = 1024;
/* A peer that leaves this many answers unread is not read either. */
constexpr std::size_t unsent_most = 64;

template <class Handle> uv_handle_t *handle_of(Handle &of)
{
    return reinterpret_cast<uv_handle_t *>(&of);
}
template <class Handle> uv_stream_t *stream_of(Handle &of)
{
    return reinterpret_cast<uv_stream_t *>(&of);
}

/* Size of the first frame with its length; only the size of the length while that is incomplete. */
inline std::size_t frame_bytes(const void *received, std::size_t have)
{
    std::uint32_t payload = 0;
    if (have >= header_bytes)
        std::memcpy(&payload, received, header_bytes);
    return header_bytes + payload;
}

/* Total size of the complete frames at the front. */
inline std::size_t whole_frames(const void *received, std::size_t have)
{
    const auto *at = static_cast<const char *>(received);
    std::size_t whole = 0;
    for (auto next = frame_bytes(at, have); next <= have - whole;
         next = frame_bytes(at + whole, have - whole))
        whole += next;
    return whole;
}

/* Binds to the loopback address and prints it. Exits on failure. */
void listen_on(uv_tcp_t &listener, std::uint64_t port, uv_connection_cb on_connection);

/* Both serve until SIGINT or SIGTERM. They return the exit status. */
int run_server(const options &with);
int run_plain(const options &with);

#endif
