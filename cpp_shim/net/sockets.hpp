/* SPDX-License-Identifier: MIT */
/* Opening sockets that child programs do not inherit, and sharing their ports. */
#ifndef HANDOFF_NET_SOCKETS_HPP
#define HANDOFF_NET_SOCKETS_HPP

#include "handoff/net.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

namespace handoff::net {

/* Opens a socket close-on-exec and non-blocking from the start, unlike Asio's own open. */
template <class Socket>
std::error_code open_socket(Socket &made, const typename Socket::protocol_type &of)
{
    const int fd = ::socket(of.family(), of.type() | SOCK_CLOEXEC | SOCK_NONBLOCK, of.protocol());
    if (fd < 0)
        return {errno, std::system_category()};
    std::error_code error;
    made.assign(of, fd, error);
    if (error)
        ::close(fd);
    return error;
}

/* From now on other sockets may bind to the same port, if they share it as well. */
template <class Socket> std::error_code share_port(Socket &of)
{
    const int on = 1;
    if (setsockopt(of.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0)
        return {};
    return {errno, std::system_category()};
}

} // namespace handoff::net

#endif
