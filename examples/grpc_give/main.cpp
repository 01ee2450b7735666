/* SPDX-License-Identifier: MIT */
/* An echo server on gRPC, for any unary method: requests and answers are bytes (ByteBuffer). The
 * slice that gRPC received a request into is given to the C service; an answer is a slice over the
 * service's buffer. gRPC may be called on any thread, so workers answer directly: there is no
 * egress service, and no bridge. With plain 1 the receiving thread answers at once, without
 * handoff. */
#include "must.hpp"
#include "options.hpp"
#include "service.h"

#include <handoff/handoff.hpp>

#include <atomic>
#include <csignal>
#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <thread>
#include <vector>

namespace {

using handoff::errc;
using slice_ptr = std::unique_ptr<grpc::Slice>;

/* One call, from waiting for it to the end of its answer. Whoever has its request owns it. */
struct call {
    grpc::GenericServerContext context;
    grpc::GenericServerAsyncReaderWriter stream{&context};
    grpc::ByteBuffer request;
    enum { waits, reads, answers, refuses } state = waits;

    void refuse(grpc::StatusCode code, const std::string &why)
    {
        state = refuses;
        stream.Finish({code, why}, this);
    }
    void answer(const grpc::ByteBuffer &with)
    {
        state = answers;
        stream.WriteAndFinish(with, {}, grpc::Status::OK, this);
    }
};

ho_domain *home; /* where buffers return to, on whatever thread gRPC is done with them */

/* Called on the thread that did the work. The message itself is the answer, where gRPC received
 * it. */
void answer(ho_buf &message)
{
    auto *from = reinterpret_cast<call *>(message.value);
    auto *held =
        new handoff::buffer(handoff::buffer::adopt(home, std::exchange(message, ho_buf{})));
    const grpc::Slice bytes(
        held->data(), held->size(), [](void *sent) { delete static_cast<handoff::buffer *>(sent); },
        held);
    from->answer(grpc::ByteBuffer(&bytes, 1));
}

/* A worker: runs until the service is closed and empty. Slow messages are answered one by one. */
void work(handoff::consumer from, std::uint32_t work_us)
{
    static_cast<void>(serve(from, [work_us](handoff::span<ho_buf> messages) {
        for (auto &each : messages) {
            work_on(&each, 1, work_us);
            answer(each);
        }
    }));
}

/* The receiving thread, which owns all of this. */
class network {
  public:
    network(grpc::AsyncGenericService &calls, grpc::ServerCompletionQueue &events)
        : calls_(calls), events_(events)
    {
    }

    /* Helps: handles light messages itself. */
    void open(const handoff::domain &in, const handoff::service &to, const handoff::arena &memory,
              std::uint32_t work_us)
    {
        slices_ = must("owner", handoff::owner<slice_ptr>::open(in));
        memory_ = must("shard", handoff::shard::open(memory));
        to_service_ = must("producer", handoff::producer::open(to, memory_));
        mine_ = must("consumer", handoff::consumer::open(to));
        helper_ = must("helper", handoff::helper::open(mine_, to_service_));
        work_us_ = work_us;
    }

