/* SPDX-License-Identifier: MIT */
/* A server whose service is a module that can be replaced while it runs. The next module starts
 * before the last one ends, so no message waits. The last one is unloaded when all the memory that
 * it gave has come back, wherever it went.
 *
 * usage: plugin_host PORT MODULE...   PORT 0: any free one
 *   SIGHUP   replaces the module by the next in the list; after the last comes the first
 *   SIGUSR1  prints the modules' notices; until then they stay in the modules' memory
 *   SIGTERM, SIGINT  answers what was received, and stops */
#include "module.hpp"

#include <handoff/handoff.hpp>
#include <handoff/net.hpp>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <vector>

namespace net = handoff::net;

namespace {

void must(std::error_code error, const char *what)
{
    if (!error)
        return;
    std::cerr << "plugin_host: " << what << ": " << error.message() << '\n';
    std::exit(1);
}

template <class T> T must(handoff::result<T> opened, const char *what)
{
    must(opened.error, what);
    return *std::move(opened);
}

/* The serving module, and former ones whose memory is still outstanding. */
class modules {
  public:
    modules(const plugin_host &host, char **paths, int count)
        : host_(host), paths_(paths, paths + count)
    {
    }

    bool replace()
    {
        module next(paths_[at_++ % paths_.size()], host_);
        if (!next.serving())
            return false; /* the current one continues */
        std::cout << "serving: " << next.path() << std::endl;
        stop();
        serving_.push_back(std::move(next));
        return true;
    }

    void stop()
    {
        for (auto &last : serving_) {
            last.stop();
            std::cout << "replaced: " << last.path() << std::endl;
            retired_.push_back(std::move(last));
        }
        serving_.clear();
    }

    /* False: some have memory outstanding. */
    bool unload(std::int64_t timeout_ns)
    {
        std::vector<module> left;
        for (auto &each : retired_) {
            if (each.unload(timeout_ns))
                std::cout << "unloaded: " << each.path() << std::endl;
            else
                left.push_back(std::move(each));
        }
        retired_.swap(left);
        return retired_.empty();
    }

  private:
    plugin_host host_;
    std::vector<const char *> paths_;
    std::size_t at_ = 0;
    std::vector<module> serving_; /* one, or none */
    std::vector<module> retired_;
};

} // namespace

int main(int argc, char **argv)
{
    if (argc < 3) {
        std::cerr << "usage: plugin_host PORT MODULE...\n";
        return 2;
    }
    sigset_t signals;
    sigemptyset(&signals);
    for (const int each : {SIGHUP, SIGUSR1, SIGINT, SIGTERM})
        sigaddset(&signals, each);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr); /* in all threads: main waits for them below */

    handoff::service_options shared;
    shared.partitions = 16;
    handoff::service_options bound;
    bound.consumers = HO_CONSUMERS_BOUND;
    bound.policy = HO_POLICY_WAIT;
    bound.wait_ns = 1000000000;
    auto domain = must(handoff::domain::create(), "domain");
    auto requests = must(handoff::service::open(domain, shared), "service");
    auto egress = must(handoff::service::open(domain, bound), "egress");
    auto notices = must(handoff::service::open(domain), "notices");
    auto received = must(handoff::arena::open(domain), "arena");
    auto memory = must(handoff::arena::open(domain), "arena");
    auto from_modules = must(handoff::consumer::open(notices), "consumer");
    std::vector<handoff::buffer> unread; /* notices, in the modules' memory */

    modules all({domain.raw(), requests.raw(), egress.raw(), notices.raw(), memory.raw()}, argv + 2,
                argc - 2);
    if (!all.replace())
        return 1;
    net::options with;
    with.kind = net::transport::tcp;
    with.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    with.routing = [](handoff::const_bytes, std::uint64_t connection) {
        return net::route{0, connection};
    };
    net::entrypoint entry;
    must(entry.start(with,
                     net::services{domain.raw(), received.raw(), egress.raw(), {requests.raw()}}),
         "entrypoint");
    std::cout << "listening on " << with.address << ':' << entry.port_number() << std::endl;

    const timespec tick{0, 20000000};
    for (int signal = 0; signal != SIGTERM && signal != SIGINT;) {
        signal = sigtimedwait(&signals, nullptr, &tick);
        if (signal == SIGHUP)
            all.replace();
        while (auto notice = from_modules.take())
            unread.push_back(std::move(*notice));
        if (signal == SIGUSR1) {
            for (const auto &each : unread)
                std::cout << "notice: " << each.text() << std::endl;
            unread.clear(); /* returns them */
        }
        all.unload(0);
    }

    const auto stopped =
        entry.stop(std::chrono::seconds(5)); /* the module still answers meanwhile */
    all.stop();
    unread.clear();
    from_modules.reset();
    for (auto *each : {&notices, &egress})
        each->close(std::chrono::seconds(5)); /* releases what nobody took */
    const bool unloaded = all.unload(5000000000);
    const auto left = domain.close(std::chrono::seconds(5));
    for (const auto &error : {stopped, left})
        if (error)
            std::cerr << "plugin_host: stopped, but: " << error.message() << '\n';
    return stopped || left || !unloaded ? 1 : 0;
}
