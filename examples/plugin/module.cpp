/* SPDX-License-Identifier: MIT */
#include "module.hpp"

#include <dlfcn.h>
#include <iostream>
#include <utility>

module::module(const char *path, const plugin_host &host) :path_(path),
    handle_(dlopen(path, RTLD_NOW | RTLD_LOCAL))
{
    const char *why = handle_ == nullptr ? dlerror() : nullptr;
    if (why == nullptr)
        plugin_ = static_cast<const struct plugin *>(dlsym(handle_, PLUGIN_SYMBOL));
    if (why == nullptr && plugin_ == nullptr)
        why = "has no symbol " PLUGIN_SYMBOL;
    if (why == nullptr && plugin_->abi_minor != HO_ABI_MINOR)
        why = "was compiled for another version of handoff";
    if (why == nullptr && plugin_->start(&host, &state_) != HO_OK)
        why = "did not start";
    if (why == nullptr) {
        thread_ = std::thread(plugin_->work, state_);
        return;
    }
    std::cout << "not loaded: " << path_ << ": " << why << std::endl;
    if (handle_ != nullptr)
        dlclose(std::exchange(handle_, nullptr));
}

module::module(module &&from) noexcept :path_(std::move(from.path_)),
    handle_(std::exchange(from.handle_, nullptr)), plugin_(from.plugin_), state_(from.state_),
    thread_(std::move(from.thread_))
{
}

module::~module()
{
    stop();
}

void module::stop()
{
    if (!serving())
        return;
    plugin_->stop(state_);
    thread_.join(); /* blocks if it hangs: a thread can't be ended from outside */
}

bool module::unload(std::int64_t timeout_ns)
{
    if (handle_ == nullptr)
        return true;
    if (plugin_->end(state_, timeout_ns) != HO_OK)
        return false;
    dlclose(std::exchange(handle_, nullptr));
    return true;
}
