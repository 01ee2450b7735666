/* SPDX-License-Identifier: MIT */
/* A client for the gRPC server: numbered requests, `window` of them at once. Verifies every byte of
 * every answer; a call refused for want of room is repeated. See usage below. */
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>
#include <unistd.h>

namespace {

std::uint64_t window = 1, bytes = 64, messages = 1000;

struct call {
    std::uint64_t number;
    grpc::ClientContext context;
    grpc::ByteBuffer answer;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader;
};

/* Some are empty, and some eight times as long as requested. */
std::string payload_of(std::uint64_t number)
{
    auto text = std::to_string(number) + ':';
    const auto size = number % 16 == 5 ? 0 : number % 16 == 10 ? 8 * bytes : bytes;
    while (text.size() < size)
        text += static_cast<char>('a' + (text.size() + number) % 26);
    return size == 0 ? std::string() : text;
}

std::string text_of(grpc::ByteBuffer &what)
{
    grpc::Slice all;
    if (!what.Valid() || !what.DumpToSingleSlice(&all).ok())
        return {};
    return {reinterpret_cast<const char *>(all.begin()), all.size()};
}

void begin(grpc::GenericStub &stub, grpc::CompletionQueue &events, std::uint64_t number)
{
    const grpc::Slice request(payload_of(number));
    auto *c = new call;
    c->number = number;
    c->reader = stub.PrepareUnaryCall(&c->context, "/echo.Echo/Say", grpc::ByteBuffer(&request, 1),
                                      &events);
    c->reader->StartCall();
    c->reader->Finish(&c->answer, &c->status, c);
}

} // namespace

int main(int argc, char **argv)
{
    const char *const names[] = {"window", "bytes", "messages"};
    std::uint64_t *const values[] = {&window, &bytes, &messages};
    const bool vanish = argc > 2 && std::strcmp(argv[argc - 1], "vanish") == 0;
    for (int i = 2; i + 1 < argc; i += 2)
        for (int n = 0; n < 3; ++n)
            if (std::strcmp(argv[i], names[n]) == 0)
                *values[n] = std::strtoull(argv[i + 1], nullptr, 10);
    if (argc < 2 || window == 0) {
        std::fprintf(stderr, "usage: grpc_client PORT [window N] [bytes N] [messages N] [vanish]\n"
                             "  vanish  stop without notice after the first answer\n");
        return 2;
    }
    grpc::GenericStub stub(grpc::CreateChannel("127.0.0.1:" + std::string(argv[1]),
                                               grpc::InsecureChannelCredentials()));
    grpc::CompletionQueue events;
    std::uint64_t sent = 0, answered = 0, refused = 0;
    const auto start = std::chrono::steady_clock::now();
    while (sent < window && sent < messages)
        begin(stub, events, sent++);
    while (answered < messages) {
        void *tag;
        bool ok;
        if (!events.Next(&tag, &ok))
            return 1;
        const std::unique_ptr<call> c(static_cast<call *>(tag));
        if (c->status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
            ++refused;
            begin(stub, events, c->number);
            continue;
        }
        if (!c->status.ok() || text_of(c->answer) != payload_of(c->number)) {
            std::fprintf(stderr, "grpc_client: a wrong answer: %s\n",
                         c->status.error_message().c_str());
            return 1;
        }
        if (vanish)
            _exit(0);
        ++answered;
        if (sent < messages)
            begin(stub, events, sent++);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("%ju answered, %ju refused before: %.0f round trips per second\n",
                std::uintmax_t{answered}, std::uintmax_t{refused},
                static_cast<double>(answered) / took.count());
    return 0;
}
