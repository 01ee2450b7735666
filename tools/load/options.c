/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/tool.h"

/* Descriptors a process needs besides its sessions' sockets. */
#define OTHER_FILES 64

static const char help[] =
    "usage: handoff-load --target [HOST:]PORT [options]\n"
    "Plays game sessions against a gateway and verifies every answer.\n"
    "  --target [HOST:]PORT       the gateway: an address or name, or [IPV6]:PORT (127.0.0.1)\n"
    "  --transport udp|tcp        (udp)\n"
    "  --sessions N               number of sessions (1000)\n"
    "  --sessions-per-socket N    sessions that share a socket (1)\n"
    "  --rate N                   messages per second, all sessions together (10000)\n"
    "  --seconds N                how long to send (10); the first half second is a warm-up,\n"
    "                             which is left out of the latencies only\n"
    "  --grace SECONDS            how long to wait for the last answers (2)\n"
    "  --processes N              at least what the limit of open files requires (that many)\n"
    "  --seed N                   the same seed sends the same messages (1)\n"
    "  --json FILE                write the figures to FILE as JSON; -: stdout\n"
    "  --progress                 a live line every second, even if stderr is not a terminal\n"
    "  -h, --help                 print this text\n"
    "  --version                  print the version\n"
    "Exits 0 if every message got its right answer, 1 if not, 2 if it could not run,\n"
    "or nobody listens.\n";

static const struct option names[] = {
    {"transport", required_argument, NULL, 't'},
    {"target", required_argument, NULL, 'a'},
    {"sessions", required_argument, NULL, 's'},
    {"sessions-per-socket", required_argument, NULL, 'k'},
    {"rate", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, 'd'},
    {"grace", required_argument, NULL, 'g'},
    {"processes", required_argument, NULL, 'p'},
    {"seed", required_argument, NULL, 'e'},
    {"json", required_argument, NULL, 'j'},
    {"progress", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static int count(const char *option, const char *text, uint64_t max, uint32_t *out)
{
    uint64_t number = 0;
    if (tool_number(option, text, 1, max, &number) != 0)
        return -1;
    *out = (uint32_t)number;
    return 0;
}

static int take(int letter, const char *text, struct load_options *options)
{
    static const char *const transports[] = {"udp", "tcp"};

    switch (letter) {
    case 't': return tool_word("--transport", text, transports, 2, &options->transport);
    case 'a': return tool_address("--target", text, &options->target);
    case 's': return count("--sessions", text, 1000000, &options->sessions);
    case 'k': return count("--sessions-per-socket", text, 1000000, &options->sessions_per_socket);
    case 'r': return tool_number("--rate", text, 1, 100000000, &options->rate);
    case 'd': return tool_number("--seconds", text, 1, 86400, &options->seconds);
    case 'g': return tool_number("--grace", text, 1, 3600, &options->grace_s);
    case 'p': return count("--processes", text, LOAD_PROCESSES_MAX, &options->processes);
    case 'e': return tool_number("--seed", text, 0, UINT64_MAX, &options->seed);
    case 'j': options->json = text; return 0;
    case 'l': options->progress = 1; return 0;
    case 'h': fputs(help, stdout); return 1;
    case 'v': puts("handoff-load " TOOL_VERSION); return 1;
    default: return -1;
    }
}

/* As many processes as the limit of open files requires, or as many as requested. */
static int fit_processes(struct load_options *options)
{
    uint64_t files = tool_raise_open_files();
    uint64_t sockets =
        (options->sessions + options->sessions_per_socket - 1) / options->sessions_per_socket;

    if (files <= OTHER_FILES) {
        tool_error("the limit of open files is only %llu: raise it (ulimit -n)",
                   (unsigned long long)files);
        return -1;
    }
    uint64_t needed = (sockets + files - OTHER_FILES - 1) / (files - OTHER_FILES);
    if (options->processes > sockets) {
        tool_error("--processes %u exceeds the number of sockets, %llu: ask for fewer",
                   options->processes, (unsigned long long)sockets);
        return -1;
    }
    if (needed > LOAD_PROCESSES_MAX) {
        tool_error("%llu sockets need more than %d processes at %llu open files each: raise the "
                   "limit (ulimit -n), or share sockets with --sessions-per-socket",
                   (unsigned long long)sockets, LOAD_PROCESSES_MAX, (unsigned long long)files);
        return -1;
    }
    if (options->processes < needed)
        options->processes = (uint32_t)needed;
    return 0;
}

int load_options_read(int argc, char **argv, struct load_options *options)
{
    *options = (struct load_options){.sessions = 1000,
                                     .sessions_per_socket = 1,
                                     .processes = 1,
                                     .rate = 10000,
                                     .seconds = 10,
                                     .grace_s = 2,
                                     .seed = 1,
                                     .progress = tool_is_terminal()};
    opterr = 0;
    for (;;) {
        int at = optind;
        int letter = getopt_long(argc, argv, ":h", names, NULL);
        if (letter == -1)
            break;
        if (letter == '?' || letter == ':') {
            tool_error(letter == ':' ? "'%s' needs a value: see --help"
                                     : "'%s' is not an option: see --help",
                       argv[at]);
            return -1;
        }
        int status = take(letter, optarg, options);
        if (status != 0)
            return status;
    }
    if (optind < argc) {
        tool_error("'%s' is not an option: see --help", argv[optind]);
        return -1;
    }
    if (options->target.port == 0) {
        tool_error("no target: give --target PORT or --target HOST:PORT");
        return -1;
    }
    options->may_overtake = options->transport == LOAD_UDP && !options->target.is_loopback;
    return fit_processes(options);
}
