/* SPDX-License-Identifier: MIT */
/* A loaded module and its working thread. */
#ifndef PLUGIN_MODULE_HPP
#define PLUGIN_MODULE_HPP

#include "plugin.h"

#include <string>
#include <thread>

class module {
  public:
    /* Loads and starts it. On failure prints why, and serving() is false. */
    module(const char *path, const plugin_host &host);
    module(module &&from) noexcept;
    module &operator=(module &&) = delete;
    ~module(); /* leaves it loaded if anything of it is outstanding */

    bool serving() const { return thread_.joinable(); }
    const std::string &path() const { return path_; }

    /* It takes no more messages. What it has given may still be outstanding. */
    void stop();
    /* After stop: unloads it, if nothing of it is outstanding. */
    bool unload(std::int64_t timeout_ns);

  private:
    std::string path_;
    void *handle_ = nullptr;
    const struct plugin *plugin_ = nullptr;
    void *state_ = nullptr;
    std::thread thread_;
};

#endif