    /* Until the server is shut down (a null tag says so) and no call is left: calls that the
     * service still has are answered through this queue, even if their clients have gone. */
    void run()
    {
        void *tag;
        bool ok;
        bool stopping = false;
        wait_for_call();
        while ((!stopping || calls_here_ != 0) && events_.Next(&tag, &ok)) {
            do
                tag == nullptr ? void(stopping = true) : go_on(*static_cast<call *>(tag), ok);
            while (events_.AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_REALTIME)) ==
                   grpc::CompletionQueue::GOT_EVENT);
            help();
        }
        events_.Shutdown();
        while (events_.Next(&tag, &ok))
            continue;
    }

    std::uint64_t answered = 0, refused = 0, gone = 0;

  private:
    /* The library measures how long messages take in `run`, so answering comes afterwards. */
    void help()
    {
        static_cast<void>(helper_.run([this](handoff::span<ho_buf> messages) {
            work_on(messages.data(), static_cast<std::uint32_t>(messages.size()), work_us_);
            for (auto &each : messages)
                done_.push_back(std::exchange(each, ho_buf{}));
        }));
        for (auto &each : done_)
            answer(each);
        done_.clear();
    }

    void wait_for_call()
    {
        auto *next = new call;
        ++calls_here_;
        calls_.RequestCall(&next->context, &next->stream, &events_, &events_, next);
    }

    void go_on(call &c, bool ok)
    {
        if (c.state == call::waits && ok) {
            wait_for_call();
            c.state = call::reads;
            c.stream.Read(&c.request, &c);
        } else if (c.state == call::reads && ok) {
            receive(c);
        } else if (c.state == call::reads) {
            c.refuse(grpc::StatusCode::INVALID_ARGUMENT, "a call without a request");
        } else {
            answered += c.state == call::answers && ok;
            gone += c.state == call::answers && !ok; /* the client did not wait for its answer */
            delete &c;
            --calls_here_;
        }
    }

    void receive(call &c)
    {
        if (!to_service_)
            return c.answer(c.request);
        auto bytes = std::make_unique<grpc::Slice>();
        if (!c.request.TrySingleSlice(bytes.get()).ok() &&
            !c.request.DumpToSingleSlice(bytes.get()).ok()) /* copies: it came in several slices */
            return c.refuse(grpc::StatusCode::INTERNAL, "a request that can't be read");
        c.request.Clear();
        const auto key = reinterpret_cast<std::uintptr_t>(&c);
        const auto what = handoff::bytes_of(bytes->begin(), bytes->size());
        const auto error = give(to_service_, slices_, std::move(bytes), what,
                                {key, key, handoff::by_key, HO_MORE});
        if (!error)
            return;
        refused += error == errc::full;
        c.refuse(error == errc::full ? grpc::StatusCode::RESOURCE_EXHAUSTED
                                     : grpc::StatusCode::INTERNAL,
                 error.message());
    }

    grpc::AsyncGenericService &calls_;
    grpc::ServerCompletionQueue &events_;
    handoff::owner<slice_ptr> slices_;
    handoff::shard memory_;
    handoff::producer to_service_;
    handoff::consumer mine_;
    handoff::helper helper_;
    std::vector<ho_buf> done_; /* messages that this thread has worked on but not answered */
    std::uint32_t work_us_ = 0;
    std::uint64_t calls_here_ = 0;
};

} // namespace

int main(int argc, char **argv)
{
    const auto with = read_options(argc, argv);
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGINT);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr); /* before any thread starts */

    auto domain = must("domain", handoff::domain::create());
    home = domain.raw();
    handoff::service_options lanes;
    lanes.lane_slots = static_cast<std::uint32_t>(with.lane_slots);
    lanes.partitions = 16;
    auto requests = must("service", handoff::service::open(domain, lanes));
    auto memory = must("arena", handoff::arena::open(domain));
    const auto work_us = static_cast<std::uint32_t>(with.work_us);

    int port = 0;
    grpc::AsyncGenericService calls;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(with.port),
                             grpc::InsecureServerCredentials(), &port);
    builder.RegisterAsyncGenericService(&calls);
    const auto events = builder.AddCompletionQueue();
    const auto server = builder.BuildAndStart();
    if (!server)
        return 1; /* gRPC has reported why */

    auto here = std::make_unique<network>(calls, *events);
    std::vector<std::thread> workers;
    if (!with.plain) {
        here->open(domain, requests, memory, work_us);
        for (std::uint64_t i = 0; i < with.workers; ++i)
            workers.emplace_back(work, must("consumer", handoff::consumer::open(requests)),
                                 work_us);
    }
    std::thread receiving([&here] { here->run(); });
    std::printf("listening on 127.0.0.1:%d\n", port);
    std::fflush(stdout);

    int signal;
    sigwait(&term, &signal);
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
    grpc::Alarm told;
    told.Set(events.get(), std::chrono::system_clock::now(), nullptr);
    receiving.join();
    std::printf("answered %ju, for clients that had gone %ju, refused %ju\n",
                std::uintmax_t{here->answered}, std::uintmax_t{here->gone},
                std::uintmax_t{here->refused});
    here.reset();
    requests.close(std::chrono::nanoseconds(0)); /* starts closing: the workers end */
    for (auto &each : workers)
        each.join();
    auto error = domain.close(std::chrono::seconds(5));
    if (!error)
        error = domain.destroy();
    if (error)
        std::fprintf(stderr, "left over: %s\n", error.message().c_str());
    return error ? 1 : 0;
}
