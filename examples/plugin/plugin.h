/* SPDX-License-Identifier: MIT */
/* What the host and its modules agree on. A module exports one symbol, `plugin`. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <handoff/handoff.h>

#define PLUGIN_SYMBOL "plugin"

/* What a module works with; all of it outlives the module. */
struct plugin_host {
    ho_domain *domain;
    ho_service *
        requests; /* has several partitions, so that the next module can begin before this one ends */
    ho_service *answers; /* egress */
    ho_service *notices; /* lines of text for whoever runs the server */
    ho_arena *memory;
};

struct plugin {
    uint32_t
        abi_minor; /* HO_ABI_MINOR that the module was compiled with: while the major is 0 it must be the host's */
    /* Opens the module's ends. Not HO_OK: nothing is left of it. */
    int32_t (*start)(const struct plugin_host *host, void **state);
    /* Works on its own thread until it is told to stop or the service is closed. Closes the ends. What it has not taken is
     * the next module's. */
    void (*work)(void *state);
    /* From another thread: work is to return soon. */
    void (*stop)(void *state);
    /* After work has returned. HO_OK: all memory that the module gave is back and none of its code runs, so that it may be
     * unloaded. HO_TIMEOUT: something is still out, call it again. */
    int32_t (*end)(void *state, int64_t timeout_ns);
};

#endif
