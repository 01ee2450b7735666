/* SPDX-License-Identifier: MIT */
/* The interface between the host and its modules. A module exports one symbol, `plugin`. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <handoff/handoff.h>

#define PLUGIN_SYMBOL "plugin"

/* What a module works with; all of it outlives the module. */
struct plugin_host {
    ho_domain *domain;
    ho_service *requests; /* has several partitions: the next module starts before this one ends */
    ho_service *answers;  /* egress */
    ho_service *notices;  /* lines of text for the server's operator */
    ho_arena *memory;
};

struct plugin {
    uint32_t abi_minor; /* HO_ABI_MINOR of the module; must be the host's while the major is 0 */
    /* Opens the module's ends. If it fails, nothing of it stays open. */
    int32_t (*start)(const struct plugin_host *host, void **state);
    /* Runs on its own thread until it is told to stop or the service is closed, then closes the
     * ends. The next module takes what this one has not. */
    void (*work)(void *state);
    /* From another thread: work should return soon. */
    void (*stop)(void *state);
    /* After work has returned. HO_OK: all memory that the module gave is back and none of its code
     * runs, so it may be unloaded. HO_TIMEOUT: something is still outstanding, call it again. */
    int32_t (*end)(void *state, int64_t timeout_ns);
};

#endif
