/* SPDX-License-Identifier: MIT */
/* An echo server on libuv: server.cpp with handoff, plain.cpp without. */
#include "server.hpp"

#include <csignal>

void listen_on(uv_tcp_t &listener, std::uint64_t port, uv_connection_cb on_connection)
{
    sockaddr_in address{};
    int length = sizeof address;
    int error = uv_ip4_addr("127.0.0.1", static_cast<int>(port), &address);
    if (error == 0)
        error = uv_tcp_bind(&listener, reinterpret_cast<sockaddr *>(&address), 0);
    if (error == 0)
        error = uv_listen(stream_of(listener), 128, on_connection);
    if (error == 0)
        error = uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr *>(&address), &length);
    if (error != 0) {
        std::fprintf(stderr, "libuv_loan: port %ju: %s\n", std::uintmax_t{port},
                     uv_strerror(error));
        std::exit(1);
    }
    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
}

int main(int argc, char **argv)
{
    std::signal(SIGPIPE, SIG_IGN); /* libuv reports closed peers as errors */
    const auto with = read_options(argc, argv);
    return with.plain ? run_plain(with) : run_server(with);
}
