/* SPDX-License-Identifier: MIT */
/* The C++ side of the round trip: one thread sends requests, another checks the answers. */
#include <handoff/handoff.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#define PEER_API extern "C" __attribute__((visibility("default")))

namespace {

constexpr std::uint64_t keys = 8;

/* Longer than a string that lives inside its object, which would be copied. */
std::string text_of(std::uint64_t number)
{
    return "request " + std::to_string(number) + " of somebody who waits for an answer";
}

struct peer {
    handoff::arena arena;
    handoff::shard shard;
    handoff::producer out; /* over the shard */
    handoff::consumer in;
    handoff::owner<std::string> texts;
    std::thread sender, receiver;
    std::uint64_t count = 0;
    std::uint64_t right = 0;
    std::uint64_t next[keys] = {}; /* what each key is to bring next */
    std::atomic<bool> failed{false};

    /* Loans and given strings by turns. */
    std::error_code send_one(std::uint64_t number)
    {
        const handoff::route way{number % keys};
        std::string text = text_of(number);
        if (number % 2 == 1)
            return give(out, texts, std::move(text), way);
        auto loan = shard.reserve(text.size());
        if (!loan)
            return loan.error;
        text.copy(reinterpret_cast<char *>(loan->data()), text.size());
        loan->resize(text.size());
        return out.commit(std::move(*loan), way);
    }

    void send()
    {
        for (std::uint64_t number = 0; number < count && !failed;) {
            const auto error = send_one(number);
            if (!error)
                number++;
            else if (error == handoff::errc::full)
                std::this_thread::yield();
            else
                failed = true;
        }
    }

    void receive()
    {
        for (std::uint64_t seen = 0; seen < count && !failed;) {
            auto answer = in.take();
            if (answer.error == handoff::errc::empty) {
                failed = bool(in.wait(std::chrono::seconds(10)));
                continue;
            }
            if (!answer) {
                failed = true;
                continue;
            }
            seen++;
            const std::uint64_t key = answer->key();
            right += key < keys && answer->text() == text_of(next[key]) ? 1u : 0u;
            if (key < keys)
                next[key] += keys;
        }
    }
};

} // namespace

/* Opens both services, which become the caller's, and starts to send `count` requests. nullptr on
 * failure. The domain stays the caller's. */
PEER_API peer *peer_start(ho_domain *raw, std::uint64_t count, ho_service **requests,
                          ho_service **answers) noexcept
{
    handoff::domain domain(raw);
    handoff::service_options options;
    options.lane_slots = 64; /* so that lanes fill up */
    auto to = handoff::service::open(domain, options);
    auto from = handoff::service::open(domain, options);
    auto self = std::make_unique<peer>();
    self->arena = *handoff::arena::open(domain);
    self->shard = *handoff::shard::open(self->arena);
    self->out = *handoff::producer::open(*to, self->shard);
    self->in = *handoff::consumer::open(*from);
    self->texts = *handoff::owner<std::string>::open(domain);
    static_cast<void>(domain.release());
    if (!self->out || !self->in || !self->texts)
        return nullptr;
    *requests = to->release();
    *answers = from->release();
    for (std::uint64_t key = 0; key < keys; key++)
        self->next[key] = key;
    self->count = count;
    self->sender = std::thread(&peer::send, self.get());
    self->receiver = std::thread(&peer::receive, self.get());
    return self.release();
}

/* Waits for all answers and closes this side; how many came as they should. */
PEER_API std::uint64_t peer_finish(peer *raw) noexcept
{
    const std::unique_ptr<peer> self(raw);
    self->sender.join();
    self->receiver.join();
    return self->right;
}
