/* SPDX-License-Identifier: MIT */
/*
 * One way of having objects (pools.h), in one scenario. Prints one JSON object. Scenarios in which nothing is measured of
 * which this way has nothing are not in its list.
 * usage: bench-pools-WAY SCENARIO [TIMES] | --list (TIMES: how long, default 10)
 */
#define _GNU_SOURCE
#include "pools/pools.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMES 10u
#define TIMES_MOST 1000u

const uint32_t sizes[TYPES] = {24, 40, 64, 96, 128, 160, 256, 320, 448, 512, 768, 1024};
const double mean_bytes = 320;

static const struct scenario {
    const char *name;
    void (*play)(struct json *json, const char *what, uint32_t times);
    const char *what;
    int listed;
} scenarios[] = {
    {"pair", one_thread, "pair", 1},
    {"lifo", one_thread, "lifo", 1},
    {"fifo", one_thread, "fifo", 1},
    {"random", one_thread, "random", 1},
    {"cross-fifo", cross, "fifo", 1},
    {"cross-random", cross, "random", 1},
    {"mixed", one_thread, "mixed", WAY_SIZES},
    {"mixed-cross", cross, "mixed", WAY_SIZES},
    {"raid", raid, "acquired", 1},
    {"raid-written", raid, "written", 1},
    {"prepared", prepared, "", 1},
    {"fragmentation-9", fragmentation, "9", 1},
    {"fragmentation-32", fragmentation, "32", 1},
    {"burst-6", burst, "6", 1},
    {"burst-33", burst, "33", 1},
    {"burst-survivors", burst, "survivors", 1},
    {"threads", threads, "", 1},
    {"processors", processors, "", WAY_TYPES},
    {"trim", trim, "", WAY_TYPES},
};
#define SCENARIOS (sizeof scenarios / sizeof *scenarios)

void must(int holds, const char *what)
{
    if (holds)
        return;
    tool_error("%s: the machine refuses what is measured here", what);
    _Exit(1);
}

uint32_t processors_count(void)
{
    cpu_set_t set;

    must(sched_getaffinity(0, sizeof set, &set) == 0, "no affinity");
    return (uint32_t)CPU_COUNT(&set);
}

void pin(uint32_t number)
{
    cpu_set_t all, one;
    size_t cpu = 0;

    must(sched_getaffinity(getpid(), sizeof all, &all) == 0, "no affinity");
    for (number %= (uint32_t)CPU_COUNT(&all); !CPU_ISSET(cpu, &all) || number--; cpu++)
        ;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    must(sched_setaffinity(0, sizeof one, &one) == 0, "no affinity");
}

uint64_t anonymous_bytes(void)
{
    static char text[4096];
    static const char key[] = "Anonymous:";
    const int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    size_t have = 0;

    for (ssize_t got; (got = read(fd, text + have, sizeof text - 1 - have)) > 0;)
        have += (size_t)got;
    close(fd);
    text[have] = 0;
    const char *found = strstr(text, key);
    must(found != NULL, "/proc/self/smaps_rollup has no Anonymous:");
    return strtoull(found + sizeof key - 1, NULL, 10) << 10;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double at_share(double *figures, uint64_t count, double share)
{
    qsort(figures, count, sizeof *figures, compare);
    return figures[(uint64_t)((double)(count - 1) * share)];
}

static int play(const struct scenario *scenario, uint32_t times)
{
    struct json *json = json_new();

    json_text(json, "scenario", scenario->name);
    scenario->play(json, scenario->what, times);
    return json_write(json, "-") == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t times = TIMES;

    tool_name(WAY_NAME);
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < SCENARIOS; i++)
            if (scenarios[i].listed)
                puts(scenarios[i].name);
        return 0;
    }
    if (argc == 3 && tool_number("TIMES", argv[2], 1, TIMES_MOST, &times) != 0)
        return 2;
    for (size_t i = 0; (argc == 2 || argc == 3) && i < SCENARIOS; i++)
        if (scenarios[i].listed && strcmp(argv[1], scenarios[i].name) == 0)
            return play(&scenarios[i], (uint32_t)times);
    tool_error("what to measure?: usage: " WAY_NAME
               " SCENARIO [TIMES], or --list for the scenarios");
    return 2;
}
