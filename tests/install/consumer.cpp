/* SPDX-License-Identifier: MIT */
/* The same through the C++ shim. */
#include <handoff/bridge.hpp>
#include <handoff/handoff.hpp>

int main()
{
    auto domain = handoff::domain::create();
    auto service = handoff::service::open(*domain);
    auto arena = handoff::arena::open(*domain);
    auto shard = handoff::shard::open(*arena);
    auto producer = handoff::producer::open(*service, *shard);
    auto consumer = handoff::consumer::open(*service);
    auto loan = shard->reserve(1500);
    if (!loan)
        return 1;
    loan->room()[0] = 'h';
    loan->resize(1);
    if (producer->commit(std::move(*loan)) || consumer->wait(std::chrono::seconds(1)))
        return 1;
    auto got = consumer->take();
    const bool good = got && got->text() == "h" && !got->reset();
    producer->reset();
    shard->reset();
    consumer->reset();
    return good && !service->close({}) && !arena->close({}) && !domain->close({}) &&
                   !domain->destroy()
               ? 0
               : 1;
}
