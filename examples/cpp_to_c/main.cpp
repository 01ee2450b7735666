/* SPDX-License-Identifier: MIT */
/* The C++ side: hands what it receives to a C service without copying. */
#include "service.h"

#include <handoff/handoff.hpp>

#include <iostream>
#include <thread>

/* Stands in for recv: writes into the given room. */
static std::size_t receive(handoff::bytes room)
{
    return std::string_view("walks north").copy(reinterpret_cast<char *>(room.data()), room.size());
}

int main()
{
    /* README: begin */
    auto domain = *handoff::domain::create();
    auto arena = *handoff::arena::open(domain);
    auto game = *handoff::service::open(domain);
    auto memory = *handoff::shard::open(arena); // this thread's, for all that it sends
    auto out = *handoff::producer::open(game, memory);
    auto in = *handoff::consumer::open(game);
    auto texts = *handoff::owner<std::string>::open(domain);
    std::thread worker(serve, domain.raw(), in.raw()); // C: takes, reads in place, returns

    auto packet = *memory.reserve(1400); // receive straight into it,
    packet.resize(receive(packet.room()));
    std::error_code moved = out.commit(std::move(packet), {42}); // and hand it over

    std::string chat = "says that a string may be handed over where it is";
    std::error_code said = give(out, texts, std::move(chat), {42});

    game.close(std::chrono::nanoseconds(0)); // begins: what was sent is still taken
    worker.join();
    /* README: end */
    for (const auto &error : {moved, said})
        if (error)
            std::cerr << "cpp_to_c: " << error.message() << '\n';
    return moved || said ? 1 : 0;
}
