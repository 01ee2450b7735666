/* SPDX-License-Identifier: MIT */
/* The command line's options. */
#ifndef HANDOFF_LOAD_OPTIONS_H
#define HANDOFF_LOAD_OPTIONS_H

#include <stdint.h>

#include "common/tool.h"

#define LOAD_PROCESSES_MAX 64

enum load_transport { LOAD_UDP = 0, LOAD_TCP = 1 };

struct load_options {
    uint32_t transport;
    struct tool_endpoint target;
    int may_overtake; /* UDP over a network: messages may overtake each other */
    uint32_t sessions;
    uint32_t sessions_per_socket;
    uint32_t processes;
    uint64_t rate; /* messages per second, all sessions together */
    uint64_t seconds;
    uint64_t grace_s; /* how long the last answers may take */
    uint64_t seed;
    const char *json; /* NULL: none */
    int progress;     /* 1: a live line every second */
};

/* Returns 0; 1 if help or version was printed; -1 after one line about what is wrong. */
int load_options_read(int argc, char **argv, struct load_options *options);

#endif
