/* SPDX-License-Identifier: MIT */
/* A client for the websocketpp server: numbered messages, alternating text and binary. Verifies
 * every byte of every answer, their types and their order. usage: websocketpp_client PORT
 * [connections N] [window N] [bytes N] [messages N] */
#include <asio.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <websocketpp/client.hpp>
#include <websocketpp/config/asio_no_tls_client.hpp>

namespace {

using client = websocketpp::client<websocketpp::config::asio_client>;
namespace opcode = websocketpp::frame::opcode;

std::uint64_t connections = 1, window = 1, bytes = 64, messages = 10000;
std::uint64_t answered;

struct peer {
    std::uint64_t number = 0, sent = 0, heard = 0;
};

opcode::value type_of(std::uint64_t message)
{
    return message % 2 == 0 ? opcode::text : opcode::binary;
}

/* Some are as short as their number, some four times as long as requested. */
std::string payload_of(const peer &p, std::uint64_t message)
{
    auto text = std::to_string(p.number) + ':' + std::to_string(message) + ':';
    const auto size = message % 16 == 5 ? 0 : message % 16 == 10 ? 4 * bytes : bytes;
    while (text.size() < size)
        text += static_cast<char>('a' + (text.size() + message) % 26);
    return text;
}

void fail(const char *what, const std::string &why)
{
    std::fprintf(stderr, "websocketpp_client: %s: %s\n", what, why.c_str());
    std::exit(1);
}

void say(const client::connection_ptr &to, peer &p)
{
    for (; p.sent < messages && p.sent - p.heard < window; ++p.sent)
        if (const auto error = to->send(payload_of(p, p.sent), type_of(p.sent)))
            fail("send", error.message());
    if (p.heard == messages)
        to->close(websocketpp::close::status::normal, "");
}

} // namespace

int main(int argc, char **argv)
{
    const char *const names[] = {"connections", "window", "bytes", "messages"};
    std::uint64_t *const values[] = {&connections, &window, &bytes, &messages};
    for (int i = 2; i + 1 < argc; i += 2)
        for (int n = 0; n < 4; ++n)
            if (std::strcmp(argv[i], names[n]) == 0)
                *values[n] = std::strtoull(argv[i + 1], nullptr, 10);
    if (argc < 2 || argc % 2 != 0 || window == 0)
        fail("usage", "websocketpp_client PORT [connections N] [window N] [bytes N] [messages N]");

    client c;
    std::deque<peer> peers;
    c.clear_access_channels(websocketpp::log::alevel::all);
    c.clear_error_channels(websocketpp::log::elevel::all);
    c.init_asio();
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < connections; ++i) {
        std::error_code error;
        auto to = c.get_connection("ws://127.0.0.1:" + std::string(argv[1]), error);
        if (error)
            fail("connect", error.message());
        peers.emplace_back();
        auto &p = peers.back();
        p.number = i;
        to->set_open_handler([&c, &p](auto h) {
            const auto self = c.get_con_from_hdl(h);
            self->get_raw_socket().set_option(asio::ip::tcp::no_delay(true));
            say(self, p);
        });
        to->set_message_handler([&c, &p](auto h, client::message_ptr what) {
            if (what->get_opcode() != type_of(p.heard) ||
                what->get_payload() != payload_of(p, p.heard))
                fail("a wrong answer", what->get_payload());
            ++p.heard;
            ++answered;
            say(c.get_con_from_hdl(h), p);
        });
        to->set_fail_handler(
            [&c](auto h) { fail("connect", c.get_con_from_hdl(h)->get_ec().message()); });
        c.connect(to);
    }
    c.run();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%ju answered, %ju lost: %.0f round trips per second\n", std::uintmax_t{answered},
                std::uintmax_t{connections * messages - answered},
                static_cast<double>(answered) / took.count());
    return answered == connections * messages ? 0 : 1;
}
