/* SPDX-License-Identifier: MIT */
/* What the command line asks for. */
#ifndef HANDOFF_LOAD_OPTIONS_H
#define HANDOFF_LOAD_OPTIONS_H

#include <stdint.h>

#define LOAD_PROCESSES_MAX 64

enum load_transport { LOAD_UDP = 0, LOAD_TCP = 1 };

struct load_options {
    uint32_t transport;
    uint32_t target_address; /* host order */
    uint16_t target_port;
    uint32_t sessions;
    uint32_t sessions_per_socket;
    uint32_t processes;
    uint64_t rate; /* messages a second, all sessions together */
    uint64_t seconds;
    uint64_t seed;
    const char *json; /* NULL: none */
    int progress;     /* 1: a live line per second */
};

/* Returns 0; 1 if the help was asked for and printed; -1 after one line about what is wrong. */
int load_options_read(int argc, char **argv, struct load_options *options);

#endif
